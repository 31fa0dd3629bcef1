/* The configuration: defaults, file, flags, what each error says, and that what is printed reads back. */
#include "unit.h"

#include <unistd.h>

#include "base/config.h"

#define ARGUMENTS_MAX 8

struct loaded {
    int result;
    struct config config;
    enum config_action action;
    char error[1024];
};

/* What a test has loaded, for free_loaded(). */
#define LOADED_MAX 64
static struct config loaded_configs[LOADED_MAX];
static size_t loaded_count;

static char file_path[] = "/tmp/feedd-test-config-XXXXXX";

static int set_up(void **state)
{
    int fd = mkstemp(file_path);

    (void)state;
    if (fd < 0)
        return -1;
    close(fd);
    setenv("HOME", "/home/of-the-test", 1);
    unsetenv("XDG_STATE_HOME");
    unsetenv("STATE_DIRECTORY");
    unsetenv("RUNTIME_DIRECTORY");
    return 0;
}

static int free_loaded(void **state)
{
    (void)state;
    while (loaded_count > 0)
        config_done(&loaded_configs[--loaded_count]);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(file_path);
}

/* Loads with these arguments, NULL at the end. */
static struct loaded load(const char *first, ...)
{
    static struct loaded loaded;
    char *argv[ARGUMENTS_MAX + 1] = {NULL};
    int argc = 1;
    va_list arguments;

    argv[0] = strdup("feedd");
    va_start(arguments, first);
    for (const char *argument = first; argument; argument = va_arg(arguments, const char *)) {
        assert_true(argc < ARGUMENTS_MAX);
        argv[argc++] = strdup(argument);
    }
    va_end(arguments);
    memset(&loaded, 0, sizeof(loaded));
    loaded.result =
        config_load(argc, argv, &loaded.config, &loaded.action, loaded.error, sizeof(loaded.error));
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    assert_true(loaded_count < LOADED_MAX);
    loaded_configs[loaded_count++] = loaded.config;
    return loaded;
}

