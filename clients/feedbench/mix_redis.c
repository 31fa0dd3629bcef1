/* The workloads of mix.h as an application does them by itself on Redis: timelines are sorted sets of ids, pushed to when
 * somebody posts, as in Mastodon (app/lib/feed_manager.rb) and Stream-Framework; bodies are strings, profiles sorted sets,
 * who follows whom plain sets. What can be sent together is sent together.
 *
 * Wherever these differ, the cheaper way is taken: ids are made by the application and cost Redis nothing, names are numbers,
 * timelines are trimmed now and then, and what a follow brings is added by one command. Like feedd, and like Mastodon's
 * jobs, it acknowledges a post before it is in all timelines; a connection of their own carries the pushes. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "mix.h"
#include "mix_commands.h"

#define FIRST_ID (UINT64_C(1) << 47)
#define ID_STEP 64
#define TRIM_EVERY 100  /* Stream-Framework trims with a chance of one in a hundred; Mastodon, each time */
#define BODY_MORE 60    /* a body is a text with a url, an author and a time, as feedd's */
#define PATIENCE_NS (30 * NS_PER_S)

struct mix_by_hand {
    struct mix mix;
    uint64_t last_id;
    struct wire worker;   /* pushes to timelines */
    uint64_t pushes;
    uint64_t unanswered;  /* commands of the worker */
    uint8_t body[400];
};

static void add_body(struct drive *drive, struct buffer *out, uint64_t id)
{
    const struct mix_by_hand *state = drive->state;

    resp_begin(out, 3);
    WORD(out, "SET");
    mix_add_key(out, "post:", id);
    resp_word(out, state->body, drive->run->shape->payload_bytes + BODY_MORE);
}

/* ---------------------------------------------------------------------------------------------------- before a round */

/* One ZADD of ids under themselves. */
static int fill_set(struct drive *drive, const char *kind, uint32_t owner, const uint64_t *ids, size_t count)
{
    struct buffer *out = &drive->seed.link.out;

    resp_begin(out, (unsigned)(2 + 2 * count));
    WORD(out, "ZADD");
    mix_add_key(out, kind, owner);
    for (size_t i = 0; i < count; i++) {
        resp_number(out, ids[i]);
        resp_number(out, ids[i]);
    }
    return seed_sent(&drive->seed);
}

static int fill_user(struct drive *drive, uint32_t user, uint64_t *ids)
{
    struct mix *mix = drive->state;
    const struct network *network = &mix->plan.network;
    struct buffer *out = &drive->seed.link.out;
    int r = fill_set(drive, "home:", user, ids, mix_first_timeline(drive, user, ids));

    for (size_t i = 0; r == 0 && i < MIX_POSTS_EACH; i++) {
        ids[i] = mix->first_ids[i * network->people + user];
        add_body(drive, out, ids[i]);
        r = seed_sent(&drive->seed);
    }
    if (r == 0)
        r = fill_set(drive, "profile:", user, ids, MIX_POSTS_EACH);
    for (size_t i = network->first[user]; r == 0 && i < network->first[user + 1]; i++) {
        mix_add_member(out, "SADD", "following:", user, network->subjects[i]);
        r = seed_sent(&drive->seed);
        mix_add_member(out, "SADD", "followers:", network->subjects[i], user);
        if (r == 0)
            r = seed_sent(&drive->seed);
    }
    return r;
}

static size_t on_reply(struct wire *wire, const uint8_t *data, size_t bytes);
static size_t on_pushed(struct wire *wire, const uint8_t *data, size_t bytes);

/* By TCP, as clients come to feedd. */
static int fill(struct drive *drive)
{
    struct wire_address address = {NULL, drive->server.redis_address.port};
    uint64_t *ids = calloc(drive->run->shape->prefill + MIX_POSTS_EACH, sizeof(*ids));
    struct mix_by_hand *state = drive->state;
    int r = mix_open(drive, &address, on_reply);

    memset(state->body, 'x', sizeof(state->body));
    state->worker = (struct wire){.fd = -1, .owner = drive, .on_input = on_pushed};
    if (r == 0)
        r = wire_open(&drive->wires, &state->worker, &address, false);
    if (r == 0 && !ids)
        r = -ENOMEM;
    state->last_id = FIRST_ID;
    for (size_t i = 0; r == 0 && i < (size_t)drive->run->shape->sources * MIX_POSTS_EACH; i++)
        state->mix.first_ids[i] = state->last_id += ID_STEP;
    for (uint32_t i = 0; r == 0 && i < drive->run->shape->sources; i++)
        r = fill_user(drive, i, ids);
    free(ids);
    return r;
}

