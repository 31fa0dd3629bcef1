/* The protobuf wire format, for what is written by hand: fields of texts and numbers. */
#ifndef FEED_FEED_WIRE_H
#define FEED_FEED_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "framing.h"

/* The tag of a field that is length-delimited, or a varint. */
#define TAG_BYTES(field) ((uint32_t)(field) << 3 | 2)
#define TAG_VARINT(field) ((uint32_t)(field) << 3)

static inline uint8_t *put_varint(uint8_t *at, uint64_t value)
{
    return at + framing_write_varint(at, value);
}

static inline uint8_t *put_bytes(uint8_t *at, uint32_t field, const void *data, size_t size)
{
    at = put_varint(at, TAG_BYTES(field));
    at = put_varint(at, size);
    memcpy(at, data, size);
    return at + size;
}

static inline size_t bytes_field_size(uint32_t field, size_t size)
{
    return framing_varint_bytes(TAG_BYTES(field)) + framing_varint_bytes(size) + size;
}

#endif
