/* Hello: the first request of a connection. Ping: a sign of life. */
#include <string.h>

#include "base/log.h"
#include "commands/internal.h"

static void run_hello(struct request *request)
{
    const struct config *config = request->commands->config;
    const Feed__HelloRequest *hello = request->frame->hello;
    struct session *session = request_session(request);
    Feed__Limits limits = FEED__LIMITS__INIT;
    Feed__HelloReply reply = FEED__HELLO_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;
    char version[] = "feedd " FEEDD_VERSION;

    if (hello->protocol_version != PROTOCOL_VERSION) {
        request_fail(request, FEED__ERROR_CODE__UNSUPPORTED_VERSION, "protocol_version", PROTOCOL_VERSION,
                     "this server speaks protocol version %d", PROTOCOL_VERSION);
        return;
    }
    if (!check_text(request, "client_name", hello->client_name, 0, CLIENT_NAME_BYTES_MAX))
        return;
    if (!session->greeted) {
        session->greeted = true;
        session->name = hello->client_name[0] != '\0' ? strdup(hello->client_name) : NULL; /* without memory it has none */
        net_admit(request->commands->net, request->conn);
        log_debug(request->commands->admin ? "operator" : "client", "client=%llu name=%s", (unsigned long long)request->conn, log_quote(hello->client_name));
    }
    limits.max_frame_bytes = (uint32_t)config->max_frame_bytes;
    limits.max_in_flight = (uint32_t)config->max_in_flight;
    limits.max_subscriptions = (uint32_t)config->max_subscriptions;
    limits.max_following = (uint32_t)config->max_following;
    limits.max_follow_pairs = (uint32_t)config->max_follow_pairs;
    limits.max_page = (uint32_t)config->max_page;
    limits.timeline_cap = (uint32_t)config->timeline_cap;
    reply.protocol_version = PROTOCOL_VERSION;
    reply.server_version = version;
    reply.heartbeat_interval_ms = (uint32_t)config->heartbeat_interval_ms;
    reply.silence_limit_ms = (uint32_t)config->silence_limit_ms;
    reply.limits = &limits;
    frame.body_case = FEED__SERVER_FRAME__BODY_HELLO;
    frame.hello = &reply;
    request_reply(request, &frame);
}

const struct command_row command_hello = {
    .kind = FEED__CLIENT_FRAME__REQUEST_HELLO,
    .order = ORDER_FREE,
    .audience = FOR_EVERYBODY,
    .before_hello = true,
    .without_store = true,
    .run = run_hello,
};

static void run_ping(struct request *request)
{
    Feed__PingReply reply = FEED__PING_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    frame.body_case = FEED__SERVER_FRAME__BODY_PING;
    frame.ping = &reply;
    request_reply(request, &frame);
}

const struct command_row command_ping = {
    .kind = FEED__CLIENT_FRAME__REQUEST_PING,
    .order = ORDER_FREE,
    .audience = FOR_EVERYBODY,
    .without_store = true,
    .run = run_ping,
};
