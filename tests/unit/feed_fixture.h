/* A feed over the fake store, with an outlet that writes down what subscribers are sent. */
#ifndef FEED_TESTS_FEED_FIXTURE_H
#define FEED_TESTS_FEED_FIXTURE_H

#include "fake_store.h"
#include "feed/internal.h"

#define SENT_MAX 1024
#define CONNS 4 /* 1 to 3 */

/* A frame that a subscriber was sent. */
struct sent {
    uint64_t conn;
    uint32_t request_id;
    uint32_t stream;
    uint64_t position;
    Feed__ServerFrame *frame;
};

/* The answers to one kind of call that the tests make; `count` tells that each comes exactly once. */
struct outcome {
    unsigned count;
    Feed__ErrorCode error;
    uint64_t position;
    bool repeated;
};

struct world {
    struct event_base *base;
    struct feed *feed;
    struct feed_settings settings; /* the feed goes by these: a test may change them */
    struct feed_outlet outlet;
    unsigned ready; /* how often the feed said so */
    struct sent sent[SENT_MAX];
    size_t sent_count, sent_at;
    size_t sends; /* what went out together counts once */
    size_t queued[CONNS];
    struct feed_subscriber subscribers[CONNS];
};

/* Settings with which nothing ever runs out. */
extern const struct feed_settings world_settings;

/* For cmocka: a feed of one partition that is ready. */
int world_set_up(void **state);
int world_tear_down(void **state);
/* Another one, in tests that want other settings. */
struct world *world_new(const struct feed_settings *settings, unsigned partitions);
void world_free(struct world *world);

struct text text_of(const char *string);

/* The feed's clock ticks, after so many milliseconds; then its turn ends. */
void world_tick(struct world *world, int64_t after_ms);
/* Every log is applied as far as it goes. */
void world_applied(struct world *world);

/* An entry that the tail sees, one batch of its own; answers its id. */
uint64_t tail_share(const char *author);
uint64_t tail_delete(const char *author, uint64_t share);
uint64_t tail_edge(bool follow, const char *reader, const char *subject, uint64_t version);

/* Subscribes; what the store is asked is left to the test. */
void subscribe(struct world *world, uint64_t conn, uint32_t request_id, bool profile, const char *subject, struct text token,
               struct outcome *ret_outcome);
/* Opens a home stream from now on; `following` as fake_answer() wants the store's answer, e.g. "[bob carl]". */
void open_home(struct world *world, uint64_t conn, uint32_t request_id, const char *reader, const char *following);
/* The connection takes all that waits for it. */
void drain(struct world *world, uint64_t conn);
/* A token with these positions; valid until the next call. */
struct text token_of(struct world *world, const uint64_t *positions);

/* What was sent, in order, each of it once. */
const Feed__ServerFrame *next_sent(struct world *world, uint64_t conn, uint32_t request_id);
void expect_share(struct world *world, uint64_t conn, uint32_t request_id, uint64_t id);
void expect_deletion(struct world *world, uint64_t conn, uint32_t request_id, uint64_t share);
void expect_caught_up(struct world *world, uint64_t conn, uint32_t request_id);
void expect_gap(struct world *world, uint64_t conn, uint32_t request_id, Feed__GapReason reason);
void expect_nothing(const struct world *world);

/* Callbacks that fill a struct outcome. */
void on_outcome(void *context, Feed__ErrorCode error);
void on_write(void *context, Feed__ErrorCode error, uint64_t position, bool repeated);
/* Asks for a share of a url, without a key. It goes with the turn. */
void ask_share(struct world *world, const char *author, const char *url, struct outcome *outcome);
void expect_outcome(const struct outcome *outcome, Feed__ErrorCode error);

#endif
