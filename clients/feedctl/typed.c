/* See typed.h. */
#include "typed.h"

#include <stdio.h>
#include <string.h>

#include "message.h"

/* The word of the usage line for the argument: the last one stands for all that follow. */
static void usage_word(const struct run *run, size_t argument, char out[static TYPED_BYTES])
{
    const char *word = run->command->arguments;
    size_t length;

    word += strspn(word, "[");
    for (size_t i = 0; i < argument && strchr(word, ' ') != NULL; i++) {
        word = strchr(word, ' ') + 1;
        word += strspn(word, "[");
    }
    length = strcspn(word, " ].");
    snprintf(out, TYPED_BYTES, "%.*s", (int)length, word);
}

/* A field's value, and one that was typed: the same memory, or, as some are copied or read as numbers, the same value. */
typedef bool same_fn(const char *typed, const char *text, uint64_t number);

static bool is_same_text(const char *typed, const char *text, uint64_t number)
{
    (void)number;
    return typed == text;
}

static bool is_equal(const char *typed, const char *text, uint64_t number)
{
    uint64_t id;

    return text != NULL ? text[0] != '\0' && strcmp(typed, text) == 0 : id_read(typed, &id) && id == number;
}

static bool find_word(const struct run *run, same_fn *is_same, const char *text, uint64_t number, char out[static TYPED_BYTES])
{
    const struct command_option *options = run->command->options;

    for (size_t i = 0; i < run->argument_count; i++)
        if (is_same(run->arguments[i], text, number)) {
            usage_word(run, i, out);
            return true;
        }
    for (size_t i = 0; i < OPTIONS_MAX && options[i].name != NULL; i++)
        if (options[i].value != NULL && run->values[i] != NULL && is_same(run->values[i], text, number)) {
            snprintf(out, TYPED_BYTES, "--%s", options[i].name);
            return true;
        }
    return false;
}

/* The value of a field that is text (of a list the first one) or a number; false: it is neither. */
static bool load(const ProtobufCFieldDescriptor *field, const char *base, const char **ret_text, uint64_t *ret_number)
{
    bool is_list = field->label == PROTOBUF_C_LABEL_REPEATED;

    *ret_text = NULL;
    *ret_number = 0;
    if (field->type == PROTOBUF_C_TYPE_UINT64 && !is_list)
        *ret_number = LOAD(uint64_t, base + field->offset);
    else if (field->type == PROTOBUF_C_TYPE_STRING && !is_list)
        *ret_text = LOAD(char *, base + field->offset);
    else if (field->type == PROTOBUF_C_TYPE_STRING && LOAD(size_t, base + field->quantifier_offset) > 0)
        *ret_text = LOAD(char **, base + field->offset)[0];
    else
        return false;
    return *ret_text != NULL || field->type == PROTOBUF_C_TYPE_UINT64;
}

bool typed_word(const struct run *run, const ProtobufCMessage *request, const char *name, char ret_word[static TYPED_BYTES])
{
    const ProtobufCMessageDescriptor *descriptor = request->descriptor;
    const char *base = (const char *)request, *text;
    uint64_t number;

    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        const ProtobufCMessage *inner;

        if (!message_holds(field, base))
            continue;
        if (field->type == PROTOBUF_C_TYPE_MESSAGE && field->label != PROTOBUF_C_LABEL_REPEATED) {
            inner = LOAD(ProtobufCMessage *, base + field->offset);
            if (inner != NULL && typed_word(run, inner, name, ret_word))
                return true;
        } else if (strcmp(field->name, name) == 0 && load(field, base, &text, &number)) {
            return (text != NULL && find_word(run, is_same_text, text, 0, ret_word)) ||
                   find_word(run, is_equal, text, number, ret_word);
        }
    }
    return false;
}
