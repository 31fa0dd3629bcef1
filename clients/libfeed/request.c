/* Requests: queueing, sending in order, answers, temporary refusals, deadlines. */
#include "client.h"

#include <errno.h>
#include <string.h>

#include "framing.h"

#define BUCKETS_MIN 64u
#define KEY_RANDOM_BYTES 16
/* For servers that refuse for the time being without saying for how long. */
#define PAUSE_DEFAULT_MS 100

/* -------------------------------------------------------------------------------------------------------------- ids */

static void request_rehash(struct feed_client *client)
{
    size_t count = client->bucket_count == 0 ? BUCKETS_MIN : client->bucket_count * 2;
    struct request **buckets = client_alloc(client, count * sizeof *buckets);

    if (buckets == NULL)
        return; /* the old ones still work */
    memset(buckets, 0, count * sizeof *buckets);
    for (size_t i = 0; i < client->bucket_count; i++) {
        while (client->buckets[i] != NULL) {
            struct request *request = client->buckets[i];

            client->buckets[i] = request->chain;
            request->chain = buckets[request->id & (count - 1)];
            buckets[request->id & (count - 1)] = request;
        }
    }
    client_dealloc(client, client->buckets);
    client->buckets = buckets;
    client->bucket_count = count;
}

struct request *request_find(const struct feed_client *client, uint32_t id)
{
    struct request *request;

    if (client->bucket_count == 0 || id == 0)
        return NULL;
    request = client->buckets[id & (client->bucket_count - 1)];
    while (request != NULL && request->id != id)
        request = request->chain;
    return request;
}

uint32_t request_unused_id(struct feed_client *client)
{
    do {
        client->last_id++;
    } while (client->last_id == 0 || request_find(client, client->last_id) != NULL);
    return client->last_id;
}

int request_register(struct feed_client *client, struct request *request)
{
    struct request **bucket;

    if (client->request_count >= client->bucket_count)
        request_rehash(client);
    if (client->bucket_count == 0)
        return -ENOMEM;
    bucket = &client->buckets[request->id & (client->bucket_count - 1)];
    request->chain = *bucket;
    *bucket = request;
    client->request_count++;
    return 0;
}

void request_unregister(struct feed_client *client, struct request *request)
{
    struct request **link = &client->buckets[request->id & (client->bucket_count - 1)];

    while (*link != request)
        link = &(*link)->chain;
    *link = request->chain;
    client->request_count--;
}

/* --------------------------------------------------------------------------------------------------------- the list */

/* The one place where a request changes its state. */
static void request_set_state(struct feed_client *client, struct request *request, enum request_state state)
{
    client->in_flight -= request->state == REQUEST_SENT;
    client->refused -= request->state == REQUEST_REFUSED;
    request->state = state;
    client->in_flight += request->state == REQUEST_SENT;
    client->refused += request->state == REQUEST_REFUSED;
}

void request_enlist_first(struct feed_client *client, struct request *request)
{
    request->previous = NULL;
    request->next = client->head;
    *(client->head != NULL ? &client->head->previous : &client->tail) = request;
    client->head = request;
    request_set_state(client, request, REQUEST_QUEUED);
    if (client->unsent == request->next)
        client->unsent = request;
}

void request_enlist_last(struct feed_client *client, struct request *request)
{
    request->next = NULL;
    request->previous = client->tail;
    *(client->tail != NULL ? &client->tail->next : &client->head) = request;
    client->tail = request;
    request_set_state(client, request, REQUEST_QUEUED);
    if (client->unsent == NULL)
        client->unsent = request;
}

void request_delist(struct feed_client *client, struct request *request)
{
    if (request->state == REQUEST_IDLE)
        return;
    if (client->unsent == request)
        client->unsent = request->next;
    *(request->previous != NULL ? &request->previous->next : &client->head) = request->next;
    *(request->next != NULL ? &request->next->previous : &client->tail) = request->previous;
    request_set_state(client, request, REQUEST_IDLE);
}

void request_rewind(struct feed_client *client)
{
    for (struct request *request = client->head; request != client->unsent; request = request->next)
        request_set_state(client, request, REQUEST_QUEUED);
    client->unsent = client->head;
}

void request_refuse(struct feed_client *client, struct request *request, uint32_t after_ms)
{
    uint64_t until = feed_client_now_ms(client) + (after_ms != 0 ? after_ms : PAUSE_DEFAULT_MS);

    if (client->refused == 0 || until > client->paused_until_ms)
        client->paused_until_ms = until;
    if (request->state == REQUEST_IDLE)
        request_enlist_first(client, request);
    if (client->unsent == request)
        client->unsent = request->next;
    request_set_state(client, request, REQUEST_REFUSED);
}

