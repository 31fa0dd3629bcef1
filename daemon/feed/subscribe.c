/* Streams: how they are opened, placed and ended. A stream is placed in a single turn of the loop, between two entries of
 * the log: what was tailed before is caught up with, what is tailed afterwards finds it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"
#include "feed/frames.h"
#include "feed/internal.h"

/* The low half of a connection's id is its own among those open. */
static uint64_t stream_key(uint64_t conn, uint32_t request_id)
{
    return conn << 32 | request_id;
}

struct subscription *stream_find(const struct feed *feed, uint64_t conn, uint32_t request_id)
{
    struct subscription *stream = idmap_get(&feed->streams, stream_key(conn, request_id));

    return stream && stream->subscriber->conn == conn ? stream : NULL;
}

struct opening {
    struct feed *feed;
    struct subscription *stream;
    struct feed_subscriber *subscriber; /* NULL once it is gone */
    struct reader *reader;              /* pinned, once it is there */
    struct frame *gap;                  /* what the token has seen and the store has lost, or NULL */
    feed_subscribe_fn *fn;
    void *context;
    bool has_token;
    struct feed_item share;             /* looked up, to see whether it is there */
    unsigned asked; /* partition whose last id was asked for */
    struct opening *next;
    size_t name_bytes, reader_bytes;
    char names[]; /* of its subject or reader, and of who looks */
};

static void opening_end(struct opening *opening, Feed__ErrorCode error)
{
    struct opening **at = &opening->feed->openings;

    while (*at != opening)
        at = &(*at)->next;
    *at = opening->next;
    if (opening->stream) {
        free(opening->stream->position);
        free(opening->stream);
    }
    if (opening->reader)
        reader_unpin(opening->feed, opening->reader);
    frame_unref(opening->gap);
    if (opening->subscriber && error != FEED_OK)
        opening->subscriber->count--;
    opening->fn(opening->context, error);
    free(opening);
}

/* Gives back what the stream holds. */
static void release(struct feed *feed, struct subscription *stream)
{
    if (stream->reader)
        reader_unpin(feed, stream->reader);
    if (!stream_is_of_reader(stream))
        subject_unref(&feed->subjects, stream->subject);
}

/* Puts the stream in place and runs it, all in one turn of the loop: what is tailed from here on finds it. Takes over the
 * reference to the slot, if that is not the reader's own. */
static void join(struct opening *opening, uint32_t slot)
{
    struct feed *feed = opening->feed;
    struct subscription *stream = opening->stream;
    Feed__ErrorCode error = FEED_OK;

    stream->reader = opening->reader;
    opening->reader = NULL;
    stream->subject = slot;
    if (opening->subscriber && stream_find(feed, opening->subscriber->conn, stream->request_id))
        error = FEED__ERROR_CODE__INVALID;
    else if (!opening->subscriber || stream_place(feed, stream) < 0)
        error = FEED__ERROR_CODE__UNAVAILABLE;
    else if (idmap_set(&feed->streams, stream_key(opening->subscriber->conn, stream->request_id), stream) < 0) {
        stream_remove(feed, stream);
        error = FEED__ERROR_CODE__UNAVAILABLE;
    }
    if (error != FEED_OK) {
        release(feed, stream);
        opening_end(opening, error);
        return;
    }
    stream->subscriber = opening->subscriber;
    stream->number = ++feed->streams_opened;
    stream->next_of_subscriber = stream->subscriber->first;
    stream->subscriber->first = stream;

    stream_begin(stream);
    stream->resumed = stream->had_token = opening->has_token;
    if (!opening->has_token)
        for (unsigned partition = 0; partition < feed->partitions; partition++)
            stream->position[partition] = tail_position(feed, partition);
    opening->stream = NULL;
    struct frame *gap = opening->gap;
    opening->gap = NULL;
    uint64_t conn = stream->subscriber->conn;
    uint32_t request_id = stream->request_id;
    opening_end(opening, FEED_OK);
    if (stream_find(feed, conn, request_id) == stream) { /* what is called there may have ended it */
        if (gap)
            stream_send(feed, stream, gap);
        catchup_run(feed, stream);
    }
    frame_unref(gap);
}

