/* The frames that wait for one connection: references, with the request id that each is sent under.
 *
 * The first entries stand inside the queue; only a connection with more owns an array, until it has drained.
 *
 * Memory is counted twice over. `held_bytes` is what one queue would take if nobody else held its frames: the frames as they
 * stand in memory, whole also when partly sent, and the array. The *held that is handed to the functions below is what all
 * queues of a net take together: each frame once, however many of them hold it, and the arrays. */
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
    uint32_t stream; /* of what may be left out again: the sender's own number for what it belongs to */
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
    size_t held_bytes;    /* in memory */
};

/* The oldest entry is at 0. */
const struct frame_entry *frame_queue_at(const struct frame_queue *queue, uint32_t index);

/* Drops everything. */
void frame_queue_clear(struct frame_queue *queue, size_t *held);

/* Takes a reference of its own. 0 or -ENOMEM. */
int frame_queue_push(struct frame_queue *queue, const struct frame_entry *entry, size_t *held);

/* Writes what is to be sent next, up to `size` bytes, to `out`: for each frame its length, its request id and its
 * bytes. Changes nothing. Returns the bytes written, which end anywhere. */
size_t frame_queue_gather(const struct frame_queue *queue, uint8_t *out, size_t size);

/* What is left of the oldest frame if that is whole, which can be sent from where it stands; else NULL. */
const uint8_t *frame_queue_next_whole(const struct frame_queue *queue, size_t *ret_bytes);

/* The first `bytes` of what one of these returned were sent. */
void frame_queue_consume(struct frame_queue *queue, size_t bytes, size_t *held);

/* Leaves out what stands for a position and `may_drop` says yes to, which is asked oldest first. What is partly sent stays.
 * Returns how many were left out. */
typedef bool frame_queue_drop_fn(void *context, const struct frame_entry *entry);
size_t frame_queue_drop(struct frame_queue *queue, frame_queue_drop_fn *may_drop, void *context, size_t *held);

#endif
