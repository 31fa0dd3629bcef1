/* Catching up out of the store, where the ring does not reach back far enough: the shares of the timeline or profile and the
 * deletions between the stream's position and where the tail stood when this began are collected, and sent oldest first.
 * Whatever happens on the way, a full queue included, the stream's position says what was sent, and it begins again from
 * there: so a stream that waits holds nothing but its position, and what is in memory here waits for an answer of the store. */
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
    struct frame *deletion; /* or Gap; NULL: a share */
    uint32_t author;        /* of a deletion; a reference. NO_SUBJECT: a Gap, for everybody */
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
    size_t batch_count;
    struct feed_item batch[BATCH];
};

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

/* The store did not answer: the stream begins again from its position, a little later. */
static void catchup_fail(struct catchup *catchup)
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

static void send_next(struct catchup *catchup, const struct feed_item *item)
{
    struct feed *feed = catchup->feed;
    struct subscription *stream = catchup->stream;
    const struct missed *missed = &catchup->missed[catchup->at++];
    struct frame *frame = missed->deletion ? missed->deletion : item->frame;
    uint32_t author = missed->deletion ? missed->author : item->author;

    if (frame && ((missed->deletion && author == NO_SUBJECT) || stream_concerns(stream, author)))
        stream_send(feed, stream, frame);
    note_progress(catchup);
    stream_send_progress(feed, stream);
}

static void on_batch(void *context, Feed__ErrorCode error)
{
    struct catchup *catchup = context;
    size_t found = 0;

    while (error == FEED_OK && catchup->stream && found < catchup->batch_count &&
           stream_has_room(catchup->feed, catchup->stream)) {
        bool is_share = !catchup->missed[catchup->at].deletion;

        send_next(catchup, is_share ? &catchup->batch[found] : NULL);
        found += is_share;
    }
    items_done(catchup->feed, catchup->batch, catchup->batch_count);
    if (!catchup->stream)
        catchup_end(catchup);
    else if (error != FEED_OK)
        catchup_fail(catchup);
    else
        emit(catchup);
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

    while (catchup->at < catchup->count && catchup->missed[catchup->at].deletion && stream_has_room(feed, stream))
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
    for (size_t i = catchup->at; i < catchup->count && catchup->batch_count < BATCH; i++)
        if (!catchup->missed[i].deletion)
            catchup->batch[catchup->batch_count++].id = catchup->missed[i].id;
    hydrate(feed, catchup->batch, catchup->batch_count, on_batch, catchup);
}

static void collected(struct catchup *catchup)
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

/* Takes the frame over. */
static int add_frame(struct catchup *catchup, uint64_t id, struct frame *frame, uint32_t author)
{
    if (!frame)
        return -ENOMEM;
    if (add_missed(catchup, (struct missed){.id = id, .deletion = frame, .author = author}) == 0) {
        if (author != NO_SUBJECT)
            subject_ref(&catchup->feed->subjects, author);
        return 0;
    }
    frame_unref(frame);
    return -ENOMEM;
}

/* `gap:after`, and the position of the boundary. */
static int add_boundary(struct catchup *catchup, struct text member, uint64_t id)
{
    const uint64_t range[2] = {strtoull(member.data + strlen("gap:"), NULL, 10), id};

    metrics.gaps++;
    return add_frame(catchup, id, frame_of_gap(FEED__GAP_REASON__GAP_LOST, range, 1), NO_SUBJECT);
}

/* `share:author`, and the position of the deletion. */
static int add_deletion(struct catchup *catchup, struct text member, uint64_t id)
{
    if (member.size > 4 && memcmp(member.data, "gap:", 4) == 0)
        return add_boundary(catchup, member, id);

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
    return add_frame(catchup, id, frame_of_deletion(id, share_id, author), slot);
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
    catchup->reader = stream->reader;
    stream->catchup = catchup;
    for (unsigned partition = 0; partition < feed->partitions; partition++)
        catchup->target[partition] = tail_position(feed, partition);
    catchup->deletions_after = stream->position[0];
    if (stream->reader) {
        reader_pin(feed, stream->reader);
        timeline_fetch(feed, stream->reader, on_timeline, catchup);
    } else if (store_profile(feed->store, subject_name(&feed->subjects, stream->subject), 0, PROFILE_MAX, on_profile,
                             catchup) < 0) {
        catchup_fail(catchup);
    }
}
