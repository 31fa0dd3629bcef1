/* Falling back: a stream for whose connection too much waits goes on later, from where its queue ends.
 *
 * At the soft limit the queue stays as it is, and the stream goes on behind it. When what waits for all connections together
 * is too much, the events of a queue are dropped, all of them that are not partly sent yet, and the stream goes on from before
 * the first of each partition. That is exact, since the events that a stream is sent out of one partition are in the order of
 * their ids: what is kept lies at or below that position, what is dropped above it. */
#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"
#include "feed/internal.h"

/* Streams of one connection that collect from the store at the same time: each has a list of what it missed in memory. */
#define COLLECTING_MAX 4

/* The id before this one in its partition. */
static uint64_t position_before(uint64_t id)
{
    return id - PARTITIONS_MAX;
}

bool stream_demote(struct feed *feed, struct subscription *stream, uint64_t before)
{
    if (!stream->position)
        stream->position = malloc(feed->partitions * sizeof(uint64_t));
    if (!stream->position)
        return false; /* it stays live: a little more is queued than the limit says */
    for (unsigned partition = 0; partition < feed->partitions; partition++)
        stream->position[partition] = tail_position(feed, partition);
    if (before != 0)
        stream->position[partition_of_id(before)] = position_before(before);
    stream_change_state(stream, SUBSCRIPTION_CATCHING_UP);
    metrics.demotions++;
    return true;
}

bool feed_subscriber_drop(struct feed *feed, const struct feed_subscriber *subscriber, uint32_t request_id, uint32_t number,
                          uint64_t position)
{
    struct subscription *stream = stream_find(feed, subscriber->conn, request_id);

    if (!stream || stream->number != number)
        return true; /* nobody waits for it any more */
    if (position == FRAME_TOKEN)
        return stream->state == SUBSCRIPTION_CATCHING_UP; /* there will be another one */
    if (stream->state == SUBSCRIPTION_LIVE && !stream_demote(feed, stream, 0))
        return false;
    catchup_stop(stream);
    stream->resumed = stream->had_token;
    uint64_t *at = &stream->position[partition_of_id(position)];
    if (*at >= position)
        *at = position_before(position);
    return true;
}

bool stream_begins_to_collect(struct subscription *stream)
{
    struct feed_subscriber *subscriber = stream->subscriber;

    if (subscriber->collecting == COLLECTING_MAX) {
        subscriber->wants_turn = true;
        return false;
    }
    subscriber->collecting++;
    return true;
}

void streams_go_on(struct feed *feed, struct feed_subscriber *subscriber)
{
    subscriber->wants_turn = false;
    for (struct subscription *stream = subscriber->first; stream; stream = stream->next_of_subscriber) {
        if (!stream_has_room(feed, stream))
            return;
        if (stream->state == SUBSCRIPTION_CATCHING_UP)
            catchup_run(feed, stream);
    }
}

void feed_subscriber_drained(struct feed *feed, struct feed_subscriber *subscriber)
{
    streams_go_on(feed, subscriber);
}
