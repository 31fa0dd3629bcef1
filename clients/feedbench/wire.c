#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"

#define SCRATCH_BYTES (1 << 20)
#define EVENTS 512

uint8_t *buffer_room(struct buffer *buffer, size_t bytes)
{
    if (buffer->start == buffer->end)
        buffer->start = buffer->end = 0;
    if (buffer->start > 0 && buffer->end + bytes > buffer->capacity) {
        memmove(buffer->data, buffer->data + buffer->start, buffer->end - buffer->start);
        buffer->end -= buffer->start;
        buffer->start = 0;
    }
    if (buffer->end + bytes > buffer->capacity) {
        size_t capacity = (buffer->end + bytes) * 2;
        uint8_t *data = realloc(buffer->data, capacity);

        if (!data) {
            fputs("feedbench: out of memory\n", stderr);
            abort();
        }
        buffer->data = data;
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->end;
}

void buffer_add(struct buffer *buffer, const void *data, size_t bytes)
{
    memcpy(buffer_room(buffer, bytes), data, bytes);
    buffer->end += bytes;
}

void buffer_done(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}

int wires_init(struct wires *wires)
{
    *wires = (struct wires){.epoll = epoll_create1(EPOLL_CLOEXEC), .scratch = malloc(SCRATCH_BYTES)};
    if (wires->epoll >= 0 && wires->scratch)
        return 0;
    wires_done(wires);
    return -ENOMEM;
}

void wires_done(struct wires *wires)
{
    if (wires->epoll >= 0)
        close(wires->epoll);
    free(wires->scratch);
    *wires = (struct wires){.epoll = -1};
}

static int connect_socket(const struct wire_address *address, bool at_once)
{
    struct sockaddr_in internet = {.sin_family = AF_INET, .sin_port = htons(address->port)};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    int fd = socket(address->path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (at_once ? SOCK_NONBLOCK : 0), 0);
    int on = 1;
    int r;

    if (fd < 0)
        return -errno;
    internet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (address->path) {
        snprintf(local.sun_path, sizeof(local.sun_path), "%s", address->path);
        r = connect(fd, (struct sockaddr *)&local, sizeof(local));
    } else {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        r = connect(fd, (struct sockaddr *)&internet, sizeof(internet));
    }
    if (r < 0 && errno != EINPROGRESS) {
        r = -errno;
        close(fd);
        return r;
    }
    return fd;
}

int wire_open(struct wires *wires, struct wire *wire, const struct wire_address *address, bool at_once)
{
    struct epoll_event event = {.events = EPOLLIN | (at_once ? EPOLLOUT : 0), .data.ptr = wire};
    int fd = connect_socket(address, at_once);

    if (fd < 0)
        return fd;
    if (epoll_ctl(wires->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        int error = errno;

        close(fd);
        return -error;
    }
    wire->fd = fd;
    wire->waits = at_once;
    return 0;
}

void wire_close(struct wire *wire)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    if (wire->fd >= 0) {
        (void)setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
        close(wire->fd);
    }
    wire->fd = -1;
    buffer_done(&wire->in);
    buffer_done(&wire->out);
}

static void fail(struct wires *wires, struct wire *wire, int error)
{
    if (wires->error == 0)
        wires->error = error;
    wire_close(wire);
}

void wire_flush(struct wires *wires, struct wire *wire)
{
    struct buffer *out = &wire->out;
    bool waits;

    if (wire->fd < 0 || (out->start == out->end && !wire->waits))
        return;
    while (out->start < out->end) {
        ssize_t sent = send(wire->fd, out->data + out->start, out->end - out->start, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            fail(wires, wire, -errno);
            return;
        }
        if (sent < 0)
            break;
        out->start += (size_t)sent;
    }
    waits = out->start < out->end;
    if (waits != wire->waits) {
        struct epoll_event event = {.events = EPOLLIN | (waits ? EPOLLOUT : 0), .data.ptr = wire};

        (void)epoll_ctl(wires->epoll, EPOLL_CTL_MOD, wire->fd, &event);
        wire->waits = waits;
    }
}

static void receive(struct wires *wires, struct wire *wire)
{
    size_t kept = wire->in.end - wire->in.start;
    uint8_t *data = wires->scratch;
    ssize_t received;
    size_t taken;

    /* What was kept goes in front. Should it fill the scratch buffer, its owner takes nothing any more. */
    if (kept >= SCRATCH_BYTES) {
        fail(wires, wire, -EMSGSIZE);
        return;
    }
    if (kept > 0)
        memcpy(data, wire->in.data + wire->in.start, kept);
    received = recv(wire->fd, data + kept, SCRATCH_BYTES - kept, MSG_DONTWAIT);
    if (received < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (received <= 0) {
        fail(wires, wire, received < 0 ? -errno : -ECONNRESET);
        return;
    }
    wires->now_ns = clock_ns();
    wires->bytes_in += (uint64_t)received;
    taken = wire->on_input(wire, data, kept + (size_t)received);
    if (wire->fd < 0)
        return;
    wire->in.start = wire->in.end = 0;
    if (taken < kept + (size_t)received)
        buffer_add(&wire->in, data + taken, kept + (size_t)received - taken);
}

void wires_turn(struct wires *wires, uint64_t until_ns)
{
    struct epoll_event events[EVENTS];
    uint64_t now = clock_ns();
    uint64_t left = until_ns > now ? until_ns - now : 0;
    struct timespec timeout = {(time_t)(left / NS_PER_S), (long)(left % NS_PER_S)};
    int count = epoll_pwait2(wires->epoll, events, EVENTS, &timeout, NULL);

    for (int i = 0; i < count; i++) {
        struct wire *wire = events[i].data.ptr;

        if (wire->fd >= 0 && (events[i].events & EPOLLOUT))
            wire_flush(wires, wire);
        if (wire->fd >= 0 && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
            receive(wires, wire);
    }
}

void wire_segments(const struct wire *wire, uint64_t *ret_segments, uint64_t *ret_bytes)
{
    struct tcp_info info = {0};
    socklen_t bytes = sizeof(info);

    if (wire->fd < 0 || getsockopt(wire->fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) < 0)
        return;
    *ret_segments += info.tcpi_data_segs_in;
    *ret_bytes += info.tcpi_bytes_received;
}

uint32_t wire_resent(const struct wire *wire)
{
    struct tcp_info info = {0};
    socklen_t bytes = sizeof(info);

    return wire->fd >= 0 && getsockopt(wire->fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) == 0 ? info.tcpi_total_retrans : 0;
}
