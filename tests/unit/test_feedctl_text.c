/* feedctl's text: strangers' words on a terminal, how long ago, sites. */
#include "unit.h"

#include <time.h>

#include "text.h"

static void expect_clean(const char *text, const char *expected)
{
    char *clean = text_clean(text);

    assert_string_equal(clean, expected);
    free(clean);
}

static void nobody_elses_text_steers_the_terminal(void **state)
{
    (void)state;
    expect_clean("plain", "plain");
    expect_clean("a\033[31mb", "a\xef\xbf\xbd[31mb");
    expect_clean("\x07" "bell\x7f", "\xef\xbf\xbd" "bell\xef\xbf\xbd");
    expect_clean("c1 \xc2\x9b" "31m", "c1 \xef\xbf\xbd" "31m");
    expect_clean("\xe2\x80\xae" "reversed", "\xef\xbf\xbdreversed");
    expect_clean("bad \xff utf8 \xe2\x82", "bad \xef\xbf\xbd utf8 \xef\xbf\xbd\xef\xbf\xbd");
    expect_clean("  two\n\n lines\t and   blanks \r\n", "two lines and blanks");
    expect_clean("\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb \xc3\xa9",
                 "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb \xc3\xa9");
}

static void expect_wrapped(const char *text, size_t columns, size_t indent, const char *expected)
{
    char *written = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&written, &size);

    text_print_wrapped(out, text, columns, indent);
    fclose(out);
    assert_string_equal(written, expected);
    free(written);
}

static void lines_are_broken_where_words_end(void **state)
{
    (void)state;
    expect_wrapped("one two three four", 0, 2, "one two three four");
    expect_wrapped("one two three four", 11, 2, "one two\n  three\n  four");
    expect_wrapped("unbreakableword", 8, 2, "unbreakableword");
    expect_wrapped("\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97", 6, 2,
                   "\xe6\xbc\xa2\xe5\xad\x97\n  \xe6\xbc\xa2\xe5\xad\x97"); /* two columns each */
}

static void expect_ago(int64_t seconds, const char *expected)
{
    const int64_t now_ms = 1441519384000;
    char ago[32];

    text_ago(now_ms - seconds * 1000, now_ms, ago, sizeof ago);
    assert_string_equal(ago, expected);
}

static void times_are_told_from_now(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    expect_ago(0, "just now");
    expect_ago(59, "just now");
    expect_ago(-5, "just now");
    expect_ago(60, "1 min ago");
    expect_ago(3599, "59 min ago");
    expect_ago(3600, "1 h ago");
    expect_ago(86399, "23 h ago");
    expect_ago(86400, "1 day ago");
    expect_ago(30 * 86400, "30 days ago");
    expect_ago(31 * 86400, "2015-08-06");
    expect_ago(-86400, "2015-09-07");
}

static void the_site_is_the_host_without_www(void **state)
{
    static const struct {
        const char *url, *site;
    } urls[] = {
        { "https://www.example.org/a?b#c", "example.org" },
        { "http://example.org", "example.org" },
        { "http://example.org:8080/", "example.org" },
        { "http://user:pass@example.org/x@y", "example.org" },
        { "http://[::1]:80/", "[::1]" },
        { "http://example.org?q=://", "example.org" },
        { "mailto:x", "" },
        { "", "" },
    };
    char site[64];

    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        text_site(urls[i].url, site, sizeof site);
        assert_string_equal(site, urls[i].site);
    }
}

static void long_numbers_have_commas(void **state)
{
    char number[32];

    (void)state;
    text_number(0, number);
    assert_string_equal(number, "0");
    text_number(999, number);
    assert_string_equal(number, "999");
    text_number(1000, number);
    assert_string_equal(number, "1,000");
    text_number(UINT64_MAX, number);
    assert_string_equal(number, "18,446,744,073,709,551,615");
}

static void one_has_no_s(void **state)
{
    char counted[TEXT_COUNT_BYTES];

    (void)state;
    text_count(0, "piece", counted);
    assert_string_equal(counted, "0 pieces");
    text_count(1, "piece", counted);
    assert_string_equal(counted, "1 piece");
    text_count(2000, "piece", counted);
    assert_string_equal(counted, "2,000 pieces");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_elses_text_steers_the_terminal),
        cmocka_unit_test(lines_are_broken_where_words_end),
        cmocka_unit_test(times_are_told_from_now),
        cmocka_unit_test(the_site_is_the_host_without_www),
        cmocka_unit_test(long_numbers_have_commas),
        cmocka_unit_test(one_has_no_s),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
