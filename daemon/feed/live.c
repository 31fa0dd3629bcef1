/* Live delivery: from a subject to the streams of its online followers and to its own. One look-up and one queue append
 * per stream; no Redis command, no copy of the share.
 *
 * Events of one subject that come one after the other in one reading of the log are a run: they go out together, as one frame
 * for all streams of the same request id, so that whoever shares much at once costs each stream one append and one send. */
#include <string.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "feed/frames.h"
#include "feed/internal.h"

#define EVENTS_PER_TOKEN 250    /* at most between two tokens of one stream */
#define EVENTS_PER_PROGRESS 100 /* the same of one that catches up, which has no runs */
#define READERS_AT_ONCE 16
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

    if (subscription->since_token < EVENTS_PER_PROGRESS)
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

/* A token is due some time before: the next run may have RUN_EVENTS_MAX events. */
static bool owes_token(const struct subscription *subscription)
{
    return subscription->since_token >= EVENTS_PER_TOKEN - RUN_EVENTS_MAX;
}

/* Sends a frame of so many events to one who is live; whether it did. `next`: the first log entry of the same turn that is
 * still to be sent, 0: none. */
static bool deliver_to(struct feed *feed, struct subscription *subscription, struct frame *frame, uint32_t events, uint64_t next)
{
    if (subscription->state != SUBSCRIPTION_LIVE)
        return false;
    /* Another stream of the connection may have filled the queue. Without memory to fall back it is one frame more. */
    if (frame->position != 0 && !stream_has_room(feed, subscription) && stream_demote(feed, subscription, frame->position))
        return false;
    metrics.deliveries += events;
    subscription->since_token = frame->is_whole ? 0 : subscription->since_token + events; /* that one ends with a token */
    if (send_frame(feed, subscription, frame) >= feed->outlet->soft_limit_bytes)
        stream_demote(feed, subscription, next);
    else if (next == 0 && owes_token(subscription))
        stream_send_token(feed, subscription, false);
    return true;
}

/* ---- runs ---- */

/* All events of a run, and the token that covers them, as one frame for streams of this request id. NULL where there can be
 * none. */
static struct frame *run_joined(struct feed *feed, struct live_run *run, uint32_t request_id)
{
    struct frame *frames[RUN_EVENTS_MAX + 1], *token = token_frame(feed);
    struct live_joined *free_place = NULL;

    for (size_t i = 0; i < RUN_REQUEST_IDS; i++) {
        if (run->joined[i].frame && run->joined[i].request_id == request_id)
            return run->joined[i].frame;
        if (!run->joined[i].frame && !free_place)
            free_place = &run->joined[i];
    }
    if (!free_place || !token || run->bytes > feed->outlet->soft_limit_bytes / 4)
        return NULL;
    for (uint32_t i = 0; i < run->count; i++)
        frames[i] = run->events[i].frame;
    frames[run->count] = token;
    *free_place = (struct live_joined){frame_join(frames, run->count + 1, request_id), request_id};
    return free_place->frame;
}

/* The next event of the run that is one of the stream, from index `at` on. */
static uint32_t next_event(const struct feed *feed, const struct live_run *run, const struct subscription *stream,
                           uint32_t at)
{
    while (at < run->count && !stream_concerns(feed, stream, &run->events[at]))
        at++;
    return at;
}

/* The event as this stream is sent it. Without memory a re-share comes as if it was the first one. */
static struct frame *event_for(const struct feed *feed, const struct subscription *stream, struct live_event *event)
{
    if (!reshare_joins(feed, stream, event))
        return event->frame;
    if (!event->joining)
        event->joining = frame_of_joining(event->frame);
    return event->joining ? event->joining : event->frame;
}

static void note_sent(struct live_count *count, bool sent)
{
    count->sent += sent;
    count->behind += !sent;
}

/* `all`: the stream is one for all that the subject does. */
static void deliver_run(struct feed *feed, struct live_run *run, struct subscription *stream, bool all)
{
    const struct stream_row *row = &stream_rows[stream->kind];
    bool takes_all = row->place == PLACE_READER ? !run->has_reshares : row->place == PLACE_SUBJECT && !stream->reader;
    bool whole = all && takes_all && (run->kinds & ~row->entries) == 0;
    struct frame *joined = whole && run->count > 1 ? run_joined(feed, run, stream->request_id) : NULL;

    if (joined) {
        note_sent(&run->joint, deliver_to(feed, stream, joined, run->count, 0));
        return;
    }
    for (uint32_t i = whole ? 0 : next_event(feed, run, stream, 0), next; i < run->count; i = next) {
        next = whole ? i + 1 : next_event(feed, run, stream, i + 1);
        note_sent(&run->single[i], deliver_to(feed, stream, event_for(feed, stream, &run->events[i]), 1,
                                          next < run->count ? run->events[next].frame->position : 0));
    }
}

/* Writes down what became of the run. */
static void account(struct feed *feed, const struct live_run *run)
{
    const struct subject *subject = feed->subjects.slots[run->subject];
    int64_t now_us = clock_now_us(), wall_ms = clock_wall_ms();
    uint64_t deliveries = 0;

    for (uint32_t i = 0; i < run->count; i++) {
        uint32_t sent = run->joint.sent + run->single[i].sent, behind = run->joint.behind + run->single[i].behind;

        trace_delivered(feed, run->events[i].frame->position, sent, behind, now_us);
        if (sent > 0)
            histogram_add(&metrics.delivery_us, (wall_ms - id_wall_ms(run->events[i].frame->position)) * 1000);
        deliveries += sent;
    }
    hot_note(&feed->hot, subject_name(&feed->subjects, run->subject), subject->hash, 0, deliveries);
}

