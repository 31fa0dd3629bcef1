/* Frames as the server sends them, encoded once. */
#ifndef FEED_FEED_FRAMES_H
#define FEED_FEED_FRAMES_H

#include "base/frame.h"
#include "feed/feed.h"

/* Any server frame; its request id must be 0, since the connection writes its own. NULL when memory ends. */
struct frame *frame_pack(const Feed__ServerFrame *message);

/* A page as GetTimelineReply or GetProfileReply, put together from the shares' bytes. */
struct frame *frame_of_page(bool profile, const struct feed_page *page);
/* Descriptions as GetSubjectsReply (`found` false) or FindSubjectsReply. Those of which nothing is said have their `ids`. */
struct frame *frame_of_subjects(bool found, const struct feed_subjects *subjects, const struct text *ids);
struct frame *frame_of_one_share(const struct feed_item *item);

struct frame *frame_of_caught_up(const uint8_t *token, size_t token_bytes);
struct frame *frame_of_heartbeat(const uint8_t *token, size_t token_bytes, bool degraded);
/* A Gap of `count` ranges, two positions each. */
struct frame *frame_of_gap(Feed__GapReason reason, const uint64_t *ranges, size_t count);

#endif
