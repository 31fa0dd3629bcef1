/* Whom a reader does not see: whom it has muted, whom it has blocked, and who has blocked it.
 *
 * There may be very many of the last, of somebody whom a million people cannot stand; so they are kept as hashes of their
 * names, 8 bytes each, in one sorted array. At 61 bits two names that meet hardly meet; if they did, one reader would not see
 * one subject. */
#ifndef FEED_FEED_HIDDEN_H
#define FEED_FEED_HIDDEN_H

#include <stdbool.h>
#include <stdint.h>

#include "store/command.h"

/* Why somebody is hidden: bits. */
enum hidden_reason {
    HIDDEN_MUTED = 1,
    HIDDEN_BLOCKED = 2,
    HIDDEN_BARRED = 4, /* the reader is, by this subject */
};

/* All zero: nobody. */
struct hidden {
    uint64_t *items; /* hash and reasons */
    uint32_t count;
    uint32_t capacity;
};

void hidden_done(struct hidden *hidden);
/* 0 or -ENOMEM, if it is to be hidden. */
int hidden_set(struct hidden *hidden, struct text name, enum hidden_reason reason, bool is_hidden);
bool hidden_has(const struct hidden *hidden, struct text name);
/* Adds many at once, in any order: 0 or -ENOMEM. To be ended by hidden_sort() before anything else is asked. */
int hidden_add(struct hidden *hidden, struct text name, enum hidden_reason reason);
void hidden_sort(struct hidden *hidden);
/* What it takes in memory. */
size_t hidden_bytes(const struct hidden *hidden);

#endif
