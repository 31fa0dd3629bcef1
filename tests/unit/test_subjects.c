/* Names as numbers. */
#include "unit.h"

#include <xxhash.h>

#include "feed/internal.h"

static struct text text_of(const char *string)
{
    return (struct text){string, strlen(string)};
}

static void assert_name(const struct subjects *subjects, uint32_t slot, const char *name)
{
    struct text text = subject_name(subjects, slot);

    assert_int_equal(text.size, strlen(name));
    assert_memory_equal(text.data, name, text.size);
}

static void a_name_has_one_slot_as_long_as_somebody_refers_to_it(void **state)
{
    struct subjects subjects = {0};

    (void)state;
    assert_int_equal(subject_find(&subjects, text_of("ann")), NO_SUBJECT);
    uint32_t ann = subject_intern(&subjects, text_of("ann"));
    assert_int_equal(subject_intern(&subjects, text_of("ann")), ann);
    assert_int_equal(subject_ref(&subjects, ann), ann);
    assert_int_equal(subject_find(&subjects, text_of("ann")), ann);
    assert_name(&subjects, ann, "ann");
    subject_unref(&subjects, ann);
    subject_unref(&subjects, ann);
    assert_int_equal(subject_find(&subjects, text_of("ann")), ann);
    subject_unref(&subjects, ann);
    assert_int_equal(subject_find(&subjects, text_of("ann")), NO_SUBJECT);
    assert_int_equal(subjects.count, 0);
    subject_unref(&subjects, NO_SUBJECT);
    subjects_done(&subjects);
}

static void a_free_slot_is_used_again_before_a_new_one(void **state)
{
    struct subjects subjects = {0};
    uint32_t slots[200];
    char name[16];

    (void)state;
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        slots[i] = subject_intern(&subjects, text_of(name));
    }
    assert_int_equal(subjects.used, 200);
    for (int i = 0; i < 200; i += 2)
        subject_unref(&subjects, slots[i]);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "m%d", i);
        assert_true(subject_intern(&subjects, text_of(name)) < 200);
    }
    assert_int_equal(subjects.used, 200);
    assert_int_equal(subjects.count, 200);
    subjects_done(&subjects);
}

static void names_are_compared_by_every_byte(void **state)
{
    struct subjects subjects = {0};
    uint32_t slots[4];
    char longest[256];

    (void)state;
    memset(longest, 'x', sizeof(longest));
    slots[0] = subject_intern(&subjects, (struct text){longest, 255});
    slots[1] = subject_intern(&subjects, (struct text){longest, 254});
    slots[2] = subject_intern(&subjects, (struct text){"a\0b", 3});
    slots[3] = subject_intern(&subjects, (struct text){"a\0c", 3});
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < i; j++)
            assert_int_not_equal(slots[i], slots[j]);
    assert_int_equal(subject_intern(&subjects, (struct text){longest, 256}), NO_SUBJECT);
    assert_int_equal(subject_find(&subjects, (struct text){longest, 256}), NO_SUBJECT);
    subjects_done(&subjects);
}

static void names_whose_hashes_meet_in_the_table_are_told_apart(void **state)
{
    struct subjects subjects = {0};
    char names[40][16];
    uint32_t slots[40];
    int count = 0;

    (void)state;
    /* All of them want the last places of a table of 64, so that the run wraps around. */
    for (int i = 0; count < 40; i++) {
        snprintf(names[count], sizeof(names[0]), "n%d", i);
        if ((XXH3_64bits(names[count], strlen(names[count])) & 63) >= 62)
            count++;
    }
    for (int i = 0; i < 40; i++)
        slots[i] = subject_intern(&subjects, text_of(names[i]));
    assert_int_equal(subjects.table_capacity, 64);
    for (int removed = 0; removed < 40; removed++) {
        int gone = removed * 7 % 40;

        subject_unref(&subjects, slots[gone]);
        slots[gone] = NO_SUBJECT;
        for (int i = 0; i < 40; i++)
            assert_int_equal(subject_find(&subjects, text_of(names[i])), slots[i]);
    }
    subjects_done(&subjects);
}

static void it_behaves_like_a_plain_list_of_names(void **state)
{
    struct subjects subjects = {0};
    uint32_t refs[150] = {0}, slots[150], random = 99, live = 0;
    char name[16];

    (void)state;
    for (int step = 0; step < 20000; step++) {
        uint32_t at = unit_random(&random) % 150;

        snprintf(name, sizeof(name), "name:%u", at);
        if (unit_random(&random) % 10 < ((step / 2000) % 2 == 0 ? 7U : 3U)) {
            uint32_t slot = subject_intern(&subjects, text_of(name));

            if (refs[at] > 0)
                assert_int_equal(slot, slots[at]);
            live += refs[at]++ == 0;
            slots[at] = slot;
        } else if (refs[at] > 0) {
            subject_unref(&subjects, slots[at]);
            live -= --refs[at] == 0;
        }
        assert_int_equal(subject_find(&subjects, text_of(name)), refs[at] > 0 ? slots[at] : NO_SUBJECT);
        if (refs[at] > 0)
            assert_name(&subjects, slots[at], name);
        assert_int_equal(subjects.count, live);
    }
    assert_true(subjects.used <= 150);
    subjects_done(&subjects);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_has_one_slot_as_long_as_somebody_refers_to_it),
        cmocka_unit_test(a_free_slot_is_used_again_before_a_new_one),
        cmocka_unit_test(names_are_compared_by_every_byte),
        cmocka_unit_test(names_whose_hashes_meet_in_the_table_are_told_apart),
        cmocka_unit_test(it_behaves_like_a_plain_list_of_names),
    };

    return cmocka_run_group_tests_name("subjects", tests, NULL, NULL);
}
