/* See frame_queue.h. */
#include "net/frame_queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 8

static uint32_t slot_of(const struct frame_queue *queue, uint32_t index)
{
    return (queue->head + index) % (queue->capacity == 0 ? FRAME_QUEUE_INLINE : queue->capacity);
}

static struct frame_entry *place_at(struct frame_queue *queue, uint32_t index)
{
    return (queue->capacity == 0 ? queue->entries.few : queue->entries.many) + slot_of(queue, index);
}

const struct frame_entry *frame_queue_at(const struct frame_queue *queue, uint32_t index)
{
    return (queue->capacity == 0 ? queue->entries.few : queue->entries.many) + slot_of(queue, index);
}

static size_t wire_bytes(const struct frame_entry *entry)
{
    return frame_wire_bytes(entry->frame, entry->request_id);
}

/* The queue takes a reference of its own, and gives it back. */
static void hold(struct frame_queue *queue, struct frame *frame, size_t *held)
{
    frame_ref(frame);
    queue->held_bytes += frame_memory_bytes(frame);
    if (frame->queued++ == 0)
        *held += frame_memory_bytes(frame);
}

static void release(struct frame_queue *queue, struct frame *frame, size_t *held)
{
    queue->held_bytes -= frame_memory_bytes(frame);
    if (--frame->queued == 0)
        *held -= frame_memory_bytes(frame);
    frame_unref(frame);
}

static void count_array(struct frame_queue *queue, uint32_t before, size_t *held)
{
    size_t gone = before * sizeof(struct frame_entry), come = queue->capacity * sizeof(struct frame_entry);

    queue->held_bytes = queue->held_bytes - gone + come;
    *held = *held - gone + come;
}

/* Moves the entries to the start of an array of `capacity`, or into the queue itself if that is 0. */
static int move(struct frame_queue *queue, uint32_t capacity, size_t *held)
{
    struct frame_entry few[FRAME_QUEUE_INLINE] = {{0}};
    struct frame_entry *entries = capacity == 0 ? few : malloc((size_t)capacity * sizeof(*entries));
    uint32_t before = queue->capacity;

    if (!entries)
        return -ENOMEM;
    for (uint32_t i = 0; i < queue->count; i++)
        entries[i] = *frame_queue_at(queue, i);
    if (before != 0)
        free(queue->entries.many);
    if (capacity == 0)
        memcpy(queue->entries.few, few, sizeof(few));
    else
        queue->entries.many = entries;
    queue->capacity = capacity;
    queue->head = 0;
    count_array(queue, before, held);
    return 0;
}

static int grow(struct frame_queue *queue, size_t *held)
{
    uint32_t capacity = queue->capacity == 0 ? FIRST_CAPACITY : queue->capacity * 2;

    return capacity < queue->capacity ? -ENOMEM : move(queue, capacity, held);
}

/* No more room than what is left needs. Without memory for a smaller array, the larger one stays. */
static void shrink(struct frame_queue *queue, size_t *held)
{
    uint32_t capacity = queue->count <= FRAME_QUEUE_INLINE ? 0 : FIRST_CAPACITY;

    while (capacity != 0 && capacity < queue->count)
        capacity *= 2;
    if (capacity < queue->capacity)
        (void)move(queue, capacity, held);
}

/* An empty queue owns nothing. */
static void give_back(struct frame_queue *queue, size_t *held)
{
    if (queue->capacity != 0) {
        free(queue->entries.many);
        *held -= queue->capacity * sizeof(struct frame_entry);
    }
    *queue = (struct frame_queue){0};
}

void frame_queue_clear(struct frame_queue *queue, size_t *held)
{
    for (uint32_t i = 0; i < queue->count; i++)
        release(queue, frame_queue_at(queue, i)->frame, held);
    give_back(queue, held);
}

int frame_queue_push(struct frame_queue *queue, const struct frame_entry *entry, size_t *held)
{
    uint32_t room = queue->capacity == 0 ? FRAME_QUEUE_INLINE : queue->capacity;

    if (queue->count == room && grow(queue, held) < 0)
        return -ENOMEM;
    *place_at(queue, queue->count) = *entry;
    hold(queue, entry->frame, held);
    queue->count++;
    queue->bytes += wire_bytes(entry);
    return 0;
}

/* Copies what of `from` lies beyond the first *skip bytes to `out`. Returns the bytes copied; *skip is reduced by
 * what was left out. */
static size_t copy_beyond(const uint8_t *from, size_t bytes, size_t *skip, uint8_t *out, size_t room)
{
    size_t left_out = *skip < bytes ? *skip : bytes;
    size_t copied = bytes - left_out < room ? bytes - left_out : room;

    memcpy(out, from + left_out, copied);
    *skip -= left_out;
    return copied;
}

const uint8_t *frame_queue_next_whole(const struct frame_queue *queue, size_t *ret_bytes)
{
    const struct frame *frame = queue->count > 0 ? frame_queue_at(queue, 0)->frame : NULL;

    if (!frame || !frame->is_whole)
        return NULL;
    *ret_bytes = frame->size - queue->sent_bytes;
    return frame->bytes + queue->sent_bytes;
}

size_t frame_queue_gather(const struct frame_queue *queue, uint8_t *out, size_t size)
{
    size_t skip = queue->sent_bytes;
    size_t used = 0;

    for (uint32_t i = 0; i < queue->count && used < size; i++) {
        const struct frame_entry *entry = frame_queue_at(queue, i);
        uint8_t header[FRAME_HEAD_MAX_BYTES];
        size_t header_bytes = frame_write_head(entry->frame, entry->request_id, header);

        used += copy_beyond(header, header_bytes, &skip, out + used, size - used);
        used += copy_beyond(entry->frame->bytes, entry->frame->size, &skip, out + used, size - used);
    }
    return used;
}

void frame_queue_consume(struct frame_queue *queue, size_t bytes, size_t *held)
{
    assert(bytes <= queue->bytes);
    queue->bytes -= bytes;
    bytes += queue->sent_bytes;
    while (queue->count > 0 && bytes >= wire_bytes(frame_queue_at(queue, 0))) {
        bytes -= wire_bytes(frame_queue_at(queue, 0));
        release(queue, frame_queue_at(queue, 0)->frame, held);
        queue->head++;
        queue->count--;
    }
    queue->sent_bytes = (uint32_t)bytes;
    if (queue->count == 0)
        give_back(queue, held);
}

size_t frame_queue_drop(struct frame_queue *queue, frame_queue_drop_fn *may_drop, void *context, size_t *held)
{
    uint32_t count = queue->count, kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct frame_entry entry = *frame_queue_at(queue, i);
        bool is_partly_sent = i == 0 && queue->sent_bytes > 0;

        if (is_partly_sent || entry.frame->position == 0 || !may_drop(context, &entry)) {
            *place_at(queue, kept++) = entry;
            continue;
        }
        queue->bytes -= wire_bytes(&entry);
        release(queue, entry.frame, held);
    }
    queue->count = kept;
    if (kept == 0)
        give_back(queue, held);
    else
        shrink(queue, held);
    return count - kept;
}
