/* A Redis command under construction, written straight into the wire format. There is one for the whole process: begin,
 * add the arguments, hand it to link_call(). */
#ifndef FEED_STORE_COMMAND_H
#define FEED_STORE_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include "base/digits.h"

struct command;

/* A piece of text that somebody else owns. */
struct text {
    const char *data;
    size_t size;
};

/* The number that a text begins with, 0 if with none. */
static inline uint64_t text_number(struct text text)
{
    const char *at = text.data;

    return digits_read(&at, text.data + text.size);
}

struct command *command_begin(const char *name);
void command_add(struct command *command, const void *data, size_t size);
void command_add_text(struct command *command, struct text text);
void command_add_string(struct command *command, const char *string);
void command_add_number(struct command *command, int64_t number);
void command_add_id(struct command *command, uint64_t id);
/* One argument made of up to three parts. */
void command_add_joined(struct command *command, const char *prefix, struct text middle, const char *suffix);

/* What is asked of Redis, for the metrics: a number below COMMAND_KINDS; scripts, which are all EVALSHA, have further ones. */
#define COMMAND_KINDS 19
unsigned command_kind(const struct command *command);
void command_set_kind(struct command *command, unsigned kind);
const char *command_kind_name(unsigned kind);

/* The whole command. Valid until the next command_begin(). NULL if memory ended on the way. */
const char *command_data(struct command *command, size_t *ret_size);

#endif
