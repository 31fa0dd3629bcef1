/* libfeed's adapters when memory, libevent or a system call fails, against a server in a process of its own: whatever fails,
 * each call ends or says why it did not, and is good when it is repeated; each event comes once and in order, and one that
 * had to be dropped is told of. (The core alone, with an allocator of its own, is in test_libfeed_memory.c.) */
#include "test_libfeed_server.h"
#include "torture.h"

#include <event2/event.h>

#define WAIT_MS 10000
#define LAST_SHARE 3 /* the server counts from 2, and hangs up once */

static char author[] = "alice", url[] = "https://example.org/";

/* Shares come as 2, 3, …: each once. */
struct stream {
    uint64_t last;
    bool gap;
};

static void take_event(struct stream *stream, const struct feed_event *event)
{
    if (event->kind == FEED_EVENT_GAP || event->kind == FEED_EVENT_ENDED)
        assert_true(torture_struck());
    assert_int_not_equal(event->kind, FEED_EVENT_ENDED);
    stream->gap = stream->gap || event->kind == FEED_EVENT_GAP;
    if (event->kind != FEED_EVENT_SHARED)
        return;
    assert_true(event->share->id == stream->last + 1 || (stream->gap && event->share->id > stream->last));
    stream->last = event->share->id;
}

static struct feed_options quick(void)
{
    return (struct feed_options){.backoff_min_ms = 1, .backoff_max_ms = 4, .connect_timeout_ms = 2000};
}

/* ---- blocking ---- */

static struct feed_blocking *must_connect(const char *address)
{
    const struct feed_options options = quick();
    struct feed_blocking *feed;

    while (feed_connect_blocking(address, &options, WAIT_MS, &feed) < 0)
        assert_true(torture_struck());
    return feed;
}

static void must_ping(struct feed_blocking *feed)
{
    Feed__PingRequest ping = FEED__PING_REQUEST__INIT;
    Feed__PingReply *pong;

    while (feed_call_ping(feed, &ping, &pong) != 0)
        assert_true(torture_struck());
    feed_free_message(feed, &pong->base);
}

static void must_share(struct feed_blocking *feed)
{
    Feed__ShareRequest request = FEED__SHARE_REQUEST__INIT;
    Feed__ShareReply *reply;

    request.author = author;
    request.url = url;
    while (feed_call_share(feed, &request, &reply) != 0)
        assert_true(torture_struck());
    assert_true(reply->id >= 2); /* the connection on which it was accepted */
    feed_free_message(feed, &reply->base);
}

static void must_be_forbidden(struct feed_blocking *feed)
{
    Feed__ShareRequest request = FEED__SHARE_REQUEST__INIT;
    Feed__ShareReply *reply;
    char mallory[] = "mallory";
    int status;

    request.author = mallory;
    request.url = url;
    while ((status = feed_call_share(feed, &request, &reply)) != FEED__ERROR_CODE__FORBIDDEN) {
        assert_true(status < 0);
        assert_true(torture_struck());
    }
    assert_true(torture_struck() || feed_last_error(feed)->code == FEED__ERROR_CODE__FORBIDDEN);
}

static void must_see(struct feed_blocking *feed, struct stream *stream, uint64_t last)
{
    const struct feed_event *event;

    while (stream->last < last && !stream->gap) { /* after a gap, what was waited for may be what is missing */
        int error = feed_wait_event(feed, WAIT_MS, &event);

        if (error == 0) {
            take_event(stream, event);
            continue;
        }
        assert_true(torture_struck());
        assert_true(error == -ENOMEM || error == -EINTR);
        stream->gap = error == -ENOMEM;
    }
}

