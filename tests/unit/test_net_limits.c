/* Deadlines and limits: who is closed, when, and who is not. */
#include "net_fixture.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void who_does_not_say_hello_is_closed(void **state)
{
    struct world *world = *state;
    struct session *silent;
    struct session *talking;
    struct session *admitted;
    int64_t start_ms;
    int fds[3];

    world->limits.hello_timeout_ms = 60;
    world->admit_all = false;
    world_start(world);
    start_ms = clock_now_ms();
    fds[0] = client_connect(world, &silent);
    fds[1] = client_connect(world, &talking);
    fds[2] = client_connect(world, &admitted);
    net_admit(world->net, admitted->id);
    client_write(world, fds[1], "\1x", 2); /* talking without being admitted does not help */
    client_expect_last_frame(world, fds[0], NET_CLOSE_NO_HELLO);
    assert_in_range(clock_now_ms() - start_ms, 60, 3000);
    client_expect_last_frame(world, fds[1], NET_CLOSE_NO_HELLO);
    world_run_for(world, 100);
    assert_false(admitted->closed);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    RUN_UNTIL(world, world->closed == 3);
    assert_int_equal(silent->reason, NET_CLOSE_NO_HELLO);
}

static void who_says_nothing_is_closed_and_who_pings_is_not(void **state)
{
    struct world *world = *state;
    struct session *silent;
    struct session *pinging;
    int64_t start_ms;
    int silent_fd;
    int pinging_fd;

    world->limits.silence_limit_ms = 200;
    world_start(world);
    silent_fd = client_connect(world, &silent);
    start_ms = clock_now_ms();
    pinging_fd = client_connect(world, &pinging);
    while (clock_now_ms() < start_ms + 500) {
        client_write(world, pinging_fd, "\1p", 2);
        world_run_for(world, 10);
    }
    client_expect_last_frame(world, silent_fd, NET_CLOSE_SILENT);
    client_expect_end(world, silent_fd);
    close(silent_fd);
    RUN_UNTIL(world, silent->closed);
    assert_int_equal(silent->reason, NET_CLOSE_SILENT);
    assert_false(pinging->closed);
    client_expect_last_frame(world, pinging_fd, NET_CLOSE_SILENT);
    close(pinging_fd);
}

static void silence_is_not_counted_while_paused(void **state)
{
    struct world *world = *state;
    struct session *session;
    int64_t start_ms;
    int fd;

    world->limits.silence_limit_ms = 60;
    world_start(world);
    fd = client_connect(world, &session);
    net_pause(world->net, session->id);
    world_run_for(world, 200);
    assert_int_equal(world->last_frames, 0);
    net_resume(world->net, session->id);
    start_ms = clock_now_ms();
    client_expect_last_frame(world, fd, NET_CLOSE_SILENT);
    assert_in_range(clock_now_ms() - start_ms, 50, 3000);
    close(fd);
}

static void what_came_while_the_process_stood_still_is_no_silence(void **state)
{
    struct world *world = *state;
    struct session *session;
    int64_t start_ms;
    int fd;

    world->limits.silence_limit_ms = 60;
    world_start(world);
    fd = client_connect(world, &session);
    assert_int_equal(send(fd, "\1p", 2, 0), 2);
    for (start_ms = clock_now_ms(); clock_now_ms() < start_ms + 150;)
        ; /* no turn of the loop meanwhile */
    world_turn(world);
    world_turn(world);
    assert_int_equal(world->last_frames, 0);
    RUN_UNTIL(world, session->frames == 1);
    close(fd);
}

static void who_takes_nothing_that_waits_is_closed(void **state)
{
    struct world *world = *state;
    static uint8_t data[1 << 20];
    static uint8_t sink[1 << 20];
    struct session *stalled;
    struct session *reading;
    int stalled_fd;
    int reading_fd;

    world->limits.stall_limit_ms = 200;
    world_start(world);
    stalled_fd = client_connect(world, &stalled);
    reading_fd = client_connect(world, &reading);
    for (int i = 0; i < 16; i++) {
        server_send(world, stalled->id, 1, data, sizeof(data));
        server_send(world, reading->id, 1, data, sizeof(data));
    }
    /* The other one is slow, but it takes something now and then. */
    RUN_UNTIL(world, (world_run_for(world, 20), recv(reading_fd, sink, sizeof(sink), MSG_DONTWAIT), stalled->closed));
    assert_int_equal(stalled->reason, NET_CLOSE_STALLED);
    assert_int_equal(world->last_frames, 1);
    assert_false(reading->closed);
    close(stalled_fd);
    close(reading_fd);
}

