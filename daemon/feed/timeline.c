/* A home timeline as a list of ids: fetched, and merged with what is committed but not yet known to be fanned out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "feed/internal.h"

#define BUILD_PATIENCE_MS 5000 /* how long to wait for another daemon that builds the same timeline */

struct timeline_call {
    struct feed *feed;
    struct reader *reader;
    timeline_fn *fn;
    void *context;
    int64_t deadline_ms;
    bool may_keep;       /* in memory: see recent.c */
    uint64_t settled_at; /* the reader's and the feed's, when it was asked for */
    uint64_t generation;
    struct timeline timeline; /* while it is put together */
    size_t capacity;
    uint64_t *positions;      /* of the tail when the list came, while more than that is collected */
};

static void fetch(void *context);

static void call_end(struct timeline_call *call, Feed__ErrorCode error, struct timeline *timeline, bool rebuilding)
{
    struct timeline_call done = *call;

    free(call);
    done.fn(done.context, error, timeline, rebuilding);
}

static void on_rebuilt(void *context, Feed__ErrorCode error, bool somebody_else)
{
    struct timeline_call *call = context;
    struct timeline empty = {0};

    if (error != FEED_OK)
        call_end(call, error, NULL, false);
    else if (!somebody_else)
        fetch(call);
    else if (clock_now_ms() >= call->deadline_ms || !feed_call_later(call->feed, fetch, call))
        call_end(call, FEED_OK, &empty, true);
}

int newest_first(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? 1 : x > y ? -1 : 0;
}

/* Sorts, drops repeats and what lies at or below the floor, and cuts at the cap. */
static void normalize(struct timeline *timeline, size_t cap)
{
    size_t kept = 0;

    for (size_t i = 1; i < timeline->count; i++)
        if (timeline->ids[i - 1] <= timeline->ids[i]) {
            qsort(timeline->ids, timeline->count, sizeof(uint64_t), newest_first);
            break;
        }
    for (size_t i = 0; i < timeline->count && timeline->ids[i] > timeline->floor; i++) {
        if (kept > 0 && timeline->ids[kept - 1] == timeline->ids[i])
            continue;
        if (kept == cap) {
            timeline->floor = timeline->ids[i];
            break;
        }
        timeline->ids[kept++] = timeline->ids[i];
    }
    timeline->count = kept;
}

static int add_id(struct timeline *timeline, size_t *capacity, uint64_t id)
{
    if (timeline->count == *capacity) {
        uint64_t *larger = realloc(timeline->ids, *capacity * 2 * sizeof(*larger));

        if (!larger)
            return -ENOMEM;
        timeline->ids = larger;
        *capacity *= 2;
    }
    timeline->ids[timeline->count++] = id;
    return 0;
}

/* Adds the shares of the rings above these positions, of those whom the reader follows since before them. -EAGAIN while a ring does
 * not hold all of them. */
static int add_from_rings(const struct feed *feed, const struct reader *reader, const uint64_t *above, struct timeline *timeline,
                          size_t *capacity)
{
    int error = 0;

    for (unsigned partition = 0; partition < feed->partitions; partition++) {
        const struct ring *ring = &feed->rings[partition];
        size_t from = ring_above(ring, above[partition]);
        struct joins joins;

        if (ring->floor > above[partition])
            return -EAGAIN;
        joins_collect(ring, from, reader->slot, &joins);
        for (size_t i = from; i < ring->count && error == 0; i++) {
            const struct ring_entry *entry = ring_at(ring, i);

            if (entry->kind == LOG_SHARE && reader_sees_share(feed, reader, entry->subject, entry->id) &&
                !joins_backfilled(&joins, entry))
                error = add_id(timeline, capacity, entry->id);
        }
        joins_done(&joins);
    }
    return error;
}

/* All that the timeline consists of is there. */
static void complete(struct timeline_call *call)
{
    struct feed *feed = call->feed;
    struct timeline timeline = call->timeline;

    normalize(&timeline, (size_t)feed->settings->timeline_cap);
    if (call->may_keep && call->settled_at == call->reader->settled_at && call->generation == feed->recent_generation)
        recent_keep(feed, call->reader, &timeline);
    call_end(call, FEED_OK, &timeline, false);
}

static void fail(struct timeline_call *call, Feed__ErrorCode error)
{
    free(call->timeline.ids);
    call_end(call, error, NULL, false);
}

