/* Catching up: from where a client has seen to where the tail is, and then live.
 *
 * Out of the ring where it reaches back far enough: in the same turn of the loop, at no cost to Redis. Else first out of the
 * store, up to where the tail stood when that began, and then out of the ring. Either way the stream pauses when its queue
 * is full and goes on when that has drained, so that it never holds more than the soft limit. What it has collected from the
 * store is forgotten then, and collected again from where it stopped.
 *
 * A share that is deleted by now is not sent. A deletion is sent only for a share that the client may have seen: for any, if it
 * came with a token, since events may have reached it after the token. */
#include <stdlib.h>

#include "feed/internal.h"

/* Whether what the entry made was deleted since. */
static bool is_gone(const struct feed *feed, const struct ring_entry *entry)
{
    if (entry->origin != 0 && share_is_gone(feed, entry->origin, entry->reader))
        return true;
    if (entry->kind == LOG_SHARE)
        return share_is_gone(feed, entry->id, entry->subject);
    if (entry->kind == LOG_EDIT)
        return share_is_gone(feed, entry->share, entry->subject);
    if (entry->kind == LOG_NOTICE || entry->kind == LOG_RESHARED)
        return share_is_deleted(feed, entry->share) || share_is_deleted(feed, entry->other);
    return entry->kind == LOG_COMMENT &&
           (share_is_deleted(feed, entry->id) || share_is_gone(feed, entry->share, entry->subject));
}

/* Sends what an entry is to the stream of an inbox. Without memory it comes to it again when the heartbeat is due. */
static bool send_notice(struct feed *feed, struct subscription *stream, const struct ring_entry *entry)
{
    struct frame *frame = notice_event(feed, entry);
    bool room = frame && stream_send(feed, stream, frame);

    if (!frame)
        stream->position[partition_of_id(entry->id)] = entry->id - PARTITIONS_MAX;
    frame_unref(frame);
    return room;
}

/* As live.c sends it. Returns false if the queue is full. */
static bool send_entry(struct feed *feed, struct subscription *stream, struct frame *frame, const struct live_event *event)
{
    struct frame *joining = reshare_joins(feed, stream, event) ? frame_of_joining(frame) : NULL;
    bool room = stream_send(feed, stream, joining ? joining : frame);

    frame_unref(joining);
    return room;
}

/* Sends what lies behind the stream's position in one partition. Returns false if the queue is full. */
static bool run_ring(struct feed *feed, struct subscription *stream, unsigned partition)
{
    struct ring *ring = &feed->rings[partition];
    uint64_t start = stream->position[partition];
    size_t from = ring_above(ring, start);
    struct joins joins = {0};
    bool room = true;

    if (stream->reader)
        joins_collect(ring, from, stream->reader->slot, &joins);

    for (size_t i = from; i < ring->count && room; i++) {
        struct ring_entry *entry = ring_at(ring, i);
        bool notice = stream->kind == STREAM_INBOX && notice_is_of(entry);
        const struct live_event event = {.kind = notice ? LOG_NOTICE : entry->kind,
                                         .subject = entry->subject,
                                         .share = share_of_entry(entry),
                                         .frame = entry->frame,
                                         .actor = actor_of_entry(entry),
                                         .origin = entry->origin,
                                         .origin_author = entry->reader};

        stream->position[partition] = entry->id;
        marker_passed(stream, entry->subject, entry->kind);
        if ((!entry->frame && !notice) || !stream_concerns(feed, stream, &event) || is_gone(feed, entry))
            continue;
        if (entry->kind == LOG_SHARE && joins_backfilled(&joins, entry))
            continue;
        if (!notice && entry->other > start && !stream->resumed && entry->kind != LOG_BOUNDARY && entry->kind != LOG_COMMENT)
            continue; /* the client has not seen what was deleted or edited */
        room = notice ? send_notice(feed, stream, entry) : send_entry(feed, stream, ring_event(feed, ring, entry), &event);
        stream_send_progress(feed, stream);
    }
    joins_done(&joins);
    return room;
}

void catchup_run(struct feed *feed, struct subscription *stream)
{
    if (!feed->caught_up || stream->catchup || !stream_has_room(feed, stream))
        return; /* goes on when the tail has caught up, when the store has answered, when the queue has drained */
    for (unsigned partition = 0; partition < feed->partitions; partition++)
        if (stream->position[partition] < feed->rings[partition].floor) {
            if (feed->ready)
                catchup_store(feed, stream);
            return; /* goes on when the feed is ready, when the store has answered */
        }
    for (unsigned partition = 0; partition < feed->partitions; partition++)
        if (!run_ring(feed, stream, partition))
            return; /* goes on when the queue has drained */
    if (!stream_send_token(feed, stream, true))
        return; /* tried again when the heartbeat is due: until CaughtUp is said it is not live */
    free(stream->position);
    stream->position = NULL;
    stream_change_state(stream, SUBSCRIPTION_LIVE);
    stream->resumed = false;
    if (stream->marker == MARKER_OWED)
        markers_tell(feed, stream->reader);
}

void catchup_run_all(struct feed *feed)
{
    for (size_t i = 0; i < feed->streams.capacity; i++) {
        struct subscription *stream = feed->streams.slots[i].value;

        if (feed->streams.slots[i].id != 0 && stream->state == SUBSCRIPTION_CATCHING_UP)
            catchup_run(feed, stream);
    }
}
