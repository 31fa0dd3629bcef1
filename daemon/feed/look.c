/* See look.h. */
#include "feed/look.h"

#include "base/clock.h"
#include "feed/internal.h"

/* Streams of one connection that are looked at: one may have ten thousand. */
#define STREAMS_LOOKED_AT 64

int64_t feed_age_ms(uint64_t id)
{
    int64_t age_ms = clock_wall_ms() - id_wall_ms(id);

    return age_ms > 0 ? age_ms : 0;
}

/* The age of the oldest entry that a stream which catches up has not come to. What left memory is as old as its position. */
static int64_t lag_of_stream(const struct feed *feed, const struct subscription *stream)
{
    int64_t lag_ms = 0;

    for (unsigned partition = 0; partition < feed->partitions; partition++) {
        const struct ring *ring = &feed->rings[partition];
        uint64_t position = stream->position[partition];
        size_t above = position < ring->floor ? 0 : ring_above(ring, position);
        uint64_t oldest = position < ring->floor ? position : above < ring->count ? ring_at(ring, above)->id : 0;

        if (oldest != 0 && feed_age_ms(oldest) > lag_ms)
            lag_ms = feed_age_ms(oldest);
    }
    return lag_ms;
}

void feed_look_at_subscriber(const struct feed *feed, const struct feed_subscriber *subscriber,
                             struct feed_subscriber_look *ret_look)
{
    const struct subscription *stream = subscriber->first;

    *ret_look = (struct feed_subscriber_look){.streams = subscriber->count};
    for (unsigned seen = 0; stream && seen < STREAMS_LOOKED_AT; seen++, stream = stream->next_of_subscriber) {
        int64_t lag_ms;

        if (stream->state != SUBSCRIPTION_CATCHING_UP || !stream->position)
            continue;
        ret_look->catching_up++;
        lag_ms = lag_of_stream(feed, stream);
        if (lag_ms > ret_look->lag_ms)
            ret_look->lag_ms = lag_ms;
    }
}
