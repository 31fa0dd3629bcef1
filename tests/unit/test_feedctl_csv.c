/* feedctl's CSV reader. */
#include "unit.h"

#include "csv.h"

/* A reader of `text`. */
static void open_text(struct csv *csv, const char *text, size_t size)
{
    FILE *file = tmpfile();

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    rewind(file);
    csv_init(csv, file);
}

static void close_text(struct csv *csv)
{
    fclose(csv->file);
    csv_done(csv);
}

#define OPEN(csv, text) open_text(csv, text, sizeof(text) - 1)

static void expect_record(struct csv *csv, uint64_t line, size_t count, const char *const fields[])
{
    assert_int_equal(csv_read(csv), 1);
    assert_int_equal(csv->record_line, line);
    assert_int_equal(csv->count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(csv_field(csv, i), fields[i]);
    assert_string_equal(csv_field(csv, count), "");
}

#define RECORD(csv, line, ...)                                                                      \
    expect_record(csv, line, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *), \
                  (const char *const[]){ __VA_ARGS__ })

static void fields_stand_between_commas(void **state)
{
    struct csv csv;

    (void)state;
    OPEN(&csv, "a,b,c\n,,\nonly\n");
    RECORD(&csv, 1, "a", "b", "c");
    RECORD(&csv, 2, "", "", "");
    RECORD(&csv, 3, "only");
    assert_int_equal(csv_read(&csv), 0);
    assert_int_equal(csv_read(&csv), 0);
    close_text(&csv);
}

static void quoted_fields_hold_commas_quotes_and_line_breaks(void **state)
{
    struct csv csv;

    (void)state;
    OPEN(&csv, "\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\"\nnext,\"\",\"\"\"\"\n");
    RECORD(&csv, 1, "a,b", "say \"hi\"", "two\nlines");
    RECORD(&csv, 3, "next", "", "\"");
    assert_int_equal(csv_read(&csv), 0);
    close_text(&csv);
}

static void lines_end_in_crlf_too_and_the_last_one_in_nothing(void **state)
{
    struct csv csv;

    (void)state;
    OPEN(&csv, "a,b\r\n\"c\",\"d\r\n\"\r\n\r\ne,f");
    RECORD(&csv, 1, "a", "b");
    RECORD(&csv, 2, "c", "d\r\n");
    RECORD(&csv, 5, "e", "f");
    assert_int_equal(csv_read(&csv), 0);
    close_text(&csv);
}

static void a_byte_order_mark_is_not_part_of_the_first_field(void **state)
{
    struct csv csv;

    (void)state;
    OPEN(&csv, "\xef\xbb\xbfurl,author\n\xef\xbb\xbfx,y\n");
    RECORD(&csv, 1, "url", "author");
    RECORD(&csv, 2, "\xef\xbb\xbfx", "y");
    close_text(&csv);
}

static void a_quote_inside_an_unquoted_field_is_itself(void **state)
{
    struct csv csv;

    (void)state;
    OPEN(&csv, "5\" disk,a \"b\" c\n");
    RECORD(&csv, 1, "5\" disk", "a \"b\" c");
    close_text(&csv);
}

static void bad_quoting_costs_its_own_line_only(void **state)
{
    struct csv csv;

    (void)state;
    OPEN(&csv, "ok,1\n\"a\"b,c\nok,2\nx,\"y\" \nok,3\n");
    RECORD(&csv, 1, "ok", "1");
    assert_int_equal(csv_read(&csv), -EBADMSG);
    assert_int_equal(csv.record_line, 2);
    RECORD(&csv, 3, "ok", "2");
    assert_int_equal(csv_read(&csv), -EBADMSG);
    assert_int_equal(csv.record_line, 4);
    RECORD(&csv, 5, "ok", "3");
    assert_int_equal(csv_read(&csv), 0);
    close_text(&csv);
}

static void a_quote_that_is_never_closed_is_found(void **state)
{
    struct csv csv;

    (void)state;
    OPEN(&csv, "ok,1\n\"never closed,2\n3,4\n");
    RECORD(&csv, 1, "ok", "1");
    assert_int_equal(csv_read(&csv), -EBADMSG);
    assert_int_equal(csv.record_line, 2);
    assert_int_equal(csv_read(&csv), 0);
    close_text(&csv);
}

static void a_record_that_is_too_long_is_refused_and_the_next_one_read(void **state)
{
    size_t size = CSV_RECORD_MAX_BYTES + 100;
    char *text = malloc(size);
    struct csv csv;

    (void)state;
    memset(text, 'x', size);
    memcpy(text + size - 6, "\nok,1\n", 6);
    open_text(&csv, text, size);
    assert_int_equal(csv_read(&csv), -EBADMSG);
    RECORD(&csv, 2, "ok", "1");
    close_text(&csv);
    free(text);
}

static void nul_bytes_are_refused(void **state)
{
    struct csv csv;

    (void)state;
    OPEN(&csv, "a\0b,c\n\"a\0b\",c\nok,1\n");
    assert_int_equal(csv_read(&csv), -EBADMSG);
    assert_int_equal(csv_read(&csv), -EBADMSG);
    RECORD(&csv, 3, "ok", "1");
    close_text(&csv);
}

static void bytes_are_counted(void **state)
{
    static const char text[] = "a,b\r\n\"c\nd\",e\n";
    struct csv csv;

    (void)state;
    OPEN(&csv, text);
    while (csv_read(&csv) > 0)
        continue;
    assert_int_equal(csv.bytes, sizeof text - 1);
    close_text(&csv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_stand_between_commas),
        cmocka_unit_test(quoted_fields_hold_commas_quotes_and_line_breaks),
        cmocka_unit_test(lines_end_in_crlf_too_and_the_last_one_in_nothing),
        cmocka_unit_test(a_byte_order_mark_is_not_part_of_the_first_field),
        cmocka_unit_test(a_quote_inside_an_unquoted_field_is_itself),
        cmocka_unit_test(bad_quoting_costs_its_own_line_only),
        cmocka_unit_test(a_quote_that_is_never_closed_is_found),
        cmocka_unit_test(a_record_that_is_too_long_is_refused_and_the_next_one_read),
        cmocka_unit_test(nul_bytes_are_refused),
        cmocka_unit_test(bytes_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
