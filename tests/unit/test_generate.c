/* What feedbench generates: counts as asked, the same bytes for the same seed, heavy tails, files that import. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "csv.h"
#include "csv_write.h"
#include "generate.h"

#define SUBJECTS 2000
#define FOLLOWS_PER_READER 15
#define SHARES 5000
#define FOLLOWS (SUBJECTS * FOLLOWS_PER_READER)

static const struct generate_options usual = {
    .seed = 7, .subjects = SUBJECTS, .follows_per_reader = FOLLOWS_PER_READER, .shares = SHARES};

typedef int generator(const struct generate_options *options, FILE *out);

/* What the generator writes, as a string that the caller frees. */
static char *generated(generator *generate, const struct generate_options *options)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);

    assert_non_null(out);
    assert_int_equal(generate(options, out), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

static int compare_strings(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static int compare_descending(const void *left, const void *right)
{
    size_t a = *(const size_t *)left;
    size_t b = *(const size_t *)right;

    return (a < b) - (a > b);
}

/* The lines of `text`, sorted; cuts `text` up. Returns how many there are. */
static size_t sorted_lines(char *text, char **ret_lines, size_t room)
{
    size_t count = 0;

    for (char *line = strsep(&text, "\n"); line && *line; line = strsep(&text, "\n")) {
        assert_true(count < room);
        ret_lines[count++] = line;
    }
    qsort(ret_lines, count, sizeof(*ret_lines), compare_strings);
    return count;
}

/* How often each of the sorted names occurs, most first. Returns how many names there are. */
static size_t occurrences(char *const *names, size_t count, size_t *ret_counts)
{
    size_t distinct = 0;

    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
            ret_counts[distinct++] = 0;
        ret_counts[distinct - 1]++;
    }
    qsort(ret_counts, distinct, sizeof(*ret_counts), compare_descending);
    return distinct;
}

static void same_seed_gives_same_bytes(generator *generate)
{
    struct generate_options other = usual;
    char *first = generated(generate, &usual);
    char *second = generated(generate, &usual);
    char *third;

    other.seed++;
    third = generated(generate, &other);
    assert_string_equal(first, second);
    assert_string_not_equal(first, third);
    free(first);
    free(second);
    free(third);
}

static void the_same_seed_gives_the_same_graph(void **state)
{
    (void)state;
    same_seed_gives_same_bytes(generate_graph);
}

static void the_same_seed_gives_the_same_shares(void **state)
{
    (void)state;
    same_seed_gives_same_bytes(generate_shares);
}

static void there_are_as_many_follows_as_asked_and_none_twice(void **state)
{
    static char *lines[FOLLOWS];
    char *text = generated(generate_graph, &usual);

    (void)state;
    assert_int_equal(sorted_lines(text, lines, FOLLOWS), FOLLOWS);
    for (size_t i = 1; i < FOLLOWS; i++)
        assert_string_not_equal(lines[i - 1], lines[i]);
    free(text);
}

static void nobody_follows_themselves(void **state)
{
    static char *lines[FOLLOWS];
    char *text = generated(generate_graph, &usual);
    size_t count = sorted_lines(text, lines, FOLLOWS);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        char *subject = lines[i];
        char *reader = strsep(&subject, " ");

        assert_non_null(subject);
        assert_string_not_equal(reader, subject);
    }
    free(text);
}

static void everybody_may_follow_everybody(void **state)
{
    static char *lines[50 * 49];
    struct generate_options all = {.seed = 3, .subjects = 50, .follows_per_reader = 49};
    char *text = generated(generate_graph, &all);

    (void)state;
    assert_int_equal(sorted_lines(text, lines, 50 * 49), 50 * 49);
    for (size_t i = 1; i < 50 * 49; i++)
        assert_string_not_equal(lines[i - 1], lines[i]);
    free(text);
}

/* Under Zipf's law with exponent 3/4 the first of 2,000 is drawn 4 % of the time and the upper hundredth 21 %, somewhat
 * less where they are followed already; spread evenly it would be 0.05 % and 1 %. */
static void followers_have_a_heavy_tail(void **state)
{
    static char *names[FOLLOWS];
    static size_t counts[FOLLOWS];
    char *text = generated(generate_graph, &usual);
    size_t follows = sorted_lines(text, names, FOLLOWS);
    size_t upper_hundredth = 0;
    size_t followed;

    (void)state;
    for (size_t i = 0; i < follows; i++)
        names[i] = strchr(names[i], ' ') + 1;
    qsort(names, follows, sizeof(*names), compare_strings);
    followed = occurrences(names, follows, counts);
    for (size_t i = 0; i < SUBJECTS / 100; i++)
        upper_hundredth += counts[i];
    assert_true(counts[0] > FOLLOWS / 50);
    assert_true(upper_hundredth > FOLLOWS / 7);
    assert_true(followed > SUBJECTS / 2);
    free(text);
}