static void on_share(void *context, Feed__ErrorCode error)
{
    struct opening *opening = context;

    if (error == FEED_OK && !opening->share.frame)
        error = FEED__ERROR_CODE__NOT_FOUND;
    items_done(opening->feed, &opening->share, 1);
    if (error != FEED_OK)
        opening_end(opening, error);
    else
        join(opening, NO_SUBJECT);
}

/* Who comes back to a share that is not there any more is told that it was deleted. */
static void open_of_share(struct opening *opening)
{
    if (opening->has_token && partition_of_id(opening->stream->share) < opening->feed->partitions) {
        join(opening, NO_SUBJECT);
        return;
    }
    opening->share.id = opening->stream->share;
    hydrate(opening->feed, &opening->share, 1, on_share, opening);
}

static void open_in_place(struct opening *opening)
{
    struct subjects *subjects = &opening->feed->subjects;
    uint32_t slot;

    switch (stream_rows[opening->stream->kind].place) {
    case PLACE_READER:
    case PLACE_OWN:
        join(opening, opening->reader->slot);
        return;
    case PLACE_SHARE:
        open_of_share(opening);
        return;
    case PLACE_SUBJECT:
        slot = subject_intern(subjects, (struct text){opening->names, opening->name_bytes});
        if (slot == NO_SUBJECT)
            opening_end(opening, FEED__ERROR_CODE__UNAVAILABLE);
        else
            join(opening, slot);
    }
}

static void on_reader_passed(void *context, Feed__ErrorCode error)
{
    struct opening *opening = context;

    if (error == FEED_OK)
        open_in_place(opening);
    else
        opening_end(opening, error);
}

/* The stream waits until the tail has come to where the following set was read: a share that the tail is yet to bring may
 * stand before the follow that the set already holds. */
static void on_reader(void *context, Feed__ErrorCode error, struct reader *reader)
{
    struct opening *opening = context;

    if (error != FEED_OK) {
        opening_end(opening, error);
        return;
    }
    opening->reader = reader;
    if (feed_has_passed(opening->feed, reader->loaded_at))
        on_reader_passed(opening, FEED_OK);
    else
        feed_wait(opening->feed, reader->loaded_at, on_reader_passed, opening);
}

static void open_stream(struct opening *opening)
{
    struct text name = {opening->names, opening->name_bytes};

    if (!stream_is_of_reader(opening->stream))
        name = (struct text){opening->names + opening->name_bytes, opening->reader_bytes};
    if (name.size > 0)
        reader_get(opening->feed, name, on_reader, opening);
    else
        open_in_place(opening);
}

/* A token may be ahead of this daemon's tail, but not of the store. */
static void check_token(struct opening *opening);

static void on_passed(void *context, Feed__ErrorCode error)
{
    struct opening *opening = context;

    if (error != FEED_OK)
        opening_end(opening, error);
    else
        check_token(opening);
}

static void on_last_id(void *context, const struct reply *reply)
{
    struct opening *opening = context;
    Feed__ErrorCode error = error_of_reply(reply, false);
    uint64_t position = opening->stream->position[opening->asked];

    if (error != FEED_OK)
        opening_end(opening, error);
    else if (position > reply_id(reply))
        opening_end(opening, FEED__ERROR_CODE__TOKEN_FUTURE);
    else
        feed_wait(opening->feed, position, on_passed, opening);
}

static void check_token(struct opening *opening)
{
    struct feed *feed = opening->feed;

    for (unsigned partition = 0; opening->has_token && partition < feed->partitions; partition++)
        if (opening->stream->position[partition] > feed->positions[partition]) {
            opening->asked = partition;
            if (store_ask_last_id(feed->store, partition, on_last_id, opening) < 0)
                opening_end(opening, FEED__ERROR_CODE__UNAVAILABLE);
            return;
        }
    open_stream(opening);
}

/* Whether the store has come as far as the token says, in the same run of Redis or before that ended. What the token has seen
 * of a run beyond its end was lost: the stream goes on from there, and begins with a Gap. */
