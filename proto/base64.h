/* Base64 (RFC 4648, section 4) by nettle, for what is carried in JSON and need not be text. For the daemon and feedctl. */
#ifndef FEED_BASE64_H
#define FEED_BASE64_H

#include <errno.h>
#include <nettle/base64.h>
#include <stddef.h>
#include <stdint.h>

/* What `size` bytes take written so, with the zero behind them. */
#define BASE64_BYTES(size) (BASE64_ENCODE_RAW_LENGTH(size) + 1)

/* Writes BASE64_BYTES(size). Returns how long the text is. */
static inline size_t base64_write(const void *data, size_t size, char *out)
{
    base64_encode_raw(out, size, data);
    out[BASE64_ENCODE_RAW_LENGTH(size)] = '\0';
    return BASE64_ENCODE_RAW_LENGTH(size);
}

/* Reads a text of `size` characters into `out`, which has room for size / 4 * 3 bytes. Returns how many there are, or -EINVAL. */
static inline int base64_read(const char *text, size_t size, uint8_t *out)
{
    struct base64_decode_ctx context;
    size_t length = 0;

    base64_decode_init(&context);
    if (size % 4 != 0 || !base64_decode_update(&context, &length, out, size, text) || !base64_decode_final(&context) ||
        BASE64_ENCODE_RAW_LENGTH(length) != size) /* nettle passes over white space */
        return -EINVAL;
    return (int)length;
}

#endif
