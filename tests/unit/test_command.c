/* Commands in Redis's wire format. */
#include "unit.h"

#include "store/command.h"

static void expect_bytes(struct command *command, const char *expected)
{
    size_t size;
    const char *data = command_data(command, &size);

    assert_non_null(data);
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(data, expected, size);
}

static void a_command_is_an_array_of_its_arguments(void **state)
{
    (void)state;
    struct command *command = command_begin("SET");
    command_add_string(command, "key");
    command_add(command, "", 0);
    expect_bytes(command, "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$0\r\n\r\n");
    expect_bytes(command_begin("PING"), "*1\r\n$4\r\nPING\r\n");
}

static void numbers_and_ids_are_digits(void **state)
{
    (void)state;
    struct command *command = command_begin("X");
    command_add_number(command, 0);
    command_add_number(command, -17);
    command_add_number(command, INT64_MIN);
    command_add_id(command, (UINT64_C(1) << 53) - 1);
    expect_bytes(command, "*5\r\n$1\r\nX\r\n$1\r\n0\r\n$3\r\n-17\r\n$20\r\n-9223372036854775808\r\n$16\r\n9007199254740991\r\n");
}

static void joined_parts_are_one_argument(void **state)
{
    (void)state;
    struct command *command = command_begin("X");
    command_add_joined(command, "pre:", (struct text){"middle", 3}, "!");
    command_add_joined(command, "", (struct text){"m", 1}, "");
    expect_bytes(command, "*3\r\n$1\r\nX\r\n$8\r\npre:mid!\r\n$1\r\nm\r\n");
}

static void bytes_of_any_value_travel_unchanged(void **state)
{
    static const char text[] = "a\0b\r\n$5\r\n\xff";
    size_t size;

    (void)state;
    struct command *command = command_begin("X");
    command_add_text(command, (struct text){text, 10});
    const char *data = command_data(command, &size);
    static const char expected[] = "*2\r\n$1\r\nX\r\n$10\r\na\0b\r\n$5\r\n\xff\r\n";
    assert_int_equal(size, sizeof(expected) - 1);
    assert_memory_equal(data, expected, size);
}

static void arguments_of_any_size_and_number_fit(void **state)
{
    static const size_t sizes[] = {1, 900, 1000, 1023, 1024, 65535, 65536, 5000000};
    char *big = malloc(5000000);

    (void)state;
    assert_non_null(big);
    memset(big, 'x', 5000000);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct command *command = command_begin("SET");
        char head[64];
        size_t size;
        int head_size = snprintf(head, sizeof(head), "*2\r\n$3\r\nSET\r\n$%zu\r\n", sizes[i]);

        command_add(command, big, sizes[i]);
        const char *data = command_data(command, &size);
        assert_int_equal(size, (size_t)head_size + sizes[i] + 2);
        assert_memory_equal(data, head, (size_t)head_size);
        assert_memory_equal(data + head_size, big, sizes[i]);
        assert_memory_equal(data + size - 2, "\r\n", 2);
    }
    free(big);

    struct command *command = command_begin("MGET");
    size_t size;
    for (int i = 0; i < 200000; i++)
        command_add_number(command, 7);
    const char *data = command_data(command, &size);
    assert_memory_equal(data, "*200001\r\n$4\r\nMGET\r\n$1\r\n7\r\n", 25);
    assert_int_equal(size, 9 + 10 + 200000 * 7);
}

static void beginning_anew_forgets_what_was_there(void **state)
{
    char *big = calloc(1, 1000000);

    (void)state;
    assert_non_null(big);
    struct command *command = command_begin("SET");
    command_add(command, big, 1000000);
    free(big);
    for (int i = 0; i < 3; i++) {
        command = command_begin("GET");
        command_add_string(command, "k");
        expect_bytes(command, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
    }
}

static void looking_at_it_twice_changes_nothing(void **state)
{
    (void)state;
    struct command *command = command_begin("GET");
    expect_bytes(command, "*1\r\n$3\r\nGET\r\n");
    command_add_string(command, "k");
    expect_bytes(command, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
    expect_bytes(command, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_an_array_of_its_arguments),
        cmocka_unit_test(numbers_and_ids_are_digits),
        cmocka_unit_test(joined_parts_are_one_argument),
        cmocka_unit_test(bytes_of_any_value_travel_unchanged),
        cmocka_unit_test(arguments_of_any_size_and_number_fit),
        cmocka_unit_test(beginning_anew_forgets_what_was_there),
        cmocka_unit_test(looking_at_it_twice_changes_nothing),
    };

    return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
