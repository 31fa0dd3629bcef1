/* A growing buffer. All zero is an empty one. */
#ifndef FEED_BYTES_H
#define FEED_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

struct bytes {
    uint8_t *data;
    size_t size, room;
};

/* Makes room for `more` bytes after the present ones. Returns where they go; the caller adds to `size`. NULL when
 * memory ends; the buffer is unchanged then. */
uint8_t *bytes_reserve(struct bytes *bytes, ProtobufCAllocator *allocator, size_t more);
/* Drops the first `count` bytes. */
void bytes_drop(struct bytes *bytes, size_t count);
/* Frees the memory; the buffer is empty then. */
void bytes_done(struct bytes *bytes, ProtobufCAllocator *allocator);

#endif
