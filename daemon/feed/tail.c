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

/* Entries up to `delivered` are read again for the ring only. */
static bool is_new(const struct feed *feed, const struct log_entry *entry)
{
    return entry->id > feed->delivered[entry->partition];
}

/* An entry's predecessor is not what was seen last: what lies between was trimmed or lost before this daemon came to it. */
static void on_hole(struct feed *feed, const struct log_entry *entry)
{
    uint64_t seen = feed->positions[entry->partition];
    const uint64_t range[2] = {seen < entry->previous ? seen : entry->previous, seen < entry->previous ? entry->previous : seen};

    log_error("log-hole", "partition=%u after=%" PRIu64 " until=%" PRIu64, entry->partition, range[0], range[1]);
    tail_forget(feed, entry->partition, entry->previous);
    report_loss(feed, range, 1);
}

static void deliver(struct feed *feed, const struct ring_entry *kept)
{
    live_deliver(feed, &(struct live_event){kept->kind, kept->subject, share_of_entry(kept), kept->frame, NO_SUBJECT});
}

static int take_share(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    struct feed_item item = {.id = entry->id, .author = kept->subject};

    if (entry->is_merged && big_note(feed, kept->subject, entry->id) < 0)
        return -ENOMEM;
    if (entry->name.data && name_set(feed, kept->subject, entry->name) < 0)
        return -ENOMEM;
    item.name_stamp = kept->name_stamp = name_stamp(feed, kept->subject);
    item.frame = frame_of_share(entry->id, entry->body, NULL, name_of(feed, kept->subject), &item.share_bytes);
    if (!item.frame)
        return -ENOMEM;
    kept->frame = item.frame;
    bodies_put(feed, &item);
    if (is_new(feed, entry)) {
        trace_read(feed, entry->id);
        hot_note(&feed->hot, entry->subject, feed->subjects.slots[kept->subject]->hash, 1, 0);
        recents_add(feed, kept->subject, entry->id);
        deliver(feed, kept);
    }
    return 0;
}

static int take_deletion(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    static char mark;

    bodies_drop(feed, entry->other);
    feed->revisions++;
    kept->frame = frame_of_deletion(entry->id, entry->other, entry->subject);
    if (!kept->frame || idmap_set(&feed->deleted, entry->other, &mark) < 0)
        return -ENOMEM;
    if (is_new(feed, entry))
        deliver(feed, kept);
    return 0;
}

/* Pages that hold the share are not true any more. */
static int take_revision(struct feed *feed, const struct log_entry *entry)
{
    feed->revisions++;
    return share_revise(feed, entry->share, &entry->counts, entry->kind == LOG_EDIT ? entry->body : (struct text){NULL, 0});
}

static int take_edit(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    uint32_t share_bytes;
    struct frame *share = frame_of_share(entry->share, entry->body, &entry->counts, entry->name, &share_bytes);

    kept->frame = share ? frame_of_edit(entry->id, share, share_bytes) : NULL;
    frame_unref(share);
    if (!kept->frame || take_revision(feed, entry) < 0)
        return -ENOMEM;
    if (is_new(feed, entry))
        deliver(feed, kept);
    return 0;
}

static int take_comment(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    kept->reader = subject_intern(&feed->subjects, entry->reader);
    kept->frame = frame_of_comment(entry->id, entry->body, entry->subject);
    if (kept->reader == NO_SUBJECT || !kept->frame || take_revision(feed, entry) < 0)
        return -ENOMEM;
    if (!is_new(feed, entry))
        return 0;
    deliver(feed, kept);
    return notice_deliver(feed, kept);
}

static int take_uncomment(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    static char mark;

    kept->frame = frame_of_comment_deletion(entry->id, entry->other, entry->share, entry->subject);
    if (!kept->frame || idmap_set(&feed->deleted, entry->other, &mark) < 0 || take_revision(feed, entry) < 0)
        return -ENOMEM;
    if (is_new(feed, entry))
        deliver(feed, kept);
    return 0;
}

/* What may have stood between `other` and this entry cannot be vouched for. */
static int take_boundary(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    const uint64_t range[2] = {entry->other, entry->id};

    kept->frame = frame_of_gap(FEED__GAP_REASON__GAP_LOST, range, 1);
    if (!kept->frame)
        return -ENOMEM;
    if (!is_new(feed, entry))
        return 0;
    if (feed->caught_up) /* else it is old news */
        log_warning("boundary", "partition=%u after=%" PRIu64 " until=%" PRIu64, entry->partition, range[0], range[1]);
    metrics.gaps++;
    live_deliver_to_all(feed, kept->frame);
    return 0;
}

