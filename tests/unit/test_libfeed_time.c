/* libfeed's core in time: deadlines, intervals between attempts, signs of life. The peer is in memory. */
#include "test_libfeed_outcome.h"

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

static void nobody_comes_back_before_the_time_that_the_server_said(void **state)
{
    static const uint32_t times_ms[] = { 1, 30, 99, 100, 101, 5000, 60000 };
    Feed__Closing closing = FEED__CLOSING__INIT;
    struct feed_next next;
    struct peer peer;

    (void)state;
    peer_start(&peer);
    closing.reason = FEED__CLOSING_REASON__SHUTDOWN;
    closing.retry = true;
    for (int round = 0; round < 300; round++) {
        uint64_t told_ms;

        peer_connect(&peer);
        peer.now_ms += round % 3 == 0 ? 20000 : 0; /* attempts that hold for a while are no failures */
        closing.retry_after_ms = times_ms[round % 7];
        peer_say(&peer, 0, FEED__SERVER_FRAME__BODY_CLOSING, &closing);
        told_ms = peer.now_ms;
        for (feed_client_next(peer.client, &next); next.connection == 0; feed_client_next(peer.client, &next)) {
            struct feed_status status;

            feed_client_status(peer.client, &status);
            assert_true(peer.now_ms + status.retry_in_ms >= told_ms + closing.retry_after_ms);
            assert_true(status.retry_in_ms <= 60000);
            peer.now_ms += status.retry_in_ms > 1 ? status.retry_in_ms - 1 : 1;
            feed_client_run(peer.client);
        }
        assert_true(peer.now_ms >= told_ms + closing.retry_after_ms);
    }
    peer_stop(&peer);
}

static void another_version_is_reported_and_not_hammered(void **state)
{
    struct feed_status status;
    struct peer peer;

    (void)state;
    peer_start(&peer);
    peer_accept(&peer);
    peer_say_error(&peer, peer_expect(&peer, FEED__CLIENT_FRAME__REQUEST_HELLO), FEED__ERROR_CODE__UNSUPPORTED_VERSION,
                   0);
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
        cmocka_unit_test(a_request_ends_at_its_deadline_and_its_late_answer_is_dropped),
        cmocka_unit_test(deadlines_hold_without_a_connection),
        cmocka_unit_test(attempts_come_at_growing_intervals_up_to_a_limit),
        cmocka_unit_test(closing_says_when_to_come_back_and_why),
        cmocka_unit_test(nobody_comes_back_before_the_time_that_the_server_said),
        cmocka_unit_test(another_version_is_reported_and_not_hammered),
        cmocka_unit_test(an_idle_connection_is_pinged_and_a_silent_one_given_up),
        cmocka_unit_test(of_thousands_of_requests_each_ends_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
