/* Reading home timelines, warm: through feedd, and as LRANGE and MGET from Redis. */
#include "reading.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "feed_wire.h"
#include "live.h"

#define AUTHORS 200       /* who share by turns */
#define ROUNDS_OF_SHARES 8
#define HEARD 50          /* whom each reader follows */
#define BODY_BYTES 280    /* of a share of 256 bytes of text, as feedd keeps it */
#define PAGE_MORE 1
#define RAW_WINDOW 256
#define FILL_PATIENCE_NS (30 * NS_PER_S)

struct reading {
    uint64_t ids[AUTHORS * ROUNDS_OF_SHARES]; /* of the shares, in the order in which they were made */
    size_t shared;
    uint64_t next;   /* read */
    uint8_t *kinds;  /* raw: what the replies that are under way answer, a ring */
    uint64_t asked;
    uint64_t answered;
};

#define KINDS 4096

/* The newest shares of those whom a reader follows. Returns how many. */
static size_t timeline_of(const struct drive *drive, uint32_t reader, uint64_t *ret_ids)
{
    const struct reading *reading = drive->state;
    size_t count = 0;

    for (size_t i = AUTHORS * ROUNDS_OF_SHARES; i > 0 && count < drive->run->shape->prefill; i--) {
        size_t author = (i - 1) % AUTHORS;

        if ((author + AUTHORS - reader % AUTHORS) % AUTHORS < HEARD)
            ret_ids[count++] = reading->ids[i - 1];
    }
    return count;
}

static int fill_timelines(struct drive *drive)
{
    uint64_t *ids = calloc(AUTHORS * ROUNDS_OF_SHARES, sizeof(*ids));
    int r = ids ? 0 : -ENOMEM;

    for (uint32_t i = 0; r == 0 && i < drive->run->shape->connections; i++) {
        char reader[LIVE_NAME_BYTES];

        live_reader_name(i, reader);
        for (uint32_t j = 0; r == 0 && j < HEARD; j++) {
            char author[LIVE_NAME_BYTES];

            live_author_name((i + j) % AUTHORS, author);
            r = seed_follow(&drive->seed, reader, author);
        }
        if (r == 0)
            r = seed_timeline(&drive->seed, reader, ids, timeline_of(drive, i, ids));
    }
    free(ids);
    return r;
}

/* ---------------------------------------------------------------------------------------------------------- feedd */

static void on_page(struct drive *drive, struct feed_text page)
{
    uint64_t last = UINT64_MAX;
    uint64_t end = 0;
    uint32_t shares = 0;
    struct feed_field field, id;

    while (feed_next_field(&page, &field)) {
        if (field.number == 1 && feed_find_field(field.text, 1, &id) && id.value < last) {
            last = id.value;
            shares++;
        } else if (field.number == 3) {
            end = field.value;
        }
    }
    if (shares != drive->run->shape->page || end != PAGE_MORE)
        audit_void(&drive->audit, "a page has %" PRIu32 " shares in order instead of %" PRIu32 ", and ends with %" PRIu64,
                   shares, drive->run->shape->page, end);
    drive->completed++;
    drive->done++;
}

static size_t on_feed(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct drive *drive = wire->owner;
    struct reading *reading = drive->state;
    struct feed_frame frame;
    size_t done = 0;
    size_t taken;

    while ((taken = feed_next_frame(data + done, bytes - done, &frame)) > 0) {
        struct feed_field id = {0};

        done += taken;
        if (frame.body == FEED_TIMELINE)
            on_page(drive, frame.message);
        else if (frame.body == FEED_SHARE && feed_find_field(frame.message, 1, &id))
            reading->ids[reading->shared++] = id.value;
        else if (frame.body != FEED_HELLO)
            audit_void(&drive->audit, "feedd answered with frame %" PRIu32, frame.body);
    }
    return done;
}

static int fill_feedd(struct drive *drive)
{
    struct reading *reading = drive->state;
    uint64_t deadline = clock_ns() + FILL_PATIENCE_NS;
    uint8_t title[220];

    memset(title, 'x', sizeof(title));
    for (uint32_t i = 0; i < AUTHORS * ROUNDS_OF_SHARES; i++) {
        char author[LIVE_NAME_BYTES];

        live_author_name(i % AUTHORS, author);
        feed_add_share(drive->out, i + 2, author, (struct feed_text){title, sizeof(title)});
    }
    while (reading->shared < AUTHORS * ROUNDS_OF_SHARES && clock_ns() < deadline) {
        wire_flush(&drive->wires, &drive->wire);
        wires_turn(&drive->wires, clock_ns() + NS_PER_MS);
    }
    return reading->shared == AUTHORS * ROUNDS_OF_SHARES ? fill_timelines(drive) : -ETIMEDOUT;
}

