/* The memory of one request. */
#include "unit.h"

#include "commands/arena.h"

static void what_it_gives_is_aligned_and_apart(void **state)
{
    struct arena arena;
    char *pieces[200];
    size_t sizes[200];
    uint32_t random = 5;

    (void)state;
    arena_init(&arena, 1 << 20);
    for (int i = 0; i < 200; i++) {
        sizes[i] = unit_random(&random) % (i % 10 == 0 ? 5000 : 100);
        pieces[i] = arena_allocate(&arena, sizes[i]);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        memset(pieces[i], i, sizes[i]);
    }
    for (int i = 0; i < 200; i++)
        for (size_t at = 0; at < sizes[i]; at++)
            assert_int_equal((unsigned char)pieces[i][at], (unsigned char)i);
    arena_done(&arena);
}

static void it_gives_no_more_than_its_budget_in_all(void **state)
{
    struct arena arena;
    size_t given = 0;

    (void)state;
    arena_init(&arena, 10000);
    while (arena_allocate(&arena, 64))
        given += 64;
    assert_in_range(given, 10000 - 64, 10000);
    assert_null(arena_allocate(&arena, 64));
    arena_done(&arena);
    arena_init(&arena, 0);
    assert_null(arena_allocate(&arena, 1));
    arena_done(&arena);
}

static void a_refusal_leaves_the_rest_to_be_given(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 1024);
    assert_null(arena_allocate(&arena, 2048));
    assert_non_null(arena_allocate(&arena, 1024));
    arena_done(&arena);
}

static void no_size_is_so_large_that_it_seems_small(void **state)
{
    static const size_t below[] = {0, 1, 7, 15, 16, 31, 32, 63};
    struct arena arena;

    (void)state;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++)
        assert_null(arena_allocate(&arena, SIZE_MAX - below[i]));
    arena_done(&arena);
}

static void an_arena_that_gave_nothing_is_done_too(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 1000);
    arena_done(&arena);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_gives_is_aligned_and_apart),
        cmocka_unit_test(it_gives_no_more_than_its_budget_in_all),
        cmocka_unit_test(a_refusal_leaves_the_rest_to_be_given),
        cmocka_unit_test(no_size_is_so_large_that_it_seems_small),
        cmocka_unit_test(an_arena_that_gave_nothing_is_done_too),
    };

    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
