/* A link to Redis, with a server that answers when the test says so: stalls, time-outs, breaks. */
#include "unit.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/link.h"

#define PATIENCE_MS 20000
#define STALL_MS 200
#define TIMEOUT_MS 800

struct world {
    char directory[64];
    char path[96];
    struct event_base *base;
    struct event *pulse;
    struct evconnlistener *listener;
    struct bufferevent *peer; /* the connection that was made last */
    bool mute;                /* the server reads and does not answer */
    unsigned owed;            /* commands that it has not answered */
    unsigned seen;            /* commands in all */
    struct redis_address address;
    struct link *link;
    unsigned ups, downs, stalls, connections;
    unsigned answered, lost;  /* calls */
    unsigned downs_when_lost; /* how often the link had gone down when a call was told that it was lost */
};

/* ---- the server ---- */

static void answer(struct world *world, unsigned commands)
{
    for (; commands > 0 && world->owed > 0; commands--, world->owed--)
        bufferevent_write(world->peer, "+OK\r\n", 5);
}

static void on_commands(struct bufferevent *peer, void *context)
{
    struct world *world = context;
    struct evbuffer *input = bufferevent_get_input(peer);
    size_t size = evbuffer_get_length(input);
    const unsigned char *data = evbuffer_pullup(input, -1);

    for (size_t i = 0; i < size; i++)
        if (data[i] == '*') { /* each command has one */
            world->owed++;
            world->seen++;
        }
    evbuffer_drain(input, size);
    if (!world->mute)
        answer(world, world->owed);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer, int size, void *context)
{
    struct world *world = context;

    (void)listener;
    (void)peer;
    (void)size;
    if (world->peer)
        bufferevent_free(world->peer);
    world->connections++;
    world->owed = 0;
    world->peer = bufferevent_socket_new(world->base, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(world->peer, on_commands, NULL, NULL, world);
    bufferevent_enable(world->peer, EV_READ | EV_WRITE);
}

/* ---- the link's owner ---- */

static void on_up(void *context, struct link *link)
{
    struct world *world = context;

    link_settled(link);
    world->ups++;
}

static void on_down(void *context, struct link *link)
{
    (void)link;
    ((struct world *)context)->downs++;
}

static void on_stall(void *context, struct link *link)
{
    (void)link;
    ((struct world *)context)->stalls++;
}

static void on_error(void *context, struct link *link, const struct reply *reply)
{
    (void)context;
    fail_msg("%s: %s", link_name(link), reply_message(reply));
}

static const struct link_handlers handlers = {on_up, on_down, on_stall, on_error};

static void on_called(void *context, const struct reply *reply)
{
    struct world *world = context;

    if (reply) {
        world->answered++;
        return;
    }
    world->lost++;
    world->downs_when_lost = world->downs;
    assert_false(link_is_up(world->link));
    assert_int_equal(link_call(world->link, command_begin("ECHO"), on_called, world), -ENOTCONN);
}

static int call(struct world *world)
{
    return link_call(world->link, command_begin("ECHO"), on_called, world);
}

/* ---- */

static void on_pulse(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context;
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const struct timeval pulse = {.tv_usec = 5000};

    assert_non_null(world);
    snprintf(world->directory, sizeof(world->directory), "/tmp/feedd-test-link-XXXXXX");
    assert_non_null(mkdtemp(world->directory));
    snprintf(world->path, sizeof(world->path), "%s/redis.sock", world->directory);
    snprintf(name.sun_path, sizeof(name.sun_path), "%s", world->path);
    world->base = event_base_new();
    world->pulse = event_new(world->base, -1, EV_PERSIST, on_pulse, NULL);
    event_add(world->pulse, &pulse);
    world->listener = evconnlistener_new_bind(world->base, on_accept, world, LEV_OPT_CLOSE_ON_FREE, 4,
                                              (const struct sockaddr *)(const void *)&name, sizeof(name));
    assert_non_null(world->listener);
    assert_int_equal(redis_address_of_socket(world->path, &world->address), 0);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    link_free(world->link);
    if (world->peer)
        bufferevent_free(world->peer);
    evconnlistener_free(world->listener);
    event_free(world->pulse);
    event_base_free(world->base);
    redis_address_done(&world->address);
    unlink(world->path);
    rmdir(world->directory);
    free(world);
    return 0;
}

static void turn(struct world *world)
{
    link_flush(world->link);
    event_base_loop(world->base, EVLOOP_ONCE);
}

static void run_for(struct world *world, int64_t ms)
{
    for (int64_t until_ms = clock_now_ms() + ms; clock_now_ms() < until_ms;)
        turn(world);
}

#define RUN_UNTIL(world, condition)                                        \
    do {                                                                   \
        int64_t run_until_ms = clock_now_ms() + PATIENCE_MS;               \
        while (!(condition)) {                                             \
            if (clock_now_ms() > run_until_ms)                             \
                fail_msg("this never came true: %s", #condition);          \
            turn(world);                                                   \
        }                                                                  \
    } while (0)

static void start(struct world *world, bool blocking, const struct link_times *times)
{
    world->link = link_new(world->base, "test", &world->address, times, blocking, &handlers, world);
    assert_non_null(world->link);
    assert_int_equal(call(world), -ENOTCONN);
    link_start(world->link);
    RUN_UNTIL(world, world->ups == 1);
}

static const struct link_times usual = {.timeout_ms = TIMEOUT_MS, .stall_ms = STALL_MS};

static void a_link_that_is_not_answered_stalls_and_sends_nothing_more(void **state)
{
    struct world *world = *state;

    start(world, false, &usual);
    world->mute = true;
    assert_int_equal(call(world), 0);
    assert_int_equal(call(world), 0);
    int64_t called_ms = clock_now_ms();
    RUN_UNTIL(world, !link_is_up(world->link));
    assert_true(clock_now_ms() - called_ms >= STALL_MS - 1);
    assert_int_equal(world->stalls, 1);
    assert_int_equal(call(world), -ENOTCONN);
    unsigned seen = world->seen;
    run_for(world, STALL_MS);
    assert_int_equal(world->seen, seen);
    assert_int_equal(world->answered + world->lost, 0);

    answer(world, 1); /* the first answer ends it; what else was sent is answered too */
    RUN_UNTIL(world, link_is_up(world->link));
    assert_int_equal(world->stalls, 2);
    assert_int_equal(world->answered, 1);
    assert_int_equal(call(world), 0);
    world->mute = false;
    answer(world, world->owed);
    RUN_UNTIL(world, world->answered == 3);
    assert_int_equal(world->downs, 0);
    assert_int_equal(world->connections, 1);
}

static void an_idle_link_sees_that_redis_has_stopped(void **state)
{
    struct world *world = *state;

    start(world, false, &usual);
    run_for(world, STALL_MS);
    assert_true(world->seen > 1); /* signs of life were asked for */
    world->mute = true;
    int64_t stopped_ms = clock_now_ms();
    RUN_UNTIL(world, world->stalls == 1);
    assert_in_range(clock_now_ms() - stopped_ms, STALL_MS - 1, 4 * STALL_MS);
}

static void a_link_that_is_answered_late_but_in_time_does_not_stall(void **state)
{
    struct world *world = *state;

    start(world, false, &usual);
    world->mute = true;
    for (unsigned i = 0; i < 12; i++)
        assert_int_equal(call(world), 0);
    for (unsigned i = 0; i < 12; i++) { /* the last one waits for three times as long as would be a stall */
        run_for(world, STALL_MS / 4);
        answer(world, 1);
    }
    RUN_UNTIL(world, world->answered == 12);
    assert_int_equal(world->stalls, 0);
}

static void a_stall_that_does_not_end_ends_the_connection(void **state)
{
    struct world *world = *state;

    start(world, false, &usual);
    world->mute = true;
    assert_int_equal(call(world), 0);
    int64_t called_ms = clock_now_ms();
    RUN_UNTIL(world, world->lost == 1);
    assert_true(clock_now_ms() - called_ms >= TIMEOUT_MS);
    assert_int_equal(world->stalls, 1);
    assert_int_equal(world->downs_when_lost, 1);
    world->mute = false;
    RUN_UNTIL(world, world->ups == 2);
    assert_int_equal(call(world), 0);
    RUN_UNTIL(world, world->answered == 1);
}

static void calls_of_a_connection_that_breaks_are_told_after_its_owner(void **state)
{
    struct world *world = *state;

    start(world, false, &usual);
    world->mute = true;
    assert_int_equal(call(world), 0);
    assert_int_equal(call(world), 0);
    RUN_UNTIL(world, world->owed == 2);
    bufferevent_free(world->peer);
    world->peer = NULL;
    world->mute = false;
    RUN_UNTIL(world, world->lost == 2);
    assert_int_equal(world->downs_when_lost, 1);
    RUN_UNTIL(world, world->ups == 2);
    assert_int_equal(world->downs, 1);
}

static void a_time_out_shorter_than_a_stall_makes_the_stall_as_short(void **state)
{
    struct world *world = *state;

    start(world, false, &(struct link_times){.timeout_ms = STALL_MS, .stall_ms = 10 * TIMEOUT_MS});
    world->mute = true;
    int64_t stopped_ms = clock_now_ms();
    RUN_UNTIL(world, world->downs == 1); /* idle as it was */
    assert_in_range(clock_now_ms() - stopped_ms, STALL_MS, TIMEOUT_MS * 4);
}

static void a_blocking_link_is_not_pinged_and_does_not_stall(void **state)
{
    struct world *world = *state;

    start(world, true, &usual);
    unsigned seen = world->seen;
    run_for(world, 2 * STALL_MS);
    assert_int_equal(world->seen, seen);
    world->mute = true;
    assert_int_equal(call(world), 0);
    run_for(world, TIMEOUT_MS + STALL_MS);
    assert_true(link_is_up(world->link));
    answer(world, 1);
    RUN_UNTIL(world, world->answered == 1);
    assert_int_equal(world->stalls, 0);
    assert_int_equal(world->downs, 0);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_link_that_is_not_answered_stalls_and_sends_nothing_more),
        WITH_WORLD(an_idle_link_sees_that_redis_has_stopped),
        WITH_WORLD(a_link_that_is_answered_late_but_in_time_does_not_stall),
        WITH_WORLD(a_stall_that_does_not_end_ends_the_connection),
        WITH_WORLD(calls_of_a_connection_that_breaks_are_told_after_its_owner),
        WITH_WORLD(a_time_out_shorter_than_a_stall_makes_the_stall_as_short),
        WITH_WORLD(a_blocking_link_is_not_pinged_and_does_not_stall),
    };

    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
