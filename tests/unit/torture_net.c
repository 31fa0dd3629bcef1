/* The frame queue, connections and listeners when memory, libevent or a system call fails. A connection whose work cannot be
 * done ends, and the peer sees that: what it got until then is the beginning of what it should get, and the next connection
 * gets all of it. What must not be noticed (EINTR, EAGAIN, short counts) is not. Listeners come back. */
#include "net_fixture.h"
#include "torture.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "framing.h"
#include "net/frame_queue.h"

/* ---- the frame queue ---- */

#define QUEUED 100

static size_t held; /* by all queues, in memory */

static void push(struct frame_queue *queue, struct frame *frame, uint32_t request_id)
{
    const struct frame_entry entry = {.frame = frame, .request_id = request_id};
    size_t bytes = queue->bytes, held_before = held;
    uint32_t refs = frame->refs;

    if (frame_queue_push(queue, &entry, &held) == 0)
        return;
    assert_true(torture_struck());
    assert_int_equal(queue->bytes, bytes);
    assert_int_equal(held, held_before);
    assert_int_equal(frame->refs, refs);
    assert_int_equal(frame_queue_push(queue, &entry, &held), 0);
}

/* Three frames in, two frames out, so that the ring wraps and grows. */
static void queue_frames(void)
{
    struct frame_queue queue = {0};
    uint8_t out[4096];
    uint32_t taken = 0;
    struct frame *frame;

    while (!(frame = frame_new(1)))
        assert_true(torture_struck());
    frame->bytes[0] = 'x';
    for (uint32_t i = 0; i < QUEUED; i++) {
        push(&queue, frame, 1 + i);
        if (i % 3 != 2)
            continue;
        for (int j = 0; j < 2; j++) {
            const uint8_t expected[] = {3, 0x08, (uint8_t)(1 + taken), 'x'};

            assert_true(frame_queue_gather(&queue, out, sizeof(out)) >= sizeof(expected));
            assert_memory_equal(out, expected, sizeof(expected));
            frame_queue_consume(&queue, sizeof(expected), &held);
            taken++;
        }
    }
    assert_int_equal(queue.count, QUEUED - taken);
    frame_queue_clear(&queue, &held);
    assert_int_equal(held, 0);
    assert_int_equal(frame->refs, 1);
    frame_unref(frame);
}

static void frames_queue_up_or_are_refused(void **state)
{
    (void)state;
    torture_spare("clock_gettime");
    torture("frames queue up", queue_frames, 4);
}

/* ---- a connection ---- */

#define REQUESTS 12
#define ANSWER_BYTES 40000 /* twelve of these do not fit in a socket */
#define EXPECTED_MAX (REQUESTS * (ANSWER_BYTES + 16))

/* Each frame is answered with one of its own first byte, in a few parts. */
static void answer(struct session *session, const uint8_t *data, size_t size)
{
    static uint8_t text[ANSWER_BYTES];
    struct frame *frame;

    assert_true(size >= 1);
    memset(text, data[0], sizeof(text));
    torture_pause();
    frame = frame_new(sizeof(text));
    torture_resume();
    assert_non_null(frame);
    memcpy(frame->bytes, text, sizeof(text));
    net_send(session->world->net, session->id, data[0], frame);
    frame_unref(frame);
}

static size_t expected_answers(uint8_t *out)
{
    size_t used = 0;

    for (uint8_t i = 1; i <= REQUESTS; i++) {
        used += framing_write_varint(out + used, 2 + ANSWER_BYTES);
        out[used++] = 0x08;
        out[used++] = i;
        memset(out + used, i, ANSWER_BYTES);
        used += ANSWER_BYTES;
    }
    return used;
}