static void shares_are_as_many_as_asked_and_in_order(void **state)
{
    struct csv csv;
    char *text = generated(generate_shares, &usual);
    FILE *in = fmemopen(text, strlen(text), "r");
    char last_time[32] = "";
    size_t count = 0;

    (void)state;
    assert_non_null(in);
    csv_init(&csv, in);
    assert_int_equal(csv_read(&csv), 1);
    assert_string_equal(csv_field(&csv, 0), "created_at");
    assert_string_equal(csv_field(&csv, 6), "key");
    for (; csv_read(&csv) == 1; count++) {
        assert_int_equal(csv.count, 7);
        assert_true(strcmp(csv_field(&csv, 0), last_time) >= 0);
        assert_true((size_t)snprintf(last_time, sizeof(last_time), "%s", csv_field(&csv, 0)) < sizeof(last_time));
        assert_true(strlen(csv_field(&csv, 1)) > 0);
        assert_memory_equal(csv_field(&csv, 2), "https://", 8);
        assert_non_null(strstr(csv_field(&csv, 2), ".example."));
        assert_true(strlen(csv_field(&csv, 3)) > 0);
    }
    assert_int_equal(count, SHARES);
    csv_done(&csv);
    fclose(in);
    free(text);
}

static void some_authors_share_far_more_than_most(void **state)
{
    static char *authors[SHARES];
    static size_t counts[SHARES];
    struct csv csv;
    char *text = generated(generate_shares, &usual);
    FILE *in = fmemopen(text, strlen(text), "r");
    size_t count = 0;

    (void)state;
    assert_non_null(in);
    csv_init(&csv, in);
    assert_int_equal(csv_read(&csv), 1);
    for (; csv_read(&csv) == 1; count++) {
        authors[count] = strdup(csv_field(&csv, 3));
        assert_non_null(authors[count]);
    }
    qsort(authors, count, sizeof(*authors), compare_strings);
    assert_true(occurrences(authors, count, counts) > SUBJECTS / 4);
    assert_true(counts[0] > SHARES / 100);
    for (size_t i = 0; i < count; i++)
        free(authors[i]);
    csv_done(&csv);
    fclose(in);
    free(text);
}

static void what_cannot_be_is_refused(void **state)
{
    struct generate_options lonely = {.subjects = 1};
    struct generate_options too_eager = {.subjects = 10, .follows_per_reader = 10};

    (void)state;
    assert_int_equal(generate_graph(&lonely, stderr), -EINVAL);
    assert_int_equal(generate_graph(&too_eager, stderr), -EINVAL);
    assert_int_equal(generate_shares(&lonely, stderr), -EINVAL);
}

static void a_full_disk_is_an_error(void **state)
{
    FILE *full = fopen("/dev/full", "w");

    (void)state;
    assert_non_null(full);
    assert_int_equal(generate_graph(&usual, full), -ENOSPC);
    fclose(full);
}

static void csv_fields_survive_being_written_and_read(void **state)
{
    static const char *const fields[] = {"plain", "", "a, b", "say \"yes\"", "two\nlines", "naïve 🙂"};
    struct csv csv;
    FILE *file = tmpfile();

    (void)state;
    assert_non_null(file);
    csv_write(file, fields, 6);
    csv_write(file, fields, 2);
    rewind(file);
    csv_init(&csv, file);
    assert_int_equal(csv_read(&csv), 1);
    assert_int_equal(csv.count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(csv_field(&csv, i), fields[i]);
    assert_int_equal(csv_read(&csv), 1);
    assert_int_equal(csv.count, 2);
    assert_int_equal(csv_read(&csv), 0);
    csv_done(&csv);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_graph),
        cmocka_unit_test(the_same_seed_gives_the_same_shares),
        cmocka_unit_test(there_are_as_many_follows_as_asked_and_none_twice),
        cmocka_unit_test(nobody_follows_themselves),
        cmocka_unit_test(everybody_may_follow_everybody),
        cmocka_unit_test(followers_have_a_heavy_tail),
        cmocka_unit_test(shares_are_as_many_as_asked_and_in_order),
        cmocka_unit_test(some_authors_share_far_more_than_most),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(a_full_disk_is_an_error),
        cmocka_unit_test(csv_fields_survive_being_written_and_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