static void finish(struct drive *drive)
{
    struct mix_by_hand *state = drive->state;

    if (state->worker.on_input)
        wire_close(&state->worker);
    mix_close(drive);
}

/* --------------------------------------------------------------------------------------------------------- the worker */

static void push(struct mix_by_hand *state, uint64_t id, uint64_t user)
{
    struct buffer *out = &state->worker.out;

    resp_begin(out, 4);
    WORD(out, "ZADD");
    mix_add_key(out, "home:", user);
    resp_number(out, id);
    resp_number(out, id);
    state->unanswered++;
    if (++state->pushes % TRIM_EVERY == 0) {
        mix_add_trim(out, "home:", user, MIX_CAP);
        state->unanswered++;
    }
}

/* To the timelines of an author, and of the followers, who are a list of numbers. */
static void push_to_all(struct drive *drive, const struct mix_client *client, const uint8_t *reply, size_t bytes)
{
    struct mix_by_hand *state = drive->state;
    struct resp_item item;
    size_t at = resp_item(reply, bytes, &item);

    push(state, client->id, client->operation.user);
    for (int64_t left = item.number; left > 0; left--) {
        at += resp_item(reply + at, bytes - at, &item);
        push(state, client->id, mix_number(&item));
    }
}

static size_t on_pushed(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct drive *drive = wire->owner;
    struct resp_item item;
    size_t done = 0;
    size_t taken;

    while ((taken = resp_item(data + done, bytes - done, &item)) > 0) {
        if (item.type != ':')
            audit_void(&drive->audit, "Redis answered a push with %.*s", (int)(item.number & 63), (const char *)item.text);
        ((struct mix_by_hand *)drive->state)->unanswered--;
        done += taken;
    }
    return done;
}

/* What one turn's posts have to push goes out together. */
static void flush_worker(struct drive *drive)
{
    wire_flush(&drive->wires, &((struct mix_by_hand *)drive->state)->worker);
}

static void settle(struct drive *drive)
{
    const struct mix_by_hand *state = drive->state;
    uint64_t deadline = clock_ns() + PATIENCE_NS;

    while (state->unanswered > 0) {
        if (clock_ns() > deadline || drive->wires.error != 0)
            return audit_void(&drive->audit, "Redis does not come to an end with the pushes");
        flush_worker(drive);
        wires_turn(&drive->wires, clock_ns() + NS_PER_MS);
    }
    mix_settled(drive);
}

/* --------------------------------------------------------------------------------------------------------- operations */

/* The first commands of an operation. Returns how many. The last one's answer leads on. */
static unsigned add_first_step(struct drive *drive, struct mix_client *client)
{
    struct mix_by_hand *state = drive->state;
    const struct mix_operation *operation = &client->operation;
    struct buffer *out = &client->wire.out;
    bool follows = operation->kind == MIX_FOLLOW;

    switch (operation->kind) {
    case MIX_POST:
        client->id = state->last_id += ID_STEP;
        add_body(drive, out, client->id);
        resp_begin(out, 4);
        WORD(out, "ZADD");
        mix_add_key(out, "profile:", operation->user);
        resp_number(out, client->id);
        resp_number(out, client->id);
        resp_begin(out, 2);
        WORD(out, "SMEMBERS");
        mix_add_key(out, "followers:", operation->user);
        return 3;
    case MIX_FOLLOW:
    case MIX_UNFOLLOW:
        mix_add_member(out, follows ? "SADD" : "SREM", "following:", operation->user, operation->other);
        mix_add_member(out, follows ? "SADD" : "SREM", "followers:", operation->other, operation->user);
        if (follows)
            mix_add_newest(out, "profile:", operation->other, MIX_BACKFILL);
        else
            mix_add_range(out, "ZRANGE", "home:", operation->user, "0", "0");
        return 3;
    case MIX_JOIN:
        resp_begin(out, 4);
        WORD(out, "HSET");
        mix_add_key(out, "user:", operation->user);
        WORD(out, "name");
        resp_number(out, operation->user);
        mix_add_newest(out, "home:", operation->user, operation->page);
        return 2;
    default:
        mix_add_newest(out, operation->kind == MIX_PROFILE ? "profile:" : "home:", operation->user, operation->page);
        return 1;
    }
}

static bool begin(struct drive *drive)
{
    struct mix_client *client = mix_begin(drive);

    if (!client)
        return false;
    client->step = 0;
    client->awaited = add_first_step(drive, client);
    wire_flush(&drive->wires, &client->wire);
    return true;
}

