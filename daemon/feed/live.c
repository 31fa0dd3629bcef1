/* Live delivery: from a subject to the streams of its online followers and of its profile. One look-up and one queue append
 * per stream; no Redis command, no copy of the share. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"
#include "feed/frames.h"
#include "feed/internal.h"

#define EVENTS_PER_TOKEN 100

static struct frame *token_frame(struct feed *feed)
{
    uint8_t token[TOKEN_BYTES_MAX];

    if (feed->token_frame && feed->token_frame_generation == feed->token_generation)
        return feed->token_frame;
    size_t size = token_write(token, store_epoch(feed->store), feed->positions, feed->partitions);
    struct frame *frame = frame_of_heartbeat(token, size, !feed->ready);
    if (frame) {
        frame_unref(feed->token_frame);
        feed->token_frame = frame;
        feed->token_frame_generation = feed->token_generation;
    }
    return frame;
}

static size_t send_frame(struct feed *feed, struct subscription *subscription, struct frame *frame)
{
    return feed->outlet->send(feed->context, subscription->subscriber->conn, subscription->request_id, frame);
}

void stream_send_token(struct feed *feed, struct subscription *subscription, bool caught_up)
{
    struct frame *frame;

    subscription->since_token = 0;
    if (caught_up) {
        uint8_t token[TOKEN_BYTES_MAX];
        size_t size = token_write(token, store_epoch(feed->store), feed->positions, feed->partitions);

        frame = frame_of_caught_up(token, size);
        if (frame)
            send_frame(feed, subscription, frame);
        frame_unref(frame);
    } else {
        frame = token_frame(feed);
        if (frame)
            send_frame(feed, subscription, frame);
    }
}

bool stream_has_room(const struct feed *feed, const struct subscription *subscription)
{
    return feed->outlet->queued(feed->context, subscription->subscriber->conn) < feed->outlet->soft_limit_bytes;
}

bool stream_send(struct feed *feed, struct subscription *subscription, struct frame *frame)
{
    size_t queued = send_frame(feed, subscription, frame);

    metrics.deliveries++;
    subscription->since_token++;
    return queued < feed->outlet->soft_limit_bytes;
}

/* The stream falls back: it goes on from the tail's position once its queue has drained. */
static void demote(struct feed *feed, struct subscription *subscription)
{
    subscription->position = malloc(feed->partitions * sizeof(uint64_t));
    if (!subscription->position)
        return; /* it stays live: one more frame is queued than the limit says */
    memcpy(subscription->position, feed->positions, feed->partitions * sizeof(uint64_t));
    subscription->state = SUBSCRIPTION_CATCHING_UP;
    metrics.demotions++;
}

static void deliver_to(struct feed *feed, struct subscription *subscription, struct frame *frame)
{
    if (subscription->state != SUBSCRIPTION_LIVE)
        return;
    if (!stream_send(feed, subscription, frame))
        demote(feed, subscription);
    else if (subscription->since_token >= EVENTS_PER_TOKEN)
        stream_send_token(feed, subscription, false);
}

void live_deliver(struct feed *feed, uint32_t slot, struct frame *frame)
{
    const struct subject *subject = feed->subjects.slots[slot];

    for (struct subscription *stream = subject->profile; stream; stream = stream->next)
        deliver_to(feed, stream, frame);
    for (uint32_t i = 0; i < subject->online.count; i++) {
        const struct reader *reader = feed->subjects.slots[subject->online.items[i]]->reader;

        for (struct subscription *stream = reader->subscriptions; stream; stream = stream->next)
            deliver_to(feed, stream, frame);
    }
}

void live_deliver_to_all(struct feed *feed, struct frame *frame)
{
    for (size_t i = 0; i < feed->streams.capacity; i++)
        if (feed->streams.slots[i].id != 0)
            stream_send(feed, feed->streams.slots[i].value, frame);
}

size_t feed_subscriber_heartbeat(struct feed *feed, struct feed_subscriber *subscriber)
{
    size_t sent = 0;

    for (struct subscription *stream = subscriber->first; stream; stream = stream->next_of_subscriber) {
        if (stream->state == SUBSCRIPTION_LIVE) {
            stream_send_token(feed, stream, false);
            sent++;
        } else if (!stream->catchup && stream_has_room(feed, stream)) {
            catchup_run(feed, stream); /* for one that found no memory when it should have gone on */
        }
    }
    return sent;
}

void feed_subscriber_drained(struct feed *feed, struct feed_subscriber *subscriber)
{
    for (struct subscription *stream = subscriber->first; stream; stream = stream->next_of_subscriber)
        if (stream->state == SUBSCRIPTION_CATCHING_UP)
            catchup_run(feed, stream);
}