static void block(bool local)
{
    Feed__SubscribeRequest request = FEED__SUBSCRIBE_REQUEST__INIT;
    struct feed_subscription *subscription;
    struct stream stream = {.last = 1};
    struct feed_blocking *feed;
    struct server server;

    server_start(&server, local);
    feed = must_connect(server.address);
    must_ping(feed);
    request.stream_case = FEED__SUBSCRIBE_REQUEST__STREAM_PROFILE;
    request.profile = author;
    while (feed_subscribe_blocking(feed, &request, &subscription) < 0)
        assert_true(torture_struck());
    must_see(feed, &stream, 2);
    must_share(feed);
    must_see(feed, &stream, LAST_SHARE);
    must_be_forbidden(feed);
    while (feed_unsubscribe(subscription) < 0)
        assert_true(torture_struck());
    must_ping(feed);
    feed_blocking_free(feed);
    server_stop(&server);
}

static void block_over_tcp(void)
{
    block(false);
}

static void block_over_unix(void)
{
    block(true);
}

static void blocking_calls_end_or_can_be_repeated(void **state)
{
    (void)state;
    torture("blocking calls over TCP", block_over_tcp, 80);
    torture("blocking calls over a Unix socket", block_over_unix, 80);
}

/* ---- libevent ---- */

struct loop {
    struct event_base *base;
    struct feed_client *client;
    struct stream stream;
    bool asked, answered;
};

static void ask(struct loop *loop);

static bool is_done(const struct loop *loop)
{
    return loop->answered && (loop->stream.last >= LAST_SHARE || loop->stream.gap);
}

static void on_reply(void *context, const struct feed_reply *reply)
{
    struct loop *loop = context;

    if (reply->status != 0 && reply->status != -ECANCELED) {
        assert_true(torture_struck());
        ask(loop);
        return;
    }
    loop->answered = reply->status == 0;
    if (is_done(loop))
        event_base_loopbreak(loop->base);
}

static void ask(struct loop *loop)
{
    Feed__ShareRequest request = FEED__SHARE_REQUEST__INIT;

    request.author = author;
    request.url = url;
    while (feed_send_share(loop->client, &request, 0, on_reply, loop) < 0)
        assert_true(torture_struck());
}

/* Publishes from within a callback, which makes the server hang up. */
static void on_event(void *context, const struct feed_event *event)
{
    struct loop *loop = context;

    take_event(&loop->stream, event);
    if (event->kind == FEED_EVENT_CAUGHT_UP && !loop->asked) {
        loop->asked = true;
        ask(loop);
    }
    if (is_done(loop))
        event_base_loopbreak(loop->base);
}

static void live_on_loop(void)
{
    const struct feed_options options = quick();
    const struct timeval limit = {.tv_sec = WAIT_MS / 1000};
    Feed__SubscribeRequest request = FEED__SUBSCRIBE_REQUEST__INIT;
    struct loop loop = {.base = event_base_new(), .stream = {.last = 1}};
    struct feed_subscription *subscription;
    struct feed_libevent *adapter;
    struct server server;

    server_start(&server, false);
    while (feed_client_new(&options, &loop.client) < 0)
        assert_true(torture_struck());
    while (feed_libevent_attach(loop.client, loop.base, server.address, &adapter) < 0)
        assert_true(torture_struck());
    request.stream_case = FEED__SUBSCRIBE_REQUEST__STREAM_HOME;
    request.home = author;
    while (feed_subscribe(loop.client, &request, on_event, &loop, &subscription) < 0)
        assert_true(torture_struck());
    event_base_loopexit(loop.base, &limit);
    event_base_dispatch(loop.base);
    assert_true(is_done(&loop));
    feed_libevent_free(adapter);
    feed_client_free(loop.client);
    event_base_free(loop.base);
    server_stop(&server);
}

static void a_client_on_a_loop_lives_on(void **state)
{
    (void)state;
    torture("a client on a libevent loop", live_on_loop, 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TORTURE(blocking_calls_end_or_can_be_repeated),
        TORTURE(a_client_on_a_loop_lives_on),
    };

    server_piece_bytes = 4096; /* a whole frame */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
