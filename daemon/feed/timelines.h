/* What reads of home timelines are made of: timeline.c, rebuild.c, collect.c, recent.c. Part of feed/internal.h. */
#ifndef FEED_FEED_TIMELINES_H
#define FEED_FEED_TIMELINES_H

#include "base/idset.h"
#include "feed/feed.h"

/* ---- timeline.c, rebuild.c ---- */

/* The ids of a home timeline, newest first, without repeats, at most timeline_cap. */
struct timeline {
    uint64_t *ids;
    size_t count;
    uint64_t floor; /* ids up to here are not vouched for; 0: complete */
    uint64_t stamp; /* of the one in memory that it is a copy of; 0: of none */
};
/* Takes no pin: the reader must stay pinned until `fn`. The ids are the callback's to free. `rebuilding`: somebody else is
 * still building it. */
typedef void timeline_fn(void *context, Feed__ErrorCode error, struct timeline *timeline, bool rebuilding);
void timeline_fetch(struct feed *feed, struct reader *reader, timeline_fn *fn, void *context);

/* What a reader sees above `after` in its home timeline, newest first: the page ends in END, or in CAPPED if there may be more
 * than the timeline holds, or in REBUILDING. (read.c) */
void read_timeline_above(struct feed *feed, struct reader *reader, uint64_t after, feed_page_fn *fn, void *context);

/* For qsort() of ids. */
int newest_first(const void *a, const void *b);

/* Builds a timeline that does not exist; concurrent calls share the work. */
typedef void rebuild_fn(void *context, Feed__ErrorCode error, bool somebody_else);
void timeline_rebuild(struct feed *feed, struct reader *reader, rebuild_fn *fn, void *context);

/* ---- collect.c: the newest shares out of many profiles ---- */

struct collect;

struct collected {
    uint64_t *ids; /* newest first, without repeats; the callback's to free */
    size_t count;
    bool more; /* there are older ones */
    bool cut;  /* if there are no more: of a profile that was read older ones were dropped */
};

/* Collections that wait for their turn, and commands under way. */
struct collects {
    struct collect *first, *last;
    unsigned in_flight;
};

/* Collects the newest `limit` shares above `floor` out of up to so many profiles. NULL without memory. */
struct collect *collect_new(struct feed *feed, size_t sources, uint64_t floor, size_t limit);
/* Adds a profile, of which shares below `before` count (0: all). Takes over a reference to the subject. */
void collect_add(struct collect *collect, uint32_t subject, uint64_t before);
/* The newest `limit` shares below `before` of all whom a reader follows, and of what it keeps. */
struct collect *collect_of_reader(struct feed *feed, const struct reader *reader, uint64_t before, size_t limit);
/* Takes the collection. */
typedef void collect_fn(void *context, Feed__ErrorCode error, struct collected *collected);
void collect_run(struct collect *collect, collect_fn *fn, void *context);
/* For one that was not run. */
void collect_free(struct collect *collect);

/* The floor of a timeline that holds what was collected: what is complete has nothing below it; whatever else there is, or was,
 * reads find out from the profiles. */
static inline uint64_t collected_floor(const struct collected *collected)
{
    return collected->more ? collected->ids[collected->count - 1] - 1 : collected->cut;
}

/* ---- big.c: subjects whose shares were not all pushed ---- */

struct bigs {
    struct idset slots;    /* each holds a reference */
    /* A bit for each partition: the store has said which there are, since it was opened anew; it is to be asked; it is asked. */
    uint64_t known, wanted, asked;
};

/* A share of the subject was not pushed. 0 or -ENOMEM. */
int big_note(struct feed *feed, uint32_t subject, uint64_t id);
/* Asks the store what it is to be asked. */
void bigs_ask(struct feed *feed);
bool bigs_are_known(const struct feed *feed);
/* Entries of a partition may have been missed: the store is to be asked before a read can do without them. */
void bigs_want(struct feed *feed, unsigned partition);
/* The same of all, and nothing is served before. */
void bigs_reset(struct feed *feed);
void bigs_done(struct feed *feed);
/* A collection of what the reader's timeline may lack above its floor; NULL if it lacks nothing. 0 or -ENOMEM. */
int big_collect(struct feed *feed, const struct reader *reader, uint64_t floor, struct collect **ret_collect);

/* ---- recent.c: timelines in memory ---- */

size_t recent_bytes(const struct reader *reader);
void recent_drop(struct feed *feed, struct reader *reader);
/* A subject has shared something, which is new to the tail. */
void recents_add(struct feed *feed, uint32_t subject, uint64_t id);
/* Whether the answer to a read of the timeline that is sent at this moment may be kept, if the reader stays as it is meanwhile. */
bool recent_may_keep(const struct feed *feed, const struct reader *reader);
/* Sets the timeline's stamp. */
void recent_keep(struct feed *feed, struct reader *reader, struct timeline *timeline);
/* 0; -ENOENT if it is not in memory, -ENOMEM. The ids are the caller's to free. */
int recent_timeline(const struct feed *feed, const struct reader *reader, struct timeline *ret_timeline);
/* The newest page of at most `limit` shares as it was last sent; NULL if it is not in memory or not true any more. Borrowed. */
struct frame *recent_page(const struct feed *feed, const struct reader *reader, size_t limit);
/* Keeps how the newest page of a reader was sent, unless its timeline has changed since. Takes a reference. */
void recent_keep_page(const struct feed *feed, const struct feed_page *page, struct frame *frame);

#endif
