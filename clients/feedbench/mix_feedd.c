/* The workloads of mix.h through feedd: one request for each operation. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "feed_wire.h"
#include "mix.h"

#define HELLO_ID 1
#define REQUEST_ID 2 /* of every operation: one is under way on each connection */
#define PATIENCE_NS (30 * NS_PER_S)

struct mix_through_feedd {
    struct mix mix;
    uint64_t filled; /* posts made at first, and acknowledged */
    uint8_t text[300];
};

/* --------------------------------------------------------------------------------------------------- before a round */

static void add_post(struct drive *drive, struct buffer *out, uint32_t request_id, uint32_t user)
{
    const struct mix_through_feedd *state = drive->state;
    char name[MIX_NAME_BYTES];

    mix_name(user, name);
    feed_add_share(out, request_id, name, (struct feed_text){state->text, drive->run->shape->payload_bytes});
}

/* The driver's own connection makes the posts that stand there at first. */
static size_t on_filled(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct drive *drive = wire->owner;
    struct mix_through_feedd *state = drive->state;
    uint64_t all = (uint64_t)drive->run->shape->sources * MIX_POSTS_EACH;
    struct feed_frame frame;
    size_t done = 0;
    size_t taken;

    while ((taken = feed_next_frame(data + done, bytes - done, &frame)) > 0) {
        struct feed_field id = {0};

        done += taken;
        if (frame.body != FEED_SHARE)
            continue;
        if (feed_find_field(frame.message, 1, &id) && frame.request_id - REQUEST_ID < all)
            state->mix.first_ids[frame.request_id - REQUEST_ID] = id.value;
        state->filled++;
    }
    return done;
}

static int fill_posts(struct drive *drive)
{
    struct mix_through_feedd *state = drive->state;
    uint32_t people = drive->run->shape->sources;

    for (uint32_t turn = 0; turn < MIX_POSTS_EACH; turn++) {
        uint64_t deadline = clock_ns() + PATIENCE_NS;

        for (uint32_t i = 0; i < people; i++)
            add_post(drive, drive->out, REQUEST_ID + turn * people + i, i);
        while (state->filled < (uint64_t)(turn + 1) * people && drive->wires.error == 0 && clock_ns() < deadline) {
            wire_flush(&drive->wires, &drive->wire);
            wires_turn(&drive->wires, clock_ns() + NS_PER_MS);
        }
    }
    for (size_t i = 1; i < (size_t)people * MIX_POSTS_EACH; i++)
        if (state->mix.first_ids[i] <= state->mix.first_ids[i - 1])
            return -ETIMEDOUT; /* refused, or out of the order in which timelines are written below */
    return 0;
}

static int fill_network(struct drive *drive)
{
    const struct network *network = &((struct mix *)drive->state)->plan.network;
    uint64_t *ids = calloc(drive->run->shape->prefill, sizeof(*ids));
    int r = ids ? 0 : -ENOMEM;

    for (uint32_t i = 0; r == 0 && i < network->people; i++) {
        char reader[MIX_NAME_BYTES];

        mix_name(i, reader);
        for (size_t j = network->first[i]; r == 0 && j < network->first[i + 1]; j++) {
            char subject[MIX_NAME_BYTES];

            mix_name(network->subjects[j], subject);
            r = seed_follow(&drive->seed, reader, subject);
        }
        if (r == 0)
            r = seed_timeline(&drive->seed, reader, ids, mix_first_timeline(drive, i, ids));
    }
    free(ids);
    return r;
}

static void settle(struct drive *drive)
{
    drive_await_fanout(drive);
    mix_settled(drive);
}

static size_t on_reply(struct wire *wire, const uint8_t *data, size_t bytes);

/* The posts come before the follows: so they are pushed to nobody, and stand in the timelines that are written. */
static int fill(struct drive *drive)
{
    struct mix_through_feedd *state = drive->state;
    int r = mix_open(drive, &drive->server.address, on_reply);

    memset(state->text, 'x', sizeof(state->text));
    for (uint32_t i = 0; r == 0 && i < drive->run->shape->window; i++) {
        feed_add_hello(&state->mix.clients[i].wire.out, HELLO_ID);
        wire_flush(&drive->wires, &state->mix.clients[i].wire);
    }
    if (r == 0)
        r = fill_posts(drive);
    settle(drive);
    return r == 0 ? fill_network(drive) : r;
}

/* ------------------------------------------------------------------------------------------------------- operations */

