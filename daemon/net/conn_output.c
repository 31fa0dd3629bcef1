/* Sending: once per turn of the loop, what a connection has queued is gathered in the process's buffer and sent. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "net/internal.h"

/* Sends of one connection before others have their turn. */
#define SENDS_PER_TURN 4

static void set_blocked(struct conn *conn)
{
    conn->blocked = true;
    conn->progress_ms = clock_now_ms();
}

/* One send, of the oldest frame where it stands or of as many as are gathered. Returns whether going on makes sense. */
static bool send_some(struct conn *conn)
{
    struct net *net = conn->net;
    size_t size;
    const uint8_t *data = frame_queue_next_whole(&conn->queue, &size);
    ssize_t sent;

    if (!data) {
        data = net->output_scratch;
        size = frame_queue_gather(&conn->queue, net->output_scratch, sizeof(net->output_scratch));
    }
    sent = send(conn->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent < 0 && errno == EINTR)
        return true;
    if (sent < 0 && errno == EAGAIN) {
        /* `progress_ms` stays as it is while the socket takes nothing from one wake-up to the next. */
        if (!(conn->watched & EPOLLOUT))
            conn->progress_ms = clock_now_ms();
        conn->blocked = true;
        return false;
    }
    if (sent < 0) {
        conn_end(conn, NET_CLOSE_PEER);
        return false;
    }
    metrics.bytes_sent += (uint64_t)sent;
    conn->sent_bytes += (uint64_t)sent;
    frame_queue_consume(&conn->queue, (size_t)sent, &net->queued_bytes);
    if ((size_t)sent == size)
        return true;
    set_blocked(conn);
    return false;
}

/* Enough is sent: whoever waited for that goes on. */
static void report_drained(struct conn *conn)
{
    struct net *net = conn->net;

    if (!conn->owes_drained || !conn_is_open(conn) || conn->queue.held_bytes >= net->limits->queue_soft_limit_bytes / 2 ||
        !budget_has_room(conn))
        return;
    conn->owes_drained = false;
    net->handlers->on_drained(net->context, conn->id, conn->session);
}

void conn_flush(struct conn *conn)
{
    unsigned sends = 0;

    if (conn->state == CONN_ENDED || conn->state == CONN_LINGERING || conn->blocked)
        return;
    while (conn->queue.count > 0 && sends++ < SENDS_PER_TURN && send_some(conn))
        ;
    if (conn->state == CONN_ENDED)
        return;
    if (conn->queue.count > 0 && !conn->blocked)
        net_add_work(conn);
    if (conn->queue.count == 0 && conn->state == CONN_CLOSING) {
        shutdown(conn->fd, SHUT_WR);
        conn_set_state(conn, CONN_LINGERING);
        return;
    }
    conn_watch(conn);
    if (conn->blocked && conn->state != CONN_ENDED)
        conn_schedule(conn);
    report_drained(conn);
}
