#include "timelines.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "feed_wire.h"
#include "live.h"

#define AUTHOR "author0"
#define BATCH 500
#define PUSH_PATIENCE_NS (100 * NS_PER_S)
#define SETTLE_NS (100 * NS_PER_MS)
#define EPOCH_S 1767225600 /* of ids: 2026-01-01 */
#define SHARES_APART_MS 60000
/* What a key takes in the table of all keys: a pointer, and the table is up to half empty. It is not given back with the
 * key, so it is added. */
#define PLACE_BYTES 16

struct timelines {
    uint64_t used; /* what MEMORY USAGE says, summed up */
    uint32_t keys; /* looked at */
};

static void timeline_key(uint32_t number, char ret_key[64])
{
    snprintf(ret_key, 64, "timeline:{0}:reader%" PRIu32, number);
}

/* ---------------------------------------------------------------------------------------------------------- feedd */

static int fill_empty(struct drive *drive)
{
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < drive->run->shape->connections; i++) {
        char reader[LIVE_NAME_BYTES];

        live_reader_name(i, reader);
        r = seed_follower(&drive->seed, reader, AUTHOR);
        if (r == 0)
            r = seed_timeline(&drive->seed, reader, NULL, 0);
    }
    return r;
}

static size_t on_share_reply(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct drive *drive = wire->owner;
    struct feed_frame frame;
    size_t done = 0;
    size_t taken;

    while ((taken = feed_next_frame(data + done, bytes - done, &frame)) > 0) {
        done += taken;
        drive->completed += frame.body == FEED_SHARE;
        if (frame.body != FEED_SHARE && frame.body != FEED_HELLO)
            audit_void(&drive->audit, "feedd answered a share with frame %" PRIu32, frame.body);
    }
    return done;
}

/* As many shares as a timeline is to hold, all pushed when this returns. */
static void share_all(struct drive *drive)
{
    const struct shape *shape = drive->run->shape;
    uint64_t deadline = clock_ns() + PUSH_PATIENCE_NS;
    bool pushed = false;

    while (!pushed && !drive->audit.voided[0] && drive->wires.error == 0 && clock_ns() < deadline) {
        for (; drive->issued < shape->prefill && drive->issued - drive->completed < shape->window; drive->issued++)
            feed_add_share(drive->out, (uint32_t)(2 + drive->issued), AUTHOR, (struct feed_text){NULL, 0});
        wire_flush(&drive->wires, &drive->wire);
        wires_turn(&drive->wires, clock_ns() + 10 * NS_PER_MS);
        pushed = drive->completed == shape->prefill && resp_group_is_idle(&drive->seed.link, "log:{0}");
    }
    if (!pushed)
        audit_void(&drive->audit, "the shares were not pushed");
}

/* ------------------------------------------------------------------------------------------------------ sorted sets */

/* Ids as feedd makes them, of the minutes until now. */
static void write_sorted(struct drive *drive)
{
    const struct shape *shape = drive->run->shape;
    struct buffer *out = &drive->seed.link.out;
    uint64_t now_ms = (uint64_t)(time(NULL) - EPOCH_S) * 1000;
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < shape->connections; i++) {
        char key[64];

        timeline_key(i, key);
        resp_begin(out, 2 + 2 * shape->prefill);
        resp_text(out, "ZADD");
        resp_text(out, key);
        for (uint32_t j = shape->prefill; j > 0; j--) {
            uint64_t id = (now_ms - (uint64_t)j * SHARES_APART_MS) << 13;

            resp_number(out, id);
            resp_number(out, id);
        }
        r = seed_sent(&drive->seed);
    }
    if (r < 0 || seed_flush(&drive->seed) < 0)
        audit_void(&drive->audit, "the sorted sets cannot be written");
}

/* ---------------------------------------------------------------------------------------------------- what they take */

/* A command that is given for every key. */
struct question {
    const char *command;
    const char *what; /* its second word, where it has one */
    bool whole;       /* every element of the key is looked at */
    void (*on_reply)(void *context, const uint8_t *reply, size_t bytes);
};