static int dial(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int small = 4096, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Writes what `data` has left, as far as it goes. False when the connection has ended. */
static bool write_some(int fd, const uint8_t *data, size_t size, size_t *written)
{
    ssize_t bytes = *written < size ? send(fd, data + *written, size - *written, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;

    *written += bytes > 0 ? (size_t)bytes : 0;
    return bytes >= 0 || errno == EAGAIN;
}

/* One connection: asks for everything and reads what comes until there is all of it, or the end. Returns the bytes. */
static size_t exchange(struct world *world, uint8_t *out, size_t wanted)
{
    uint8_t requests[REQUESTS * 600];
    size_t size = 0, written = 0, got = 0, first;
    int64_t until_ms = clock_now_ms() + PATIENCE_MS;
    bool open = true;
    int fd = dial(world->port);

    for (uint8_t i = 1; i <= REQUESTS; i++)
        size += make_frame(requests + size, i % 2 ? 500 : 1, i);
    for (first = 0; first < 700; first += 70) { /* in parts, so that a frame waits until it is whole */
        size_t until = first + 70;

        while (open && written < until && clock_now_ms() < until_ms) {
            open = write_some(fd, requests, until, &written);
            world_turn(world);
        }
    }
    while (open && got < wanted) {
        ssize_t bytes = recv(fd, out + got, wanted - got, MSG_DONTWAIT);

        open = write_some(fd, requests, size, &written) && bytes != 0 && (bytes > 0 || errno == EAGAIN);
        got += bytes > 0 ? (size_t)bytes : 0;
        if (bytes < 0)
            world_turn(world);
        if (clock_now_ms() > until_ms)
            fail_msg("only %zu of %zu bytes came, and no end", got, wanted);
    }
    close(fd);
    return got;
}

/* What came before the end: the beginning of what was expected, and perhaps why it ends. */
static void expect_beginning(const uint8_t *got, size_t bytes, const uint8_t *expected)
{
    uint8_t last[32];
    size_t last_bytes = (size_t)snprintf((char *)last + 1, sizeof(last) - 1, LAST_WORD "%d", (int)NET_CLOSE_MEMORY) + 1;

    last[0] = (uint8_t)(last_bytes - 1);
    if (bytes >= last_bytes && memcmp(got + bytes - last_bytes, last, last_bytes) == 0)
        bytes -= last_bytes;
    assert_memory_equal(got, expected, bytes);
}

static void converse(void)
{
    static uint8_t expected[EXPECTED_MAX], got[EXPECTED_MAX];
    size_t size = expected_answers(expected), bytes;
    struct world *world;

    torture_pause();
    world_set_up((void **)&world);
    world->limits.queue_soft_limit_bytes = 3 * ANSWER_BYTES;
    world->on_frame = answer;
    world_start(world);
    torture_resume();
    bytes = exchange(world, got, size);
    if (bytes < size || memcmp(got, expected, size) != 0) {
        assert_false(torture_is_harmless());
        expect_beginning(got, bytes, expected);
        assert_int_equal(exchange(world, got, size), size);
        assert_memory_equal(got, expected, size);
    }
    assert_true(world->sessions[world->opened - 1].frames == REQUESTS);
    assert_true(world->sessions[world->opened - 1].drained > 0); /* the socket was full, and took all of it in the end */
    RUN_UNTIL(world, net_connections(world->net) == 0);
    torture_pause();
    world_tear_down((void **)&world);
    torture_resume();
}

static void a_connection_does_its_work_or_ends(void **state)
{
    (void)state;
    torture_spare("clock_gettime");
    torture("a connection is served", converse, 60);
}

/* ---- a connection that the server ends, one that is refused ---- */

static void end_and_refuse(void)
{
    struct world *world;
    struct session *session = NULL;
    char byte[64];
    int fds[2];

    torture_pause();
    world_set_up((void **)&world);
    world->limits.max_connections = 1;
    world_start(world);
    torture_resume();
    do {
        fds[0] = dial(world->port);
        for (int turns = 0; world->opened == 0 && turns < 200 && recv(fds[0], byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0; turns++)
            world_turn(world);
        if (world->opened == 0) {
            assert_false(torture_is_harmless());
            close(fds[0]);
        }
    } while (world->opened == 0);
    session = &world->sessions[0];
    fds[1] = dial(world->port);
    /* The second is told why, unless the first was the one that the failure hit. */
    int64_t until_ms = clock_now_ms() + PATIENCE_MS;
    ssize_t bytes;
    while ((bytes = recv(fds[1], byte, sizeof(byte), MSG_DONTWAIT)) < 0 && errno == EAGAIN && world->opened == 1 &&
           clock_now_ms() < until_ms)
        world_turn(world);
    if (world->opened == 1 && bytes <= 0)
        assert_true(torture_struck());
    assert_true(clock_now_ms() < until_ms);
    if (!session->closed)
        net_close(world->net, session->id, NET_CLOSE_SHUTDOWN);
    RUN_UNTIL(world, session->closed || recv(fds[0], byte, sizeof(byte), MSG_DONTWAIT) == 0);
    close(fds[0]);
    close(fds[1]);
    RUN_UNTIL(world, net_connections(world->net) == 0);
    assert_true(torture_struck() || world->last_frames == 2);
    torture_pause();
    world_tear_down((void **)&world);
    torture_resume();
}

static void one_too_many_is_refused_and_an_end_is_an_end(void **state)
{
    (void)state;
    torture_spare("clock_gettime");
    torture("connections are refused and ended", end_and_refuse, 40);
}

/* ---- listeners ---- */

static bool answers(const char *path, uint16_t port)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_in remote = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), result;

    assert_true(fd >= 0);
    if (path)
        snprintf(local.sun_path, sizeof(local.sun_path), "%s", path);
    result = path ? connect(fd, (struct sockaddr *)&local, sizeof(local))
                  : connect(fd, (struct sockaddr *)&remote, sizeof(remote));
    close(fd);
    return result == 0;
}

/* What a killed daemon leaves behind. */
static void leave_stale(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
}

static void start_listening(void)
{
    const struct net_limits limits = {.max_connections = 4, .queue_budget_bytes = 1 << 30, .hello_timeout_ms = 1000, .silence_limit_ms = 1000,
                                      .stall_limit_ms = 1000, .heartbeat_interval_ms = 1000};
    static const struct net_handlers handlers; /* nobody comes */
    struct event_base *base = event_base_new();
    char folder[] = "/tmp/torture-net.XXXXXX", path[64];
    struct stat file;
    struct net *net;
    uint16_t port = 0;

    assert_non_null(base);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/socket", folder);
    leave_stale(path);
    while (!(net = net_new(base, &limits, &handlers, NULL)))
        assert_true(torture_struck());
    if (net_listen_tcp(net, "127.0.0.1:0", &port) < 0) {
        assert_true(torture_struck());
        assert_int_equal(port, 0);
        assert_int_equal(net_listen_tcp(net, "127.0.0.1:0", &port), 0);
    }
    assert_int_not_equal(port, 0);
    if (net_listen_unix(net, path, 0660, NET_OWN_GROUP) < 0) {
        assert_true(torture_struck());
        assert_int_equal(net_listen_unix(net, path, 0660, NET_OWN_GROUP), 0);
    }
    assert_true(answers(NULL, port));
    assert_true(answers(path, 0));
    net_free(net);
    event_base_free(base);
    assert_false(answers(NULL, port));
    assert_true(lstat(path, &file) < 0 || torture_struck_at("unlink") || torture_struck_at("lstat"));
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
}

static void listening_begins_or_says_why_not(void **state)
{
    (void)state;
    torture_spare("clock_gettime");
    torture("listening begins", start_listening, 30);
}

/* The listener has no descriptor left, and rests; whatever fails in between, it comes back. */
static void rest_and_return(void)
{
    struct world *world;
    struct session *session;
    int fd;

    torture_pause();
    world_set_up((void **)&world);
    world_start(world);
    torture_resume();
    torture_force("accept4", EMFILE, 1);
    fd = dial(world->port);
    for (int64_t until_ms = clock_now_ms() + PATIENCE_MS; world->opened == 0; world_turn(world)) {
        char byte;

        assert_true(clock_now_ms() < until_ms);
        if (recv(fd, &byte, 1, MSG_DONTWAIT) != 0)
            continue;
        assert_true(torture_struck()); /* it was this connection that the failure hit */
        close(fd);
        fd = dial(world->port);
    }
    session = &world->sessions[0];
    close(fd);
    RUN_UNTIL(world, session->closed);
    torture_pause();
    world_tear_down((void **)&world);
    torture_resume();
}

static void a_listener_that_rests_comes_back(void **state)
{
    (void)state;
    torture_spare("clock_gettime");
    torture("a listener rests and comes back", rest_and_return, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TORTURE(frames_queue_up_or_are_refused),
        TORTURE(a_connection_does_its_work_or_ends),
        TORTURE(one_too_many_is_refused_and_an_end_is_an_end),
        TORTURE(listening_begins_or_says_why_not),
        TORTURE(a_listener_that_rests_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
