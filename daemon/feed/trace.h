/* What becomes of shares, written down for operators: see trace.c. Part of feed/internal.h. */
#ifndef FEED_FEED_TRACE_H
#define FEED_FEED_TRACE_H

#include <stdint.h>

struct feed;
struct job;

/* A share was committed by this daemon, which was asked for it then; … */
void trace_committed(struct feed *feed, uint64_t id, int64_t asked_us);
/* … it came along the log; … */
void trace_read(struct feed *feed, uint64_t id);
/* … it is queued for so many streams; so many others catch up and will come to it. */
void trace_delivered(struct feed *feed, uint64_t id, uint32_t streams, uint32_t behind, int64_t now_us);
/* What was queued in this turn of the loop has been handed to the sockets. */
void traces_sent(struct feed *feed);
void trace_fanout_begun(struct feed *feed, const struct job *job);
void trace_fanout_done(struct feed *feed, const struct job *job);
void traces_done(struct feed *feed);

#endif
