#include "fanout.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "feed_wire.h"
#include "live.h"

#define FIRST_PAGE 128 /* how feedd pages followers (daemon/feed/fanout.c) */
#define NEXT_PAGE 2000
#define TRIM_EVERY 100 /* Stream-Framework trims with a chance of one in a hundred; Mastodon, each time */
#define POLL_NS (NS_PER_MS / 2)
#define SAMPLE 200
#define RAW_WINDOW 1024 /* pushes under way, as many as feedd allows itself */

/* A share that is being pushed: done when the timeline of its last follower is this long. */
struct pending {
    uint32_t author;
    uint64_t length;
};

struct fanout {
    uint64_t next_author;
    uint64_t next_id;
    uint32_t next_follower; /* raw: of the share that is being pushed */
    uint64_t pushed;        /* raw: for trimming now and then */
    uint64_t page_replies;  /* raw */
    struct pending *pending; /* feedd: a ring of `window` */
    uint64_t first_pending;
    uint64_t last_pending;
    uint64_t *lengths;      /* [authors]: of the timelines, when everything is pushed */
    struct wire poll;       /* asks for the length of one timeline */
    bool polling;
    uint64_t polled_ns;
    uint8_t title[220];
};

static uint32_t authors_of(const struct drive *drive)
{
    return drive->run->shape->sources;
}

static uint32_t timelines_of(const struct drive *drive)
{
    const struct shape *shape = drive->run->shape;

    return shape->variant == FANOUT_SHARED ? shape->followers : shape->followers * shape->sources;
}

/* The number of the timeline of an author's follower. */
static uint32_t timeline_of(const struct drive *drive, uint32_t author, uint32_t follower)
{
    return drive->run->shape->variant == FANOUT_SHARED ? follower : author * drive->run->shape->followers + follower;
}

static void add_timeline_key(struct buffer *out, uint32_t timeline)
{
    char key[64];
    int length = snprintf(key, sizeof(key), "timeline:{0}:reader%" PRIu32, timeline);

    resp_word(out, key, (size_t)length);
}

void fanout_add_length(struct buffer *out, uint32_t timeline)
{
    resp_begin(out, 2);
    resp_word(out, "LLEN", 4);
    add_timeline_key(out, timeline);
}

/* ------------------------------------------------------------------------------------------------- before a round */

static int fill_lists(struct drive *drive)
{
    const struct shape *shape = drive->run->shape;
    uint64_t *ids = calloc(shape->prefill + 1, sizeof(*ids));
    int r = ids ? 0 : -ENOMEM;

    for (uint32_t i = 0; ids && i < shape->prefill; i++)
        ids[i] = (uint64_t)(shape->prefill - i) << 13;
    for (uint32_t i = 0; r == 0 && i < timelines_of(drive); i++) {
        char reader[LIVE_NAME_BYTES];

        live_reader_name(i, reader);
        r = seed_timeline(&drive->seed, reader, ids, shape->prefill);
    }
    free(ids);
    for (uint32_t author = 0; r == 0 && author < authors_of(drive); author++) {
        char name[LIVE_NAME_BYTES];

        live_author_name(author, name);
        for (uint32_t i = 0; r == 0 && i < shape->followers; i++) {
            char reader[LIVE_NAME_BYTES];

            live_reader_name(timeline_of(drive, author, i), reader);
            r = seed_follower(&drive->seed, reader, name);
        }
    }
    return r;
}

static int fill_sorted(struct drive *drive)
{
    struct fanout *fanout = drive->state;
    struct buffer *out = &drive->seed.link.out;
    int r = 0;

    fanout->next_id = UINT64_C(1) << 40;
    for (uint32_t i = 0; r == 0 && i < timelines_of(drive); i++) {
        resp_begin(out, 2 + 2 * drive->run->shape->prefill);
        resp_text(out, "ZADD");
        add_timeline_key(out, i);
        for (uint32_t j = 0; j < drive->run->shape->prefill; j++) {
            resp_number(out, (uint64_t)(j + 1) << 13);
            resp_number(out, (uint64_t)(j + 1) << 13);
        }
        r = seed_sent(&drive->seed);
    }
    return r;
}

