/* Redis's protocol, written by hand: what is measured as the ceiling must not pay for a library. */
#ifndef FEEDBENCH_RESP_H
#define FEEDBENCH_RESP_H

#include <stddef.h>
#include <stdint.h>

#include "wire.h"

/* One item of a reply: ':' integer, '$' string, '+' status, '-' error, '*' array, whose items follow. A null is a string or
 * array of number -1. */
struct resp_item {
    char type;
    int64_t number;      /* the integer, the array's items, or the bytes of the text */
    const uint8_t *text; /* of strings, statuses and errors */
};

/* Reads one item. Returns its bytes, 0 if it has not come as a whole. */
size_t resp_item(const uint8_t *data, size_t bytes, struct resp_item *ret_item);
/* The bytes of a whole reply with all its items, 0 if it has not come as a whole. */
size_t resp_reply_bytes(const uint8_t *data, size_t bytes);

/* Adds a command of `count` words. */
void resp_begin(struct buffer *buffer, unsigned count);
void resp_word(struct buffer *buffer, const void *data, size_t bytes);
void resp_text(struct buffer *buffer, const char *text);
void resp_number(struct buffer *buffer, uint64_t number);
/* Adds a command of the words up to NULL. */
void resp_command(struct buffer *buffer, ...) __attribute__((sentinel));

/* A connection that waits for its replies: to fill Redis and to ask it things outside of what is measured. */
struct resp_link {
    int fd;
    struct buffer out;
    struct buffer in;
};

int resp_open(struct resp_link *link, const struct wire_address *address);
void resp_close(struct resp_link *link);
/* Sends what is in `out` and reads the replies of `commands` commands, each handed to `fn` (may be NULL) as a whole. Returns 0,
 * -EIO if one was an error, or a negative errno. */
int resp_exchange(struct resp_link *link, size_t commands, void (*fn)(void *context, const uint8_t *reply, size_t bytes),
                  void *context);
/* Asks INFO about `section` for the number behind `needle` ("used_memory:"). 0 if there is none. */
uint64_t resp_ask_info(struct resp_link *link, const char *section, const char *needle);
/* Whether the one consumer group of a stream has nothing pending and nothing left to read. */
bool resp_group_is_idle(struct resp_link *link, const char *stream);
/* An integer reply to a command that is in `out`; -1 if it is none. */
int64_t resp_ask_number(struct resp_link *link);

#endif
