/* See net_fixture.h. */
#include "net_fixture.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "framing.h"

static int on_open(void *context, uint64_t conn, void **ret_session)
{
    struct world *world = context;
    struct session *session = &world->sessions[world->opened];

    if (world->refuse_with < 0)
        return world->refuse_with;
    assert_true(world->opened < SESSIONS_MAX);
    world->opened++;
    session->world = world;
    session->id = conn;
    *ret_session = session;
    if (world->admit_all)
        net_admit(world->net, conn);
    return 0;
}

static void on_frame(void *context, uint64_t conn, void *session_pointer, const uint8_t *data, size_t size)
{
    struct world *world = context;
    struct session *session = session_pointer;
    uint8_t header[10];
    size_t header_bytes = framing_write_varint(header, size);

    assert_int_equal(session->id, conn);
    assert_false(session->closed);
    if (session->received_capacity - session->received_bytes < header_bytes + size) {
        session->received_capacity = (session->received_bytes + header_bytes + size) * 2;
        session->received = realloc(session->received, session->received_capacity);
        assert_non_null(session->received);
    }
    memcpy(session->received + session->received_bytes, header, header_bytes);
    memcpy(session->received + session->received_bytes + header_bytes, data, size);
    session->received_bytes += header_bytes + size;
    session->frames++;
    if (world->on_frame)
        world->on_frame(session, data, size);
}

static void on_drained(void *context, uint64_t conn, void *session_pointer)
{
    struct world *world = context;
    struct session *session = session_pointer;

    assert_int_equal(session->id, conn);
    session->drained++;
    if (world->on_drained)
        world->on_drained(session);
}

static bool on_drop(void *context, uint64_t conn, void *session_pointer, uint32_t request_id, uint32_t stream,
                    uint64_t position)
{
    struct session *session = session_pointer;

    (void)context;
    assert_int_equal(session->id, conn);
    assert_int_equal(request_id + 1, stream); /* as server_send_event() has it */
    assert_int_not_equal(position, 0);
    session->asked++;
    if (position == POSITION_KEPT)
        return false;
    session->dropped++;
    return true;
}

static void on_heartbeat(void *context, uint64_t conn, void *session_pointer)
{
    struct session *session = session_pointer;

    (void)context;
    assert_int_equal(session->id, conn);
    session->heartbeats++;
}

static struct frame *last_frame(void *context, uint64_t conn, void *session_pointer, enum net_close_reason reason)
{
    struct world *world = context;
    char text[32];
    int length = snprintf(text, sizeof(text), LAST_WORD "%d", (int)reason);
    struct frame *frame = frame_new((size_t)length);

    if (reason == NET_CLOSE_FULL)
        assert_null(session_pointer);
    else
        assert_int_equal(((struct session *)session_pointer)->id, conn);
    world->last_frames++;
    world->last_frame_reason = reason;
    if (frame) /* else memory was made to end: the peer learns no reason */
        memcpy(frame->bytes, text, (size_t)length);
    return frame;
}

static void on_closed(void *context, uint64_t conn, void *session_pointer, enum net_close_reason reason,
                      const struct net_look *last)
{
    struct world *world = context;
    struct session *session = session_pointer;

    assert_int_equal(session->id, conn);
    assert_int_equal(last->conn, conn);
    assert_false(session->closed);
    assert_null(net_session(world->net, conn));
    session->closed = true;
    session->reason = reason;
    world->closed++;
}

static const struct net_handlers handlers = {
    .on_open = on_open,
    .on_frame = on_frame,
    .on_drained = on_drained,
    .on_drop = on_drop,
    .on_heartbeat = on_heartbeat,
    .last_frame = last_frame,
    .on_closed = on_closed,
};

static void on_pulse(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context;
}

int world_set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    const struct timeval pulse = {.tv_usec = 2000};

    if (!world)
        return -1;
    world->limits = (struct net_limits){
        .max_connections = SESSIONS_MAX,
        .max_frame_bytes = 1 << 20,
        .queue_soft_limit_bytes = 1 << 20,
        .queue_budget_bytes = 1 << 30,
        .hello_timeout_ms = 600000,
        .silence_limit_ms = 600000,
        .stall_limit_ms = 600000,
        .heartbeat_interval_ms = 600000,
    };
    world->base = event_base_new();
    world->pulse = event_new(world->base, -1, EV_PERSIST, on_pulse, NULL);
    event_add(world->pulse, &pulse);
    world->admit_all = true;
    *state = world;
    return 0;
}

