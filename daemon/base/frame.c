/* See frame.h. */
#include "base/frame.h"

#include <assert.h>
#include <stdlib.h>

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
