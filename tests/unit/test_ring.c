/* The ring of recent log entries. */
#include "feed_fixture.h"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)

static void entries_stand_in_order_and_are_found_by_what_lies_above(void **state)
{
    struct world *world = *state;
    const struct ring *ring = &world->feed->rings[0];
    uint64_t ids[600];

    assert_int_equal(ring_above(ring, 0), 0);
    for (int i = 0; i < 600; i++)
        ids[i] = tail_share("bob");
    assert_int_equal(ring->count, 600);
    for (size_t i = 0; i < 600; i++) {
        assert_int_equal(ring_at(ring, i)->id, ids[i]);
        assert_int_equal(ring_above(ring, ids[i] - 1), i);
        assert_int_equal(ring_above(ring, ids[i]), i + 1);
    }
    assert_int_equal(ring_above(ring, 0), 0);
    assert_int_equal(ring_above(ring, UINT64_MAX), 600);
}

static void only_what_is_applied_leaves_however_little_room_there_is(void **state)
{
    struct world *world = *state;
    const struct ring *ring = &world->feed->rings[0];
    uint64_t ids[100];

    world->settings.ring_bytes = 0;
    for (int i = 0; i < 100; i++)
        ids[i] = tail_share("bob");
    assert_int_equal(ring->count, 100);
    assert_int_equal(ring->floor, 0);
    world->feed->applied[0] = ids[49];
    uint64_t last = tail_share("bob");
    assert_int_equal(ring->count, 51);
    assert_int_equal(ring_at(ring, 0)->id, ids[50]);
    assert_int_equal(ring_at(ring, 50)->id, last);
    assert_int_equal(ring->floor, ids[49]); /* it holds every entry above */
    assert_int_equal(ring_above(ring, ids[49]), 0);
}

static void what_lies_above_an_id_is_counted_in_bytes(void **state)
{
    struct world *world = *state;
    const struct ring *ring = &world->feed->rings[0];
    uint64_t ids[300];

    assert_int_equal(ring_bytes_above(ring, 0), 0);
    world->settings.ring_bytes = 20000;
    for (int i = 0; i < 300; i++) {
        size_t bytes = 0;

        ids[i] = tail_share("bob");
        world->feed->applied[0] = ids[i / 2];
        assert_int_equal(ring_bytes_above(ring, ring->floor), ring->bytes);
        for (size_t j = ring_above(ring, ids[i / 2]); j < ring->count; j++)
            bytes += sizeof(struct ring_entry) + frame_memory_bytes(ring_at(ring, j)->frame);
        assert_int_equal(ring_bytes_above(ring, ids[i / 2]), bytes);
        assert_int_equal(ring_bytes_above(ring, ids[i]), 0);
    }
    assert_true(ring->floor > ids[0]);
}

static void it_keeps_as_many_applied_entries_as_there_is_room_for(void **state)
{
    struct world *world = *state;
    const struct ring *ring = &world->feed->rings[0];
    size_t most = 0;

    world->settings.ring_bytes = 5000;
    for (int i = 0; i < 1000; i++) {
        uint64_t id = tail_share("bob");

        assert_true(ring->bytes <= 5000);
        assert_int_equal(ring_at(ring, ring->count - 1)->id, id);
        assert_true(ring_at(ring, 0)->id > ring->floor);
        most = ring->count > most ? ring->count : most;
        world->feed->applied[0] = id;
    }
    assert_true(most >= 5000 / (sizeof(struct ring_entry) + 64));
    assert_true(ring->count + 1 >= most);
}

static void a_deletion_is_forgotten_with_its_entry(void **state)
{
    struct world *world = *state;
    uint64_t share = tail_share("bob");

    assert_false(share_is_deleted(world->feed, share));
    tail_delete("bob", share);
    assert_true(share_is_deleted(world->feed, share));
    world_applied(world);
    world->settings.ring_bytes = 0;
    tail_share("bob");
    assert_false(share_is_deleted(world->feed, share));
    assert_int_equal(world->feed->deleted.count, 0);
}

static void names_are_kept_as_long_as_an_entry_refers_to_them(void **state)
{
    struct world *world = *state;

    tail_edge(true, "ann", "bob", 64);
    assert_int_equal(world->feed->subjects.count, 2);
    world_applied(world);
    world->settings.ring_bytes = 0;
    tail_share("carl");
    assert_int_equal(world->feed->subjects.count, 1);
}

static void partitions_have_rings_of_their_own(void **state)
{
    struct world *world = world_new(&world_settings, 8);
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"};
    size_t counts[8] = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        counts[partition_of_id(tail_share(names[i]))]++;
    for (unsigned partition = 0; partition < 8; partition++) {
        const struct ring *ring = &world->feed->rings[partition];

        assert_int_equal(ring->count, counts[partition]);
        for (size_t i = 0; i < ring->count; i++)
            assert_int_equal(partition_of_id(ring_at(ring, i)->id), partition);
    }
    world_free(world);
}

static void lag_is_the_age_of_the_oldest_entry_that_is_not_applied(void **state)
{
    struct world *world = *state;

    assert_int_equal(feed_lag_ms(world->feed), 0);
    uint64_t first = tail_share("bob");
    fake.now_ms += 300;
    tail_share("bob");
    fake.now_ms += 200;
    assert_int_equal(feed_lag_ms(world->feed), 500);
    world->feed->applied[0] = first;
    assert_int_equal(feed_lag_ms(world->feed), 200);
    world_applied(world);
    assert_int_equal(feed_lag_ms(world->feed), 0);
}

/* ---- joins ---- */

static void a_share_before_its_readers_follow_was_backfilled_and_one_after_was_not(void **state)
{
    struct world *world = *state;
    struct joins joins;

    uint64_t before = tail_share("bob"), stranger = tail_share("carl");
    tail_edge(true, "ann", "bob", 64);
    tail_edge(true, "ben", "carl", 64);
    tail_edge(false, "ann", "carl", 128);
    uint64_t after = tail_share("bob");
    const struct ring *ring = &world->feed->rings[0];
    uint32_t ann = subject_find(&world->feed->subjects, text_of("ann"));

    joins_collect(ring, 0, ann, &joins);
    assert_int_equal(joins.count, 1);
    assert_true(joins_backfilled(&joins, ring_at(ring, ring_above(ring, before) - 1)));
    assert_false(joins_backfilled(&joins, ring_at(ring, ring_above(ring, stranger) - 1)));
    assert_false(joins_backfilled(&joins, ring_at(ring, ring_above(ring, after) - 1)));
    joins_done(&joins);
    joins_collect(ring, ring->count - 1, ann, &joins); /* the edge lies before */
    assert_int_equal(joins.count, 0);
    joins_done(&joins);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(entries_stand_in_order_and_are_found_by_what_lies_above),
        WITH_WORLD(only_what_is_applied_leaves_however_little_room_there_is),
        WITH_WORLD(what_lies_above_an_id_is_counted_in_bytes),
        WITH_WORLD(it_keeps_as_many_applied_entries_as_there_is_room_for),
        WITH_WORLD(a_deletion_is_forgotten_with_its_entry),
        WITH_WORLD(names_are_kept_as_long_as_an_entry_refers_to_them),
        cmocka_unit_test(partitions_have_rings_of_their_own),
        WITH_WORLD(lag_is_the_age_of_the_oldest_entry_that_is_not_applied),
        WITH_WORLD(a_share_before_its_readers_follow_was_backfilled_and_one_after_was_not),
    };

    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
