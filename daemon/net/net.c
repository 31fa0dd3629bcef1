/* See net.h: the room's functions, the slots, the turn of the loop. */
#include "net/net.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "net/internal.h"

#define TICK_MIN_MS 5
#define TICK_MAX_MS 100

#define NO_SLOT UINT32_MAX
#define CACHE_LINE_BYTES 64
#define READY_MAX 256 /* connections that are served in one go */

static const char *const reason_names[NET_CLOSE_REASONS] = {
    [NET_CLOSE_PEER] = "peer",     [NET_CLOSE_PROTOCOL] = "protocol", [NET_CLOSE_TOO_LARGE] = "too-large",
    [NET_CLOSE_SILENT] = "silent", [NET_CLOSE_STALLED] = "stalled",   [NET_CLOSE_NO_HELLO] = "no-hello",
    [NET_CLOSE_FULL] = "full",     [NET_CLOSE_SHUTDOWN] = "shutdown", [NET_CLOSE_MEMORY] = "memory",
    [NET_CLOSE_KILLED] = "killed",
};

const char *net_close_reason_name(enum net_close_reason reason)
{
    return reason_names[reason];
}

/* ------------------------------------------------------------------------------------------------- metrics */

static const char *reason_of_metric(unsigned value)
{
    return value < NET_CLOSE_REASONS ? reason_names[value] : NULL;
}

static const char *state_of_metric(unsigned value)
{
    static const char *const names[] = {
        [CONN_GREETING] = "greeting", [CONN_ADMITTED] = "admitted", [CONN_CLOSING] = "closing", [CONN_LINGERING] = "lingering"};

    return names[value];
}

_Static_assert(sizeof(metrics.connections) / sizeof(uint64_t) == CONN_ENDED, "one for each state of a connection that is there");
_Static_assert(sizeof(metrics.connections_closed) / sizeof(uint64_t) >= NET_CLOSE_REASONS, "one for each reason");

/* ------------------------------------------------------------------------------------------------- slots */

/* Links the slots from `from` to the end into the list of free ones. */
static void link_free_slots(struct net *net, uint32_t from)
{
    for (uint32_t slot = net->slot_count; slot > from; slot--) {
        net->slots[slot - 1] = (struct net_slot){.next_free = net->first_free};
        net->first_free = slot - 1;
    }
}

static int grow_slots(struct net *net)
{
    uint32_t old_count = net->slot_count;
    uint32_t count = old_count == 0 ? 64 : old_count * 2;
    struct net_slot *slots;

    if (count < old_count)
        return -ENOMEM;
    slots = realloc(net->slots, (size_t)count * sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    net->slots = slots;
    net->slot_count = count;
    link_free_slots(net, old_count);
    return 0;
}

int net_slot_take(struct net *net, struct conn *conn)
{
    const struct timeval tick = {.tv_usec = (suseconds_t)net->wheel.tick_ms * 1000};
    uint32_t slot;

    if (net->first_free == NO_SLOT && grow_slots(net) < 0)
        return -ENOMEM;
    if (net->connections == 0) {
        if (event_add(&net->tick, &tick) < 0)
            return -ENOMEM;
        /* The wheel stood still while it was empty. */
        wheel_advance(&net->wheel, clock_now_ms(), NULL, NULL);
    }
    slot = net->first_free;
    net->first_free = net->slots[slot].next_free;
    net->slots[slot].conn = conn;
    net->slots[slot].generation++;
    conn->id = (uint64_t)net->slots[slot].generation << 32 | (net->limits->first_id + slot);
    net->connections++;
    return 0;
}

static uint32_t slot_of(const struct net *net, uint64_t id)
{
    return (uint32_t)id - net->limits->first_id;
}

void net_slot_give(struct net *net, uint64_t id)
{
    uint32_t slot = slot_of(net, id);

    net->slots[slot].conn = NULL;
    /* An id is never used again: a slot without fresh ids is left out from here on. */
    if (net->slots[slot].generation < UINT32_MAX) {
        net->slots[slot].next_free = net->first_free;
        net->first_free = slot;
    }
    net->connections--;
    if (net->connections == 0)
        event_del(&net->tick);
}

static struct conn *find(const struct net *net, uint64_t id)
{
    uint32_t slot = slot_of(net, id);
    struct conn *conn = slot < net->slot_count ? net->slots[slot].conn : NULL;

    return conn && conn->id == id ? conn : NULL;
}

/* NULL also while the connection is being closed. */
static struct conn *find_open(const struct net *net, uint64_t id)
{
    struct conn *conn = find(net, id);

    return conn && conn_is_open(conn) ? conn : NULL;
}

/* ---------------------------------------------------------------------------------------------- lifecycle */

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context;
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    struct net *net = context;
    int64_t now_ms = clock_now_ms();

    (void)fd;
    (void)what;
    wheel_advance(&net->wheel, now_ms, conn_on_timer, &now_ms);
}

