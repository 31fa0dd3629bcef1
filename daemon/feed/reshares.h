/* Re-shares: reshares.c, entries.c, reshares_end.c. Part of feed/internal.h. */
#ifndef FEED_FEED_RESHARES_H
#define FEED_FEED_RESHARES_H

#include "feed/feed.h"

struct job;
struct live_event;
struct reader;
struct ring_entry;
struct subscription;

/* ---- what is of a re-share ---- */

/* Adds to shares that were fetched what those among them that are re-shares are of; a re-share of what is not there is not there
 * either. `items` is as hydrate() has it. */
typedef void origins_fn(void *context, Feed__ErrorCode error);
void origins_fetch(struct feed *feed, struct feed_item *items, size_t count, origins_fn *fn, void *context);

/* ---- what the rings hold of them ---- */

/* Whether there is an entry already, on a home stream, for what an event re-shares, as far as is in memory. */
bool reshare_joins(const struct feed *feed, const struct subscription *stream, const struct live_event *event);

/* A re-share comes into a ring: 0 or -ENOMEM; and leaves it. */
int reshares_add(struct feed *feed, const struct ring_entry *entry);
void reshares_remove(struct feed *feed, const struct ring_entry *entry);

struct ring_reshare {
    struct ring_reshare *next; /* of the same origin; the latest one's is the oldest */
    uint64_t id;
    uint32_t author; /* the ring's reference */
};

/* The oldest one of an origin, NULL if there is none; and the one behind, NULL behind the latest. */
const struct ring_reshare *reshares_of(const struct feed *feed, uint64_t origin);
static inline const struct ring_reshare *reshare_behind(const struct ring_reshare *one, const struct ring_reshare *oldest)
{
    return one->next == oldest ? NULL : one->next;
}
/* Whether the reader sees a re-share, apart from what is known of its origin. */
bool sees_reshare(const struct feed *feed, const struct reader *reader, uint32_t author, uint64_t id);

/* ---- entries.c: one entry for an origin and all that is re-shared of it ---- */

/* Finds out which of these shares, of those that are there, have no entry of their own in the reader's home timeline
 * (`is_folded`), and adds to the others, if `names` says so, who re-shared them (`also`, `resharers`). The reader must stay pinned, `items` stays
 * the caller's, until `fn`. */
typedef void entries_fn(void *context, Feed__ErrorCode error);
void entries_find(struct feed *feed, struct reader *reader, struct feed_item *items, size_t count, bool names, entries_fn *fn,
                  void *context);

/* Who re-shared an item, of those whom the reader follows: ended by NO_SUBJECT, with references. NULL when memory ends. */
uint32_t *resharers_copy(struct feed *feed, const uint32_t *resharers);
/* NULL is allowed. */
void resharers_done(struct feed *feed, uint32_t *resharers);
bool resharers_hold(const uint32_t *resharers, uint32_t subject);

/* ---- reshares_end.c ---- */

/* The job of the deletion of a share: deletes its re-shares, and ends. */
void reshares_end(struct feed *feed, struct job *job, uint64_t share);

#endif
