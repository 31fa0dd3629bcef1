/* Catching up out of the store: what catchup_store.c, which sends it, and catchup_collect.c, which collects it, share. */
#ifndef FEED_FEED_CATCHUP_H
#define FEED_FEED_CATCHUP_H

#include "feed/internal.h"

#define CATCHUP_BATCH 64

/* Something between the stream's position and its target. */
struct missed {
    uint64_t id;
    struct live_event event; /* without a frame: a share, or the edit of one, which is fetched when its turn comes */
};

struct catchup {
    struct feed *feed;
    struct subscription *stream; /* NULL once it has ended */
    struct reader *reader;       /* pinned; NULL: the stream has none */
    uint64_t target[PARTITIONS_MAX];
    unsigned partition;   /* whose deletions are read */
    uint64_t deletions_after; /* in that partition: up to here they were read */
    uint64_t floor;       /* shares and comments up to here are not vouched for */
    uint64_t forgotten[PARTITIONS_MAX]; /* deletions up to here are not */
    struct missed *missed;
    size_t count;
    size_t capacity;
    size_t at;            /* sent up to here */
    uint32_t author;      /* of the share that the stream is of; a reference, or NO_SUBJECT */
    size_t batch_count;
    struct feed_item batch[CATCHUP_BATCH];
};

/* Everything is collected: it is sent. */
void catchup_collected(struct catchup *catchup);
/* The store did not answer, or memory ended: the stream begins again from its position, a little later. */
void catchup_fail(struct catchup *catchup);

/* Adds an event at the position `id`. Takes the frame over, NULL without memory. 0 or -ENOMEM. */
int catchup_add(struct catchup *catchup, uint64_t id, struct live_event event);
/* What was deleted: the last step of collecting, of all kinds of streams. */
void collect_deletions(struct catchup *catchup);

/* The first step of each kind. */
void collect_timeline(struct catchup *catchup);
void collect_profile(struct catchup *catchup);
void collect_dialogue(struct catchup *catchup);
void collect_around(struct catchup *catchup);
void collect_inbox(struct catchup *catchup);

#endif
