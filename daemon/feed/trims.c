/* Trims: what this daemon has pushed to a timeline since it was last cut.
 *
 * To cut a timeline by position Redis must know that what was pushed since the last cut is above what goes; to look at it costs
 * several times as much as pushing it. Where all of it came from one daemon, that daemon knows: so each cut leaves a mark in the
 * timeline's header, and who asks for the next one says how many ids it has pushed since that mark, which is the lowest of them,
 * which the last, and whether they came in order. If the mark and the number are what Redis finds, nothing is looked at.
 *
 * The table has a place for each of a fixed number of timelines, found by the hash of the name; who comes to a place that is
 * another's takes it. What is forgotten, or was not answered with success, is looked at. */
#include <stdlib.h>
#include <xxhash.h>

#include "base/metrics.h"
#include "feed/internal.h"

#define PLACES 32768 /* a power of two */

struct trim_place {
    uint64_t name; /* its hash; 0: nobody's */
    struct store_pushed pushed;
};

struct trim_call {
    struct feed *feed;
    uint64_t name;
};

static uint64_t hash_of(struct text name)
{
    uint64_t hash = XXH3_64bits(name.data, name.size);

    return hash ? hash : 1;
}

/* NULL without memory for the table. */
static struct trim_place *place_of(struct feed *feed, uint64_t name)
{
    struct trim_place **places = &feed->jobs.pushes.trims;

    if (!*places)
        *places = calloc(PLACES, sizeof(**places));
    return *places ? *places + (name & (PLACES - 1)) : NULL;
}

void trims_note(struct feed *feed, struct text name, const uint64_t *ids, size_t count)
{
    uint64_t hash = hash_of(name);
    struct trim_place *place = place_of(feed, hash);

    if (!place)
        return;
    if (place->name != hash)
        *place = (struct trim_place){.name = hash};
    store_pushed_add(&place->pushed, ids, count);
}

void trims_forget(struct feed *feed, struct text name)
{
    uint64_t hash = hash_of(name);
    struct trim_place *place = place_of(feed, hash);

    if (place && place->name == hash)
        place->name = 0;
}

static void on_cut(void *context, const struct reply *reply)
{
    struct trim_call call = *(struct trim_call *)context;
    struct trim_place *place = place_of(call.feed, call.name);

    free(context);
    if (place && place->name == call.name)
        place->pushed.mark = reply_error(reply) == 0 ? reply_id(reply) : 0;
}

void trims_cut(struct feed *feed, struct text name)
{
    uint64_t hash = hash_of(name);
    struct trim_place *place = place_of(feed, hash);
    struct trim_call *call = malloc(sizeof(*call));
    struct store_pushed pushed = {0};

    metrics.trims++;
    if (place && place->name == hash) {
        pushed = place->pushed;
        place->pushed = (struct store_pushed){0}; /* what is pushed from here on comes after the cut */
    }
    if (call)
        *call = (struct trim_call){feed, hash};
    if (store_trim(feed->store, name, &pushed, call ? on_cut : reply_ignore, call) < 0)
        free(call);
}
