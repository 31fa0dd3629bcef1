/* feedbench floor: a server that only copies bytes, below which no server's cost can lie. It is started by other
 * subcommands and is no use alone.
 *
 * The first byte of a connection says what it is: 'S', a subscriber, which is answered by an empty message; 'P', a publisher.
 * A message is its length in four bytes (the host's own order) and that many bytes. What a publisher sends goes to every
 * subscriber as it is, one send() for each message. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "process.h"
#include "wire.h"

#define EVENTS 256
#define INPUT_BYTES (1 << 20)

struct peer {
    int fd;
    char kind; /* 0: not said yet */
    struct buffer in;  /* of a publisher */
    struct buffer out; /* what the socket did not take */
    struct peer *next; /* subscriber */
};

struct floor {
    int epoll;
    int listener;
    struct peer *subscribers;
    uint8_t *input;
};

static void watch(struct floor *floor, struct peer *peer, int operation)
{
    uint32_t room = peer->out.start < peer->out.end ? EPOLLOUT : 0;
    struct epoll_event event = {.events = EPOLLIN | room, .data.ptr = peer};

    epoll_ctl(floor->epoll, operation, peer->fd, &event);
}

static void drain(struct floor *floor, struct peer *peer)
{
    ssize_t sent = send(peer->fd, peer->out.data + peer->out.start, peer->out.end - peer->out.start,
                        MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent > 0)
        peer->out.start += (size_t)sent;
    if (peer->out.start == peer->out.end)
        watch(floor, peer, EPOLL_CTL_MOD);
}

static void give(struct floor *floor, struct peer *peer, const uint8_t *data, size_t bytes)
{
    ssize_t sent = 0;

    if (peer->fd < 0)
        return;
    if (peer->out.start == peer->out.end)
        sent = send(peer->fd, data, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent == (ssize_t)bytes)
        return;
    buffer_add(&peer->out, data + (sent > 0 ? sent : 0), bytes - (size_t)(sent > 0 ? sent : 0));
    watch(floor, peer, EPOLL_CTL_MOD);
}

/* Copies every whole message to every subscriber. Returns how many bytes they were. */
static size_t copy(struct floor *floor, const uint8_t *data, size_t bytes)
{
    size_t done = 0;
    uint32_t length;

    while (bytes - done >= sizeof(length)) {
        memcpy(&length, data + done, sizeof(length));
        if (bytes - done < sizeof(length) + length)
            break;
        for (struct peer *peer = floor->subscribers; peer; peer = peer->next)
            give(floor, peer, data + done, sizeof(length) + length);
        done += sizeof(length) + length;
    }
    return done;
}

static void on_input(struct floor *floor, struct peer *peer)
{
    static const uint8_t ready[4];
    size_t kept = peer->in.end - peer->in.start;
    ssize_t received = recv(peer->fd, floor->input, INPUT_BYTES, MSG_DONTWAIT);
    size_t skipped = 0;

    if (received < 0 && errno == EAGAIN)
        return;
    if (received <= 0) { /* a subscriber stays in the list, as the floor serves one crowd and ends with it */
        close(peer->fd);
        peer->fd = -1;
        return;
    }
    if (peer->kind == 0) {
        peer->kind = (char)floor->input[0];
        skipped = 1;
        if (peer->kind == 'S') {
            peer->next = floor->subscribers;
            floor->subscribers = peer;
            give(floor, peer, ready, sizeof(ready));
        }
    }
    if (peer->kind != 'P')
        return;
    if (kept == 0)
        skipped += copy(floor, floor->input + skipped, (size_t)received - skipped);
    if (skipped < (size_t)received)
        buffer_add(&peer->in, floor->input + skipped, (size_t)received - skipped);
    if (kept > 0)
        peer->in.start += copy(floor, peer->in.data + peer->in.start, peer->in.end - peer->in.start);
}

static void accept_all(struct floor *floor)
{
    int on = 1;
    int fd;

    while ((fd = accept4(floor->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct peer *peer = calloc(1, sizeof(*peer));

        if (!peer) {
            close(fd);
            continue;
        }
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        peer->fd = fd;
        watch(floor, peer, EPOLL_CTL_ADD);
    }
}

static int listen_somewhere(struct floor *floor)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t bytes = sizeof(address);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    floor->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    floor->epoll = epoll_create1(EPOLL_CLOEXEC);
    floor->input = malloc(INPUT_BYTES);
    if (floor->listener < 0 || floor->epoll < 0 || !floor->input ||
        bind(floor->listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(floor->listener, 4096) < 0 ||
        getsockname(floor->listener, (struct sockaddr *)&address, &bytes) < 0 ||
        epoll_ctl(floor->epoll, EPOLL_CTL_ADD, floor->listener, &event) < 0)
        return -errno;
    printf("port=%" PRIu16 "\n", ntohs(address.sin_port));
    fflush(stdout);
    return 0;
}

/* Runs until it is ended by a signal. */
static enum bench_exit run_floor(const struct bench_command *command, int argc, char **argv)
{
    struct floor floor = {0};
    struct epoll_event events[EVENTS];
    int r = bench_parse_options(command, NULL, 0, argc, argv);

    if (r != 0)
        return r < 0 ? BENCH_USAGE : BENCH_DONE;
    process_raise_descriptors();
    if (listen_somewhere(&floor) < 0)
        return BENCH_FAILED;
    for (;;) {
        int count = epoll_wait(floor.epoll, events, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            struct peer *peer = events[i].data.ptr;

            if (!peer) {
                accept_all(&floor);
                continue;
            }
            if (peer->fd >= 0 && (events[i].events & EPOLLOUT))
                drain(&floor, peer);
            if (peer->fd >= 0 && (events[i].events & ~(uint32_t)EPOLLOUT))
                on_input(&floor, peer);
        }
    }
}

const struct bench_command floor_command = {
    .name = "floor",
    .summary = "a server that only copies bytes, for other subcommands to compare with",
    .hidden = true,
    .run = run_floor,
};