/* Where nobody has been for a while nothing is in the processor's caches, and each reader is several steps away: they are taken
 * for a few readers at a time, so that what they wait for comes together. */
static void deliver_to_readers(struct feed *feed, struct live_run *run, const struct idset *readers, bool all)
{
    const struct subject *subjects[READERS_AT_ONCE];
    const struct reader *found[READERS_AT_ONCE];

    for (uint32_t begin = 0, count; begin < readers->count; begin += count) {
        count = readers->count - begin < READERS_AT_ONCE ? readers->count - begin : READERS_AT_ONCE;
        for (uint32_t i = 0; i < count; i++)
            __builtin_prefetch(subjects[i] = feed->subjects.slots[readers->items[begin + i]]);
        for (uint32_t i = 0; i < count; i++)
            __builtin_prefetch(&(found[i] = subjects[i]->reader)->subscriptions);
        for (uint32_t i = 0; i < count; i++)
            __builtin_prefetch(found[i]->subscriptions);
        for (uint32_t i = 0; i < count; i++)
            for (struct subscription *stream = found[i]->subscriptions; stream; stream = stream->next)
                if (stream_rows[stream->kind].place == PLACE_READER)
                    deliver_run(feed, run, stream, all);
    }
}

/* Whether the event is the first one of the run about its share. */
static bool is_first_of_share(const struct live_run *run, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++)
        if (run->events[i].share == run->events[index].share)
            return false;
    return run->events[index].share != 0;
}

void live_flush(struct feed *feed)
{
    struct live_run *run = &feed->run;
    const struct subject *subject;

    if (run->count == 0)
        return;
    subject = feed->subjects.slots[run->subject];
    for (struct subscription *stream = subject->streams; stream; stream = stream->next)
        if (run->kinds & stream_rows[stream->kind].entries)
            deliver_run(feed, run, stream, true);
    if (run->kinds & stream_rows[STREAM_HOME].entries)
        deliver_to_readers(feed, run, &subject->online, true);
    if (run->kinds & stream_rows[STREAM_HOME].entries & ~(UINT32_C(1) << LOG_SHARE))
        deliver_to_readers(feed, run, &subject->keepers, false);
    for (struct subscription *stream = subject->reader ? subject->reader->subscriptions : NULL; stream; stream = stream->next)
        if (stream_rows[stream->kind].place == PLACE_OWN)
            deliver_run(feed, run, stream, false);
    for (uint32_t i = 0; i < run->count && feed->shares_streamed.count > 0; i++)
        if (is_first_of_share(run, i))
            for (struct subscription *stream = streams_of_share(feed, run->events[i].share); stream; stream = stream->next)
                deliver_run(feed, run, stream, true);
    account(feed, run);
    for (uint32_t i = 0; i < run->count; i++) {
        frame_unref(run->events[i].frame);
        frame_unref(run->events[i].joining);
        subject_unref(&feed->subjects, run->events[i].actor);
        run->single[i] = (struct live_count){0};
    }
    for (size_t i = 0; i < RUN_REQUEST_IDS; i++) {
        frame_unref(run->joined[i].frame);
        run->joined[i] = (struct live_joined){0};
    }
    subject_unref(&feed->subjects, run->subject);
    run->joint = (struct live_count){0};
    run->count = run->kinds = 0;
    run->has_reshares = false;
    run->bytes = 0;
}

bool live_run_goes_on(const struct feed *feed, struct text subject)
{
    const struct live_run *run = &feed->run;
    struct text name;

    if (run->count == 0 || run->count >= RUN_EVENTS_MAX - 1 || /* an entry may be two events */
        run->bytes > RUN_BYTES_MAX)
        return false;
    name = subject_name(&feed->subjects, run->subject);
    return name.size == subject.size && memcmp(name.data, subject.data, name.size) == 0;
}

void live_deliver(struct feed *feed, const struct live_event *event)
{
    struct live_run *run = &feed->run;
    const struct subject *subject = feed->subjects.slots[event->subject];

    if (!subject->streams && subject->online.count == 0 && subject->keepers.count == 0 && !streams_of_share(feed, event->share))
        return;
    if (run->count == 0)
        run->subject = subject_ref(&feed->subjects, event->subject);
    if (event->actor != NO_SUBJECT)
        subject_ref(&feed->subjects, event->actor);
    run->events[run->count++] = *event;
    run->kinds |= UINT32_C(1) << event->kind;
    run->has_reshares = run->has_reshares || event->origin != 0;
    run->bytes += frame_ref(event->frame)->size;
}

void live_deliver_to_all(struct feed *feed, struct frame *frame)
{
    for (size_t i = 0; i < feed->streams.capacity; i++)
        if (feed->streams.slots[i].id != 0)
            deliver_to(feed, feed->streams.slots[i].value, frame, 1, 0);
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
            if (stream->marker == MARKER_OWED)
                markers_tell(feed, stream->reader);
        } else if (stream->state == SUBSCRIPTION_LIVE) {
            stream_demote(feed, stream, 0); /* its token comes with CaughtUp */
        } else {
            catchup_run(feed, stream); /* for one that found no memory when it should have gone on */
        }
    }
    return sent;
}
