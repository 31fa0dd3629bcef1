/* libfeed's core: requests, answers, reconnecting, time. The peer is in memory. */
#include "test_libfeed_peer.h"

static char text_url[] = "https://example.org/";
static char text_author[] = "alice";

/* What a reply callback has seen. */
struct outcome {
    unsigned calls;
    int status;
    uint64_t share_id;
    bool repeated;
    Feed__ErrorCode error;
    unsigned order;
    struct peer *again; /* send another request from within the callback */
};

static unsigned calls_so_far;

static void on_reply(void *context, const struct feed_reply *reply)
{
    struct outcome *outcome = context;

    outcome->calls++;
    outcome->status = reply->status;
    outcome->order = ++calls_so_far;
    if (reply->error != NULL)
        outcome->error = reply->error->code;
    if (reply->message != NULL && reply->message->descriptor == &feed__share_reply__descriptor) {
        outcome->share_id = ((const Feed__ShareReply *)(const void *)reply->message)->id;
        outcome->repeated = ((const Feed__ShareReply *)(const void *)reply->message)->repeated;
    }
    if (outcome->again != NULL) {
        Feed__PingRequest ping = FEED__PING_REQUEST__INIT;
        struct peer *peer = outcome->again;

        outcome->again = NULL;
        assert_int_equal(feed_send_ping(peer->client, &ping, 0, on_reply, outcome), 0);
    }
}

static void send_share(struct peer *peer, struct outcome *outcome)
{
    Feed__ShareRequest request = FEED__SHARE_REQUEST__INIT;

    request.author = text_author;
    request.url = text_url;
    assert_int_equal(feed_send_share(peer->client, &request, 0, on_reply, outcome), 0);
}

static void send_ping(struct peer *peer, struct outcome *outcome, uint32_t timeout_ms)
{
    Feed__PingRequest request = FEED__PING_REQUEST__INIT;

    assert_int_equal(feed_send_ping(peer->client, &request, timeout_ms, on_reply, outcome), 0);
}

static void requests_wait_for_the_answer_to_hello(void **state)
{
    struct outcome outcome = { 0 };
    struct peer peer;
    uint32_t hello;

    (void)state;
    peer_start(&peer);
    send_ping(&peer, &outcome, 0);
    peer_accept(&peer);
    hello = peer_expect(&peer, FEED__CLIENT_FRAME__REQUEST_HELLO);
    peer_expect_nothing(&peer);
    peer_say_hello(&peer, hello);
    peer_say_ping_reply(&peer, peer_expect(&peer, FEED__CLIENT_FRAME__REQUEST_PING));
    assert_int_equal(outcome.calls, 1);
    assert_int_equal(outcome.status, 0);
    peer_stop(&peer);
}

static void frames_may_come_one_byte_at_a_time(void **state)
{
    struct outcome outcomes[20] = { { 0 } };
    struct peer peer;

    (void)state;
    peer_start(&peer);
    peer.piece_bytes = 1;
    peer_connect(&peer);
    for (size_t i = 0; i < 20; i++)
        send_share(&peer, &outcomes[i]);
    for (size_t i = 0; i < 20; i++)
        peer_say_share_reply(&peer, peer_expect(&peer, FEED__CLIENT_FRAME__REQUEST_SHARE), 500 + i, false);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(outcomes[i].calls, 1);
        assert_int_equal(outcomes[i].share_id, 500 + i);
    }
    peer_stop(&peer);
}

static void replies_may_overtake_each_other(void **state)
{
    struct outcome first = { 0 }, second = { 0 };
    uint32_t first_id, second_id;
    struct peer peer;

    (void)state;
    peer_start(&peer);
    peer_connect(&peer);
    send_share(&peer, &first);
    send_share(&peer, &second);
    first_id = peer_expect(&peer, FEED__CLIENT_FRAME__REQUEST_SHARE);
    second_id = peer_expect(&peer, FEED__CLIENT_FRAME__REQUEST_SHARE);
    peer_say_share_reply(&peer, second_id, 2, false);
    assert_int_equal(first.calls, 0);
    peer_say_share_reply(&peer, first_id, 1, false);
    assert_int_equal(first.share_id, 1);
    assert_int_equal(second.share_id, 2);
    assert_int_equal(first.calls + second.calls, 2);
    peer_stop(&peer);
}

