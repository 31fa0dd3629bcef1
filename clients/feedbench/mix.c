#include "mix.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"

#define DRAWN_PER_MS 100 /* operations drawn ahead of a round: more than a server manages */
#define SAMPLE 64        /* posts that are looked for */
#define LOOKS 32         /* timelines in which each is */

void mix_name(uint32_t user, char ret_name[MIX_NAME_BYTES])
{
    snprintf(ret_name, MIX_NAME_BYTES, "user%" PRIu32, user);
}

/* ---------------------------------------------------------------------------------------------------- before a round */

int mix_open(struct drive *drive, const struct wire_address *address,
             size_t (*on_input)(struct wire *wire, const uint8_t *data, size_t bytes))
{
    const struct shape *shape = drive->run->shape;
    struct mix *mix = drive->state;
    int r = mix_plan_init(&mix->plan, (enum mix_workload)shape->variant, shape->sources, shape->heard);

    mix->clients = calloc(shape->window, sizeof(*mix->clients));
    mix->idle = calloc(shape->window, sizeof(*mix->idle));
    mix->first_ids = calloc((size_t)shape->sources * MIX_POSTS_EACH, sizeof(*mix->first_ids));
    if (r == 0 && (!mix->clients || !mix->idle || !mix->first_ids))
        r = -ENOMEM;
    for (uint32_t i = 0; mix->clients && i < shape->window; i++) {
        mix->clients[i].wire = (struct wire){.fd = -1, .index = i, .owner = drive, .on_input = on_input};
        if (r == 0)
            r = wire_open(&drive->wires, &mix->clients[i].wire, address, false);
        if (r == 0)
            mix->idle[mix->idle_count++] = i;
    }
    return r;
}

void mix_close(struct drive *drive)
{
    struct mix *mix = drive->state;

    for (uint32_t i = 0; mix->clients && i < drive->run->shape->window; i++)
        wire_close(&mix->clients[i].wire);
    free(mix->clients);
    free(mix->idle);
    free(mix->first_ids);
    mix_plan_done(&mix->plan);
}

/* Everybody posts by turns, in the order of their numbers: so the newest of the last turn is that of the highest number. */
size_t mix_first_timeline(const struct drive *drive, uint32_t user, uint64_t *ret_ids)
{
    const struct mix *mix = drive->state;
    const struct network *network = &mix->plan.network;
    size_t count = 0;

    for (size_t turn = MIX_POSTS_EACH; turn > 0; turn--) {
        const uint64_t *ids = mix->first_ids + (turn - 1) * network->people;
        size_t own = 1; /* one's own posts are still to come */

        for (size_t i = network->first[user + 1] + own; i > network->first[user]; i--) {
            bool is_own = own == 1 && (i - 1 == network->first[user] || network->subjects[i - 2] < user);
            uint32_t author = is_own ? user : network->subjects[i - 1 - own];

            own -= is_own;
            if (count < drive->run->shape->prefill)
                ret_ids[count++] = ids[author];
        }
    }
    return count;
}

int mix_reset(struct drive *drive)
{
    const struct settings *settings = drive->run->settings;
    struct mix *mix = drive->state;

    mix->measuring = false;
    mix->posted = 0;
    return mix_plan_ahead(&mix->plan, (size_t)(settings->warm_up_ms + settings->measure_ms) * DRAWN_PER_MS);
}

/* -------------------------------------------------------------------------------------------------------- operations */

struct mix_client *mix_begin(struct drive *drive)
{
    struct mix *mix = drive->state;
    struct mix_client *client;

    if (mix->idle_count == 0)
        return NULL;
    client = &mix->clients[mix->idle[mix->idle_count - 1]];
    if (mix_plan_next(&mix->plan, &client->operation) < 0) {
        audit_void(&drive->audit, "memory ended");
        return NULL;
    }
    mix->idle_count--;
    client->busy = true;
    client->begun_ns = clock_ns();
    return client;
}

static enum mix_family family_of(uint8_t kind)
{
    if (kind == MIX_FOLLOW || kind == MIX_UNFOLLOW)
        return MIX_FOLLOWS;
    return kind == MIX_POST ? MIX_POSTS : MIX_READS;
}

void mix_end(struct drive *drive, struct mix_client *client)
{
    struct mix *mix = drive->state;

    if (!client->busy)
        return audit_void(&drive->audit, "an answer came that nobody waits for");
    client->busy = false;
    mix->idle[mix->idle_count++] = client->wire.index;
    drive->completed++;
    drive->done++;
    if (mix->measuring) {
        uint64_t took_ns = drive->wires.now_ns - client->begun_ns;

        histogram_add(&mix->latencies[MIX_ALL], took_ns);
        histogram_add(&mix->latencies[family_of(client->operation.kind)], took_ns);
    }
}

void mix_note_post(struct drive *drive, uint32_t author, uint64_t id)
{
    struct mix *mix = drive->state;

    mix->recent[mix->posted++ % MIX_RECENT_POSTS] = (struct mix_post){author, id};
}

/* ----------------------------------------------------------------------------------------------------- after a round */

