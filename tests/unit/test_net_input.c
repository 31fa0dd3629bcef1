/* Reading: frames arrive whole and in order however the bytes arrive, and broken ones end only their own connection. */
#include "net_fixture.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/metrics.h"
#include "framing.h"

/* Frames of sizes around every boundary of the length, one after the other. */
static size_t make_assorted(uint8_t *out)
{
    static const size_t sizes[] = {1, 0, 2, 126, 127, 128, 129, 0, 300, 1023, 1024, 16383, 16384, 70000, 5};
    size_t used = 0;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        used += make_frame(out + used, sizes[i], (uint8_t)(i + 1));
    return used;
}

static void assert_received(const struct session *session, const uint8_t *expected, size_t bytes)
{
    assert_int_equal(session->received_bytes, bytes);
    assert_memory_equal(session->received, expected, bytes);
}

static void frames_arrive_whole_when_their_bytes_trickle(void **state)
{
    struct world *world = *state;
    struct session *session;
    static uint8_t bytes[2000];
    size_t size = 0;
    int fd;

    world_start(world);
    fd = client_connect(world, &session);
    size += make_frame(bytes + size, 3, 'a');
    size += make_frame(bytes + size, 0, 'b');
    size += make_frame(bytes + size, 128, 'c');
    size += make_frame(bytes + size, 300, 'd');
    for (size_t i = 0; i < size; i++) {
        uint64_t received = metrics.bytes_received;

        client_write(world, fd, bytes + i, 1);
        RUN_UNTIL(world, metrics.bytes_received == received + 1);
    }
    assert_int_equal(session->frames, 4);
    assert_received(session, bytes, size);
    close(fd);
}

static void frames_arrive_whole_in_pieces_of_any_size(void **state)
{
    struct world *world = *state;
    static uint8_t bytes[200000];
    size_t size = make_assorted(bytes);
    uint32_t random = 7;
    struct session *session;
    int fd;

    world_start(world);
    fd = client_connect(world, &session);
    for (int round = 1; round <= 5; round++) {
        for (size_t sent = 0; sent < size;) {
            size_t part = 1 + unit_random(&random) % (round < 3 ? 5000 : 60000);

            part = part < size - sent ? part : size - sent;
            client_write(world, fd, bytes + sent, part);
            sent += part;
        }
        RUN_UNTIL(world, session->received_bytes == size * (size_t)round);
        assert_memory_equal(session->received + size * (size_t)(round - 1), bytes, size);
    }
    close(fd);
}

static void thousands_of_frames_in_one_write_arrive_in_order(void **state)
{
    struct world *world = *state;
    static uint8_t bytes[20000 * 6];
    struct session *session;
    size_t size = 0;
    int fd;

    world_start(world);
    fd = client_connect(world, &session);
    for (uint32_t i = 0; i < 20000; i++) {
        bytes[size++] = 4;
        memcpy(bytes + size, &i, 4);
        size += 4;
    }
    client_write(world, fd, bytes, size);
    RUN_UNTIL(world, session->frames == 20000);
    assert_received(session, bytes, size);
    close(fd);
}

static void a_flood_on_one_connection_does_not_hold_up_another(void **state)
{
    struct world *world = *state;
    static uint8_t flood[60000]; /* all zero: empty frames */
    struct session *flooding;
    struct session *other;
    int flood_fd;
    int other_fd;

    world_start(world);
    flood_fd = client_connect(world, &flooding);
    other_fd = client_connect(world, &other);
    assert_int_equal(send(flood_fd, flood, sizeof(flood), MSG_DONTWAIT), sizeof(flood));
    assert_int_equal(send(other_fd, flood, 1, 0), 1);
    RUN_UNTIL(world, other->frames == 1);
    assert_true(flooding->frames < 5000);
    RUN_UNTIL(world, flooding->frames == sizeof(flood));
    close(flood_fd);
    close(other_fd);
}

