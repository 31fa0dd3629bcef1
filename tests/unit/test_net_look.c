/* What connections look like from outside, and how long they are remembered to have been. */
#include "net_fixture.h"

#include <sys/socket.h>
#include <unistd.h>

/* Looks at every connection; returns how many there are, and the last one. */
static unsigned look_at_all(const struct world *world, struct net_look *ret_look)
{
    struct net_look look;
    unsigned count = 0;

    for (uint32_t place = 0; net_look_next(world->net, &place, &look);)
        if (look.conn != 0) {
            count++;
            *ret_look = look;
        }
    return count;
}

static void each_connection_is_seen_once_with_who_is_there(void **state)
{
    struct world *world = *state;
    struct net_look look = {0};
    struct session *session;
    char name[NET_PEER_NAME_BYTES];
    int fds[2];

    world_start(world);
    assert_int_equal(look_at_all(world, &look), 0);
    fds[0] = client_connect(world, &session);
    assert_int_equal(look_at_all(world, &look), 1);
    assert_int_equal(look.conn, session->id);
    assert_ptr_equal(look.session, session);
    assert_true(look.admitted);
    assert_false(look.closing);
    assert_int_equal(look.blocked_ms, 0);
    assert_in_range(look.opened_ms, 1, clock_now_ms());
    assert_int_equal(strncmp(net_peer_name(look.peer, name), "127.0.0.1:", 10), 0);
    fds[1] = client_connect(world, &session);
    assert_int_equal(look_at_all(world, &look), 2);
    close(fds[0]);
    RUN_UNTIL(world, world->closed == 1);
    assert_int_equal(look_at_all(world, &look), 1);
    assert_int_equal(look.conn, session->id);
    close(fds[1]);
    RUN_UNTIL(world, world->closed == 2);
}

static void what_waits_is_seen_with_the_log_entry_that_it_tells_of(void **state)
{
    struct world *world = *state;
    struct net_look look = {0};
    struct session *session;
    int fd;

    world_start(world);
    fd = client_connect(world, &session);
    server_send(world, session->id, 1, "an answer", 9);
    server_send_event(world, session->id, 2, FRAME_TOKEN, 10);
    server_send_event(world, session->id, 2, 4711, 100);
    assert_int_equal(look_at_all(world, &look), 1);
    assert_int_equal(look.queued_frames, 3);
    assert_int_equal(look.oldest_position, 4711);
    assert_true(look.queued_bytes > 100);
    assert_int_equal(look.sent_bytes, 0);
    RUN_UNTIL(world, (look_at_all(world, &look), look.queued_frames == 0));
    assert_int_equal(look.oldest_position, 0);
    assert_true(look.sent_bytes > 119);
    while (look.blocked_ms == 0) {
        server_send_event(world, session->id, 2, 4711, 100000);
        world_turn(world);
        look_at_all(world, &look);
    }
    assert_in_range(look.blocked_ms, look.opened_ms, clock_now_ms());
    close(fd);
    RUN_UNTIL(world, world->closed == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_connection_is_seen_once_with_who_is_there, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(what_waits_is_seen_with_the_log_entry_that_it_tells_of, world_set_up, world_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
