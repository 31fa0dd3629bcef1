/* Who is connected: presence.c. Part of feed/internal.h. */
#ifndef FEED_FEED_PRESENCE_H
#define FEED_FEED_PRESENCE_H

#include "feed/feed.h"
#include "store/keys.h"

struct presence {
    int64_t ask_at_ms; /* when it is looked again what other daemons ask for */
    uint64_t asking;   /* a bit for each partition: it is asked, and not answered yet */
    uint32_t first[PARTITIONS_MAX]; /* among those asked for, with whom the next report begins */
};

/* Tells other daemons what they ask for, if it is time. */
void presence_tick(struct feed *feed, int64_t now_ms);

#endif
