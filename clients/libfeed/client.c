/* The life of a client and of its connections: waiting, connecting, greeting, ready, and back. */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "environment.h"
#include "framing.h"

#define PROTOCOL_VERSION 1
#define CLIENT_NAME_MAX_BYTES 64
#define PINGS_PER_SILENCE_LIMIT 3
#define MISSED_HEARTBEATS_MAX 3

static uint32_t or_default(uint32_t value, uint32_t standard)
{
    return value != 0 ? value : standard;
}

int feed_client_new(const struct feed_options *options, struct feed_client **ret_client)
{
    struct feed_options filled = options != NULL ? *options : (struct feed_options){ 0 };
    struct feed_client *client;

    if (filled.client_name == NULL)
        filled.client_name = "libfeed";
    filled.request_timeout_ms = or_default(filled.request_timeout_ms, 30000);
    filled.connect_timeout_ms = or_default(filled.connect_timeout_ms, 10000);
    filled.backoff_min_ms = or_default(filled.backoff_min_ms, 100);
    filled.backoff_max_ms = or_default(filled.backoff_max_ms, 10000);
    if (filled.allocator == NULL)
        filled.allocator = &environment_allocator;
    if (filled.now_ms == NULL)
        filled.now_ms = environment_now_ms;
    if (filled.random == NULL)
        filled.random = environment_random;
    if (filled.backoff_min_ms > filled.backoff_max_ms || strlen(filled.client_name) > CLIENT_NAME_MAX_BYTES)
        return -EINVAL;

    client = filled.allocator->alloc(filled.allocator->allocator_data, sizeof *client);
    if (client == NULL)
        return -ENOMEM;
    *client = (struct feed_client){ .options = filled, .allocator = filled.allocator };
    client->name = client_strdup(client, filled.client_name);
    if (client->name == NULL) {
        client_dealloc(client, client);
        return -ENOMEM;
    }
    client->options.client_name = client->name;
    *ret_client = client;
    return 0;
}

void feed_client_free(struct feed_client *client)
{
    const struct feed_reply cancelled = { .status = -ECANCELED };
    ProtobufCAllocator *allocator;

    if (client == NULL)
        return;
    allocator = client->allocator;
    client->freeing = true;
    while (client->subscriptions != NULL)
        subscription_free(client->subscriptions);
    while (client->head != NULL)
        request_finish(client, client->head, &cancelled);
    if (client->hello != NULL)
        feed__server_frame__free_unpacked(client->hello, allocator);
    bytes_done(&client->input, allocator);
    bytes_done(&client->output, allocator);
    client_dealloc(client, client->buckets);
    client_dealloc(client, client->heap);
    client_dealloc(client, client->name);
    allocator->free(allocator->allocator_data, client);
}

uint64_t feed_client_now_ms(const struct feed_client *client)
{
    return client->options.now_ms(client->options.environment);
}

void feed_client_status(const struct feed_client *client, struct feed_status *ret_status)
{
    static const enum feed_connection_state states[] = {
        [CLIENT_WAITING] = FEED_WAITING,
        [CLIENT_CONNECTING] = FEED_CONNECTING,
        [CLIENT_GREETING] = FEED_CONNECTING,
        [CLIENT_READY] = FEED_CONNECTED,
    };
    uint64_t now = feed_client_now_ms(client);
    bool waiting = client->state == CLIENT_WAITING && client->state_until_ms > now;

    *ret_status = (struct feed_status){
        .state = states[client->state],
        .error = client->error,
        .message = client->message,
        .retry_in_ms = waiting ? (uint32_t)(client->state_until_ms - now) : 0,
        .attempts = client->attempts,
    };
}

const Feed__HelloReply *feed_client_hello(const struct feed_client *client)
{
    return client->hello != NULL ? client->hello->hello : NULL;
}

void feed_client_set_wake(struct feed_client *client, void (*wake)(void *context), void *context)
{
    client->wake = wake;
    client->wake_context = context;
}

void client_wake(struct feed_client *client)
{
    if (client->depth == 0 && client->wake != NULL)
        client->wake(client->wake_context);
}

/* ----------------------------------------------------------------------------------------------------------- states */

static void client_report(struct feed_client *client)
{
    struct feed_status status;

    if (client->options.on_connection == NULL)
        return;
    feed_client_status(client, &status);
    client->options.on_connection(client->options.context, &status);
}

static void client_enter(struct feed_client *client, enum client_state state, uint64_t for_ms)
{
    client->state = state;
    client->state_until_ms = feed_client_now_ms(client) + for_ms;
}

/* Full jitter: anything from 0 to the exponential limit. */
static uint64_t client_backoff_ms(struct feed_client *client)
{
    uint64_t limit = client->options.backoff_min_ms;
    uint64_t chance = 0;

    for (unsigned i = 1; i < client->attempts && limit < client->options.backoff_max_ms; i++)
        limit *= 2;
    if (limit > client->options.backoff_max_ms)
        limit = client->options.backoff_max_ms;
    if (client->options.random(client->options.environment, &chance, sizeof chance) < 0)
        return limit;
    return chance % (limit + 1);
}

