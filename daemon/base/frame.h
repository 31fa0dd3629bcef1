/* A frame: one encoded ServerFrame, without its length and its request id, shared by reference.
 *
 * A share that thousands of connections wait for is encoded once; their queues hold references. What differs between the
 * connections, the request id that the frame answers, is written in front of it when the frame is sent; or beforehand, where
 * many connections are sent the same under the same request id. */
#ifndef FEED_BASE_FRAME_H
#define FEED_BASE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A frame whose `position` is this covers what was queued before it: a token. */
#define FRAME_TOKEN UINT64_MAX

struct frame {
    uint32_t refs;
    uint32_t size;     /* bytes in `bytes` */
    uint32_t queued;   /* places in queues of connections, counted there */
    bool is_whole;     /* `bytes` are frames as they are sent, each with its length and its request id in front */
    uint64_t position; /* what it stands for: the log entry that it tells of, or FRAME_TOKEN. What has one may be left out of
                        * a queue again, since it can be made anew; 0: it may not */
    uint8_t bytes[];
};

/* A frame with room for `size` bytes, one reference, which the caller owns, and position 0. NULL when memory ends. */
struct frame *frame_new(size_t size);

/* Takes another reference. Returns `frame`. */
struct frame *frame_ref(struct frame *frame);

/* Gives one reference back; the last one frees. NULL is allowed. */
void frame_unref(struct frame *frame);

/* What is sent in front of a frame's bytes: its length and, unless it is 0, its request id. Returns how many bytes were written. */
#define FRAME_HEAD_MAX_BYTES 11
size_t frame_write_head(const struct frame *frame, uint32_t request_id, uint8_t out[FRAME_HEAD_MAX_BYTES]);

/* What is sent of a frame altogether. */
size_t frame_wire_bytes(const struct frame *frame, uint32_t request_id);

/* Frames, none of them whole, as one that is: it stands for the position of the first. The caller owns it. NULL when memory
 * ends. */
struct frame *frame_join(struct frame *const *frames, size_t count, uint32_t request_id);

/* What a frame takes in memory. */
static inline size_t frame_memory_bytes(const struct frame *frame)
{
    return sizeof(*frame) + frame->size;
}

#endif
