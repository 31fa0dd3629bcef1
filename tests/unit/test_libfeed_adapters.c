/* libfeed's adapters, blocking and libevent, over real sockets. The server is a child process that answers a few
 * requests. */
#include "test_libfeed_server.h"

#include <event2/event.h>

#define WAIT_MS 10000

static char text_url[] = "https://example.org/";
static char text_author[] = "alice";

/* --------------------------------------------------------------------------------------------------------- blocking */

static void blocking_calls_survive_a_lost_connection(void **state)
{
    (void)state;
    for (int local = 0; local <= 1; local++) {
        Feed__ShareRequest request = FEED__SHARE_REQUEST__INIT;
        Feed__PingRequest ping = FEED__PING_REQUEST__INIT;
        struct feed_blocking *feed;
        Feed__ShareReply *reply = NULL;
        Feed__PingReply *pong = NULL;
        struct server server;

        server_start(&server, local != 0);
        assert_int_equal(feed_connect_blocking(server.address, NULL, WAIT_MS, &feed), 0);
        assert_int_equal(feed_call_ping(feed, &ping, &pong), 0);
        feed_free_message(feed, &pong->base);
        request.author = text_author;
        request.url = text_url;
        assert_int_equal(feed_call_share(feed, &request, &reply), 0);
        assert_int_equal(reply->id, 2);
        assert_null(feed_last_error(feed));
        feed_free_message(feed, &reply->base);
        feed_blocking_free(feed);
        server_stop(&server);
    }
}

static void blocking_calls_tell_why_they_were_refused(void **state)
{
    Feed__ShareRequest request = FEED__SHARE_REQUEST__INIT;
    struct feed_blocking *feed;
    Feed__ShareReply *reply = NULL;
    struct server server;
    char mallory[] = "mallory";

    (void)state;
    server_start(&server, false);
    assert_int_equal(feed_connect_blocking(server.address, NULL, WAIT_MS, &feed), 0);
    request.author = mallory;
    request.url = text_url;
    assert_int_equal(feed_call_share(feed, &request, &reply), FEED__ERROR_CODE__FORBIDDEN);
    assert_int_equal(feed_last_error(feed)->code, FEED__ERROR_CODE__FORBIDDEN);
    feed_blocking_free(feed);
    server_stop(&server);
}

static void expect_event(struct feed_blocking *feed, enum feed_event_kind kind, const struct feed_event **ret_event)
{
    assert_int_equal(feed_wait_event(feed, WAIT_MS, ret_event), 0);
    assert_int_equal((*ret_event)->kind, kind);
}

static void events_wait_to_be_fetched(void **state)
{
    Feed__SubscribeRequest request = FEED__SUBSCRIBE_REQUEST__INIT;
    Feed__ShareRequest share = FEED__SHARE_REQUEST__INIT;
    struct feed_subscription *subscription;
    const struct feed_event *event;
    struct feed_blocking *feed;
    Feed__ShareReply *reply = NULL;
    struct server server;

    (void)state;
    server_start(&server, true);
    assert_int_equal(feed_connect_blocking(server.address, NULL, WAIT_MS, &feed), 0);
    request.stream_case = FEED__SUBSCRIBE_REQUEST__STREAM_PROFILE;
    request.profile = text_author;
    assert_int_equal(feed_subscribe_blocking(feed, &request, &subscription), 0);
    expect_event(feed, FEED_EVENT_SUBSCRIBED, &event);
    expect_event(feed, FEED_EVENT_SHARED, &event);
    assert_int_equal(event->share->id, 2);
    assert_ptr_equal(event->subscription, subscription);
    expect_event(feed, FEED_EVENT_CAUGHT_UP, &event);
    assert_int_equal(event->token[0], 2);
    assert_int_equal(feed_wait_event(feed, 0, &event), -ETIMEDOUT);
    /* The server hangs up at the first share; the stream goes on after its token. */
    share.author = text_author;
    share.url = text_url;
    assert_int_equal(feed_call_share(feed, &share, &reply), 0);
    feed_free_message(feed, &reply->base);
    expect_event(feed, FEED_EVENT_LOST, &event);
    expect_event(feed, FEED_EVENT_SUBSCRIBED, &event);
    expect_event(feed, FEED_EVENT_SHARED, &event);
    assert_int_equal(event->share->id, 3);
    feed_blocking_free(feed);
    server_stop(&server);
}

static void connecting_fails_with_the_reason_when_nobody_is_there(void **state)
{
    const struct feed_options options = { .backoff_max_ms = 100 };
    struct feed_blocking *feed;
    struct server server;

    (void)state;
    assert_int_equal(feed_connect_blocking("no port", NULL, 0, &feed), -EINVAL);
    assert_int_equal(feed_connect_blocking("unix:", NULL, 0, &feed), -EINVAL);
    assert_int_equal(feed_connect_blocking("unix:/nonexistent/socket", &options, 50, &feed), -ENOENT);
    server_start(&server, false);
    server_stop(&server);
    assert_int_equal(feed_connect_blocking(server.address, &options, 50, &feed), -ECONNREFUSED);
}

