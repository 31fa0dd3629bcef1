/* The frames that wait for one connection: references, with the request id that each is sent under.
 *
 * The first entries stand inside the queue; only a connection with more owns an array, until it has drained. */
#ifndef FEED_NET_FRAME_QUEUE_H
#define FEED_NET_FRAME_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/frame.h"

#define FRAME_QUEUE_INLINE 2

struct frame_entry {
    struct frame *frame;
    uint32_t request_id;
};

/* All zero is the empty queue. */
struct frame_queue {
    union {
        struct frame_entry few[FRAME_QUEUE_INLINE];
        struct frame_entry *many; /* a ring, while `capacity` is not 0 */
    } entries;
    uint32_t capacity;    /* of `many`, a power of two; 0: `few` is used */
    uint32_t head, count; /* the oldest entry's index, and how many there are */
    uint32_t sent_bytes;  /* of the oldest entry's bytes on the wire */
    size_t bytes;         /* on the wire and not sent yet, of all entries */
};

/* Drops everything. */
void frame_queue_clear(struct frame_queue *queue);

/* Takes a reference of its own. 0 or -ENOMEM. */
int frame_queue_push(struct frame_queue *queue, struct frame *frame, uint32_t request_id);

/* Writes what is to be sent next, up to `size` bytes, to `out`: for each frame its length, its request id and its
 * bytes. Changes nothing. Returns the bytes written, which end anywhere. */
size_t frame_queue_gather(const struct frame_queue *queue, uint8_t *out, size_t size);

/* The first `bytes` of what frame_queue_gather() wrote were sent. */
void frame_queue_consume(struct frame_queue *queue, size_t bytes);

#endif
