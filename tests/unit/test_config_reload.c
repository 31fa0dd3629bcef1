/* Reloading the configuration: all of it or nothing, and what is told of it. And the file to begin with. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/config.h"

static char file_path[] = "/tmp/feedd-test-reload-XXXXXX";

static int set_up(void **state)
{
    int fd = mkstemp(file_path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
    (void)state;
    unlink(file_path); /* a test may have removed it */
    return 0;
}

static void write_text(const char *text)
{
    FILE *file = fopen(file_path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* What --print-config prints, to be freed. */
static char *printed(const struct config *config)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);

    assert_non_null(out);
    config_print(config, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

struct told {
    char text[1000];
};

static void note(void *context, const struct config_change *change)
{
    struct told *told = context;
    size_t used = strlen(told->text);

    snprintf(told->text + used, sizeof(told->text) - used, "%s:%s>%s%s ", change->key, change->from, change->to,
             change->needs_restart ? "!" : "");
}

/* A configuration out of the file, and one flag. Its command line stays. */
static struct config *load_to_reload(const char *text)
{
    static char *argv[] = {(char *)(uintptr_t)"feedd", (char *)(uintptr_t)"--config", file_path,
                           (char *)(uintptr_t)"--limits-max-page=9"};
    static struct config config;
    enum config_action action;
    char error[500];

    write_text(text);
    assert_int_equal(config_load(4, argv, &config, &action, error, sizeof(error)), 0);
    return &config;
}

static void assert_reload_told(struct config *config, const char *text, const char *expected)
{
    struct told told = {""};
    char error[500] = "";

    write_text(text);
    assert_int_equal(config_reload(config, note, &told, error, sizeof(error)), 0);
    assert_string_equal(told.text, expected);
}

static void assert_reload_refused(struct config *config, const char *text, const char *expected)
{
    struct told told = {""};
    char error[500] = "", *before = printed(config), *after;

    write_text(text);
    assert_true(config_reload(config, note, &told, error, sizeof(error)) < 0);
    if (!strstr(error, expected))
        fail_msg("the error is: %s\nbut expected: %s", error, expected);
    assert_string_equal(told.text, "");
    after = printed(config);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void a_reload_applies_what_it_can_and_tells_of_what_needs_a_restart(void **state)
{
    struct config *config = load_to_reload("log_level = info\nlisten = 127.0.0.1:1\n[follow]\nbackfill = 5\n");
    struct config_look look;

    (void)state;
    assert_reload_told(config,
                       "# one line more\nlog_level = debug\nlisten = 127.0.0.1:2\n[follow]\nbackfill = 6\n[limits]\nmax_page = 8\n",
                       "listen:127.0.0.1:1>127.0.0.1:2! log_level:info>debug follow.backfill:5>6 ");
    assert_string_equal(config->listen, "127.0.0.1:1");
    assert_string_equal(config->log_level, "debug");
    assert_int_equal(config->backfill, 6);
    assert_int_equal(config->max_page, 9); /* the flag wins */
    /* Said again, it is the restart alone that is left. What is gone from the file has its default. */
    assert_reload_told(config, "listen = 127.0.0.1:2\n",
                       "listen:127.0.0.1:1>127.0.0.1:2! log_level:debug>info follow.backfill:6>100 ");
    assert_reload_told(config, "\n\nlisten = 127.0.0.1:1\n", "");
    for (size_t row = 0; config_look(config, row, &look); row++)
        if (strcmp(look.key, "listen") == 0)
            assert_string_equal(strrchr(look.origin, ':'), ":3");
    config_done(config);
}

static void a_reload_of_a_wrong_file_changes_nothing(void **state)
{
    struct config *config = load_to_reload("[timing]\nheartbeat_interval_ms = 100\nsilence_limit_ms = 20000\n");

    (void)state;
    assert_reload_refused(config, "log_level = debug\n[follow]\nbackfil = 5\n", ":3: follow.backfil is no option; did you mean");
    assert_reload_refused(config, "log_level = debug\n[timeline]\nidle_ttl_s = 0\n", ":3: timeline.idle_ttl_s: 0 is not a number");
    assert_reload_refused(config, "log_level = chatty\n", ":1: log_level: chatty is not error, warning, info or debug");
    assert_reload_refused(config, "log_level = debug\n[redis]\nurl = foo\n", ":3: redis.url: the address is not redis://");
    assert_reload_refused(config, "listen = 0.0.0.0:7420\nlog_level = debug\n", "must be a loopback address");
    assert_int_equal(remove(file_path), 0);
    struct told told = {""};
    char error[500] = "";
    assert_int_equal(config_reload(config, note, &told, error, sizeof(error)), -ENOENT);
    assert_string_equal(config->log_level, "info");
    config_done(config);
}

static void what_is_told_of_a_reload_has_no_passwords(void **state)
{
    struct config *config = load_to_reload("[redis]\nurl = redis://:secret@127.0.0.1/1\n");

    (void)state;
    assert_reload_told(config, "[redis]\nurl = redis://:secret2@127.0.0.1/1\n",
                       "redis.url:redis://:***@127.0.0.1/1>redis://:***@127.0.0.1/1! ");
    config_done(config);
}

static void load_defaults(struct config *config, const char *text)
{
    char *argv[] = {(char *)(uintptr_t)"feedd", (char *)(uintptr_t)"--config", file_path};
    enum config_action action;
    char error[500] = "";

    write_text(text);
    if (config_load(3, argv, config, &action, error, sizeof(error)) < 0)
        fail_msg("%s", error);
}

static void the_default_file_sets_nothing_and_every_line_of_it_is_right_without_its_mark(void **state)
{
    char *text = NULL, *out;
    size_t bytes = 0;
    FILE *stream = open_memstream(&text, &bytes);
    struct config config;
    struct config_look look;

    (void)state;
    config_print_defaults(stream);
    assert_int_equal(fclose(stream), 0);
    load_defaults(&config, text);
    for (size_t row = 0; config_look(&config, row, &look); row++)
        assert_string_equal(look.origin, "default");
    config_done(&config);
    out = text;
    for (const char *in = text; *in != '\0'; in++)
        if (*in != '#' || in[1] == ' ')
            *out++ = *in;
    *out = '\0';
    load_defaults(&config, text);
    for (size_t row = 0; config_look(&config, row, &look); row++)
        if (strcmp(look.key, "state_dir") != 0 && strcmp(look.key, "admin.path") != 0)
            assert_string_equal(look.value, look.default_value);
    config_done(&config);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reload_applies_what_it_can_and_tells_of_what_needs_a_restart),
        cmocka_unit_test(a_reload_of_a_wrong_file_changes_nothing),
        cmocka_unit_test(what_is_told_of_a_reload_has_no_passwords),
        cmocka_unit_test(the_default_file_sets_nothing_and_every_line_of_it_is_right_without_its_mark),
    };

    return cmocka_run_group_tests_name("config_reload", tests, set_up, tear_down);
}
