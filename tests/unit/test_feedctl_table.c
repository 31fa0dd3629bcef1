/* JSON as people read it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"
#include "unit.h"

static void expect_shown(const char *name, json_t *value, const char *shown)
{
    char *text = table_value(name, value);

    assert_string_equal(text, shown);
    free(text);
    json_decref(value);
}

static void the_end_of_a_name_says_the_unit(void **state)
{
    (void)state;
    expect_shown("streams", json_integer(1234567), "1,234,567");
    expect_shown("change", json_integer(-1234), "-1,234");
    expect_shown("share", json_integer(233090188017664), "233090188017664");
    expect_shown("pid", json_integer(29365), "29365");
    expect_shown("lag_ms", json_integer(0), "0");
    expect_shown("lag_ms", json_integer(7), "7.0 ms");
    expect_shown("lag_ms", json_integer(640), "640 ms");
    expect_shown("lag_ms", json_integer(59900), "59.9 s");
    expect_shown("lag_ms", json_integer(61000), "1 m 01 s");
    expect_shown("uptime_ms", json_integer(7384000), "2 h 03 m");
    expect_shown("uptime_ms", json_integer(90000000), "1 d 01 h");
    expect_shown("took_us", json_integer(350), "350 µs");
    expect_shown("took_us", json_integer(2350), "2.4 ms");
    expect_shown("queue_bytes", json_integer(900), "900 B");
    expect_shown("queue_bytes", json_integer(1536), "1.5 KiB");
    expect_shown("queue_bytes", json_integer(300LL << 30), "300 GiB");
    expect_shown("ready", json_true(), "yes");
    expect_shown("ready", json_false(), "no");
    expect_shown("memory_bytes", json_null(), "-");
    expect_shown("rate", json_real(1.5), "1.50");
}

static void expect_table(const char *json, const char *shown)
{
    json_t *object = json_loads(json, 0, NULL);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(object);
    table_print(out, object);
    fclose(out);
    assert_string_equal(text, shown);
    free(text);
    json_decref(object);
}

static void members_stand_one_a_line_and_lists_are_tables(void **state)
{
    (void)state;
    expect_table("{\"in_all\":2,\"ready\":true,\"clients\":[{\"name\":\"zoë\",\"lag_ms\":1200,\"left\":0},"
                 "{\"name\":\"\",\"lag_ms\":0,\"left\":0}],\"none_of_it\":[],\"memory\":{\"used_bytes\":2048}}",
                 "in all  2\n"
                 "ready   yes\n"
                 "\nclients\n"
                 "name    lag\n"
                 "zoë   1.2 s\n"
                 "          0\n"
                 "\nnone of it: none\n"
                 "\nmemory\n"
                 "used  2.0 KiB\n");
}

static void texts_in_which_there_is_nothing_are_left_out(void **state)
{
    (void)state;
    expect_table("{\"held_by\":\"\",\"pushed\":0,\"asked\":null}", "pushed  0\nasked   -\n");
}

static void what_strangers_wrote_steers_nothing(void **state)
{
    (void)state;
    expect_table("{\"name\":\"a\\u001b[31m\\nb\"}", "name  a�[31m b\n");
}

static void rows_need_not_have_the_same_members(void **state)
{
    (void)state;
    expect_table("{\"list\":[{\"a\":1,\"b\":null},{\"a\":2,\"b\":3},{\"a\":4}]}",
                 "list\na  b\n1  -\n2  3\n4  -\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_of_a_name_says_the_unit),
        cmocka_unit_test(members_stand_one_a_line_and_lists_are_tables),
        cmocka_unit_test(texts_in_which_there_is_nothing_are_left_out),
        cmocka_unit_test(what_strangers_wrote_steers_nothing),
        cmocka_unit_test(rows_need_not_have_the_same_members),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
