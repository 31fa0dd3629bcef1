/* Subscribe and Unsubscribe. */
#include <inttypes.h>

#include "commands/internal.h"

static void on_subscribed(void *context, Feed__ErrorCode error)
{
    struct request *request = context;
    Feed__SubscribeReply reply = FEED__SUBSCRIBE_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    if (error == FEED__ERROR_CODE__INVALID) {
        request_fail(request, error, "request_id", 0, "request_id %u belongs to an open subscription", request->id);
        return;
    }
    if (error != FEED_OK) {
        request_fail_code(request, error);
        return;
    }
    frame.body_case = FEED__SERVER_FRAME__BODY_SUBSCRIBE;
    frame.subscribe = &reply;
    request_reply(request, &frame);
}

static void run_subscribe(struct request *request)
{
    const Feed__SubscribeRequest *subscribe = request->frame->subscribe;
    bool profile = subscribe->stream_case == FEED__SUBSCRIBE_REQUEST__STREAM_PROFILE;
    int64_t limit = request->commands->config->max_subscriptions;
    struct session *session = request_session(request);

    if (subscribe->stream_case == FEED__SUBSCRIBE_REQUEST__STREAM__NOT_SET) {
        request_fail(request, FEED__ERROR_CODE__INVALID, "stream", 0, "home or profile is missing");
        return;
    }
    if (!session) {
        request_end(request);
        return;
    }
    if (session->subscriber.count >= limit) {
        request_fail(request, FEED__ERROR_CODE__LIMIT_EXCEEDED, "max_subscriptions", (uint64_t)limit,
                     "a connection may hold %" PRId64 " subscriptions", limit);
        return;
    }
    const char *name = profile ? subscribe->profile : subscribe->home;
    if (!check_subject(request, profile ? "profile" : "home", name))
        return;
    struct text token = {(const char *)subscribe->resume_token.data, subscribe->resume_token.len};
    feed_subscribe(request->commands->feed, &session->subscriber, request->id, profile, text_of(name), token, on_subscribed,
                   request);
}

const struct command_row command_subscribe = {
    .kind = FEED__CLIENT_FRAME__REQUEST_SUBSCRIBE,
    .order = ORDER_SUBSCRIBE,
    .sees_writes = true,
    .run = run_subscribe,
};

static void run_unsubscribe(struct request *request)
{
    struct session *session = request_session(request);
    Feed__UnsubscribeReply reply = FEED__UNSUBSCRIBE_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    if (session &&
        !feed_unsubscribe(request->commands->feed, &session->subscriber, request->frame->unsubscribe->subscription)) {
        request_fail(request, FEED__ERROR_CODE__NOT_FOUND, "subscription", 0, "there is no such subscription");
        return;
    }
    frame.body_case = FEED__SERVER_FRAME__BODY_UNSUBSCRIBE;
    frame.unsubscribe = &reply;
    request_reply(request, &frame);
}

const struct command_row command_unsubscribe = {
    .kind = FEED__CLIENT_FRAME__REQUEST_UNSUBSCRIBE,
    .order = ORDER_UNSUBSCRIBE,
    .without_store = true,
    .run = run_unsubscribe,
};
