/* The hottest subjects: whose shares cost most of late, counted as shares and as their deliveries to streams.
 *
 * Two windows, this one and the one before, each a space-saving sketch (Metwally, Agrawal, El Abbadi, 2005): a fixed number of
 * counters; a subject that has none takes over the smallest one and begins with its count, which is how much it may be
 * overstated by. Whoever has more than one part in HOT_COUNTERS of everything is surely there. */
#include "feed/hot.h"

#include <string.h>

#include "feed/look.h"

static size_t smallest(const struct hot_window *window)
{
    size_t found = 0;

    for (size_t i = 1; i < HOT_COUNTERS; i++)
        if (window->counters[i].weight < window->counters[found].weight)
            found = i;
    return found;
}

static bool is_named(const struct hot_counter *counter, struct text name)
{
    return counter->name_bytes == name.size && memcmp(counter->name, name.data, name.size) == 0;
}

/* HOT_COUNTERS: it has none. */
static size_t find(const struct hot_window *window, uint32_t hash, struct text name)
{
    for (size_t i = 0; i < HOT_COUNTERS; i++)
        if (window->hashes[i] == hash && is_named(&window->counters[i], name))
            return i;
    return HOT_COUNTERS;
}

static size_t take_over(struct hot_window *window, uint32_t hash, struct text name)
{
    size_t at = smallest(window);
    struct hot_counter *counter = &window->counters[at];

    window->hashes[at] = hash;
    counter->shares = counter->deliveries = 0;
    counter->name_bytes = (uint8_t)name.size;
    memcpy(counter->name, name.data, name.size);
    return at;
}

void hot_note(struct hot *hot, struct text name, uint32_t hash, uint32_t shares, uint64_t deliveries)
{
    struct hot_window *window = &hot->windows[hot->current];
    size_t at;

    if (name.size > HOT_NAME_BYTES)
        return;
    at = find(window, hash, name);
    if (at == HOT_COUNTERS)
        at = take_over(window, hash, name);
    window->counters[at].weight += shares + deliveries;
    window->counters[at].shares += shares;
    window->counters[at].deliveries += deliveries;
}

void hot_tick(struct hot *hot, int64_t now_ms)
{
    if (now_ms - hot->windows[hot->current].began_ms < HOT_WINDOW_MS)
        return;
    hot->current = !hot->current;
    hot->windows[hot->current] = (struct hot_window){.began_ms = now_ms};
}

/* ---- looking ---- */

/* Adds a counter to the row of its subject, a new one if there is none. */
static size_t add_up(struct feed_hot *rows, size_t count, const struct hot_counter *counter)
{
    size_t at = 0;

    while (at < count && !is_named(counter, (struct text){rows[at].name, rows[at].name_bytes}))
        at++;
    if (at == count) {
        rows[at] = (struct feed_hot){.name_bytes = counter->name_bytes};
        memcpy(rows[at].name, counter->name, counter->name_bytes);
    }
    rows[at].shares += counter->shares;
    rows[at].deliveries += counter->deliveries;
    rows[at].weight += counter->weight;
    return at == count ? count + 1 : count;
}

/* The rows are few: the heaviest are brought to the front one by one. */
static void bring_forward(struct feed_hot *rows, size_t count, size_t limit)
{
    for (size_t to = 0; to < count && to < limit; to++) {
        size_t heaviest = to;

        for (size_t i = to + 1; i < count; i++)
            if (rows[i].weight > rows[heaviest].weight)
                heaviest = i;
        struct feed_hot row = rows[to];
        rows[to] = rows[heaviest];
        rows[heaviest] = row;
    }
}

size_t hot_look(const struct hot *hot, int64_t now_ms, struct feed_hot *rows, size_t limit, int64_t *ret_span_ms)
{
    const struct hot_window *before = &hot->windows[!hot->current], *now = &hot->windows[hot->current];
    size_t count = 0;

    for (size_t i = 0; i < 2 * HOT_COUNTERS; i++) {
        const struct hot_counter *counter = &hot->windows[i / HOT_COUNTERS].counters[i % HOT_COUNTERS];

        if (counter->weight > 0)
            count = add_up(rows, count, counter);
    }
    bring_forward(rows, count, limit);
    *ret_span_ms = now_ms - (before->began_ms != 0 ? before->began_ms : now->began_ms);
    return count < limit ? count : limit;
}
