/* Base64 (RFC 4648, section 4), for what is carried in JSON and need not be text. Shared by the daemon and the clients. */
#ifndef FEED_BASE64_H
#define FEED_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* What `size` bytes take written so, with the zero behind them. */
#define BASE64_BYTES(size) (((size) + 2) / 3 * 4 + 1)

/* Writes BASE64_BYTES(size). Returns how long the text is. */
size_t base64_write(const void *data, size_t size, char *out);
/* Reads a text of `size` characters into `out`, which has room for size / 4 * 3 bytes. Returns how many there are, or -EINVAL. */
int base64_read(const char *text, size_t size, uint8_t *out);

#endif
