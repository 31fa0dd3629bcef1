#include "unit.h"

#include <stdlib.h>

#include "feed/words.h"

static struct text text_of(const char *string)
{
    return (struct text){string, strlen(string)};
}

static void assert_folds(const char *text, const char *folded)
{
    char *got;
    size_t size;

    assert_int_equal(words_fold(text_of(text), &got, &size), 0);
    assert_int_equal(size, strlen(folded));
    assert_memory_equal(got, folded, size);
    free(got);
}

/* `expected`: the words without the id, each behind a bar. */
static void assert_words(const char *id, const char *name, const char *expected)
{
    struct words words;
    char got[4096] = "";

    assert_int_equal(words_of(text_of(id), text_of(name), &words), 0);
    for (size_t i = 0; i < words.count; i++) {
        struct text word = words.items[i];

        assert_true(word.size > strlen(id) + 1);
        assert_memory_equal(word.data + word.size - strlen(id), id, strlen(id));
        assert_int_equal(word.data[word.size - strlen(id) - 1], '\n');
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "|%.*s", (int)(word.size - strlen(id) - 1), word.data);
    }
    assert_string_equal(got, expected);
    words_done(&words);
}

static void case_and_accents_do_not_matter(void **state)
{
    (void)state;
    assert_folds("Zo\xc3\xab", "zoe");
    assert_folds("\xc3\x89lo\xc3\xafse", "eloise");
    assert_folds("STRASSE", "strasse");
    assert_folds("Stra\xc3\x9f" "e", "strasse");
    assert_folds("\xce\xa3\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x82",
                 "\xcf\x83\xce\xb9\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x83");
    assert_folds("\xef\xbd\xb1\xef\xbd\xb2", "\xe3\x82\xa2\xe3\x82\xa4"); /* half-width katakana */
}

static void signs_that_make_another_letter_stay(void **state)
{
    (void)state;
    assert_folds("\xe3\x81\x8c", "\xe3\x81\x8c"); /* ga is not ka */
    assert_folds("\xe0\xa4\x95\xe0\xa4\xbf", "\xe0\xa4\x95\xe0\xa4\xbf"); /* ki is not ka */
}

static void what_stands_between_words_is_one_space(void **state)
{
    (void)state;
    assert_folds("brand:acme", "brand acme");
    assert_folds(" -- a ,  b", "a b");
    assert_folds("ann ", "ann ");
    assert_folds("\xf0\x9f\x8d\x95 pizza", "\xf0\x9f\x8d\x95 pizza");
}

static void nothing_to_find_is_refused(void **state)
{
    char *got;
    size_t size;

    (void)state;
    assert_int_equal(words_fold(text_of(""), &got, &size), -EINVAL);
    assert_int_equal(words_fold(text_of(" .,-\n"), &got, &size), -EINVAL);
}

static void a_name_is_found_from_each_of_its_words(void **state)
{
    (void)state;
    assert_words("ann", "", "|ann");
    assert_words("brand:acme", "Mary Ann O'Brien", "|brand acme|acme|mary ann o brien|ann o brien|o brien|brien");
    assert_words("...", "Zo\xc3\xab", "|zoe");
    assert_words("x", " .. ", "|x");
    assert_words("t", "\xe6\x9d\xb1\xe4\xba\xac", "|t|\xe6\x9d\xb1\xe4\xba\xac|\xe4\xba\xac"); /* ideographs are words */
}

static void only_the_first_words_count_and_no_word_is_too_long(void **state)
{
    char longest[401];
    struct words words;

    (void)state;
    assert_words("a b c d e f g h i j", "1 2 3 4 5 6 7 8 9", "|a b c d e f g h i j|b c d e f g h i j|c d e f g h i j|"
                 "d e f g h i j|e f g h i j|f g h i j|g h i j|h i j|1 2 3 4 5 6 7 8 9|2 3 4 5 6 7 8 9|3 4 5 6 7 8 9|"
                 "4 5 6 7 8 9|5 6 7 8 9|6 7 8 9|7 8 9|8 9");
    for (size_t i = 0; i + 3 < sizeof(longest); i += 3)
        memcpy(longest + i, "\xef\xb7\xba", 3); /* one character that becomes eighteen */
    longest[399] = '\0';
    assert_int_equal(words_of(text_of("x"), text_of(longest), &words), 0);
    for (size_t i = 0; i < words.count; i++)
        assert_true(words.items[i].size <= WORD_BYTES_MAX + 2);
    words_done(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_and_accents_do_not_matter),
        cmocka_unit_test(signs_that_make_another_letter_stay),
        cmocka_unit_test(what_stands_between_words_is_one_space),
        cmocka_unit_test(nothing_to_find_is_refused),
        cmocka_unit_test(a_name_is_found_from_each_of_its_words),
        cmocka_unit_test(only_the_first_words_count_and_no_word_is_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
