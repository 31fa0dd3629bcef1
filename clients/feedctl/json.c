/* See json.h. */
#include "json.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "message.h"
#include "text.h"

json_t *json_from_text(const char *text)
{
    json_t *value = json_string(text);
    char *valid;

    if (value != NULL)
        return value;
    valid = text_valid(text);
    value = valid != NULL ? json_string(valid) : NULL;
    free(valid);
    return value;
}

json_t *json_from_bytes(const void *data, size_t size)
{
    char *out = malloc(BASE64_BYTES(size));
    json_t *value = out != NULL ? json_stringn(out, base64_write(data, size, out)) : NULL;

    free(out);
    return value;
}

static json_t *json_from_enum(const ProtobufCFieldDescriptor *field, int number)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(field->descriptor, number);

    return value != NULL ? json_string(value->name) : json_integer(number);
}

/* One value of the field's type, which lies at `at`. */
static json_t *json_from_value(const ProtobufCFieldDescriptor *field, const void *at)
{
    char number[24];

    switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        snprintf(number, sizeof number, "%lld", (long long)LOAD(int64_t, at));
        return json_string(number);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        snprintf(number, sizeof number, "%llu", (unsigned long long)LOAD(uint64_t, at));
        return json_string(number);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return json_integer(LOAD(int32_t, at));
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return json_integer(LOAD(uint32_t, at));
    case PROTOBUF_C_TYPE_FLOAT:
        return json_real((double)LOAD(float, at));
    case PROTOBUF_C_TYPE_DOUBLE:
        return json_real(LOAD(double, at));
    case PROTOBUF_C_TYPE_BOOL:
        return json_boolean(LOAD(protobuf_c_boolean, at));
    case PROTOBUF_C_TYPE_ENUM:
        return json_from_enum(field, LOAD(int, at));
    case PROTOBUF_C_TYPE_STRING:
        return json_from_text(LOAD(char *, at) != NULL ? LOAD(char *, at) : "");
    case PROTOBUF_C_TYPE_BYTES:
        return json_from_bytes(((const ProtobufCBinaryData *)at)->data, ((const ProtobufCBinaryData *)at)->len);
    case PROTOBUF_C_TYPE_MESSAGE:
        return LOAD(ProtobufCMessage *, at) != NULL ? json_from_message(LOAD(ProtobufCMessage *, at)) : json_null();
    }
    return json_null();
}

static size_t value_size(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return sizeof(uint64_t);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return sizeof(uint32_t);
    case PROTOBUF_C_TYPE_ENUM:
        return sizeof(int);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        break;
    }
    return sizeof(void *);
}

static json_t *json_from_list(const ProtobufCFieldDescriptor *field, const char *base)
{
    size_t count = LOAD(size_t, base + field->quantifier_offset);
    const char *values = LOAD(char *, base + field->offset);
    json_t *list = json_array();

    for (size_t i = 0; list != NULL && i < count; i++) {
        if (json_array_append_new(list, json_from_value(field, values + i * value_size(field))) < 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

void json_name(const char *name, char out[static JSON_NAME_BYTES])
{
    size_t length = 0;

    for (; *name != '\0' && length + 1 < JSON_NAME_BYTES; name++) {
        if (name[0] == '_' && name[1] >= 'a' && name[1] <= 'z')
            out[length++] = (char)(*++name - 'a' + 'A');
        else
            out[length++] = *name;
    }
    out[length] = '\0';
}

json_t *json_from_message(const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    const char *base = (const char *)message;
    json_t *object = json_object();
    char name[JSON_NAME_BYTES];

    for (unsigned i = 0; object != NULL && i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        json_t *value;

        if (!message_holds(field, base))
            continue;
        value = field->label == PROTOBUF_C_LABEL_REPEATED ? json_from_list(field, base)
                                                          : json_from_value(field, base + field->offset);
        json_name(field->name, name);
        if (json_object_set_new(object, name, value) < 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

json_t *json_from_message_without(const ProtobufCMessage *message, const char *left_out)
{
    json_t *object = json_from_message(message);

    if (object != NULL)
        json_object_del(object, left_out);
    return object;
}

const ProtobufCFieldDescriptor *json_field(const ProtobufCMessageDescriptor *descriptor, const char *name)
{
    char own_name[JSON_NAME_BYTES];

    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        json_name(descriptor->fields[i].name, own_name);
        if (strcmp(own_name, name) == 0)
            return &descriptor->fields[i];
    }
    return NULL;
}

/* Numbers of 64 bits are strings, and enums are names. */
static bool says_nothing(const ProtobufCFieldDescriptor *field, const json_t *value)
{
    bool is_text = field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_BYTES;
    const char *nothing = is_text ? "" : "0";

    if (field->type == PROTOBUF_C_TYPE_ENUM)
        nothing = protobuf_c_enum_descriptor_get_value(field->descriptor, 0)->name;
    if (json_is_string(value))
        return strcmp(json_string_value(value), nothing) == 0;
    return json_is_null(value) || json_is_false(value) || (json_is_integer(value) && json_integer_value(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0);
}

void json_prune(json_t *object, const ProtobufCMessageDescriptor *descriptor)
{
    const char *name;
    json_t *value;
    void *next;

    json_object_foreach_safe(object, next, name, value) {
        const ProtobufCFieldDescriptor *field = json_field(descriptor, name);

        if (json_is_object(value))
            json_prune(value, field->descriptor);
        else if (says_nothing(field, value))
            json_object_del(object, name);
    }
}

void json_print(json_t *value)
{
    if (value == NULL) {
        fputs("feedctl: out of memory\n", stderr);
        return;
    }
    json_dumpf(value, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    fputc('\n', stdout);
    json_decref(value);
}

void json_print_message(const ProtobufCMessage *message)
{
    json_print(json_from_message(message));
}

void json_print_named(const char *name, const ProtobufCMessage *message)
{
    json_print(json_pack("{s:o}", name, json_from_message(message)));
}