static void callbacks_may_send_requests(void **state)
{
    struct outcome outcome = { 0 };
    struct peer peer;

    (void)state;
    peer_start(&peer);
    peer_connect(&peer);
    outcome.again = &peer;
    send_ping(&peer, &outcome, 0);
    peer_say_ping_reply(&peer, peer_expect(&peer, FEED__CLIENT_FRAME__REQUEST_PING));
    peer_say_ping_reply(&peer, peer_expect(&peer, FEED__CLIENT_FRAME__REQUEST_PING));
    assert_int_equal(outcome.calls, 2);
    peer_stop(&peer);
}

static void no_more_than_max_in_flight_are_sent(void **state)
{
    struct outcome outcomes[5] = { { 0 } };
    struct peer peer;
    uint32_t id;

    (void)state;
    peer_start(&peer);
    peer.max_in_flight = 2;
    peer_connect(&peer);
    for (size_t i = 0; i < 5; i++)
        send_ping(&peer, &outcomes[i], 0);
    id = peer_expect(&peer, FEED__CLIENT_FRAME__REQUEST_PING);
    peer_expect(&peer, FEED__CLIENT_FRAME__REQUEST_PING);
    peer_expect_nothing(&peer);
    peer_say_ping_reply(&peer, id);
    peer_expect(&peer, FEED__CLIENT_FRAME__REQUEST_PING);
    peer_expect_nothing(&peer);
    peer_stop(&peer);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(outcomes[i].calls, 1);
}

static void unanswered_requests_are_sent_again_in_order_after_a_reconnect(void **state)
{
    struct outcome outcomes[4] = { { 0 } };
    char keys[4][64];
    struct peer peer;
    uint32_t ids[4];

    (void)state;
    peer_start(&peer);
    peer_connect(&peer);
    for (size_t i = 0; i < 4; i++)
        send_share(&peer, &outcomes[i]);
    for (size_t i = 0; i < 4; i++) {
        Feed__ClientFrame *frame = peer_take(&peer);

        ids[i] = frame->request_id;
        snprintf(keys[i], sizeof keys[i], "%s", frame->share->idempotency_key);
        assert_int_equal(strlen(keys[i]), 32);
        peer_done(frame);
    }
    assert_string_not_equal(keys[0], keys[1]);
    peer_say_share_reply(&peer, ids[1], 11, false);
    peer_break(&peer);
    peer_connect(&peer);
    for (size_t i = 0; i < 4; i++) {
        Feed__ClientFrame *frame;

        if (i == 1)
            continue;
        frame = peer_take(&peer);
        assert_string_equal(frame->share->idempotency_key, keys[i]);
        peer_say_share_reply(&peer, frame->request_id, 10 + i, true);
        peer_done(frame);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(outcomes[i].calls, 1);
        assert_int_equal(outcomes[i].share_id, 10 + i);
        assert_false(outcomes[i].repeated);
    }
    peer_stop(&peer);
}

static void a_repeat_under_the_callers_key_is_told(void **state)
{
    Feed__ShareRequest request = FEED__SHARE_REQUEST__INIT;
    struct outcome outcome = { 0 };
    char key[] = "mine";
    struct peer peer;
    Feed__ClientFrame *frame;

    (void)state;
    peer_start(&peer);
    peer_connect(&peer);
    request.author = text_author;
    request.url = text_url;
    request.idempotency_key = key;
    assert_int_equal(feed_send_share(peer.client, &request, 0, on_reply, &outcome), 0);
    frame = peer_take(&peer);
    assert_string_equal(frame->share->idempotency_key, "mine");
    peer_say_share_reply(&peer, frame->request_id, 5, true);
    peer_done(frame);
    assert_true(outcome.repeated);
    peer_stop(&peer);
}

