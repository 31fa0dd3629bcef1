#include "beside.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "beside_samples.h"
#include "clock.h"
#include "fanout.h"
#include "feed_wire.h"
#include "live.h"

#define LOOK_NS (NS_PER_MS / 2)      /* between two looks at Redis while a small share is under way: three LLEN */
#define LOOK_RARELY_NS (5 * NS_PER_MS)
#define PATIENCE_NS (60 * NS_PER_S)
#define SUBSCRIPTION 2

/* ----------------------------------------------------------------------------------------------------------- prepare */

static int fill_timelines(struct drive *drive)
{
    const struct beside *beside = drive->state;
    const struct shape *shape = drive->run->shape;
    uint32_t online_each = shape->connections / shape->sources;
    uint64_t *ids = calloc(shape->prefill + 1, sizeof(*ids));
    int r = ids ? 0 : -ENOMEM;

    for (uint32_t i = 0; ids && i < shape->prefill; i++)
        ids[i] = (uint64_t)(shape->prefill - i) << 13;
    for (uint32_t author = 0; author < shape->sources + beside->loaded; author++) {
        uint32_t followers = author < shape->sources ? shape->followers : shape->beside;
        char name[LIVE_NAME_BYTES];

        live_author_name(author, name);
        for (uint32_t i = 0; r == 0 && i < followers; i++) {
            char reader[LIVE_NAME_BYTES];

            live_reader_name(beside_timeline_of(drive, author, i), reader);
            r = seed_timeline(&drive->seed, reader, ids, shape->prefill);
            if (r == 0 && author < shape->sources && i < online_each)
                r = seed_follow(&drive->seed, reader, name);
            else if (r == 0)
                r = seed_follower(&drive->seed, reader, name);
        }
    }
    free(ids);
    return r < 0 ? r : seed_flush(&drive->seed);
}

/* Receiver r hears author r modulo `sources`: the first followers of each. */
static int connect_online(struct drive *drive)
{
    struct beside *beside = drive->state;
    const struct shape *shape = drive->run->shape;
    uint64_t deadline = clock_ns() + PATIENCE_NS;

    for (uint32_t i = 0; i < shape->connections; i++) {
        struct wire *wire = &beside->online[i];
        char reader[LIVE_NAME_BYTES];
        int r;

        *wire = (struct wire){.fd = -1, .index = i, .owner = drive, .on_input = beside_on_online};
        r = wire_open(&drive->wires, wire, &drive->server.address, false);
        if (r < 0)
            return r;
        live_reader_name(beside_timeline_of(drive, i % shape->sources, i / shape->sources), reader);
        feed_add_hello(&wire->out, 1);
        feed_add_subscribe(&wire->out, SUBSCRIPTION, true, reader, (struct feed_text){NULL, 0});
        wire_flush(&drive->wires, wire);
    }
    while (beside->ready < shape->connections && drive->wires.error == 0 && clock_ns() < deadline)
        wires_turn(&drive->wires, clock_ns() + 10 * NS_PER_MS);
    return beside->ready == shape->connections ? 0 : -ETIMEDOUT;
}

static int fill_unloaded(struct drive *drive)
{
    struct beside *beside = drive->state;
    const struct shape *shape = drive->run->shape;
    int r;

    memset(beside->title, 'x', sizeof(beside->title));
    beside->big_length = shape->prefill + 1;
    beside->look = (struct wire){.fd = -1, .owner = drive, .on_input = beside_on_look};
    beside->online = calloc(shape->connections, sizeof(*beside->online));
    beside->lengths = calloc(shape->sources, sizeof(*beside->lengths));
    beside->look_replies = calloc(shape->followers + 3, sizeof(*beside->look_replies));
    if (!beside->online || !beside->lengths || !beside->look_replies)
        return -ENOMEM;
    for (uint32_t i = 0; i < shape->connections; i++)
        beside->online[i].fd = -1;
    r = audit_init(&drive->audit, shape->connections, shape->sources, 1, 1);
    if (r == 0)
        r = wire_open(&drive->wires, &beside->look, &drive->server.redis_address, false);
    if (r == 0)
        r = fill_timelines(drive);
    return r < 0 ? r : connect_online(drive);
}

static int fill_loaded(struct drive *drive)
{
    ((struct beside *)drive->state)->loaded = true;
    return fill_unloaded(drive);
}

static void finish(struct drive *drive)
{
    struct beside *beside = drive->state;

    for (uint32_t i = 0; beside->online && i < drive->run->shape->connections; i++)
        wire_close(&beside->online[i]);
    if (beside->online)
        wire_close(&beside->look);
    audit_done(&drive->audit);
    free(beside->online);
    free(beside->lengths);
    free(beside->look_replies);
}

/* ---------------------------------------------------------------------------------------------------------- a round */

static bool is_well(const struct drive *drive)
{
    return !drive->audit.voided[0] && drive->wires.error == 0;
}

static void turn(struct drive *drive)
{
    struct beside *beside = drive->state;
    uint64_t now = clock_ns();
    uint64_t next;

    for (; beside->sharing && beside->next_ns <= now; beside->next_ns += NS_PER_S / drive->run->shape->rate_per_s)
        beside_share_small(drive, beside->next_ns);
    if (beside->sharing && beside->loaded && beside->big == BIG_NONE)
        beside_share_big(drive);
    wire_flush(&drive->wires, &drive->wire);
    next = beside->looked_ns + (beside_is_pending(drive) ? LOOK_NS : LOOK_RARELY_NS);
    if (beside->looking == LOOK_NONE && next <= now)
        beside_look(drive, LOOK_AROUND);
    if (beside->looking != LOOK_NONE)
        next = now + LOOK_RARELY_NS;
    if (beside->sharing && beside->next_ns < next)
        next = beside->next_ns;
    wires_turn(&drive->wires, next);
}

