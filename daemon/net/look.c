/* What connections look like from outside: for those who operate the daemon. Nothing here changes anything. */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

#include "net/internal.h"

/* How many of the oldest frames are looked at for the log entry that one of them stands for. */
#define FRAMES_LOOKED_AT 4

static uint64_t oldest_position(const struct frame_queue *queue)
{
    for (uint32_t i = 0; i < queue->count && i < FRAMES_LOOKED_AT; i++) {
        uint64_t position = frame_queue_at(queue, i)->frame->position;

        if (position != 0 && position != FRAME_TOKEN)
            return position;
    }
    return 0;
}

void conn_look(const struct conn *conn, struct net_look *ret_look)
{
    *ret_look = (struct net_look){.conn = conn->id,
                                  .session = conn->has_session ? conn->session : NULL,
                                  .admitted = conn->state == CONN_ADMITTED,
                                  .closing = !conn_is_open(conn),
                                  .blocked_ms = conn->blocked ? conn->progress_ms : 0,
                                  .opened_ms = conn->opened_ms,
                                  .received_ms = conn->received_ms,
                                  .sent_bytes = conn->sent_bytes,
                                  .queued_bytes = conn->queue.held_bytes,
                                  .queued_frames = conn->queue.count,
                                  .oldest_position = oldest_position(&conn->queue),
                                  .peer = &conn->peer};
}

bool net_look_next(const struct net *net, uint32_t *place, struct net_look *ret_look)
{
    const struct conn *conn;

    if (*place >= net->slot_count)
        return false;
    conn = net->slots[(*place)++].conn;
    if (conn)
        conn_look(conn, ret_look);
    else
        *ret_look = (struct net_look){0};
    return true;
}

const char *net_peer_name(const struct net_peer *peer, char out[NET_PEER_NAME_BYTES])
{
    char host[INET6_ADDRSTRLEN] = "";
    bool v6 = peer->family == AF_INET6;

    if (peer->family != AF_INET && !v6) {
        snprintf(out, NET_PEER_NAME_BYTES, "unix");
        return out;
    }
    inet_ntop(peer->family, peer->address, host, sizeof(host));
    snprintf(out, NET_PEER_NAME_BYTES, v6 ? "[%s]:%u" : "%s:%u", host, ntohs(peer->port));
    return out;
}