static bool ask_feedd(struct drive *drive)
{
    struct reading *reading = drive->state;
    char reader[LIVE_NAME_BYTES];

    live_reader_name((uint32_t)(reading->next++ % drive->run->shape->connections), reader);
    feed_add_read(drive->out, (uint32_t)(2 + (reading->next & 0xffffff)), FEED_TIMELINE, reader, drive->run->shape->page);
    return true;
}

/* ------------------------------------------------------------------------------------------------------------ raw */

enum kind { KIND_LIST, KIND_BODIES };

static void note(struct reading *reading, enum kind kind)
{
    reading->kinds[reading->asked++ % KINDS] = (uint8_t)kind;
}

static int fill_raw(struct drive *drive)
{
    struct reading *reading = drive->state;
    uint8_t body[BODY_BYTES];
    int r = 0;

    memset(body, 'x', sizeof(body));
    reading->kinds = calloc(KINDS, 1);
    if (!reading->kinds)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < AUTHORS * ROUNDS_OF_SHARES; i++) {
        struct buffer *out = &drive->seed.link.out;
        char key[48];

        reading->ids[i] = (UINT64_C(1) << 47) + i * 64;
        snprintf(key, sizeof(key), "share:{0}:%" PRIu64, reading->ids[i]);
        resp_begin(out, 3);
        resp_text(out, "SET");
        resp_text(out, key);
        resp_word(out, body, sizeof(body));
        r = seed_sent(&drive->seed);
    }
    return r < 0 ? r : fill_timelines(drive);
}

static bool ask_raw(struct drive *drive)
{
    struct reading *reading = drive->state;
    char key[64];

    snprintf(key, sizeof(key), "timeline:{0}:reader%" PRIu64, reading->next++ % drive->run->shape->connections);
    resp_begin(drive->out, 4);
    resp_word(drive->out, "LRANGE", 6);
    resp_text(drive->out, key);
    resp_word(drive->out, "0", 1);
    resp_number(drive->out, drive->run->shape->page - 1);
    note(reading, KIND_LIST);
    return true;
}

/* The ids of a list, asked for as bodies. */
static void ask_bodies(struct drive *drive, const uint8_t *reply, size_t bytes)
{
    struct resp_item item;
    size_t at = resp_item(reply, bytes, &item);
    int64_t count = item.number;

    if (item.type != '*' || count != drive->run->shape->page)
        return audit_void(&drive->audit, "a list has %" PRId64 " entries", count);
    resp_begin(drive->out, (unsigned)count + 1);
    resp_word(drive->out, "MGET", 4);
    for (int64_t i = 0; i < count; i++) {
        char key[48] = "share:{0}:";

        at += resp_item(reply + at, bytes - at, &item);
        memcpy(key + 10, item.text, (size_t)item.number);
        resp_word(drive->out, key, 10 + (size_t)item.number);
    }
    note(drive->state, KIND_BODIES);
}

static void check_bodies(struct drive *drive, const uint8_t *reply, size_t bytes)
{
    struct resp_item item;
    size_t at = resp_item(reply, bytes, &item);
    int64_t left = item.number;

    for (; left > 0; left--) {
        at += resp_item(reply + at, bytes - at, &item);
        if (item.number != BODY_BYTES)
            break;
    }
    if (left != 0)
        audit_void(&drive->audit, "a body is missing");
    drive->completed++;
    drive->done++;
}

static size_t on_raw(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct drive *drive = wire->owner;
    struct reading *reading = drive->state;
    size_t done = 0;
    size_t taken;

    while ((taken = resp_reply_bytes(data + done, bytes - done)) > 0) {
        if (reading->kinds[reading->answered++ % KINDS] == KIND_LIST)
            ask_bodies(drive, data + done, taken);
        else
            check_bodies(drive, data + done, taken);
        done += taken;
    }
    return done;
}

static void finish_raw(struct drive *drive)
{
    free(((struct reading *)drive->state)->kinds);
}

const struct drive_work reading_feedd = {
    .feedd = true, .state_bytes = sizeof(struct reading), .fill = fill_feedd, .issue = ask_feedd, .on_input = on_feed,
};
const struct drive_work reading_raw = {
    .window = RAW_WINDOW, .state_bytes = sizeof(struct reading), .fill = fill_raw, .issue = ask_raw, .on_input = on_raw,
    .finish = finish_raw,
};
