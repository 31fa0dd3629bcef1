/* libfeed's core when memory ends: each allocation of a busy life fails once, in turn. Whatever fails is a clean
 * error, the life goes on, and nothing is lost, doubled or leaked. */
#include "test_libfeed_peer.h"

#define SHARES 24

static char text_url[] = "https://example.org/";
static char text_author[] = "alice";

struct life {
    struct peer peer;
    struct feed_subscription *subscription;
    unsigned accepted, answered;
    uint64_t seen[PEER_LOG_MAX];
    size_t seen_count;
};

static void on_reply(void *context, const struct feed_reply *reply)
{
    struct life *life = context;

    assert_int_equal(reply->status, 0);
    life->answered++;
}

static void on_event(void *context, const struct feed_event *event)
{
    struct life *life = context;

    if (event->kind == FEED_EVENT_SHARED)
        life->seen[life->seen_count++] = event->share->id;
}

/* Each of these may be refused for want of memory, and succeeds when it is asked for again. */
static void must_share(struct life *life, char *key)
{
    Feed__ShareRequest request = FEED__SHARE_REQUEST__INIT;
    int error;

    request.author = text_author;
    request.url = text_url;
    if (key != NULL)
        request.idempotency_key = key;
    error = feed_send_share(life->peer.client, &request, 0, on_reply, life);
    if (error < 0) {
        assert_int_equal(error, -ENOMEM);
        assert_int_equal(feed_send_share(life->peer.client, &request, 0, on_reply, life), 0);
    }
    life->accepted++;
}

static void must_subscribe(struct life *life)
{
    Feed__SubscribeRequest request = FEED__SUBSCRIBE_REQUEST__INIT;
    uint8_t token[] = "1";
    int error;

    request.stream_case = FEED__SUBSCRIBE_REQUEST__STREAM_PROFILE;
    request.profile = text_author;
    request.resume_token = (ProtobufCBinaryData){ 1, token };
    error = feed_subscribe(life->peer.client, &request, on_event, life, &life->subscription);
    if (error < 0) {
        assert_int_equal(error, -ENOMEM);
        assert_int_equal(feed_subscribe(life->peer.client, &request, on_event, life, &life->subscription), 0);
    }
}

static void must_unsubscribe(struct life *life)
{
    int error = feed_unsubscribe(life->subscription);

    if (error < 0) {
        assert_int_equal(error, -ENOMEM);
        assert_int_equal(feed_unsubscribe(life->subscription), 0);
    }
}

/* Returns whether the allocation came that was to fail. */
static bool live(size_t fail_at)
{
    struct life life = { .peer = { .now_ms = 1000000, .max_in_flight = 8, .piece_bytes = 7, .fail_at = fail_at } };
    struct feed_options options = peer_options(&life.peer);
    int error = feed_client_new(&options, &life.peer.client);
    bool failed;

    if (error < 0) {
        assert_int_equal(error, -ENOMEM);
        assert_int_equal(life.peer.allocated, 0);
        return true;
    }
    must_subscribe(&life);
    for (int i = 0; i < SHARES; i++) {
        char key[16];

        snprintf(key, sizeof key, "key-%d", i);
        must_share(&life, i % 2 == 0 ? NULL : key);
        if (i % 6 == 5)
            peer_serve(&life.peer);
        if (i % 9 == 8 && peer_is_current(&life.peer))
            peer_break(&life.peer);
    }
    peer_serve(&life.peer);
    assert_int_equal(life.answered, life.accepted);
    assert_int_equal(life.peer.log_count, SHARES);
    assert_int_equal(life.seen_count, life.peer.log_count);
    assert_memory_equal(life.seen, life.peer.log, life.seen_count * sizeof life.seen[0]);
    must_unsubscribe(&life);
    peer_serve(&life.peer);
    failed = life.peer.allocations >= fail_at;
    peer_stop(&life.peer);
    return failed;
}

static void each_allocation_may_fail_once(void **state)
{
    size_t fail_at = 1;

    (void)state;
    while (live(fail_at))
        fail_at++;
    assert_true(fail_at > 100); /* there was something to fail */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
