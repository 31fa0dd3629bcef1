/* See bytes.h. */
#include "bytes.h"

#include <string.h>

#define BYTES_MIN_ROOM 512u

uint8_t *bytes_reserve(struct bytes *bytes, ProtobufCAllocator *allocator, size_t more)
{
    size_t room = bytes->room < BYTES_MIN_ROOM ? BYTES_MIN_ROOM : bytes->room;
    uint8_t *data;

    if (more > SIZE_MAX / 4 - bytes->size)
        return NULL;
    if (bytes->data != NULL && bytes->room - bytes->size >= more)
        return bytes->data + bytes->size;
    while (room - bytes->size < more)
        room *= 2;
    data = allocator->alloc(allocator->allocator_data, room);
    if (data == NULL)
        return NULL;
    if (bytes->size != 0)
        memcpy(data, bytes->data, bytes->size);
    allocator->free(allocator->allocator_data, bytes->data);
    bytes->data = data;
    bytes->room = room;
    return data + bytes->size;
}

void bytes_drop(struct bytes *bytes, size_t count)
{
    bytes->size -= count;
    if (bytes->size != 0)
        memmove(bytes->data, bytes->data + count, bytes->size);
}

void bytes_done(struct bytes *bytes, ProtobufCAllocator *allocator)
{
    allocator->free(allocator->allocator_data, bytes->data);
    *bytes = (struct bytes){ 0 };
}
