/* Subscriptions of libfeed's core: tokens, repeats, gaps, reconnects. The peer is in memory. */
#include "test_libfeed_peer.h"

#define EVENTS_MAX 512

static char text_reader[] = "reader";

/* Everything that a subscription's callback has been told. */
struct stream {
    enum feed_event_kind kinds[EVENTS_MAX];
    size_t count;
    uint64_t ids[EVENTS_MAX]; /* of the shares */
    size_t id_count;
    char token[64];
    Feed__ErrorCode error;
    Feed__GapReason gap_reason;
    struct feed_subscription *subscription;
    enum feed_event_kind end_on; /* unsubscribe from within the callback of this event */
    bool ends;
};

static void on_event(void *context, const struct feed_event *event)
{
    struct stream *stream = context;

    assert_true(stream->count < EVENTS_MAX);
    stream->kinds[stream->count++] = event->kind;
    if (event->share != NULL)
        stream->ids[stream->id_count++] = event->share->id;
    if (event->token != NULL)
        snprintf(stream->token, sizeof stream->token, "%.*s", (int)event->token_bytes, (const char *)event->token);
    if (event->error != NULL)
        stream->error = event->error->code;
    if (event->gap != NULL)
        stream->gap_reason = event->gap->reason;
    if (stream->ends && event->kind == stream->end_on)
        assert_int_equal(feed_unsubscribe(event->subscription), 0);
}

static size_t count_kind(const struct stream *stream, enum feed_event_kind kind)
{
    size_t count = 0;

    for (size_t i = 0; i < stream->count; i++)
        count += stream->kinds[i] == kind;
    return count;
}

static void subscribe(struct peer *peer, struct stream *stream, const char *token)
{
    Feed__SubscribeRequest request = FEED__SUBSCRIBE_REQUEST__INIT;
    char copy[64];

    snprintf(copy, sizeof copy, "%s", token);
    request.stream_case = FEED__SUBSCRIBE_REQUEST__STREAM_HOME;
    request.home = text_reader;
    request.resume_token = (ProtobufCBinaryData){ strlen(copy), (uint8_t *)copy };
    assert_int_equal(feed_subscribe(peer->client, &request, on_event, stream, &stream->subscription), 0);
}

/* Takes the client's Subscribe, checks its token, and returns its id. */
static uint32_t expect_subscribe(struct peer *peer, const char *token)
{
    Feed__ClientFrame *frame = peer_take(peer);
    uint32_t id;

    assert_non_null(frame);
    assert_int_equal(frame->request_case, FEED__CLIENT_FRAME__REQUEST_SUBSCRIBE);
    assert_string_equal(frame->subscribe->home, "reader");
    assert_int_equal(frame->subscribe->resume_token.len, strlen(token));
    assert_memory_equal(frame->subscribe->resume_token.data, token, strlen(token));
    id = frame->request_id;
    peer_done(frame);
    return id;
}

static void a_stream_resumes_with_the_latest_token_and_drops_what_was_seen(void **state)
{
    static const uint64_t expected[] = { 10, 11, 12, 13 };
    struct stream stream = { 0 };
    struct peer peer;
    uint32_t id;

    (void)state;
    peer_start(&peer);
    subscribe(&peer, &stream, "");
    peer_connect(&peer);
    id = expect_subscribe(&peer, "");
    peer_say_subscribed(&peer, id);
    peer_say_token(&peer, id, 9, true);
    peer_say_shared(&peer, id, 10);
    peer_say_token(&peer, id, 10, false);
    peer_say_shared(&peer, id, 11);
    peer_say_shared(&peer, id, 12);
    assert_string_equal(stream.token, "10");
    peer_break(&peer);
    peer_connect(&peer);
    id = expect_subscribe(&peer, "10");
    peer_say_subscribed(&peer, id);
    for (uint64_t share = 11; share <= 13; share++)
        peer_say_shared(&peer, id, share);
    peer_say_token(&peer, id, 13, true);
    assert_int_equal(stream.id_count, 4);
    assert_memory_equal(stream.ids, expected, sizeof expected);
    assert_int_equal(count_kind(&stream, FEED_EVENT_LOST), 1);
    assert_int_equal(count_kind(&stream, FEED_EVENT_SUBSCRIBED), 2);
    assert_int_equal(count_kind(&stream, FEED_EVENT_CAUGHT_UP), 2);
    assert_int_equal(count_kind(&stream, FEED_EVENT_GAP), 0);
    assert_string_equal(stream.token, "13");
    peer_stop(&peer);
}

static void a_subscription_made_on_a_live_connection_is_sent_at_once(void **state)
{
    struct stream stream = { 0 };
    struct feed_next next;
    struct peer peer;

    (void)state;
    peer_start(&peer);
    peer_connect(&peer);
    peer_expect_nothing(&peer);
    subscribe(&peer, &stream, "");
    feed_client_next(peer.client, &next);
    assert_true(next.deadline_ms <= peer.now_ms);
    expect_subscribe(&peer, "");
    peer_stop(&peer);
}