/* The one way out of a connection or an attempt. The next one does not come before `after_ms`. */
static void client_end(struct feed_client *client, int error, const char *message, uint32_t after_ms)
{
    uint64_t now = feed_client_now_ms(client);
    uint64_t backoff;

    if (client->state == CLIENT_WAITING)
        return;
    /* A connection that held for a while was a success; one that breaks at once counts as one more failed attempt. */
    if (client->state == CLIENT_READY && now - client->ready_since_ms >= client->options.backoff_max_ms)
        client->attempts = 0;
    client->attempts++;
    client->error = error;
    snprintf(client->message, sizeof client->message, "%s", message);
    backoff = client_backoff_ms(client);
    client_enter(client, CLIENT_WAITING, backoff > after_ms ? backoff : after_ms);
    client->input.size = 0;
    client->output.size = 0;
    client->output_sent = 0;
    request_rewind(client);
    subscriptions_rewind(client);
    client_report(client);
    subscriptions_report_lost(client);
}

void client_lose(struct feed_client *client, int error)
{
    client_end(client, error, "", 0);
}

/* The server ends the connection, or refuses to serve. Where coming back makes no sense, we still try from time to
 * time. */
static void client_end_as_told(struct feed_client *client, int error, const char *message, bool retry,
                               uint32_t after_ms)
{
    client_end(client, error, message, retry ? after_ms : client->options.backoff_max_ms);
}

static void client_on_hello(struct feed_client *client, Feed__ServerFrame *frame)
{
    uint64_t now = feed_client_now_ms(client);

    if (frame->body_case == FEED__SERVER_FRAME__BODY_ERROR) {
        const Feed__Error *error = frame->error;
        bool version = error->code == FEED__ERROR_CODE__UNSUPPORTED_VERSION;

        client_end_as_told(client, version ? -EPROTONOSUPPORT : -ECONNREFUSED, error->message,
                           error->retry_after_ms != 0, error->retry_after_ms);
        feed__server_frame__free_unpacked(frame, client->allocator);
        return;
    }
    if (frame->body_case != FEED__SERVER_FRAME__BODY_HELLO) {
        feed__server_frame__free_unpacked(frame, client->allocator);
        client_lose(client, -EPROTO);
        return;
    }
    if (client->hello != NULL)
        feed__server_frame__free_unpacked(client->hello, client->allocator);
    client->hello = frame;
    client->ready_since_ms = now;
    client_enter(client, CLIENT_READY, 0);
    client_report(client);
}

/* -------------------------------------------------------------------------------------------------------- receiving */

/* Handles `frame` and frees it. */
static void client_on_frame(struct feed_client *client, Feed__ServerFrame *frame)
{
    struct request *request;

    if (frame->body_case == FEED__SERVER_FRAME__BODY_CLOSING) {
        const Feed__Closing *closing = frame->closing;

        client_end_as_told(client, -ECONNRESET, closing->message, closing->retry, closing->retry_after_ms);
    } else if (client->state == CLIENT_GREETING) {
        if (frame->request_id == client->hello_id) {
            client_on_hello(client, frame);
            return;
        }
    } else {
        request = request_find(client, frame->request_id);
        if (request != NULL && request->subscription != NULL) {
            subscription_receive(request->subscription, frame);
        } else if (request != NULL && request->state == REQUEST_SENT) {
            request_answer(client, request, frame);
            return;
        }
        /* Else a sign of life, or something that nobody waits for any more: the answer to a Ping, an ended
         * subscription. */
    }
    feed__server_frame__free_unpacked(frame, client->allocator);
}

/* Handles the whole frames at `data`; sets *ret_used. Stops when the connection is given up. */
static void client_consume(struct feed_client *client, const uint8_t *data, size_t size, size_t *ret_used)
{
    size_t used = 0, header, body;
    int status = 0;

    while (client->state != CLIENT_WAITING) {
        Feed__ServerFrame *frame;

        status = framing_read_length(data + used, size - used, FRAME_MAX_BYTES, &header, &body);
        if (status <= 0 || size - used - header < body)
            break;
        frame = feed__server_frame__unpack(client->allocator, body, data + used + header);
        if (frame == NULL) {
            /* Damaged, or memory has ended: either way a new connection is the way on. */
            client_lose(client, -EBADMSG);
            break;
        }
        used += header + body;
        client_on_frame(client, frame);
    }
    if (status < 0)
        client_lose(client, -EPROTO);
    *ret_used = used;
}

