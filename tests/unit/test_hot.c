/* Who is hot: the subjects with most shares and deliveries of late, in bounded memory. */
#include <stdio.h>

#include "unit.h"

#include "feed/hot.h"
#include "feed/look.h"

static struct hot hot;
static struct feed_hot rows[FEED_HOT_MAX];
static int64_t span_ms;

static int set_up(void **state)
{
    (void)state;
    hot = (struct hot){0};
    hot_tick(&hot, 1000000);
    return 0;
}

static uint32_t hash_of(const char *name)
{
    uint32_t hash = 5381;

    for (; *name != '\0'; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

static void note(const char *name, uint32_t shares, uint64_t deliveries)
{
    hot_note(&hot, (struct text){name, strlen(name)}, hash_of(name), shares, deliveries);
}

static void expect_row(size_t at, const char *name, uint64_t shares, uint64_t deliveries)
{
    assert_int_equal(rows[at].name_bytes, strlen(name));
    assert_memory_equal(rows[at].name, name, strlen(name));
    assert_int_equal(rows[at].shares, shares);
    assert_int_equal(rows[at].deliveries, deliveries);
}

static void the_subjects_with_most_come_first(void **state)
{
    (void)state;
    assert_int_equal(hot_look(&hot, 1000100, rows, 10, &span_ms), 0);
    note("bob", 1, 0);
    note("ann", 1, 0);
    note("ann", 0, 500);
    note("carl", 1, 20);
    note("bob", 1, 0);
    assert_int_equal(hot_look(&hot, 1000100, rows, 10, &span_ms), 3);
    expect_row(0, "ann", 1, 500);
    expect_row(1, "carl", 1, 20);
    expect_row(2, "bob", 2, 0);
    assert_int_equal(span_ms, 100);
    assert_int_equal(hot_look(&hot, 1000100, rows, 1, &span_ms), 1);
}

static void names_that_have_the_same_hash_are_told_apart(void **state)
{
    (void)state;
    hot_note(&hot, (struct text){"ann", 3}, 7, 1, 0);
    hot_note(&hot, (struct text){"anna", 4}, 7, 2, 0);
    hot_note(&hot, (struct text){"bob", 3}, 7, 4, 0);
    assert_int_equal(hot_look(&hot, 1000100, rows, 10, &span_ms), 3);
    expect_row(0, "bob", 4, 0);
    expect_row(1, "anna", 2, 0);
    expect_row(2, "ann", 1, 0);
}

static void what_is_long_ago_is_forgotten(void **state)
{
    (void)state;
    note("ann", 1, 9);
    hot_tick(&hot, 1000000 + HOT_WINDOW_MS - 1);
    note("ann", 1, 0);
    hot_tick(&hot, 1000000 + HOT_WINDOW_MS);
    note("bob", 1, 0);
    note("ann", 1, 0);
    assert_int_equal(hot_look(&hot, 1000000 + HOT_WINDOW_MS + 500, rows, 10, &span_ms), 2);
    expect_row(0, "ann", 3, 9); /* of both windows */
    expect_row(1, "bob", 1, 0);
    assert_int_equal(span_ms, HOT_WINDOW_MS + 500);
    hot_tick(&hot, 1000000 + 2 * HOT_WINDOW_MS);
    assert_int_equal(hot_look(&hot, 1000000 + 2 * HOT_WINDOW_MS, rows, 10, &span_ms), 2);
    expect_row(0, "bob", 1, 0);
    hot_tick(&hot, 1000000 + 3 * HOT_WINDOW_MS);
    assert_int_equal(hot_look(&hot, 1000000 + 3 * HOT_WINDOW_MS, rows, 10, &span_ms), 0);
}

/* A thousand subjects come by, each of them once for every time that three of them come a hundred times. */
static void whoever_has_much_is_found_among_thousands(void **state)
{
    static const char *const heavy[] = {"heavy0", "heavy1", "heavy2"};
    uint32_t seed = 1;
    char name[16];

    (void)state;
    for (int i = 0; i < 20000; i++) {
        snprintf(name, sizeof(name), "light%u", unit_random(&seed) % 1000);
        note(name, 1, 0);
        if (i % 10 == 0)
            note(heavy[i / 10 % 3], 1, 0);
    }
    assert_int_equal(hot_look(&hot, 1000100, rows, 3, &span_ms), 3);
    for (int i = 0; i < 3; i++)
        assert_memory_equal(rows[i].name, "heavy", 5);
}

static void a_name_that_is_too_long_is_left_out(void **state)
{
    char name[HOT_NAME_BYTES + 2] = {0};

    (void)state;
    memset(name, 'n', HOT_NAME_BYTES + 1);
    note(name, 1, 1);
    assert_int_equal(hot_look(&hot, 1000100, rows, 10, &span_ms), 0);
    name[HOT_NAME_BYTES] = '\0';
    note(name, 1, 1);
    assert_int_equal(hot_look(&hot, 1000100, rows, 10, &span_ms), 1);
    expect_row(0, name, 1, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_subjects_with_most_come_first, set_up),
        cmocka_unit_test_setup(names_that_have_the_same_hash_are_told_apart, set_up),
        cmocka_unit_test_setup(what_is_long_ago_is_forgotten, set_up),
        cmocka_unit_test_setup(whoever_has_much_is_found_among_thousands, set_up),
        cmocka_unit_test_setup(a_name_that_is_too_long_is_left_out, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