static void busy_is_waited_out_in_order(void **state)
{
    struct outcome outcomes[4] = { { 0 } };
    struct feed_next next;
    struct peer peer;
    uint32_t ids[3];

    (void)state;
    peer_start(&peer);
    peer_connect(&peer);
    for (size_t i = 0; i < 3; i++) {
        send_share(&peer, &outcomes[i]);
        ids[i] = peer_expect(&peer, FEED__CLIENT_FRAME__REQUEST_SHARE);
    }
    peer_say_error(&peer, ids[1], FEED__ERROR_CODE__BUSY, 500);
    send_share(&peer, &outcomes[3]);
    peer_expect_nothing(&peer);
    peer.now_ms += 500;
    feed_client_run(peer.client);
    peer_expect_nothing(&peer); /* two are not answered yet */
    peer_say_share_reply(&peer, ids[2], 12, false);
    peer_say_error(&peer, ids[0], FEED__ERROR_CODE__UNAVAILABLE, 200);
    feed_client_next(peer.client, &next);
    assert_int_equal(next.deadline_ms, peer.now_ms + 200);
    peer.now_ms = next.deadline_ms;
    feed_client_run(peer.client);
    assert_int_equal(peer_expect(&peer, FEED__CLIENT_FRAME__REQUEST_SHARE), ids[0]);
    assert_int_equal(peer_expect(&peer, FEED__CLIENT_FRAME__REQUEST_SHARE), ids[1]);
    peer_expect(&peer, FEED__CLIENT_FRAME__REQUEST_SHARE);
    peer_expect_nothing(&peer);
    assert_int_equal(outcomes[0].calls + outcomes[1].calls + outcomes[3].calls, 0);
    peer_stop(&peer);
}

static void a_refusal_that_stays_is_told_at_once(void **state)
{
    struct outcome outcome = { 0 };
    struct peer peer;

    (void)state;
    peer_start(&peer);
    peer_connect(&peer);
    send_share(&peer, &outcome);
    peer_say_error(&peer, peer_expect(&peer, FEED__CLIENT_FRAME__REQUEST_SHARE), FEED__ERROR_CODE__INVALID, 0);
    assert_int_equal(outcome.calls, 1);
    assert_int_equal(outcome.status, FEED__ERROR_CODE__INVALID);
    assert_int_equal(outcome.error, FEED__ERROR_CODE__INVALID);
    peer_stop(&peer);
}

static void a_request_ends_at_its_deadline_and_its_late_answer_is_dropped(void **state)
{
    struct outcome slow = { 0 }, quick = { 0 }, refused = { 0 };
    struct peer peer;
    uint32_t id;

    (void)state;
    peer_start(&peer);
    peer_connect(&peer);
    send_ping(&peer, &slow, 5000);
    send_ping(&peer, &quick, 100);
    send_ping(&peer, &refused, 200);
    peer_expect(&peer, FEED__CLIENT_FRAME__REQUEST_PING);
    id = peer_expect(&peer, FEED__CLIENT_FRAME__REQUEST_PING);
    peer_say_error(&peer, peer_expect(&peer, FEED__CLIENT_FRAME__REQUEST_PING), FEED__ERROR_CODE__UNAVAILABLE, 50);
    peer.now_ms += 200;
    feed_client_run(peer.client);
    assert_int_equal(quick.status, -ETIMEDOUT);
    assert_int_equal(refused.status, -ETIMEDOUT);
    assert_int_equal(refused.error, FEED__ERROR_CODE__UNAVAILABLE);
    assert_int_equal(slow.calls, 0);
    peer_say_ping_reply(&peer, id);
    assert_int_equal(quick.calls, 1);
    peer_stop(&peer);
    assert_int_equal(slow.status, -ECANCELED);
}

static void deadlines_hold_without_a_connection(void **state)
{
    struct outcome outcome = { 0 };
    struct peer peer;

    (void)state;
    peer_start(&peer);
    send_ping(&peer, &outcome, 300);
    feed_client_run(peer.client);
    feed_client_disconnected(peer.client, -ECONNREFUSED);
    peer.now_ms += 300;
    feed_client_run(peer.client);
    assert_int_equal(outcome.status, -ETIMEDOUT);
    peer_stop(&peer);
}

