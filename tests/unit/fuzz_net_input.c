/* A fuzz target: however a stream of bytes is cut into pieces, and wherever the upper room pauses, net hands up the
 * frames that a plain reading of the whole stream finds, and no others.
 *
 * An input is a row of pieces: a byte whose lower 7 bits times 7 say how many bytes follow, and whose highest bit
 * has the next frame answered by a pause; then those bytes. Built with -fsanitize=fuzzer -DFUZZING it is
 * libFuzzer's; otherwise it replays the files that it is given or, without any, inputs that it makes itself. */
#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "framing.h"
#include "net/internal.h"

#define FRAME_MAX_BYTES 1024

/* What net hands up is compared with the stream as it comes. */
struct check {
    struct net *net;
    uint64_t conn;
    uint8_t *stream; /* everything that was sent, without what belongs to the pieces */
    size_t stream_bytes, checked_bytes;
    bool pause;
    bool broken; /* net found framing broken */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_net_input: %s\n", what);
    abort();
}

/* framing_read_length() on what was not handed up yet. */
static int next_length(const struct check *check, size_t *ret_header_bytes, size_t *ret_body_bytes)
{
    return framing_read_length(check->stream + check->checked_bytes, check->stream_bytes - check->checked_bytes,
                               FRAME_MAX_BYTES, ret_header_bytes, ret_body_bytes);
}

static int on_open(void *context, uint64_t conn, void **ret_session)
{
    struct check *check = context;

    check->conn = conn;
    *ret_session = check;
    return 0;
}

static void on_frame(void *context, uint64_t conn, void *session, const uint8_t *data, size_t size)
{
    struct check *check = context;
    size_t header_bytes;
    size_t body_bytes;

    (void)session;
    require(next_length(check, &header_bytes, &body_bytes) == 1, "a frame where the stream has none");
    require(body_bytes == size, "a frame of another size");
    require(memcmp(check->stream + check->checked_bytes + header_bytes, data, size) == 0, "a frame with other bytes");
    check->checked_bytes += header_bytes + body_bytes;
    require(check->checked_bytes <= check->stream_bytes, "a frame that is not all there");
    if (check->pause)
        net_pause(check->net, conn);
    check->pause = false;
}

static void on_nothing(void *context, uint64_t conn, void *session)
{
    (void)context;
    (void)conn;
    (void)session;
}

static struct frame *last_frame(void *context, uint64_t conn, void *session, enum net_close_reason reason)
{
    struct check *check = context;

    (void)conn;
    (void)session;
    require(reason == NET_CLOSE_TOO_LARGE || reason == NET_CLOSE_PROTOCOL, "closed for another reason");
    check->broken = true;
    return NULL;
}

static void on_closed(void *context, uint64_t conn, void *session, enum net_close_reason reason,
                      const struct net_look *last)
{
    (void)reason;
    (void)last;
    on_nothing(context, conn, session);
}

static const struct net_handlers handlers = {
    .on_open = on_open,
    .on_frame = on_frame,
    .on_drained = on_nothing,
    .on_heartbeat = on_nothing,
    .last_frame = last_frame,
    .on_closed = on_closed,
};

static void turn(struct event_base *base, struct check *check)
{
    event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    net_turn(check->net);
    net_resume(check->net, check->conn);
}

/* What is left is no whole frame, unless something before it is no frame at all. */
static void check_rest(const struct check *check)
{
    size_t header_bytes = 0;
    size_t body_bytes = 0;
    int result = next_length(check, &header_bytes, &body_bytes);
    size_t left = check->stream_bytes - check->checked_bytes;

    require((result < 0) == check->broken, "broken framing was not noticed, or good framing called broken");
    require(result != 1 || left - header_bytes < body_bytes, "a whole frame was not handed up");
}

static void send_pieces(struct event_base *base, struct check *check, int fd, const uint8_t *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t piece = (size_t)(data[at] & 0x7f) * 7;

        check->pause = data[at++] & 0x80;
        piece = piece < size - at ? piece : size - at;
        memcpy(check->stream + check->stream_bytes, data + at, piece);
        check->stream_bytes += piece;
        if (send(fd, data + at, piece, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)piece)
            require(check->broken, "the connection ended");
        at += piece;
        turn(base, check);
    }
    for (size_t turns = 0; turns < size / 256 + 4; turns++)
        turn(base, check);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct net_limits limits = {.max_connections = 1,
                                      .max_frame_bytes = FRAME_MAX_BYTES,
                                      .queue_soft_limit_bytes = 1000,
                                      .queue_budget_bytes = 1000,
                                      .hello_timeout_ms = 1000000,
                                      .silence_limit_ms = 1000000,
                                      .stall_limit_ms = 1000000,
                                      .heartbeat_interval_ms = 1000000};
    struct event_base *base = event_base_new();
    struct check check = {.stream = malloc(size + 1)};
    int fds[2];

    require(base && check.stream && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0, "no memory");
    check.net = net_new(base, &limits, &handlers, &check);
    require(check.net, "no memory");
    conn_open(check.net, fds[0], &(struct net_peer){0});
    send_pieces(base, &check, fds[1], data, size);
    check_rest(&check);
    net_free(check.net);
    event_base_free(base);
    close(fds[1]);
    free(check.stream);
    return 0;
}

#ifndef FUZZING

#define MADE_INPUTS 4000
#define INPUT_MAX_BYTES 65536

static uint32_t random_state = 2463534242;

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % limit;
}

/* A stream of frames, now and then with a damaged byte, cut into pieces. */
static size_t make_input(uint8_t *out)
{
    static const uint32_t size_limits[] = {3, 20, 200, FRAME_MAX_BYTES + 1, FRAME_MAX_BYTES + 20};
    static uint8_t stream[20000];
    uint32_t size_limit = size_limits[random_below(5)];
    bool damaged = random_below(3) == 0;
    size_t stream_bytes = 0;
    size_t used = 0;

    while (stream_bytes < sizeof(stream) - 2 * FRAME_MAX_BYTES && random_below(300) != 0) {
        size_t size = random_below(size_limit);

        stream_bytes += framing_write_varint(stream + stream_bytes, size);
        for (size_t i = 0; i < size; i++)
            stream[stream_bytes++] = (uint8_t)random_below(256);
    }
    if (damaged && stream_bytes > 0)
        stream[random_below((uint32_t)stream_bytes)] ^= (uint8_t)(1 + random_below(255));
    for (size_t at = 0; at < stream_bytes;) {
        uint8_t units = (uint8_t)random_below(random_below(2) == 0 ? 4 : 128);
        size_t piece = (size_t)units * 7;

        piece = piece < stream_bytes - at ? piece : stream_bytes - at;
        out[used++] = (uint8_t)(units | (random_below(4) == 0 ? 0x80 : 0));
        memcpy(out + used, stream + at, piece);
        used += piece;
        at += piece;
    }
    return used;
}

#define FUZZ_INPUT_BYTES INPUT_MAX_BYTES
#define FUZZ_MADE_INPUTS MADE_INPUTS
#include "fuzz_main.h"

#endif
