/* See hot.c. All zeros is a sketch that has seen nothing. Part of feed/internal.h. */
#ifndef FEED_FEED_HOT_H
#define FEED_FEED_HOT_H

#include <stddef.h>
#include <stdint.h>

#include "store/command.h"

#define HOT_COUNTERS 64
#define HOT_WINDOW_MS 5000
#define HOT_NAME_BYTES 128

struct feed_hot;

struct hot_counter {
    uint64_t weight; /* shares and deliveries, and what it took over */
    uint64_t shares;
    uint64_t deliveries;
    uint8_t name_bytes;
    char name[HOT_NAME_BYTES];
};

struct hot_window {
    int64_t began_ms;
    uint32_t hashes[HOT_COUNTERS]; /* of the names, to find one quickly */
    struct hot_counter counters[HOT_COUNTERS];
};

struct hot {
    unsigned current; /* window */
    struct hot_window windows[2];
};

/* A subject's shares, and events that went to streams for them. */
void hot_note(struct hot *hot, struct text name, uint32_t hash, uint32_t shares, uint64_t deliveries);
/* To be called now and then. */
void hot_tick(struct hot *hot, int64_t now_ms);
/* The heaviest first, into room for 2 * HOT_COUNTERS rows. Returns how many rows; *ret_span_ms is the time in which that was counted. */
size_t hot_look(const struct hot *hot, int64_t now_ms, struct feed_hot *rows, size_t limit, int64_t *ret_span_ms);

#endif
