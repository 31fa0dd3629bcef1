/* Subscriptions: one Subscribe after another, held together by the resume token and by the ids seen since. */
#include "client.h"

#include <errno.h>
#include <string.h>

static bool error_is_about_token(const Feed__Error *error)
{
    return error->code == FEED__ERROR_CODE__TOKEN_DAMAGED || error->code == FEED__ERROR_CODE__TOKEN_FOREIGN ||
           error->code == FEED__ERROR_CODE__TOKEN_FUTURE;
}

/* The last thing in every function here: the callback may free the subscription. */
static void subscription_report(struct feed_subscription *subscription, struct feed_event *event)
{
    event->subscription = subscription;
    subscription->on_event(subscription->context, event);
}

/* A copy of its own, through the wire form. NULL when memory ends. */
static Feed__SubscribeRequest *stream_copy(struct feed_client *client, const Feed__SubscribeRequest *stream)
{
    size_t size = feed__subscribe_request__get_packed_size(stream);
    uint8_t *packed = client_alloc(client, size + 1);
    Feed__SubscribeRequest *copy;

    if (packed == NULL)
        return NULL;
    feed__subscribe_request__pack(stream, packed);
    copy = feed__subscribe_request__unpack(client->allocator, size, packed);
    client_dealloc(client, packed);
    return copy;
}

static int stream_set_token(struct feed_client *client, Feed__SubscribeRequest *stream,
                            const ProtobufCBinaryData *token)
{
    uint8_t *copy = NULL;

    if (token->len > 0) {
        copy = client_alloc(client, token->len);
        if (copy == NULL)
            return -ENOMEM;
        memcpy(copy, token->data, token->len);
    }
    if (stream->resume_token.data != NULL)
        client_dealloc(client, stream->resume_token.data);
    stream->resume_token.data = copy;
    stream->resume_token.len = token->len;
    return 0;
}

int feed_subscribe(struct feed_client *client, const Feed__SubscribeRequest *request, feed_event_fn *on_event,
                   void *context, struct feed_subscription **ret_subscription)
{
    struct feed_subscription *subscription;

    if (request->stream_case == FEED__SUBSCRIBE_REQUEST__STREAM__NOT_SET || on_event == NULL)
        return -EINVAL;
    if (client->freeing)
        return -ESHUTDOWN;
    subscription = client_alloc(client, sizeof *subscription);
    if (subscription == NULL)
        return -ENOMEM;
    *subscription = (struct feed_subscription){ .client = client, .on_event = on_event, .context = context };
    subscription->stream = stream_copy(client, request);
    subscription->request = client_alloc(client, sizeof *subscription->request);
    if (subscription->stream == NULL || subscription->request == NULL)
        goto no_memory;
    *subscription->request = (struct request){
        .id = request_unused_id(client),
        .kind = FEED__CLIENT_FRAME__REQUEST_SUBSCRIBE,
        .heap_index = SIZE_MAX,
        .subscription = subscription,
    };
    if (request_register(client, subscription->request) < 0)
        goto no_memory;

    subscription->previous = client->last_subscription;
    *(client->last_subscription != NULL ? &client->last_subscription->next : &client->subscriptions) = subscription;
    client->last_subscription = subscription;
    request_enlist_last(client, subscription->request);
    client_wake(client);
    *ret_subscription = subscription;
    return 0;

no_memory:
    if (subscription->stream != NULL)
        feed__subscribe_request__free_unpacked(subscription->stream, client->allocator);
    client_dealloc(client, subscription->request);
    client_dealloc(client, subscription);
    return -ENOMEM;
}

void subscription_free(struct feed_subscription *subscription)
{
    struct feed_client *client = subscription->client;

    if (client->visiting == subscription)
        client->visiting = subscription->next;
    *(subscription->previous != NULL ? &subscription->previous->next : &client->subscriptions) = subscription->next;
    *(subscription->next != NULL ? &subscription->next->previous : &client->last_subscription) = subscription->previous;
    request_free(client, subscription->request);
    seen_done(client, &subscription->seen);
    feed__subscribe_request__free_unpacked(subscription->stream, client->allocator);
    client_dealloc(client, subscription);
}

