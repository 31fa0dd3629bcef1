/* The network: listeners and connections that carry frames. Knows no command and no feed.
 *
 * A connection belongs to this room and is named outside of it by an id that is never used again, so that a late
 * answer finds nobody instead of somebody else. Everything that a connection costs is bounded: unread input by one
 * frame and by pausing, unsent output by what the upper room queues while it watches net_send()'s result.
 *
 * An idle connection owns no buffer and no timer. Raw libevent events; sends are gathered once per turn of the loop. */
#ifndef FEED_NET_NET_H
#define FEED_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/frame.h"

struct net;
struct net_peer;
struct event_base;

/* Why a connection ended: for logs, metrics and the upper room. */
enum net_close_reason {
    NET_CLOSE_PEER,      /* the peer closed, or the connection broke */
    NET_CLOSE_PROTOCOL,  /* framing is broken */
    NET_CLOSE_TOO_LARGE, /* a frame longer than the limit */
    NET_CLOSE_SILENT,    /* nothing received for silence_limit_ms */
    NET_CLOSE_STALLED,   /* nothing sent for stall_limit_ms although something waited */
    NET_CLOSE_NO_HELLO,  /* not net_admit()ted within hello_timeout_ms */
    NET_CLOSE_FULL,      /* max_connections reached */
    NET_CLOSE_SHUTDOWN,  /* the daemon stops */
    NET_CLOSE_MEMORY,    /* an allocation failed */
    NET_CLOSE_KILLED,    /* an operator wanted it */
    NET_CLOSE_REASONS
};

const char *net_close_reason_name(enum net_close_reason reason); /* "peer", "too-large", … for logs */

/* What a connection looks like from outside. */
struct net_look {
    uint64_t conn;
    void *session;           /* NULL: it has none */
    bool admitted;
    bool closing;            /* its end has begun */
    int64_t blocked_ms;      /* since when its socket takes nothing, by the monotonic clock; 0: it does */
    int64_t opened_ms;       /* by the monotonic clock, as … */
    int64_t received_ms;     /* … when something last came from it */
    uint64_t sent_bytes;     /* since it was opened */
    size_t queued_bytes;     /* in memory, shared frames counted in full */
    uint32_t queued_frames;
    uint64_t oldest_position; /* of the first queued frames the log entry that one stands for; 0: of none */
    const struct net_peer *peer;
};

/* What net hands up. Called from within net_turn() or a libevent callback; each may call any function of this header
 * but net_turn() and net_free(), for any connection. Of the functions below only net_close() and net_close_all()
 * call back, and only last_frame; on_closed comes from net_turn() and net_free(), so a session stays valid until its
 * caller is done. */
struct net_handlers {
    /* A connection is there. Whatever *ret_session is set to is handed back with each further call. 0, or a negative
     * errno that refuses the connection (on_closed is not called then). */
    int (*on_open)(void *context, uint64_t conn, void **ret_session);
    /* One frame without its length. `data` is valid during the call only. */
    void (*on_frame)(void *context, uint64_t conn, void *session, const uint8_t *data, size_t size);
    /* There was no room for more, and now there is: the queue has drained below half of the soft limit (or to nothing, while
     * the budget of all connections is used up). */
    void (*on_drained)(void *context, uint64_t conn, void *session);
    /* Too much waits for all connections together, and most for those that this is called for. Whether a queued frame may be
     * left out: one that stands for a `position` and was queued by net_send_event() under this request id and stream. Asked
     * oldest first; on_drained will follow. Must not call anything of this header. */
    bool (*on_drop)(void *context, uint64_t conn, void *session, uint32_t request_id, uint32_t stream, uint64_t position);
    /* heartbeat_interval_ms passed since the last call (or since net_admit()). */
    void (*on_heartbeat)(void *context, uint64_t conn, void *session);
    /* The server ends the connection for `reason`: the last chance to send a frame that says why. Returns the frame
     * (taken; sent under request id 0) or NULL. */
    struct frame *(*last_frame)(void *context, uint64_t conn, void *session, enum net_close_reason reason);
    /* The connection is gone; its id finds nobody from here on. The session is the upper room's to free. `last` is what it
     * looked like at its end. */
    void (*on_closed)(void *context, uint64_t conn, void *session, enum net_close_reason reason, const struct net_look *last);
};

struct net_limits {
    uint32_t first_id; /* where the low halves of ids begin: they differ among all connections of several nets */
    size_t max_connections;
    size_t max_frame_bytes;        /* of admitted connections; before net_admit() a frame may have 1,024 bytes */
    size_t queue_soft_limit_bytes; /* see net_send() */
    size_t queue_budget_bytes;     /* what all queues may take in memory, each frame counted once */
    uint32_t hello_timeout_ms;
    uint32_t silence_limit_ms;
    uint32_t stall_limit_ms;
    uint32_t heartbeat_interval_ms;
};

