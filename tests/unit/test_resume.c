/* Resuming with a token: which tokens are taken, and catching up out of the ring. */
#include "feed_fixture.h"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)

static void out_of_the_ring_come_the_missed_shares_and_deletions_in_order(void **state)
{
    struct world *world = *state;
    struct outcome outcome;
    uint64_t seen = tail_share("bob"), position = seen;
    uint64_t missed = tail_share("bob"), deleted = tail_share("bob");

    tail_share("carl"); /* not followed */
    tail_delete("bob", deleted); /* it may have been seen after the token */
    tail_delete("bob", seen);
    uint64_t last = tail_share("ann");
    subscribe(world, 1, 10, false, "ann", token_of(world, &position), &outcome);
    FAKE_ANSWER(FAKE_READER_LOAD, "[# [bob]]", last);
    expect_outcome(&outcome, FEED_OK);
    expect_share(world, 1, 10, missed);
    expect_deletion(world, 1, 10, deleted);
    expect_deletion(world, 1, 10, seen);
    expect_share(world, 1, 10, last);
    expect_caught_up(world, 1, 10);
    expect_nothing(world);
    assert_true(fake_is_idle() || fake_waiting(FAKE_TIMELINE) == 0);
}

static void shares_from_before_a_follow_came_with_the_backfill_and_are_no_events(void **state)
{
    struct world *world = *state;
    struct outcome outcome;
    uint64_t position = tail_share("ann");

    tail_share("bob");
    tail_edge(true, "ann", "bob", fake.last_id[0] + 64);
    uint64_t after = tail_share("bob");
    subscribe(world, 1, 10, false, "ann", token_of(world, &position), &outcome);
    FAKE_ANSWER(FAKE_READER_LOAD, "[# [bob]]", after);
    expect_share(world, 1, 10, after);
    expect_caught_up(world, 1, 10);
    expect_nothing(world);
}

static void positions_are_compared_partition_by_partition(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    struct world *world = world_new(&world_settings, 4);
    struct outcome outcome;
    uint64_t positions[4] = {0}, missed[8];
    size_t count = 0;

    (void)state;
    for (int i = 0; i < 8; i++) {
        uint64_t id = tail_share(names[i]);

        positions[partition_of_id(id)] = id;
        fake.now_ms += 7;
    }
    for (int i = 0; i < 8; i++)
        missed[count++] = tail_share(names[i]);
    subscribe(world, 1, 10, false, "zoe", token_of(world, positions), &outcome);
    FAKE_ANSWER(FAKE_READER_LOAD, "[# [a b c d e f g h]]", fake.last_id[partition_of_subject(text_of("zoe"))]);
    bool seen[8] = {false};
    uint64_t last[4] = {0};
    for (size_t i = 0; i < count; i++) {
        const Feed__ServerFrame *frame = next_sent(world, 1, 10);

        assert_int_equal(frame->body_case, FEED__SERVER_FRAME__BODY_SHARED);
        uint64_t id = frame->shared->share->id;
        assert_true(id > last[partition_of_id(id)]); /* each log in its order */
        last[partition_of_id(id)] = id;
        for (size_t at = 0; at < count; at++)
            if (missed[at] == id) {
                assert_false(seen[at]);
                seen[at] = true;
            }
    }
    expect_caught_up(world, 1, 10);
    expect_nothing(world);
    world_free(world);
}

/* ---- tokens ---- */

static void a_token_ahead_of_the_store_is_refused(void **state)
{
    struct world *world = *state;
    struct outcome outcome;
    uint64_t last = tail_share("bob"), position = last + 64;

    subscribe(world, 1, 10, true, "bob", token_of(world, &position), &outcome);
    FAKE_ANSWER(FAKE_LAST_ID, "#", last);
    expect_outcome(&outcome, FEED__ERROR_CODE__TOKEN_FUTURE);
}

static void a_token_ahead_of_this_daemon_only_is_waited_for(void **state)
{
    struct world *world = *state;
    struct outcome outcome;
    struct log_entry entry = fake_entry(LOG_SHARE, "bob", NULL, 0);

    subscribe(world, 1, 10, true, "bob", token_of(world, &entry.id), &outcome);
    FAKE_ANSWER(FAKE_LAST_ID, "#", entry.id);
    assert_int_equal(outcome.count, 0);
    fake_tail(&entry);
    fake_tail_end(1);
    expect_outcome(&outcome, FEED_OK);
    expect_caught_up(world, 1, 10); /* the client has seen the share */
    expect_nothing(world);
}

static void a_position_that_the_tail_passes_while_the_store_is_asked_is_not_waited_for(void **state)
{
    struct world *world = *state;
    struct outcome outcome;
    struct log_entry entry = fake_entry(LOG_SHARE, "bob", NULL, 0);

    subscribe(world, 1, 10, true, "bob", token_of(world, &entry.id), &outcome);
    fake_tail(&entry);
    fake_tail_end(1);
    FAKE_ANSWER(FAKE_LAST_ID, "#", entry.id);
    expect_outcome(&outcome, FEED_OK);
}

static void a_position_of_a_partition_that_is_not_there_is_answered(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    tail_share("bob");
    struct log_entry entry = fake_entry(LOG_SHARE, "bob", NULL, 0);
    uint64_t position = entry.id - 64 + 5; /* the store has come further, but no log has partition 5 */
    subscribe(world, 1, 10, true, "bob", token_of(world, &position), &outcome);
    if (fake_waiting(FAKE_LAST_ID) > 0)
        FAKE_ANSWER(FAKE_LAST_ID, "#", entry.id);
    fake_tail(&entry);
    fake_tail_end(1);
    assert_int_equal(outcome.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(out_of_the_ring_come_the_missed_shares_and_deletions_in_order),
        WITH_WORLD(shares_from_before_a_follow_came_with_the_backfill_and_are_no_events),
        cmocka_unit_test(positions_are_compared_partition_by_partition),
        WITH_WORLD(a_token_ahead_of_the_store_is_refused),
        WITH_WORLD(a_token_ahead_of_this_daemon_only_is_waited_for),
        WITH_WORLD(a_position_that_the_tail_passes_while_the_store_is_asked_is_not_waited_for),
        WITH_WORLD(a_position_of_a_partition_that_is_not_there_is_answered),
    };

    return cmocka_run_group_tests_name("resume", tests, NULL, NULL);
}