static void write_file(const char *text, size_t bytes)
{
    FILE *file = fopen(file_path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

static void write_text(const char *text)
{
    write_file(text, strlen(text));
}

static struct loaded load_text(const char *text)
{
    write_text(text);
    return load("--config", file_path, NULL);
}

static void assert_error(struct loaded loaded, const char *expected)
{
    if (loaded.result == 0)
        fail_msg("no error, but expected: %s", expected);
    if (!strstr(loaded.error, expected))
        fail_msg("the error is: %s\nbut expected: %s", loaded.error, expected);
}

/* The same, with the file's name in front. */
static void assert_file_error(const char *text, const char *expected)
{
    char with_path[512];

    snprintf(with_path, sizeof(with_path), "%s%s", file_path, expected);
    assert_error(load_text(text), with_path);
}

static void without_arguments_everything_has_its_default(void **state)
{
    struct loaded loaded = load(NULL, NULL);

    (void)state;
    assert_int_equal(loaded.result, 0);
    assert_int_equal(loaded.action, CONFIG_RUN);
    assert_string_equal(loaded.config.listen, "127.0.0.1:7420");
    assert_string_equal(loaded.config.unix_path, "");
    assert_false(loaded.config.insecure);
    assert_int_equal(loaded.config.timeline_cap, 800);
    assert_string_equal(loaded.config.state_dir, "/home/of-the-test/.local/state/feedd");
}

static void the_state_directory_is_that_of_systemd_then_xdg_then_home(void **state)
{
    struct loaded loaded;

    (void)state;
    setenv("XDG_STATE_HOME", "/xdg", 1);
    loaded = load(NULL, NULL);
    assert_string_equal(loaded.config.state_dir, "/xdg/feedd");
    setenv("STATE_DIRECTORY", "/var/lib/feedd:/var/lib/other", 1);
    loaded = load(NULL, NULL);
    assert_string_equal(loaded.config.state_dir, "/var/lib/feedd");
    unsetenv("STATE_DIRECTORY");
    unsetenv("XDG_STATE_HOME");
    unsetenv("HOME");
    assert_error(load(NULL, NULL), "state_dir must be set");
    setenv("HOME", "/home/of-the-test", 1);
}

static void flags_win_over_the_file_and_the_last_flag_wins(void **state)
{
    struct loaded loaded;

    (void)state;
    write_text("listen = [::1]:1\n# a comment\n\n[limits]\nmax_page = 100\nmax_following=7\n[timeline]\ncap=9\n");
    loaded = load("--limits-max-page", "50", "--config", file_path, "--limits-max-page=60", "--insecure", NULL);
    assert_string_equal(loaded.error, "");
    assert_int_equal(loaded.config.max_page, 60);
    assert_int_equal(loaded.config.max_following, 7);
    assert_int_equal(loaded.config.timeline_cap, 9);
    assert_string_equal(loaded.config.listen, "[::1]:1");
    assert_true(loaded.config.insecure);
}

static void booleans_have_four_spellings(void **state)
{
    static const char *const yes[] = {"yes", "true", "on", "1"};
    static const char *const no[] = {"no", "false", "off", "0"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        char flag[32];
        struct loaded loaded;

        snprintf(flag, sizeof(flag), "--insecure=%s", yes[i]);
        loaded = load(flag, NULL);
        assert_true(loaded.config.insecure);
        snprintf(flag, sizeof(flag), "--insecure=%s", no[i]);
        loaded = load("--insecure", flag, NULL);
        assert_int_equal(loaded.result, 0);
        assert_false(loaded.config.insecure);
    }
    assert_error(load("--insecure=maybe", NULL), "--insecure: maybe is neither yes nor no");
}

static void a_bad_number_is_told_its_range(void **state)
{
    static const char *const bad[] = {"0", "1001", "x", "", "5x", " 5", "0x10", "1e2", "99999999999999999999", "-1"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct loaded loaded = load("--limits-max-page", bad[i], NULL);

        assert_int_equal(loaded.result, -EINVAL);
        assert_error(loaded, "--limits-max-page: ");
        assert_error(loaded, "is not a number between 1 and 1000");
    }
}

static void an_unknown_flag_names_the_nearest(void **state)
{
    (void)state;
    assert_error(load("--lisen", "x", NULL), "--lisen is no flag; did you mean --listen?");
    assert_error(load("--max-page", "5", NULL), "did you mean --limits-max-page?");
    assert_error(load("--timeline_cap", "5", NULL), "did you mean --timeline-cap?");
    assert_error(load("--rediss-url=x", NULL), "did you mean --redis-url?");
    assert_error(load("--nope", NULL), "--nope is no flag; feedd --help lists them");
}

static void a_flag_without_its_value_says_so(void **state)
{
    (void)state;
    assert_error(load("--listen", NULL), "--listen needs a value");
    assert_error(load("--listen", "--insecure", NULL), "--listen needs a value");
    assert_error(load("--config", NULL), "--config needs a value");
    assert_error(load("--help=please", NULL), "--help takes no value");
    assert_error(load("start", NULL), "start: expected a flag");
    assert_error(load("-l", NULL), "-l: expected a flag");
}

static void an_error_in_the_file_names_file_and_line(void **state)
{
    (void)state;
    assert_file_error("\n[limits]\nmax_pag = 1\n", ":3: limits.max_pag is no option; did you mean limits.max_page?");
    assert_file_error("max_page = 1\n", ":1: max_page is no option; did you mean limits.max_page?");
    assert_file_error("[redis]\nmax_page = 1\n", ":2: redis.max_page is no option; did you mean limits.max_page?");
    assert_file_error("[limits]\nmax_page = many\n", ":2: limits.max_page: many is not a number between 1 and 1000");
    assert_file_error("listen\n", ":1: expected `key = value`");
    assert_file_error("listen = [::1]:1\n[limits\n", ":2: expected `key = value`");
    assert_file_error("listen = [::1]:1\nlisten = [::1]:2\n", ":2: listen was set in line 1 already");
    assert_error(load("--config", "/does/not/exist", NULL), "--config: /does/not/exist: No such file or directory");
    assert_int_equal(load("--config", "/does/not/exist", NULL).result, -ENOENT);
    assert_error(load("--config", "/tmp", NULL), "/tmp");
}

static void an_over_long_line_is_refused_and_never_cut(void **state)
{
    char text[1200];
    char expected[128];

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text, "\n# ", 3);
    text[1001] = '\n';
    write_file(text, 1002);
    assert_int_equal(load("--config", file_path, "--check-config", NULL).result, 0);
    text[1001] = 'a';
    text[1002] = '\n';
    write_file(text, 1003);
    snprintf(expected, sizeof(expected), "%s:2: the line is longer than 1000 bytes", file_path);
    assert_error(load("--config", file_path, NULL), expected);
    write_file("listen = \0\n", 11);
    assert_error(load("--config", file_path, NULL), "a NUL byte");
}

static void texts_that_no_file_could_hold_are_refused(void **state)
{
    char text[1000];

    (void)state;
    assert_error(load("--unix", "/tmp/a\nb", NULL), "contains a control character");
    assert_error(load("--unix", " /tmp/a", NULL), "starts or ends with a space");
    memset(text, 'a', 901);
    text[901] = '\0';
    assert_error(load("--unix", text, NULL), "is longer than 900 bytes");
}

static void options_that_contradict_each_other_are_refused(void **state)
{
    (void)state;
    assert_error(load("--store-partitions", "12", NULL),
                 "store.partitions (--store-partitions): 12 must be a power of two");
    assert_error(load("--listen=", NULL), "listen (--listen): \"\" must be set");
    assert_error(load("--redis-server=", NULL), "redis.url (default): \"\" must be set");
    assert_error(load("--timing-heartbeat-interval-ms", "45000", NULL),
                 "timing.silence_limit_ms (default) 45000 must be above timing.heartbeat_interval_ms "
                 "(--timing-heartbeat-interval-ms) 45000");
    assert_int_equal(load("--listen=", "--unix", "/tmp/x", "--check-config", NULL).result, 0);
    assert_error(load("--unix", "/tmp/x", "--admin-path", "/tmp/x", NULL),
                 "unix (--unix) /tmp/x must be another than admin.path (--admin-path) /tmp/x");
}

static void a_text_that_has_not_its_options_form_is_refused_where_it_stands(void **state)
{
    char path[109];

    (void)state;
    snprintf(path, sizeof(path), "/%0107d", 0);
    assert_error(load("--log-level", "loud", NULL), "--log-level: loud is not error, warning, info or debug");
    assert_error(load("--listen", "7420", NULL), "--listen: 7420 is not HOST:PORT");
    assert_file_error("\n[http]\nlisten = 127.0.0.blue:9309\n", ":3: http.listen: 127.0.0.blue:9309 is not HOST:PORT");
    assert_error(load("--unix", path, NULL), "is longer than 107 bytes");
    path[107] = '\0';
    assert_int_equal(load("--unix", path, "--check-config", NULL).result, 0);
    assert_error(load("--admin-path", path, "--state-dir", path, NULL), "state_dir (--state-dir): ");
    assert_error(load("--state-dir", path, NULL), "admin.path must be set");
    assert_int_equal(load("--admin-path", "/x", "--state-dir", path, "--redis-url", "unix:/x", NULL).result, 0);
    assert_file_error("[admin]\ngroup = no-such-group\n", ":2: admin.group: no-such-group is no group of this system");
    assert_int_equal(load("--admin-group", "root", NULL).result, 0);
    assert_int_equal(load("--admin-group", "4711", NULL).result, 0);
}

static void a_password_in_a_wrong_address_of_redis_is_not_told(void **state)
{
    struct loaded loaded = load_text("[redis]\nurl = rediss://:secret@localhost\n");

    (void)state;
    assert_error(loaded, ":2: redis.url: the address is not redis://");
    assert_null(strstr(loaded.error, "secret"));
    assert_error(load("--redis-url", "foo", NULL), "--redis-url: the address is not redis://");
}

static void listening_beyond_loopback_needs_insecure(void **state)
{
    static const char *const beyond[] = {"0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"};
    static const char *const within[] = {"127.1.2.3:0", "localhost:9309", "[::1]:0", "[::ffff:127.0.0.1]:0"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_error(load("--listen", beyond[i], NULL), "listen (--listen): ");
        assert_error(load("--http-listen", beyond[i], NULL), "must be a loopback address");
        assert_int_equal(load("--listen", beyond[i], "--http-listen", beyond[i], "--insecure", NULL).result, 0);
        assert_int_equal(load("--listen", within[i], "--http-listen", within[i], NULL).result, 0);
    }
}

static void what_to_do_instead_of_running_is_recognised(void **state)
{
    (void)state;
    assert_int_equal(load("--help", "--config", "/does/not/exist", NULL).action, CONFIG_HELP);
    assert_int_equal(load("--version", NULL).action, CONFIG_VERSION);
    assert_int_equal(load("--print-config", NULL).action, CONFIG_PRINT);
    assert_int_equal(load("--check-config", NULL).action, CONFIG_CHECK);
}

static void the_admin_socket_is_in_the_runtime_directory_or_else_in_the_state_directory(void **state)
{
    (void)state;
    assert_string_equal(load("--state-dir", "/state", NULL).config.admin_path, "/state/admin.sock");
    setenv("RUNTIME_DIRECTORY", "/run/feedd:/run/other", 1);
    assert_string_equal(load("--state-dir", "/state", NULL).config.admin_path, "/run/feedd/admin.sock");
    assert_string_equal(load("--admin-path", "/elsewhere", NULL).config.admin_path, "/elsewhere");
    unsetenv("RUNTIME_DIRECTORY");
}

static void the_mode_of_the_admin_socket_is_octal(void **state)
{
    unsigned mode = 0;

    (void)state;
    assert_int_equal(config_file_mode("0640", &mode), 0);
    assert_int_equal(mode, 0640);
    assert_int_equal(config_file_mode("666", &mode), 0);
    assert_int_equal(mode, 0666);
    assert_error(load("--admin-mode", "0680", NULL), "--admin-mode: 0680 is not an octal number up to 0777");
    assert_error(load("--admin-mode", "1777", NULL), "is not an octal number");
    assert_error(load("--admin-mode", "", NULL), "is not an octal number");
    assert_error(load("--admin-mode", "06 40", NULL), "is not an octal number");
}

static void options_are_looked_at_row_by_row(void **state)
{
    struct loaded loaded = load("--limits-max-page", "77", "--insecure", NULL);
    struct config_look look;
    size_t row = 0, seen = 0;

    (void)state;
    for (; config_look(&loaded.config, row, &look); row++) {
        if (strcmp(look.key, "limits.max_page") == 0) {
            assert_string_equal(look.value, "77");
            assert_string_equal(look.default_value, "200");
            assert_string_equal(look.origin, "--limits-max-page");
            seen++;
        } else if (strcmp(look.key, "insecure") == 0) {
            assert_string_equal(look.value, "yes");
            seen++;
        }
    }
    assert_int_equal(seen, 2);
    assert_false(config_look(&loaded.config, row, &look));
}

/* What `print` writes, to be freed. */
static char *printed(const struct config *config)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);

    assert_non_null(out);
    if (config)
        config_print(config, out);
    else
        config_help(out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void what_is_printed_reads_back_identically(void **state)
{
    struct loaded first = load("--unix", "/tmp/a ; b # c = d", "--redis-server", "/opt/p=;#[x]", "--insecure",
                               "--limits-max-page", "77", NULL);
    char *text = printed(&first.config);
    struct config_look one, other;
    struct loaded second;

    (void)state;
    assert_non_null(strstr(text, "# from: --limits-max-page\nmax_page = 77\n"));
    assert_non_null(strstr(text, "# from: default\nlisten = 127.0.0.1:7420\n"));
    second = load_text(text);
    assert_string_equal(second.error, "");
    for (size_t row = 0; config_look(&first.config, row, &one) && config_look(&second.config, row, &other); row++)
        assert_string_equal(one.value, other.value);
    free(text);
    text = printed(&second.config);
    assert_non_null(strstr(text, file_path)); /* the origin is now the file, with a line */
    free(text);
}

static void help_shows_every_option_with_default_and_range(void **state)
{
    char *text = printed(NULL);

    (void)state;
    assert_non_null(strstr(text, "--limits-max-page NUMBER\n      entries of one page (1 to 1000; default 200; reloadable)\n"));
    assert_non_null(strstr(text, "--insecure[=yes|no]\n"));
    assert_non_null(strstr(text, "\n[timing]\n"));
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1)
        assert_in_range(strcspn(line, "\n"), 0, 100);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(without_arguments_everything_has_its_default, free_loaded),
        cmocka_unit_test_teardown(the_state_directory_is_that_of_systemd_then_xdg_then_home, free_loaded),
        cmocka_unit_test_teardown(the_admin_socket_is_in_the_runtime_directory_or_else_in_the_state_directory, free_loaded),
        cmocka_unit_test_teardown(the_mode_of_the_admin_socket_is_octal, free_loaded),
        cmocka_unit_test_teardown(options_are_looked_at_row_by_row, free_loaded),
        cmocka_unit_test_teardown(flags_win_over_the_file_and_the_last_flag_wins, free_loaded),
        cmocka_unit_test_teardown(booleans_have_four_spellings, free_loaded),
        cmocka_unit_test_teardown(a_bad_number_is_told_its_range, free_loaded),
        cmocka_unit_test_teardown(an_unknown_flag_names_the_nearest, free_loaded),
        cmocka_unit_test_teardown(a_flag_without_its_value_says_so, free_loaded),
        cmocka_unit_test_teardown(an_error_in_the_file_names_file_and_line, free_loaded),
        cmocka_unit_test_teardown(an_over_long_line_is_refused_and_never_cut, free_loaded),
        cmocka_unit_test_teardown(texts_that_no_file_could_hold_are_refused, free_loaded),
        cmocka_unit_test_teardown(options_that_contradict_each_other_are_refused, free_loaded),
        cmocka_unit_test_teardown(a_text_that_has_not_its_options_form_is_refused_where_it_stands, free_loaded),
        cmocka_unit_test_teardown(a_password_in_a_wrong_address_of_redis_is_not_told, free_loaded),
        cmocka_unit_test_teardown(listening_beyond_loopback_needs_insecure, free_loaded),
        cmocka_unit_test_teardown(what_to_do_instead_of_running_is_recognised, free_loaded),
        cmocka_unit_test_teardown(what_is_printed_reads_back_identically, free_loaded),
        cmocka_unit_test_teardown(help_shows_every_option_with_default_and_range, free_loaded),
    };

    return cmocka_run_group_tests_name("config", tests, set_up, tear_down);
}
