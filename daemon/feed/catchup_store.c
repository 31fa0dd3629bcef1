/* Catching up out of the store, where the ring does not reach back far enough: the shares of the timeline or profile and the
 * deletions between the stream's position and where the tail stood when this began are collected, and sent oldest first.
 * Whatever happens on the way, the stream's position says what was sent, and it begins again from there. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"
#include "feed/frames.h"
#include "feed/internal.h"

#define BATCH 64
#define PROFILE_MAX 5000 /* shares of one profile that are caught up with before it is a Gap */

struct missed {
    uint64_t id;
    struct frame *deletion; /* NULL: a share */
    uint32_t author;        /* of a deletion; a reference */
};

struct catchup {
    struct feed *feed;
    struct subscription *stream; /* NULL once it has ended */
    struct reader *reader;       /* pinned; NULL: a profile */
    uint64_t target[PARTITIONS_MAX];
    unsigned partition;   /* whose deletions are read */
    uint64_t deletions_after; /* in that partition: up to here they were read */
    uint64_t floor;       /* shares up to here are not vouched for */
    uint64_t forgotten[PARTITIONS_MAX]; /* deletions up to here are not */
    struct missed *missed;
    size_t count;
    size_t capacity;
    size_t at;            /* sent up to here */
    bool collected;
    bool fetching;
    size_t batch_count;
    struct feed_item batch[BATCH];
};

static void catchup_end(struct catchup *catchup)
{
    struct feed *feed = catchup->feed;

    if (catchup->stream)
        catchup->stream->catchup = NULL;
    for (size_t i = 0; i < catchup->count; i++)
        if (catchup->missed[i].deletion) {
            frame_unref(catchup->missed[i].deletion);
            subject_unref(&feed->subjects, catchup->missed[i].author);
        }
    if (catchup->reader)
        reader_unpin(feed, catchup->reader);
    free(catchup->missed);
    free(catchup);
}

void catchup_cancel(struct subscription *stream)
{
    struct catchup *catchup = stream->catchup;

    if (!catchup)
        return;
    catchup->stream = NULL;
    stream->catchup = NULL;
    if (catchup->collected && !catchup->fetching)
        catchup_end(catchup); /* it is paused: nobody else will */
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

/* The store did not answer: the stream begins again from its position, a little later. */
static void catchup_fail(struct catchup *catchup)
{
    struct subscription *stream = catchup->stream;
    struct retry *retry = stream ? malloc(sizeof(*retry)) : NULL;

    /* What was sent, oldest first over all partitions, is not sent again. */
    for (unsigned partition = 0; stream && catchup->at > 0 && partition < catchup->feed->partitions; partition++) {
        uint64_t sent = catchup->missed[catchup->at - 1].id;
        uint64_t *position = &stream->position[partition];

        sent = sent < catchup->target[partition] ? sent : catchup->target[partition];
        *position = *position > sent ? *position : sent;
    }

    if (retry) {
        *retry = (struct retry){catchup->feed, stream->subscriber->conn, stream->request_id};
        if (!feed_call_later(catchup->feed, on_retry, retry))
            free(retry);
    }
    catchup_end(catchup);
}

static int add_missed(struct catchup *catchup, struct missed missed)
{
    if (catchup->count == catchup->capacity) {
        size_t capacity = catchup->capacity ? catchup->capacity * 2 : 256;
        struct missed *larger = realloc(catchup->missed, capacity * sizeof(*larger));

        if (!larger)
            return -ENOMEM;
        catchup->missed = larger;
        catchup->capacity = capacity;
    }
    catchup->missed[catchup->count++] = missed;
    return 0;
}

static int oldest_first(const void *a, const void *b)
{
    const struct missed *x = a, *y = b;

    return x->id < y->id ? -1 : x->id > y->id ? 1 : 0;
}

/* Says what cannot be vouched for: shares below the timeline's floor, deletions that are forgotten. */
static void report_gaps(struct catchup *catchup)
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
        return;
    struct frame *frame = frame_of_gap(too_old ? FEED__GAP_REASON__GAP_TOO_OLD : FEED__GAP_REASON__GAP_CAPPED, ranges, count);
    if (frame)
        stream_send(feed, stream, frame);
    frame_unref(frame);
    metrics.gaps++;
}

