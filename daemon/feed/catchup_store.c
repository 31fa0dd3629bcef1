/* Catching up out of the store, where the ring does not reach back far enough: the shares of the timeline or profile and the
 * deletions between the stream's position and where the tail stood when this began are collected, and sent oldest first.
 * Whatever happens on the way, a full queue included, the stream's position says what was sent, and it begins again from
 * there: so a stream that waits holds nothing but its position, and what is in memory here waits for an answer of the store. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"
#include "feed/catchup.h"
#include "feed/frames.h"

/* The stream goes its own way. */
static void detach(struct catchup *catchup)
{
    catchup->stream->catchup = NULL;
    catchup->stream->subscriber->collecting--;
    catchup->stream = NULL;
}

static void catchup_end(struct catchup *catchup)
{
    struct feed *feed = catchup->feed;

    if (catchup->stream)
        detach(catchup);
    for (size_t i = 0; i < catchup->count; i++) {
        frame_unref(catchup->missed[i].event.frame);
        subject_unref(&feed->subjects, catchup->missed[i].event.subject);
    }
    if (catchup->reader)
        reader_unpin(feed, catchup->reader);
    subject_unref(&feed->subjects, catchup->author);
    free(catchup->missed);
    free(catchup);
}

void catchup_cancel(struct subscription *stream)
{
    if (stream->catchup)
        detach(stream->catchup); /* it ends when the store answers */
}

/* What was sent, oldest first over all partitions, is not sent again. */
static void note_progress(struct catchup *catchup)
{
    for (unsigned partition = 0; catchup->at > 0 && partition < catchup->feed->partitions; partition++) {
        uint64_t newest = catchup->missed[catchup->at - 1].id;
        uint64_t sent = (newest & ~UINT64_C(63)) | partition; /* a position of that partition, and no higher */
        uint64_t *position = &catchup->stream->position[partition];

        sent = sent <= newest ? sent : sent - 64;
        sent = sent < catchup->target[partition] ? sent : catchup->target[partition];
        *position = *position > sent ? *position : sent;
    }
}

void catchup_stop(struct subscription *stream)
{
    if (!stream->catchup)
        return;
    note_progress(stream->catchup);
    detach(stream->catchup);
}

/* Finds the stream again after a pause: by its key, as it may have ended. */
struct retry {
    struct feed *feed;
    uint64_t conn;
    uint32_t request_id;
};

static void on_retry(void *context)
{
    struct retry retry = *(struct retry *)context;
    struct subscription *stream = stream_find(retry.feed, retry.conn, retry.request_id);

    free(context);
    if (stream && stream->state == SUBSCRIPTION_CATCHING_UP && !stream->catchup)
        catchup_run(retry.feed, stream);
}

void catchup_fail(struct catchup *catchup)
{
    struct subscription *stream = catchup->stream;
    struct retry *retry = stream ? malloc(sizeof(*retry)) : NULL;

    if (stream)
        note_progress(catchup);
    if (retry) {
        *retry = (struct retry){catchup->feed, stream->subscriber->conn, stream->request_id};
        if (!feed_call_later(catchup->feed, on_retry, retry))
            free(retry);
    }
    catchup_end(catchup);
}

void catchup_restart(struct subscription *stream)
{
    if (stream->catchup)
        catchup_fail(stream->catchup);
}

static int oldest_first(const void *a, const void *b)
{
    const struct missed *x = a, *y = b;

    return x->id < y->id ? -1 : x->id > y->id ? 1 : 0;
}

/* Says what cannot be vouched for: shares below the timeline's floor, deletions that are forgotten. 0 or -ENOMEM. */
static int report_gaps(struct catchup *catchup)
{
    struct feed *feed = catchup->feed;
    struct subscription *stream = catchup->stream;
    uint64_t ranges[2 * PARTITIONS_MAX];
    size_t count = 0;
    bool too_old = false;

    for (unsigned partition = 0; partition < feed->partitions; partition++) {
        uint64_t after = stream->position[partition], until = catchup->floor;

        too_old = too_old || after < catchup->forgotten[partition];
        if (catchup->forgotten[partition] > until)
            until = catchup->forgotten[partition];
        if (after >= until)
            continue;
        ranges[2 * count] = after;
        ranges[2 * count + 1] = (until & ~UINT64_C(63)) | partition;
        count++;
    }
    if (count == 0)
        return 0;
    struct frame *frame = frame_of_gap(too_old ? FEED__GAP_REASON__GAP_TOO_OLD : FEED__GAP_REASON__GAP_CAPPED, ranges, count);
    if (!frame)
        return -ENOMEM;
    stream_send(feed, stream, frame);
    frame_unref(frame);
    metrics.gaps++;
    return 0;
}

static void emit(struct catchup *catchup);

static bool is_fetched(const struct missed *missed)
{
    return !missed->event.frame;
}

