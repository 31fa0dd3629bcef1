/* The blocking adapter: a client, a socket and ppoll(2). */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "environment.h"
#include "link.h"

/* An event that waits for feed_wait_event(): a copy, since the core's own ends with the callback. */
struct waiting_event {
    struct waiting_event *next;
    struct feed_event event;
    Feed__ServerFrame *frame;
    uint8_t token[];
};

struct feed_blocking {
    struct feed_client *client;
    struct link link;
    sigset_t wait_mask;
    bool has_wait_mask;
    Feed__ServerFrame *error_frame; /* holds the latest refusal */
    struct waiting_event *first_event, *last_event;
    struct waiting_event *current_event; /* handed out */
    bool event_lost;
};

static Feed__ServerFrame *frame_copy(const Feed__ServerFrame *frame)
{
    size_t size = feed__server_frame__get_packed_size(frame);
    uint8_t *packed = malloc(size + 1);
    Feed__ServerFrame *copy;

    if (packed == NULL)
        return NULL;
    feed__server_frame__pack(frame, packed);
    copy = feed__server_frame__unpack(&environment_allocator, size, packed);
    free(packed);
    return copy;
}

static void frame_free(Feed__ServerFrame *frame)
{
    if (frame != NULL)
        feed__server_frame__free_unpacked(frame, &environment_allocator);
}

static void waiting_event_free(struct waiting_event *waiting)
{
    if (waiting == NULL)
        return;
    frame_free(waiting->frame);
    free(waiting);
}

/* ------------------------------------------------------------------------------------------------------------ turns */

static uint64_t blocking_end_ms(int timeout_ms)
{
    return timeout_ms < 0 ? UINT64_MAX : environment_now_ms(NULL) + (uint64_t)timeout_ms;
}

static int blocking_turn_until(struct feed_blocking *feed, uint64_t end_ms)
{
    struct feed_next next;
    struct pollfd poll_fd = { .fd = -1 };
    struct timespec timeout;
    uint64_t now = feed_client_now_ms(feed->client);
    uint64_t wall = environment_now_ms(NULL);
    uint64_t wait_ms, left_ms;
    int ready;

    link_follow(&feed->link, &next);
    wait_ms = next.deadline_ms > now ? next.deadline_ms - now : 0;
    left_ms = end_ms > wall ? end_ms - wall : 0;
    if (left_ms < wait_ms)
        wait_ms = left_ms;
    if (wait_ms > INT32_MAX)
        wait_ms = INT32_MAX;
    timeout = (struct timespec){ .tv_sec = (time_t)(wait_ms / 1000), .tv_nsec = (long)(wait_ms % 1000) * 1000000 };
    poll_fd.fd = feed->link.fd;
    poll_fd.events = (short)(POLLIN | (link_wants_write(&feed->link, &next) ? POLLOUT : 0));
    ready = ppoll(&poll_fd, 1, &timeout, feed->has_wait_mask ? &feed->wait_mask : NULL);
    if (ready < 0)
        return -errno;
    link_turn(&feed->link, ready > 0 && (poll_fd.revents & (POLLIN | POLLERR | POLLHUP)) != 0,
              ready > 0 && (poll_fd.revents & (POLLOUT | POLLERR | POLLHUP)) != 0);
    return 0;
}

int feed_blocking_turn(struct feed_blocking *feed, int timeout_ms)
{
    return blocking_turn_until(feed, blocking_end_ms(timeout_ms));
}

/* ------------------------------------------------------------------------------------------------------------- life */

int feed_connect_blocking(const char *address, const struct feed_options *options, int timeout_ms,
                          struct feed_blocking **ret_feed)
{
    struct feed_blocking *feed = calloc(1, sizeof *feed);
    uint64_t end_ms = blocking_end_ms(timeout_ms);
    struct feed_status status;
    int error;

    if (feed == NULL)
        return -ENOMEM;
    feed->link.fd = -1;
    error = feed_client_new(options, &feed->client);
    if (error == 0)
        error = link_init(&feed->link, feed->client, address);
    while (error == 0) {
        feed_client_status(feed->client, &status);
        if (status.state == FEED_CONNECTED) {
            *ret_feed = feed;
            return 0;
        }
        if (environment_now_ms(NULL) >= end_ms || status.error == -EPROTONOSUPPORT)
            error = status.error != 0 ? status.error : -ETIMEDOUT;
        else
            error = blocking_turn_until(feed, end_ms);
    }
    feed_blocking_free(feed);
    return error;
}

void feed_blocking_free(struct feed_blocking *feed)
{
    if (feed == NULL)
        return;
    feed_client_free(feed->client);
    link_done(&feed->link);
    while (feed->first_event != NULL) {
        struct waiting_event *waiting = feed->first_event;

        feed->first_event = waiting->next;
        waiting_event_free(waiting);
    }
    waiting_event_free(feed->current_event);
    frame_free(feed->error_frame);
    free(feed);
}

struct feed_client *feed_blocking_client(struct feed_blocking *feed)
{
    return feed->client;
}

void feed_blocking_set_wait_mask(struct feed_blocking *feed, const sigset_t *mask)
{
    feed->wait_mask = *mask;
    feed->has_wait_mask = true;
}

/* ------------------------------------------------------------------------------------------------------------ calls */