int feed_unsubscribe(struct feed_subscription *subscription)
{
    struct feed_client *client = subscription->client;
    Feed__UnsubscribeRequest unsubscribe = FEED__UNSUBSCRIBE_REQUEST__INIT;

    if (subscription->open || subscription->request->state == REQUEST_SENT) {
        int error;

        unsubscribe.subscription = subscription->request->id;
        error = request_queue_silent(client, &unsubscribe.base);
        if (error < 0)
            return error;
    }
    subscription_free(subscription);
    return 0;
}

int subscription_send(struct feed_subscription *subscription)
{
    return encode_output(subscription->client, subscription->request->id, subscription->request->kind,
                         &subscription->stream->base);
}

/* ----------------------------------------------------------------------------------------------------------- events */

/* Takes a token that covers everything delivered so far. */
static int subscription_take_token(struct feed_subscription *subscription, const ProtobufCBinaryData *token,
                                   struct feed_event *event)
{
    int error = 0;

    if (token->len == 0)
        return 0;
    error = stream_set_token(subscription->client, subscription->stream, token);
    if (error < 0)
        return error;
    seen_forget(&subscription->seen, subscription->client->connection);
    subscription->unproven = false;
    event->token = subscription->stream->resume_token.data;
    event->token_bytes = subscription->stream->resume_token.len;
    return 0;
}

/* Delivers an event of the log unless it was delivered before. */
static void subscription_deliver(struct feed_subscription *subscription, uint64_t id, struct feed_event *event)
{
    struct feed_client *client = subscription->client;
    int known = id != 0 ? seen_add(client, &subscription->seen, id, client->connection) : 0;

    /* Not delivering what cannot be remembered keeps "exactly once" true: it comes again after the reconnect. */
    if (known < 0)
        client_lose(client, -ENOMEM);
    else if (known == 0)
        subscription_report(subscription, event);
}

static void subscription_on_error(struct feed_subscription *subscription, const Feed__Error *error,
                                  struct feed_event *event)
{
    struct feed_client *client = subscription->client;
    struct request *request = subscription->request;
    const ProtobufCBinaryData no_token = { 0 };

    subscription->open = false;
    if (request_is_temporary(error)) {
        request_refuse(client, request, error->retry_after_ms);
        return;
    }
    request_delist(client, request);
    event->error = error;
    if (error_is_about_token(error) && subscription->stream->resume_token.len > 0) {
        stream_set_token(client, subscription->stream, &no_token);
        seen_forget_all(&subscription->seen);
        subscription->unproven = false;
        request_enlist_last(client, request);
        event->kind = FEED_EVENT_GAP;
    } else {
        subscription->ended = true;
        event->kind = FEED_EVENT_ENDED;
    }
    subscription_report(subscription, event);
}

static void subscription_on_accepted(struct feed_subscription *subscription, struct feed_event *event)
{
    request_delist(subscription->client, subscription->request);
    subscription->open = true;
    subscription->unproven = subscription->stream->resume_token.len == 0;
    event->kind = FEED_EVENT_SUBSCRIBED;
    subscription_report(subscription, event);
}

/* Whether the frame tells of an entry of the log, and of which. */
static bool subscription_take_log_event(const Feed__ServerFrame *frame, struct feed_event *event, uint64_t *ret_id)
{
    if (frame->body_case == FEED__SERVER_FRAME__BODY_SHARED && frame->shared->share != NULL) {
        event->kind = FEED_EVENT_SHARED;
        event->share = frame->shared->share;
        *ret_id = event->share->id;
    } else if (frame->body_case == FEED__SERVER_FRAME__BODY_RESHARED && frame->reshared->share != NULL) {
        event->kind = FEED_EVENT_RESHARED;
        event->share = frame->reshared->share;
        *ret_id = event->share->id;
    } else if (frame->body_case == FEED__SERVER_FRAME__BODY_DELETED) {
        event->kind = FEED_EVENT_DELETED;
        event->deleted = frame->deleted;
        *ret_id = event->deleted->id;
    } else if (frame->body_case == FEED__SERVER_FRAME__BODY_EDITED && frame->edited->share != NULL) {
        event->kind = FEED_EVENT_EDITED;
        event->edited = frame->edited;
        *ret_id = frame->edited->id;
    } else if (frame->body_case == FEED__SERVER_FRAME__BODY_COMMENTED && frame->commented->comment != NULL) {
        event->kind = FEED_EVENT_COMMENTED;
        event->commented = frame->commented;
        *ret_id = frame->commented->comment->id;
    } else if (frame->body_case == FEED__SERVER_FRAME__BODY_COMMENT_DELETED) {
        event->kind = FEED_EVENT_COMMENT_DELETED;
        event->comment_deleted = frame->comment_deleted;
        *ret_id = frame->comment_deleted->id;
    } else if (frame->body_case == FEED__SERVER_FRAME__BODY_NOTICED && frame->noticed->notice != NULL) {
        event->kind = FEED_EVENT_NOTICED;
        event->noticed = frame->noticed;
        *ret_id = frame->noticed->notice->id;
    } else {
        return false;
    }
    return true;
}

