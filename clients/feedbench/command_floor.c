/* feedbench floor: a server that only copies bytes, below which no server's cost can lie. It is started by other
 * subcommands and is no use alone.
 *
 * Numbers have four bytes, in the host's own order. The first byte of a connection says what it is: 'S', a subscriber, and how
 * many channels it hears, and each of them, which is answered by an empty message; or 'P', a publisher. A message is its length
 * and that many bytes. A publisher puts the channel before it; the rest goes to every subscriber of that as it is, one send()
 * for each message. */
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
#define NUMBER sizeof(uint32_t)

struct peer {
    int fd;
    char kind; /* 0: not said yet */
    struct buffer in;  /* what is not whole yet */
    struct buffer out; /* what the socket did not take */
};

struct channel {
    struct peer **subscribers;
    uint32_t count;
    uint32_t capacity;
};

struct floor {
    int epoll;
    int listener;
    struct channel *channels;
    size_t channel_count;
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

/* NULL if nobody hears it. */
static const struct channel *channel_of(const struct floor *floor, uint32_t number)
{
    return number < floor->channel_count ? &floor->channels[number] : NULL;
}

/* Makes room for channels up to this number. False if memory ended. */
static bool have_channel(struct floor *floor, uint32_t number)
{
    size_t count = (size_t)number * 2 + 1;
    struct channel *channels;

    if (number < floor->channel_count)
        return true;
    channels = realloc(floor->channels, count * sizeof(*channels));
    if (!channels)
        return false;
    memset(channels + floor->channel_count, 0, (count - floor->channel_count) * sizeof(*channels));
    floor->channels = channels;
    floor->channel_count = count;
    return true;
}

static void hear(struct floor *floor, struct peer *peer, uint32_t number)
{
    struct channel *channel;

    if (!have_channel(floor, number))
        return;
    channel = &floor->channels[number];
    if (channel->count == channel->capacity) {
        uint32_t capacity = channel->capacity ? channel->capacity * 2 : 8;
        struct peer **subscribers = realloc(channel->subscribers, capacity * sizeof(*subscribers));

        if (!subscribers)
            return;
        channel->subscribers = subscribers;
        channel->capacity = capacity;
    }
    channel->subscribers[channel->count++] = peer;
}

static uint32_t number_at(const uint8_t *data)
{
    uint32_t number;

    memcpy(&number, data, sizeof(number));
    return number;
}

/* What a subscriber says, once it is whole. Returns how many bytes that was. */
static size_t subscribe(struct floor *floor, struct peer *peer, const uint8_t *data, size_t bytes)
{
    static const uint8_t ready[NUMBER];
    uint32_t count = bytes < NUMBER ? 0 : number_at(data);

    if (bytes < NUMBER || (bytes - NUMBER) / NUMBER < count)
        return 0;
    for (uint32_t i = 1; i <= count; i++)
        hear(floor, peer, number_at(data + i * NUMBER));
    give(floor, peer, ready, sizeof(ready));
    return (1 + (size_t)count) * NUMBER;
}

/* Copies every whole message to every subscriber of its channel. Returns how many bytes they were. */
static size_t copy(struct floor *floor, const uint8_t *data, size_t bytes)
{
    size_t done = 0;

    while (bytes - done >= 2 * NUMBER) {
        const uint8_t *message = data + done + NUMBER;
        size_t whole = NUMBER + (size_t)number_at(message);
        const struct channel *channel = channel_of(floor, number_at(data + done));

        if (bytes - done < NUMBER + whole)
            break;
        for (uint32_t i = 0; channel && i < channel->count; i++)
            give(floor, channel->subscribers[i], message, whole);
        done += NUMBER + whole;
    }
    return done;
}

/* Takes what is whole. Returns how many bytes that was. */
static size_t take(struct floor *floor, struct peer *peer, const uint8_t *data, size_t bytes)
{
    size_t done = 0;

    if (peer->kind == 0) {
        peer->kind = (char)data[0];
        done = 1;
    }
    return done + (peer->kind == 'P' ? copy(floor, data + done, bytes - done) : subscribe(floor, peer, data + done, bytes - done));
}

static void on_input(struct floor *floor, struct peer *peer)
{
    size_t kept = peer->in.end - peer->in.start;
    ssize_t received = recv(peer->fd, floor->input, INPUT_BYTES, MSG_DONTWAIT);
    size_t taken;

    if (received < 0 && errno == EAGAIN)
        return;
    if (received <= 0) { /* a subscriber stays in its channels, as the floor serves one crowd and ends with it */
        close(peer->fd);
        peer->fd = -1;
        return;
    }
    taken = kept == 0 ? take(floor, peer, floor->input, (size_t)received) : 0;
    if (taken < (size_t)received)
        buffer_add(&peer->in, floor->input + taken, (size_t)received - taken);
    if (kept > 0)
        peer->in.start += take(floor, peer, peer->in.data + peer->in.start, peer->in.end - peer->in.start);
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
