/* What a daemon has seen of its store: kept beyond its life, forgotten with the store, uncertain after a boot. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "store/keys.h"
#include "store/seen.h"

#define BOOT_ID_AT 16 /* in the file, behind its magic */

static char directory[40];

static int set_up(void **state)
{
    (void)state;
    snprintf(directory, sizeof(directory), "/tmp/feedd-test-seen-XXXXXX");
    keys_init(4);
    return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state)
{
    char path[64];

    (void)state;
    snprintf(path, sizeof(path), "%s/seen", directory);
    unlink(path);
    return rmdir(directory);
}

static struct seen *open_seen(void)
{
    struct seen *seen = NULL;

    assert_int_equal(seen_open(directory, &seen), 0);
    return seen;
}

static void overwrite(off_t at, const char *bytes)
{
    char path[64];

    snprintf(path, sizeof(path), "%s/seen", directory);
    int fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, bytes, strlen(bytes), at), strlen(bytes));
    close(fd);
}

static void a_new_one_has_seen_nothing(void **state)
{
    struct seen *seen = open_seen();

    (void)state;
    for (unsigned partition = 0; partition < PARTITIONS_MAX; partition++) {
        assert_int_equal(seen_mark(seen, partition), 0);
        assert_int_equal(seen_id(seen, partition), 0);
        assert_false(seen_is_certain(seen, partition));
    }
    seen_close(seen);
}

static void what_was_seen_outlives_the_process(void **state)
{
    struct seen *seen = open_seen();

    (void)state;
    seen_set_epoch(seen, 77);
    seen_begin(seen, 2, 4000000000u, 64 * 5 + 2);
    seen_add(seen, 64 * 9 + 2);
    seen_add(seen, 64 * 7 + 2); /* less than that */
    seen_close(seen);
    seen = open_seen();
    seen_set_epoch(seen, 77);
    assert_int_equal(seen_mark(seen, 2), 4000000000u);
    assert_int_equal(seen_id(seen, 2), 64 * 9 + 2);
    assert_true(seen_is_certain(seen, 2));
    assert_int_equal(seen_id(seen, 3), 0);
    seen_close(seen);
}

static void another_store_makes_it_forget(void **state)
{
    struct seen *seen = open_seen();

    (void)state;
    seen_set_epoch(seen, 77);
    seen_begin(seen, 1, 5, 64 + 1);
    seen_set_epoch(seen, 78);
    assert_int_equal(seen_mark(seen, 1), 0);
    assert_int_equal(seen_id(seen, 1), 0);
    seen_close(seen);
}

static void after_a_boot_of_the_machine_nothing_is_certain_until_it_was_opened_again(void **state)
{
    struct seen *seen = open_seen();

    (void)state;
    seen_set_epoch(seen, 77);
    seen_begin(seen, 0, 5, 640);
    seen_close(seen);
    overwrite(BOOT_ID_AT, "another boot");
    seen = open_seen();
    assert_false(seen_is_certain(seen, 0));
    assert_int_equal(seen_id(seen, 0), 640);
    seen_close(seen);
    seen = open_seen(); /* the uncertainty lasts, too */
    assert_false(seen_is_certain(seen, 0));
    seen_begin(seen, 0, 6, 704);
    assert_true(seen_is_certain(seen, 0));
    seen_close(seen);
}

static void a_file_of_something_else_is_begun_anew(void **state)
{
    struct seen *seen = open_seen();

    (void)state;
    seen_begin(seen, 0, 5, 640);
    seen_close(seen);
    overwrite(0, "FEEDD");
    seen = open_seen();
    assert_int_equal(seen_mark(seen, 0), 0);
    assert_int_equal(seen_id(seen, 0), 0);
    seen_close(seen);
}

static void a_directory_that_is_not_there_is_an_error(void **state)
{
    struct seen *seen = NULL;

    (void)state;
    assert_int_equal(seen_open("/nowhere/at all", &seen), -ENOENT);
    assert_null(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_one_has_seen_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_seen_outlives_the_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_store_makes_it_forget, set_up, tear_down),
        cmocka_unit_test_setup_teardown(after_a_boot_of_the_machine_nothing_is_certain_until_it_was_opened_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_of_something_else_is_begun_anew, set_up, tear_down),
        cmocka_unit_test(a_directory_that_is_not_there_is_an_error),
    };

    return cmocka_run_group_tests_name("seen", tests, NULL, NULL);
}
