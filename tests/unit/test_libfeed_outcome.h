/* What the callback of a request has seen, and requests that use it: for the tests of libfeed's core. */
#ifndef FEED_TESTS_LIBFEED_OUTCOME_H
#define FEED_TESTS_LIBFEED_OUTCOME_H

#include "test_libfeed_peer.h"

struct outcome {
    unsigned calls;
    int status;
    uint64_t share_id;
    bool repeated;
    Feed__ErrorCode error;
    struct peer *again; /* send another request from within the callback */
};

static inline void on_reply(void *context, const struct feed_reply *reply)
{
    struct outcome *outcome = context;

    outcome->calls++;
    outcome->status = reply->status;
    if (reply->error != NULL)
        outcome->error = reply->error->code;
    if (reply->message != NULL && reply->message->descriptor == &feed__share_reply__descriptor) {
        outcome->share_id = ((const Feed__ShareReply *)(const void *)reply->message)->id;
        outcome->repeated = ((const Feed__ShareReply *)(const void *)reply->message)->repeated;
    }
    if (reply->message != NULL && reply->message->descriptor == &feed__comment_reply__descriptor)
        outcome->repeated = ((const Feed__CommentReply *)(const void *)reply->message)->repeated;
    if (outcome->again != NULL) {
        Feed__PingRequest ping = FEED__PING_REQUEST__INIT;
        struct peer *peer = outcome->again;

        outcome->again = NULL;
        assert_int_equal(feed_send_ping(peer->client, &ping, 0, on_reply, outcome), 0);
    }
}

static inline void send_share(struct peer *peer, struct outcome *outcome)
{
    Feed__ShareRequest request = FEED__SHARE_REQUEST__INIT;
    char url[] = "https://example.org/", author[] = "alice";

    request.author = author;
    request.url = url;
    assert_int_equal(feed_send_share(peer->client, &request, 0, on_reply, outcome), 0);
}

static inline void send_ping(struct peer *peer, struct outcome *outcome, uint32_t timeout_ms)
{
    Feed__PingRequest request = FEED__PING_REQUEST__INIT;

    assert_int_equal(feed_send_ping(peer->client, &request, timeout_ms, on_reply, outcome), 0);
}

#endif
