/* Presence: what daemons tell each other about who is connected to them. Each writes down what it has of a subject, once in an
 * interval, while somebody asks for that; what a daemon has written and not written again is soon too old to count. */
#ifndef FEED_STORE_PRESENCE_H
#define FEED_STORE_PRESENCE_H

#include "store/store.h"

#define PRESENCE_INTERVAL_MS 1000
#define PRESENCE_STALE_MS 3000 /* of what a daemon has reported */

/* What one daemon has of a subject: streams of its profile, home streams in which it is heard, and its own home streams. */
struct store_presence {
    struct text subject;
    uint32_t watching, listening, home;
};

/* Answers [for how many ms it is to be waited until every other daemon has reported, [what one of them reported, …]]. */
int store_presence_ask(struct store *store, struct text subject, reply_fn *fn, void *context);
/* Answers [subject, …] of a partition that are asked for. */
int store_presence_asked(struct store *store, unsigned partition, reply_fn *fn, void *context);
/* Reports on subjects of one partition. */
int store_presence_report(struct store *store, const struct store_presence *reports, size_t count, reply_fn *fn, void *context);
/* What another daemon reported. */
struct store_presence store_read_presence(struct text text);

#endif
