#include "publishing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "feed_wire.h"

#define AUTHOR "author0"
#define TAIL_COUNT "128"  /* as feedd reads its log (daemon/store/log.c, daemon/feed/jobs.c) */
#define JOBS_COUNT "256"
#define BLOCK_MS "1000"
#define CAPTURE_NS (10 * NS_PER_S)
#define STREAM_ID_BYTES 32

struct publishing {
    uint64_t number;
    uint8_t title[220];
    /* Raw: */
    struct buffer commit;     /* the command that feedd sent */
    bool watching;            /* MONITOR has begun */
    struct wire monitor, tail, jobs, bulk;
    char seen[STREAM_ID_BYTES]; /* by the tail */
    uint64_t tailed;
    uint64_t acked;
    uint64_t before;          /* entries in the log when the first round began */
};

static bool share(struct drive *drive)
{
    struct publishing *publishing = drive->state;

    if (publishing->title[0] == '\0')
        memset(publishing->title, 'x', sizeof(publishing->title));
    feed_add_share(drive->out, (uint32_t)(2 + (publishing->number++ & 0xffffff)), AUTHOR,
                   (struct feed_text){publishing->title, sizeof(publishing->title)});
    return true;
}

static size_t on_shared(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct drive *drive = wire->owner;
    struct feed_frame frame;
    size_t done = 0;
    size_t taken;

    while ((taken = feed_next_frame(data + done, bytes - done, &frame)) > 0) {
        done += taken;
        if (frame.body == FEED_SHARE) {
            drive->completed++;
            drive->done++;
        } else if (frame.body != FEED_HELLO) {
            audit_void(&drive->audit, "feedd answered a share with frame %" PRIu32, frame.body);
        }
    }
    return done;
}

/* ------------------------------------------------------------------- raw: what feedd sends for a share, by MONITOR */

/* The byte that an escape of MONITOR's stands for; *at is moved to its last character. */
static uint8_t unescape(const char **at)
{
    static const char names[] = "nrtab", bytes[] = "\n\r\t\a\b";
    const char *name = strchr(names, **at);
    unsigned value;

    if (**at == 'x' && sscanf(*at + 1, "%2x", &value) == 1) {
        *at += 2;
        return (uint8_t)value;
    }
    return (uint8_t)(name ? bytes[name - names] : **at);
}

/* Turns a line of quoted words into a command. */
static void take_command(struct publishing *publishing, const char *line)
{
    struct buffer words = {0};
    unsigned count = 0;

    for (const char *at = line; *at; at++) {
        uint8_t word[4096];
        size_t bytes = 0;

        if (*at != '"')
            continue;
        for (at++; *at && *at != '"' && bytes < sizeof(word); at++) {
            if (*at == '\\') {
                at++;
                word[bytes++] = unescape(&at);
            } else {
                word[bytes++] = (uint8_t)*at;
            }
        }
        resp_word(&words, word, bytes);
        count++;
    }
    resp_begin(&publishing->commit, count);
    buffer_add(&publishing->commit, words.data, words.end);
    buffer_done(&words);
}

static size_t on_monitor(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct drive *drive = wire->owner;
    struct publishing *publishing = drive->state;
    const uint8_t *end = memchr(data, '\n', bytes);
    char line[8192];

    if (!end)
        return 0;
    snprintf(line, sizeof(line), "%.*s", (int)(end - data), (const char *)data);
    publishing->watching = true;
    if (strstr(line, "\"EVALSHA\"") && strstr(line, "\"profile:{0}:" AUTHOR "\"") && publishing->commit.end == 0)
        take_command(publishing, strchr(line, '"'));
    return (size_t)(end - data) + 1;
}

