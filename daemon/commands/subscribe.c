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

/* What a request can name. */
static const struct {
    Feed__SubscribeRequest__StreamCase named;
    enum stream_kind kind;
    const char *field;
    bool of_share;
    bool may_look; /* it may be said who looks */
} rows[] = {
    {FEED__SUBSCRIBE_REQUEST__STREAM_HOME, STREAM_HOME, "home", false, false},
    {FEED__SUBSCRIBE_REQUEST__STREAM_PROFILE, STREAM_PROFILE, "profile", false, false},
    {FEED__SUBSCRIBE_REQUEST__STREAM_DIALOGUE, STREAM_DIALOGUE, "dialogue", true, true},
    {FEED__SUBSCRIBE_REQUEST__STREAM_DIALOGUE_AROUND, STREAM_AROUND, "dialogue_around", false, true},
    {FEED__SUBSCRIBE_REQUEST__STREAM_INBOX, STREAM_INBOX, "inbox", false, false},
};

/* The stream that a request names. False, and the request is answered, if it names none. */
static bool stream_of(struct request *request, struct feed_stream *ret_stream)
{
    const Feed__SubscribeRequest *subscribe = request->frame->subscribe;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].named != subscribe->stream_case)
            continue;
        if (!rows[i].may_look && subscribe->reader[0] != '\0') {
            request_fail(request, FEED__ERROR_CODE__INVALID, "reader", 0, "reader is for dialogue and dialogue_around");
            return false;
        }
        *ret_stream = (struct feed_stream){.kind = rows[i].kind, .subject = {"", 0}, .reader = text_of(subscribe->reader)};
        if (rows[i].of_share) {
            ret_stream->share = subscribe->dialogue;
            return check_id(request, rows[i].field, ret_stream->share);
        }
        ret_stream->subject = text_of(subscribe->home); /* whichever it is: all names of the oneof lie in the same place */
        return check_subject(request, rows[i].field, subscribe->home);
    }
    request_fail(request, FEED__ERROR_CODE__INVALID, "stream", 0, "it is not said what to subscribe to");
    return false;
}

static void run_subscribe(struct request *request)
{
    const Feed__SubscribeRequest *subscribe = request->frame->subscribe;
    struct text token = {(const char *)subscribe->resume_token.data, subscribe->resume_token.len};
    int64_t limit = request->commands->config->max_subscriptions;
    struct session *session = request_session(request);
    struct feed_stream stream;

    if (!stream_of(request, &stream) || !check_reader(request, subscribe->reader))
        return;
    if (!session) {
        request_end(request);
        return;
    }
    if (session->subscriber.count >= limit) {
        request_fail(request, FEED__ERROR_CODE__LIMIT_EXCEEDED, "max_subscriptions", (uint64_t)limit,
                     "a connection may hold %" PRId64 " subscriptions", limit);
        return;
    }
    feed_subscribe(request->commands->feed, &session->subscriber, request->id, &stream, token, on_subscribed, request);
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
