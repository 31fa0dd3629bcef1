/* The lines of an exported store, in both directions: what stands in a key, and what is told of it: see feedctl(1). */
#ifndef FEEDCTL_TRANSFER_H
#define FEEDCTL_TRANSFER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRANSFER_FORMAT 1

struct bytes {
    const char *data;
    size_t size;
};

/* A member of a key: of a string the value alone. */
struct transfer_row {
    const char *kind; /* of the key */
    struct bytes name;
    struct bytes member, value;
};

/* Where a key stands in an export, by its name in Redis: those of a kind together; SIZE_MAX if it is of none. */
size_t transfer_order(const char *key);
/* What it is named by behind its kind and partition; "" if nothing. */
const char *transfer_name(const char *key);

/* The line of a row, a new reference; *ret_line is NULL if there is none, as others tell of it. False: it cannot be read, or
 * memory ended. */
bool transfer_line(const struct transfer_row *row, json_t **ret_line);
/* A subject's line is made of all rows of its key. */
bool transfer_is_whole(const char *key);
bool transfer_subject(const struct transfer_row *rows, size_t count, json_t **ret_line);

/* The rows of a line: each is handed to `add`, which returns false to end it. Returns NULL, or what is wrong with it. */
typedef bool transfer_add(void *context, const struct transfer_row *row);
const char *transfer_rows(const json_t *line, transfer_add *add, void *context);

#endif