/* The timelines of the small shares as they were, so that none comes to its cap. */
static void reset(struct drive *drive)
{
    struct beside *beside = drive->state;
    const struct shape *shape = drive->run->shape;
    char first[24];
    int r = 0;

    snprintf(first, sizeof(first), "-%" PRIu32, shape->prefill + 1);
    for (uint32_t author = 0; author < shape->sources; author++) {
        beside->lengths[author] = shape->prefill + 1;
        for (uint32_t i = 0; r == 0 && i < shape->followers; i++) {
            char key[64];

            snprintf(key, sizeof(key), "timeline:{0}:reader%" PRIu32, beside_timeline_of(drive, author, i));
            resp_command(&drive->seed.link.out, "LTRIM", key, first, "-1", NULL);
            r = seed_sent(&drive->seed);
        }
    }
    if (r < 0 || seed_flush(&drive->seed) < 0)
        audit_void(&drive->audit, "Redis could not be made as before");
}

/* Ends what is under way. */
static void drain(struct drive *drive)
{
    struct beside *beside = drive->state;
    uint64_t deadline = clock_ns() + PATIENCE_NS;
    const struct audit *audit = &drive->audit;

    beside->sharing = false;
    while (is_well(drive) && clock_ns() < deadline &&
           (beside_is_pending(drive) || beside->big != BIG_NONE || beside->acknowledged < beside->asked ||
            audit->delivered < audit->expected))
        turn(drive);
    while (is_well(drive) && clock_ns() < deadline && !resp_group_is_idle(&drive->seed.link, "log:{0}"))
        wires_turn(&drive->wires, clock_ns() + 10 * NS_PER_MS);
    if (drive->wires.error != 0)
        audit_void(&drive->audit, "a connection was lost: %s", strerror(-drive->wires.error));
    if (audit->delivered < audit->expected)
        audit_void(&drive->audit, "%" PRIu64 " deliveries were lost", audit->expected - audit->delivered);
    if (clock_ns() >= deadline)
        audit_void(&drive->audit, "pushes were not done");
}

/* Every push has arrived, and none twice. */
static void verify(struct drive *drive)
{
    const struct beside *beside = drive->state;
    const struct shape *shape = drive->run->shape;

    for (uint32_t author = 0; author < shape->sources; author++)
        fanout_check_lengths(drive, beside_timeline_of(drive, author, 0), shape->followers, beside->lengths[author]);
    if (beside->loaded)
        fanout_check_lengths(drive, beside_timeline_of(drive, shape->sources, 0), shape->beside, beside->big_length);
}

static void tell(const struct beside *beside, struct round *round)
{
    round->values[METRIC_SAMPLES] = (double)beside->delivered.total;
    round->values[METRIC_P50_US] = (double)histogram_at(&beside->delivered, 0.5) / 1e3;
    round->values[METRIC_P99_US] = (double)histogram_at(&beside->delivered, 0.99) / 1e3;
    round->values[METRIC_MAX_US] = (double)beside->delivered.highest_ns / 1e3;
    round->values[METRIC_LISTED_P50_US] = (double)histogram_at(&beside->listed, 0.5) / 1e3;
    round->values[METRIC_LISTED_P99_US] = (double)histogram_at(&beside->listed, 0.99) / 1e3;
    round->values[METRIC_LISTED_MAX_US] = (double)beside->listed.highest_ns / 1e3;
}

void beside_round(struct run *run, struct round *ret_round)
{
    struct drive *drive = run->state;
    struct beside *beside = drive->state;
    const struct settings *settings = run->settings;
    struct drive_mark start, end;
    uint64_t begin = clock_ns();

    reset(drive);
    beside->sharing = true;
    beside->timed = false;
    beside->next_ns = clock_ns();
    drive->audit.drop = settings->drop;
    while (is_well(drive) && clock_ns() < begin + settings->warm_up_ms * NS_PER_MS)
        turn(drive);
    histogram_clear(&beside->delivered);
    histogram_clear(&beside->listed);
    beside->timed = true;
    start = drive_take_mark(drive);
    while (is_well(drive) && clock_ns() < start.wall_ns + PATIENCE_NS &&
           (clock_ns() < start.wall_ns + settings->measure_ms * NS_PER_MS || beside->delivered.total < run->shape->samples))
        turn(drive);
    end = drive_take_mark(drive);
    drain(drive);
    if (beside->delivered.total < run->shape->samples)
        audit_void(&drive->audit, "there are %" PRIu64 " samples, too few", beside->delivered.total);
    if (is_well(drive))
        verify(drive);
    drive_tell(&start, &end, ret_round);
    tell(beside, ret_round);
    snprintf(ret_round->voided, sizeof(ret_round->voided), "%s", drive->audit.voided);
}

const struct drive_work beside_feedd = {
    .feedd = true, .state_bytes = sizeof(struct beside), .fill = fill_loaded, .on_input = beside_on_share_reply,
    .finish = finish,
};
const struct drive_work beside_unloaded = {
    .feedd = true, .state_bytes = sizeof(struct beside), .fill = fill_unloaded, .on_input = beside_on_share_reply,
    .finish = finish,
};
