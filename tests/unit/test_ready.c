/* The feed becomes ready and is no longer: what the streams are told, and who waits for it. */
#include "feed_fixture.h"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)

/* The store stops answering, or answers again. */
static void stall(bool stalled)
{
    fake.ready = !stalled;
    fake.handlers->on_stall(fake.context);
}

static void expect_told(struct world *world, uint64_t conn, uint32_t request_id, bool degraded, bool token)
{
    const Feed__ServerFrame *frame = next_sent(world, conn, request_id);

    assert_int_equal(frame->body_case, FEED__SERVER_FRAME__BODY_HEARTBEAT);
    assert_int_equal(frame->heartbeat->degraded, degraded);
    assert_int_equal(frame->heartbeat->resume_token.len > 0, token);
}

static void streams_are_told_at_once_that_the_store_does_not_answer_and_that_it_does(void **state)
{
    struct world *world = *state;

    world_tick(world, 1000);
    open_home(world, 1, 10, "ann", "[bob]");
    expect_nothing(world);
    stall(true);
    assert_false(feed_is_ready(world->feed));
    expect_told(world, 1, 10, true, true);
    world_tick(world, 1000);
    expect_nothing(world); /* once */
    stall(false);
    assert_true(feed_is_ready(world->feed));
    expect_told(world, 1, 10, false, true);
    expect_share(world, 1, 10, tail_share("bob"));
    expect_nothing(world);
}

static void the_token_covers_what_was_sent_and_a_stream_that_catches_up_gets_none(void **state)
{
    struct world *world = *state;
    struct token_place places[PARTITIONS_MAX];

    world_tick(world, 1000);
    open_home(world, 1, 10, "ann", "[bob]");
    open_home(world, 2, 20, "ben", "[bob]");
    open_home(world, 3, 30, "cid", "[bob]");
    world->outlet.soft_limit_bytes = 200;
    world->queued[1] = 0;
    world->queued[2] = world->queued[3] = 190;
    uint64_t share = tail_share("bob");
    for (uint64_t conn = 1; conn <= 3; conn++)
        expect_share(world, conn, 10 * (uint32_t)conn, share);
    world->queued[2] = 0; /* it has room again, and is still catching up; the third one's queue is full */
    stall(true);
    world->sent_at = world->sent_count - 2;
    for (int i = 0; i < 2; i++) {
        const struct sent *sent = &world->sent[world->sent_at];

        assert_int_not_equal(sent->conn, 3);
        expect_told(world, sent->conn, sent->request_id, true, sent->conn == 1);
        if (sent->conn != 1)
            continue;
        struct text token = {(const char *)sent->frame->heartbeat->resume_token.data,
                             sent->frame->heartbeat->resume_token.len};
        assert_int_equal(token_read(token, fake.epoch, 1, places), FEED_OK);
        assert_int_equal(places[0].position, share);
    }
    expect_nothing(world);
}

static void a_store_that_comes_and_goes_is_told_of_a_few_times_a_second(void **state)
{
    struct world *world = *state;

    world_tick(world, 1000);
    open_home(world, 1, 10, "ann", "[bob]");
    size_t before = world->sent_count;
    for (int i = 0; i < 100; i++) { /* a second of it */
        stall(i % 2 == 0);
        world_tick(world, 10);
    }
    stall(true);
    world_tick(world, 1000);
    assert_in_range(world->sent_count - before, 2, 6);
    assert_true(world->sent[world->sent_count - 1].frame->heartbeat->degraded);
}