bool request_is_temporary(const Feed__Error *error)
{
    return error->code == FEED__ERROR_CODE__UNAVAILABLE || error->code == FEED__ERROR_CODE__BUSY ||
           error->code == FEED__ERROR_CODE__OUTCOME_UNKNOWN;
}

/* ------------------------------------------------------------------------------------------------------------- life */

void request_free(struct feed_client *client, struct request *request)
{
    request_delist(client, request);
    heap_remove(client, request);
    request_unregister(client, request);
    client->unanswered -= request->on_reply != NULL;
    if (request->refusal != NULL)
        feed__server_frame__free_unpacked(request->refusal, client->allocator);
    client_dealloc(client, request);
}

void request_finish(struct feed_client *client, struct request *request, const struct feed_reply *reply)
{
    feed_reply_fn *on_reply = request->on_reply;
    void *context = request->context;

    request_free(client, request);
    if (on_reply != NULL)
        on_reply(context, reply);
}

/* `size` is that of a frame with its length; the server's limit is without it. */
static bool request_is_too_long(const struct feed_client *client, size_t size)
{
    const Feed__HelloReply *hello = feed_client_hello(client);
    size_t limit = hello != NULL && hello->limits != NULL ? hello->limits->max_frame_bytes : 0;

    return limit != 0 && size > limit + framing_varint_bytes(limit);
}

/* The frame of `message` as a request in no list yet. */
static int request_new(struct feed_client *client, uint32_t kind, const ProtobufCMessage *message,
                       struct request **ret_request)
{
    uint32_t id = request_unused_id(client);
    size_t size = encode_size(id, kind, message);
    struct request *request;

    if (request_is_too_long(client, size))
        return -EMSGSIZE;
    request = client_alloc(client, sizeof *request + size);
    if (request == NULL)
        return -ENOMEM;
    *request = (struct request){ .id = id, .kind = kind, .size = size, .heap_index = SIZE_MAX };
    encode_frame(id, kind, message, request->bytes);
    if (request_register(client, request) < 0) {
        client_dealloc(client, request);
        return -ENOMEM;
    }
    *ret_request = request;
    return 0;
}

/* Puts a new request behind the others. It is sent when the adapter lets the client run, so that a failure there calls
 * nobody back from within here. */
static void request_queue(struct feed_client *client, struct request *request)
{
    request_enlist_last(client, request);
    client_wake(client);
}

int request_queue_silent(struct feed_client *client, const ProtobufCMessage *message)
{
    struct request *request;
    int error = request_new(client, encode_kind(message), message, &request);

    if (error < 0)
        return error;
    request_queue(client, request);
    return 0;
}

/* Fills `key` with random hexadecimal digits. */
static int request_make_key(struct feed_client *client, char key[static 2 * KEY_RANDOM_BYTES + 1])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t chance[KEY_RANDOM_BYTES];
    int error = client->options.random(client->options.environment, chance, sizeof chance);

    if (error < 0)
        return error;
    for (size_t i = 0; i < sizeof chance; i++) {
        key[2 * i] = digits[chance[i] >> 4];
        key[2 * i + 1] = digits[chance[i] & 15];
    }
    key[2 * sizeof chance] = '\0';
    return 0;
}

/* Requests that may have a key. */
union keyed_request {
    ProtobufCMessage base;
    Feed__ShareRequest share;
    Feed__CommentRequest comment;
};

/* Copies a request of one of these kinds. Returns where its key stands; NULL: it is of none. */
static char **request_copy_keyed(uint32_t kind, const ProtobufCMessage *message, union keyed_request *ret_copy)
{
    if (kind == FEED__CLIENT_FRAME__REQUEST_SHARE) {
        ret_copy->share = *(const Feed__ShareRequest *)(const void *)message;
        return &ret_copy->share.idempotency_key;
    }
    if (kind == FEED__CLIENT_FRAME__REQUEST_COMMENT) {
        ret_copy->comment = *(const Feed__CommentRequest *)(const void *)message;
        return &ret_copy->comment.idempotency_key;
    }
    return NULL;
}

