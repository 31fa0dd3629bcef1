/* Whether the feed does what it is for, and what the metrics say of it that is not counted as things happen. */
#include "base/clock.h"
#include "base/metrics.h"
#include "feed/internal.h"

/* The tail is answered after a second at the latest, even if there is nothing new. */
#define QUIET_MS 1500
/* From here on clients would notice. */
#define TAIL_LAG_MAX_MS 5000

enum job_state { JOBS_RUNNING, JOBS_PENDING, JOBS_PARKED, JOB_STATES };
enum cache { CACHE_RING, CACHE_BODIES, CACHE_READERS, CACHES };

_Static_assert(sizeof(metrics.jobs) / sizeof(uint64_t) == JOB_STATES, "one for each state");
_Static_assert(sizeof(metrics.cache_bytes) / sizeof(uint64_t) == CACHES, "one for each cache");

static const char *stream_state_of_metric(unsigned value)
{
    return value == SUBSCRIPTION_LIVE ? "live" : "catching-up";
}

static const char *job_state_of_metric(unsigned value)
{
    static const char *const names[] = {[JOBS_RUNNING] = "running", [JOBS_PENDING] = "pending", [JOBS_PARKED] = "parked"};

    return names[value];
}

static const char *cache_of_metric(unsigned value)
{
    static const char *const names[] = {[CACHE_RING] = "ring", [CACHE_BODIES] = "bodies", [CACHE_READERS] = "readers"};

    return names[value];
}

void health_init(void)
{
    metrics_name(METRIC_streams, stream_state_of_metric);
    metrics_name(METRIC_jobs, job_state_of_metric);
    metrics_name(METRIC_cache_bytes, cache_of_metric);
}

/* ---- the tail ---- */

void health_note_batch(struct feed *feed, size_t entries)
{
    feed->heard_ms = clock_now_ms();
    if (entries < TAIL_BATCH)
        feed->behind_since_ms = 0;
    else if (feed->behind_since_ms == 0)
        feed->behind_since_ms = feed->heard_ms;
}

/* By the monotonic clock: what ids say is of no use while somebody sets a clock. */
static int64_t tail_lag_ms(const struct feed *feed)
{
    int64_t now_ms = clock_now_ms(), quiet_ms = now_ms - feed->heard_ms - QUIET_MS;
    int64_t behind_ms = feed->behind_since_ms == 0 ? 0 : now_ms - feed->behind_since_ms;
    int64_t lag_ms = quiet_ms > behind_ms ? quiet_ms : behind_ms;

    return lag_ms > 0 ? lag_ms : 0;
}

/* ---- all of it ---- */

const char *feed_trouble(const struct feed *feed)
{
    const char *trouble = store_trouble(feed->store);

    if (trouble)
        return trouble;
    if (!feed->ready)
        return "the log is still being read";
    if (tail_lag_ms(feed) > TAIL_LAG_MAX_MS)
        return "the log is not read to its end: what is shared does not reach streams";
    if (feed_is_behind(feed, true))
        return "shares are refused as BUSY until fan-out has come nearer";
    return NULL;
}

void health_tick(const struct feed *feed)
{
    struct store_backlog backlog = {0};
    size_t ring_bytes = 0;

    for (unsigned partition = 0; partition < feed->partitions; partition++) {
        ring_bytes += feed->rings[partition].bytes;
        backlog.pending += feed->backlog[partition].pending;
        backlog.parked += feed->backlog[partition].parked;
    }
    metrics.jobs[JOBS_RUNNING] = feed->jobs.map.count;
    metrics.jobs[JOBS_PENDING] = backlog.pending;
    metrics.jobs[JOBS_PARKED] = backlog.parked;
    metrics.cache_bytes[CACHE_RING] = ring_bytes;
    metrics.cache_bytes[CACHE_BODIES] = feed->bodies.bytes;
    metrics.cache_bytes[CACHE_READERS] = feed->readers.idle_bytes;
    metrics.tail_lag_ms = (uint64_t)tail_lag_ms(feed);
}
