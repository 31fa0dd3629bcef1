/* What operators see of the feed. Nothing here changes anything. */
#ifndef FEED_FEED_LOOK_H
#define FEED_FEED_LOOK_H

#include "feed/feed.h"
#include "store/store.h"

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

/* What became of a share on this daemon. Times are of the monotonic clock; 0: that has not happened here. */
struct feed_trace {
    uint64_t id;
    int64_t asked_us;     /* this daemon was asked to share it */
    int64_t committed_us; /* the store had it */
    int64_t read_us;      /* it came along the log */
    int64_t delivered_us; /* it was queued for the streams that are live on it */
    int64_t sent_us;      /* and handed to their sockets, as far as these took it */
    int64_t begun_us;     /* this daemon began with its fan-out */
    int64_t done_us;      /* and has pushed it to everybody */
    uint32_t streams;     /* that it was delivered to */
    uint32_t behind;      /* streams that catch up, and come to it in their turn */
    uint32_t pushed;      /* timelines that it was pushed to */
    uint32_t away;        /* followers who have no timeline: the next read makes one */
    bool in_part;         /* somebody else had begun with the fan-out: these are not all */
};

/* Whether this daemon still knows of it: it remembers some thousand shares. */
bool feed_look_at_trace(const struct feed *feed, uint64_t id, struct feed_trace *ret_trace);

/* How long shares took that this daemon was asked for in the last minute, a thousand at most. */
struct feed_latency_step {
    size_t shares;
    int64_t p50_us, p99_us, max_us;
};
struct feed_latency {
    struct feed_latency_step delivered;  /* until they were handed to sockets */
    struct feed_latency_step fanned_out; /* until they were pushed to every timeline */
};
void feed_look_at_latency(const struct feed *feed, struct feed_latency *ret_latency);

/* The subjects with most shares and deliveries in the last five to ten seconds. */
#define FEED_HOT_MAX 128
struct feed_hot {
    uint64_t weight; /* what they are ordered by: at least shares + deliveries */
    uint64_t shares;
    uint64_t deliveries;
    uint8_t name_bytes;
    char name[128];
};
/* Sets `rows` to the foremost, at most `limit`; there is room for FEED_HOT_MAX. Returns how many; *ret_span_ms is the time. */
size_t feed_look_at_hot(const struct feed *feed, struct feed_hot *rows, size_t limit, int64_t *ret_span_ms);

/* A log entry that this daemon works on. */
struct feed_job_look {
    uint64_t id;
    const char *kind;
    const char *state; /* "pushing", "reading", "waiting", "retrying", "suspect", "on-trial" */
    struct text subject;
    struct text reader; /* empty for shares */
    uint32_t in_flight; /* pushes */
    uint32_t pushed, away;
};

struct feed_jobs_look {
    size_t running, suspects, retrying; /* suspects and retrying ones are not running */
    size_t pushes_waiting, pushes_in_flight;
};
/* The oldest ones, at most `limit`. Returns how many. Texts are valid until the next turn of the loop. */
size_t feed_look_at_jobs(const struct feed *feed, struct feed_job_look *rows, size_t limit, struct feed_jobs_look *ret_look);

/* A subject as far as this daemon knows it. */
struct feed_subject_look {
    unsigned partition;
    uint32_t online;          /* followers with a stream or a timeline in memory here */
    uint32_t home_streams;    /* of its own home timeline */
    uint32_t profile_streams; /* of its profile */
    bool following_in_memory; /* whom it follows */
    bool timeline_in_memory;
};
void feed_look_at_subject(const struct feed *feed, struct text subject, struct feed_subject_look *ret_look);

/* A partition of the log. */
struct feed_partition_look {
    uint64_t position; /* of the tail */
    uint64_t applied;  /* every entry up to here has had its effects */
    int64_t lag_ms;    /* of fan-out */
    size_t ring_entries, ring_bytes;
    uint32_t run;      /* the mark of the run of Redis */
};
void feed_look_at_partition(const struct feed *feed, unsigned partition, struct feed_partition_look *ret_look);

/* The author in the beginning of a stored share; empty if that is none. */
struct text feed_author_of_body(struct text body);

/* The store, for what only it knows. */
struct store *feed_store(const struct feed *feed);
/* Has entries that were parked tried once more now, at most 16 of each partition. Answers how many; UNAVAILABLE if the store could
 * not be asked. */
typedef void feed_retried_fn(void *context, Feed__ErrorCode error, int64_t count);
void feed_retry_parked(struct feed *feed, feed_retried_fn *fn, void *context);

#endif
