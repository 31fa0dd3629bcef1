/* Requests that travel together, see batches.c. */
#ifndef FEED_FEED_BATCHES_H
#define FEED_FEED_BATCHES_H

#include "feed/feed.h"
#include "store/store.h"

#define BATCHED_MAX 32 /* requests in one script: about half a millisecond of Redis */
#define BATCH_VALUES_MAX 3

/* What is batched, in the order in which it is sent. */
enum batch_step { BATCH_EDGES, BATCH_FOLLOWS, BATCH_SHARES, BATCH_CHECKS, BATCH_RECORDS, BATCH_STEPS };

/* The first member of each request. It is in one queue at a time. */
struct batched {
    struct batched *next;
};

struct batch_kind {
    size_t max;    /* requests in a script, up to BATCHED_MAX */
    size_t values; /* that are answered for each, up to BATCH_VALUES_MAX; 0: the answer is one for all */
    Feed__ErrorCode unsent; /* the error if it could not even be sent */
    int (*send)(struct feed *feed, struct batched *const *requests, size_t count, reply_fn *fn, void *context);
    void (*answered)(struct batched *request, Feed__ErrorCode error, const struct reply *const *values);
};

extern const struct batch_kind batch_edges, batch_follows, batch_shares, batch_checks, batch_records;

struct batch_queue {
    struct batched *first;
    struct batched *last;
    size_t count;
    unsigned under_way; /* scripts */
};

struct batches {
    struct batch_queue queues[BATCH_STEPS][PARTITIONS_MAX];
    unsigned under_way[BATCH_STEPS];
};

/* The request goes at the end of the turn. */
void batch_add(struct feed *feed, enum batch_step step, unsigned partition, struct batched *request);
/* Forgets what has queued up for a step. */
void batches_clear(struct feed *feed, enum batch_step step);
/* Sends what has queued up. */
void batches_turn(struct feed *feed);
/* The store is gone: what has queued up is refused, which needs no memory. */
void batches_stop(struct feed *feed);

#endif
