/* What protobuf-c does not check: that strings are UTF-8, and that they hold no zero bytes, behind which C would not see
 * the rest. */
#ifndef FEED_COMMANDS_WIRE_H
#define FEED_COMMANDS_WIRE_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

/* Walks an encoded message. NULL if every string in it is sound, else the name of the first field that is not. What is not
 * well-formed protobuf is left for the decoder to refuse. */
const char *wire_bad_string(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t size);

/* The varint that field number 1 of a message holds if it comes first, else 0: the request id of a frame that could not be
 * decoded. */
uint32_t wire_request_id(const uint8_t *data, size_t size);

#endif