void mix_settled(struct drive *drive)
{
    struct mix *mix = drive->state;

    for (int i = 0; !mix->measuring && i < MIX_FAMILIES; i++)
        histogram_clear(&mix->latencies[i]);
    mix->measuring = true;
}

void mix_tell(struct drive *drive, struct round *round)
{
    static const enum metric metrics[MIX_FAMILIES][2] = {
        [MIX_ALL] = {METRIC_P50_US, METRIC_P99_US},
        [MIX_READS] = {METRIC_READ_P50_US, METRIC_READ_P99_US},
        [MIX_POSTS] = {METRIC_POST_P50_US, METRIC_POST_P99_US},
        [MIX_FOLLOWS] = {METRIC_FOLLOW_P50_US, METRIC_FOLLOW_P99_US},
    };
    const struct mix *mix = drive->state;

    for (int i = 0; i < MIX_FAMILIES; i++)
        if (mix->latencies[i].total > 0) {
            round->values[metrics[i][0]] = (double)histogram_at(&mix->latencies[i], 0.5) / 1e3;
            round->values[metrics[i][1]] = (double)histogram_at(&mix->latencies[i], 0.99) / 1e3;
        }
    round->values[METRIC_MAX_US] = (double)mix->latencies[MIX_ALL].highest_ns / 1e3;
    round->values[METRIC_SAMPLES] = (double)mix->latencies[MIX_ALL].total;
    round->values[METRIC_PER_ANY_CPU_S] =
        round->values[METRIC_OPERATIONS] / (round->values[METRIC_CPU_S] + round->values[METRIC_GENERATOR_CPU_S]);
}

/* What is being looked at. */
struct look {
    struct drive *drive;
    const struct mix_evidence *evidence;
    struct mix_post post;
    uint32_t *users; /* in whose timelines it must be */
    size_t count;
    size_t replies;
    bool is_there;
};

/* Followers are "user" with a number, or the number. */
static void take_followers(void *context, const uint8_t *reply, size_t bytes)
{
    struct look *look = context;
    struct resp_item item;
    size_t at = resp_item(reply, bytes, &item);
    size_t count = item.type == '*' && item.number > 0 ? (size_t)item.number : 0;
    size_t stride = count / LOOKS + 1;

    for (size_t i = 0; i < count; i++) {
        uint32_t user = 0;

        at += resp_item(reply + at, bytes - at, &item);
        for (int64_t j = 0; j < item.number; j++)
            if (item.text[j] >= '0' && item.text[j] <= '9')
                user = user * 10 + (uint32_t)(item.text[j] - '0');
        if (i % stride == 0)
            look->users[look->count++] = user;
    }
}

static void take_look(void *context, const uint8_t *reply, size_t bytes)
{
    struct look *look = context;
    uint32_t user = look->users[look->replies / 2];
    struct resp_item item;

    if (look->replies++ % 2 == 0) {
        look->is_there = resp_item(reply, bytes, &item) > 0 && item.number >= 0;
        return;
    }
    if (!look->is_there && !look->evidence->excuses(reply, bytes, look->post.id))
        audit_void(&look->drive->audit, "post %" PRIu64 " of user %" PRIu32 " is not in the timeline of user %" PRIu32,
                   look->post.id, look->post.author, user);
}

static int look_for(struct look *look)
{
    struct resp_link *link = &look->drive->seed.link;
    int r;

    look->users[0] = look->post.author;
    look->count = 1;
    look->replies = 0;
    look->evidence->ask_followers(&link->out, look->post.author);
    r = resp_exchange(link, 1, take_followers, look);
    for (size_t i = 0; i < look->count; i++)
        look->evidence->ask_timeline(&link->out, look->users[i], look->post.id);
    return r < 0 ? r : resp_exchange(link, 2 * look->count, take_look, look);
}

/* Whoever began to follow after a post got it with the latest ones of its author, unless it is none of these any more. */
static bool is_among_latest(const struct mix *mix, uint64_t number)
{
    uint32_t author = mix->recent[number % MIX_RECENT_POSTS].author;
    unsigned later = 0;

    for (uint64_t i = number + 1; i < mix->posted; i++)
        later += mix->recent[i % MIX_RECENT_POSTS].author == author;
    return later < MIX_BACKFILL;
}

void mix_verify(struct drive *drive, const struct mix_evidence *evidence)
{
    const struct mix *mix = drive->state;
    uint32_t users[LOOKS + 2];
    struct look look = {.drive = drive, .evidence = evidence, .users = users};
    uint64_t first = mix->posted > MIX_RECENT_POSTS ? mix->posted - MIX_RECENT_POSTS : 0;
    uint64_t stride = (mix->posted - first) / SAMPLE + 1;

    for (uint64_t i = first; i < mix->posted; i += stride) {
        if (!is_among_latest(mix, i))
            continue;
        look.post = mix->recent[i % MIX_RECENT_POSTS];
        if (drive->run->settings->drop > 0)
            look.post.id++; /* which nobody made */
        if (look_for(&look) < 0)
            return audit_void(&drive->audit, "Redis does not answer");
    }
}
