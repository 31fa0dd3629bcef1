/* A network with an upper room that writes down what it is told, and clients on real sockets beside it, in one loop. */
#ifndef FEED_TESTS_NET_FIXTURE_H
#define FEED_TESTS_NET_FIXTURE_H

#include "unit.h"

#include "base/clock.h"
#include "net/net.h"

#define SESSIONS_MAX 64

/* Longer than anything takes; nothing waits for it unless something is broken. */
#define PATIENCE_MS 10000

struct event;
struct world;

/* What the upper room knows of one connection. */
struct session {
    struct world *world;
    uint64_t id;
    uint8_t *received; /* the frames, each as the framing writes it */
    size_t received_bytes, received_capacity;
    unsigned frames, drained, heartbeats;
    unsigned asked, dropped; /* frames that on_drop was called for, and said yes to */
    bool closed;
    enum net_close_reason reason;
};

struct world {
    struct event_base *base;
    struct event *pulse; /* so that the loop turns also when nothing happens */
    struct net *net;
    struct net_limits limits;
    uint16_t port;
    struct session sessions[SESSIONS_MAX];
    unsigned opened, closed, last_frames;
    enum net_close_reason last_frame_reason;
    bool admit_all;     /* at on_open */
    int refuse_with;    /* on_open's result, if negative */
    void (*on_frame)(struct session *session, const uint8_t *data, size_t size);
    void (*on_drained)(struct session *session);
    uint64_t turns;
};

/* The last frame of every connection that the server ends is this, then the reason's number. */
#define LAST_WORD "closing "

/* With limits that never matter; tests change world->limits before world_start(). For cmocka. */
int world_set_up(void **state);
int world_tear_down(void **state);

/* Makes the net and listens on a free port. */
void world_start(struct world *world);

/* One turn of the loop, which takes a few milliseconds at most. */
void world_turn(struct world *world);

/* Turns until the condition holds. */
#define RUN_UNTIL(world, condition)                                                                                    \
    do {                                                                                                               \
        int64_t run_until_ms = clock_now_ms() + PATIENCE_MS;                                                           \
        while (!(condition)) {                                                                                         \
            if (clock_now_ms() > run_until_ms)                                                                         \
                fail_msg("this never came true: %s", #condition);                                                      \
            world_turn(world);                                                                                         \
        }                                                                                                              \
    } while (0)

/* Turns for some time, while nothing is to happen. */
void world_run_for(struct world *world, int64_t duration_ms);

/* A client that is connected and known to the upper room; its session is ret_session. Non-blocking. */
int client_connect(struct world *world, struct session **ret_session);

/* Writes all of it, turning the loop while the socket is full. */
void client_write(struct world *world, int fd, const void *data, size_t size);

/* Reads exactly so many bytes, turning the loop meanwhile. */
void client_read(struct world *world, int fd, void *out, size_t size);

/* Asserts that nothing comes any more but the end. */
void client_expect_end(struct world *world, int fd);

/* Asserts that the last frame for `reason`, under request id 0, comes next. */
void client_expect_last_frame(struct world *world, int fd, enum net_close_reason reason);

/* Writes one frame of `size` bytes, each `fill`, to `out` (size + 5 bytes). Returns the bytes. */
size_t make_frame(uint8_t *out, size_t size, uint8_t fill);

/* Sends a frame that may be left out again, unless its position is POSITION_KEPT. Returns net_send_event()'s result. */
#define POSITION_KEPT 13
size_t server_send_event(struct world *world, uint64_t conn, uint32_t request_id, uint64_t position, size_t size);

/* Sends a shared frame with this text. Returns net_send()'s result. */
size_t server_send(struct world *world, uint64_t conn, uint32_t request_id, const void *data, size_t size);

#endif