/* The event of what was fetched. NULL when memory ends. */
static struct frame *fetched_event(const struct missed *missed, const struct feed_item *item)
{
    if (missed->event.kind == LOG_EDIT)
        return frame_of_edit(missed->id, item);
    return item->is_folded ? frame_of_joining(item->frame) : frame_of_item(item);
}

/* 0 or -ENOMEM. */
static int send_next(struct catchup *catchup, const struct feed_item *item)
{
    struct feed *feed = catchup->feed;
    struct subscription *stream = catchup->stream;
    const struct missed *missed = &catchup->missed[catchup->at];
    struct live_event event = missed->event;

    if (item) {
        event.subject = item->author;
        event.share = item->id;
        event.frame = item->frame;
        event.origin = item->origin;
        event.origin_author = item->origin_author;
    }
    if (event.frame && stream_concerns(feed, stream, &event)) {
        struct frame *frame = item ? fetched_event(missed, item) : frame_ref(event.frame);

        if (!frame)
            return -ENOMEM;
        stream_send(feed, stream, frame);
        frame_unref(frame);
    }
    catchup->at++;
    note_progress(catchup);
    stream_send_progress(feed, stream);
    return 0;
}

static void on_entries(void *context, Feed__ErrorCode error)
{
    struct catchup *catchup = context;
    size_t found = 0;

    while (error == FEED_OK && catchup->stream && found < catchup->batch_count &&
           stream_has_room(catchup->feed, catchup->stream)) {
        bool fetched = is_fetched(&catchup->missed[catchup->at]);

        if (send_next(catchup, fetched ? &catchup->batch[found] : NULL) < 0)
            error = FEED__ERROR_CODE__UNAVAILABLE;
        found += fetched;
    }
    items_done(catchup->feed, catchup->batch, catchup->batch_count);
    if (!catchup->stream)
        catchup_end(catchup);
    else if (error != FEED_OK)
        catchup_fail(catchup);
    else
        emit(catchup);
}

static void on_batch(void *context, Feed__ErrorCode error)
{
    struct catchup *catchup = context;

    if (error == FEED_OK && catchup->reader)
        entries_find(catchup->feed, catchup->reader, catchup->batch, catchup->batch_count, false, on_entries, catchup);
    else
        on_entries(catchup, error);
}

/* Gives its turn to streams of the same connection that wait for one. */
static void pass_on(struct feed *feed, struct feed_subscriber *subscriber)
{
    if (subscriber->wants_turn)
        streams_go_on(feed, subscriber);
}

/* Sends on until all is sent, the queue is full, or bodies must be fetched. */
static void emit(struct catchup *catchup)
{
    struct feed *feed = catchup->feed;
    struct subscription *stream = catchup->stream;
    struct feed_subscriber *subscriber = stream->subscriber;

    while (catchup->at < catchup->count && !is_fetched(&catchup->missed[catchup->at]) && stream_has_room(feed, stream))
        send_next(catchup, NULL);
    if (catchup->at == catchup->count) {
        memcpy(stream->position, catchup->target, feed->partitions * sizeof(uint64_t));
        catchup_end(catchup);
        catchup_run(feed, stream);
        pass_on(feed, subscriber);
        return;
    }
    if (!stream_has_room(feed, stream)) {
        catchup_end(catchup); /* the stream goes on when the queue has drained */
        return;
    }
    catchup->batch_count = 0;
    for (size_t i = catchup->at; i < catchup->count && catchup->batch_count < CATCHUP_BATCH; i++)
        if (is_fetched(&catchup->missed[i]))
            catchup->batch[catchup->batch_count++].id =
                catchup->missed[i].event.kind == LOG_EDIT ? catchup->missed[i].event.share : catchup->missed[i].id;
    hydrate(feed, catchup->batch, catchup->batch_count, on_batch, catchup);
}

void catchup_collected(struct catchup *catchup)
{
    if (!catchup->stream) {
        catchup_end(catchup);
        return;
    }
    if (catchup->count > 1)
        qsort(catchup->missed, catchup->count, sizeof(*catchup->missed), oldest_first);
    if (report_gaps(catchup) < 0)
        catchup_fail(catchup); /* a Gap must not be kept back: it begins again */
    else
        emit(catchup);
}

void catchup_store(struct feed *feed, struct subscription *stream)
{
    struct catchup *catchup;

    if (!stream_begins_to_collect(stream))
        return;
    catchup = calloc(1, sizeof(*catchup));
    if (!catchup) {
        stream->subscriber->collecting--;
        return; /* tried again when the heartbeat is due */
    }
    catchup->feed = feed;
    catchup->stream = stream;
    catchup->author = NO_SUBJECT;
    catchup->reader = stream->reader;
    stream->catchup = catchup;
    marker_missed(stream);
    for (unsigned partition = 0; partition < feed->partitions; partition++)
        catchup->target[partition] = tail_position(feed, partition);
    catchup->deletions_after = stream->position[0];
    if (stream->reader)
        reader_pin(feed, stream->reader);
    stream_rows[stream->kind].collect(catchup);
}
