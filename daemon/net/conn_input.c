/* Reading. Whole frames are handed up straight out of the process's buffer; a connection owns a buffer only while a
 * part of a frame, or frames that are held back, wait in it. It grows with what has arrived, never with what a
 * length claims. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "framing.h"
#include "net/internal.h"

/* Frames handed up before others have their turn. */
#define FRAMES_PER_TURN 256

#define INPUT_CAPACITY_MIN 64

static bool may_hand_up(const struct conn *conn)
{
    return conn_is_open(conn) && !conn->paused;
}

static size_t frame_limit(const struct conn *conn)
{
    return conn->state == CONN_GREETING ? GREETING_FRAME_MAX_BYTES : conn->net->limits->max_frame_bytes;
}

static size_t input_bytes(const struct conn *conn)
{
    return conn->input_end - conn->input_start;
}

/* Hands up the whole frames at `data`, *budget at most. Returns the bytes that they took. Closes where framing is
 * broken. */
static size_t hand_up(struct conn *conn, const uint8_t *data, size_t size, unsigned *budget)
{
    const struct net *net = conn->net;
    size_t taken = 0;

    while (*budget > 0 && may_hand_up(conn)) {
        size_t header_bytes;
        size_t body_bytes;
        int result = framing_read_length(data + taken, size - taken, frame_limit(conn), &header_bytes, &body_bytes);

        if (result < 0) {
            conn_close(conn, result == -EMSGSIZE ? NET_CLOSE_TOO_LARGE : NET_CLOSE_PROTOCOL);
            break;
        }
        if (result == 0 || size - taken - header_bytes < body_bytes)
            break;
        taken += header_bytes + body_bytes;
        (*budget)--;
        net->handlers->on_frame(net->context, conn->id, conn->session, data + taken - body_bytes, body_bytes);
    }
    return taken;
}

/* The size of the frame that `input` starts with, its length included; 0 while that is not known. */
static size_t announced_bytes(const struct conn *conn)
{
    size_t header_bytes;
    size_t body_bytes;

    if (framing_read_length(conn->input + conn->input_start, input_bytes(conn), UINT32_MAX, &header_bytes,
                            &body_bytes) != 1)
        return 0;
    return header_bytes + body_bytes;
}

static void input_drop(struct conn *conn)
{
    free(conn->input);
    conn->input = NULL;
    conn->input_start = conn->input_end = conn->input_capacity = 0;
}

/* The first `bytes` are done with. */
static void input_consume(struct conn *conn, size_t bytes)
{
    conn->input_start += (uint32_t)bytes;
    if (conn->input_start == conn->input_end)
        input_drop(conn);
}

/* Moves the input to a buffer of `capacity` bytes. */
static int input_move(struct conn *conn, size_t capacity)
{
    uint8_t *input = malloc(capacity);

    if (!input)
        return -ENOMEM;
    if (conn->input)
        memcpy(input, conn->input + conn->input_start, input_bytes(conn));
    free(conn->input);
    conn->input = input;
    conn->input_end -= conn->input_start;
    conn->input_start = 0;
    conn->input_capacity = (uint32_t)capacity;
    return 0;
}

/* Keeps `data` behind what is there. Room is doubled up to the frame's announced size, and at least what is needed. */
static void input_append(struct conn *conn, const uint8_t *data, size_t size)
{
    if (conn->input_capacity - conn->input_end < size) {
        size_t announced = conn->input ? announced_bytes(conn) : 0;
        size_t needed = input_bytes(conn) + size;
        size_t capacity = (size_t)conn->input_capacity * 2;

        if (capacity < INPUT_CAPACITY_MIN)
            capacity = INPUT_CAPACITY_MIN;
        if (capacity > announced)
            capacity = announced;
        if (capacity < needed)
            capacity = needed;
        if (input_move(conn, capacity) < 0) {
            conn_close(conn, NET_CLOSE_MEMORY);
            return;
        }
    }
    memcpy(conn->input + conn->input_end, data, size);
    conn->input_end += (uint32_t)size;
}

/* After a stop: go on in the next turn if only the budget was used up. */
static void hold_back(struct conn *conn, unsigned budget)
{
    conn->held = budget == 0 && conn->input && may_hand_up(conn);
    if (conn->held)
        net_add_work(conn);
}

/* Completes the frame that `input` starts with, byte by byte until its length is known. Returns the bytes taken. */
static size_t complete_first(struct conn *conn, const uint8_t *data, size_t size, unsigned *budget)
{
    size_t taken = 0;

    while (conn->input && taken < size && *budget > 0 && may_hand_up(conn)) {
        size_t announced = announced_bytes(conn);
        size_t missing = announced == 0 ? 1 : announced - input_bytes(conn);
        size_t part = missing < size - taken ? missing : size - taken;

        input_append(conn, data + taken, part);
        taken += part;
        if (conn_is_open(conn))
            input_consume(conn, hand_up(conn, conn->input + conn->input_start, input_bytes(conn), budget));
    }
    return taken;
}

static void receive(struct conn *conn, const uint8_t *data, size_t size)
{
    unsigned budget = FRAMES_PER_TURN;
    size_t taken = complete_first(conn, data, size, &budget);

    if (taken < size && !conn->input)
        taken += hand_up(conn, data + taken, size - taken, &budget);
    if (taken < size && conn_is_open(conn))
        input_append(conn, data + taken, size - taken);
    hold_back(conn, budget);
}

void conn_read(struct conn *conn)
{
    struct net *net = conn->net;
    ssize_t bytes;

    /* What is held back comes first, and nothing is read on top of it. */
    if (conn->held)
        return;
    bytes = recv(conn->fd, net->input_scratch, sizeof(net->input_scratch), MSG_DONTWAIT);
    if (bytes < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (bytes <= 0) {
        conn_end(conn, NET_CLOSE_PEER);
        return;
    }
    metrics.bytes_received += (uint64_t)bytes;
    conn->received_ms = clock_now_ms();
    if (conn_is_open(conn))
        receive(conn, net->input_scratch, (size_t)bytes);
}

void conn_read_held(struct conn *conn)
{
    unsigned budget = FRAMES_PER_TURN;

    conn->held = false;
    if (!conn->input || !may_hand_up(conn))
        return;
    input_consume(conn, hand_up(conn, conn->input + conn->input_start, input_bytes(conn), &budget));
    hold_back(conn, budget);
    /* A part of a frame needs no room for all that was held back; if there is no memory to say so, it keeps it. */
    if (conn->input && !conn->held && may_hand_up(conn))
        (void)input_move(conn, input_bytes(conn));
}
