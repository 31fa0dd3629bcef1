/* See command.h. The count of arguments is only known at the end, so room for it is left in front. */
#include "store/command.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/digits.h"

#define HEAD_BYTES 16     /* room for "*COUNT\r\n" */
#define KEEP_BYTES 65536u /* a larger buffer is given back afterwards */

struct command {
    char *data;
    size_t used;
    size_t capacity;
    unsigned arguments;
    unsigned kind;
    bool failed;
};

/* Those that come most often first. */
static const char *const kind_names[] = {"LPUSHX", "EVALSHA", "MGET", "LRANGE", "ZRANGE", "XACK",   "PING", "ZSCORE", "HGET",
                                         "EXISTS", "EXPIRE", "UNLINK", "ZMSCORE", "XAUTOCLAIM", "SCRIPT", "INFO", "AUTH", "SELECT", "other"};

_Static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == COMMAND_KINDS, "command.h counts them");

static struct command the_command;

static char *command_room(struct command *command, size_t size)
{
    if (command->capacity - command->used < size) {
        size_t capacity = (command->used + size) * 2;
        char *data = realloc(command->data, capacity);

        if (!data) {
            command->failed = true;
            return NULL;
        }
        command->data = data;
        command->capacity = capacity;
    }
    return command->data + command->used;
}

static unsigned kind_of(const char *name)
{
    unsigned kind = 0;

    while (kind < COMMAND_KINDS - 1 && strcmp(kind_names[kind], name) != 0)
        kind++;
    return kind;
}

unsigned command_kind(const struct command *command)
{
    return command->kind;
}

void command_set_kind(struct command *command, unsigned kind)
{
    command->kind = kind;
}

const char *command_kind_name(unsigned kind)
{
    return kind_names[kind];
}

struct command *command_begin(const char *name)
{
    struct command *command = &the_command;

    if (command->capacity > KEEP_BYTES) {
        free(command->data);
        command->data = NULL;
        command->capacity = 0;
    }
    command->used = 0;
    command->arguments = 0;
    command->kind = kind_of(name);
    command->failed = false;
    if (command_room(command, 1024))
        command->used = HEAD_BYTES;
    command_add_string(command, name);
    return command;
}

/* Adds "$size\r\n" and leaves room for the argument and its end. Returns where the argument goes. */
static char *command_argument(struct command *command, size_t size)
{
    char *at = command->failed ? NULL : command_room(command, size + 26);

    if (!at)
        return NULL;
    size_t head = 1 + digits_write(at + 1, size);
    at[0] = '$';
    memcpy(at + head, "\r\n", 2);
    head += 2;
    command->used += head + size + 2;
    command->arguments++;
    at += head;
    memcpy(at + size, "\r\n", 2);
    return at;
}

void command_add(struct command *command, const void *data, size_t size)
{
    char *at = command_argument(command, size);

    if (at && size > 0)
        memcpy(at, data, size);
}

void command_add_text(struct command *command, struct text text)
{
    command_add(command, text.data, text.size);
}

void command_add_string(struct command *command, const char *string)
{
    command_add(command, string, strlen(string));
}

void command_add_number(struct command *command, int64_t number)
{
    char digits[1 + DIGITS_MAX];
    size_t sign = number < 0 ? 1 : 0;

    digits[0] = '-';
    command_add(command, digits, sign + digits_write(digits + sign, sign ? 0 - (uint64_t)number : (uint64_t)number));
}

void command_add_id(struct command *command, uint64_t id)
{
    command_add_number(command, (int64_t)id);
}

void command_add_joined(struct command *command, const char *prefix, struct text middle, const char *suffix)
{
    size_t prefix_size = strlen(prefix), suffix_size = strlen(suffix);
    char *at = command_argument(command, prefix_size + middle.size + suffix_size);

    if (!at)
        return;
    memcpy(at, prefix, prefix_size);
    memcpy(at + prefix_size, middle.data, middle.size);
    memcpy(at + prefix_size + middle.size, suffix, suffix_size);
}

const char *command_data(struct command *command, size_t *ret_size)
{
    char head[HEAD_BYTES];

    if (command->failed)
        return NULL;
    size_t size = 1 + digits_write(head + 1, command->arguments);
    head[0] = '*';
    memcpy(head + size, "\r\n", 2);
    size += 2;
    char *start = command->data + HEAD_BYTES - size;
    memcpy(start, head, size);
    *ret_size = command->used - HEAD_BYTES + size;
    return start;
}
