/* The store is open, for the first time or again: what this daemon remembers of it, and what of that still holds.
 *
 * As long as it is the same process of Redis, nothing was lost, and everything goes on where it was. After a restart of Redis,
 * a failover, or with another store under the same address:
 *
 *   - entries that this daemon has seen may be gone. It goes back to the last one that is still there, and loads the
 *     following sets of readers in use anew. Streams hear of it by the boundary that the store has put into the log; of another
 *     store they are told at once.
 *   - effects may be gone although their entries are there: pushes, places of jobs, acknowledgements. Jobs begin again from
 *     what Redis has kept, and the marks of how far the logs are applied are taken anew, before anything is read. What is then
 *     below the ring is read into it again; `delivered` keeps it from the streams. */
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "feed/frames.h"
#include "feed/internal.h"

#define PRELOAD_MS 60000

uint64_t tail_position(const struct feed *feed, unsigned partition)
{
    uint64_t position = feed->positions[partition], delivered = feed->delivered[partition];

    return position > delivered ? position : delivered;
}

void tail_forget(struct feed *feed, unsigned partition, uint64_t position)
{
    uint64_t seen = tail_position(feed, partition);

    ring_done(feed, partition);
    bigs_want(feed, partition);
    names_forget(feed, partition);
    feed->rings[partition].floor = position;
    if (seen > position)
        feed->lost[partition] = seen;
    feed->positions[partition] = position;
    feed->delivered[partition] = position;
    feed->exact[partition] = true;
    feed->applied[partition] = 0;
    feed->token_generation++;
}

void report_loss(struct feed *feed, const uint64_t *ranges, size_t count)
{
    struct frame *frame = frame_of_gap(FEED__GAP_REASON__GAP_LOST, ranges, count);

    for (size_t i = 0; frame && i < feed->streams.capacity; i++)
        if (feed->streams.slots[i].id != 0)
            stream_send(feed, feed->streams.slots[i].value, frame);
    frame_unref(frame);
    metrics.gaps++;
}

/* The position that a stream has not passed may be one that is gone. */
static void move_streams(struct feed *feed, unsigned partition, bool other, uint64_t position)
{
    for (size_t i = 0; i < feed->streams.capacity; i++) {
        struct subscription *stream = feed->streams.slots[i].value;

        if (feed->streams.slots[i].id == 0 || stream->state == SUBSCRIPTION_LIVE)
            continue;
        catchup_restart(stream);
        if (other || stream->position[partition] > position)
            stream->position[partition] = position;
    }
}

/* Goes back to the last entry that is still there; where nothing is known of what is there, goes on behind its last one.
 * Returns whether anything was lost. */
static bool go_back(struct feed *feed, bool other)
{
    uint64_t ranges[2 * PARTITIONS_MAX];
    size_t count = 0;
    bool lost = false;

    for (unsigned partition = 0; partition < feed->partitions; partition++) {
        uint64_t seen = tail_position(feed, partition), position;
        bool known = !other && store_run_end(feed->store, partition, feed->marks[partition], &position);

        if (known && position >= seen)
            continue;
        if (!known) {
            log_error("other-store", "partition=%u epoch=%016" PRIx64, partition, store_epoch(feed->store));
            position = store_last_id(feed->store, partition);
            ranges[2 * count] = 0;
            ranges[2 * count + 1] = position > seen ? position : seen; /* others may have seen more, or been here first */
            count++;
        }
        tail_forget(feed, partition, position);
        move_streams(feed, partition, !known, position);
        lost = true;
    }
    if (count > 0)
        report_loss(feed, ranges, count);
    return lost;
}

void feed_reopen(struct feed *feed)
{
    bool first = feed->epoch == 0, other = !first && feed->epoch != store_epoch(feed->store), restarted = first || other;

    for (unsigned partition = 0; partition < feed->partitions; partition++)
        restarted = restarted || feed->marks[partition] != store_mark(feed->store, partition);
    if (restarted) {
        bool lost = !first && go_back(feed, other);

        if (lost)
            bodies_done(feed);
        jobs_reset(feed);
        feed->recent_generation++;
        memset(feed->applied, 0, sizeof(feed->applied));
        feed->placed = false;
        feed->epoch = store_epoch(feed->store);
        for (unsigned partition = 0; partition < feed->partitions; partition++)
            feed->marks[partition] = store_mark(feed->store, partition);
        feed->token_generation++;
        readers_reload(feed, lost);
        bigs_reset(feed);
    } else {
        readers_reload(feed, false);
    }
    bigs_ask(feed);
    tail_sample_applied(feed);
}

/* Where the tail begins: at what is not fully applied, and at first at least a minute back, as the ids tell the time. */
static uint64_t beginning(const struct feed *feed, unsigned partition)
{
    uint64_t preload = id_earlier(store_last_id(feed->store, partition), PRELOAD_MS);

    return feed->applied[partition] < preload ? feed->applied[partition] : preload;
}

void tail_place(struct feed *feed)
{
    for (unsigned partition = 0; partition < feed->partitions; partition++) {
        bool begun = feed->begun;
        uint64_t from = begun ? feed->applied[partition] : beginning(feed, partition);

        if (begun && from >= feed->rings[partition].floor)
            continue;
        feed->delivered[partition] = tail_position(feed, partition);
        ring_done(feed, partition);
        feed->rings[partition].floor = from;
        feed->positions[partition] = from;
        feed->exact[partition] = false;
        feed->caught_up = false;
    }
    feed->begun = true;
    feed->placed = true;
}
