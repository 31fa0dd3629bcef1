/* What redis.url may say. */
#include "unit.h"

#include <errno.h>

#include "base/redis_address.h"

struct expected {
    const char *url;
    const char *path;
    const char *host;
    int port;
    int database;
    const char *user;
    const char *password;
};

static void assert_text(const char *url, const char *found, const char *expected)
{
    if (!found != !expected || (found && strcmp(found, expected) != 0))
        fail_msg("%s: %s instead of %s", url, found ? found : "nothing", expected ? expected : "nothing");
}

static void each_form_is_read(void **state)
{
    static const struct expected cases[] = {
        {"redis://127.0.0.1", NULL, "127.0.0.1", 6379, 0, NULL, NULL},
        {"redis://127.0.0.1/", NULL, "127.0.0.1", 6379, 0, NULL, NULL},
        {"redis://127.0.0.1:7000", NULL, "127.0.0.1", 7000, 0, NULL, NULL},
        {"redis://127.0.0.1:7000/3", NULL, "127.0.0.1", 7000, 3, NULL, NULL},
        {"redis://:secret@127.0.0.1/2", NULL, "127.0.0.1", 6379, 2, NULL, "secret"},
        {"redis://feed:secret@127.0.0.1", NULL, "127.0.0.1", 6379, 0, "feed", "secret"},
        {"redis://:a%40b%3Ac@127.0.0.1", NULL, "127.0.0.1", 6379, 0, NULL, "a@b:c"},
        {"redis://[::1]:7000/1", NULL, "::1", 7000, 1, NULL, NULL},
        {"unix:/run/redis.sock", "/run/redis.sock", NULL, 0, 0, NULL, NULL},
        {"unix:/run/redis.sock?", "/run/redis.sock", NULL, 0, 0, NULL, NULL},
        {"unix:/run/redis.sock?db=5", "/run/redis.sock", NULL, 0, 5, NULL, NULL},
        {"unix:/run/redis.sock?password=a%26b&db=5", "/run/redis.sock", NULL, 0, 5, NULL, "a&b"},
        {"unix:/run/redis.sock?db=5&password=secret", "/run/redis.sock", NULL, 0, 5, NULL, "secret"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct redis_address address;
        char error[256] = "";

        if (redis_address_parse(cases[i].url, &address) != 0)
            fail_msg("%s was not taken", cases[i].url);
        if (redis_address_resolve(&address, error, sizeof(error)) != 0)
            fail_msg("%s: %s", cases[i].url, error);
        assert_text(cases[i].url, address.path, cases[i].path);
        assert_text(cases[i].url, address.host, cases[i].host);
        assert_text(cases[i].url, address.user, cases[i].user);
        assert_text(cases[i].url, address.password, cases[i].password);
        if (address.host)
            assert_int_equal(address.port, cases[i].port);
        assert_int_equal(address.database, cases[i].database);
        redis_address_done(&address);
        assert_null(address.host);
    }
}

static void an_empty_password_in_front_of_a_database_is_not_the_rest_of_the_url(void **state)
{
    struct redis_address address;

    (void)state;
    assert_int_equal(redis_address_parse("unix:/s?password=&db=2", &address), 0);
    if (address.password)
        assert_string_equal(address.password, "");
    assert_int_equal(address.database, 2);
    redis_address_done(&address);
}

static void what_is_wrong_is_refused_and_the_address_left_alone(void **state)
{
    static const char *const urls[] = {
        "",
        "127.0.0.1:6379",
        "http://127.0.0.1",
        "rediss://127.0.0.1",
        "redis://",
        "redis://127.0.0.1:70000",
        "redis://127.0.0.1:port",
        "redis://127.0.0.1:0",
        "redis://127.0.0.1/x",
        "redis://127.0.0.1/1x",
        "redis://127.0.0.1/-1",
        "redis://127.0.0.1/99999999999",
        "redis://127.0.0.1/1/2",
        "unix:",
        "unix:relative",
        "unix:?db=1",
        "unix:/s?db=",
        "unix:/s?db=x",
        "unix:/s?db",
        "unix:/s?nonsense=1",
        "unix:/s?password=x&nonsense",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct redis_address address = {.port = 4711};

        if (redis_address_parse(urls[i], &address) != -EINVAL)
            fail_msg("%s was taken", urls[i]);
        assert_int_equal(address.port, 4711);
    }
}

static void the_path_of_a_socket_is_as_long_as_one_may_be(void **state)
{
    struct redis_address address;
    char url[128];

    (void)state;
    snprintf(url, sizeof(url), "unix:/%0107d?db=1", 0);
    assert_int_equal(redis_address_parse(url, &address), -EINVAL);
    snprintf(url, sizeof(url), "unix:/%0106d?db=1", 0);
    assert_int_equal(redis_address_parse(url, &address), 0);
    redis_address_done(&address);
}

static void a_host_that_does_not_exist_is_said_to(void **state)
{
    struct redis_address address;
    char url[128], error[256] = "";

    (void)state;
    snprintf(url, sizeof(url), "redis://%070d/", 0); /* a label of 70 characters: no name server need be asked */
    url[8] = 'x';
    assert_int_equal(redis_address_parse(url, &address), 0);
    assert_int_equal(redis_address_resolve(&address, error, sizeof(error)), -EHOSTUNREACH);
    assert_memory_equal(error, "redis.url: the host x000", 24);
    redis_address_done(&address);
}

static void a_socket_has_a_path_of_its_own(void **state)
{
    struct redis_address address;
    char path[] = "/run/x.sock";

    (void)state;
    assert_int_equal(redis_address_of_socket(path, &address), 0);
    path[5] = 'y';
    assert_string_equal(address.path, "/run/x.sock");
    assert_null(address.host);
    redis_address_done(&address);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_is_read),
        cmocka_unit_test(an_empty_password_in_front_of_a_database_is_not_the_rest_of_the_url),
        cmocka_unit_test(what_is_wrong_is_refused_and_the_address_left_alone),
        cmocka_unit_test(the_path_of_a_socket_is_as_long_as_one_may_be),
        cmocka_unit_test(a_host_that_does_not_exist_is_said_to),
        cmocka_unit_test(a_socket_has_a_path_of_its_own),
    };

    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