static void emit(struct catchup *catchup);

static void send_missed(struct catchup *catchup, const struct missed *missed, const struct feed_item *item)
{
    struct feed *feed = catchup->feed;
    struct subscription *stream = catchup->stream;
    struct frame *frame = missed->deletion ? missed->deletion : item->frame;
    uint32_t author = missed->deletion ? missed->author : item->author;

    if (frame && stream_concerns(stream, author))
        stream_send(feed, stream, frame);
}

static void on_batch(void *context, Feed__ErrorCode error)
{
    struct catchup *catchup = context;
    size_t found = 0;

    catchup->fetching = false;
    while (error == FEED_OK && catchup->stream && found < catchup->batch_count &&
           stream_has_room(catchup->feed, catchup->stream)) {
        const struct missed *missed = &catchup->missed[catchup->at];

        send_missed(catchup, missed, &catchup->batch[found]);
        found += !missed->deletion;
        catchup->at++;
    }
    items_done(catchup->feed, catchup->batch, catchup->batch_count);
    if (!catchup->stream)
        catchup_end(catchup);
    else if (error != FEED_OK)
        catchup_fail(catchup);
    else
        emit(catchup);
}

/* Sends on until all is sent, the queue is full, or bodies must be fetched. */
static void emit(struct catchup *catchup)
{
    struct feed *feed = catchup->feed;
    struct subscription *stream = catchup->stream;

    while (catchup->at < catchup->count && catchup->missed[catchup->at].deletion && stream_has_room(feed, stream))
        send_missed(catchup, &catchup->missed[catchup->at++], NULL);
    if (catchup->at == catchup->count) {
        memcpy(stream->position, catchup->target, feed->partitions * sizeof(uint64_t));
        catchup_end(catchup);
        catchup_run(feed, stream);
        return;
    }
    if (!stream_has_room(feed, stream))
        return; /* goes on when the queue has drained */
    catchup->batch_count = 0;
    for (size_t i = catchup->at; i < catchup->count && catchup->batch_count < BATCH; i++)
        if (!catchup->missed[i].deletion)
            catchup->batch[catchup->batch_count++].id = catchup->missed[i].id;
    catchup->fetching = true;
    hydrate(feed, catchup->batch, catchup->batch_count, on_batch, catchup);
}

static void collected(struct catchup *catchup)
{
    catchup->collected = true;
    if (!catchup->stream) {
        catchup_end(catchup);
        return;
    }
    if (catchup->count > 1)
        qsort(catchup->missed, catchup->count, sizeof(*catchup->missed), oldest_first);
    report_gaps(catchup);
    emit(catchup);
}

/* ---- collecting ---- */

static bool within(const struct catchup *catchup, uint64_t id)
{
    unsigned partition = partition_of_id(id);

    return partition < catchup->feed->partitions && id > catchup->stream->position[partition] &&
           id <= catchup->target[partition];
}

static int add_shares(struct catchup *catchup, const uint64_t *ids, size_t count)
{
    int error = 0;

    for (size_t i = 0; i < count && error == 0; i++)
        if (within(catchup, ids[i]))
            error = add_missed(catchup, (struct missed){.id = ids[i]});
    return error;
}

/* `share:author`, and the position of the deletion. */
static int add_deletion(struct catchup *catchup, struct text member, uint64_t id)
{
    struct feed *feed = catchup->feed;
    const char *colon = memchr(member.data, ':', member.size);
    uint64_t share_id = strtoull(member.data, NULL, 10);

    uint64_t position = catchup->stream->position[partition_of_id(share_id) & (feed->partitions - 1)];

    if (!colon || (!catchup->stream->resumed && share_id > position))
        return 0;
    struct text author = {colon + 1, member.size - (size_t)(colon + 1 - member.data)};
    uint32_t slot = subject_find(&feed->subjects, author);
    if (slot == NO_SUBJECT || !stream_concerns(catchup->stream, slot))
        return 0;
    struct missed missed = {.id = id, .deletion = frame_of_deletion(id, share_id, author), .author = slot};
    if (!missed.deletion)
        return -ENOMEM;
    subject_ref(&feed->subjects, slot);
    if (add_missed(catchup, missed) == 0)
        return 0;
    subject_unref(&feed->subjects, slot);
    frame_unref(missed.deletion);
    return -ENOMEM;
}