/* Every timeline as long as it was at first, so that none comes to its cap. */
static int reset(struct drive *drive, const char *trim, int64_t from, int64_t to)
{
    struct buffer *out = &drive->seed.link.out;
    char first[24], last[24];
    int r = 0;

    snprintf(first, sizeof(first), "%" PRId64, from);
    snprintf(last, sizeof(last), "%" PRId64, to);
    for (uint32_t i = 0; r == 0 && i < timelines_of(drive); i++) {
        resp_begin(out, 4);
        resp_text(out, trim);
        add_timeline_key(out, i);
        resp_text(out, first);
        resp_text(out, last);
        r = seed_sent(&drive->seed);
    }
    return r < 0 ? r : seed_flush(&drive->seed);
}

static int reset_lists(struct drive *drive)
{
    struct fanout *fanout = drive->state;

    for (uint32_t i = 0; fanout->lengths && i < authors_of(drive); i++)
        fanout->lengths[i] = drive->run->shape->prefill + 1;
    return reset(drive, "LTRIM", -(int64_t)drive->run->shape->prefill - 1, -1);
}

static int reset_sorted(struct drive *drive)
{
    return reset(drive, "ZREMRANGEBYRANK", drive->run->shape->prefill, -1);
}

/* ------------------------------------------------------------------------------------------------ raw pipelines */

/* The followers after this edge, `limit` of them from the `skip`-th on. */
static void add_range(struct buffer *out, uint32_t author, uint64_t after, uint32_t skip, uint32_t limit, bool scores)
{
    char key[64];
    int length = snprintf(key, sizeof(key), "followers:{0}:author%" PRIu32, author);

    resp_begin(out, scores ? 9 : 8);
    resp_word(out, "ZRANGE", 6);
    resp_word(out, key, (size_t)length);
    resp_number(out, after + 1);
    resp_number(out, UINT64_C(1) << 52);
    resp_word(out, "BYSCORE", 7);
    resp_word(out, "LIMIT", 5);
    resp_number(out, skip);
    resp_number(out, limit);
    if (scores)
        resp_word(out, "WITHSCORES", 10);
}

/* A page as feedd reads it: the edge of its last follower, then their names. */
static void add_page(struct buffer *out, uint32_t author, uint64_t after, uint32_t limit)
{
    add_range(out, author, after, limit - 1, 1, true);
    add_range(out, author, after, 0, limit, false);
}

/* The timeline that the next push goes to: the followers of one author after the other. */
static uint32_t next_timeline(struct drive *drive)
{
    struct fanout *fanout = drive->state;
    uint32_t author = (uint32_t)(fanout->next_author % authors_of(drive));
    uint32_t timeline = timeline_of(drive, author, fanout->next_follower);

    if (fanout->next_follower == 0)
        fanout->next_id += 64;
    if (++fanout->next_follower == drive->run->shape->followers) {
        fanout->next_follower = 0;
        fanout->next_author++;
    }
    return timeline;
}

static bool push_lists(struct drive *drive)
{
    struct fanout *fanout = drive->state;
    uint32_t ids = drive->run->shape->coalesce ? drive->run->shape->coalesce : 1;
    struct buffer *out = drive->out;

    if (fanout->next_id == 0)
        fanout->next_id = UINT64_C(1) << 47;
    resp_begin(out, 2 + ids);
    resp_word(out, "LPUSHX", 6);
    add_timeline_key(out, next_timeline(drive));
    for (uint32_t i = 0; i < ids; i++)
        resp_number(out, fanout->next_id + i);
    return true;
}

/* Before the first push of a share, the pages of its author's followers are read as feedd reads them. */
static bool push_paged(struct drive *drive)
{
    struct fanout *fanout = drive->state;
    uint32_t author = (uint32_t)(fanout->next_author % authors_of(drive));
    uint32_t followers = drive->run->shape->followers;

    if (fanout->next_follower == 0 || fanout->next_follower == FIRST_PAGE ||
        (fanout->next_follower > FIRST_PAGE && (fanout->next_follower - FIRST_PAGE) % NEXT_PAGE == 0)) {
        /* Followers of author a have the scores 64 * (a * followers + 1) and so on. */
        uint64_t after = 64 * ((uint64_t)author * followers + fanout->next_follower);

        add_page(drive->out, author, after, fanout->next_follower == 0 ? FIRST_PAGE : NEXT_PAGE);
    }
    return push_lists(drive);
}

