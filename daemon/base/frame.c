/* See frame.h. */
#include "base/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "framing.h"

/* The key of ServerFrame.request_id, field 1, a varint. */
#define REQUEST_ID_KEY 0x08

/* A length of 32 bits, the key and a request id of 32 bits. */
_Static_assert(FRAME_HEAD_MAX_BYTES == FRAMING_LENGTH_MAX_BYTES + 1 + 5, "a head has another size");

struct frame *frame_new(size_t size)
{
    struct frame *frame;

    if (size > UINT32_MAX - sizeof(*frame))
        return NULL;
    frame = malloc(sizeof(*frame) + size);
    if (!frame)
        return NULL;
    *frame = (struct frame){.refs = 1, .size = (uint32_t)size};
    return frame;
}

struct frame *frame_ref(struct frame *frame)
{
    assert(frame->refs > 0 && frame->refs < UINT32_MAX);
    frame->refs++;
    return frame;
}

void frame_unref(struct frame *frame)
{
    if (!frame)
        return;
    assert(frame->refs > 0);
    if (--frame->refs == 0)
        free(frame);
}

/* The request id's field, which stands before the frame's own bytes; id 0 is proto3's default and is not written. */
static size_t request_id_bytes(uint32_t request_id)
{
    return request_id == 0 ? 0 : 1 + framing_varint_bytes(request_id);
}

size_t frame_write_head(const struct frame *frame, uint32_t request_id, uint8_t out[FRAME_HEAD_MAX_BYTES])
{
    size_t bytes;

    if (frame->is_whole)
        return 0;
    bytes = framing_write_varint(out, request_id_bytes(request_id) + frame->size);
    if (request_id != 0) {
        out[bytes++] = REQUEST_ID_KEY;
        bytes += framing_write_varint(out + bytes, request_id);
    }
    return bytes;
}

size_t frame_wire_bytes(const struct frame *frame, uint32_t request_id)
{
    size_t body_bytes = request_id_bytes(request_id) + frame->size;

    return frame->is_whole ? frame->size : framing_varint_bytes(body_bytes) + body_bytes;
}

struct frame *frame_join(struct frame *const *frames, size_t count, uint32_t request_id)
{
    size_t bytes = 0;
    struct frame *joined;

    for (size_t i = 0; i < count; i++)
        bytes += frame_wire_bytes(frames[i], request_id);
    joined = frame_new(bytes);
    if (!joined)
        return NULL;
    joined->is_whole = true;
    joined->position = frames[0]->position;
    uint8_t *at = joined->bytes;
    for (size_t i = 0; i < count; i++) {
        at += frame_write_head(frames[i], request_id, at);
        memcpy(at, frames[i]->bytes, frames[i]->size);
        at += frames[i]->size;
    }
    return joined;
}