/* Timelines in memory do not hear of what is pushed behind them. */
static int take_retry(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    (void)kept;
    feed->recent_generation++;
    feed->unsettled[entry->partition] = entry->id;
    return 0;
}

static int take_edge(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    kept->reader = subject_intern(&feed->subjects, entry->reader);
    if (kept->reader == NO_SUBJECT)
        return -ENOMEM;
    reader_edge(feed, entry->kind == LOG_EDGE, kept->reader, kept->subject, entry->other, entry->kept);
    return entry->kind == LOG_EDGE && is_new(feed, entry) ? notice_deliver(feed, kept) : 0;
}

/* What a kind of entry hides, from whom. In the log of the reader the reader is named as such; in that of who is barred, as the
 * subject. */
static int take_hiding(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    static const struct {
        enum hidden_reason reason;
        bool is_hidden, from_subject;
    } hidings[] = {
        [LOG_MUTE] = {HIDDEN_MUTED, true, false},     [LOG_UNMUTE] = {HIDDEN_MUTED, false, false},
        [LOG_BLOCK] = {HIDDEN_BLOCKED, true, false},  [LOG_UNBLOCK] = {HIDDEN_BLOCKED, false, false},
        [LOG_BAR] = {HIDDEN_BARRED, true, true},      [LOG_UNBAR] = {HIDDEN_BARRED, false, true},
    };
    bool from_subject = hidings[entry->kind].from_subject;

    kept->reader = subject_intern(&feed->subjects, entry->reader);
    if (kept->reader == NO_SUBJECT)
        return -ENOMEM;
    return reader_hide(feed, from_subject ? kept->subject : kept->reader, from_subject ? kept->reader : kept->subject,
                       hidings[entry->kind].reason, hidings[entry->kind].is_hidden, entry->id);
}

static int take_erasure(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    struct subject *subject = feed->subjects.slots[kept->subject];
    uint64_t position = entry->kind == LOG_ERASE ? entry->id : entry->other;

    if (position > subject->erased_at)
        subject->erased_at = position;
    feed->revisions++;
    if (subject->reader)
        recent_drop(feed, subject->reader);
    if (entry->kind == LOG_ERASING)
        return 0;
    kept->frame = frame_of_subject_deletion(entry->id, entry->subject);
    if (!kept->frame || name_change(feed, kept->subject, (struct text){"", 0}) < 0)
        return -ENOMEM;
    if (is_new(feed, entry))
        deliver(feed, kept);
    return 0;
}

static int take_subject(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    return name_change(feed, kept->subject, entry->name);
}

static int take_notice(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    int error = notice_take(feed, entry->id, entry->body, kept);

    return error == 0 && is_new(feed, entry) ? notice_deliver(feed, kept) : error;
}

static int take_marker(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    if (is_new(feed, entry))
        markers_moved(feed, kept->subject, entry->kind);
    return 0;
}

/* 0 or -ENOMEM: then nobody was shown the entry. */
typedef int take_fn(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept);

/* What each kind of entry does here; those without a row only move the position. */
static take_fn *const takers[LOG_UNKNOWN + 1] = {
    [LOG_SHARE] = take_share,
    [LOG_DELETE] = take_deletion,
    [LOG_EDGE] = take_edge,
    [LOG_UNEDGE] = take_edge,
    [LOG_BOUNDARY] = take_boundary,
    [LOG_RETRY] = take_retry,
    [LOG_SUBJECT] = take_subject,
    [LOG_EDIT] = take_edit,
    [LOG_COMMENT] = take_comment,
    [LOG_UNCOMMENT] = take_uncomment,
    [LOG_ERASE] = take_erasure,
    [LOG_ERASING] = take_erasure,
    [LOG_MUTE] = take_hiding,
    [LOG_UNMUTE] = take_hiding,
    [LOG_BLOCK] = take_hiding,
    [LOG_UNBLOCK] = take_hiding,
    [LOG_BAR] = take_hiding,
    [LOG_UNBAR] = take_hiding,
    [LOG_READ] = take_marker,
    [LOG_READ_INBOX] = take_marker,
    [LOG_NOTICE] = take_notice,
};

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
    return stream_events_of(entry->kind) && is_new(feed, entry) &&
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
    if (takers[entry->kind]) {
        if (entry->subject.size > 0)
            kept.subject = subject_intern(&feed->subjects, entry->subject);
        if (kept.subject != NO_SUBJECT || entry->kind == LOG_BOUNDARY || entry->kind == LOG_RETRY)
            error = takers[entry->kind](feed, entry, &kept);
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