static void on_signal(int number)
{
    (void)number;
}

static void a_signal_that_came_before_the_wait_ends_it(void **state)
{
    const struct sigaction action = { .sa_handler = on_signal };
    struct feed_blocking *feed;
    const struct feed_event *event;
    struct server server;
    sigset_t blocked, wait_mask;

    (void)state;
    server_start(&server, false);
    assert_int_equal(feed_connect_blocking(server.address, NULL, WAIT_MS, &feed), 0);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, &wait_mask);
    sigaction(SIGUSR1, &action, NULL);
    feed_blocking_set_wait_mask(feed, &wait_mask);
    raise(SIGUSR1);
    assert_int_equal(feed_wait_event(feed, -1, &event), -EINTR);
    sigprocmask(SIG_SETMASK, &wait_mask, NULL);
    feed_blocking_free(feed);
    server_stop(&server);
}

/* --------------------------------------------------------------------------------------------------------- libevent */

struct loop {
    struct event_base *base;
    struct feed_client *client;
    unsigned replies, events;
    uint64_t share_id, last_share;
};

static void loop_check(struct loop *loop)
{
    if (loop->replies == 2 && loop->last_share == 3)
        event_base_loopbreak(loop->base);
}

static void on_loop_reply(void *context, const struct feed_reply *reply)
{
    struct loop *loop = context;

    assert_int_equal(reply->status, 0);
    loop->replies++;
    if (reply->message->descriptor == &feed__share_reply__descriptor)
        loop->share_id = ((const Feed__ShareReply *)(const void *)reply->message)->id;
    loop_check(loop);
}

static void on_loop_event(void *context, const struct feed_event *event)
{
    struct loop *loop = context;
    Feed__ShareRequest request = FEED__SHARE_REQUEST__INIT;

    loop->events++;
    if (event->share != NULL)
        loop->last_share = event->share->id;
    /* Asks from within a callback for what makes the server hang up. */
    if (event->kind == FEED_EVENT_CAUGHT_UP && event->token[0] == 2) {
        request.author = text_author;
        request.url = text_url;
        assert_int_equal(feed_send_share(loop->client, &request, 0, on_loop_reply, loop), 0);
    }
    loop_check(loop);
}

/* What is asked for on a running loop from outside of the adapter is sent at once. */
static void on_start(evutil_socket_t fd, short what, void *context)
{
    struct loop *loop = context;
    struct feed_subscription *subscription;
    Feed__SubscribeRequest request = FEED__SUBSCRIBE_REQUEST__INIT;
    Feed__PingRequest ping = FEED__PING_REQUEST__INIT;

    (void)fd;
    (void)what;
    request.stream_case = FEED__SUBSCRIBE_REQUEST__STREAM_HOME;
    request.home = text_author;
    assert_int_equal(feed_send_ping(loop->client, &ping, 0, on_loop_reply, loop), 0);
    assert_int_equal(feed_subscribe(loop->client, &request, on_loop_event, loop, &subscription), 0);
}

static void on_connection(void *context, const struct feed_status *status)
{
    struct loop *loop = context;
    const struct timeval now = { 0, 0 };

    if (status->state == FEED_CONNECTED && loop->events == 0)
        event_base_once(loop->base, -1, EV_TIMEOUT, on_start, loop, &now);
}

static void a_client_lives_on_a_libevent_loop(void **state)
{
    (void)state;
    for (int local = 0; local <= 1; local++) {
        const struct timeval limit = { WAIT_MS / 1000, 0 };
        struct loop loop = { 0 };
        const struct feed_options options = { .on_connection = on_connection, .context = &loop };
        struct feed_libevent *adapter;
        struct server server;

        server_start(&server, local != 0);
        loop.base = event_base_new();
        assert_int_equal(feed_client_new(&options, &loop.client), 0);
        assert_int_equal(feed_libevent_attach(loop.client, loop.base, server.address, &adapter), 0);
        event_base_loopexit(loop.base, &limit);
        event_base_dispatch(loop.base);
        assert_int_equal(loop.replies, 2);
        assert_int_equal(loop.share_id, 2);
        assert_int_equal(loop.last_share, 3);
        feed_libevent_free(adapter);
        feed_client_free(loop.client);
        event_base_free(loop.base);
        server_stop(&server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocking_calls_survive_a_lost_connection),
        cmocka_unit_test(blocking_calls_tell_why_they_were_refused),
        cmocka_unit_test(events_wait_to_be_fetched),
        cmocka_unit_test(connecting_fails_with_the_reason_when_nobody_is_there),
        cmocka_unit_test(a_signal_that_came_before_the_wait_ends_it),
        cmocka_unit_test(a_client_lives_on_a_libevent_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
