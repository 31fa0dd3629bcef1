/* Live delivery: from a subject to the streams of its online followers and of its profile. One look-up and one queue append
 * per stream; no Redis command, no copy of the share. */
#include "base/clock.h"
#include "base/metrics.h"
#include "feed/frames.h"
#include "feed/internal.h"

#define EVENTS_PER_TOKEN 100
#define TELL_MS 250 /* the streams are told no more often that the feed is degraded, or is no longer */

static struct frame *token_frame(struct feed *feed)
{
    uint8_t token[TOKEN_BYTES_MAX];

    if (feed->token_frame && feed->token_frame_generation == feed->token_generation)
        return feed->token_frame;
    size_t size = token_of_positions(feed, NULL, token);
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
    return feed->outlet->send(feed->context, subscription->subscriber->conn, subscription->request_id,
                              subscription->number, frame);
}

bool stream_send_token(struct feed *feed, struct subscription *subscription, bool caught_up)
{
    struct frame *frame;

    subscription->since_token = 0;
    if (caught_up) {
        uint8_t token[TOKEN_BYTES_MAX];
        size_t size = token_of_positions(feed, NULL, token);

        frame = frame_of_caught_up(token, size);
        if (frame)
            send_frame(feed, subscription, frame);
        frame_unref(frame);
    } else {
        frame = token_frame(feed);
        if (frame)
            send_frame(feed, subscription, frame);
    }
    return frame != NULL;
}

void stream_send_progress(struct feed *feed, struct subscription *subscription)
{
    uint8_t token[TOKEN_BYTES_MAX];

    if (subscription->since_token < EVENTS_PER_TOKEN)
        return;
    subscription->since_token = 0;
    struct frame *frame = frame_of_heartbeat(token, token_of_positions(feed, subscription->position, token), !feed->ready);
    if (frame)
        send_frame(feed, subscription, frame);
    frame_unref(frame);
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

static void deliver_to(struct feed *feed, struct subscription *subscription, struct frame *frame)
{
    if (subscription->state != SUBSCRIPTION_LIVE)
        return;
    /* Another stream of the connection may have filled the queue. Without memory to fall back it is one frame more. */
    if (frame->position != 0 && !stream_has_room(feed, subscription) && stream_demote(feed, subscription, frame->position))
        return;
    if (!stream_send(feed, subscription, frame))
        stream_demote(feed, subscription, 0);
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
            deliver_to(feed, feed->streams.slots[i].value, frame);
}

/* Only a live stream has been sent everything that the token covers; and one whose queue is full hears of it later. */
void live_tell_ready(struct feed *feed)
{
    int64_t now_ms = clock_now_ms();

    if (feed->ready == feed->told_ready || now_ms < feed->tell_at_ms)
        return;
    feed->told_ready = feed->ready;
    feed->tell_at_ms = now_ms + TELL_MS;
    struct frame *bare = frame_of_heartbeat(NULL, 0, !feed->ready);
    for (size_t i = 0; i < feed->streams.capacity; i++) {
        struct subscription *stream = feed->streams.slots[i].id != 0 ? feed->streams.slots[i].value : NULL;

        if (!stream || !stream_has_room(feed, stream))
            continue;
        if (stream->state == SUBSCRIPTION_LIVE)
            stream_send_token(feed, stream, false);
        else if (bare)
            send_frame(feed, stream, bare);
    }
    frame_unref(bare);
}

size_t feed_subscriber_heartbeat(struct feed *feed, struct feed_subscriber *subscriber)
{
    size_t sent = 0;

    for (struct subscription *stream = subscriber->first; stream; stream = stream->next_of_subscriber) {
        if (stream->state == SUBSCRIPTION_LIVE && stream_has_room(feed, stream)) {
            stream_send_token(feed, stream, false);
            sent++;
        } else if (stream->state == SUBSCRIPTION_LIVE) {
            stream_demote(feed, stream, 0); /* its token comes with CaughtUp */
        } else {
            catchup_run(feed, stream); /* for one that found no memory when it should have gone on */
        }
    }
    return sent;
}