static void a_frame_cut_at_any_byte_is_not_handed_up(void **state)
{
    struct world *world = *state;
    uint8_t whole[140];
    size_t size = make_frame(whole, 130, 'x');

    world_start(world);
    for (size_t cut = 0; cut < size && world->opened < SESSIONS_MAX - 1; cut += cut < 5 ? 1 : 9) {
        struct session *session;
        int fd = client_connect(world, &session);

        client_write(world, fd, whole, cut);
        close(fd);
        RUN_UNTIL(world, session->closed);
        assert_int_equal(session->reason, NET_CLOSE_PEER);
        assert_int_equal(session->frames, 0);
    }
    assert_int_equal(world->last_frames, 0);
}

static void frames_before_the_end_of_the_stream_count(void **state)
{
    struct world *world = *state;
    static uint8_t bytes[600];
    struct session *session;
    int fd;

    world_start(world);
    fd = client_connect(world, &session);
    assert_int_equal(send(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
    close(fd);
    RUN_UNTIL(world, session->closed);
    assert_int_equal(session->frames, sizeof(bytes));
}

/* Sends `bytes` and expects to be closed for `reason`, with the last frame, after `frames` good ones. */
static void expect_closed(struct world *world, const uint8_t *bytes, size_t size, unsigned frames,
                          enum net_close_reason reason)
{
    struct session *bystander;
    struct session *session;
    int other_fd = client_connect(world, &bystander);
    int fd = client_connect(world, &session);

    client_write(world, fd, bytes, size);
    client_expect_last_frame(world, fd, reason);
    client_expect_end(world, fd);
    close(fd);
    RUN_UNTIL(world, session->closed);
    assert_int_equal(session->reason, reason);
    assert_int_equal(session->frames, frames);
    client_write(world, other_fd, "\1x", 2);
    RUN_UNTIL(world, bystander->frames == 1);
    close(other_fd);
}

static void a_frame_above_the_limit_ends_the_connection_with_a_reason(void **state)
{
    struct world *world = *state;
    static uint8_t bytes[5000];
    size_t size;

    world->limits.max_frame_bytes = 2000;
    world_start(world);
    size = make_frame(bytes, 3, 'a');
    size += make_frame(bytes + size, 2001, 'b');
    expect_closed(world, bytes, size, 1, NET_CLOSE_TOO_LARGE);
    expect_closed(world, (const uint8_t *)"\xff\xff\xff\xff\x0f", 5, 0, NET_CLOSE_TOO_LARGE);
    size = make_frame(bytes, 2000, 'b');
    size += make_frame(bytes + size, 2001, 'b');
    expect_closed(world, bytes, size, 1, NET_CLOSE_TOO_LARGE);
}

static void a_length_that_is_none_ends_the_connection_with_a_reason(void **state)
{
    struct world *world = *state;

    world_start(world);
    expect_closed(world, (const uint8_t *)"\x80\x80\x80\x80\x80\x80", 6, 0, NET_CLOSE_PROTOCOL);
    expect_closed(world, (const uint8_t *)"\1x\xff\xff\xff\xff\xff\xff", 8, 1, NET_CLOSE_PROTOCOL);
}

static void admit_on_hello(struct session *session, const uint8_t *data, size_t size)
{
    (void)data;
    if (size == 1)
        net_admit(session->world->net, session->id);
}

static void before_admission_a_frame_has_at_most_1024_bytes(void **state)
{
    struct world *world = *state;
    static uint8_t bytes[5000];
    struct session *session;
    size_t size;
    int fd;

    world->admit_all = false;
    world->on_frame = admit_on_hello;
    world_start(world);
    fd = client_connect(world, &session);
    size = make_frame(bytes, 1024, 'a');
    size += make_frame(bytes + size, 1, 'h');    /* admits */
    size += make_frame(bytes + size, 2000, 'b'); /* in the same write */
    client_write(world, fd, bytes, size);
    RUN_UNTIL(world, session->frames == 3);
    close(fd);
    fd = client_connect(world, &session);
    client_write(world, fd, bytes, make_frame(bytes, 1025, 'a'));
    client_expect_last_frame(world, fd, NET_CLOSE_TOO_LARGE);
    client_expect_end(world, fd);
    close(fd);
}

static void pause_after_each(struct session *session, const uint8_t *data, size_t size)
{
    (void)data;
    (void)size;
    net_pause(session->world->net, session->id);
}

static void pausing_holds_back_and_resuming_goes_on_in_order(void **state)
{
    struct world *world = *state;
    static uint8_t bytes[200000];
    size_t size = make_assorted(bytes);
    struct session *session;
    unsigned frames = 0;
    size_t sent;
    int fd;

    world->on_frame = pause_after_each;
    world_start(world);
    fd = client_connect(world, &session);
    sent = (size_t)send(fd, bytes, size, MSG_DONTWAIT);
    while (frames < 15) {
        RUN_UNTIL(world, session->frames == frames + 1);
        frames++;
        world_turn(world);
        world_turn(world);
        assert_int_equal(session->frames, frames);
        if (sent < size)
            sent += (size_t)send(fd, bytes + sent, size - sent, MSG_DONTWAIT);
        net_resume(world->net, session->id);
        net_resume(world->net, session->id);
    }
    assert_received(session, bytes, size);
    close(fd);
}

static void a_paused_connection_reads_nothing_more(void **state)
{
    struct world *world = *state;
    static uint8_t bytes[1 << 20];
    struct session *session;
    uint64_t received = metrics.bytes_received;
    size_t sent = 0;
    int fd;

    for (size_t used = 0; used + 1000 <= sizeof(bytes); used += 1000)
        make_frame(bytes + used, 998, 'x');
    world->on_frame = pause_after_each;
    world_start(world);
    fd = client_connect(world, &session);
    for (int i = 0; i < 50; i++) {
        size_t at = sent % 1000;
        ssize_t part = send(fd, bytes + at, 1048000 - at, MSG_DONTWAIT);

        sent += part > 0 ? (size_t)part : 0;
        world_turn(world);
    }
    assert_int_equal(session->frames, 1);
    assert_true(metrics.bytes_received - received <= 64 * 1024);
    assert_true(sent > 64 * 1024);
    world->on_frame = NULL;
    net_resume(world->net, session->id);
    RUN_UNTIL(world, session->frames == sent / 1000);
    close(fd);
}

static void close_at_once(struct session *session, const uint8_t *data, size_t size)
{
    (void)data;
    (void)size;
    net_close(session->world->net, session->id, NET_CLOSE_PROTOCOL);
}

static void closing_from_within_a_frame_hands_up_no_more(void **state)
{
    struct world *world = *state;
    struct session *session;
    int fd;

    world->on_frame = close_at_once;
    world_start(world);
    fd = client_connect(world, &session);
    client_write(world, fd, "\1a\1b\1c\5par", 10);
    client_expect_last_frame(world, fd, NET_CLOSE_PROTOCOL);
    client_expect_end(world, fd);
    assert_int_equal(session->frames, 1);
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(frames_arrive_whole_when_their_bytes_trickle),
        TEST(frames_arrive_whole_in_pieces_of_any_size),
        TEST(thousands_of_frames_in_one_write_arrive_in_order),
        TEST(a_flood_on_one_connection_does_not_hold_up_another),
        TEST(a_frame_cut_at_any_byte_is_not_handed_up),
        TEST(frames_before_the_end_of_the_stream_count),
        TEST(a_frame_above_the_limit_ends_the_connection_with_a_reason),
        TEST(a_length_that_is_none_ends_the_connection_with_a_reason),
        TEST(before_admission_a_frame_has_at_most_1024_bytes),
        TEST(pausing_holds_back_and_resuming_goes_on_in_order),
        TEST(a_paused_connection_reads_nothing_more),
        TEST(closing_from_within_a_frame_hands_up_no_more),
    };

    return cmocka_run_group_tests_name("net input", tests, NULL, NULL);
}
