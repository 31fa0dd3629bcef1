/* Counters and gauges of this process, one table. */
#ifndef FEED_BASE_METRICS_H
#define FEED_BASE_METRICS_H

#include <stdint.h>

/* METRIC(name, help) */
#define METRICS(METRIC)                                                        \
    METRIC(connections_opened, "connections accepted")                         \
    METRIC(connections_closed, "connections ended")                            \
    METRIC(connections_refused, "connections refused because max_connections is reached") \
    METRIC(accept_rests, "times that a listener rested for want of descriptors or memory") \
    METRIC(requests, "requests received")                                      \
    METRIC(errors, "requests answered with an error")                          \
    METRIC(shares, "shares committed")                                         \
    METRIC(deletes, "shares deleted")                                          \
    METRIC(edits, "shares edited")                                             \
    METRIC(comments, "comments committed")                                     \
    METRIC(comments_deleted, "comments deleted")                               \
    METRIC(follows, "follows committed")                                       \
    METRIC(unfollows, "unfollows committed")                                   \
    METRIC(mutes, "mutes committed")                                           \
    METRIC(unmutes, "mutes ended")                                             \
    METRIC(blocks, "blocks committed")                                         \
    METRIC(unblocks, "blocks ended")                                           \
    METRIC(erasures, "subjects deleted")                                       \
    METRIC(descriptions, "descriptions of subjects committed")                 \
    METRIC(pushes, "timelines that a share was pushed to")                     \
    METRIC(push_commands, "commands that carried them, one for each timeline with all that waited for it") \
    METRIC(pushes_away, "pushes to readers who are away and have no timeline") \
    METRIC(pushes_failed, "pushes refused because the key is no timeline")       \
    METRIC(records_failed, "records of who shared what refused because the key is none") \
    METRIC(trims, "timelines trimmed to their cap")                            \
    METRIC(timelines_fetched, "timelines read out of Redis")                   \
    METRIC(timelines_recent, "timelines read out of memory, their pages encoded anew or not") \
    METRIC(rebuilds, "timelines rebuilt")                                      \
    METRIC(profiles_collected, "profiles asked for the newest shares, to build timelines and for what they do not hold") \
    METRIC(jobs_done, "log entries fully applied")                             \
    METRIC(jobs_claimed, "log entries taken over from another daemon")         \
    METRIC(jobs_parked, "log entries given up and kept aside")                 \
    METRIC(jobs_unparked, "log entries of those that were taken up again")      \
    METRIC(writes_busy, "writes refused because fan-out is behind")            \
    METRIC(lag_ms, "age of the oldest unfinished fan-out now")                 \
    METRIC(lag_peak_ms, "the most that it was")                                \
    METRIC(unapplied_bytes, "memory that log entries not fully applied take now") \
    METRIC(unapplied_peak_bytes, "the most that they took")                    \
    METRIC(deliveries, "events queued to subscribers")                         \
    METRIC(demotions, "subscriptions that fell back to catching up")           \
    METRIC(gaps, "gaps reported to subscribers")                               \
    METRIC(queued_bytes, "memory that what waits for clients takes now")       \
    METRIC(queued_peak_bytes, "the most that it took")                         \
    METRIC(queues_shed, "queues whose events were dropped, to be caught up with, as the budget was used up") \
    METRIC(frames_shed, "events and tokens dropped from them")                 \
    METRIC(bytes_received, "bytes received from clients")                      \
    METRIC(bytes_sent, "bytes sent to clients")                                \
    METRIC(redis_reconnects, "connections made to Redis after the first ones") \
    METRIC(redis_stalls, "times that Redis did not answer for redis.stall_ms") \
    METRIC(shares_resolved, "shares whose lost answer was found by their key")

struct metrics {
#define METRIC(name, help) uint64_t name;
    METRICS(METRIC)
#undef METRIC
};

extern struct metrics metrics;

#endif
