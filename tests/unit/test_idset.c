/* idset against a naive model, and what it costs. */
#include "unit.h"

#include "base/idset.h"

#define IDS 300

static void it_behaves_like_a_plain_set(void **state)
{
    struct idset set = {0};
    bool model[IDS] = {false};
    uint32_t random = 12345;
    uint32_t count = 0;

    (void)state;
    for (int step = 0; step < 20000; step++) {
        uint32_t id = unit_random(&random) % IDS;
        uint32_t seen = 0;

        /* Waves: more adds than removes, then the other way round. */
        if (unit_random(&random) % 10 < ((step / 2000) % 2 == 0 ? 7U : 3U)) {
            assert_int_equal(idset_add(&set, id), model[id] ? 0 : 1);
            count += !model[id];
            model[id] = true;
        } else {
            assert_int_equal(idset_remove(&set, id), model[id]);
            count -= model[id];
            model[id] = false;
        }
        assert_int_equal(set.count, count);
        id = unit_random(&random) % IDS;
        assert_int_equal(idset_has(&set, id), model[id]);
        if (step % 100 != 0)
            continue;
        for (uint32_t i = 0; i < IDS; i++) {
            if (model[i])
                assert_int_equal(set.items[seen++], i);
        }
        assert_int_equal(seen, set.count);
    }
    idset_done(&set);
}

static void the_extreme_ids_are_ordinary(void **state)
{
    struct idset set = {0};

    (void)state;
    assert_false(idset_has(&set, 0));
    assert_false(idset_remove(&set, 0));
    assert_int_equal(idset_add(&set, UINT32_MAX), 1);
    assert_int_equal(idset_add(&set, 0), 1);
    assert_true(idset_has(&set, 0));
    assert_true(idset_has(&set, UINT32_MAX));
    assert_false(idset_has(&set, 1));
    assert_int_equal(set.items[0], 0);
    idset_done(&set);
}

static void it_keeps_little_slack(void **state)
{
    struct idset set = {0};

    (void)state;
    assert_int_equal(sizeof(struct idset), 16);
    for (uint32_t id = 0; id < 10000; id++) {
        assert_int_equal(idset_add(&set, id), 1);
        assert_true(set.capacity <= 4 || set.capacity <= set.count + set.count / 4 + 1);
    }
    for (uint32_t id = 0; id < 10000; id++) {
        assert_true(idset_remove(&set, id));
        assert_true(set.capacity <= 5 || set.capacity <= 2 * set.count + 1);
    }
    assert_null(set.items);
    idset_done(&set);
}

static void reserving_makes_room_for_exactly_that_many(void **state)
{
    struct idset set = {0};
    const uint32_t *items;

    (void)state;
    assert_int_equal(idset_reserve(&set, 1000), 0);
    items = set.items;
    assert_int_equal(set.capacity, 1000);
    for (uint32_t id = 0; id < 1000; id++)
        assert_int_equal(idset_add(&set, id), 1);
    assert_ptr_equal(set.items, items);
    assert_int_equal(idset_reserve(&set, 10), 0);
    assert_int_equal(set.capacity, 1000);
    idset_done(&set);
    assert_int_equal(set.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_behaves_like_a_plain_set),
        cmocka_unit_test(the_extreme_ids_are_ordinary),
        cmocka_unit_test(it_keeps_little_slack),
        cmocka_unit_test(reserving_makes_room_for_exactly_that_many),
    };

    return cmocka_run_group_tests_name("idset", tests, NULL, NULL);
}
