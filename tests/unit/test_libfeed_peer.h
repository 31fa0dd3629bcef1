/* A server in memory for the tests of libfeed's core: no sockets, no clock but its own. The test either reads the
 * client's frames and says each answer itself (peer_take(), peer_say_…()), or lets the peer serve (peer_serve()): it
 * then holds a log of shares that subscriptions and their tokens follow. */
#ifndef FEED_TESTS_LIBFEED_PEER_H
#define FEED_TESTS_LIBFEED_PEER_H

#include "unit.h"

#include <feed/feed.h>

#include "framing.h"

#define PEER_LOG_MAX 256
#define PEER_SUBSCRIPTIONS_MAX 8

struct peer {
    struct feed_client *client;
    uint64_t now_ms;
    uint64_t connection; /* the client's number of what is connected; 0: nothing */
    size_t piece_bytes;  /* of what is handed to the client at once; 0: all of it */
    uint32_t max_in_flight;

    /* What peer_serve() remembers. */
    uint64_t log[PEER_LOG_MAX]; /* ids of shares */
    size_t log_count;
    struct {
        uint32_t id;
        uint64_t position; /* the last id sent */
    } subscriptions[PEER_SUBSCRIPTIONS_MAX]; /* of this connection */
    size_t subscription_count;
    char keys[PEER_LOG_MAX][64]; /* idempotency keys, as log */

    /* Memory. */
    size_t allocated, allocations;
    size_t fail_at; /* the number of the allocation that fails, from 1; 0: none */
    ProtobufCAllocator allocator;
};

static inline uint64_t peer_now_ms(void *context)
{
    return ((struct peer *)context)->now_ms;
}

/* Chance that is none: always the largest number, so that a pause is as long as it can be. */
static inline int peer_random(void *context, void *out, size_t size)
{
    static uint8_t count;

    (void)context;
    memset(out, 0xff, size);
    *(uint8_t *)out = count++;
    return 0;
}

static inline void *peer_alloc(void *context, size_t size)
{
    struct peer *peer = context;
    void *pointer;

    if (++peer->allocations == peer->fail_at)
        return NULL;
    pointer = malloc(size);
    peer->allocated += pointer != NULL;
    return pointer;
}

static inline void peer_free(void *context, void *pointer)
{
    struct peer *peer = context;

    peer->allocated -= pointer != NULL;
    free(pointer);
}

/* Options that make the client live in the peer's world. */
static inline struct feed_options peer_options(struct peer *peer)
{
    peer->allocator = (ProtobufCAllocator){ peer_alloc, peer_free, peer };
    return (struct feed_options){
        .allocator = &peer->allocator,
        .now_ms = peer_now_ms,
        .random = peer_random,
        .environment = peer,
    };
}

static inline void peer_start(struct peer *peer)
{
    struct feed_options options;

    *peer = (struct peer){ .now_ms = 1000000, .max_in_flight = 1024 };
    options = peer_options(peer);
    assert_int_equal(feed_client_new(&options, &peer->client), 0);
}

/* Frees the client and checks that it kept nothing. */
static inline void peer_stop(struct peer *peer)
{
    feed_client_free(peer->client);
    assert_int_equal(peer->allocated, 0);
}

/* ----------------------------------------------------------------------------------------------------------- frames */

/* What waits to be sent, after the client has done what is due now; an adapter would wait for what is due later. */
static inline size_t peer_output(struct peer *peer, const uint8_t **ret_data)
{
    struct feed_next next;

    feed_client_next(peer->client, &next);
    if (next.deadline_ms <= peer->now_ms)
        feed_client_run(peer->client);
    return feed_client_output(peer->client, ret_data);
}

/* Takes the next frame out of what the client wants to send. NULL: there is none. To be freed with peer_done(). */
static inline Feed__ClientFrame *peer_take(struct peer *peer)
{
    const uint8_t *data;
    size_t size = peer_output(peer, &data);
    size_t header, body;
    Feed__ClientFrame *frame;

    if (size == 0)
        return NULL;
    assert_int_equal(framing_read_length(data, size, 16 << 20, &header, &body), 1);
    assert_true(size >= header + body);
    frame = feed__client_frame__unpack(NULL, body, data + header);
    assert_non_null(frame);
    feed_client_sent(peer->client, header + body);
    return frame;
}

static inline void peer_done(Feed__ClientFrame *frame)
{
    feed__client_frame__free_unpacked(frame, NULL);
}

