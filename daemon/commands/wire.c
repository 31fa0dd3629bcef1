/* See wire.h. */
#include "commands/wire.h"

#include <stdbool.h>
#include <string.h>
#include <unistr.h>

/* Protobuf wire types (protobuf.dev, "Encoding"). */
enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

static bool read_varint(struct cursor *cursor, uint64_t *ret_value)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && cursor->at < cursor->end; shift += 7) {
        uint8_t byte = *cursor->at++;

        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static bool is_sound(const uint8_t *data, size_t size)
{
    return u8_check(data, size) == NULL && !memchr(data, 0, size);
}

/* A length-delimited field: a string is checked, a message walked, anything else passed over. */
static const char *check_field(const ProtobufCFieldDescriptor *field, const uint8_t *data, size_t size)
{
    if (field && field->type == PROTOBUF_C_TYPE_STRING)
        return is_sound(data, size) ? NULL : field->name;
    if (field && field->type == PROTOBUF_C_TYPE_MESSAGE)
        return wire_bad_string(field->descriptor, data, size);
    return NULL;
}

const char *wire_bad_string(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t size)
{
    struct cursor cursor = {data, data + size};
    uint64_t tag, value;

    while (cursor.at < cursor.end && read_varint(&cursor, &tag)) {
        size_t left = (size_t)(cursor.end - cursor.at);

        switch (tag & 7) {
        case WIRE_VARINT:
            if (!read_varint(&cursor, &value))
                return NULL;
            continue;
        case WIRE_FIXED64:
            value = 8;
            break;
        case WIRE_FIXED32:
            value = 4;
            break;
        case WIRE_BYTES: {
            if (!read_varint(&cursor, &value) || value > (uint64_t)(cursor.end - cursor.at))
                return NULL;
            const char *bad = check_field(protobuf_c_message_descriptor_get_field(descriptor, (unsigned)(tag >> 3)), cursor.at,
                                          (size_t)value);
            if (bad)
                return bad;
            left = (size_t)(cursor.end - cursor.at);
            break;
        }
        default:
            return NULL;
        }
        if (value > left)
            return NULL;
        cursor.at += value;
    }
    return NULL;
}

uint32_t wire_request_id(const uint8_t *data, size_t size)
{
    struct cursor cursor = {data, data + size};
    uint64_t tag, value;

    if (!read_varint(&cursor, &tag) || tag != (1 << 3 | WIRE_VARINT) || !read_varint(&cursor, &value) || value > UINT32_MAX)
        return 0;
    return (uint32_t)value;
}
