/* Framing: a varint length followed by one protobuf message, as Java's writeDelimitedTo and JavaScript's encodeDelimited
 * write it. Shared by the daemon and the clients; knows nothing of I/O and allocates nothing. */
#ifndef FEED_FRAMING_H
#define FEED_FRAMING_H

#include <stddef.h>
#include <stdint.h>

/* A length takes at most this many bytes: 35 bits are more than any frame limit. */
#define FRAMING_LENGTH_MAX_BYTES 5

/* Looks at the `available` bytes at `data`, which start at a frame's length.
 * Returns 1 and sets *ret_header_bytes (the length's own size) and *ret_body_bytes (the message that follows; it need not
 * be there yet), 0 if the length itself is not complete yet, -EMSGSIZE if the message would be longer than
 * `max_body_bytes` (both outputs are set then too), -EPROTO if this is no length: more than five bytes, or more than
 * 32 bits. */
int framing_read_length(const uint8_t *data, size_t available, size_t max_body_bytes, size_t *ret_header_bytes,
                        size_t *ret_body_bytes);

/* Writes `value` as a varint to `out`, which has room for 10 bytes. Returns the number of bytes written. */
size_t framing_write_varint(uint8_t *out, uint64_t value);

/* The number of bytes that framing_write_varint() writes for `value`: 1 to 10. */
size_t framing_varint_bytes(uint64_t value);

#endif