static bool begin(struct drive *drive)
{
    struct mix_client *client = mix_begin(drive);
    char user[MIX_NAME_BYTES], other[MIX_NAME_BYTES];
    struct buffer *out;

    if (!client)
        return false;
    out = &client->wire.out;
    mix_name(client->operation.user, user);
    switch (client->operation.kind) {
    case MIX_POST:
        add_post(drive, out, REQUEST_ID, client->operation.user);
        break;
    case MIX_FOLLOW:
    case MIX_UNFOLLOW:
        mix_name(client->operation.other, other);
        feed_add_follow(out, REQUEST_ID, client->operation.kind == MIX_FOLLOW ? FEED_FOLLOW : FEED_UNFOLLOW, user, other);
        break;
    default: /* who joins looks at a timeline that does not exist yet */
        feed_add_read(out, REQUEST_ID, client->operation.kind == MIX_PROFILE ? FEED_PROFILE : FEED_TIMELINE, user,
                      client->operation.page);
    }
    wire_flush(&drive->wires, &client->wire);
    return true;
}

static void check_page(struct drive *drive, const struct mix_client *client, struct feed_text page)
{
    uint32_t expected = client->operation.kind == MIX_JOIN ? 0 : client->operation.page;
    uint64_t last = UINT64_MAX;
    uint32_t shares = 0;
    struct feed_field field, id;

    while (feed_next_field(&page, &field))
        if (field.number == 1 && feed_find_field(field.text, 1, &id) && id.value < last) {
            last = id.value;
            shares++;
        }
    if (shares != expected)
        audit_void(&drive->audit, "a page of user %" PRIu32 " has %" PRIu32 " shares in order instead of %" PRIu32,
                   client->operation.user, shares, expected);
}

/* The reply that a request is answered with has the same number. */
static uint32_t body_of(uint8_t kind)
{
    static const uint32_t bodies[] = {
        [MIX_HOME] = FEED_TIMELINE, [MIX_PROFILE] = FEED_PROFILE,   [MIX_POST] = FEED_SHARE,
        [MIX_FOLLOW] = FEED_FOLLOW, [MIX_UNFOLLOW] = FEED_UNFOLLOW, [MIX_JOIN] = FEED_TIMELINE,
    };

    return bodies[kind];
}

static void take_reply(struct drive *drive, struct mix_client *client, const struct feed_frame *frame)
{
    struct feed_field first = {0};

    if (frame->body != body_of(client->operation.kind)) {
        feed_find_field(frame->message, 1, &first);
        audit_void(&drive->audit, "feedd answered request %" PRIu32 " with frame %" PRIu32 ", code %" PRIu64,
                   body_of(client->operation.kind), frame->body, first.value);
    } else if (frame->body == FEED_TIMELINE || frame->body == FEED_PROFILE) {
        check_page(drive, client, frame->message);
    } else if (frame->body == FEED_SHARE && feed_find_field(frame->message, 1, &first)) {
        mix_note_post(drive, client->operation.user, first.value);
    }
    mix_end(drive, client);
}

static size_t on_reply(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct drive *drive = wire->owner;
    struct mix *mix = drive->state;
    struct feed_frame frame;
    size_t done = 0;
    size_t taken;

    while ((taken = feed_next_frame(data + done, bytes - done, &frame)) > 0) {
        done += taken;
        if (frame.body != FEED_HELLO)
            take_reply(drive, &mix->clients[wire->index], &frame);
    }
    return done;
}

/* ----------------------------------------------------------------------------------------------------- after a round */

static void ask_followers(struct buffer *out, uint32_t author)
{
    char key[64];

    snprintf(key, sizeof(key), "followers:{0}:user%" PRIu32, author);
    resp_command(out, "ZRANGE", key, "0", "-1", NULL);
}

static void ask_timeline(struct buffer *out, uint32_t user, uint64_t id)
{
    char key[64], member[24];

    snprintf(key, sizeof(key), "timeline:{0}:user%" PRIu32, user);
    snprintf(member, sizeof(member), "%" PRIu64, id);
    resp_command(out, "LPOS", key, member, NULL);
    resp_command(out, "LINDEX", key, "-1", NULL);
}

/* The header comes last in the list: "0" vouches for everything, "-f" for what is above f; a list that is being built vouches
 * for nothing yet, and none is built when it is read. */
static bool excuses(const uint8_t *reply, size_t bytes, uint64_t id)
{
    struct resp_item item;

    if (resp_item(reply, bytes, &item) == 0 || item.type != '$')
        return false;
    if (item.number <= 0 || item.text[0] == 'B')
        return true;
    return item.text[0] == '-' && strtoull((const char *)item.text + 1, NULL, 10) >= id;
}

static void verify(struct drive *drive)
{
    static const struct mix_evidence evidence = {ask_followers, ask_timeline, excuses};

    mix_verify(drive, &evidence);
}

const struct drive_work mix_feedd = {
    .feedd = true, .beside = true, .state_bytes = sizeof(struct mix_through_feedd), .fill = fill, .reset = mix_reset,
    .issue = begin, .on_input = on_filled, .settle = settle, .verify = verify, .finish = mix_close, .tell = mix_tell,
};