static void ask_all(struct drive *drive, const struct question *question)
{
    struct buffer *out = &drive->seed.link.out;
    uint32_t count = drive->run->shape->connections;

    for (uint32_t first = 0; first < count; first += BATCH) {
        uint32_t batch = count - first < BATCH ? count - first : BATCH;

        for (uint32_t i = 0; i < batch; i++) {
            char key[64];

            timeline_key(first + i, key);
            resp_begin(out, 2U + (question->what ? 1 : 0) + (question->whole ? 2 : 0));
            resp_text(out, question->command);
            if (question->what)
                resp_text(out, question->what);
            resp_text(out, key);
            if (question->whole) {
                resp_text(out, "SAMPLES");
                resp_text(out, "0");
            }
        }
        if (resp_exchange(&drive->seed.link, batch, question->on_reply, drive) < 0)
            return audit_void(&drive->audit, "Redis does not answer");
    }
}

static void check_length(void *context, const uint8_t *reply, size_t bytes)
{
    struct drive *drive = context;
    int64_t expected = (int64_t)drive->run->shape->prefill + (drive->work->feedd ? 1 : 0); /* a list has a header */
    struct resp_item item = {0};

    if (drive->run->settings->drop > 0)
        expected++;
    if (resp_item(reply, bytes, &item) == 0 || item.type != ':' || item.number != expected)
        audit_void(&drive->audit, "a timeline holds %" PRId64 " entries instead of %" PRId64, item.number, expected);
}

static void add_usage(void *context, const uint8_t *reply, size_t bytes)
{
    struct timelines *timelines = ((struct drive *)context)->state;
    struct resp_item item;

    if (resp_item(reply, bytes, &item) > 0 && item.type == ':') {
        timelines->used += (uint64_t)item.number;
        timelines->keys++;
    }
}

static const struct question ask_list_length = {.command = "LLEN", .on_reply = check_length};
static const struct question ask_set_length = {.command = "ZCARD", .on_reply = check_length};
static const struct question ask_usage = {.command = "MEMORY", .what = "USAGE", .whole = true, .on_reply = add_usage};
static const struct question delete = {.command = "DEL"};

/* Redis's memory when it no longer changes. */
static uint64_t settled_memory_bytes(struct drive *drive)
{
    uint64_t before, now = 0;

    for (int i = 0; i < 100; i++) {
        before = now;
        now = resp_ask_info(&drive->seed.link, "memory", "used_memory:");
        if (now == before)
            break;
        nanosleep(&(struct timespec){.tv_nsec = (long)SETTLE_NS}, NULL);
    }
    return now;
}

/* The memory that Redis has back when they are deleted is what they took, and nothing else: entries of the log and bodies of
 * the shares stay. */
void timelines_round(struct run *run, struct round *ret_round)
{
    struct drive *drive = run->state;
    struct timelines *timelines = drive->state;
    const struct shape *shape = run->shape;
    double entries = (double)shape->connections * shape->prefill;
    uint64_t start = clock_ns();
    uint64_t full, empty;

    if (drive->work->feedd)
        share_all(drive);
    else
        write_sorted(drive);
    /* From here on nobody but us talks to Redis. */
    process_stop(&drive->server.main);
    ask_all(drive, drive->work->feedd ? &ask_list_length : &ask_set_length);
    ask_all(drive, &ask_usage);
    full = settled_memory_bytes(drive);
    ask_all(drive, &delete);
    empty = settled_memory_bytes(drive);
    if (timelines->keys != shape->connections || full == 0 || empty == 0)
        audit_void(&drive->audit, "Redis does not say how much memory it uses");
    ret_round->values[METRIC_WALL_S] = (double)(clock_ns() - start) / 1e9;
    ret_round->values[METRIC_OPERATIONS] = entries;
    ret_round->values[METRIC_MEMORY] = (double)full - (double)empty + (double)PLACE_BYTES * shape->connections;
    ret_round->values[METRIC_BYTES_EACH] = ret_round->values[METRIC_MEMORY] / entries;
    ret_round->values[METRIC_USAGE_EACH] = (double)timelines->used / entries;
    snprintf(ret_round->voided, sizeof(ret_round->voided), "%s", drive->audit.voided);
}

const struct drive_work timelines_feedd = {
    .feedd = true, .state_bytes = sizeof(struct timelines), .fill = fill_empty, .on_input = on_share_reply,
};
const struct drive_work timelines_sorted = {
    .state_bytes = sizeof(struct timelines), .on_input = drive_count_replies,
};
