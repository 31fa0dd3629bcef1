/* Pages of shares, and who shared what: read.c, sharers.c, also_shared.c. Part of feed/internal.h. */
#ifndef FEED_FEED_SHARERS_H
#define FEED_FEED_SHARERS_H

#include "feed/feed.h"
#include "store/store.h"

struct reader;

/* ---- read.c ---- */

/* As feed_read_timeline(), never out of a page that was kept. */
void read_timeline(struct feed *feed, struct text reader, uint64_t before, size_t limit, feed_page_fn *fn, void *context);
/* A page of the shares of a profile, or the latest ones of those who shared a destination or something of a site. */
void read_shares(struct feed *feed, enum key_kind kind, struct text name, uint64_t before, size_t limit, feed_page_fn *fn,
                 void *context);
/* A page of these shares, newest first, as the reader sees them. Takes the pin of the reader, and the ids. */
void read_ids(struct feed *feed, struct reader *reader, uint64_t *ids, size_t count, uint64_t before, size_t limit,
              feed_page_fn *fn, void *context);

/* ---- sharers.c ---- */

struct sharer {
    uint64_t share_id; /* the latest of theirs */
    uint32_t subject;  /* a reference */
};

/* Who shared something. */
struct sharers {
    struct text name;     /* of the destination, site or share; the caller's */
    uint64_t total;       /* how many */
    struct sharer *found; /* of those whom the reader follows, latest share first */
    size_t count, capacity;
};

/* Looks for those who shared each of these; without a reader only how many they are. `items` has `count` entries with their names
 * set; it stays the caller's, to be given to sharers_done(), and must live until `fn`, as must the reader's pin. */
typedef void sharers_fn(void *context, Feed__ErrorCode error);
void sharers_find(struct feed *feed, struct reader *reader, enum key_kind kind, struct sharers *items, size_t count,
                  sharers_fn *fn, void *context);
/* Adds a share that was found elsewhere. 0 or -ENOMEM. */
int sharers_add(struct feed *feed, struct sharers *item, uint32_t subject, uint64_t share_id);
void sharers_done(struct feed *feed, struct sharers *items, size_t count);

#endif
