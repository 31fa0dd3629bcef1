/* What operators see of the feed. Nothing here changes anything. */
#ifndef FEED_FEED_LOOK_H
#define FEED_FEED_LOOK_H

#include "feed/feed.h"

/* How long ago a log entry was made, by this host's clock; 0 if that is in the future. */
int64_t feed_age_ms(uint64_t id);

/* How a connection's streams are. */
struct feed_subscriber_look {
    uint32_t streams;
    uint32_t catching_up; /* of the first so many streams, … */
    int64_t lag_ms;       /* … and the age of the oldest entry that one of these still has to be sent */
};

void feed_look_at_subscriber(const struct feed *feed, const struct feed_subscriber *subscriber,
                             struct feed_subscriber_look *ret_look);

#endif
