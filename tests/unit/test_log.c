/* The log: one line per event whatever is put in, values quoted where they must be. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/log.h"

/* What `write_lines` writes to standard error, in a static buffer. */
static const char *logged(void (*write_lines)(void))
{
    static char text[16384];
    char path[] = "/tmp/feedd-test-log-XXXXXX";
    int file = mkstemp(path);
    int stderr_fd = dup(STDERR_FILENO);
    ssize_t bytes;

    assert_true(file >= 0 && stderr_fd >= 0);
    unlink(path);
    assert_true(dup2(file, STDERR_FILENO) >= 0);
    write_lines();
    assert_true(dup2(stderr_fd, STDERR_FILENO) >= 0);
    close(stderr_fd);
    bytes = pread(file, text, sizeof(text) - 1, 0);
    close(file);
    assert_true(bytes >= 0);
    text[bytes] = '\0';
    return text;
}

static void log_one(void)
{
    log_info("listening", "address=%s port=%d", "127.0.0.1:7420", 7420);
}

static void a_line_has_time_level_event_and_values(void **state)
{
    const char *line = logged(log_one);
    int year, month, day, hour, minute, second, milliseconds, length = 0;

    (void)state;
    assert_int_equal(sscanf(line, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month, &day, &hour, &minute, &second,
                            &milliseconds, &length),
                     7);
    assert_string_equal(line + length, "level=info event=listening address=127.0.0.1:7420 port=7420\n");
}

static void log_at_every_level(void)
{
    log_set_level(LOG_LEVEL_WARNING);
    log_error("a", "x=1");
    log_warning("b", "x=1");
    log_info("c", "x=1");
    log_debug("d", "x=1");
    log_set_level(LOG_LEVEL_INFO);
}

static void lines_above_the_level_are_dropped(void **state)
{
    const char *lines = logged(log_at_every_level);

    (void)state;
    assert_non_null(strstr(lines, "level=error event=a"));
    assert_non_null(strstr(lines, "level=warning event=b"));
    assert_null(strstr(lines, "event=c"));
    assert_null(strstr(lines, "event=d"));
}

static void log_long_and_broken(void)
{
    char text[5000];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    log_info("long", "text=%s", text);
    log_info("broken", "text=%s", "a\nlevel=error event=forged");
}

static void a_line_is_cut_and_never_becomes_two(void **state)
{
    const char *lines = logged(log_long_and_broken);
    const char *end = strchr(lines, '\n');

    (void)state;
    assert_int_equal(end - lines, 2047);
    assert_memory_equal(end - 4, "x...", 4);
    end = strchr(end + 1, '\n');
    assert_non_null(end);
    assert_string_equal(end, "\n");
}

static void plain_words_are_not_quoted(void **state)
{
    (void)state;
    assert_string_equal(log_quote("127.0.0.1:7420"), "127.0.0.1:7420");
    assert_string_equal(log_quote("brand:acme"), "brand:acme");
}

static void everything_else_is_quoted_and_escaped(void **state)
{
    (void)state;
    assert_string_equal(log_quote(""), "\"\"");
    assert_string_equal(log_quote(NULL), "\"\"");
    assert_string_equal(log_quote("two words"), "\"two words\"");
    assert_string_equal(log_quote("a=b"), "\"a=b\"");
    assert_string_equal(log_quote("say \"hi\"\\"), "\"say \\\"hi\\\"\\\\\"");
    assert_string_equal(log_quote("a\nb\rc\td\x01" "e\x7f"), "\"a\\nb\\rc\\td\\x01e\\x7f\"");
    assert_string_equal(log_quote("na\xc3\xafve"), "\"na\xc3\xafve\"");
    assert_string_equal(log_quote("\xff\xc3"), "\"\\xff\\xc3\"");
    assert_string_equal(log_quote("\xc2\x9b" "31m"), "\"\\xc2\\x9b31m\""); /* a terminal would obey it */
}

static void a_long_value_is_cut_between_characters(void **state)
{
    char text[2000];
    const char *quoted;

    (void)state;
    for (size_t i = 0; i + 2 < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xaf", 3);
    quoted = log_quote(text);
    assert_in_range(strlen(quoted), 500, 512);
    assert_int_equal(strlen(quoted) % 2, 0);
    assert_int_equal(quoted[strlen(quoted) - 1], '"');
}

static void eight_values_fit_into_one_line(void **state)
{
    const char *values[8];

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        char word[] = {(char)('a' + i), '\0'};

        values[i] = log_quote(word);
    }
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(values[i][0], 'a' + i);
}

