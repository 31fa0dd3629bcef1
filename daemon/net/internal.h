/* What the files of net/ share. Nobody else includes this.
 *
 *     net.c          the functions of net.h, the slots that give connections their ids, the turn of the loop
 *     listener.c     addresses, accepting
 *     conn.c         a connection's states, deadlines and end
 *     conn_input.c   reading and splitting into frames
 *     conn_output.c  sending
 *     frame_queue.c  what waits to be sent
 *     budget.c       what may wait for all connections together
 *     look.c         what connections look like from outside
 */
#ifndef FEED_NET_INTERNAL_H
#define FEED_NET_INTERNAL_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/wheel.h"
#include "net/frame_queue.h"
#include "net/net.h"

/* A frame may have this many bytes before net_admit(). */
#define GREETING_FRAME_MAX_BYTES 1024

/* What one read and one send take at most; the buffers belong to the process, not to connections. */
#define INPUT_SCRATCH_BYTES (64 * 1024)
#define OUTPUT_SCRATCH_BYTES (256 * 1024)

/* The time in which a connection that the server ends may take what is still queued. */
#define CLOSING_PATIENCE_MS 1000

/*      accepted
 *         │
 *         ▼      net_admit()                net_close()               all is sent
 *     GREETING ─────────────▶ ADMITTED ─────────────────▶ CLOSING ─────────────────▶ LINGERING
 *         │                                                  ▲                           │
 *         └──────────────────── net_close() ─────────────────┘                           │ the peer closes, or patience
 *                                                                                        ▼ ends
 *     any state, when the connection breaks or the peer closes it ───────────────────▶ ENDED, freed by net_turn()
 */
enum conn_state {
    CONN_GREETING,
    CONN_ADMITTED,
    CONN_CLOSING,   /* reads nothing; sends what is queued */
    CONN_LINGERING, /* has sent everything and said so; drops what comes in, because closing a socket with unread input
                     * would take the last frame away from the peer */
    CONN_ENDED,     /* has no socket any more */
};

/* The other end of a connection. */
struct net_peer {
    uint8_t address[16]; /* of the family's length, as it travels */
    uint16_t port;       /* likewise */
    uint16_t family;     /* AF_INET, AF_INET6, or anything else */
};

struct conn {
    struct wheel_node timer; /* at the earliest of its deadlines, or before */
    struct frame_queue queue;
    struct net *net;
    void *session;
    uint64_t id;
    struct conn *work_next;
    uint8_t *input; /* received and not handed up yet: a part of a frame, or what is held back */
    uint32_t input_start, input_end, input_capacity;
    int fd;
    int64_t opened_ms;
    uint64_t sent_bytes;
    int64_t received_ms; /* when something was last received */
    int64_t progress_ms; /* while `blocked`: since when the socket takes nothing */
    int64_t deadline_ms; /* GREETING: of the Hello; ADMITTED: the next heartbeat; CLOSING, LINGERING: the end */
    struct net_peer peer;
    uint8_t state;       /* enum conn_state */
    uint8_t reason;      /* enum net_close_reason, from CLOSING on */
    uint8_t watched;     /* EPOLLIN and EPOLLOUT as the kernel was told; 0: it is not watched */
    bool has_session : 1;     /* on_open succeeded, on_closed is owed */
    bool paused : 1;          /* net_pause() */
    bool held : 1;            /* `input` may hold whole frames, to be handed up in the next turn */
    bool blocked : 1;         /* the socket is full */
    bool owes_drained : 1;    /* the upper room was told that there is no room; on_drained will tell it otherwise */
    bool has_work : 1;        /* is in net->work */
};

/* Ten thousands of idle subscribers are what the daemon is for. */
_Static_assert(sizeof(struct conn) <= 224, "an idle connection costs too much");

/* Where a connection is found by its id: generation << 32 | (first_id + slot). */
struct net_slot {
    struct conn *conn; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
};

struct listener;

struct net {
    struct event_base *base;
    const struct net_limits *limits;
    const struct net_handlers *handlers;
    void *context;

    struct listener *listeners;
    struct net_slot *slots;
    uint32_t slot_count, first_free;
    size_t connections;
    size_t queued_bytes; /* that all queues take in memory */
    size_t measured_bytes; /* as much of it as the metrics know of */
    int64_t shed_again_ms; /* before this budget_keep() does not look for what may be left out */
    struct log_limit shed_limit;

    int epoll_fd;      /* watches the connections: libevent's own events cost more than all else of an idle one */
    struct event poll; /* some of them are ready */
    struct conn *work, **work_tail; /* what net_turn() will look at */
    struct event wake;              /* makes the loop come to its end when there is work */
    struct event tick;              /* advances the wheel, while there are connections */
    struct wheel wheel;

    uint8_t input_scratch[INPUT_SCRATCH_BYTES];
    uint8_t output_scratch[OUTPUT_SCRATCH_BYTES];
};

/* net.c */

/* Gives the connection its id. 0 or -ENOMEM. */
int net_slot_take(struct net *net, struct conn *conn);
void net_slot_give(struct net *net, uint64_t id);

/* Has net_turn() look at the connection. */
void net_add_work(struct conn *conn);

/* conn.c */

/* A connection on `fd`, which it takes also on failure, handed up by on_open. */
void conn_open(struct net *net, int fd, const struct net_peer *peer);

/* GREETING or ADMITTED: the upper room may use it. */
bool conn_is_open(const struct conn *conn);

/* The only place where the state changes. */
void conn_set_state(struct conn *conn, enum conn_state state);

/* Asks for the last frame and starts CLOSING. */
void conn_close(struct conn *conn, enum net_close_reason reason);

/* The one exit: gives the socket back. The rest goes in net_turn(). Nothing happens if it has ended already. */
void conn_end(struct conn *conn, enum net_close_reason reason);

/* Calls on_closed and frees an ENDED connection. */
void conn_free(struct conn *conn);

/* Its socket is ready for something. */
void conn_on_ready(struct conn *conn, uint32_t events);

/* Brings what is watched, and the timer, in line with the connection's state. */
void conn_watch(struct conn *conn);
void conn_schedule(struct conn *conn);

/* Calls back for what is due; `node` is a connection's timer. */
void conn_on_timer(void *context, struct wheel_node *node);

/* conn_input.c */

/* Reads once from the socket and hands frames up. */
void conn_read(struct conn *conn);

/* Hands up what was held back. */
void conn_read_held(struct conn *conn);

/* conn_output.c */

/* Sends what is queued, as far as the socket takes it. */
void conn_flush(struct conn *conn);

/* budget.c */

/* Whether more may be queued as far as the budget goes: while it is used up, only for a connection that nothing waits for. */
bool budget_has_room(const struct conn *conn);

/* Notes how much waits. */
void budget_measure(struct net *net);

/* Ends a turn: brings what waits for all connections back within the budget, if it is not. */
void budget_keep(struct net *net);

/* look.c */

void conn_look(const struct conn *conn, struct net_look *ret_look);

/* listener.c */

/* Lets in who waits at the sockets that end with this process: closing one would reset them. */
void listener_empty_all(struct net *net);
void listener_free_all(struct net *net);

#endif
