/* See hidden.h. */
#include "feed/hidden.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define REASONS UINT64_C(7)
#define CAPACITY_MIN 4

static uint64_t hash_of(struct text name)
{
    return XXH3_64bits(name.data, name.size) & ~REASONS;
}

/* The index of the first element that is not below the hash. */
static uint32_t find(const struct hidden *hidden, uint64_t hash)
{
    uint32_t low = 0, high = hidden->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (hidden->items[middle] < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool stands_at(const struct hidden *hidden, uint32_t at, uint64_t hash)
{
    return at < hidden->count && (hidden->items[at] & ~REASONS) == hash;
}

void hidden_done(struct hidden *hidden)
{
    free(hidden->items);
    *hidden = (struct hidden){0};
}

static int make_room(struct hidden *hidden)
{
    uint32_t capacity = hidden->capacity < CAPACITY_MIN ? CAPACITY_MIN : hidden->capacity + hidden->capacity / 2;
    uint64_t *items;

    if (hidden->count < hidden->capacity)
        return 0;
    items = realloc(hidden->items, capacity * sizeof(*items));
    if (!items)
        return -ENOMEM;
    hidden->items = items;
    hidden->capacity = capacity;
    return 0;
}

static void take_out(struct hidden *hidden, uint32_t at)
{
    hidden->count--;
    memmove(hidden->items + at, hidden->items + at + 1, (hidden->count - at) * sizeof(*hidden->items));
    if (hidden->count == 0)
        hidden_done(hidden);
}

int hidden_set(struct hidden *hidden, struct text name, enum hidden_reason reason, bool is_hidden)
{
    uint64_t hash = hash_of(name);
    uint32_t at = find(hidden, hash);

    if (stands_at(hidden, at, hash)) {
        hidden->items[at] = is_hidden ? hidden->items[at] | reason : hidden->items[at] & ~(uint64_t)reason;
        if (hidden->items[at] == hash)
            take_out(hidden, at);
        return 0;
    }
    if (!is_hidden)
        return 0;
    if (make_room(hidden) < 0)
        return -ENOMEM;
    memmove(hidden->items + at + 1, hidden->items + at, (hidden->count - at) * sizeof(*hidden->items));
    hidden->items[at] = hash | reason;
    hidden->count++;
    return 0;
}

bool hidden_has(const struct hidden *hidden, struct text name)
{
    uint64_t hash;

    if (hidden->count == 0)
        return false;
    hash = hash_of(name);
    return stands_at(hidden, find(hidden, hash), hash);
}

int hidden_add(struct hidden *hidden, struct text name, enum hidden_reason reason)
{
    if (make_room(hidden) < 0)
        return -ENOMEM;
    hidden->items[hidden->count++] = hash_of(name) | reason;
    return 0;
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* Who is hidden for several reasons was added several times. */
void hidden_sort(struct hidden *hidden)
{
    uint32_t kept = 0;

    if (hidden->count > 1)
        qsort(hidden->items, hidden->count, sizeof(*hidden->items), ascending);
    for (uint32_t i = 0; i < hidden->count; i++) {
        if (kept > 0 && ((hidden->items[kept - 1] ^ hidden->items[i]) & ~REASONS) == 0)
            hidden->items[kept - 1] |= hidden->items[i];
        else
            hidden->items[kept++] = hidden->items[i];
    }
    hidden->count = kept;
}

size_t hidden_bytes(const struct hidden *hidden)
{
    return hidden->capacity * sizeof(*hidden->items);
}
