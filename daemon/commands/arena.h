/* The memory of one request: taken in pieces, given back at once, never more than a budget that follows from the size of the
 * frame, whatever the frame claims to hold. */
#ifndef FEED_COMMANDS_ARENA_H
#define FEED_COMMANDS_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_piece;

struct arena {
    struct arena_piece *pieces;
    size_t used;   /* of the newest piece */
    size_t budget; /* what may still be taken */
    bool failed;   /* memory ended, and not the budget */
};

void arena_init(struct arena *arena, size_t budget);
void arena_done(struct arena *arena);
/* Aligned for any type; NULL when the budget or memory ends. */
void *arena_allocate(struct arena *arena, size_t size);

#endif