static void check_bodies(struct drive *drive, const uint8_t *reply, size_t bytes)
{
    struct resp_item item;
    size_t at = resp_item(reply, bytes, &item);
    int64_t left = item.number;

    for (; left > 0; left--) {
        at += resp_item(reply + at, bytes - at, &item);
        if (item.number != drive->run->shape->payload_bytes + BODY_MORE)
            return audit_void(&drive->audit, "a body is missing");
    }
}

/* A page of ids, whose bodies are asked for. Returns how many commands go out. */
static unsigned take_page(struct drive *drive, struct mix_client *client, int64_t count, const uint8_t *reply, size_t bytes)
{
    int64_t expected = client->operation.kind == MIX_JOIN ? 0 : client->operation.page;

    if (count != expected)
        audit_void(&drive->audit, "a page of user %" PRIu32 " has %" PRId64 " posts instead of %" PRId64, client->operation.user,
                   count, expected);
    if (count <= 0)
        return 0;
    mix_add_bodies(&client->wire.out, reply, bytes);
    return 1;
}

/* The last answer of a step: adds the next one's commands. Returns how many; 0: the operation is done. */
static unsigned go_on(struct drive *drive, struct mix_client *client, const uint8_t *reply, size_t bytes)
{
    const struct mix_operation *operation = &client->operation;
    struct buffer *out = &client->wire.out;
    unsigned step = client->step++;
    struct resp_item head, oldest;
    size_t at = resp_item(reply, bytes, &head);

    if (operation->kind == MIX_POST) {
        mix_note_post(drive, operation->user, client->id);
        push_to_all(drive, client, reply, bytes);
        return 0;
    }
    if (operation->kind != MIX_FOLLOW && operation->kind != MIX_UNFOLLOW) {
        if (step == 0)
            return take_page(drive, client, head.number, reply, bytes);
        check_bodies(drive, reply, bytes);
        return 0;
    }
    if (head.type != '*' || head.number <= 0)
        return 0;
    if (operation->kind == MIX_FOLLOW) {
        mix_add_about_list(out, "ZADD", "home:", operation->user, true, reply, bytes);
    } else if (step == 0) {
        /* As Mastodon does: nothing older than the timeline need be taken out of it. */
        char from[24];

        resp_item(reply + at, bytes - at, &oldest);
        snprintf(from, sizeof(from), "%" PRIu64, mix_number(&oldest));
        mix_add_range(out, "ZRANGEBYSCORE", "profile:", operation->other, from, "+inf");
    } else {
        mix_add_about_list(out, "ZREM", "home:", operation->user, false, reply, bytes);
    }
    return 1;
}

static size_t on_reply(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct drive *drive = wire->owner;
    struct mix_client *client = &((struct mix *)drive->state)->clients[wire->index];
    size_t done = 0;
    size_t taken;

    while ((taken = resp_reply_bytes(data + done, bytes - done)) > 0) {
        if (data[done] == '-')
            audit_void(&drive->audit, "Redis answered %.*s", (int)(taken > 80 ? 80 : taken - 2), (const char *)data + done);
        if (client->awaited > 0 && --client->awaited == 0) {
            client->awaited = go_on(drive, client, data + done, taken);
            if (client->awaited == 0)
                mix_end(drive, client);
        }
        done += taken;
    }
    wire_flush(&drive->wires, wire);
    return done;
}

/* ----------------------------------------------------------------------------------------------------- after a round */

static void ask_followers(struct buffer *out, uint32_t author)
{
    resp_begin(out, 2);
    WORD(out, "SMEMBERS");
    mix_add_key(out, "followers:", author);
}

static void ask_timeline(struct buffer *out, uint32_t user, uint64_t id)
{
    mix_add_member(out, "ZSCORE", "home:", user, id);
    mix_add_range(out, "ZRANGE", "home:", user, "0", "0");
}

static bool excuses(const uint8_t *reply, size_t bytes, uint64_t id)
{
    struct resp_item item;
    size_t at = resp_item(reply, bytes, &item);

    return item.type == '*' && item.number == 1 && resp_item(reply + at, bytes - at, &item) > 0 && mix_number(&item) > id;
}

static void verify(struct drive *drive)
{
    static const struct mix_evidence evidence = {ask_followers, ask_timeline, excuses};

    mix_verify(drive, &evidence);
}

const struct drive_work mix_redis = {
    .beside = true, .state_bytes = sizeof(struct mix_by_hand), .fill = fill, .reset = mix_reset, .issue = begin,
    .on_input = drive_count_replies, .turn = flush_worker, .settle = settle, .verify = verify, .finish = finish,
    .tell = mix_tell,
};
