/* Whom a reader does not see: several reasons for one, many at once, and against a naive model. */
#include "unit.h"

#include "feed/hidden.h"

static struct text name_of(unsigned number)
{
    static char names[4][16];
    static unsigned turn;
    char *name = names[turn++ % 4];

    snprintf(name, sizeof(names[0]), "name%u", number);
    return (struct text){name, strlen(name)};
}

static void who_is_hidden_for_several_reasons_is_so_until_the_last_one_goes(void **state)
{
    struct hidden hidden = {0};

    (void)state;
    assert_false(hidden_has(&hidden, name_of(1)));
    assert_int_equal(hidden_set(&hidden, name_of(1), HIDDEN_MUTED, true), 0);
    assert_int_equal(hidden_set(&hidden, name_of(1), HIDDEN_BARRED, true), 0);
    assert_int_equal(hidden.count, 1);
    assert_int_equal(hidden_set(&hidden, name_of(1), HIDDEN_MUTED, false), 0);
    assert_int_equal(hidden_set(&hidden, name_of(1), HIDDEN_BLOCKED, false), 0);
    assert_true(hidden_has(&hidden, name_of(1)));
    assert_false(hidden_has(&hidden, name_of(2)));
    assert_int_equal(hidden_set(&hidden, name_of(1), HIDDEN_BARRED, false), 0);
    assert_false(hidden_has(&hidden, name_of(1)));
    assert_int_equal(hidden_bytes(&hidden), 0);
}

static void many_at_once_are_as_one_after_the_other(void **state)
{
    struct hidden hidden = {0};

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(hidden_add(&hidden, name_of(i), HIDDEN_MUTED), 0);
        if (i % 3 == 0)
            assert_int_equal(hidden_add(&hidden, name_of(i), HIDDEN_BLOCKED), 0);
    }
    hidden_sort(&hidden);
    assert_int_equal(hidden.count, 1000);
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(hidden_has(&hidden, name_of(i)));
        assert_int_equal(hidden_set(&hidden, name_of(i), HIDDEN_MUTED, false), 0);
        assert_int_equal(hidden_has(&hidden, name_of(i)), i % 3 == 0);
    }
    hidden_done(&hidden);
}

static void it_behaves_like_a_plain_table(void **state)
{
    struct hidden hidden = {0};
    unsigned reasons[64] = {0};
    uint32_t seed = 5;

    (void)state;
    for (int step = 0; step < 20000; step++) {
        unsigned who = unit_random(&seed) % 64, reason = 1u << unit_random(&seed) % 3, count = 0;
        bool on = unit_random(&seed) % 2;

        assert_int_equal(hidden_set(&hidden, name_of(who), (enum hidden_reason)reason, on), 0);
        reasons[who] = on ? reasons[who] | reason : reasons[who] & ~reason;
        for (unsigned i = 0; i < 64; i++)
            count += reasons[i] != 0;
        assert_int_equal(hidden.count, count);
        assert_int_equal(hidden_has(&hidden, name_of(who)), reasons[who] != 0);
    }
    hidden_done(&hidden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_hidden_for_several_reasons_is_so_until_the_last_one_goes),
        cmocka_unit_test(many_at_once_are_as_one_after_the_other),
        cmocka_unit_test(it_behaves_like_a_plain_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
