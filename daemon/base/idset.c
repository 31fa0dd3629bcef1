/* See idset.h. */
#include "base/idset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 4

/* The index of the first element that is not below `id`. */
static uint32_t lower_bound(const struct idset *set, uint32_t id)
{
    uint32_t low = 0;
    uint32_t high = set->count;

    /* Sets mostly grow at their end. */
    if (high > 0 && set->items[high - 1] < id)
        return high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (set->items[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A quarter of slack, so that adding n elements one by one copies O(n) of them. */
static uint32_t roomy(uint32_t count)
{
    uint64_t capacity = (uint64_t)count + count / 4;

    if (capacity < CAPACITY_MIN)
        return CAPACITY_MIN;
    return capacity > UINT32_MAX ? UINT32_MAX : (uint32_t)capacity;
}

static int set_capacity(struct idset *set, uint32_t capacity)
{
    uint32_t *items = realloc(set->items, (size_t)capacity * sizeof(*items));

    if (!items)
        return -ENOMEM;
    set->items = items;
    set->capacity = capacity;
    return 0;
}

void idset_done(struct idset *set)
{
    free(set->items);
    *set = (struct idset){0};
}

int idset_reserve(struct idset *set, uint32_t count)
{
    return count <= set->capacity ? 0 : set_capacity(set, count);
}

int idset_add(struct idset *set, uint32_t id)
{
    uint32_t at = lower_bound(set, id);

    if (at < set->count && set->items[at] == id)
        return 0;
    if (set->count == set->capacity) {
        if (set->count == UINT32_MAX || set_capacity(set, roomy(set->count + 1)) < 0)
            return -ENOMEM;
    }
    memmove(set->items + at + 1, set->items + at, (set->count - at) * sizeof(*set->items));
    set->items[at] = id;
    set->count++;
    return 1;
}

bool idset_remove(struct idset *set, uint32_t id)
{
    uint32_t at = lower_bound(set, id);

    if (at == set->count || set->items[at] != id)
        return false;
    set->count--;
    memmove(set->items + at, set->items + at + 1, (set->count - at) * sizeof(*set->items));
    if (set->count == 0)
        idset_done(set);
    else if (set->capacity > CAPACITY_MIN && set->count < set->capacity / 2)
        (void)set_capacity(set, roomy(set->count)); /* failing to shrink is harmless */
    return true;
}

bool idset_has(const struct idset *set, uint32_t id)
{
    uint32_t at = lower_bound(set, id);

    return at < set->count && set->items[at] == id;
}
