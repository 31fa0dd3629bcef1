/* Catching up out of the store: what catchup_store.c, which sends it, and catchup_collect.c, which collects it, share. */
#ifndef FEED_FEED_CATCHUP_H
#define FEED_FEED_CATCHUP_H

#include "feed/internal.h"

#define CATCHUP_BATCH 64

/* Something between the stream's position and its target. */
struct missed {
    uint64_t id;
    struct live_event event; /* without a frame: a share, which is fetched when its turn comes. Without a subject: for everybody */
};

struct catchup {
    struct feed *feed;
    struct subscription *stream; /* NULL once it has ended */
    struct reader *reader;       /* pinned; NULL: the stream has none */
    uint64_t target[PARTITIONS_MAX];
    unsigned partition;   /* whose deletions are read */
    uint64_t deletions_after; /* in that partition: up to here they were read */
    uint64_t floor;       /* shares up to here are not vouched for */
    uint64_t forgotten[PARTITIONS_MAX]; /* deletions up to here are not */
    struct missed *missed;
    size_t count;
    size_t capacity;
    size_t at;            /* sent up to here */
    size_t batch_count;
    struct feed_item batch[CATCHUP_BATCH];
};

/* Everything is collected: it is sent. */
void catchup_collected(struct catchup *catchup);
/* The store did not answer, or memory ended: the stream begins again from its position, a little later. */
void catchup_fail(struct catchup *catchup);

/* What kinds of streams collect, and after that what was deleted. */
void collect_timeline(struct catchup *catchup);
void collect_profile(struct catchup *catchup);

#endif
