/* Accepting when accept4() fails: which errors make the listener rest, which do not, and that it goes on by itself. */
#include "net_fixture.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/metrics.h"

/* The linker sends calls of accept4() here. */
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int __real_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);

static int error;      /* 0: none */
static unsigned fails; /* calls that fail with it before the next ones succeed */
static unsigned calls;

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    calls++;
    if (fails == 0)
        return __real_accept4(fd, address, size, flags);
    fails--;
    errno = error;
    return -1;
}

static void fail_with(int with, unsigned times)
{
    error = with;
    fails = times;
    calls = 0;
}

static void errors_of_one_connection_do_not_hold_up_the_next(void **state)
{
    static const int errors[] = {ECONNABORTED, EPROTO, EINTR, ENETDOWN, EHOSTUNREACH, ETIMEDOUT};
    struct world *world = *state;
    struct session *session;
    uint64_t rests;

    world_start(world);
    rests = metrics.accept_rests;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        fail_with(errors[i], 200); /* more than one call of the listener makes */
        close(client_connect(world, &session));
        assert_int_equal(fails, 0);
        RUN_UNTIL(world, session->closed);
    }
    assert_int_equal(metrics.accept_rests, rests);
}

static void want_of_descriptors_or_memory_makes_it_rest_and_try_again(void **state)
{
    static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
    struct world *world = *state;

    world_start(world);
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        uint64_t rests = metrics.accept_rests;
        int64_t start_ms = clock_now_ms();
        struct session *session;
        int fd;

        fail_with(errors[i], 3);
        fd = client_connect(world, &session);
        assert_in_range(clock_now_ms() - start_ms, 250, 3000); /* three rests */
        assert_int_equal(metrics.accept_rests - rests, 3);
        assert_true(calls <= 3 + 2); /* it does not spin meanwhile */
        close(fd);
        RUN_UNTIL(world, session->closed);
    }
}

static void those_who_are_there_are_served_while_it_rests(void **state)
{
    struct world *world = *state;
    struct session *session;
    int fd, waiting;

    world_start(world);
    fail_with(0, 0);
    fd = client_connect(world, &session);
    fail_with(EMFILE, UINT32_MAX);
    waiting = client_connect(world, NULL);
    for (unsigned frames = 1; frames <= 50; frames++) {
        client_write(world, fd, "\1x", 2);
        RUN_UNTIL(world, session->frames == frames);
    }
    assert_int_equal(world->opened, 1);
    fail_with(0, 0);
    RUN_UNTIL(world, world->opened == 2);
    close(waiting);
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(errors_of_one_connection_do_not_hold_up_the_next),
        TEST(want_of_descriptors_or_memory_makes_it_rest_and_try_again),
        TEST(those_who_are_there_are_served_while_it_rests),
    };

    return cmocka_run_group_tests_name("net accept", tests, NULL, NULL);
}
