/* See idmap.h. */
#include "base/idmap.h"

#include <errno.h>
#include <stdlib.h>

#define CAPACITY_FIRST 16

/* Fibonacci hashing: ids that follow each other land far apart (Knuth, TAOCP 3, 6.4). */
static size_t slot_of(const struct idmap *map, uint64_t id)
{
    return (size_t)(id * 0x9e3779b97f4a7c15u >> 32) & (map->capacity - 1);
}

static struct idmap_slot *find(const struct idmap *map, uint64_t id)
{
    size_t at = slot_of(map, id);

    while (map->slots[at].id != 0 && map->slots[at].id != id)
        at = (at + 1) & (map->capacity - 1);
    return &map->slots[at];
}

void idmap_done(struct idmap *map)
{
    free(map->slots);
    *map = (struct idmap){0};
}

void *idmap_get(const struct idmap *map, uint64_t id)
{
    return map->count == 0 ? NULL : find(map, id)->value;
}

static int grow(struct idmap *map)
{
    struct idmap larger = {.capacity = map->capacity ? map->capacity * 2 : CAPACITY_FIRST, .count = map->count};

    larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
    if (!larger.slots)
        return -ENOMEM;
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].id != 0)
            *find(&larger, map->slots[i].id) = map->slots[i];
    free(map->slots);
    *map = larger;
    return 0;
}

int idmap_set(struct idmap *map, uint64_t id, void *value)
{
    if ((map->count + 1) * 4 > map->capacity * 3 && grow(map) < 0)
        return -ENOMEM;
    struct idmap_slot *slot = find(map, id);
    map->count += slot->id == 0;
    *slot = (struct idmap_slot){id, value};
    return 0;
}

void *idmap_remove(struct idmap *map, uint64_t id)
{
    if (map->count == 0)
        return NULL;
    struct idmap_slot *slot = find(map, id);
    void *value = slot->value;
    if (slot->id == 0)
        return NULL;

    /* What follows in the same run moves up where it may, so that no search ends early. */
    size_t hole = (size_t)(slot - map->slots);
    size_t at = hole;
    for (;;) {
        at = (at + 1) & (map->capacity - 1);
        if (map->slots[at].id == 0)
            break;
        size_t home = slot_of(map, map->slots[at].id);
        if (((at - home) & (map->capacity - 1)) >= ((at - hole) & (map->capacity - 1))) {
            map->slots[hole] = map->slots[at];
            hole = at;
        }
    }
    map->slots[hole] = (struct idmap_slot){0, NULL};
    map->count--;
    return value;
}