static void read_deletions(struct catchup *catchup);

static void next_deletions(struct catchup *catchup)
{
    catchup->partition++;
    if (catchup->stream && catchup->partition < catchup->feed->partitions)
        catchup->deletions_after = catchup->stream->position[catchup->partition];
    read_deletions(catchup);
}

/* [the highest position forgotten, [`share:author`, position, …]] */
static void on_deletions(void *context, const struct reply *reply)
{
    struct catchup *catchup = context;
    const struct reply *rows = reply_at(reply, 1);
    size_t count = reply_count(rows) / 2;
    int error = reply_error(reply);

    for (size_t i = 0; catchup->stream && error == 0 && i < count; i++) {
        catchup->deletions_after = reply_id(reply_at(rows, 2 * i + 1));
        error = add_deletion(catchup, reply_text(reply_at(rows, 2 * i)), catchup->deletions_after);
    }
    catchup->forgotten[catchup->partition] = reply_id(reply_at(reply, 0));
    if (error < 0)
        catchup_fail(catchup);
    else if (count == DELETIONS_PAGE)
        read_deletions(catchup);
    else
        next_deletions(catchup);
}

static void read_deletions(struct catchup *catchup)
{
    unsigned partition = catchup->partition;

    if (!catchup->stream || partition == catchup->feed->partitions)
        collected(catchup);
    else if (store_deletions(catchup->feed->store, partition, catchup->deletions_after, catchup->target[partition],
                             on_deletions, catchup) < 0)
        catchup_fail(catchup);
}

static void on_timeline(void *context, Feed__ErrorCode error, struct timeline *timeline, bool rebuilding)
{
    struct catchup *catchup = context;

    if (error != FEED_OK || rebuilding) {
        catchup_fail(catchup);
        return;
    }
    int added = catchup->stream ? add_shares(catchup, timeline->ids, timeline->count) : 0;
    catchup->floor = timeline->floor;
    free(timeline->ids);
    if (added < 0)
        catchup_fail(catchup);
    else
        read_deletions(catchup);
}

static void on_profile(void *context, const struct reply *reply)
{
    struct catchup *catchup = context;
    size_t count = reply_count(reply) / 2;
    int error = reply_error(reply);

    for (size_t i = 0; catchup->stream && error == 0 && i < count; i++) {
        uint64_t id = reply_id(reply_at(reply, 2 * i + 1));

        if (id > 0)
            error = add_shares(catchup, &id, 1);
        if (id == 0 && i > 0) /* the marker that older ones were dropped */
            catchup->floor = reply_id(reply_at(reply, 2 * i - 1)) - 1;
        else if (i + 1 == PROFILE_MAX)
            catchup->floor = id - 1;
    }
    if (error < 0)
        catchup_fail(catchup);
    else
        read_deletions(catchup);
}

void catchup_store_go_on(struct catchup *catchup)
{
    if (catchup->collected && !catchup->fetching)
        emit(catchup);
}

void catchup_store(struct feed *feed, struct subscription *stream)
{
    struct catchup *catchup = calloc(1, sizeof(*catchup));

    if (!catchup)
        return; /* tried again when the heartbeat is due */
    catchup->feed = feed;
    catchup->stream = stream;
    catchup->reader = stream->reader;
    stream->catchup = catchup;
    memcpy(catchup->target, feed->positions, sizeof(catchup->target));
    catchup->deletions_after = stream->position[0];
    if (stream->reader) {
        reader_pin(feed, stream->reader);
        timeline_fetch(feed, stream->reader, on_timeline, catchup);
    } else if (store_profile(feed->store, subject_name(&feed->subjects, stream->subject), 0, PROFILE_MAX, on_profile,
                             catchup) < 0) {
        catchup_fail(catchup);
    }
}
