/* What is said of the feed's health, and what the metrics tell of it. */
#include "feed_fixture.h"

#include "base/metrics.h"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)

static void expect_trouble(const struct world *world, const char *part)
{
    const char *trouble = feed_trouble(world->feed);

    if (!part)
        assert_null(trouble);
    else if (!trouble || !strstr(trouble, part))
        fail_msg("trouble: %s", trouble ? trouble : "none");
}

static void a_feed_whose_tail_is_answered_is_well(void **state)
{
    struct world *world = *state;

    for (int second = 0; second < 20; second++) {
        fake_tail_end(0);
        world_tick(world, 1000);
        expect_trouble(world, NULL);
        assert_int_equal(metrics.tail_lag_ms, 0);
    }
}

static void a_tail_that_is_not_answered_is_trouble_until_it_is(void **state)
{
    struct world *world = *state;

    fake_tail_end(0);
    world_tick(world, 4500);
    expect_trouble(world, NULL);
    assert_int_equal(metrics.tail_lag_ms, 3000);
    world_tick(world, 2500);
    expect_trouble(world, "log is not read to its end");
    fake_tail_end(1);
    expect_trouble(world, NULL);
    world_tick(world, 0);
    assert_int_equal(metrics.tail_lag_ms, 0);
}

static void a_tail_that_does_not_come_to_the_end_is_trouble_until_it_does(void **state)
{
    struct world *world = *state;

    for (int tenth = 0; tenth <= 50; tenth++) {
        expect_trouble(world, NULL);
        fake_tail_end(TAIL_BATCH);
        world_tick(world, 100);
    }
    assert_int_equal(metrics.tail_lag_ms, 5100);
    expect_trouble(world, "log is not read to its end");
    fake_tail_end(TAIL_BATCH - 1);
    expect_trouble(world, NULL);
}

static void a_store_in_trouble_comes_first(void **state)
{
    struct world *world = *state;

    world_tick(world, 60000);
    fake.ready = false;
    fake.handlers->on_stall(fake.context);
    expect_trouble(world, "the fake is away");
}

static void a_feed_that_refuses_shares_is_not_well(void **state)
{
    struct world *world = *state;

    fake_tail_end(0);
    tail_share("ann");
    for (int second = 0; second * 1000 <= world_settings.lag_limit_ms; second++) {
        expect_trouble(world, NULL);
        fake_tail_end(0);
        world_tick(world, 1000);
    }
    fake_tail_end(0);
    expect_trouble(world, "BUSY");
    world_applied(world);
    expect_trouble(world, NULL);
}

static void streams_are_counted_by_their_state(void **state)
{
    struct world *world = *state;
    uint64_t live = metrics.streams[SUBSCRIPTION_LIVE], catching_up = metrics.streams[SUBSCRIPTION_CATCHING_UP];

    world_tick(world, 1000);
    open_home(world, 1, 10, "ann", "[bob]");
    open_home(world, 2, 20, "ben", "[bob]");
    assert_int_equal(metrics.streams[SUBSCRIPTION_LIVE], live + 2);
    world->outlet.soft_limit_bytes = 200;
    world->queued[1] = 190;
    world->queued[2] = 0;
    tail_share("bob");
    assert_int_equal(metrics.streams[SUBSCRIPTION_CATCHING_UP], catching_up + 1);
    assert_int_equal(metrics.streams[SUBSCRIPTION_LIVE], live + 1);
    feed_subscriber_done(world->feed, &world->subscribers[1]);
    feed_subscriber_done(world->feed, &world->subscribers[2]);
    assert_int_equal(metrics.streams[SUBSCRIPTION_CATCHING_UP], catching_up);
    assert_int_equal(metrics.streams[SUBSCRIPTION_LIVE], live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_feed_whose_tail_is_answered_is_well),
        WITH_WORLD(a_tail_that_is_not_answered_is_trouble_until_it_is),
        WITH_WORLD(a_tail_that_does_not_come_to_the_end_is_trouble_until_it_does),
        WITH_WORLD(a_store_in_trouble_comes_first),
        WITH_WORLD(a_feed_that_refuses_shares_is_not_well),
        WITH_WORLD(streams_are_counted_by_their_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
