/* A map from ids (not 0) to pointers: open addressing, linear probing, 16 bytes a slot, at most 3/4 full. */
#ifndef FEED_BASE_IDMAP_H
#define FEED_BASE_IDMAP_H

#include <stddef.h>
#include <stdint.h>

struct idmap_slot {
    uint64_t id; /* 0: free */
    void *value;
};

/* All zeros is an empty map. */
struct idmap {
    struct idmap_slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

void idmap_done(struct idmap *map);
/* The value, NULL if there is none. */
void *idmap_get(const struct idmap *map, uint64_t id);
/* Sets a value (not NULL). 0 or -ENOMEM. */
int idmap_set(struct idmap *map, uint64_t id, void *value);
/* Removes an id. Returns its value, NULL if there was none. */
void *idmap_remove(struct idmap *map, uint64_t id);

#endif