/* Lets feedd commit one share, watches how, and ends feedd. */
static int capture_commit(struct drive *drive)
{
    struct publishing *publishing = drive->state;
    struct wire publisher = {.fd = -1, .owner = drive, .on_input = on_shared};
    uint64_t deadline = clock_ns() + CAPTURE_NS;
    int r = server_start_feedd(&drive->server, drive->run, drive->run->settings->server_cpu);

    publishing->monitor = (struct wire){.fd = -1, .owner = drive, .on_input = on_monitor};
    if (r == 0)
        r = wire_open(&drive->wires, &publishing->monitor, &drive->server.redis_address, false);
    if (r == 0)
        r = wire_open(&drive->wires, &publisher, &drive->server.address, false);
    if (r == 0) {
        resp_command(&publishing->monitor.out, "MONITOR", NULL);
        feed_add_hello(&publisher.out, 1);
        memset(publishing->title, 'x', sizeof(publishing->title));
        feed_add_share(&publisher.out, 2, AUTHOR, (struct feed_text){publishing->title, sizeof(publishing->title)});
        wire_flush(&drive->wires, &publishing->monitor);
        while (!publishing->watching && clock_ns() < deadline)
            wires_turn(&drive->wires, clock_ns() + NS_PER_MS);
        wire_flush(&drive->wires, &publisher);
        while ((publishing->commit.end == 0 || drive->done == 0) && clock_ns() < deadline)
            wires_turn(&drive->wires, clock_ns() + NS_PER_MS);
        r = publishing->commit.end > 0 ? 0 : -ETIMEDOUT;
    }
    wire_close(&publishing->monitor);
    wire_close(&publisher);
    process_stop(&drive->server.main);
    drive->done = drive->completed = 0;
    drive->wires.error = 0;
    return r;
}

/* ---------------------------------------------------------------------------------- raw: the same, without feedd */

static void read_tail(struct drive *drive)
{
    struct publishing *publishing = drive->state;

    resp_command(&publishing->tail.out, "XREAD", "COUNT", TAIL_COUNT, "BLOCK", BLOCK_MS, "STREAMS", "log:{0}", publishing->seen,
                 NULL);
    wire_flush(&drive->wires, &publishing->tail);
}

static void read_jobs(struct drive *drive)
{
    struct publishing *publishing = drive->state;

    resp_command(&publishing->jobs.out, "XREADGROUP", "GROUP", "appliers", "feedbench", "COUNT", JOBS_COUNT, "BLOCK", BLOCK_MS,
                 "STREAMS", "log:{0}", ">", NULL);
    wire_flush(&drive->wires, &publishing->jobs);
}

/* Hands each entry's id of a reply [[key, [[id, fields], …]]] to `fn`. Returns how many there were. */
static uint64_t each_entry(struct drive *drive, const uint8_t *reply, size_t bytes,
                           void (*fn)(struct drive *drive, const struct resp_item *id))
{
    struct resp_item item;
    size_t at = 0;
    uint64_t entries;

    for (int i = 0; i < 4; i++) {
        at += resp_item(reply + at, bytes - at, &item);
        if (i == 0 && item.number <= 0)
            return 0; /* nothing came in time */
    }
    entries = (uint64_t)item.number;
    for (uint64_t i = 0; i < entries; i++) {
        at += resp_item(reply + at, bytes - at, &item);
        at += resp_item(reply + at, bytes - at, &item);
        fn(drive, &item);
        at += resp_item(reply + at, bytes - at, &item);
        for (int64_t fields = item.number; fields > 0; fields--)
            at += resp_item(reply + at, bytes - at, &item);
    }
    return entries;
}

static void see(struct drive *drive, const struct resp_item *id)
{
    struct publishing *publishing = drive->state;

    snprintf(publishing->seen, sizeof(publishing->seen), "%.*s", (int)id->number, (const char *)id->text);
}

static void acknowledge(struct drive *drive, const struct resp_item *id)
{
    resp_word(&((struct publishing *)drive->state)->bulk.out, id->text, (size_t)id->number);
}

static size_t on_tail(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct drive *drive = wire->owner;
    size_t taken = resp_reply_bytes(data, bytes);

    if (taken > 0) {
        ((struct publishing *)drive->state)->tailed += each_entry(drive, data, taken, see);
        read_tail(drive);
    }
    return taken;
}

