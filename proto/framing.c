/* See framing.h. */
#include "framing.h"

#include <errno.h>

int framing_read_length(const uint8_t *data, size_t available, size_t max_body_bytes, size_t *ret_header_bytes,
                        size_t *ret_body_bytes)
{
    uint64_t length = 0;

    for (size_t i = 0; i < FRAMING_LENGTH_MAX_BYTES; i++) {
        if (i == available)
            return 0;
        length |= (uint64_t)(data[i] & 0x7f) << (7 * i);
        if (data[i] & 0x80)
            continue;
        if (length > UINT32_MAX)
            return -EPROTO;
        *ret_header_bytes = i + 1;
        *ret_body_bytes = (size_t)length;
        return length > max_body_bytes ? -EMSGSIZE : 1;
    }
    return -EPROTO;
}

size_t framing_write_varint(uint8_t *out, uint64_t value)
{
    size_t bytes = 0;

    while (value >= 0x80) {
        out[bytes++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[bytes++] = (uint8_t)value;
    return bytes;
}

size_t framing_varint_bytes(uint64_t value)
{
    size_t bytes = 1;

    while (value >= 0x80) {
        value >>= 7;
        bytes++;
    }
    return bytes;
}
