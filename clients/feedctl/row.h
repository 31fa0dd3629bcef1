/* One row of an import of shares, whether it came as CSV or as JSON. */
#ifndef FEEDCTL_ROW_H
#define FEEDCTL_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <feed/feed.h>

/* What the columns mean. Several names stand for one of them. */
enum row_field {
    ROW_CREATED,    /* ISO 8601, or Unix time in seconds or milliseconds */
    ROW_CREATED_MS, /* Unix time in milliseconds */
    ROW_TITLE,
    ROW_URL,
    ROW_AUTHOR,
    ROW_EXTRACT,
    ROW_IMAGE,
    ROW_COMMENT,
    ROW_KEY,
    ROW_ID,
    ROW_FIELDS,
};

#define ROW_KEY_BYTES 129

/* The text of each field; "" where there is none. */
struct row {
    char *fields[ROW_FIELDS];
};

/* The field that a column or member named `name` holds; ROW_FIELDS if it is none. */
enum row_field row_field_named(const char *name);

/* A row without anything. */
void row_clear(struct row *row);

/* Fills the request, which then borrows the row's text and `key`. NULL, or why the row cannot be shared. The key is
 * "import:" and the row's key or id, or a hash of the row where it has neither (or one that is too long): the same
 * row is always the same share. */
const char *row_to_request(const struct row *row, Feed__ShareRequest *ret_request, char key[static ROW_KEY_BYTES]);

/* Reads a time. False: it is none. */
bool row_parse_time(const char *text, bool is_ms, int64_t *ret_ms);

#endif