int feed_request(struct feed_client *client, const ProtobufCMessage *message, uint32_t timeout_ms,
                 feed_reply_fn *on_reply, void *context)
{
    uint32_t kind = encode_kind(message);
    char key[2 * KEY_RANDOM_BYTES + 1];
    union keyed_request keyed;
    char **its_key = request_copy_keyed(kind, message, &keyed);
    struct request *request;
    bool own_key = its_key != NULL && (*its_key == NULL || **its_key == '\0');
    int error;

    if (kind == 0 || kind == FEED__CLIENT_FRAME__REQUEST_HELLO || kind == FEED__CLIENT_FRAME__REQUEST_SUBSCRIBE ||
        kind == FEED__CLIENT_FRAME__REQUEST_UNSUBSCRIBE || on_reply == NULL)
        return -EINVAL;
    if (client->freeing)
        return -ESHUTDOWN;
    if (own_key) {
        error = request_make_key(client, key);
        if (error < 0)
            return error;
        *its_key = key;
        message = &keyed.base;
    }
    error = request_new(client, kind, message, &request);
    if (error < 0)
        return error;
    request->own_key = own_key;
    if (timeout_ms == 0)
        timeout_ms = client->options.request_timeout_ms;
    if (timeout_ms != FEED_NO_TIMEOUT) {
        request->deadline_ms = feed_client_now_ms(client) + timeout_ms;
        error = heap_insert(client, request);
        if (error < 0) {
            request_free(client, request);
            return error;
        }
    }
    request->on_reply = on_reply;
    request->context = context;
    client->unanswered++;
    request_queue(client, request);
    return 0;
}

size_t feed_client_unanswered(const struct feed_client *client)
{
    return client->unanswered;
}

/* ---------------------------------------------------------------------------------------------------------- sending */

bool request_may_send(const struct feed_client *client)
{
    uint32_t most;

    if (client->state != CLIENT_READY || client->unsent == NULL || client->refused > 0)
        return false;
    most = client->hello->hello->limits != NULL ? client->hello->hello->limits->max_in_flight : 0;
    return client->output.size - client->output_sent < OUTPUT_TARGET_BYTES && (most == 0 || client->in_flight < most);
}

/* Sends `request`, the first unsent one. */
static int request_send_one(struct feed_client *client, struct request *request)
{
    if (request->subscription != NULL) {
        int error = subscription_send(request->subscription);

        if (error < 0)
            return error;
    } else {
        uint8_t *out = bytes_reserve(&client->output, client->allocator, request->size);

        if (out == NULL)
            return -ENOMEM;
        memcpy(out, request->bytes, request->size);
        client->output.size += request->size;
    }
    client->unsent = request->next;
    request_set_state(client, request, REQUEST_SENT);
    return 0;
}

void request_send(struct feed_client *client)
{
    const struct feed_reply too_long = { .status = -EMSGSIZE };

    if (client->state == CLIENT_READY && client->refused > 0 && client->in_flight == 0 &&
        feed_client_now_ms(client) >= client->paused_until_ms)
        request_rewind(client);
    while (request_may_send(client)) {
        struct request *request = client->unsent;

        if (request_is_too_long(client, request->size)) {
            request_finish(client, request, &too_long);
        } else if (request_send_one(client, request) < 0) {
            client_lose(client, -ENOMEM);
        }
    }
}

/* ---------------------------------------------------------------------------------------------------------- answers */

void request_answer(struct feed_client *client, struct request *request, Feed__ServerFrame *frame)
{
    struct feed_reply reply = { 0 };

    if (frame->body_case == FEED__SERVER_FRAME__BODY_ERROR && request_is_temporary(frame->error)) {
        if (request->refusal != NULL)
            feed__server_frame__free_unpacked(request->refusal, client->allocator);
        request->refusal = frame;
        request_refuse(client, request, frame->error->retry_after_ms);
        return;
    }
    if (frame->body_case == FEED__SERVER_FRAME__BODY_ERROR) {
        reply.status = frame->error->code > 0 ? (int)frame->error->code : (int)FEED__ERROR_CODE__INTERNAL;
        reply.error = frame->error;
    } else if ((uint32_t)frame->body_case == request->kind) {
        /* All members of the union are pointers to messages. */
        memcpy(&reply.message, &frame->hello, sizeof reply.message);
        if (request->own_key && request->kind == FEED__CLIENT_FRAME__REQUEST_SHARE)
            frame->share->repeated = false;
        else if (request->own_key)
            frame->comment->repeated = false;
    } else {
        reply.status = -EPROTO;
    }
    request_finish(client, request, &reply);
    feed__server_frame__free_unpacked(frame, client->allocator);
}

void request_expire(struct feed_client *client)
{
    while (client->heap_count > 0 && client->heap[0]->deadline_ms <= feed_client_now_ms(client)) {
        struct request *request = client->heap[0];
        struct feed_reply reply = { .status = -ETIMEDOUT };
        Feed__ServerFrame *refusal = request->refusal;

        request->refusal = NULL;
        if (refusal != NULL)
            reply.error = refusal->error;
        request_finish(client, request, &reply);
        if (refusal != NULL)
            feed__server_frame__free_unpacked(refusal, client->allocator);
    }
}
