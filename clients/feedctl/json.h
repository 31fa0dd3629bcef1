/* The proto3 JSON mapping, driven by the descriptors of protobuf-c: lowerCamelCase names, 64-bit numbers as strings,
 * bytes as base64, enums by name; empty fields are printed, unset messages are null, of a oneof only the member that
 * is set. */
#ifndef FEEDCTL_JSON_H
#define FEEDCTL_JSON_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

/* A new reference; NULL when memory ends. Bytes that are no UTF-8 become U+FFFD. */
json_t *json_from_message(const ProtobufCMessage *message);

/* `text` as a JSON string, bytes that are no UTF-8 replaced. */
json_t *json_from_text(const char *text);
/* Bytes as base64. */
json_t *json_from_bytes(const void *data, size_t size);

/* What a field is called in JSON. */
#define JSON_NAME_BYTES 64
void json_name(const char *name, char out[static JSON_NAME_BYTES]);

/* The field that is called so; NULL if there is none. */
const ProtobufCFieldDescriptor *json_field(const ProtobufCMessageDescriptor *descriptor, const char *name);

/* Takes what says nothing out of such an object: members that are empty, 0, false or null. Borrowed. */
void json_prune(json_t *object, const ProtobufCMessageDescriptor *descriptor);

/* json_read.c: the message that such an object is of, to be freed with protobuf_c_message_free_unpacked(). What it does not
 * have is empty. NULL if a member is none of the message, or of another type; or memory ended. Lists and bytes are not read. */
ProtobufCMessage *json_to_message(const json_t *object, const ProtobufCMessageDescriptor *descriptor);

/* Prints `value` on a line of its own on standard output, and takes the reference. NULL prints nothing. */
void json_print(json_t *value);
void json_print_message(const ProtobufCMessage *message);
/* `message` without the field `left_out` (its JSON name): of a frame, what it carries. A new reference. */
json_t *json_from_message_without(const ProtobufCMessage *message, const char *left_out);
/* {"NAME":{…}} */
void json_print_named(const char *name, const ProtobufCMessage *message);

#endif