struct call {
    struct feed_blocking *feed;
    bool done;
    int status;
    ProtobufCMessage *reply;
};

/* A copy of any message, through its wire form. */
static ProtobufCMessage *message_copy(const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = malloc(size + 1);
    ProtobufCMessage *copy;

    if (packed == NULL)
        return NULL;
    protobuf_c_message_pack(message, packed);
    copy = protobuf_c_message_unpack(message->descriptor, &environment_allocator, size, packed);
    free(packed);
    return copy;
}

static void call_on_reply(void *context, const struct feed_reply *reply)
{
    struct call *call = context;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    call->done = true;
    call->status = reply->status;
    if (reply->error != NULL) {
        frame.body_case = FEED__SERVER_FRAME__BODY_ERROR;
        memcpy(&frame.error, &reply->error, sizeof frame.error);
        call->feed->error_frame = frame_copy(&frame);
    }
    if (reply->message != NULL) {
        call->reply = message_copy(reply->message);
        if (call->reply == NULL)
            call->status = -ENOMEM;
    }
}

int feed_call(struct feed_blocking *feed, const ProtobufCMessage *request, ProtobufCMessage **ret_reply)
{
    struct call call = { .feed = feed };
    int error;

    frame_free(feed->error_frame);
    feed->error_frame = NULL;
    error = feed_request(feed->client, request, 0, call_on_reply, &call);
    if (error < 0)
        return error;
    while (!call.done) {
        /* A signal does not end a call: its request is under way. */
        error = blocking_turn_until(feed, UINT64_MAX);
        if (error < 0 && error != -EINTR)
            feed_client_disconnected(feed->client, error);
    }
    if (call.status == 0)
        *ret_reply = call.reply;
    return call.status;
}

void feed_free_message(struct feed_blocking *feed, ProtobufCMessage *message)
{
    (void)feed;
    if (message != NULL)
        protobuf_c_message_free_unpacked(message, &environment_allocator);
}

const Feed__Error *feed_last_error(const struct feed_blocking *feed)
{
    return feed->error_frame != NULL ? feed->error_frame->error : NULL;
}

/* ----------------------------------------------------------------------------------------------------------- events */

/* Points the copy's members into its own frame and token. */
static int waiting_event_fill(struct waiting_event *waiting, const struct feed_event *event)
{
    waiting->event = *event;
    if (event->token != NULL) {
        memcpy(waiting->token, event->token, event->token_bytes);
        waiting->event.token = waiting->token;
    }
    if (event->frame == NULL)
        return 0;
    waiting->frame = frame_copy(event->frame);
    if (waiting->frame == NULL)
        return -ENOMEM;
    waiting->event.frame = waiting->frame;
    if (event->share != NULL)
        waiting->event.share = event->kind == FEED_EVENT_RESHARED ? waiting->frame->reshared->share : waiting->frame->shared->share;
    if (event->deleted != NULL)
        waiting->event.deleted = waiting->frame->deleted;
    if (event->edited != NULL)
        waiting->event.edited = waiting->frame->edited;
    if (event->commented != NULL)
        waiting->event.commented = waiting->frame->commented;
    if (event->comment_deleted != NULL)
        waiting->event.comment_deleted = waiting->frame->comment_deleted;
    if (event->subject_deleted != NULL)
        waiting->event.subject_deleted = waiting->frame->subject_deleted;
    if (event->read_marker != NULL)
        waiting->event.read_marker = waiting->frame->read_marker;
    if (event->gap != NULL)
        waiting->event.gap = waiting->frame->gap;
    if (event->error != NULL)
        waiting->event.error = waiting->frame->error;
    return 0;
}

static void blocking_on_event(void *context, const struct feed_event *event)
{
    struct feed_blocking *feed = context;
    struct waiting_event *waiting = calloc(1, sizeof *waiting + (event->token != NULL ? event->token_bytes : 0));

    if (waiting == NULL || waiting_event_fill(waiting, event) < 0) {
        waiting_event_free(waiting);
        feed->event_lost = true;
        return;
    }
    *(feed->last_event != NULL && feed->first_event != NULL ? &feed->last_event->next : &feed->first_event) = waiting;
    feed->last_event = waiting;
}

int feed_subscribe_blocking(struct feed_blocking *feed, const Feed__SubscribeRequest *request,
                            struct feed_subscription **ret_subscription)
{
    return feed_subscribe(feed->client, request, blocking_on_event, feed, ret_subscription);
}

int feed_wait_event(struct feed_blocking *feed, int timeout_ms, const struct feed_event **ret_event)
{
    uint64_t end_ms = blocking_end_ms(timeout_ms);
    int error;

    waiting_event_free(feed->current_event);
    feed->current_event = NULL;
    while (feed->first_event == NULL && !feed->event_lost) {
        error = blocking_turn_until(feed, end_ms);
        if (error < 0)
            return error;
        if (feed->first_event == NULL && environment_now_ms(NULL) >= end_ms)
            return -ETIMEDOUT;
    }
    if (feed->first_event == NULL) {
        feed->event_lost = false;
        return -ENOMEM;
    }
    feed->current_event = feed->first_event;
    feed->first_event = feed->first_event->next;
    *ret_event = &feed->current_event->event;
    return 0;
}
