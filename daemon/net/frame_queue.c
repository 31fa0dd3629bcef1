/* See frame_queue.h. */
#include "net/frame_queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "framing.h"

#define FIRST_CAPACITY 8

/* The key of ServerFrame.request_id, field 1, a varint. */
#define REQUEST_ID_KEY 0x08

/* A length of 32 bits, the key and a request id of 32 bits. */
#define HEADER_MAX_BYTES (FRAMING_LENGTH_MAX_BYTES + 1 + 5)

static const struct frame_entry *entry_at(const struct frame_queue *queue, uint32_t index)
{
    if (queue->capacity == 0)
        return &queue->entries.few[(queue->head + index) % FRAME_QUEUE_INLINE];
    return &queue->entries.many[(queue->head + index) & (queue->capacity - 1)];
}

/* The request id's field, which stands before the frame's own bytes; id 0 is proto3's default and is not written. */
static size_t request_id_bytes(uint32_t request_id)
{
    return request_id == 0 ? 0 : 1 + framing_varint_bytes(request_id);
}

static size_t write_header(const struct frame_entry *entry, uint8_t header[HEADER_MAX_BYTES])
{
    size_t bytes = framing_write_varint(header, request_id_bytes(entry->request_id) + entry->frame->size);

    if (entry->request_id != 0) {
        header[bytes++] = REQUEST_ID_KEY;
        bytes += framing_write_varint(header + bytes, entry->request_id);
    }
    return bytes;
}

static size_t wire_bytes(const struct frame_entry *entry)
{
    size_t body_bytes = request_id_bytes(entry->request_id) + entry->frame->size;

    return framing_varint_bytes(body_bytes) + body_bytes;
}

/* Doubles the room; the entries move to the start of the new array. */
static int grow(struct frame_queue *queue)
{
    uint32_t capacity = queue->capacity == 0 ? FIRST_CAPACITY : queue->capacity * 2;
    struct frame_entry *entries;

    if (capacity < queue->capacity)
        return -ENOMEM;
    entries = malloc((size_t)capacity * sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    for (uint32_t i = 0; i < queue->count; i++)
        entries[i] = *entry_at(queue, i);
    if (queue->capacity != 0)
        free(queue->entries.many);
    queue->entries.many = entries;
    queue->capacity = capacity;
    queue->head = 0;
    return 0;
}

/* An empty queue owns nothing. */
static void give_back(struct frame_queue *queue)
{
    if (queue->capacity != 0)
        free(queue->entries.many);
    *queue = (struct frame_queue){0};
}

void frame_queue_clear(struct frame_queue *queue)
{
    for (uint32_t i = 0; i < queue->count; i++)
        frame_unref(entry_at(queue, i)->frame);
    give_back(queue);
}

int frame_queue_push(struct frame_queue *queue, struct frame *frame, uint32_t request_id)
{
    struct frame_entry entry = {.frame = frame, .request_id = request_id};
    uint32_t room = queue->capacity == 0 ? FRAME_QUEUE_INLINE : queue->capacity;

    if (queue->count == room && grow(queue) < 0)
        return -ENOMEM;
    if (queue->capacity == 0)
        queue->entries.few[(queue->head + queue->count) % FRAME_QUEUE_INLINE] = entry;
    else
        queue->entries.many[(queue->head + queue->count) & (queue->capacity - 1)] = entry;
    frame_ref(frame);
    queue->count++;
    queue->bytes += wire_bytes(&entry);
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

size_t frame_queue_gather(const struct frame_queue *queue, uint8_t *out, size_t size)
{
    size_t skip = queue->sent_bytes;
    size_t used = 0;

    for (uint32_t i = 0; i < queue->count && used < size; i++) {
        const struct frame_entry *entry = entry_at(queue, i);
        uint8_t header[HEADER_MAX_BYTES];
        size_t header_bytes = write_header(entry, header);

        used += copy_beyond(header, header_bytes, &skip, out + used, size - used);
        used += copy_beyond(entry->frame->bytes, entry->frame->size, &skip, out + used, size - used);
    }
    return used;
}

void frame_queue_consume(struct frame_queue *queue, size_t bytes)
{
    assert(bytes <= queue->bytes);
    queue->bytes -= bytes;
    bytes += queue->sent_bytes;
    while (queue->count > 0 && bytes >= wire_bytes(entry_at(queue, 0))) {
        bytes -= wire_bytes(entry_at(queue, 0));
        frame_unref(entry_at(queue, 0)->frame);
        queue->head++;
        queue->count--;
    }
    queue->sent_bytes = (uint32_t)bytes;
    if (queue->count == 0)
        give_back(queue);
}