static void log_a_hundred_times(void)
{
    struct log_limit limit = {0}, another = {0};

    for (int i = 0; i < 100; i++)
        log_limited(&limit, LOG_LEVEL_ERROR, "again", "number=%d", i);
    log_limited(&another, LOG_LEVEL_ERROR, "other", "number=1");
    limit.minute_ends_ms = 0; /* a minute passes */
    log_limited(&limit, LOG_LEVEL_ERROR, "again", "number=100");
    log_limited(&limit, LOG_LEVEL_ERROR, "again", "number=101");
}

static void what_comes_over_and_over_gets_eight_lines_a_minute(void **state)
{
    const char *lines = logged(log_a_hundred_times);
    size_t count = 0;

    (void)state;
    for (const char *at = lines; (at = strchr(at, '\n')); at++)
        count++;
    assert_int_equal(count, 8 + 1 + 2);
    assert_non_null(strstr(lines, "event=again number=7\n"));
    assert_null(strstr(lines, "number=8\n"));
    assert_non_null(strstr(lines, "event=other number=1\n"));
    assert_non_null(strstr(lines, "event=again number=100 left_out=92\n"));
    assert_non_null(strstr(lines, "event=again number=101\n"));
}

/* ---- the journal ---- */

static char journal[4096]; /* what it was sent, each field in a line */
static int journal_fails;

/* In place of libsystemd's. */
int sd_journal_sendv(const struct iovec *iov, int n);

int sd_journal_sendv(const struct iovec *iov, int n)
{
    size_t used = strlen(journal);

    if (journal_fails)
        return journal_fails;
    for (int i = 0; i < n; i++)
        used += (size_t)snprintf(journal + used, sizeof(journal) - used, "%.*s|", (int)iov[i].iov_len, (const char *)iov[i].iov_base);
    snprintf(journal + used, sizeof(journal) - used, "\n");
    return 0;
}

static void log_to_the_journal(void)
{
    char stream[64];
    struct stat file;

    journal[0] = '\0';
    assert_int_equal(fstat(STDERR_FILENO, &file), 0);
    snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)file.st_dev, (unsigned long long)file.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_begin();
    log_warning("client-closed", "client=%d subject=%s share=%s reason=%s", 7, "ann",
                "18446744073709551615", log_quote("it said \"no\"\n\\ \x01"));
    log_error("full", "x=1");
    unsetenv("JOURNAL_STREAM");
}

static void the_journal_gets_fields_in_place_of_a_line(void **state)
{
    const char *lines;

    (void)state;
    journal_fails = 0;
    lines = logged(log_to_the_journal);
    log_begin();
    assert_string_equal(lines, "");
    assert_string_equal(journal,
                        "MESSAGE=event=client-closed client=7 subject=ann share=18446744073709551615 "
                        "reason=\"it said \\\"no\\\"\\n\\\\ \\x01\"|PRIORITY=4|SYSLOG_IDENTIFIER=feedd|FEEDD_EVENT=client-closed|"
                        "FEEDD_CLIENT=7|FEEDD_SUBJECT=ann|FEEDD_SHARE=18446744073709551615|"
                        "FEEDD_REASON=it said \"no\"\n\\ \x01|\n"
                        "MESSAGE=event=full x=1|PRIORITY=3|SYSLOG_IDENTIFIER=feedd|FEEDD_EVENT=full|FEEDD_X=1|\n");
}

static void a_journal_that_takes_nothing_leaves_the_line_to_standard_error(void **state)
{
    const char *lines;

    (void)state;
    journal_fails = -ENOENT;
    lines = logged(log_to_the_journal);
    log_begin();
    assert_non_null(strstr(lines, "event=client-closed client=7 subject=ann "));
    assert_non_null(strstr(lines, "\nevent=full x=1\n"));
}

static void standard_error_elsewhere_is_no_journal(void **state)
{
    (void)state;
    setenv("JOURNAL_STREAM", "1:1", 1);
    log_begin();
    unsetenv("JOURNAL_STREAM");
    a_line_has_time_level_event_and_values(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_time_level_event_and_values),
        cmocka_unit_test(lines_above_the_level_are_dropped),
        cmocka_unit_test(a_line_is_cut_and_never_becomes_two),
        cmocka_unit_test(plain_words_are_not_quoted),
        cmocka_unit_test(everything_else_is_quoted_and_escaped),
        cmocka_unit_test(a_long_value_is_cut_between_characters),
        cmocka_unit_test(eight_values_fit_into_one_line),
        cmocka_unit_test(what_comes_over_and_over_gets_eight_lines_a_minute),
        cmocka_unit_test(the_journal_gets_fields_in_place_of_a_line),
        cmocka_unit_test(a_journal_that_takes_nothing_leaves_the_line_to_standard_error),
        cmocka_unit_test(standard_error_elsewhere_is_no_journal),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