/* Replies to pages are not pushes: each is an edge, if the page is full, and names, which must be whom is pushed to. */
static size_t on_paged(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct drive *drive = wire->owner;
    struct fanout *fanout = drive->state;
    size_t done = 0;
    size_t taken;

    while ((taken = resp_reply_bytes(data + done, bytes - done)) > 0) {
        if (data[done] == ':') {
            drive->completed++;
            drive->done++;
        } else if (data[done] != '*' || (fanout->page_replies++ % 2 == 1 && taken < 16)) {
            audit_void(&drive->audit, "a page of followers is empty");
        }
        done += taken;
    }
    return done;
}

static bool push_sorted(struct drive *drive)
{
    struct fanout *fanout = drive->state;
    struct buffer *out = drive->out;
    uint32_t timeline = next_timeline(drive);

    resp_begin(out, 4);
    resp_word(out, "ZADD", 4);
    add_timeline_key(out, timeline);
    resp_number(out, fanout->next_id);
    resp_number(out, fanout->next_id);
    if (++fanout->pushed % TRIM_EVERY == 0) {
        drive->issued++;
        drive->done--; /* its reply will be counted */
        resp_begin(out, 4);
        resp_word(out, "ZREMRANGEBYRANK", 15);
        add_timeline_key(out, timeline);
        resp_word(out, "0", 1);
        resp_word(out, "-801", 4); /* all but the last 800 */
    }
    return true;
}

/* --------------------------------------------------------------------------------------------------------- feedd */

/* The length of the oldest pending share's last timeline. */
static size_t on_poll(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct drive *drive = wire->owner;
    struct fanout *fanout = drive->state;
    struct resp_item item;
    size_t taken = resp_item(data, bytes, &item);

    if (taken == 0)
        return 0;
    fanout->polling = false;
    if (item.type != ':')
        audit_void(&drive->audit, "Redis does not say how long a timeline is");
    while (fanout->first_pending < fanout->last_pending) {
        const struct pending *oldest = &fanout->pending[fanout->first_pending % drive->run->shape->window];

        if ((uint64_t)item.number < oldest->length)
            break;
        fanout->polled_ns = 0; /* the next one may be done as well */
        fanout->first_pending++;
        drive->completed++;
        drive->done += drive->run->shape->followers;
        if (drive->run->shape->variant == FANOUT_APART)
            break;
    }
    return taken;
}

static void poll_oldest(struct drive *drive)
{
    struct fanout *fanout = drive->state;
    uint64_t now = clock_ns();

    if (fanout->polling || fanout->first_pending == fanout->last_pending || now < fanout->polled_ns + POLL_NS)
        return;
    fanout_add_length(&fanout->poll.out, timeline_of(drive, fanout->pending[fanout->first_pending % drive->run->shape->window].author,
                                              drive->run->shape->followers - 1));
    wire_flush(&drive->wires, &fanout->poll);
    fanout->polling = true;
    fanout->polled_ns = now;
}

static int fill_feedd(struct drive *drive)
{
    struct fanout *fanout = drive->state;

    memset(fanout->title, 'x', sizeof(fanout->title));
    fanout->pending = calloc(drive->run->shape->window, sizeof(*fanout->pending));
    fanout->lengths = calloc(authors_of(drive), sizeof(*fanout->lengths));
    fanout->poll = (struct wire){.fd = -1, .owner = drive, .on_input = on_poll};
    if (!fanout->pending || !fanout->lengths)
        return -ENOMEM;
    if (wire_open(&drive->wires, &fanout->poll, &drive->server.redis_address, false) < 0)
        return -ENOTCONN;
    return fill_lists(drive);
}

static void finish_feedd(struct drive *drive)
{
    struct fanout *fanout = drive->state;

    wire_close(&fanout->poll);
    free(fanout->pending);
    free(fanout->lengths);
}

/* Shares of one author come one after the other when followers are apart, so that no two ids wait for one timeline: the
 * window is not wider than the number of authors. */
static bool share(struct drive *drive)
{
    struct fanout *fanout = drive->state;
    uint32_t author = (uint32_t)(fanout->next_author++ % authors_of(drive));
    uint64_t *length = &fanout->lengths[drive->run->shape->variant == FANOUT_SHARED ? 0 : author];
    char name[LIVE_NAME_BYTES];

    live_author_name(author, name);
    feed_add_share(drive->out, (uint32_t)(2 + (fanout->next_author & 0xffffff)), name,
                   (struct feed_text){fanout->title, sizeof(fanout->title)});
    fanout->pending[fanout->last_pending++ % drive->run->shape->window] = (struct pending){author, ++*length};
    return true;
}

