/* Messages out of the JSON that json.c makes of them: see json.h. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

/* A place of type `type` in untyped memory. */
#define STORE(type, at) (*(type *)(void *)(at))

static bool read_integer(const json_t *value, int64_t *ret_number)
{
    const char *text = json_string_value(value);
    char *end;

    if (json_is_integer(value)) {
        *ret_number = (int64_t)json_integer_value(value);
        return true;
    }
    if (text == NULL || text[0] == '\0')
        return false;
    *ret_number = text[0] == '-' ? strtoll(text, &end, 10) : (int64_t)strtoull(text, &end, 10);
    return *end == '\0';
}

static bool read_enum(const ProtobufCFieldDescriptor *field, const json_t *value, void *at)
{
    const char *name = json_string_value(value);
    const ProtobufCEnumValue *named =
        name != NULL ? protobuf_c_enum_descriptor_get_value_by_name(field->descriptor, name) : NULL;

    if (named == NULL)
        return false;
    STORE(int, at) = named->value;
    return true;
}

/* Strings and messages: what stands at `at` is the message's own then. */
static bool read_pointer(const ProtobufCFieldDescriptor *field, const json_t *value, void *at)
{
    void *read = NULL;

    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        read = json_to_message(value, field->descriptor);
    else if (json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value))
        read = strdup(json_string_value(value));
    if (read != NULL)
        STORE(void *, at) = read;
    return read != NULL;
}

static bool read_field(const ProtobufCFieldDescriptor *field, const json_t *value, void *at)
{
    int64_t number = 0;

    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return false;
    if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE)
        return read_pointer(field, value, at);
    if (field->type == PROTOBUF_C_TYPE_ENUM)
        return read_enum(field, value, at);
    if (field->type == PROTOBUF_C_TYPE_BOOL) {
        STORE(protobuf_c_boolean, at) = json_is_true(value);
        return json_is_boolean(value);
    }
    if (!read_integer(value, &number))
        return false;
    if (field->type == PROTOBUF_C_TYPE_UINT64 || field->type == PROTOBUF_C_TYPE_INT64)
        STORE(int64_t, at) = number;
    else if (field->type == PROTOBUF_C_TYPE_UINT32 || field->type == PROTOBUF_C_TYPE_INT32)
        STORE(int32_t, at) = (int32_t)number;
    else
        return false;
    return true;
}

ProtobufCMessage *json_to_message(const json_t *object, const ProtobufCMessageDescriptor *descriptor)
{
    ProtobufCMessage *message = json_is_object(object) ? malloc(descriptor->sizeof_message) : NULL;
    const char *name;
    json_t *value;

    if (message == NULL)
        return NULL;
    protobuf_c_message_init(descriptor, message);
    json_object_foreach((json_t *)(uintptr_t)object, name, value) {
        const ProtobufCFieldDescriptor *field = json_field(descriptor, name);

        if (field == NULL || !read_field(field, value, (char *)message + field->offset)) {
            protobuf_c_message_free_unpacked(message, NULL);
            return NULL;
        }
    }
    return message;
}
