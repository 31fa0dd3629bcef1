/* See base64.h. */
#include "base64.h"

#include <errno.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_write(const void *data, size_t size, char *out)
{
    const uint8_t *bytes = data;
    size_t length = 0;

    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t group = (uint32_t)bytes[i] << 16;

        group |= left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= left > 2 ? (uint32_t)bytes[i + 2] : 0;
        out[length++] = digits[group >> 18];
        out[length++] = digits[group >> 12 & 63];
        out[length++] = left > 1 ? digits[group >> 6 & 63] : '=';
        out[length++] = left > 2 ? digits[group & 63] : '=';
    }
    out[length] = '\0';
    return length;
}

int base64_read(const char *text, size_t size, uint8_t *out)
{
    size_t length = 0, padding = size > 0 && text[size - 1] == '=' ? 1 : 0;

    padding += padding > 0 && size > 1 && text[size - 2] == '=';
    if (size % 4 != 0)
        return -EINVAL;
    for (size_t i = 0; i < size; i += 4) {
        uint32_t group = 0;

        for (size_t j = i; j < i + 4; j++) {
            const char *digit = j + padding < size ? memchr(digits, text[j], sizeof(digits) - 1) : digits;

            if (!digit)
                return -EINVAL;
            group = group << 6 | (uint32_t)(digit - digits);
        }
        out[length++] = (uint8_t)(group >> 16);
        out[length++] = (uint8_t)(group >> 8);
        out[length++] = (uint8_t)group;
    }
    return (int)(length - padding);
}
