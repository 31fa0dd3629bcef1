/* Counters and gauges of this process, one table. */
#ifndef FEED_BASE_METRICS_H
#define FEED_BASE_METRICS_H

#include <stdint.h>

/* METRIC(name, help) */
#define METRICS(METRIC)                                                        \
    METRIC(connections_opened, "connections accepted")                         \
    METRIC(connections_closed, "connections ended")                            \
    METRIC(requests, "requests received")                                      \
    METRIC(errors, "requests answered with an error")                          \
    METRIC(shares, "shares committed")                                         \
    METRIC(deletes, "shares deleted")                                          \
    METRIC(follows, "follows committed")                                       \
    METRIC(unfollows, "unfollows committed")                                   \
    METRIC(pushes, "timelines that a share was pushed to")                     \
    METRIC(pushes_away, "pushes to readers who are away and have no timeline") \
    METRIC(pushes_failed, "pushes refused because the key is no timeline")       \
    METRIC(trims, "timelines trimmed to their cap")                            \
    METRIC(rebuilds, "timelines rebuilt")                                      \
    METRIC(jobs_done, "log entries fully applied")                             \
    METRIC(jobs_claimed, "log entries taken over from another daemon")         \
    METRIC(deliveries, "events queued to subscribers")                         \
    METRIC(demotions, "subscriptions that fell back to catching up")           \
    METRIC(gaps, "gaps reported to subscribers")                               \
    METRIC(bytes_received, "bytes received from clients")                      \
    METRIC(bytes_sent, "bytes sent to clients")                                \
    METRIC(redis_reconnects, "connections made to Redis after the first ones")

struct metrics {
#define METRIC(name, help) uint64_t name;
    METRICS(METRIC)
#undef METRIC
};

extern struct metrics metrics;

#endif
