/* Frames as the server sends them, encoded once. */
#ifndef FEED_FEED_FRAMES_H
#define FEED_FEED_FRAMES_H

#include "base/frame.h"
#include "feed/feed.h"

/* Any server frame; its request id must be 0, since the connection writes its own. NULL when memory ends. */
struct frame *frame_pack(const Feed__ServerFrame *message);

/* Descriptions as GetSubjectsReply (`found` false) or FindSubjectsReply. Those of which nothing is said have their `ids`. */
struct frame *frame_of_subjects(bool found, const struct feed_subjects *subjects, const struct text *ids);
/* A page as the reply that is this field of a ServerFrame, put together from the shares' bytes. All such replies begin with
 * `shares`, `next_cursor` and `end`; `further` are the encoded fields behind these. */
struct frame *frame_of_page(uint32_t field, const struct feed_page *page, struct text further);
/* As GetDialogueReply. */
struct frame *frame_of_dialogue(const struct feed_dialogue *page);
/* What one of its items takes there. */
size_t comment_bytes(uint64_t share, const struct feed_dialogue_item *item);
/* An item's share, encoded. */
struct text share_of_item(const struct feed_item *item);
struct frame *frame_of_one_share(const struct feed_item *item);

struct frame *frame_of_caught_up(const uint8_t *token, size_t token_bytes);
struct frame *frame_of_heartbeat(const uint8_t *token, size_t token_bytes, bool degraded);
/* A Noticed. */
struct frame *frame_of_notice(const struct feed_notice *notice);
struct frame *frame_of_read_marker(const struct feed_unread *unread);
/* A Gap of `count` ranges, two positions each. */
struct frame *frame_of_gap(Feed__GapReason reason, const uint64_t *ranges, size_t count);

#endif
