/* Sending: what the peer reads is what was queued, in order, however slowly it reads; what waits is counted in memory. */
#include "net_fixture.h"

#include <sys/socket.h>
#include <unistd.h>

#include "framing.h"
#include "net/frame_queue.h"

/* What a frame of queue_up() takes in memory, alone, and on the wire. */
#define MEMORY_OF_ONE (sizeof(struct frame) + 1000)
#define WIRE_OF_ONE 1004
#define MEMORY_OF_ARRAY 4096 /* at most, for a few hundred frames */

/* The bytes that a frame is on the wire: what the peer should read. */
static size_t wire_frame(uint8_t *out, uint32_t request_id, const uint8_t *data, size_t size)
{
    uint8_t field[6];
    size_t field_bytes = 0;
    size_t used;

    if (request_id != 0) {
        field[field_bytes++] = 0x08;
        field_bytes += framing_write_varint(field + field_bytes, request_id);
    }
    used = framing_write_varint(out, field_bytes + size);
    memcpy(out + used, field, field_bytes);
    memcpy(out + used + field_bytes, data, size);
    return used + field_bytes + size;
}

static void each_frame_goes_out_with_its_length_and_request_id(void **state)
{
    static const uint32_t ids[] = {0, 1, 127, 128, 16384, UINT32_MAX};
    static const size_t sizes[] = {0, 1, 120, 125, 126, 127, 128, 300};
    struct world *world = *state;
    static uint8_t expected[10000];
    static uint8_t got[10000];
    uint8_t data[300];
    struct session *session;
    size_t used = 0, held = 0;
    int fd;

    world_start(world);
    fd = client_connect(world, &session);
    memset(data, 0x5a, sizeof(data));
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
            used += wire_frame(expected + used, ids[i], data, sizes[j]);
            held += sizeof(struct frame) + sizes[j];
            assert_in_range(server_send(world, session->id, ids[i], data, sizes[j]), held, held + MEMORY_OF_ARRAY);
        }
    }
    assert_in_range(net_queued_bytes(world->net, session->id), held, held + MEMORY_OF_ARRAY);
    client_read(world, fd, got, used);
    assert_memory_equal(got, expected, used);
    assert_int_equal(net_queued_bytes(world->net, session->id), 0);
    close(fd);
}

static void one_frame_goes_to_many_connections_and_is_freed_once(void **state)
{
    struct world *world = *state;
    struct session *sessions[10];
    struct frame *frame = frame_new(5);
    int fds[10];

    world_start(world);
    memcpy(frame->bytes, "hello", 5);
    for (uint32_t i = 0; i < 10; i++)
        fds[i] = client_connect(world, &sessions[i]);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(net_send(world->net, sessions[i]->id, i, frame), frame_memory_bytes(frame));
    }
    assert_int_equal(frame->refs, 11);
    for (uint32_t i = 0; i < 10; i++) {
        uint8_t got[8];

        client_read(world, fds[i], got, i == 0 ? 6 : 8);
        assert_memory_equal(got + (i == 0 ? 1 : 3), "hello", 5);
        close(fds[i]);
    }
    assert_int_equal(frame->refs, 1);
    frame_unref(frame);
}

static void a_slow_reader_gets_every_byte_in_order(void **state)
{
    struct world *world = *state;
    static uint8_t data[900000];
    static uint8_t got[1000000];
    const size_t total = 12 << 20;
    uint8_t *expected = malloc(total + sizeof(data) + 16);
    uint32_t random = 3;
    size_t queued = 0;
    size_t read = 0;
    struct session *session;
    int fd;

    world_start(world);
    fd = client_connect(world, &session);
    assert_non_null(expected);
    for (uint32_t id = 1; queued < total; id++) {
        /* Mostly small ones; some larger than anything that is sent at once. */
        size_t size = unit_random(&random) % (id % 50 == 0 ? sizeof(data) : 2000);

        for (size_t i = 0; i < size; i++)
            data[i] = (uint8_t)unit_random(&random);
        queued += wire_frame(expected + queued, id, data, size);
        assert_int_not_equal(server_send(world, session->id, id, data, size), 0);
        if (id % 64 == 0)
            world_turn(world);
    }
    assert_true(net_queued_bytes(world->net, session->id) > 0); /* the socket alone could not take it */
    while (read < queued) {
        size_t part = 1 + unit_random(&random) % sizeof(got);

        part = part < queued - read ? part : queued - read;
        client_read(world, fd, got, part);
        assert_memory_equal(got, expected + read, part);
        read += part;
    }
    RUN_UNTIL(world, net_queued_bytes(world->net, session->id) == 0);
    free(expected);
    close(fd);
}

/* Queues frames of 1,000 bytes until `bytes` wait. */
static void queue_up(struct world *world, const struct session *session, size_t bytes)
{
    static uint8_t data[1000];

    while (server_send(world, session->id, 1, data, sizeof(data)) < bytes)
        ;
}

