/* The ids of a subscription's events that no token covers yet, as an open-addressing table. Each id carries the
 * connection on which it came last: a token vouches for what was sent before it on its own connection, and for
 * nothing else. */
#include "client.h"

#include <errno.h>
#include <string.h>

/* Slots; at most half of them are used. A server sends a token at least every hundred events, and a catch-up is no
 * longer than a timeline, so the largest table is rarely full; if it is, everything in it is forgotten. */
#define SEEN_MIN_SLOTS 128u
#define SEEN_MAX_SLOTS 16384u

static size_t seen_home(const struct seen *seen, uint64_t id)
{
    return (size_t)((id * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (seen->slots - 1);
}

/* The slot that holds `id`, or the empty one where it belongs. */
static struct seen_id *seen_slot(const struct seen *seen, uint64_t id)
{
    size_t slot = seen_home(seen, id);

    while (seen->ids[slot].id != 0 && seen->ids[slot].id != id)
        slot = (slot + 1) & (seen->slots - 1);
    return &seen->ids[slot];
}

static void seen_clear(struct seen *seen)
{
    memset(seen->ids, 0, seen->slots * sizeof *seen->ids);
    seen->count = 0;
}

/* Empties the slot and closes the gap in what was put behind it. */
static void seen_vacate(struct seen *seen, size_t hole)
{
    size_t mask = seen->slots - 1;

    for (size_t slot = (hole + 1) & mask; seen->ids[slot].id != 0; slot = (slot + 1) & mask) {
        if (((slot - seen_home(seen, seen->ids[slot].id)) & mask) >= ((slot - hole) & mask)) {
            seen->ids[hole] = seen->ids[slot];
            hole = slot;
        }
    }
    seen->ids[hole].id = 0;
    seen->count--;
}

/* Makes room for one more. */
static int seen_grow(struct feed_client *client, struct seen *seen)
{
    struct seen larger = { .slots = seen->slots == 0 ? SEEN_MIN_SLOTS : seen->slots * 2, .count = seen->count };

    if (seen->slots == SEEN_MAX_SLOTS) {
        seen_clear(seen);
        return 0;
    }
    larger.ids = client_alloc(client, larger.slots * sizeof *larger.ids);
    if (larger.ids == NULL)
        return -ENOMEM;
    memset(larger.ids, 0, larger.slots * sizeof *larger.ids);
    for (size_t i = 0; i < seen->slots; i++)
        if (seen->ids[i].id != 0)
            *seen_slot(&larger, seen->ids[i].id) = seen->ids[i];
    client_dealloc(client, seen->ids);
    *seen = larger;
    return 0;
}

void seen_done(struct feed_client *client, struct seen *seen)
{
    client_dealloc(client, seen->ids);
    *seen = (struct seen){ 0 };
}

void seen_forget_all(struct seen *seen)
{
    if (seen->count > 0)
        seen_clear(seen);
}

void seen_forget(struct seen *seen, uint64_t connection)
{
    for (size_t i = 0; seen->count > 0 && i < seen->slots; i++)
        while (seen->ids[i].id != 0 && seen->ids[i].connection == connection)
            seen_vacate(seen, i);
}

int seen_add(struct feed_client *client, struct seen *seen, uint64_t id, uint64_t connection)
{
    struct seen_id *slot;
    bool known;

    if (2 * seen->count >= seen->slots) {
        int error = seen_grow(client, seen);

        if (error < 0)
            return error;
    }
    slot = seen_slot(seen, id);
    known = slot->id == id;
    seen->count += !known;
    *slot = (struct seen_id){ id, connection };
    return known ? 1 : 0;
}