/* Sends a frame whose body is `message` in the field `kind`. */
static inline void peer_say(struct peer *peer, uint32_t id, Feed__ServerFrame__BodyCase kind, void *message)
{
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;
    uint8_t *packed;
    size_t size, piece;

    frame.request_id = id;
    frame.body_case = kind;
    memcpy(&frame.hello, &message, sizeof message);
    size = feed__server_frame__get_packed_size(&frame);
    packed = malloc(size + 10);
    assert_non_null(packed);
    piece = framing_write_varint(packed, size);
    feed__server_frame__pack(&frame, packed + piece);
    size += piece;
    piece = peer->piece_bytes != 0 ? peer->piece_bytes : size;
    for (size_t i = 0; i < size; i += piece)
        feed_client_received(peer->client, packed + i, size - i < piece ? size - i : piece);
    free(packed);
}

static inline void peer_say_error(struct peer *peer, uint32_t id, Feed__ErrorCode code, uint32_t retry_after_ms)
{
    Feed__Error error = FEED__ERROR__INIT;

    error.code = code;
    error.retry_after_ms = retry_after_ms;
    peer_say(peer, id, FEED__SERVER_FRAME__BODY_ERROR, &error);
}

static inline void peer_say_token(struct peer *peer, uint32_t id, uint64_t position, bool caught_up)
{
    Feed__CaughtUp done = FEED__CAUGHT_UP__INIT;
    Feed__Heartbeat heartbeat = FEED__HEARTBEAT__INIT;
    char token[24];

    snprintf(token, sizeof token, "%llu", (unsigned long long)position);
    done.resume_token = (ProtobufCBinaryData){ strlen(token), (uint8_t *)token };
    heartbeat.resume_token = done.resume_token;
    if (caught_up)
        peer_say(peer, id, FEED__SERVER_FRAME__BODY_CAUGHT_UP, &done);
    else
        peer_say(peer, id, FEED__SERVER_FRAME__BODY_HEARTBEAT, &heartbeat);
}

static inline void peer_say_shared(struct peer *peer, uint32_t id, uint64_t share_id)
{
    Feed__Share share = FEED__SHARE__INIT;
    Feed__Shared shared = FEED__SHARED__INIT;
    char author[] = "author";

    share.id = share_id;
    share.author = author;
    shared.share = &share;
    peer_say(peer, id, FEED__SERVER_FRAME__BODY_SHARED, &shared);
}

static inline void peer_say_share_reply(struct peer *peer, uint32_t id, uint64_t share_id, bool repeated)
{
    Feed__ShareReply reply = FEED__SHARE_REPLY__INIT;

    reply.id = share_id;
    reply.repeated = repeated;
    peer_say(peer, id, FEED__SERVER_FRAME__BODY_SHARE, &reply);
}

static inline void peer_say_ping_reply(struct peer *peer, uint32_t id)
{
    Feed__PingReply reply = FEED__PING_REPLY__INIT;

    peer_say(peer, id, FEED__SERVER_FRAME__BODY_PING, &reply);
}

static inline void peer_say_subscribed(struct peer *peer, uint32_t id)
{
    Feed__SubscribeReply reply = FEED__SUBSCRIBE_REPLY__INIT;

    peer_say(peer, id, FEED__SERVER_FRAME__BODY_SUBSCRIBE, &reply);
}

static inline void peer_say_hello(struct peer *peer, uint32_t id)
{
    Feed__HelloReply reply = FEED__HELLO_REPLY__INIT;
    Feed__Limits limits = FEED__LIMITS__INIT;

    reply.protocol_version = 1;
    reply.heartbeat_interval_ms = 1000;
    reply.silence_limit_ms = 3000;
    reply.limits = &limits;
    limits.max_in_flight = peer->max_in_flight;
    limits.max_frame_bytes = 65536;
    peer_say(peer, id, FEED__SERVER_FRAME__BODY_HELLO, &reply);
}

/* ------------------------------------------------------------------------------------------------------ connections */

/* Lets the client connect if it wants to; time jumps to when it does. Hello is sent, but not answered. */
static inline void peer_accept(struct peer *peer)
{
    struct feed_next next;

    feed_client_run(peer->client);
    feed_client_next(peer->client, &next);
    while (next.connection == 0) {
        peer->now_ms = next.deadline_ms > peer->now_ms ? next.deadline_ms : peer->now_ms;
        feed_client_run(peer->client);
        feed_client_next(peer->client, &next);
    }
    assert_int_not_equal(next.connection, peer->connection);
    peer->connection = next.connection;
    peer->subscription_count = 0;
    feed_client_connected(peer->client);
}