static Feed__ErrorCode judge_token(const struct feed *feed, const struct token_place *places, uint64_t *ret_position,
                                   struct frame **ret_gap)
{
    uint64_t ranges[2 * PARTITIONS_MAX];
    size_t count = 0;

    for (unsigned partition = 0; partition < feed->partitions; partition++) {
        uint64_t position = places[partition].position, last;

        if (!store_run_end(feed->store, partition, places[partition].mark, &last))
            return FEED__ERROR_CODE__TOKEN_FUTURE;
        ret_position[partition] = position < last ? position : last;
        if (position <= last)
            continue;
        ranges[2 * count] = last;
        ranges[2 * count + 1] = position;
        count++;
    }
    if (count == 0)
        return FEED_OK;
    metrics.gaps++;
    *ret_gap = frame_of_gap(FEED__GAP_REASON__GAP_LOST, ranges, count);
    return *ret_gap ? FEED_OK : FEED__ERROR_CODE__UNAVAILABLE;
}

void feed_subscribe(struct feed *feed, struct feed_subscriber *subscriber, uint32_t request_id,
                    const struct feed_stream *of, struct text token, feed_subscribe_fn *fn, void *context)
{
    struct opening *opening = calloc(1, sizeof(*opening) + of->subject.size + of->reader.size);
    struct subscription *stream = calloc(1, sizeof(*stream));
    uint64_t *position = calloc(feed->partitions, sizeof(uint64_t));
    struct token_place places[PARTITIONS_MAX];
    struct frame *gap = NULL;
    Feed__ErrorCode error = FEED_OK;

    if (!opening || !stream || !position || !feed->ready)
        error = FEED__ERROR_CODE__UNAVAILABLE;
    else if (token.size > 0)
        error = token_read(token, feed->epoch, feed->partitions, places);
    if (error == FEED_OK && token.size > 0)
        error = judge_token(feed, places, position, &gap);
    if (error != FEED_OK) {
        free(opening);
        free(stream);
        free(position);
        fn(context, error);
        return;
    }
    *opening = (struct opening){.feed = feed,
                                .stream = stream,
                                .subscriber = subscriber,
                                .gap = gap,
                                .fn = fn,
                                .context = context,
                                .has_token = token.size > 0,
                                .name_bytes = of->subject.size,
                                .reader_bytes = of->reader.size,
                                .next = feed->openings};
    memcpy(opening->names, of->subject.data, of->subject.size);
    if (of->reader.size > 0)
        memcpy(opening->names + of->subject.size, of->reader.data, of->reader.size);
    feed->openings = opening;
    subscriber->count++;
    stream->kind = of->kind;
    stream->share = of->share;
    stream->request_id = request_id;
    stream->position = position;
    check_token(opening);
}

/* ---- ending ---- */

static void stream_end(struct feed *feed, struct subscription *stream)
{
    stream_remove(feed, stream);
    idmap_remove(&feed->streams, stream_key(stream->subscriber->conn, stream->request_id));
    stream_has_ended(stream);
    catchup_cancel(stream);
    release(feed, stream);
    free(stream->position);
    free(stream);
}

bool feed_has_subscription(const struct feed *feed, const struct feed_subscriber *subscriber, uint32_t request_id)
{
    return stream_find(feed, subscriber->conn, request_id) != NULL;
}

bool feed_unsubscribe(struct feed *feed, struct feed_subscriber *subscriber, uint32_t request_id)
{
    for (struct subscription **at = &subscriber->first; *at; at = &(*at)->next_of_subscriber) {
        struct subscription *stream = *at;

        if (stream->request_id != request_id)
            continue;
        *at = stream->next_of_subscriber;
        subscriber->count--;
        stream_end(feed, stream);
        return true;
    }
    return false;
}

void feed_subscriber_done(struct feed *feed, struct feed_subscriber *subscriber)
{
    for (struct opening *opening = feed->openings; opening; opening = opening->next)
        if (opening->subscriber == subscriber)
            opening->subscriber = NULL;
    while (subscriber->first) {
        struct subscription *stream = subscriber->first;

        subscriber->first = stream->next_of_subscriber;
        stream_end(feed, stream);
    }
    subscriber->count = 0;
}
