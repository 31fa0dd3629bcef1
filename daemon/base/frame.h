/* A frame: one encoded ServerFrame, without its length and its request id, shared by reference.
 *
 * A share that thousands of connections wait for is encoded once; their queues hold references. What differs between the
 * connections, the request id that the frame answers, is written in front of it when the frame is sent. */
#ifndef FEED_BASE_FRAME_H
#define FEED_BASE_FRAME_H

#include <stddef.h>
#include <stdint.h>

struct frame {
    uint32_t refs;
    uint32_t size; /* bytes in `bytes` */
    uint8_t bytes[];
};

/* A frame with room for `size` bytes and one reference, which the caller owns. NULL when memory ends. */
struct frame *frame_new(size_t size);

/* Takes another reference. Returns `frame`. */
struct frame *frame_ref(struct frame *frame);

/* Gives one reference back; the last one frees. NULL is allowed. */
void frame_unref(struct frame *frame);

#endif
