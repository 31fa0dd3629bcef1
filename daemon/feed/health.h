/* How the feed keeps up, and says so: pressure.c, health.c. Part of feed/internal.h. */
#ifndef FEED_FEED_HEALTH_H
#define FEED_FEED_HEALTH_H

#include "base/log.h"
#include "feed/feed.h"

/* ---- pressure.c ---- */

/* Writes that were refused as busy since there was room. */
struct pressure {
    uint64_t refused; /* 0: none */
    int64_t since_ms;
    int64_t refused_ms; /* the last one */
    struct log_limit begun;
    struct log_limit ended;
};

/* Whether a write must be refused; … */
bool feed_is_behind(const struct feed *feed, bool share);
/* … if so, it is counted. */
bool feed_is_busy(struct feed *feed, bool share);
void pressure_tick(struct feed *feed, int64_t now_ms);

/* ---- health.c ---- */

/* Names what the metrics have labels for. */
void health_init(void);
/* A batch of the tail has come. */
void health_note_batch(struct feed *feed, size_t entries);
/* Brings the metrics up to date that are not counted as things happen. To be called at each tick. */
void health_tick(const struct feed *feed);

#endif