static void the_callers_token_is_where_a_stream_begins(void **state)
{
    struct stream stream = { 0 };
    struct peer peer;

    (void)state;
    peer_start(&peer);
    subscribe(&peer, &stream, "77");
    peer_connect(&peer);
    expect_subscribe(&peer, "77");
    peer_break(&peer);
    peer_connect(&peer);
    expect_subscribe(&peer, "77");
    peer_stop(&peer);
}

static void a_refused_token_is_reported_as_a_gap_and_the_stream_begins_afresh(void **state)
{
    static const Feed__ErrorCode codes[] = {
        FEED__ERROR_CODE__TOKEN_DAMAGED, FEED__ERROR_CODE__TOKEN_FOREIGN, FEED__ERROR_CODE__TOKEN_FUTURE
    };

    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct stream stream = { 0 };
        struct peer peer;

        peer_start(&peer);
        subscribe(&peer, &stream, "old");
        peer_connect(&peer);
        peer_say_error(&peer, expect_subscribe(&peer, "old"), codes[i], 0);
        assert_int_equal(stream.count, 1);
        assert_int_equal(stream.kinds[0], FEED_EVENT_GAP);
        assert_int_equal(stream.error, codes[i]);
        expect_subscribe(&peer, "");
        peer_stop(&peer);
    }
}

static void a_gap_of_the_server_is_passed_on(void **state)
{
    Feed__Gap gap = FEED__GAP__INIT;
    struct stream stream = { 0 };
    struct peer peer;
    uint32_t id;

    (void)state;
    peer_start(&peer);
    subscribe(&peer, &stream, "5");
    peer_connect(&peer);
    id = expect_subscribe(&peer, "5");
    peer_say_subscribed(&peer, id);
    gap.reason = FEED__GAP_REASON__GAP_LOST;
    peer_say(&peer, id, FEED__SERVER_FRAME__BODY_GAP, &gap);
    assert_int_equal(count_kind(&stream, FEED_EVENT_GAP), 1);
    assert_int_equal(stream.gap_reason, FEED__GAP_REASON__GAP_LOST);
    peer_stop(&peer);
}

static void losing_a_stream_that_has_no_token_yet_is_a_gap(void **state)
{
    struct stream stream = { 0 };
    struct peer peer;

    (void)state;
    peer_start(&peer);
    subscribe(&peer, &stream, "");
    peer_connect(&peer);
    peer_say_subscribed(&peer, expect_subscribe(&peer, ""));
    peer_break(&peer);
    assert_int_equal(stream.count, 3);
    assert_int_equal(stream.kinds[1], FEED_EVENT_LOST);
    assert_int_equal(stream.kinds[2], FEED_EVENT_GAP);
    peer_stop(&peer);
}

static void a_subscription_refused_for_good_ends_and_is_not_repeated(void **state)
{
    struct stream stream = { 0 };
    struct peer peer;

    (void)state;
    peer_start(&peer);
    subscribe(&peer, &stream, "");
    peer_connect(&peer);
    peer_say_error(&peer, expect_subscribe(&peer, ""), FEED__ERROR_CODE__INVALID, 0);
    assert_int_equal(stream.kinds[0], FEED_EVENT_ENDED);
    peer_break(&peer);
    peer_connect(&peer);
    peer_expect_nothing(&peer);
    assert_int_equal(stream.count, 1);
    assert_int_equal(feed_unsubscribe(stream.subscription), 0);
    peer_expect_nothing(&peer);
    peer_stop(&peer);
}

static void a_store_that_is_away_is_waited_for(void **state)
{
    struct stream stream = { 0 };
    struct peer peer;
    uint32_t id;

    (void)state;
    peer_start(&peer);
    subscribe(&peer, &stream, "5");
    peer_connect(&peer);
    peer_say_error(&peer, expect_subscribe(&peer, "5"), FEED__ERROR_CODE__UNAVAILABLE, 300);
    peer_expect_nothing(&peer);
    peer.now_ms += 300;
    feed_client_run(peer.client);
    id = expect_subscribe(&peer, "5");
    peer_say_subscribed(&peer, id);
    /* The same for one that is open. */
    peer_say_error(&peer, id, FEED__ERROR_CODE__UNAVAILABLE, 300);
    peer.now_ms += 300;
    feed_client_run(peer.client);
    expect_subscribe(&peer, "5");
    peer_stop(&peer);
}