void world_start(struct world *world)
{
    world->net = net_new(world->base, &world->limits, &handlers, world);
    assert_non_null(world->net);
    assert_int_equal(net_listen_tcp(world->net, "127.0.0.1:0", &world->port), 0);
    assert_int_not_equal(world->port, 0);
}

int world_tear_down(void **state)
{
    struct world *world = *state;

    net_free(world->net);
    event_free(world->pulse);
    event_base_free(world->base);
    for (unsigned i = 0; i < world->opened; i++) {
        assert_true(world->sessions[i].closed); /* whatever was opened was closed, too */
        free(world->sessions[i].received);
    }
    free(world);
    return 0;
}

void world_turn(struct world *world)
{
    event_base_loop(world->base, EVLOOP_ONCE);
    net_turn(world->net);
    world->turns++;
}

void world_run_for(struct world *world, int64_t duration_ms)
{
    int64_t until_ms = clock_now_ms() + duration_ms;

    while (clock_now_ms() < until_ms)
        world_turn(world);
}

int client_connect(struct world *world, struct session **ret_session)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(world->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned opened = world->opened;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    if (ret_session) {
        RUN_UNTIL(world, world->opened == opened + 1);
        *ret_session = &world->sessions[opened];
    }
    return fd;
}

void client_write(struct world *world, int fd, const void *data, size_t size)
{
    int64_t until_ms = clock_now_ms() + PATIENCE_MS;
    size_t written = 0;

    while (written < size) {
        ssize_t bytes = send(fd, (const uint8_t *)data + written, size - written, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (bytes < 0 && errno != EAGAIN)
            fail_msg("writing: %s", strerror(errno));
        written += bytes > 0 ? (size_t)bytes : 0;
        if (clock_now_ms() > until_ms)
            fail_msg("nobody reads what is written");
        world_turn(world);
    }
}

void client_read(struct world *world, int fd, void *out, size_t size)
{
    int64_t until_ms = clock_now_ms() + PATIENCE_MS;
    size_t read = 0;

    while (read < size) {
        ssize_t bytes = recv(fd, (uint8_t *)out + read, size - read, MSG_DONTWAIT);

        if (bytes == 0 || (bytes < 0 && errno != EAGAIN))
            fail_msg("reading ended after %zu of %zu bytes: %s", read, size, bytes == 0 ? "end" : strerror(errno));
        read += bytes > 0 ? (size_t)bytes : 0;
        if (clock_now_ms() > until_ms)
            fail_msg("only %zu of %zu bytes came", read, size);
        if (bytes < 0)
            world_turn(world);
    }
}

void client_expect_end(struct world *world, int fd)
{
    int64_t until_ms = clock_now_ms() + PATIENCE_MS;
    uint8_t byte;
    ssize_t bytes;

    while ((bytes = recv(fd, &byte, 1, MSG_DONTWAIT)) < 0 && errno == EAGAIN) {
        if (clock_now_ms() > until_ms)
            fail_msg("the connection was not closed");
        world_turn(world);
    }
    assert_int_equal(bytes, 0);
}

void client_expect_last_frame(struct world *world, int fd, enum net_close_reason reason)
{
    char expected[32];
    char text[32];
    int length = snprintf(expected + 1, sizeof(expected) - 1, LAST_WORD "%d", (int)reason);

    expected[0] = (char)length;
    client_read(world, fd, text, (size_t)length + 1);
    assert_memory_equal(text, expected, (size_t)length + 1);
}

size_t make_frame(uint8_t *out, size_t size, uint8_t fill)
{
    size_t header_bytes = framing_write_varint(out, size);

    memset(out + header_bytes, fill, size);
    return header_bytes + size;
}

size_t server_send(struct world *world, uint64_t conn, uint32_t request_id, const void *data, size_t size)
{
    struct frame *frame = frame_new(size);
    size_t queued;

    assert_non_null(frame);
    memcpy(frame->bytes, data, size);
    queued = net_send(world->net, conn, request_id, frame);
    frame_unref(frame);
    return queued;
}

size_t server_send_event(struct world *world, uint64_t conn, uint32_t request_id, uint64_t position, size_t size)
{
    struct frame *frame = frame_new(size);
    size_t queued;

    assert_non_null(frame);
    memset(frame->bytes, 'e', size);
    frame->position = position;
    queued = net_send_event(world->net, conn, request_id, request_id + 1, frame);
    frame_unref(frame);
    return queued;
}
