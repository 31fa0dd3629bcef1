/* How the fields of protobuf-c's messages are read by their descriptors. */
#ifndef FEEDCTL_MESSAGE_H
#define FEEDCTL_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

/* Reads a value of type `type` from untyped memory. */
#define LOAD(type, at) (*(type const *)(const void *)(at))

/* Whether the message at `base` holds the field: not if another one of its oneof is set. */
static inline bool message_holds(const ProtobufCFieldDescriptor *field, const char *base)
{
    return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0 || LOAD(uint32_t, base + field->quantifier_offset) == field->id;
}

#endif
