/* idmap against a naive model. */
#include "unit.h"

#include "base/idmap.h"

#define IDS 400

/* Ids of the kinds that occur: small, far apart, of one partition, with all bits. */
static uint64_t id_of(uint32_t index)
{
    switch (index % 4) {
    case 0:
        return index + 1;
    case 1:
        return (uint64_t)(index + 1) << 32;
    case 2:
        return (uint64_t)(index + 1) << 13;
    default:
        return UINT64_MAX - index;
    }
}

static void it_behaves_like_a_plain_table(void **state)
{
    struct idmap map = {0};
    void *model[IDS] = {NULL};
    char values[8];
    uint32_t random = 4711;
    size_t count = 0;

    (void)state;
    for (int step = 0; step < 40000; step++) {
        uint32_t index = unit_random(&random) % IDS;

        /* Waves: more is set than removed, then the other way round. */
        if (unit_random(&random) % 10 < ((step / 4000) % 2 == 0 ? 7U : 3U)) {
            void *value = &values[unit_random(&random) % sizeof(values)];

            assert_int_equal(idmap_set(&map, id_of(index), value), 0);
            count += !model[index];
            model[index] = value;
        } else {
            assert_ptr_equal(idmap_remove(&map, id_of(index)), model[index]);
            count -= model[index] != NULL;
            model[index] = NULL;
        }
        assert_int_equal(map.count, count);
        for (uint32_t i = 0; step % 200 == 0 && i < IDS; i++)
            assert_ptr_equal(idmap_get(&map, id_of(i)), model[i]);
    }
    idmap_done(&map);
}

static void removal_keeps_the_rest_of_a_run_searchable(void **state)
{
    char value;

    (void)state;
    /* In a map of 16 slots, 12 full, runs are long and wrap around; each id is removed from each such map once. */
    for (uint64_t first = 1; first < 200; first++)
        for (uint64_t removed = 0; removed < 12; removed++) {
            struct idmap map = {0};

            for (uint64_t i = 0; i < 12; i++)
                assert_int_equal(idmap_set(&map, first + i * i * 31, &value), 0);
            assert_int_equal(map.capacity, 16);
            assert_ptr_equal(idmap_remove(&map, first + removed * removed * 31), &value);
            for (uint64_t i = 0; i < 12; i++)
                assert_ptr_equal(idmap_get(&map, first + i * i * 31), i == removed ? NULL : &value);
            idmap_done(&map);
        }
}

static void an_empty_map_has_nothing_and_costs_nothing(void **state)
{
    struct idmap map = {0};

    (void)state;
    assert_null(idmap_get(&map, 1));
    assert_null(idmap_remove(&map, 1));
    assert_null(map.slots);
    idmap_done(&map);
}

static void it_is_at_most_three_quarters_full_and_stays_usable_after_done(void **state)
{
    struct idmap map = {0};
    char value;

    (void)state;
    for (uint64_t id = 1; id <= 5000; id++) {
        assert_int_equal(idmap_set(&map, id, &value), 0);
        assert_true(map.count * 4 <= map.capacity * 3);
    }
    assert_int_equal(map.capacity, 8192);
    idmap_done(&map);
    assert_int_equal(map.count, 0);
    assert_int_equal(idmap_set(&map, 7, &value), 0);
    assert_ptr_equal(idmap_get(&map, 7), &value);
    idmap_done(&map);
}

static void setting_anew_replaces_the_value(void **state)
{
    struct idmap map = {0};
    char values[2];

    (void)state;
    assert_int_equal(idmap_set(&map, 9, &values[0]), 0);
    assert_int_equal(idmap_set(&map, 9, &values[1]), 0);
    assert_int_equal(map.count, 1);
    assert_ptr_equal(idmap_remove(&map, 9), &values[1]);
    assert_null(idmap_get(&map, 9));
    idmap_done(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_behaves_like_a_plain_table),
        cmocka_unit_test(removal_keeps_the_rest_of_a_run_searchable),
        cmocka_unit_test(an_empty_map_has_nothing_and_costs_nothing),
        cmocka_unit_test(it_is_at_most_three_quarters_full_and_stays_usable_after_done),
        cmocka_unit_test(setting_anew_replaces_the_value),
    };

    return cmocka_run_group_tests_name("idmap", tests, NULL, NULL);
}
