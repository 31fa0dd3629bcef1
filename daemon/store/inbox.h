/* Inboxes: what others did that concerns a subject. Who follows it and what is said under its shares is kept anyway, as
 * followers and `around`, in the subject's partition; only what happens in other partitions has notices of its own. All of it
 * is ordered by the subject's log. (command link) */
#ifndef FEED_STORE_INBOX_H
#define FEED_STORE_INBOX_H

#include "store/store.h"

/* What lies between, both excluded (0: there is no bound), newest first, at most `limit` of each kind. Answers [[reader, id,
 * …], [`id:share`, id, `parent body` or null, …], [notice, id, …], up to which id older ones were dropped]. */
int store_inbox(struct store *store, struct text subject, uint64_t before, uint64_t after, int64_t limit, reply_fn *fn,
                void *context);
/* Answers [position, 0 done | 1 it was there]. */
int store_notice(struct store *store, struct text subject, struct text actor, struct text notice, reply_fn *fn, void *context);
/* Answers [1 if the comment stands, `parent body` of the one to which it replies, or null]. */
int store_replied(struct store *store, uint64_t share, uint64_t comment, reply_fn *fn, void *context);

/* A share, or a comment under one. */
struct store_deed {
    uint64_t share;
    uint64_t comment; /* 0: the share itself */
};

/* Answers for each of some deeds of one partition whether it is there still. */
int store_standing(struct store *store, const struct store_deed *deeds, size_t count, reply_fn *fn, void *context);

#endif