static void read_until_drained(struct world *world, int fd, const struct session *session)
{
    static uint8_t sink[100000];

    RUN_UNTIL(world, recv(fd, sink, sizeof(sink), MSG_DONTWAIT) < 0 && session->drained > 0);
}

static void draining_below_half_of_the_soft_limit_is_reported_once(void **state)
{
    struct world *world = *state;
    struct session *session;
    int fd;

    world->limits.queue_soft_limit_bytes = 32 << 20; /* more than sockets take */
    world_start(world);
    fd = client_connect(world, &session);
    queue_up(world, session, (32 << 20) - 2000);
    world_turn(world);
    assert_int_equal(session->drained, 0);
    queue_up(world, session, 32 << 20);
    world_run_for(world, 20);
    assert_true(net_queued_bytes(world->net, session->id) > 16 << 20);
    assert_int_equal(session->drained, 0);
    read_until_drained(world, fd, session);
    assert_int_equal(session->drained, 1);
    read_until_drained(world, fd, session);
    RUN_UNTIL(world, net_queued_bytes(world->net, session->id) == 0);
    assert_int_equal(session->drained, 1);
    close(fd);
}

#define ONCE 50 /* frames, and the array that they need */
#define MEMORY_OF_THEM (ONCE * MEMORY_OF_ONE + 64 * sizeof(struct frame_entry))

static void refill_once(struct session *session)
{
    if (session->drained == 1)
        queue_up(session->world, session, session->world->limits.queue_soft_limit_bytes);
}

static void more_may_be_queued_while_draining_is_reported(void **state)
{
    struct world *world = *state;
    struct session *session;
    static uint8_t got[2 * ONCE * WIRE_OF_ONE];
    int fd;

    world->limits.queue_soft_limit_bytes = MEMORY_OF_THEM;
    world->on_drained = refill_once;
    world_start(world);
    fd = client_connect(world, &session);
    queue_up(world, session, MEMORY_OF_THEM);
    client_read(world, fd, got, sizeof(got));
    RUN_UNTIL(world, session->drained == 2);
    close(fd);
}

static void what_is_queued_before_closing_still_arrives(void **state)
{
    struct world *world = *state;
    static uint8_t got[1004];
    struct session *session;
    int fd;

    world_start(world);
    fd = client_connect(world, &session);
    for (int i = 0; i < 400; i++)
        queue_up(world, session, 1);
    net_close(world->net, session->id, NET_CLOSE_SHUTDOWN);
    assert_int_equal(server_send(world, session->id, 1, "x", 1), 0);
    /* What the client goes on sending must not take the end away from it. */
    client_write(world, fd, "\1a\1b\1c", 6);
    for (int i = 0; i < 400; i++)
        client_read(world, fd, got, sizeof(got));
    client_expect_last_frame(world, fd, NET_CLOSE_SHUTDOWN);
    client_write(world, fd, "\1a\1b\1c", 6);
    client_expect_end(world, fd);
    assert_false(session->closed);
    close(fd);
    RUN_UNTIL(world, session->closed);
    assert_int_equal(session->reason, NET_CLOSE_SHUTDOWN);
    assert_int_equal(session->frames, 0);
}

static void a_client_that_does_not_take_the_end_is_gone_after_a_second(void **state)
{
    struct world *world = *state;
    struct session *stuck;
    struct session *idle;
    int64_t start_ms;
    int stuck_fd;
    int idle_fd;

    world_start(world);
    stuck_fd = client_connect(world, &stuck);
    idle_fd = client_connect(world, &idle);
    queue_up(world, stuck, 12 << 20);
    start_ms = clock_now_ms();
    net_close_all(world->net, NET_CLOSE_SHUTDOWN);
    RUN_UNTIL(world, stuck->closed && idle->closed);
    assert_in_range(clock_now_ms() - start_ms, 900, PATIENCE_MS);
    assert_int_equal(net_connections(world->net), 0);
    close(stuck_fd);
    close(idle_fd);
}

static void a_reader_that_goes_away_takes_its_queue_with_it(void **state)
{
    struct world *world = *state;
    struct session *session;
    int fd;

    world_start(world);
    fd = client_connect(world, &session);
    queue_up(world, session, 12 << 20);
    world_turn(world);
    close(fd);
    RUN_UNTIL(world, session->closed);
    assert_int_equal(session->reason, NET_CLOSE_PEER);
    assert_int_equal(net_queued_bytes(world->net, session->id), 0);
    assert_int_equal(server_send(world, session->id, 1, "x", 1), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_frame_goes_out_with_its_length_and_request_id),
        TEST(one_frame_goes_to_many_connections_and_is_freed_once),
        TEST(a_slow_reader_gets_every_byte_in_order),
        TEST(draining_below_half_of_the_soft_limit_is_reported_once),
        TEST(more_may_be_queued_while_draining_is_reported),
        TEST(what_is_queued_before_closing_still_arrives),
        TEST(a_client_that_does_not_take_the_end_is_gone_after_a_second),
        TEST(a_reader_that_goes_away_takes_its_queue_with_it),
    };

    return cmocka_run_group_tests_name("net output", tests, NULL, NULL);
}