void subscription_receive(struct feed_subscription *subscription, const Feed__ServerFrame *frame)
{
    struct feed_event event = { .frame = frame };
    const ProtobufCBinaryData *token = NULL;
    uint64_t id;

    if (frame->body_case == FEED__SERVER_FRAME__BODY_ERROR) {
        subscription_on_error(subscription, frame->error, &event);
        return;
    }
    if (frame->body_case == FEED__SERVER_FRAME__BODY_SUBSCRIBE && subscription->request->state == REQUEST_SENT) {
        subscription_on_accepted(subscription, &event);
        return;
    }
    if (!subscription->open)
        return;
    if (subscription_take_log_event(frame, &event, &id)) {
        subscription_deliver(subscription, id, &event);
        return;
    }
    if (frame->body_case == FEED__SERVER_FRAME__BODY_SUBJECT_DELETED) {
        event.kind = FEED_EVENT_SUBJECT_DELETED;
        event.subject_deleted = frame->subject_deleted;
        subscription_deliver(subscription, event.subject_deleted->id, &event);
        return;
    }
    if (frame->body_case == FEED__SERVER_FRAME__BODY_READ_MARKER) {
        event.kind = FEED_EVENT_READ_MARKER;
        event.read_marker = frame->read_marker;
    } else if (frame->body_case == FEED__SERVER_FRAME__BODY_GAP) {
        event.kind = FEED_EVENT_GAP;
        event.gap = frame->gap;
    } else if (frame->body_case == FEED__SERVER_FRAME__BODY_CAUGHT_UP) {
        event.kind = FEED_EVENT_CAUGHT_UP;
        token = &frame->caught_up->resume_token;
    } else if (frame->body_case == FEED__SERVER_FRAME__BODY_HEARTBEAT) {
        event.kind = FEED_EVENT_HEARTBEAT;
        event.degraded = frame->heartbeat->degraded;
        token = &frame->heartbeat->resume_token;
    } else {
        return;
    }
    if (token != NULL && subscription_take_token(subscription, token, &event) < 0) {
        client_lose(subscription->client, -ENOMEM);
        return;
    }
    subscription_report(subscription, &event);
}

/* ----------------------------------------------------------------------------------------------------- reconnecting */

void subscriptions_rewind(struct feed_client *client)
{
    /* From the last one on, so that the first one stands first. */
    for (struct feed_subscription *subscription = client->last_subscription; subscription != NULL;
         subscription = subscription->previous)
        if (subscription->request->state == REQUEST_IDLE && !subscription->ended)
            request_enlist_first(client, subscription->request);
}

/* Walks the subscriptions that `matches` picks; their callbacks may end any of them. */
static void subscriptions_report(struct feed_client *client, bool (*matches)(struct feed_subscription *subscription),
                                 enum feed_event_kind kind)
{
    client->visiting = client->subscriptions;
    while (client->visiting != NULL) {
        struct feed_subscription *subscription = client->visiting;
        struct feed_event event = { .kind = kind };

        client->visiting = subscription->next;
        if (matches(subscription))
            subscription_report(subscription, &event);
    }
}

static bool subscription_was_open(struct feed_subscription *subscription)
{
    bool open = subscription->open;

    subscription->open = false;
    return open;
}

/* It was live, and no token says where it stands. */
static bool subscription_was_unproven(struct feed_subscription *subscription)
{
    bool unproven = subscription->unproven && !subscription->open;

    subscription->unproven = subscription->unproven && subscription->open;
    return unproven;
}

void subscriptions_report_lost(struct feed_client *client)
{
    subscriptions_report(client, subscription_was_open, FEED_EVENT_LOST);
    subscriptions_report(client, subscription_was_unproven, FEED_EVENT_GAP);
}