static size_t on_share_reply(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct drive *drive = wire->owner;
    struct feed_frame frame;
    size_t done = 0;
    size_t taken;

    while ((taken = feed_next_frame(data + done, bytes - done, &frame)) > 0) {
        done += taken;
        if (frame.body != FEED_SHARE && frame.body != FEED_HELLO)
            audit_void(&drive->audit, "feedd answered a share with frame %" PRIu32, frame.body);
    }
    return done;
}

static uint64_t sum_of_lengths(struct drive *drive, uint32_t count)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < count; i++) {
        fanout_add_length(&drive->seed.link.out, (uint32_t)((uint64_t)i * timelines_of(drive) / count));
        int64_t length = resp_ask_number(&drive->seed.link);
        sum += length > 0 ? (uint64_t)length : 0;
    }
    return sum;
}

/* Where few shares are under way, each to many, how far they have come is seen in a sample of the timelines. */
static uint64_t count_pushes(struct drive *drive)
{
    if (timelines_of(drive) < SAMPLE || drive->run->shape->followers < 20000)
        return drive->done;
    return (uint64_t)((double)sum_of_lengths(drive, SAMPLE) * timelines_of(drive) / SAMPLE);
}

struct length_check {
    struct drive *drive;
    uint32_t timeline;
    uint64_t expected;
};

static void check_length(void *context, const uint8_t *reply, size_t bytes)
{
    struct length_check *check = context;
    struct resp_item item = {0};

    if (resp_item(reply, bytes, &item) == 0 || item.type != ':' || (uint64_t)item.number != check->expected)
        audit_void(&check->drive->audit, "the timeline of reader %" PRIu32 " holds %" PRId64 " entries instead of %" PRIu64,
                   check->timeline, item.number, check->expected);
    check->timeline++;
}

void fanout_check_lengths(struct drive *drive, uint32_t first, uint32_t count, uint64_t expected)
{
    struct length_check check = {drive, first, expected};

    while (check.timeline < first + count) {
        uint32_t left = first + count - check.timeline;
        uint32_t batch = left < 1000 ? left : 1000;

        for (uint32_t i = 0; i < batch; i++)
            fanout_add_length(&drive->seed.link.out, check.timeline + i);
        if (resp_exchange(&drive->seed.link, batch, check_length, &check) < 0)
            return audit_void(&drive->audit, "Redis does not answer");
    }
}

static void verify_lengths(struct drive *drive)
{
    const struct fanout *fanout = drive->state;
    const struct shape *shape = drive->run->shape;
    uint32_t dropped = drive->run->settings->drop > 0;

    for (uint32_t first = 0; first < timelines_of(drive); first += shape->followers)
        fanout_check_lengths(drive, first, shape->followers, fanout->lengths[first / shape->followers] + dropped);
}

const struct drive_work fanout_feedd = {
    .feedd = true, .state_bytes = sizeof(struct fanout), .fill = fill_feedd, .reset = reset_lists, .issue = share,
    .on_input = on_share_reply, .turn = poll_oldest, .count = count_pushes, .verify = verify_lengths, .finish = finish_feedd,
};
const struct drive_work fanout_paged = {
    .window = RAW_WINDOW, .state_bytes = sizeof(struct fanout), .fill = fill_lists, .reset = reset_lists, .issue = push_paged, .on_input = on_paged,
};
const struct drive_work fanout_lists = {
    .window = RAW_WINDOW, .state_bytes = sizeof(struct fanout), .fill = fill_lists, .reset = reset_lists, .issue = push_lists,
    .on_input = drive_count_replies,
};
const struct drive_work fanout_lists_beside = {
    .window = RAW_WINDOW, .beside = true, .state_bytes = sizeof(struct fanout), .fill = fill_lists, .reset = reset_lists, .issue = push_lists,
    .on_input = drive_count_replies,
};
const struct drive_work fanout_sorted = {
    .window = RAW_WINDOW, .state_bytes = sizeof(struct fanout), .fill = fill_sorted, .reset = reset_sorted, .issue = push_sorted,
    .on_input = drive_count_replies,
};
