/* Live delivery, measured at its receivers: one publisher and any number of subscribers, in one loop. Every server is spoken
 * to in its own protocol (live_protocol), as far as it takes to see each delivery and its marker. */
#ifndef FEEDBENCH_LIVE_H
#define FEEDBENCH_LIVE_H

#include "resp.h"
#include "scenario.h"
#include "server.h"
#include "wire.h"

#define LIVE_NAME_BYTES 24
#define LIVE_PAYLOAD_MAX 4096

struct live;
struct feed_frame;

struct live_protocol {
    const struct server_row *server;
    /* Writes a receiver's first bytes, which have it subscribe. */
    void (*greet)(struct live *live, struct wire *wire);
    size_t (*on_receiver)(struct wire *wire, const uint8_t *data, size_t bytes);
    void (*greet_publisher)(struct live *live);
    size_t (*on_publisher)(struct wire *wire, const uint8_t *data, size_t bytes);
    /* Adds `count` messages, which the payload's rest follows. One at a time unless `batches`. */
    void (*publish)(struct live *live, uint32_t source, unsigned count, uint64_t sent_ns);
    bool batches;       /* sends as many messages in one go as feedd did in this round */
    bool answers;       /* acknowledges every message to the publisher */
    bool home;          /* receivers are followers, who hear by following */
    uint32_t narrower;  /* closed loop with a window so many times smaller, as it takes so long to drain; 0 or 1: as it says */
    uint32_t slower;    /* paced this many times slower than the scenario says: unloaded; 0 or 1: as it says */
};

/* shape.variant: LIVE_WHOLE has a round begin and end with nothing under way, pushes to timelines included, so that all that
 * its shares cost is counted. */
enum live_variant { LIVE_FLOWING, LIVE_WHOLE };

extern const struct live_protocol live_feedd, live_feedd_home, live_feedd_home_unloaded, live_floor, live_redis, live_nats,
    live_mosquitto, live_ping;

struct live {
    struct run *run;
    const struct live_protocol *protocol;
    struct server server;
    struct wires wires;
    struct wire *receivers;
    bool *subscribed;       /* [receivers] */
    struct wire publisher;
    bool publisher_ready;
    struct audit audit;
    uint32_t ready;         /* receivers that are subscribed */
    uint64_t acknowledged;
    double batch;           /* messages in one go, on average */
    double batch_due;
    size_t message_bytes;   /* what the floor sends for one message */
    uint64_t next_ns;       /* paced: when the next message is due */
    char payload[LIVE_PAYLOAD_MAX];
};

/* Starts the arm's server (its detail is a live_protocol), connects its receivers, all subscribed. */
int live_prepare(struct run *run);
void live_round(struct run *run, struct round *ret_round);
void live_finish(struct run *run);

/* The parts of these, for other subcommands. */
int live_open(struct live *live, struct run *run, const struct live_protocol *protocol);
int live_open_publisher(struct live *live);
int live_connect(struct live *live, uint32_t first, uint32_t count);
/* Waits until everything published has been delivered and acknowledged, and voids what has not. */
void live_drain(struct live *live);
/* Waits until feedd has pushed everything that it has delivered: nothing of its log is pending. */
void live_wait_for_pushes(struct live *live);
void live_close(struct live *live);

/* For protocols. */
void live_author_name(uint32_t source, char ret_name[LIVE_NAME_BYTES]);
void live_reader_name(uint32_t receiver, char ret_name[LIVE_NAME_BYTES]);
void live_subscribed(struct live *live, struct wire *wire);
/* feedd sent a Gap, an error or its farewell. `who`: a receiver, a publisher. */
void live_void_frame(struct live *live, const struct feed_frame *frame, const char *who);
/* The next message's text, `bytes` long: its marker, then filling. Valid until the next call. */
const char *live_message(struct live *live, uint32_t source, uint64_t sent_ns);

#endif