/* What was shared since the list came belongs to it as well, if it is to be kept: then it is true as of now. */
static void on_collected(void *context, Feed__ErrorCode error, struct collected *collected)
{
    struct timeline_call *call = context;
    struct timeline *timeline = &call->timeline;
    uint64_t *positions = call->positions, floor = error == FEED_OK ? collected_floor(collected) : 0;
    int failed = error == FEED_OK ? add_from_rings(call->feed, call->reader, positions, timeline, &call->capacity) : 0;

    for (size_t i = 0; error == FEED_OK && failed == 0 && i < collected->count; i++)
        failed = add_id(timeline, &call->capacity, collected->ids[i]);
    timeline->floor = timeline->floor > floor ? timeline->floor : floor;
    free(positions);
    if (error == FEED_OK)
        free(collected->ids);
    if (error == FEED_OK && failed == 0)
        complete(call);
    else
        fail(call, FEED__ERROR_CODE__UNAVAILABLE);
}

/* Adds what was not pushed, if there is any. */
static void merge_bigs(struct timeline_call *call)
{
    struct feed *feed = call->feed;
    struct collect *collect = NULL;
    int error = big_collect(feed, call->reader, call->timeline.floor, &collect);

    if (error == 0 && !collect) {
        complete(call);
        return;
    }
    call->positions = collect ? malloc(sizeof(feed->positions)) : NULL;
    if (!call->positions) {
        if (collect)
            collect_free(collect);
        fail(call, FEED__ERROR_CODE__UNAVAILABLE);
        return;
    }
    memcpy(call->positions, feed->positions, sizeof(feed->positions));
    collect_run(collect, on_collected, call);
}

/* The answer to LRANGE was given after every answer that moved `applied`: what lies above is in the ring. */
static void on_list(void *context, const struct reply *reply)
{
    struct timeline_call *call = context;
    struct feed *feed = call->feed;
    Feed__ErrorCode error = error_of_reply(reply, false);
    size_t listed = reply_count(reply);

    if (error != FEED_OK) {
        call_end(call, error, NULL, false);
        return;
    }
    struct text header = listed > 0 ? reply_text(reply_at(reply, listed - 1)) : (struct text){"B", 1};
    if (header.size > 0 && header.data[0] == 'B') {
        timeline_rebuild(feed, call->reader, on_rebuilt, call);
        return;
    }
    listed--;
    struct timeline timeline = {.floor = (uint64_t)llabs(strtoll(header.data, NULL, 10))};
    size_t capacity = listed + 16;
    timeline.ids = malloc(capacity * sizeof(uint64_t));
    int failed = timeline.ids ? add_from_rings(feed, call->reader, feed->applied, &timeline, &capacity) : -ENOMEM;
    for (size_t i = 0; i < listed && failed == 0; i++)
        failed = add_id(&timeline, &capacity, reply_id(reply_at(reply, i)));
    call->timeline = timeline;
    call->capacity = capacity;
    if (failed < 0)
        fail(call, FEED__ERROR_CODE__UNAVAILABLE);
    else
        merge_bigs(call);
}

static void fetch(void *context)
{
    struct timeline_call *call = context;

    struct feed *feed = call->feed;
    int64_t now_ms = clock_now_ms();
    bool renew = now_ms >= call->reader->renew_at_ms;

    call->may_keep = recent_may_keep(feed, call->reader);
    call->settled_at = call->reader->settled_at;
    call->generation = feed->recent_generation;
    if (renew) /* often enough for a tenth of its time to live */
        call->reader->renew_at_ms = now_ms + feed->settings->timeline_idle_ttl_s * 100;
    if (store_timeline(feed->store, subject_name(&feed->subjects, call->reader->slot), renew, on_list, call) < 0)
        call_end(call, FEED__ERROR_CODE__UNAVAILABLE, NULL, false);
}

void timeline_fetch(struct feed *feed, struct reader *reader, timeline_fn *fn, void *context)
{
    struct timeline timeline;

    if (recent_timeline(feed, reader, &timeline) == 0) {
        metrics.timelines_recent++;
        fn(context, FEED_OK, &timeline, false);
        return;
    }
    struct timeline_call *call = malloc(sizeof(*call));
    if (!call) {
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, NULL, false);
        return;
    }
    *call = (struct timeline_call){
        .feed = feed, .reader = reader, .fn = fn, .context = context, .deadline_ms = clock_now_ms() + BUILD_PATIENCE_MS};
    metrics.timelines_fetched++;
    fetch(call);
}
