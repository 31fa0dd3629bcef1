/* The budget of all queues: who loses what waits, who does not, and when somebody hears of it. */
#include "net_fixture.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/metrics.h"

#define EVENT_BYTES 4000
#define BUDGET (400 * 1000)

/* A client that reads nothing and for whom the socket takes nothing any more. */
static int connect_stalled(struct world *world, struct session **ret_session)
{
    int fd = client_connect(world, ret_session);

    while (net_queued_bytes(world->net, (*ret_session)->id) < EVENT_BYTES) {
        server_send_event(world, (*ret_session)->id, 1, POSITION_KEPT, EVENT_BYTES);
        world_turn(world);
    }
    return fd;
}

static void queue_events(struct world *world, const struct session *session, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        server_send_event(world, session->id, 1, 1000 + i, EVENT_BYTES);
}

static void start(struct world *world, size_t budget)
{
    world->limits.queue_budget_bytes = budget;
    world->limits.queue_soft_limit_bytes = 10 * BUDGET;
    world_start(world);
}

static void past_the_budget_the_largest_queues_lose_their_events(void **state)
{
    struct world *world = *state;
    struct session *small, *large, *larger;
    int fds[3];

    start(world, BUDGET);
    fds[0] = connect_stalled(world, &small);
    fds[1] = connect_stalled(world, &large);
    fds[2] = connect_stalled(world, &larger);
    queue_events(world, small, 8);
    queue_events(world, large, 30);
    queue_events(world, larger, 48);
    world_turn(world);
    assert_int_equal(small->dropped + large->dropped + larger->dropped, 0); /* it all fits */
    queue_events(world, small, 14);
    world_turn(world);
    assert_int_equal(larger->dropped, 48);
    assert_int_equal(large->dropped, 0); /* a quarter of the budget is free already */
    assert_int_equal(small->dropped, 0);
    assert_in_range(metrics.queued_bytes, 1, BUDGET);
    assert_in_range(metrics.queued_peak_bytes, BUDGET, BUDGET + 20 * EVENT_BYTES);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    RUN_UNTIL(world, world->closed == 3);
    world_turn(world);
    assert_int_equal(metrics.queued_bytes, 0);
}

static void who_lost_events_is_told_when_it_has_read_what_was_left(void **state)
{
    struct world *world = *state;
    static uint8_t sink[100000];
    struct session *session;
    int fd;

    start(world, BUDGET);
    fd = connect_stalled(world, &session);
    queue_events(world, session, 100);
    server_send(world, session->id, 7, "an answer", 9);
    world_turn(world);
    assert_int_equal(session->dropped, 100);
    assert_int_equal(session->drained, 0);
    assert_true(net_queued_bytes(world->net, session->id) > EVENT_BYTES); /* what was kept, and the answer */
    RUN_UNTIL(world, recv(fd, sink, sizeof(sink), MSG_DONTWAIT) < 0 && session->drained > 0);
    RUN_UNTIL(world, recv(fd, sink, sizeof(sink), MSG_DONTWAIT) < 0 && net_queued_bytes(world->net, session->id) == 0);
    assert_int_equal(session->drained, 1);
    close(fd);
}

/* Four times the budget of the test below, and less than a socket takes at once. */
static void refill(struct session *session)
{
    queue_events(session->world, session, 20);
}

static void what_a_socket_would_take_is_not_dropped(void **state)
{
    struct world *world = *state;
    static uint8_t got[20 * (EVENT_BYTES + 4)];
    struct session *session;
    int fd;

    start(world, 20000);
    world->on_drained = refill;
    fd = client_connect(world, &session);
    refill(session);
    for (int i = 0; i < 40; i++)
        client_read(world, fd, got, sizeof(got));
    assert_int_equal(session->dropped, 0);
    close(fd);
}

static void a_frame_that_all_wait_for_is_counted_once(void **state)
{
    struct world *world = *state;
    struct session *sessions[10];
    int fds[10];

    start(world, BUDGET);
    for (int i = 0; i < 10; i++)
        fds[i] = connect_stalled(world, &sessions[i]);
    for (int i = 0; i < 70; i++) {
        struct frame *frame = frame_new(EVENT_BYTES);

        memset(frame->bytes, 'e', EVENT_BYTES);
        frame->position = 1000;
        for (int j = 0; j < 10; j++)
            assert_int_not_equal(net_send_event(world->net, sessions[j]->id, 1, 2, frame), 0);
        frame_unref(frame);
    }
    world_turn(world); /* 2.8 MB by the queues, a tenth of that in memory */
    for (int i = 0; i < 10; i++) {
        assert_int_equal(sessions[i]->asked, 0);
        close(fds[i]);
    }
    RUN_UNTIL(world, world->closed == 10);
}

static void where_answers_take_the_budget_only_who_has_read_all_gets_more(void **state)
{
    struct world *world = *state;
    static uint8_t data[BUDGET + 1];
    struct session *greedy, *reading, *stalled;
    unsigned asked;
    int64_t start_ms;
    int fds[3];

    start(world, BUDGET);
    fds[0] = connect_stalled(world, &greedy);
    fds[1] = client_connect(world, &reading);
    fds[2] = connect_stalled(world, &stalled);
    server_send(world, greedy->id, 7, data, sizeof(data));
    world_turn(world);
    assert_true(net_queued_bytes(world->net, greedy->id) >= world->limits.queue_soft_limit_bytes);
    assert_true(net_queued_bytes(world->net, stalled->id) >= world->limits.queue_soft_limit_bytes);
    assert_int_equal(net_queued_bytes(world->net, reading->id), 0);
    asked = greedy->asked;
    start_ms = clock_now_ms();
    for (int i = 0; i < 50; i++) {
        server_send(world, reading->id, 7, "small", 5);
        world_turn(world);
    }
    /* Nobody looks in every turn for what is not there: for each of its few frames every 20 ms. */
    assert_true(greedy->asked - asked <= 3 * ((clock_now_ms() - start_ms) / 20 + 2));
    assert_int_equal(reading->drained, 50); /* one answer waited, and then none */
    close(fds[0]);
    RUN_UNTIL(world, greedy->closed);
    assert_in_range(net_queued_bytes(world->net, stalled->id), 1, BUDGET);
    close(fds[1]);
    close(fds[2]);
}

static void the_kernel_takes_little_for_a_peer_that_does_not_read(void **state)
{
    struct world *world = *state;
    struct session *session;
    uint64_t before;
    int fd;

    start(world, BUDGET);
    before = metrics.bytes_sent;
    fd = connect_stalled(world, &session);
    assert_in_range(metrics.bytes_sent - before, 1, 1 << 20); /* what the peer's own side takes, and 32 KiB */
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(past_the_budget_the_largest_queues_lose_their_events),
        TEST(who_lost_events_is_told_when_it_has_read_what_was_left),
        TEST(what_a_socket_would_take_is_not_dropped),
        TEST(a_frame_that_all_wait_for_is_counted_once),
        TEST(where_answers_take_the_budget_only_who_has_read_all_gets_more),
        TEST(the_kernel_takes_little_for_a_peer_that_does_not_read),
    };

    return cmocka_run_group_tests_name("net budget", tests, NULL, NULL);
}
