/* The tail: every entry of every log, in order, into this daemon's memory and on to its streams.
 *
 * It begins at what is not fully applied, and at least a minute back, so that the ring can serve clients that come back
 * after a restart. Nothing is served until it has come up to what was there when it began. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "feed/frames.h"
#include "feed/internal.h"

struct waiter {
    uint64_t position;
    feed_wait_fn *fn;
    void *context;
    struct waiter *next;
};

/* ---- entries ---- */

/* An entry's predecessor is not what was seen last: what lies between was trimmed or lost before this daemon came to it. */
static void on_hole(struct feed *feed, const struct log_entry *entry)
{
    uint64_t seen = feed->positions[entry->partition];
    const uint64_t range[2] = {seen < entry->previous ? seen : entry->previous, seen < entry->previous ? entry->previous : seen};

    log_error("log-hole", "partition=%u after=%" PRIu64 " until=%" PRIu64, entry->partition, range[0], range[1]);
    tail_forget(feed, entry->partition, entry->previous);
    report_loss(feed, range, 1);
}

/* Memory ended at an entry: without it the ring could not vouch for anything before it, and streams are told if they were
 * not shown it. */
static void lose_entry(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept, uint64_t before, bool shown)
{
    const uint64_t range[2] = {before, entry->id};

    log_error("out-of-memory", "what=ring partition=%u", entry->partition);
    frame_unref(kept->frame);
    subject_unref(&feed->subjects, kept->subject);
    subject_unref(&feed->subjects, kept->reader);
    ring_done(feed, entry->partition);
    names_forget(feed, entry->partition);
    bigs_want(feed, entry->partition);
    feed->rings[entry->partition].floor = entry->id;
    if (!shown)
        report_loss(feed, range, 1);
}

/* Whether the entry is an event that follows upon those of the run. */
static bool continues_run(const struct feed *feed, const struct log_entry *entry)
{
    return stream_events_of(entry->kind) && entry_is_new(feed, entry) &&
           entry->previous == feed->positions[entry->partition] && live_run_goes_on(feed, entry->subject);
}

/* When an entry was made, by this daemon's clock: one that it meets when it catches up is as much older as its id is than that
 * of the last one there. Else a backlog would seem to be new with each start of a daemon. */
static int64_t made_ms(const struct feed *feed, const struct log_entry *entry)
{
    uint64_t last = store_last_id(feed->store, entry->partition);
    bool is_old = !feed->caught_up && entry->id < last;

    return clock_now_ms() - (is_old ? id_wall_ms(last) - id_wall_ms(entry->id) : 0);
}

static void on_entry(void *context, const struct log_entry *entry)
{
    struct feed *feed = context;
    uint64_t before = feed->positions[entry->partition];
    struct ring_entry kept = {.id = entry->id,
                              .other = entry->other,
                              .share = entry->share,
                              .made_ms = made_ms(feed, entry),
                              .subject = NO_SUBJECT,
                              .reader = NO_SUBJECT,
                              .kind = entry->kind};
    int error = 0;

    if (entry->id <= before)
        return;
    if (!continues_run(feed, entry))
        live_flush(feed);
    if (feed->exact[entry->partition] && entry->previous != before)
        on_hole(feed, entry);
    feed->positions[entry->partition] = entry->id;
    feed->exact[entry->partition] = true;
    store_saw(feed->store, entry->id);
    feed->token_generation++;
    if (entry_takers[entry->kind]) {
        if (entry->subject.size > 0)
            kept.subject = subject_intern(&feed->subjects, entry->subject);
        if (kept.subject != NO_SUBJECT || entry->kind == LOG_BOUNDARY || entry->kind == LOG_RETRY)
            error = entry_takers[entry->kind](feed, entry, &kept);
        else
            error = -ENOMEM;
    }
    if (error < 0 || ring_push(feed, entry->partition, &kept) < 0)
        lose_entry(feed, entry, &kept, before, error == 0);
}

/* ---- waiting for the tail ---- */

bool feed_has_passed(const struct feed *feed, uint64_t position)
{
    unsigned partition = partition_of_id(position);

    /* What the store has lost will not come any more. */
    return feed->positions[partition] >= position || feed->lost[partition] >= position;
}