/* A connection may end while others are served: each is found by its id. What is not taken now is told again. */
static void on_ready(evutil_socket_t fd, short what, void *context)
{
    struct net *net = context;
    struct epoll_event ready[READY_MAX];
    int count = epoll_wait(net->epoll_fd, ready, READY_MAX, 0);

    (void)fd;
    (void)what;
    for (int i = 0; i < count; i++) {
        struct conn *conn = find(net, ready[i].data.u64);

        if (conn)
            conn_on_ready(conn, ready[i].events);
    }
}

/* A quarter of the shortest limit: deadlines are kept as well as they are meant. */
static uint32_t tick_for(const struct net_limits *limits)
{
    uint32_t tick_ms = limits->hello_timeout_ms;

    if (tick_ms > limits->silence_limit_ms)
        tick_ms = limits->silence_limit_ms;
    if (tick_ms > limits->stall_limit_ms)
        tick_ms = limits->stall_limit_ms;
    if (tick_ms > limits->heartbeat_interval_ms)
        tick_ms = limits->heartbeat_interval_ms;
    tick_ms /= 4;
    if (tick_ms < TICK_MIN_MS)
        return TICK_MIN_MS;
    return tick_ms > TICK_MAX_MS ? TICK_MAX_MS : tick_ms;
}

struct net *net_new(struct event_base *base, const struct net_limits *limits, const struct net_handlers *handlers,
                    void *context)
{
    struct net *net = calloc(1, sizeof(*net));

    if (!net)
        return NULL;
    metrics_name(METRIC_connections, state_of_metric);
    metrics_name(METRIC_connections_closed, reason_of_metric);
    net->base = base;
    net->limits = limits;
    net->handlers = handlers;
    net->context = context;
    net->first_free = NO_SLOT;
    net->work_tail = &net->work;
    wheel_init(&net->wheel, tick_for(limits), clock_now_ms());
    net->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (net->epoll_fd >= 0 && event_assign(&net->wake, base, -1, 0, on_wake, net) == 0 &&
        event_assign(&net->tick, base, -1, EV_PERSIST, on_tick, net) == 0 &&
        event_assign(&net->poll, base, net->epoll_fd, EV_READ | EV_PERSIST, on_ready, net) == 0 &&
        event_add(&net->poll, NULL) == 0)
        return net;
    if (net->epoll_fd >= 0)
        close(net->epoll_fd);
    free(net);
    return NULL;
}

void net_free(struct net *net)
{
    if (!net)
        return;
    listener_free_all(net);
    for (uint32_t slot = 0; slot < net->slot_count; slot++) {
        if (net->slots[slot].conn)
            conn_end(net->slots[slot].conn, NET_CLOSE_SHUTDOWN);
    }
    while (net->work)
        net_turn(net);
    event_del(&net->wake);
    event_del(&net->tick);
    event_del(&net->poll);
    close(net->epoll_fd);
    free(net->slots);
    free(net);
}

void net_stop_listening(struct net *net)
{
    listener_empty_all(net);
    listener_free_all(net);
}

