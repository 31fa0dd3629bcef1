/* More is written than can be fanned out: writers get BUSY before memory grows.
 *
 * What is not known to be fully applied stays in the ring (reads need it there), whatever the ring's size. So all writes are
 * refused while that is more than the ring is meant to hold, and shares, of which each may be thousands of pushes, also
 * while the oldest unfinished fan-out is older than fanout.lag_limit_ms. Either ends by itself as the fan-out goes on. */
#include <inttypes.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "feed/internal.h"

/* Nobody was refused for this long: it is over. */
#define QUIET_MS 1000

size_t feed_unapplied_bytes(const struct feed *feed)
{
    size_t bytes = 0;

    for (unsigned partition = 0; partition < feed->partitions; partition++)
        bytes += ring_bytes_above(&feed->rings[partition], feed->applied[partition]);
    return bytes;
}

static void note_refusal(struct feed *feed)
{
    struct pressure *pressure = &feed->pressure;

    metrics.writes_busy++;
    pressure->refused_ms = clock_now_ms();
    if (pressure->refused++ > 0)
        return;
    pressure->since_ms = pressure->refused_ms;
    log_limited(&pressure->begun, LOG_LEVEL_WARNING, "writers-busy",
                "lag_ms=%" PRId64 " lag_limit_ms=%" PRId64 " unapplied_bytes=%zu unapplied_limit_bytes=%zu "
                "advice=\"writes come faster than they are fanned out: see whether Redis is slow; if not, publish less at "
                "once, or raise fanout.lag_limit_ms or cache.ring_bytes\"",
                feed_lag_ms(feed), feed->settings->lag_limit_ms, feed_unapplied_bytes(feed), feed->settings->ring_bytes);
}

bool feed_is_behind(const struct feed *feed, bool share)
{
    return feed_unapplied_bytes(feed) > feed->settings->ring_bytes || (share && feed_lag_ms(feed) > feed->settings->lag_limit_ms);
}

bool feed_is_busy(struct feed *feed, bool share)
{
    bool busy = feed_is_behind(feed, share);

    if (feed_unapplied_bytes(feed) > feed->settings->ring_bytes / 2)
        tail_sample_applied(feed); /* it may be less by now */
    if (busy)
        note_refusal(feed);
    return busy;
}

static void look_whether_over(struct feed *feed, int64_t now_ms)
{
    struct pressure *pressure = &feed->pressure;

    if (pressure->refused == 0 || now_ms - pressure->refused_ms < QUIET_MS)
        return;
    log_limited(&pressure->ended, LOG_LEVEL_INFO, "writers-served", "refused=%" PRIu64 " for_ms=%" PRId64, pressure->refused,
                pressure->refused_ms - pressure->since_ms);
    pressure->refused = 0;
}

void pressure_tick(struct feed *feed, int64_t now_ms)
{
    metrics.lag_ms = (uint64_t)feed_lag_ms(feed);
    metrics.unapplied_bytes = feed_unapplied_bytes(feed);
    if (metrics.lag_ms > metrics.lag_peak_ms)
        metrics.lag_peak_ms = metrics.lag_ms;
    if (metrics.unapplied_bytes > metrics.unapplied_peak_bytes)
        metrics.unapplied_peak_bytes = metrics.unapplied_bytes;
    look_whether_over(feed, now_ms);
}