void feed_wait(struct feed *feed, uint64_t position, feed_wait_fn *fn, void *context)
{
    if (feed->ready && feed_has_passed(feed, position)) {
        fn(context, FEED_OK);
        return;
    }
    struct waiter *waiter = feed->ready ? malloc(sizeof(*waiter)) : NULL;
    if (!waiter) {
        fn(context, FEED__ERROR_CODE__UNAVAILABLE);
        return;
    }
    *waiter = (struct waiter){position, fn, context, feed->waiters};
    feed->waiters = waiter;
}

static void wake(struct feed *feed, bool all, Feed__ErrorCode error)
{
    struct waiter *woken = NULL;

    for (struct waiter **at = &feed->waiters; *at;) {
        struct waiter *waiter = *at;

        if (!all && !feed_has_passed(feed, waiter->position)) {
            at = &waiter->next;
            continue;
        }
        *at = waiter->next;
        waiter->next = woken;
        woken = waiter;
    }
    while (woken) { /* those who waited longest first, as the list is newest first */
        struct waiter *waiter = woken;

        woken = waiter->next;
        waiter->fn(waiter->context, error);
        free(waiter);
    }
}

void waiters_fail(struct feed *feed)
{
    wake(feed, true, FEED__ERROR_CODE__UNAVAILABLE);
}

/* ---- the tail itself ---- */

/* Whether the tail has come up to what was there when the store was opened. A read that found nothing has: what it did not
 * see was trimmed long ago. */
static void look_whether_caught_up(struct feed *feed, bool found_nothing)
{
    bool caught_up = true;

    for (unsigned partition = 0; partition < feed->partitions; partition++) {
        uint64_t last = store_last_id(feed->store, partition);

        if (found_nothing && last > feed->positions[partition]) {
            feed->positions[partition] = last;
            feed->exact[partition] = true;
            feed->token_generation++;
        }
        caught_up = caught_up && last <= feed->positions[partition];
    }
    feed->caught_up = caught_up;
}

static void on_batch_end(void *context, size_t entries)
{
    struct feed *feed = context;

    live_flush(feed);
    health_note_batch(feed, entries);
    if (!feed->caught_up) {
        look_whether_caught_up(feed, entries == 0);
        if (feed->caught_up)
            catchup_run_all(feed);
    }
    wake(feed, false, FEED_OK);
    feed_check_ready(feed);
}

static const struct log_handlers tail_handlers = {on_entry, on_batch_end};

void tail_read(struct feed *feed)
{
    if (feed->placed && feed->reloads == 0 && store_tail_is_up(feed->store))
        store_tail(feed->store, feed->positions, &tail_handlers, feed);
    feed_check_ready(feed);
}

/* ---- how far the logs are applied ---- */

struct sample {
    struct feed *feed;
    unsigned partition;
};

static void on_applied(void *context, const struct reply *reply)
{
    struct sample sample = *(struct sample *)context;
    struct feed *feed = sample.feed;

    free(context);
    feed->samples_pending--;
    if (reply_error(reply) == 0) {
        uint64_t applied = store_read_applied(reply, sample.partition);

        feed->backlog[sample.partition] = store_read_backlog(reply);
        if (applied > feed->applied[sample.partition])
            feed->applied[sample.partition] = applied;
        feed->sampled |= UINT64_C(1) << sample.partition;
    }
    if (feed->samples_pending > 0 || feed->placed || feed->sampled != UINT64_MAX >> (64 - feed->partitions))
        return;
    tail_place(feed);
    tail_read(feed);
}

void tail_sample_applied(struct feed *feed)
{
    if (feed->samples_pending > 0)
        return;
    feed->sampled = 0;
    for (unsigned partition = 0; partition < feed->partitions; partition++) {
        struct sample *sample = malloc(sizeof(*sample));

        if (!sample)
            return;
        *sample = (struct sample){feed, partition};
        if (store_applied(feed->store, partition, on_applied, sample) < 0) {
            free(sample);
            return;
        }
        feed->samples_pending++;
    }
}

int64_t feed_lag_ms(const struct feed *feed)
{
    int64_t oldest_ms = INT64_MAX;

    for (unsigned partition = 0; partition < feed->partitions; partition++) {
        const struct ring *ring = &feed->rings[partition];
        size_t index = ring_above(ring, feed->applied[partition]);

        if (index < ring->count && ring_at(ring, index)->made_ms < oldest_ms)
            oldest_ms = ring_at(ring, index)->made_ms;
    }
    return oldest_ms == INT64_MAX ? 0 : clock_now_ms() - oldest_ms;
}
