/* A connection's states, deadlines and end. See internal.h for the states. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "net/internal.h"

void conn_on_ready(struct conn *conn, uint32_t events)
{
    if (events & (EPOLLERR | EPOLLHUP)) /* which shows when it is read from or written to */
        events |= conn->watched;
    if (events & EPOLLOUT) {
        conn->blocked = false;
        net_add_work(conn);
    }
    if ((events & EPOLLIN) && (conn->watched & EPOLLIN))
        conn_read(conn);
}

void conn_open(struct net *net, int fd, const struct net_peer *peer)
{
    struct conn *conn = calloc(1, sizeof(*conn));
    int result;

    if (!conn || net_slot_take(net, conn) < 0) {
        log_warning("connection-refused", "reason=memory");
        free(conn);
        close(fd);
        return;
    }
    conn->net = net;
    conn->fd = fd;
    conn->peer = *peer;
    conn->opened_ms = conn->received_ms = clock_now_ms();
    conn_set_state(conn, CONN_GREETING);
    result = net->handlers->on_open(net->context, conn->id, &conn->session);
    if (result < 0) {
        log_debug("connection-refused", "client=%" PRIu64 " error=%d", conn->id, -result);
        conn_end(conn, NET_CLOSE_PEER);
        return;
    }
    conn->has_session = true;
    metrics.connections_opened++;
}

bool conn_is_open(const struct conn *conn)
{
    return conn->state == CONN_GREETING || conn->state == CONN_ADMITTED;
}

void conn_set_state(struct conn *conn, enum conn_state state)
{
    const struct net_limits *limits = conn->net->limits;
    const int64_t patience_ms[] = {
        [CONN_GREETING] = limits->hello_timeout_ms,
        [CONN_ADMITTED] = limits->heartbeat_interval_ms,
        [CONN_CLOSING] = CLOSING_PATIENCE_MS,
    };

    if (state != CONN_GREETING) /* which a new one already is */
        metrics.connections[conn->state]--;
    if (state != CONN_ENDED)
        metrics.connections[state]++;
    conn->state = (uint8_t)state;
    if (state < sizeof(patience_ms) / sizeof(patience_ms[0])) /* LINGERING has what CLOSING left */
        conn->deadline_ms = clock_now_ms() + patience_ms[state];
    conn_watch(conn);
    conn_schedule(conn);
}

void conn_close(struct conn *conn, enum net_close_reason reason)
{
    struct net *net = conn->net;
    struct frame *frame;

    if (!conn_is_open(conn))
        return;
    conn->reason = (uint8_t)reason;
    conn_set_state(conn, CONN_CLOSING);
    net_add_work(conn);
    frame = net->handlers->last_frame(net->context, conn->id, conn->session, reason);
    /* Without memory for it, the peer learns no reason. */
    if (frame && conn->state == CONN_CLOSING)
        (void)frame_queue_push(&conn->queue, &(struct frame_entry){.frame = frame}, &net->queued_bytes);
    frame_unref(frame);
}

void conn_end(struct conn *conn, enum net_close_reason reason)
{
    if (conn->state == CONN_ENDED)
        return;
    if (conn_is_open(conn))
        conn->reason = (uint8_t)reason;
    conn_set_state(conn, CONN_ENDED);
    close(conn->fd);
    frame_queue_clear(&conn->queue, &conn->net->queued_bytes);
    net_add_work(conn);
}

void conn_free(struct conn *conn)
{
    struct net *net = conn->net;
    struct net_look last;

    conn_look(conn, &last);
    net_slot_give(net, conn->id);
    if (conn->has_session) {
        metrics.connections_closed[conn->reason]++;
        log_debug("connection-closed", "client=%" PRIu64 " reason=%s", conn->id, net_close_reason_name(conn->reason));
        net->handlers->on_closed(net->context, conn->id, conn->session, (enum net_close_reason)conn->reason,
                                 &last);
    }
    free(conn->input);
    free(conn);
}

void conn_watch(struct conn *conn)
{
    bool reads = (conn_is_open(conn) && !conn->paused) || conn->state == CONN_LINGERING;
    bool writes = conn->blocked && conn->state != CONN_ENDED;
    uint32_t wanted = (reads ? EPOLLIN : 0) | (writes ? EPOLLOUT : 0);
    struct epoll_event event = {.events = wanted, .data.u64 = conn->id};
    int operation = conn->watched == 0 ? EPOLL_CTL_ADD : wanted == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;

    if (wanted == conn->watched)
        return;
    conn->watched = (uint8_t)wanted;
    if (epoll_ctl(conn->net->epoll_fd, operation, conn->fd, &event) == 0 || wanted == 0)
        return;
    conn->watched = 0;
    conn_end(conn, NET_CLOSE_MEMORY);
}

/* --------------------------------------------------------------------------------------------- deadlines */

static bool counts_silence(const struct conn *conn)
{
    return conn->state == CONN_ADMITTED && !conn->paused;
}

static bool counts_stall(const struct conn *conn)
{
    return conn_is_open(conn) && conn->blocked;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void conn_schedule(struct conn *conn)
{
    const struct net_limits *limits = conn->net->limits;
    int64_t due_ms = conn->deadline_ms;

    if (conn->state == CONN_ENDED) {
        wheel_remove(&conn->timer);
        return;
    }
    if (counts_silence(conn))
        due_ms = earlier(due_ms, conn->received_ms + limits->silence_limit_ms);
    if (counts_stall(conn))
        due_ms = earlier(due_ms, conn->progress_ms + limits->stall_limit_ms);
    wheel_put(&conn->net->wheel, &conn->timer, due_ms);
}

/* Whether something came that was not read yet: after this process itself stood still, the deadline may be looked at
 * before the socket is. */
static bool has_unread(const struct conn *conn)
{
    char byte;

    return recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static bool is_silent(struct conn *conn, int64_t now_ms)
{
    if (!counts_silence(conn) || now_ms - conn->received_ms < conn->net->limits->silence_limit_ms)
        return false;
    if (!has_unread(conn))
        return true;
    conn->received_ms = now_ms;
    return false;
}

static bool is_stalled(const struct conn *conn, int64_t now_ms)
{
    return counts_stall(conn) && now_ms - conn->progress_ms >= conn->net->limits->stall_limit_ms;
}

static void on_deadline(struct conn *conn, int64_t now_ms)
{
    const struct net *net = conn->net;

    switch ((enum conn_state)conn->state) {
    case CONN_GREETING:
        conn_close(conn, NET_CLOSE_NO_HELLO);
        return;
    case CONN_ADMITTED:
        conn->deadline_ms = now_ms + net->limits->heartbeat_interval_ms;
        net->handlers->on_heartbeat(net->context, conn->id, conn->session);
        return;
    case CONN_CLOSING:
    case CONN_LINGERING:
        conn_end(conn, (enum net_close_reason)conn->reason);
        return;
    case CONN_ENDED:
        return;
    }
}

void conn_on_timer(void *context, struct wheel_node *node)
{
    struct conn *conn = (struct conn *)((char *)node - offsetof(struct conn, timer));
    int64_t now_ms = *(const int64_t *)context;

    if (is_silent(conn, now_ms))
        conn_close(conn, NET_CLOSE_SILENT);
    else if (is_stalled(conn, now_ms))
        conn_close(conn, NET_CLOSE_STALLED);
    else if (now_ms >= conn->deadline_ms)
        on_deadline(conn, now_ms);
    conn_schedule(conn);
}
