/* Rows of an import of shares: times, keys, and what cannot be shared. */
#include "unit.h"

#include "row.h"

static void times_come_in_many_forms(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } times[] = {
        { "2015-09-06T06:03Z", 1441519380000 },
        { "2015-09-06T06:03:04Z", 1441519384000 },
        { "2015-09-06T06:03:04.5Z", 1441519384500 },
        { "2015-09-06T06:03:04.123456Z", 1441519384123 },
        { "2015-09-06 06:03:04", 1441519384000 },
        { "2015-09-06T06:03:04+02:00", 1441512184000 },
        { "2015-09-06T06:03:04-0130", 1441524784000 },
        { "2015-09-06T06:03+02", 1441512180000 },
        { "2015-09-06", 1441497600000 },
        { "1441519384", 1441519384000 },
        { "1441519384123", 1441519384123 },
        { "0", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        int64_t ms = -1;

        if (!row_parse_time(times[i].text, false, &ms) || ms != times[i].ms)
            fail_msg("%s: %lld", times[i].text, (long long)ms);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    static const char *const texts[] = {
        "yesterday", "2015-13-01", "2015-09-06T24:00", "2015-09-06T06", "2015-09-06T06:03X",
        "2015-09-06T06:03Zx", "-5", "1.5", "99999999999999999999", "2015-09-06T06:03+2",
    };
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (row_parse_time(texts[i], false, &ms))
            fail_msg("%s was read as %lld", texts[i], (long long)ms);
    assert_false(row_parse_time("2015-09-06", true, &ms));
    assert_true(row_parse_time("5", true, &ms));
    assert_int_equal(ms, 5);
}

static char alice[] = "alice", url[] = "https://example.org/", id[] = "17", key[] = "own";

static struct row make_row(void)
{
    struct row row;

    row_clear(&row);
    row.fields[ROW_AUTHOR] = alice;
    row.fields[ROW_URL] = url;
    return row;
}

static void a_row_without_url_or_author_cannot_be_shared(void **state)
{
    Feed__ShareRequest request;
    char made[ROW_KEY_BYTES];
    struct row row = make_row();
    char bad[] = "\xff", time[] = "soon";

    (void)state;
    assert_null(row_to_request(&row, &request, made));
    assert_string_equal(request.author, "alice");
    assert_int_equal(request.created_at_ms, 0);
    row.fields[ROW_TITLE] = bad;
    assert_string_equal(row_to_request(&row, &request, made), "not UTF-8");
    row_clear(&row);
    row.fields[ROW_AUTHOR] = alice;
    assert_string_equal(row_to_request(&row, &request, made), "no url");
    row = make_row();
    row.fields[ROW_CREATED] = time;
    assert_string_equal(row_to_request(&row, &request, made), "created_at is no time");
    row_clear(&row);
    row.fields[ROW_URL] = url;
    assert_string_equal(row_to_request(&row, &request, made), "no author");
}

static void the_key_is_the_rows_own_or_its_id_or_a_hash(void **state)
{
    Feed__ShareRequest request;
    char first[ROW_KEY_BYTES], second[ROW_KEY_BYTES], long_id[200];
    struct row row = make_row();

    (void)state;
    assert_null(row_to_request(&row, &request, first));
    assert_int_equal(strlen(first), strlen("import:") + 32);
    assert_null(row_to_request(&row, &request, second));
    assert_string_equal(first, second);
    row.fields[ROW_TITLE] = alice;
    assert_null(row_to_request(&row, &request, second));
    assert_string_not_equal(first, second);
    row.fields[ROW_TITLE] = row.fields[ROW_COMMENT];
    row.fields[ROW_COMMENT] = alice;
    assert_null(row_to_request(&row, &request, first));
    assert_string_not_equal(first, second);
    row.fields[ROW_ID] = id;
    assert_null(row_to_request(&row, &request, first));
    assert_string_equal(first, "import:17");
    assert_ptr_equal(request.idempotency_key, first);
    row.fields[ROW_KEY] = key;
    assert_null(row_to_request(&row, &request, first));
    assert_string_equal(first, "import:own");
    memset(long_id, 'x', sizeof long_id - 1);
    long_id[sizeof long_id - 1] = '\0';
    row.fields[ROW_KEY] = long_id;
    assert_null(row_to_request(&row, &request, first));
    assert_int_equal(strlen(first), strlen("import:") + 32);
}

static void columns_have_several_names(void **state)
{
    (void)state;
    assert_int_equal(row_field_named("created_at"), ROW_CREATED);
    assert_int_equal(row_field_named("createdAtMs"), ROW_CREATED_MS);
    assert_int_equal(row_field_named("imageUrl"), ROW_IMAGE);
    assert_int_equal(row_field_named("image"), ROW_IMAGE);
    assert_int_equal(row_field_named("comments"), ROW_FIELDS);
    assert_int_equal(row_field_named(""), ROW_FIELDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_come_in_many_forms),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(a_row_without_url_or_author_cannot_be_shared),
        cmocka_unit_test(the_key_is_the_rows_own_or_its_id_or_a_hash),
        cmocka_unit_test(columns_have_several_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