static void attempts_come_at_growing_intervals_up_to_a_limit(void **state)
{
    struct feed_status status;
    uint32_t longest = 0;
    struct peer peer;

    (void)state;
    peer_start(&peer);
    for (unsigned i = 0; i < 12; i++) {
        uint32_t limit = i < 7 ? 100u << i : 10000;

        feed_client_run(peer.client);
        feed_client_status(peer.client, &status);
        assert_int_equal(status.state, FEED_CONNECTING);
        feed_client_disconnected(peer.client, -ECONNREFUSED);
        feed_client_status(peer.client, &status);
        assert_int_equal(status.state, FEED_WAITING);
        assert_int_equal(status.error, -ECONNREFUSED);
        assert_true(status.retry_in_ms <= limit);
        longest = status.retry_in_ms > longest ? status.retry_in_ms : longest;
        peer.now_ms += status.retry_in_ms;
    }
    assert_true(longest > 1000);
    peer_stop(&peer);
}

static void closing_says_when_to_come_back_and_why(void **state)
{
    Feed__Closing closing = FEED__CLOSING__INIT;
    char message[] = "restarting";
    struct feed_status status;
    struct peer peer;

    (void)state;
    peer_start(&peer);
    peer_connect(&peer);
    closing.reason = FEED__CLOSING_REASON__SHUTDOWN;
    closing.retry = true;
    closing.retry_after_ms = 7000;
    closing.message = message;
    peer_say(&peer, 0, FEED__SERVER_FRAME__BODY_CLOSING, &closing);
    feed_client_status(peer.client, &status);
    assert_int_equal(status.state, FEED_WAITING);
    assert_int_equal(status.retry_in_ms, 7000);
    assert_string_equal(status.message, "restarting");
    peer_stop(&peer);
}

static void another_version_is_reported_and_not_hammered(void **state)
{
    struct feed_status status;
    struct peer peer;

    (void)state;
    peer_start(&peer);
    peer_accept(&peer);
    peer_say_error(&peer, peer_expect(&peer, FEED__CLIENT_FRAME__REQUEST_HELLO), FEED__ERROR_CODE__UNSUPPORTED_VERSION, 0);
    feed_client_status(peer.client, &status);
    assert_int_equal(status.error, -EPROTONOSUPPORT);
    assert_int_equal(status.retry_in_ms, 10000);
    peer_stop(&peer);
}

static void an_idle_connection_is_pinged_and_a_silent_one_given_up(void **state)
{
    struct feed_status status;
    struct feed_next next;
    struct peer peer;

    (void)state;
    peer_start(&peer);
    peer_connect(&peer);
    feed_client_next(peer.client, &next);
    assert_int_equal(next.deadline_ms, peer.now_ms + 1000);
    for (int i = 0; i < 2; i++) {
        peer.now_ms += 1000;
        feed_client_run(peer.client);
        peer_expect(&peer, FEED__CLIENT_FRAME__REQUEST_PING);
        peer_expect_nothing(&peer);
    }
    peer.now_ms += 1000;
    feed_client_run(peer.client);
    feed_client_status(peer.client, &status);
    assert_int_equal(status.state, FEED_WAITING);
    assert_int_equal(status.error, -ETIMEDOUT);
    peer_stop(&peer);
}