static void heartbeats_begin_with_admission_and_keep_their_interval(void **state)
{
    struct world *world = *state;
    struct session *session;
    int64_t start_ms;
    int fd;

    world->limits.heartbeat_interval_ms = 40;
    world->admit_all = false;
    world_start(world);
    fd = client_connect(world, &session);
    world_run_for(world, 100);
    assert_int_equal(session->heartbeats, 0);
    net_admit(world->net, session->id);
    net_admit(world->net, session->id);
    start_ms = clock_now_ms();
    RUN_UNTIL(world, session->heartbeats == 5);
    assert_in_range(clock_now_ms() - start_ms, 5 * 40, 5 * 40 + 3000);
    close(fd);
}

static void one_more_than_max_connections_is_told_and_closed(void **state)
{
    struct world *world = *state;
    struct session *session;
    int fds[3];
    int refused;

    world->limits.max_connections = 3;
    world_start(world);
    for (int i = 0; i < 3; i++)
        fds[i] = client_connect(world, &session);
    refused = client_connect(world, NULL);
    assert_int_equal(send(refused, "\1x", 2, MSG_NOSIGNAL), 2);
    client_expect_last_frame(world, refused, NET_CLOSE_FULL);
    close(refused);
    assert_int_equal(world->opened, 3);
    assert_int_equal(net_connections(world->net), 3);
    close(fds[1]);
    RUN_UNTIL(world, world->closed == 1);
    fds[1] = client_connect(world, &session);
    client_write(world, fds[1], "\1x", 2);
    RUN_UNTIL(world, session->frames == 1);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}

static void a_refused_connection_is_closed_without_a_word(void **state)
{
    struct world *world = *state;
    int fd;

    world->refuse_with = -EACCES;
    world_start(world);
    fd = client_connect(world, NULL);
    client_expect_end(world, fd);
    close(fd);
    world_turn(world);
    assert_int_equal(net_connections(world->net), 0);
    assert_int_equal(world->last_frames, 0);
}

static void without_descriptors_the_listener_rests_and_then_goes_on(void **state)
{
    struct world *world = *state;
    struct rlimit original;
    struct rlimit low;
    struct session *session;
    uint64_t turns;
    int waiting;

    world_start(world);
    waiting = client_connect(world, &session);
    close(waiting);
    RUN_UNTIL(world, session->closed);
    waiting = socket(AF_INET, SOCK_STREAM, 0);
    close(waiting);
    getrlimit(RLIMIT_NOFILE, &original);
    low = original;
    low.rlim_cur = (rlim_t)waiting + 1; /* one is left, which the client takes */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    waiting = client_connect(world, NULL);
    turns = world->turns;
    world_run_for(world, 150);
    assert_true(world->turns - turns < 150); /* the pulse alone makes 75: it does not spin */
    assert_int_equal(world->opened, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &original), 0);
    RUN_UNTIL(world, world->opened == 2);
    client_write(world, waiting, "\1x", 2);
    RUN_UNTIL(world, world->sessions[1].frames == 1);
    close(waiting);
}

static void ids_are_never_used_again(void **state)
{
    struct world *world = *state;
    uint64_t ids[50];

    world_start(world);
    for (size_t i = 0; i < 50; i++) {
        struct session *session;
        int fd = client_connect(world, &session);

        ids[i] = session->id;
        assert_int_not_equal(ids[i], 0);
        assert_ptr_equal(net_session(world->net, ids[i]), session);
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(ids[i], ids[j]);
            assert_null(net_session(world->net, ids[j]));
            assert_int_equal(server_send(world, ids[j], 1, "x", 1), 0);
        }
        close(fd);
        RUN_UNTIL(world, session->closed);
    }
    assert_null(net_session(world->net, 0));
    assert_null(net_session(world->net, UINT64_MAX));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_does_not_say_hello_is_closed),
        TEST(who_says_nothing_is_closed_and_who_pings_is_not),
        TEST(silence_is_not_counted_while_paused),
        TEST(what_came_while_the_process_stood_still_is_no_silence),
        TEST(who_takes_nothing_that_waits_is_closed),
        TEST(heartbeats_begin_with_admission_and_keep_their_interval),
        TEST(one_more_than_max_connections_is_told_and_closed),
        TEST(a_refused_connection_is_closed_without_a_word),
        TEST(without_descriptors_the_listener_rests_and_then_goes_on),
        TEST(ids_are_never_used_again),
    };

    return cmocka_run_group_tests_name("net limits", tests, NULL, NULL);
}
