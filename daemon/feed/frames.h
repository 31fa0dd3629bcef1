/* Frames as the server sends them, encoded once. */
#ifndef FEED_FEED_FRAMES_H
#define FEED_FEED_FRAMES_H

#include <string.h>

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
/* An item's share, encoded, as it was committed and with what is counted of it. */
static inline struct text share_of_item(const struct feed_item *item)
{
    return (struct text){(const char *)item->frame->bytes + item->frame->size - item->share_bytes, item->share_bytes};
}
/* What it is of, encoded, if it is a re-share; no data if not. */
struct text origin_of_item(const struct feed_item *item);
/* The share with what it is of, if it is a re-share, and what is told of others: what that takes. Written, returns its end. */
size_t item_further_bytes(const struct feed_item *item);
static inline size_t item_bytes(const struct feed_item *item)
{
    return item->share_bytes + (item->also.data || item->origin_frame ? item_further_bytes(item) : 0);
}
uint8_t *item_write_further(const struct feed_item *item, uint8_t *at);
static inline uint8_t *item_write(const struct feed_item *item, uint8_t *at)
{
    memcpy(at, share_of_item(item).data, item->share_bytes);
    at += item->share_bytes;
    return item->also.data || item->origin_frame ? item_write_further(item, at) : at;
}
struct frame *frame_of_one_share(const struct feed_item *item);

struct frame *frame_of_caught_up(const uint8_t *token, size_t token_bytes);
struct frame *frame_of_heartbeat(const uint8_t *token, size_t token_bytes, bool degraded);
/* A Noticed. */
struct frame *frame_of_notice(const struct feed_notice *notice);
struct frame *frame_of_read_marker(const struct feed_unread *unread);
/* A Gap of `count` ranges, two positions each. */
struct frame *frame_of_gap(Feed__GapReason reason, const uint64_t *ranges, size_t count);

#endif