static void a_stream_that_needs_the_store_to_catch_up_asks_again_when_it_answers(void **state)
{
    struct world *world = *state;
    struct outcome outcome;
    uint64_t before = tail_share("bob");

    tail_share("bob");
    ring_done(world->feed, 0); /* as if memory had been needed */
    world->feed->rings[0].floor = fake.last_id[0];
    world_tick(world, 1000);
    subscribe(world, 1, 10, true, "bob", token_of(world, &before), &outcome);
    expect_outcome(&outcome, FEED_OK);
    stall(true);
    expect_told(world, 1, 10, true, false);
    FAKE_ANSWER(FAKE_PROFILE, NULL);
    for (int i = 0; i < 5; i++)
        world_tick(world, 50);
    assert_int_equal(fake_waiting(FAKE_PROFILE), 0);
    stall(false);
    assert_int_equal(fake_waiting(FAKE_PROFILE), 1);
}

/* ---- waiting for it ---- */

struct wait {
    struct feed *feed;
    unsigned order;
    unsigned again; /* how often it waits once more */
    Feed__ErrorCode error;
};

static unsigned woken;

static void on_woken(void *context, Feed__ErrorCode error)
{
    struct wait *wait = context;

    wait->order = ++woken;
    wait->error = error;
    if (wait->again > 0) {
        wait->again--;
        feed_wait_ready(wait->feed, 1000000 + fake.now_ms + 500, on_woken, wait);
    }
}

static void begin_to_wait(struct world *world, struct wait *wait, int64_t patience_ms)
{
    wait->feed = world->feed;
    feed_wait_ready(world->feed, 1000000 + fake.now_ms + patience_ms, on_woken, wait);
}

static void those_who_wait_for_the_feed_are_called_in_order_when_it_is_ready(void **state)
{
    struct world *world = *state;
    struct wait waits[4] = {0};

    woken = 0;
    begin_to_wait(world, &waits[0], 1000);
    assert_int_equal(waits[0].order, 1); /* it is ready */
    stall(true);
    for (unsigned i = 1; i < 4; i++)
        begin_to_wait(world, &waits[i], 1000);
    world_tick(world, 900);
    assert_int_equal(woken, 1);
    stall(false);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(waits[i].order, i + 1);
        assert_int_equal(waits[i].error, FEED_OK);
    }
}

static void those_whose_patience_ends_are_told_and_may_wait_again(void **state)
{
    struct world *world = *state;
    struct wait waits[2] = {{.again = 1}, {0}};

    woken = 0;
    stall(true);
    begin_to_wait(world, &waits[0], 100);
    begin_to_wait(world, &waits[1], 5000);
    world_tick(world, 200);
    assert_int_equal(woken, 1);
    assert_int_equal(waits[0].error, FEED__ERROR_CODE__UNAVAILABLE);
    stall(false);
    assert_int_equal(woken, 3);
    assert_int_equal(waits[1].order, 2);
    assert_int_equal(waits[0].order, 3);
    assert_int_equal(waits[0].error, FEED_OK);
}

static void nobody_waits_for_the_store_while_the_daemon_stops(void **state)
{
    struct world *world = *state;
    struct wait waits[2] = {0};

    woken = 0;
    stall(true);
    begin_to_wait(world, &waits[0], 5000);
    feed_stop_jobs(world->feed);
    assert_int_equal(waits[0].error, FEED__ERROR_CODE__UNAVAILABLE);
    begin_to_wait(world, &waits[1], 5000);
    assert_int_equal(waits[1].error, FEED__ERROR_CODE__UNAVAILABLE);
    assert_int_equal(woken, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(streams_are_told_at_once_that_the_store_does_not_answer_and_that_it_does),
        WITH_WORLD(the_token_covers_what_was_sent_and_a_stream_that_catches_up_gets_none),
        WITH_WORLD(a_store_that_comes_and_goes_is_told_of_a_few_times_a_second),
        WITH_WORLD(a_stream_that_needs_the_store_to_catch_up_asks_again_when_it_answers),
        WITH_WORLD(those_who_wait_for_the_feed_are_called_in_order_when_it_is_ready),
        WITH_WORLD(those_whose_patience_ends_are_told_and_may_wait_again),
        WITH_WORLD(nobody_waits_for_the_store_while_the_daemon_stops),
    };

    return cmocka_run_group_tests_name("ready", tests, NULL, NULL);
}