/* peer_accept(), and Hello is answered. */
static inline void peer_connect(struct peer *peer)
{
    Feed__ClientFrame *frame;

    peer_accept(peer);
    frame = peer_take(peer);
    assert_non_null(frame);
    assert_int_equal(frame->request_case, FEED__CLIENT_FRAME__REQUEST_HELLO);
    peer_say_hello(peer, frame->request_id);
    peer_done(frame);
}

static inline void peer_break(struct peer *peer)
{
    feed_client_disconnected(peer->client, -ECONNRESET);
}

/* Takes the next frame, which must be of this kind, and returns its request id. */
static inline uint32_t peer_expect(struct peer *peer, Feed__ClientFrame__RequestCase kind)
{
    Feed__ClientFrame *frame = peer_take(peer);
    uint32_t id;

    assert_non_null(frame);
    assert_int_equal(frame->request_case, kind);
    id = frame->request_id;
    peer_done(frame);
    return id;
}

static inline void peer_expect_nothing(struct peer *peer)
{
    const uint8_t *data;

    assert_int_equal(peer_output(peer, &data), 0);
}

/* ---------------------------------------------------------------------------------------------------------- serving */

/* Whether the client still holds on to the connection that the peer knows. */
static inline bool peer_is_current(const struct peer *peer)
{
    struct feed_next next;

    feed_client_next(peer->client, &next);
    return next.connection != 0 && next.connection == peer->connection;
}

/* Sends each subscription what it has not been sent. A token only now and then, so that there is something to
 * repeat. */
static inline void peer_push(struct peer *peer)
{
    for (size_t i = 0; i < peer->subscription_count; i++) {
        for (size_t j = 0; j < peer->log_count && peer_is_current(peer); j++) {
            uint32_t id = peer->subscriptions[i].id;

            if (peer->log[j] <= peer->subscriptions[i].position)
                continue;
            peer->subscriptions[i].position = peer->log[j];
            peer_say_shared(peer, id, peer->log[j]);
            if (j % 5 == 4 && peer_is_current(peer))
                peer_say_token(peer, id, peer->log[j], false);
        }
    }
}

static inline uint64_t peer_commit(struct peer *peer, const char *key)
{
    for (size_t i = 0; i < peer->log_count; i++)
        if (key[0] != '\0' && strcmp(peer->keys[i], key) == 0)
            return peer->log[i];
    assert_true(peer->log_count < PEER_LOG_MAX);
    snprintf(peer->keys[peer->log_count], sizeof peer->keys[0], "%s", key);
    peer->log[peer->log_count] = 100 + peer->log_count;
    return peer->log[peer->log_count++];
}

static inline void peer_subscribe(struct peer *peer, uint32_t id, const Feed__SubscribeRequest *request)
{
    uint64_t position = peer->log_count > 0 ? peer->log[peer->log_count - 1] : 1;
    char token[24] = "";

    if (request->resume_token.len > 0) {
        memcpy(token, request->resume_token.data, request->resume_token.len);
        position = strtoull(token, NULL, 10);
    }
    assert_true(peer->subscription_count < PEER_SUBSCRIPTIONS_MAX);
    peer->subscriptions[peer->subscription_count].id = id;
    peer->subscriptions[peer->subscription_count].position = position;
    peer->subscription_count++;
    peer_say_subscribed(peer, id);
    if (peer_is_current(peer))
        peer_say_token(peer, id, position, true);
}

/* Answers one frame of the client. False: there was none. */
static inline bool peer_serve_one(struct peer *peer)
{
    Feed__ClientFrame *frame = peer_take(peer);

    if (frame == NULL)
        return false;
    if (frame->request_case == FEED__CLIENT_FRAME__REQUEST_HELLO)
        peer_say_hello(peer, frame->request_id);
    else if (frame->request_case == FEED__CLIENT_FRAME__REQUEST_SHARE)
        peer_say_share_reply(peer, frame->request_id, peer_commit(peer, frame->share->idempotency_key), false);
    else if (frame->request_case == FEED__CLIENT_FRAME__REQUEST_SUBSCRIBE)
        peer_subscribe(peer, frame->request_id, frame->subscribe);
    else if (frame->request_case == FEED__CLIENT_FRAME__REQUEST_PING)
        peer_say_ping_reply(peer, frame->request_id);
    peer_done(frame);
    return true;
}

/* Connects where the client wants to, answers what it asks, and pushes, until there is nothing more to do at this
 * time. */
static inline void peer_serve(struct peer *peer)
{
    bool busy = true;

    while (busy) {
        busy = false;
        if (!peer_is_current(peer)) {
            peer_accept(peer);
            busy = true;
        }
        while (peer_is_current(peer) && peer_serve_one(peer))
            busy = true;
        peer_push(peer);
        busy = busy || !peer_is_current(peer);
    }
}

#endif