static void what_is_no_frame_ends_the_connection(void **state)
{
    static const uint8_t too_long[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    static const uint8_t no_message[] = { 3, 0xff, 0xff, 0xff };
    struct feed_status status;
    struct peer peer;

    (void)state;
    peer_start(&peer);
    peer_connect(&peer);
    feed_client_received(peer.client, too_long, sizeof too_long);
    feed_client_status(peer.client, &status);
    assert_int_equal(status.error, -EPROTO);
    peer_connect(&peer);
    feed_client_received(peer.client, no_message, sizeof no_message);
    feed_client_status(peer.client, &status);
    assert_int_equal(status.error, -EBADMSG);
    peer_stop(&peer);
}

static void a_frame_that_the_server_would_refuse_is_not_sent(void **state)
{
    Feed__ShareRequest request = FEED__SHARE_REQUEST__INIT;
    struct outcome outcome = { 0 };
    struct peer peer;
    char *extract = malloc(70001);

    (void)state;
    memset(extract, 'x', 70000);
    extract[70000] = '\0';
    request.author = text_author;
    request.url = text_url;
    request.extract = extract;
    peer_start(&peer);
    assert_int_equal(feed_send_share(peer.client, &request, 0, on_reply, &outcome), 0);
    peer_connect(&peer);
    assert_int_equal(outcome.status, -EMSGSIZE);
    assert_int_equal(feed_send_share(peer.client, &request, 0, on_reply, &outcome), -EMSGSIZE);
    peer_expect_nothing(&peer);
    assert_int_equal(outcome.calls, 1);
    free(extract);
    peer_stop(&peer);
}

static void only_requests_of_callers_are_accepted(void **state)
{
    Feed__HelloRequest hello = FEED__HELLO_REQUEST__INIT;
    Feed__SubscribeRequest subscribe = FEED__SUBSCRIBE_REQUEST__INIT;
    Feed__PingReply reply = FEED__PING_REPLY__INIT;
    struct outcome outcome = { 0 };
    struct peer peer;

    (void)state;
    peer_start(&peer);
    assert_int_equal(feed_request(peer.client, &hello.base, 0, on_reply, &outcome), -EINVAL);
    assert_int_equal(feed_request(peer.client, &subscribe.base, 0, on_reply, &outcome), -EINVAL);
    assert_int_equal(feed_request(peer.client, &reply.base, 0, on_reply, &outcome), -EINVAL);
    assert_int_equal(feed_client_unanswered(peer.client), 0);
    peer_stop(&peer);
}

static void of_thousands_of_requests_each_ends_once(void **state)
{
    enum { COUNT = 3000 };
    struct outcome *outcomes = calloc(COUNT, sizeof *outcomes);
    unsigned answered = 0, timed_out = 0;
    uint32_t chance = 7;
    struct peer peer;

    (void)state;
    peer_start(&peer);
    for (size_t i = 0; i < COUNT; i++)
        send_ping(&peer, &outcomes[i], 1000 + unit_random(&chance) % 30000);
    while (feed_client_unanswered(peer.client) > 0) {
        peer_connect(&peer);
        for (int i = 0; i < 300 && feed_client_unanswered(peer.client) > 0; i++)
            peer_say_ping_reply(&peer, peer_expect(&peer, FEED__CLIENT_FRAME__REQUEST_PING));
        peer_break(&peer);
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(outcomes[i].calls, 1);
        answered += outcomes[i].status == 0;
        timed_out += outcomes[i].status == -ETIMEDOUT;
    }
    assert_true(answered > 0 && timed_out > 0);
    assert_int_equal(answered + timed_out, COUNT);
    free(outcomes);
    peer_stop(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_wait_for_the_answer_to_hello),
        cmocka_unit_test(frames_may_come_one_byte_at_a_time),
        cmocka_unit_test(replies_may_overtake_each_other),
        cmocka_unit_test(callbacks_may_send_requests),
        cmocka_unit_test(no_more_than_max_in_flight_are_sent),
        cmocka_unit_test(unanswered_requests_are_sent_again_in_order_after_a_reconnect),
        cmocka_unit_test(a_repeat_under_the_callers_key_is_told),
        cmocka_unit_test(busy_is_waited_out_in_order),
        cmocka_unit_test(a_refusal_that_stays_is_told_at_once),
        cmocka_unit_test(a_request_ends_at_its_deadline_and_its_late_answer_is_dropped),
        cmocka_unit_test(deadlines_hold_without_a_connection),
        cmocka_unit_test(attempts_come_at_growing_intervals_up_to_a_limit),
        cmocka_unit_test(closing_says_when_to_come_back_and_why),
        cmocka_unit_test(another_version_is_reported_and_not_hammered),
        cmocka_unit_test(an_idle_connection_is_pinged_and_a_silent_one_given_up),
        cmocka_unit_test(what_is_no_frame_ends_the_connection),
        cmocka_unit_test(a_frame_that_the_server_would_refuse_is_not_sent),
        cmocka_unit_test(only_requests_of_callers_are_accepted),
        cmocka_unit_test(of_thousands_of_requests_each_ends_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
