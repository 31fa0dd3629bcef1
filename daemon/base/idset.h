/* A set of uint32_t as one sorted array: 4 bytes an element and little slack, for the many small sets that an index
 * holds. Adding in ascending order is cheap; elsewhere it moves what lies above. */
#ifndef FEED_BASE_IDSET_H
#define FEED_BASE_IDSET_H

#include <stdbool.h>
#include <stdint.h>

/* All zero is the empty set. `items[0]` to `items[count - 1]` ascend strictly and may be read directly until the set
 * changes; the other members are for idset.c. */
struct idset {
    uint32_t *items;
    uint32_t count;
    uint32_t capacity;
};

/* Frees what the set holds and leaves it empty. */
void idset_done(struct idset *set);

/* Returns 1 if `id` was added, 0 if it was there, -ENOMEM (the set is unchanged). */
int idset_add(struct idset *set, uint32_t id);

/* Returns whether `id` was there. */
bool idset_remove(struct idset *set, uint32_t id);

bool idset_has(const struct idset *set, uint32_t id);

/* Makes room for `count` elements in all. 0 or -ENOMEM. */
int idset_reserve(struct idset *set, uint32_t count);

#endif