void feed_client_received(struct feed_client *client, const uint8_t *data, size_t size)
{
    bool direct = client->input.size == 0;
    size_t used = 0;

    if (client->state == CLIENT_WAITING || size == 0)
        return;
    client->depth++;
    client->received_ms = feed_client_now_ms(client);
    if (direct) {
        client_consume(client, data, size, &used);
        data += used;
        size -= used;
    }
    if (size > 0 && client->state != CLIENT_WAITING) {
        uint8_t *out = bytes_reserve(&client->input, client->allocator, size);

        if (out != NULL) {
            memcpy(out, data, size);
            client->input.size += size;
        } else {
            client_lose(client, -ENOMEM);
        }
        if (!direct && client->state != CLIENT_WAITING) {
            client_consume(client, client->input.data, client->input.size, &used);
            if (client->input.size >= used)
                bytes_drop(&client->input, used);
        }
    }
    if (client->input.size == 0 && client->input.room > OUTPUT_TARGET_BYTES)
        bytes_done(&client->input, client->allocator);
    request_send(client);
    client->depth--;
}

/* ---------------------------------------------------------------------------------------------------------- running */

void feed_client_connected(struct feed_client *client)
{
    Feed__HelloRequest hello = FEED__HELLO_REQUEST__INIT;

    if (client->state != CLIENT_CONNECTING)
        return;
    client->depth++;
    hello.protocol_version = PROTOCOL_VERSION;
    hello.client_name = client->name;
    client->hello_id = request_unused_id(client);
    client->state = CLIENT_GREETING; /* the time-out goes on */
    client->received_ms = feed_client_now_ms(client);
    client->sent_ms = client->received_ms;
    if (encode_output(client, client->hello_id, FEED__CLIENT_FRAME__REQUEST_HELLO, &hello.base) < 0)
        client_lose(client, -ENOMEM);
    client->depth--;
}

void feed_client_disconnected(struct feed_client *client, int error)
{
    client->depth++;
    client_lose(client, error);
    client->depth--;
}

size_t feed_client_output(const struct feed_client *client, const uint8_t **ret_data)
{
    *ret_data = client->output.data + client->output_sent;
    return client->output.size - client->output_sent;
}

void feed_client_sent(struct feed_client *client, size_t size)
{
    client->depth++;
    client->sent_ms = feed_client_now_ms(client);
    client->output_sent += size;
    if (client->output_sent == client->output.size) {
        client->output_sent = 0;
        client->output.size = 0;
    } else if (client->output_sent > OUTPUT_TARGET_BYTES / 2) {
        bytes_drop(&client->output, client->output_sent);
        client->output_sent = 0;
    }
    request_send(client);
    client->depth--;
}

static uint64_t client_ping_at_ms(const struct feed_client *client)
{
    uint32_t limit = client->hello->hello->silence_limit_ms;

    /* What already waits to be sent will do as a sign of life. */
    if (limit == 0 || client->output.size != 0)
        return UINT64_MAX;
    return client->sent_ms + limit / PINGS_PER_SILENCE_LIMIT;
}

static uint64_t client_give_up_at_ms(const struct feed_client *client)
{
    uint32_t interval = client->hello->hello->heartbeat_interval_ms;

    return interval == 0 ? UINT64_MAX : client->received_ms + (uint64_t)interval * MISSED_HEARTBEATS_MAX;
}

static void client_run_ready(struct feed_client *client, uint64_t now)
{
    Feed__PingRequest ping = FEED__PING_REQUEST__INIT;

    if (now >= client_give_up_at_ms(client)) {
        client_lose(client, -ETIMEDOUT);
        return;
    }
    if (now >= client_ping_at_ms(client) &&
        encode_output(client, request_unused_id(client), FEED__CLIENT_FRAME__REQUEST_PING, &ping.base) < 0)
        client_lose(client, -ENOMEM);
}

void feed_client_run(struct feed_client *client)
{
    uint64_t now = feed_client_now_ms(client);

    client->depth++;
    request_expire(client);
    if (client->state == CLIENT_READY) {
        client_run_ready(client, now);
    } else if (now >= client->state_until_ms) {
        if (client->state == CLIENT_WAITING) {
            client->connection++;
            client_enter(client, CLIENT_CONNECTING, client->options.connect_timeout_ms);
            client_report(client);
        } else {
            client_lose(client, -ETIMEDOUT);
        }
    }
    request_send(client);
    client->depth--;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void feed_client_next(const struct feed_client *client, struct feed_next *ret_next)
{
    uint64_t deadline = UINT64_MAX;

    if (client->state != CLIENT_READY) {
        deadline = client->state_until_ms;
    } else {
        deadline = sooner(client_ping_at_ms(client), client_give_up_at_ms(client));
        if (client->refused > 0 && client->in_flight == 0)
            deadline = sooner(deadline, client->paused_until_ms);
    }
    if (client->heap_count > 0)
        deadline = sooner(deadline, client->heap[0]->deadline_ms);
    if (request_may_send(client))
        deadline = 0;
    *ret_next = (struct feed_next){
        .connection = client->state == CLIENT_WAITING ? 0 : client->connection,
        .deadline_ms = deadline,
        .output_bytes = client->output.size - client->output_sent,
    };
}
