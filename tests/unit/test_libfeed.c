/* libfeed's core: requests, answers, and sending again. The peer is in memory. */
#include "test_libfeed_outcome.h"

static char text_url[] = "https://example.org/";
static char text_author[] = "alice";

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

/* Sends a comment that is answered as a repeat, and takes its key. Returns whether the caller is told so. */
static bool comment_is_repeated(char *key, char ret_key[64])
{
    Feed__CommentRequest request = FEED__COMMENT_REQUEST__INIT;
    Feed__CommentReply reply = FEED__COMMENT_REPLY__INIT;
    struct outcome outcome = { 0 };
    struct peer peer;
    Feed__ClientFrame *frame;

    peer_start(&peer);
    peer_connect(&peer);
    request.commenter = text_author;
    request.share_id = 1;
    request.text = text_url;
    if (key != NULL)
        request.idempotency_key = key;
    assert_int_equal(feed_send_comment(peer.client, &request, 0, on_reply, &outcome), 0);
    frame = peer_take(&peer);
    snprintf(ret_key, 64, "%s", frame->comment->idempotency_key);
    reply.id = 2;
    reply.repeated = true;
    peer_say(&peer, frame->request_id, FEED__SERVER_FRAME__BODY_COMMENT, &reply);
    peer_done(frame);
    peer_stop(&peer);
    assert_int_equal(outcome.calls, 1);
    return outcome.repeated;
}

static void comments_have_keys_as_shares_have(void **state)
{
    char mine[] = "mine", first[64], second[64];

    (void)state;
    assert_true(comment_is_repeated(mine, first));
    assert_string_equal(first, "mine");
    assert_false(comment_is_repeated(NULL, first));
    assert_int_equal(strlen(first), 32);
    assert_false(comment_is_repeated(NULL, second));
    assert_string_not_equal(first, second);
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

/* A frame of the server, damaged in a few places. */
static size_t make_damaged(uint32_t *chance, uint32_t id, uint8_t out[static 256])
{
    Feed__Share share = FEED__SHARE__INIT;
    Feed__Shared shared = FEED__SHARED__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;
    size_t size;

    share.author = text_author;
    share.url = text_url;
    share.id = unit_random(chance);
    shared.share = &share;
    frame.request_id = id;
    frame.body_case = FEED__SERVER_FRAME__BODY_SHARED;
    frame.shared = &shared;
    size = framing_write_varint(out, feed__server_frame__get_packed_size(&frame));
    size += feed__server_frame__pack(&frame, out + size);
    for (uint32_t i = unit_random(chance) % 4; i > 0; i--)
        out[unit_random(chance) % size] = (uint8_t)unit_random(chance);
    return size - (unit_random(chance) % 8 == 0 ? unit_random(chance) % size : 0);
}

static void whatever_comes_costs_no_more_than_the_connection(void **state)
{
    struct outcome outcome = { 0 };
    uint32_t chance = 11;
    uint8_t data[256];
    struct peer peer;

    (void)state;
    peer_start(&peer);
    send_ping(&peer, &outcome, FEED_NO_TIMEOUT);
    for (int i = 0; i < 20000; i++) {
        if (!peer_is_current(&peer))
            peer_connect(&peer);
        feed_client_received(peer.client, data, make_damaged(&chance, unit_random(&chance) % 3, data));
    }
    if (peer_is_current(&peer))
        peer_break(&peer);
    peer_serve(&peer);
    assert_int_equal(outcome.calls, 1);
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
        cmocka_unit_test(comments_have_keys_as_shares_have),
        cmocka_unit_test(busy_is_waited_out_in_order),
        cmocka_unit_test(a_refusal_that_stays_is_told_at_once),
        cmocka_unit_test(what_is_no_frame_ends_the_connection),
        cmocka_unit_test(a_frame_that_the_server_would_refuse_is_not_sent),
        cmocka_unit_test(only_requests_of_callers_are_accepted),
        cmocka_unit_test(whatever_comes_costs_no_more_than_the_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