void net_close_all(struct net *net, enum net_close_reason reason)
{
    for (uint32_t slot = 0; slot < net->slot_count; slot++) {
        if (net->slots[slot].conn)
            conn_close(net->slots[slot].conn, reason);
    }
}

/* -------------------------------------------------------------------------------------------------- turn */

void net_add_work(struct conn *conn)
{
    struct net *net = conn->net;

    if (conn->has_work)
        return;
    /* The loop must not sleep before net_turn() was there. */
    if (!net->work)
        event_active(&net->wake, EV_TIMEOUT, 0);
    conn->has_work = true;
    conn->work_next = NULL;
    *net->work_tail = conn;
    net->work_tail = &conn->work_next;
}

/* Each connection once: work that comes up meanwhile is for the next turn, which the wake event starts at once. */
void net_turn(struct net *net)
{
    struct conn *next = net->work;

    budget_measure(net);
    net->work = NULL;
    net->work_tail = &net->work;
    while (next) {
        struct conn *conn = next;

        next = conn->work_next;
        for (size_t at = 0; next && at < sizeof(*next); at += CACHE_LINE_BYTES)
            __builtin_prefetch((const char *)next + at); /* it comes while this one is written */
        conn->has_work = false;
        if (conn->state == CONN_ENDED) {
            conn_free(conn);
            continue;
        }
        if (conn->held)
            conn_read_held(conn);
        conn_flush(conn);
    }
    budget_keep(net);
}

/* --------------------------------------------------------------------------------------------- connections */

/* What waits for a connection, and at least the soft limit if nothing may be added. */
static size_t queued_bytes(struct conn *conn)
{
    size_t limit = conn->net->limits->queue_soft_limit_bytes, bytes = conn->queue.held_bytes;

    if (bytes < limit && !budget_has_room(conn))
        bytes = limit;
    if (bytes >= limit)
        conn->owes_drained = true;
    return bytes;
}

size_t net_send_event(struct net *net, uint64_t id, uint32_t request_id, uint32_t stream, struct frame *frame)
{
    struct conn *conn = find_open(net, id);

    if (!conn)
        return 0;
    if (frame_queue_push(&conn->queue, &(struct frame_entry){frame, request_id, stream}, &net->queued_bytes) < 0) {
        conn_end(conn, NET_CLOSE_MEMORY);
        return 0;
    }
    if (!conn->blocked)
        net_add_work(conn);
    return queued_bytes(conn);
}

size_t net_send(struct net *net, uint64_t id, uint32_t request_id, struct frame *frame)
{
    return net_send_event(net, id, request_id, 0, frame);
}

size_t net_queued_bytes(struct net *net, uint64_t id)
{
    struct conn *conn = find(net, id);

    return conn ? queued_bytes(conn) : 0;
}

void net_admit(struct net *net, uint64_t id)
{
    struct conn *conn = find_open(net, id);

    if (conn && conn->state == CONN_GREETING)
        conn_set_state(conn, CONN_ADMITTED);
}

void net_pause(struct net *net, uint64_t id)
{
    struct conn *conn = find_open(net, id);

    if (!conn || conn->paused)
        return;
    conn->paused = true;
    conn_watch(conn);
}

void net_resume(struct net *net, uint64_t id)
{
    struct conn *conn = find_open(net, id);

    if (!conn || !conn->paused)
        return;
    conn->paused = false;
    conn->received_ms = clock_now_ms();
    conn->held = conn->input != NULL;
    if (conn->held)
        net_add_work(conn);
    conn_watch(conn);
    conn_schedule(conn);
}

void net_close(struct net *net, uint64_t id, enum net_close_reason reason)
{
    struct conn *conn = find_open(net, id);

    if (conn)
        conn_close(conn, reason);
}

size_t net_connections(const struct net *net)
{
    return net->connections;
}

size_t net_connections_max(const struct net *net)
{
    return net->limits->max_connections;
}

void *net_session(const struct net *net, uint64_t id)
{
    const struct conn *conn = find(net, id);

    return conn && conn->has_session ? conn->session : NULL;
}