static void an_ended_subscription_is_told_to_the_server_and_hears_nothing_more(void **state)
{
    struct stream stream = { 0 };
    Feed__ClientFrame *frame;
    struct peer peer;
    uint32_t id;

    (void)state;
    peer_start(&peer);
    subscribe(&peer, &stream, "");
    peer_connect(&peer);
    id = expect_subscribe(&peer, "");
    peer_say_subscribed(&peer, id);
    assert_int_equal(feed_unsubscribe(stream.subscription), 0);
    frame = peer_take(&peer);
    assert_int_equal(frame->request_case, FEED__CLIENT_FRAME__REQUEST_UNSUBSCRIBE);
    assert_int_equal(frame->unsubscribe->subscription, id);
    peer_done(frame);
    peer_say_shared(&peer, id, 10);
    assert_int_equal(stream.id_count, 0);
    peer_stop(&peer);
}

static void a_callback_may_end_its_subscription(void **state)
{
    static const enum feed_event_kind kinds[] = { FEED_EVENT_SUBSCRIBED, FEED_EVENT_SHARED, FEED_EVENT_CAUGHT_UP,
                                                  FEED_EVENT_LOST };

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct stream first = { .ends = true, .end_on = kinds[i] }, second = { 0 };
        struct peer peer;
        uint32_t ids[2];

        peer_start(&peer);
        subscribe(&peer, &first, "1");
        subscribe(&peer, &second, "1");
        peer_connect(&peer);
        for (size_t j = 0; j < 2; j++)
            ids[j] = expect_subscribe(&peer, "1");
        for (size_t j = 0; j < 2; j++) {
            peer_say_subscribed(&peer, ids[j]);
            peer_say_shared(&peer, ids[j], 10);
            peer_say_token(&peer, ids[j], 10, true);
        }
        peer_break(&peer);
        assert_int_equal(first.kinds[first.count - 1], kinds[i]);
        assert_int_equal(count_kind(&second, FEED_EVENT_LOST), 1);
        peer_stop(&peer);
    }
}

static void streams_are_taken_up_before_waiting_requests_and_in_their_order(void **state)
{
    struct stream first = { 0 }, second = { 0 };
    struct peer peer;
    uint32_t ids[2];

    (void)state;
    peer_start(&peer);
    subscribe(&peer, &first, "1");
    subscribe(&peer, &second, "2");
    peer_connect(&peer);
    ids[0] = expect_subscribe(&peer, "1");
    ids[1] = expect_subscribe(&peer, "2");
    peer_say_subscribed(&peer, ids[0]);
    peer_say_subscribed(&peer, ids[1]);
    peer_break(&peer);
    peer_connect(&peer);
    assert_int_equal(expect_subscribe(&peer, "1"), ids[0]);
    assert_int_equal(expect_subscribe(&peer, "2"), ids[1]);
    peer_stop(&peer);
}

/* Wherever the connection breaks, every share comes exactly once and in order. */
static void every_share_comes_once_and_in_order_through_any_number_of_breaks(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 40; seed++) {
        struct stream streams[2];
        uint32_t chance = seed * 2654435761u;
        struct peer peer;

        memset(streams, 0, sizeof streams);
        peer_start(&peer);
        subscribe(&peer, &streams[0], "1");
        subscribe(&peer, &streams[1], "1");
        while (peer.log_count < 120) {
            peer_commit(&peer, "");
            if (unit_random(&chance) % 4 == 0)
                peer_serve(&peer);
            if (unit_random(&chance) % 5 == 0 && peer_is_current(&peer))
                peer_break(&peer);
        }
        peer_serve(&peer);
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(streams[i].id_count, peer.log_count);
            assert_memory_equal(streams[i].ids, peer.log, peer.log_count * sizeof peer.log[0]);
            assert_int_equal(count_kind(&streams[i], FEED_EVENT_GAP), 0);
        }
        peer_stop(&peer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_resumes_with_the_latest_token_and_drops_what_was_seen),
        cmocka_unit_test(a_subscription_made_on_a_live_connection_is_sent_at_once),
        cmocka_unit_test(the_callers_token_is_where_a_stream_begins),
        cmocka_unit_test(a_refused_token_is_reported_as_a_gap_and_the_stream_begins_afresh),
        cmocka_unit_test(a_gap_of_the_server_is_passed_on),
        cmocka_unit_test(losing_a_stream_that_has_no_token_yet_is_a_gap),
        cmocka_unit_test(a_subscription_refused_for_good_ends_and_is_not_repeated),
        cmocka_unit_test(a_store_that_is_away_is_waited_for),
        cmocka_unit_test(an_ended_subscription_is_told_to_the_server_and_hears_nothing_more),
        cmocka_unit_test(a_callback_may_end_its_subscription),
        cmocka_unit_test(streams_are_taken_up_before_waiting_requests_and_in_their_order),
        cmocka_unit_test(every_share_comes_once_and_in_order_through_any_number_of_breaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
