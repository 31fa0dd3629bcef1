/* The timing wheel: never early, hardly late, however far away; and against a naive model. */
#include "unit.h"

#include "base/wheel.h"

#define TICK_MS 10
#define START_MS 1000000
#define TIMERS 400

struct timer {
    struct wheel_node node;
    int64_t due_ms; /* 0: not set */
    unsigned fired;
};

struct world {
    struct wheel wheel;
    struct timer timers[TIMERS];
    int64_t now_ms;
    unsigned fired;
    void (*on_due)(struct world *world, struct timer *timer);
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    if (!world)
        return -1;
    world->now_ms = START_MS;
    wheel_init(&world->wheel, TICK_MS, START_MS);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static void on_due(void *context, struct wheel_node *node)
{
    struct world *world = context;
    struct timer *timer = (struct timer *)((char *)node - offsetof(struct timer, node));

    assert_false(wheel_node_waits(node));
    assert_true(timer->due_ms != 0 && timer->due_ms <= world->now_ms);
    timer->due_ms = 0;
    timer->fired++;
    world->fired++;
    if (world->on_due)
        world->on_due(world, timer);
}

static void put(struct world *world, size_t index, int64_t due_ms)
{
    world->timers[index].due_ms = due_ms;
    wheel_put(&world->wheel, &world->timers[index].node, due_ms);
}

static void advance_to(struct world *world, int64_t now_ms)
{
    world->now_ms = now_ms;
    wheel_advance(&world->wheel, now_ms, on_due, world);
}

static void a_timer_fires_within_a_tick_after_its_time_and_never_before(void **state)
{
    static const int64_t delays_ms[] = {1, 9, 10, 11, 999, 5119, 5120, 5121, 51200, 3600000};
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(delays_ms) / sizeof(delays_ms[0]); i++) {
        int64_t due_ms = world->now_ms + delays_ms[i];

        put(world, i, due_ms);
        while (world->now_ms < due_ms - 1)
            advance_to(world, world->now_ms + 1 < due_ms - 1 && delays_ms[i] > 10000 ? due_ms - 1 : world->now_ms + 1);
        assert_int_equal(world->timers[i].fired, 0);
        advance_to(world, due_ms + TICK_MS);
        assert_int_equal(world->timers[i].fired, 1);
    }
}

static void a_time_that_has_passed_is_due_at_the_next_advance(void **state)
{
    struct world *world = *state;

    advance_to(world, START_MS + 500);
    put(world, 0, START_MS);
    put(world, 1, START_MS - 5000);
    assert_int_equal(world->fired, 0);
    advance_to(world, START_MS + 500 + TICK_MS);
    assert_int_equal(world->fired, 2);
}

static void a_removed_timer_stays_silent_and_a_moved_one_fires_once(void **state)
{
    struct world *world = *state;

    put(world, 0, START_MS + 50);
    put(world, 1, START_MS + 50);
    wheel_remove(&world->timers[0].node);
    wheel_remove(&world->timers[0].node);
    assert_false(wheel_node_waits(&world->timers[0].node));
    put(world, 1, START_MS + 100);
    advance_to(world, START_MS + 90);
    assert_int_equal(world->fired, 0);
    advance_to(world, START_MS + 1000);
    assert_int_equal(world->timers[0].fired, 0);
    assert_int_equal(world->timers[1].fired, 1);
}

static void standing_still_for_many_turns_loses_nothing(void **state)
{
    struct world *world = *state;

    for (size_t i = 0; i < TIMERS; i++)
        put(world, i, START_MS + 1 + (int64_t)i * 137);
    advance_to(world, START_MS + 10000000);
    assert_int_equal(world->fired, TIMERS);
}

static void put_again(struct world *world, struct timer *timer)
{
    if (timer->fired < 3)
        put(world, (size_t)(timer - world->timers), world->now_ms);
}

static void a_timer_put_while_firing_waits_for_the_next_advance(void **state)
{
    struct world *world = *state;

    world->on_due = put_again;
    put(world, 0, START_MS + 10);
    for (unsigned i = 1; i <= 3; i++) {
        advance_to(world, world->now_ms + 600 * TICK_MS);
        assert_int_equal(world->timers[0].fired, i);
    }
    advance_to(world, world->now_ms + 600 * TICK_MS);
    assert_int_equal(world->timers[0].fired, 3);
}

static void remove_the_others(struct world *world, struct timer *timer)
{
    (void)timer;
    for (size_t i = 0; i < 10; i++)
        wheel_remove(&world->timers[i].node);
}

static void a_timer_may_remove_others_of_the_same_moment(void **state)
{
    struct world *world = *state;

    world->on_due = remove_the_others;
    for (size_t i = 0; i < 10; i++)
        put(world, i, START_MS + 10);
    advance_to(world, START_MS + 20);
    assert_int_equal(world->fired, 1);
}

static void it_agrees_with_a_plain_list_of_times(void **state)
{
    struct world *world = *state;
    uint32_t random = 99;

    for (int step = 0; step < 20000; step++) {
        size_t index = unit_random(&random) % TIMERS;
        uint32_t choice = unit_random(&random) % 8;

        if (choice < 4) {
            put(world, index, world->now_ms + 1 + unit_random(&random) % (choice == 0 ? 20000 : 500));
        } else if (choice == 4) {
            wheel_remove(&world->timers[index].node);
            world->timers[index].due_ms = 0;
        } else {
            advance_to(world, world->now_ms + unit_random(&random) % 25);
            for (size_t i = 0; i < TIMERS; i++) /* whoever is due for longer than a tick has fired */
                assert_true(world->timers[i].due_ms == 0 || world->timers[i].due_ms > world->now_ms - TICK_MS);
        }
    }
    assert_true(world->fired > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_timer_fires_within_a_tick_after_its_time_and_never_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_time_that_has_passed_is_due_at_the_next_advance, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_removed_timer_stays_silent_and_a_moved_one_fires_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(standing_still_for_many_turns_loses_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_timer_put_while_firing_waits_for_the_next_advance, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_timer_may_remove_others_of_the_same_moment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_agrees_with_a_plain_list_of_times, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("wheel", tests, NULL, NULL);
}