static size_t on_jobs(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct drive *drive = wire->owner;
    struct publishing *publishing = drive->state;
    size_t taken = resp_reply_bytes(data, bytes);
    struct buffer ids = {0};
    uint64_t entries;

    if (taken == 0)
        return 0;
    /* The ids follow the command's head, which needs their number. */
    ids = publishing->bulk.out;
    publishing->bulk.out = (struct buffer){0};
    entries = each_entry(drive, data, taken, acknowledge);
    struct buffer words = publishing->bulk.out;
    publishing->bulk.out = ids;
    if (entries > 0) {
        resp_begin(&publishing->bulk.out, (unsigned)(3 + entries));
        resp_text(&publishing->bulk.out, "XACK");
        resp_text(&publishing->bulk.out, "log:{0}");
        resp_text(&publishing->bulk.out, "appliers");
        buffer_add(&publishing->bulk.out, words.data, words.end);
        wire_flush(&drive->wires, &publishing->bulk);
    }
    buffer_done(&words);
    read_jobs(drive);
    return taken;
}

/* XACK answers how many entries were pending. */
static size_t on_bulk(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct drive *drive = wire->owner;
    struct resp_item item;
    size_t done = 0;
    size_t taken;

    while ((taken = resp_item(data + done, bytes - done, &item)) > 0) {
        done += taken;
        ((struct publishing *)drive->state)->acked += (uint64_t)item.number;
    }
    return done;
}

static int fill_raw(struct drive *drive)
{
    struct publishing *publishing = drive->state;
    struct wire *const wires[] = {&publishing->tail, &publishing->jobs, &publishing->bulk};
    size_t (*const handlers[])(struct wire *, const uint8_t *, size_t) = {on_tail, on_jobs, on_bulk};
    int r = capture_commit(drive);

    snprintf(publishing->seen, sizeof(publishing->seen), "0-0");
    for (int i = 0; i < 3; i++) {
        *wires[i] = (struct wire){.fd = -1, .owner = drive, .on_input = handlers[i]};
        if (r == 0)
            r = wire_open(&drive->wires, wires[i], &drive->server.redis_address, false);
    }
    if (r < 0)
        return r;
    read_tail(drive);
    read_jobs(drive);
    for (uint64_t end = clock_ns() + 100 * NS_PER_MS; clock_ns() < end;)
        wires_turn(&drive->wires, end);
    publishing->before = publishing->tailed;
    publishing->acked = 0;
    return publishing->before > 0 ? 0 : -EIO;
}

static bool commit(struct drive *drive)
{
    const struct publishing *publishing = drive->state;

    buffer_add(drive->out, publishing->commit.data, publishing->commit.end);
    return true;
}

/* Every commit was read twice and acknowledged. */
static void settle_raw(struct drive *drive)
{
    const struct publishing *publishing = drive->state;
    uint64_t deadline = clock_ns() + CAPTURE_NS;

    while ((publishing->tailed - publishing->before < drive->issued || publishing->acked < drive->issued) &&
           clock_ns() < deadline)
        wires_turn(&drive->wires, clock_ns() + NS_PER_MS);
    if (publishing->tailed - publishing->before != drive->issued || publishing->acked != drive->issued)
        audit_void(&drive->audit, "%" PRIu64 " committed, %" PRIu64 " read, %" PRIu64 " acknowledged", drive->issued,
                   publishing->tailed - publishing->before, publishing->acked);
}

static void finish_raw(struct drive *drive)
{
    struct publishing *publishing = drive->state;

    wire_close(&publishing->tail);
    wire_close(&publishing->jobs);
    wire_close(&publishing->bulk);
    buffer_done(&publishing->commit);
}

const struct drive_work publishing_feedd = {
    .feedd = true, .state_bytes = sizeof(struct publishing), .issue = share, .on_input = on_shared,
    .settle = drive_await_fanout,
};
const struct drive_work publishing_raw = {
    .state_bytes = sizeof(struct publishing), .fill = fill_raw, .issue = commit, .on_input = drive_count_replies,
    .settle = settle_raw, .finish = finish_raw,
};