/* `base`, `limits` and `handlers` are borrowed for the life of the net; `context` is handed to each handler. The limits may change
 * between turns of the loop, but for what clients rely on: the longest frame, heartbeats, silence. NULL when memory ends. */
struct net *net_new(struct event_base *base, const struct net_limits *limits, const struct net_handlers *handlers,
                    void *context);
/* Closes what is open without another word (on_closed is called for each) and frees everything. NULL is allowed. */
void net_free(struct net *net);

/* Listens on "HOST:PORT" (numeric host, "localhost", or [v6]; port 0 picks one), also beyond loopback, which the configuration has
 * allowed then. On success *ret_port is the port. Errors as bind(2) gives them, -EINVAL for a malformed address. */
int net_listen_tcp(struct net *net, const char *address, uint16_t *ret_port);
/* The same for a socket that somebody else accepts on: it listens, and is the caller's. */
int net_bind_tcp(const char *address, int *ret_fd, uint16_t *ret_port);
/* Listens on a Unix socket, whose file has this mode and group (NET_OWN_GROUP: the process's) and never wider permissions. A
 * socket file that nobody answers on is replaced; -EADDRINUSE if somebody does. The file is removed by net_stop_listening() and
 * net_free(), if it is still the same. -ENAMETOOLONG if the path does not fit. */
#define NET_OWN_GROUP ((gid_t)-1)
int net_listen_unix(struct net *net, const char *path, mode_t mode, gid_t group);
/* Listens on a socket that was handed over, which it takes also on failure; its file, if it has one, is not ours to remove. Who
 * waits in its queue when it is given back waits for whom it is handed to next. -EPERM if it is bound beyond loopback and not
 * `allow_remote`, -EPROTOTYPE if it is no stream socket of TCP or of Unix. On success ret_name is what it is bound to. */
#define NET_LISTENER_NAME_BYTES 128
int net_listen_on(struct net *net, int fd, bool allow_remote, char ret_name[NET_LISTENER_NAME_BYTES]);

/* Ends the turn of the loop: gathers what each connection has queued and sends it, then frees what ended. To be called
 * after every event_base_loop(EVLOOP_ONCE). */
void net_turn(struct net *net);

/* Queues `frame` (shared: takes a reference of its own) to be sent under `request_id`. Returns the bytes of memory that
 * what waits for this connection takes (a shared frame is counted in full), or the soft limit if that is more and the budget
 * of all connections is used up. At or above the soft limit the caller should hold back until on_drained, which will follow.
 * Returns 0 if the connection is gone or closing. When memory ends the connection is closed and 0 returned. */
size_t net_send(struct net *net, uint64_t conn, uint32_t request_id, struct frame *frame);
/* Likewise, for a frame that may be left out again if it stands for a position: see on_drop. */
size_t net_send_event(struct net *net, uint64_t conn, uint32_t request_id, uint32_t stream, struct frame *frame);

/* What net_send() returned last, as it is now: the same is meant by it, and on_drained follows as well. 0 if the connection is
 * gone. */
size_t net_queued_bytes(struct net *net, uint64_t conn);

/* Hello was understood: the full frame limit holds, heartbeats begin. */
void net_admit(struct net *net, uint64_t conn);

/* Stops and goes on reading from a connection (frames already read are held back too). Silence is not counted while
 * paused. */
void net_pause(struct net *net, uint64_t conn);
void net_resume(struct net *net, uint64_t conn);

/* Ends a connection for `reason`: hands nothing more up, asks for the last frame, sends what is queued, tells the
 * peer that this was all, and closes when the peer does, or after one second. */
void net_close(struct net *net, uint64_t conn, enum net_close_reason reason);

/* The two steps of a shutdown: accept nobody else, but for those who wait already where closing the socket would reset them; end every connection as net_close() does. It is over when
 * net_connections() is 0. */
void net_stop_listening(struct net *net);
void net_close_all(struct net *net, enum net_close_reason reason);

/* Connections that are there, closing ones included. */
size_t net_connections(const struct net *net);
/* And how many there may be. */
size_t net_connections_max(const struct net *net);

/* The session of a connection, NULL if it is gone. */
void *net_session(const struct net *net, uint64_t conn);

/* Walks over the connections: *place begins as 0, and keeps its meaning while connections come and go. Looks at one place and
 * returns whether there was one left to look at; ret_look->conn is 0 where nobody is. What is looked at is valid until the
 * next turn. */
bool net_look_next(const struct net *net, uint32_t *place, struct net_look *ret_look);

/* "192.0.2.1:4711", "[2001:db8::1]:4711", or "unix". Returns `out`. */
#define NET_PEER_NAME_BYTES 56
const char *net_peer_name(const struct net_peer *peer, char out[NET_PEER_NAME_BYTES]);

#endif
