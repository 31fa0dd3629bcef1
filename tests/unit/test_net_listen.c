/* Listening: which addresses are taken, and what happens to the files of Unix sockets. */
#include "net_fixture.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char directory[] = "/tmp/feedd-test-listen-XXXXXX";
static char path[sizeof(directory) + 16];

static int make_directory(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof(path), "%s/feedd.sock", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(directory);
}

static bool path_exists(void)
{
    struct stat file;

    return lstat(path, &file) == 0;
}

static int connect_unix(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, path, strlen(path) + 1);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void addresses_that_are_none_are_refused(void **state)
{
    static const char *const malformed[] = {"",           "7420",          ":7420",        "127.0.0.1",    "127.0.0.1:",
                                            "127.0.0.1:x", "127.0.0.1:70000", "127.0.0.1:-1", "127.0.0.1: 1", "::1:7420",
                                            "[::1]",      "[::1:7420",     "name.invalid:1", "256.0.0.1:1", "[]:1"};
    struct world *world = *state;
    uint16_t port = 77;

    world_start(world);
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        if (net_listen_tcp(world->net, malformed[i], &port) != -EINVAL)
            fail_msg("%s was not refused as malformed", malformed[i]);
    }
    assert_int_equal(port, 77);
}

static void a_port_in_use_is_reported(void **state)
{
    struct world *world = *state;
    char address[32];
    uint16_t port;

    world_start(world);
    snprintf(address, sizeof(address), "127.0.0.1:%u", (unsigned)world->port);
    assert_int_equal(net_listen_tcp(world->net, address, &port), -EADDRINUSE);
}

static void a_unix_socket_serves_is_private_and_goes_away(void **state)
{
    struct world *world = *state;
    struct stat file;
    int fd;

    world_start(world);
    assert_int_equal(net_listen_unix(world->net, path, 0660, NET_OWN_GROUP), 0);
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0660);
    fd = connect_unix();
    client_write(world, fd, "\3abc", 4);
    RUN_UNTIL(world, world->opened == 1 && world->sessions[0].frames == 1);
    server_send(world, world->sessions[0].id, 0, "hi", 2);
    client_read(world, fd, (char[3]){0}, 3);
    net_stop_listening(world->net);
    assert_false(path_exists());
    client_write(world, fd, "\3abc", 4); /* the connection goes on */
    RUN_UNTIL(world, world->sessions[0].frames == 2);
    close(fd);
}

static void a_stale_socket_is_replaced_and_one_in_use_is_not(void **state)
{
    struct world *world = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);

    world_start(world);
    memcpy(address.sun_path, path, strlen(path) + 1);
    assert_int_equal(bind(stale, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(stale, 1), 0);
    assert_int_equal(net_listen_unix(world->net, path, 0660, NET_OWN_GROUP), -EADDRINUSE);
    assert_true(path_exists());
    close(stale);
    assert_int_equal(net_listen_unix(world->net, path, 0660, NET_OWN_GROUP), 0);
    close(connect_unix());
    RUN_UNTIL(world, world->closed == 1);
}

static void another_file_is_never_removed(void **state)
{
    struct world *world = *state;
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fclose(file);
    world_start(world);
    assert_int_equal(net_listen_unix(world->net, path, 0660, NET_OWN_GROUP), -EADDRINUSE);
    assert_true(path_exists());
    unlink(path);
    assert_int_equal(net_listen_unix(world->net, path, 0660, NET_OWN_GROUP), 0);
    unlink(path); /* somebody put another one there */
    file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    net_stop_listening(world->net);
    assert_true(path_exists());
    unlink(path);
}

static void a_path_that_does_not_fit_is_reported(void **state)
{
    struct world *world = *state;
    char long_path[200];

    world_start(world);
    memset(long_path, 'a', sizeof(long_path));
    long_path[0] = '/';
    long_path[108] = '\0';
    assert_int_equal(net_listen_unix(world->net, long_path, 0660, NET_OWN_GROUP), -ENAMETOOLONG);
    assert_int_equal(net_listen_unix(world->net, "", 0660, NET_OWN_GROUP), -EINVAL);
    assert_int_equal(net_listen_unix(world->net, "/does/not/exist/feedd.sock", 0660, NET_OWN_GROUP), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(addresses_that_are_none_are_refused),
        TEST(a_port_in_use_is_reported),
        TEST(a_unix_socket_serves_is_private_and_goes_away),
        TEST(a_stale_socket_is_replaced_and_one_in_use_is_not),
        TEST(another_file_is_never_removed),
        TEST(a_path_that_does_not_fit_is_reported),
    };

    return cmocka_run_group_tests_name("net listen", tests, make_directory, remove_directory);
}
