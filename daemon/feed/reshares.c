/* Re-shares, as they are shown. A re-share is a share of its own, which names its origin; what that says is looked up when the
 * re-share is read, so that it is always the present word, and a re-share of what is gone is gone with it.
 *
 * An origin and all its re-shares that a reader sees are one entry in its home timeline: the origin, if the reader sees that, or
 * else the re-share of the lowest id. The others are folded into it: pages do not show them, and streams tell of them as such. So
 * where an entry stands depends on what the reader sees alone, and not on the page that is read or the timeline that is held.
 *
 * Who has re-shared a share stands in the store, written by jobs (records.c), and is looked up for those shares of a page that
 * have re-shares or are some. What is not written yet is in a ring: each re-share there is found by its origin. Streams that are
 * live, or catch up out of a ring, go by that alone, and what they have passed comes before what they come to: an earlier re-share
 * that no ring holds any more, or that very many have followed, is not remembered there, and what comes then is told like a first
 * one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/digits.h"
#include "feed/frames.h"
#include "feed/internal.h"

#define NAMES_MAX 3 /* told beside an entry */
#define LOOK_MAX 64 /* re-shares of one origin in the rings, the latest, that a stream is judged by */

/* ---- re-shares in rings ---- */

struct ring_reshare {
    struct ring_reshare *next; /* of the same origin */
    uint64_t id;
    uint32_t author; /* the ring's reference */
};

int reshares_add(struct feed *feed, const struct ring_entry *entry)
{
    struct ring_reshare *reshare = malloc(sizeof(*reshare));

    if (!reshare)
        return -ENOMEM;
    *reshare = (struct ring_reshare){idmap_get(&feed->reshares, entry->origin), entry->id, entry->subject};
    if (idmap_set(&feed->reshares, entry->origin, reshare) < 0) {
        free(reshare);
        return -ENOMEM;
    }
    return 0;
}

void reshares_remove(struct feed *feed, const struct ring_entry *entry)
{
    struct ring_reshare *first = idmap_remove(&feed->reshares, entry->origin), **at = &first, *removed;

    while ((*at)->id != entry->id)
        at = &(*at)->next;
    removed = *at;
    *at = removed->next;
    free(removed);
    if (first)
        idmap_set(&feed->reshares, entry->origin, first); /* its place is free */
}

static const struct ring_reshare *reshares_of(const struct feed *feed, uint64_t origin)
{
    return feed->reshares.count > 0 ? idmap_get(&feed->reshares, origin) : NULL;
}

static bool sees_reshare(const struct feed *feed, const struct reader *reader, uint32_t author, uint64_t id)
{
    return reader_sees_share(feed, reader, author, id) && !share_is_gone(feed, id, author);
}

/* Whether the stream goes on behind an entry. */
static bool has_passed(const struct subscription *stream, uint64_t id)
{
    return !stream->position || id <= stream->position[partition_of_id(id)];
}

bool reshare_joins(const struct feed *feed, const struct subscription *stream, const struct live_event *event)
{
    if (event->kind != LOG_SHARE || event->origin == 0 || !stream->reader)
        return false;
    if (reader_sees_share(feed, stream->reader, event->origin_author, event->origin))
        return true;
    const struct ring_reshare *one = reshares_of(feed, event->origin);
    for (unsigned looked = 0; one && looked < LOOK_MAX; one = one->next, looked++)
        if (one->id != event->share && has_passed(stream, one->id) && sees_reshare(feed, stream->reader, one->author, one->id))
            return true;
    return false;
}

/* ---- origins ---- */

struct origins_call {
    struct feed *feed;
    struct feed_item *items;
    size_t count;
    origins_fn *fn;
    void *context;
    size_t origin_count;
    struct feed_item origins[]; /* of those items that have one, in their order */
};

static bool has_origin(const struct feed_item *item)
{
    return item->frame && item->origin != 0;
}

static void on_origins(void *context, Feed__ErrorCode error)
{
    struct origins_call *call = context;
    const struct feed_item *origin = call->origins;
    struct feed *feed = call->feed;

    for (size_t i = 0; i < call->count && error == FEED_OK; i++) {
        struct feed_item *item = &call->items[i];

        if (!has_origin(item))
            continue;
        if (origin->frame) {
            item->origin_frame = frame_ref(origin->frame);
            item->origin_bytes = origin->share_bytes;
        } else {
            items_done(feed, item, 1);
            item->frame = NULL;
        }
        origin++;
    }
    items_done(feed, call->origins, call->origin_count);
    call->fn(call->context, error);
    free(call);
}

void origins_fetch(struct feed *feed, struct feed_item *items, size_t count, origins_fn *fn, void *context)
{
    struct origins_call *call;
    size_t wanted = 0;

    for (size_t i = 0; i < count; i++)
        wanted += has_origin(&items[i]);
    if (wanted == 0) {
        fn(context, FEED_OK);
        return;
    }
    call = calloc(1, sizeof(*call) + wanted * sizeof(struct feed_item));
    if (!call) {
        fn(context, FEED__ERROR_CODE__UNAVAILABLE);
        return;
    }
    *call = (struct origins_call){.feed = feed, .items = items, .count = count, .fn = fn, .context = context};
    for (size_t i = 0; i < count; i++)
        if (has_origin(&items[i]))
            call->origins[call->origin_count++].id = items[i].origin;
    hydrate(feed, call->origins, call->origin_count, on_origins, call);
}

/* ---- entries ---- */

/* An item that is a re-share or has some. */
struct entry {
    struct feed_item *item;
    size_t first;   /* of those found, the first one that is known to be there or not known not to be */
    bool is_placed;
    char name[DIGITS_MAX];
};

struct entries_call {
    struct feed *feed;
    struct reader *reader;
    bool names;
    entries_fn *fn;
    void *context;
    uint64_t applied[PARTITIONS_MAX]; /* what the store knew when it was asked */
    struct sharers *reshares; /* of each entry: who re-shared it, the first one first */
    struct feed_item *looked; /* up, to see whether they are there: of each entry that is not placed */
    size_t looked_count;
    size_t count;
    struct entry entries[];
};

static uint64_t root_of(const struct feed_item *item)
{
    return item->origin != 0 ? item->origin : item->id;
}

static void entries_end(struct entries_call *call, Feed__ErrorCode error)
{
    sharers_done(call->feed, call->reshares, call->count);
    call->fn(call->context, error);
    free(call->reshares);
    free(call->looked);
    free(call);
}

/* Says beside a share who re-shared it. False if memory ended. */
static bool tell_names(const struct entries_call *call, const struct sharers *reshares, struct feed_item *item)
{
    size_t count = reshares->count < NAMES_MAX ? reshares->count : NAMES_MAX;
    struct text names[NAMES_MAX];
    uint8_t *bytes;

    if (count == 0)
        return true;
    for (size_t i = 0; i < count; i++)
        names[i] = subject_name(&call->feed->subjects, reshares->found[i].subject);
    item->also.size = share_names_bytes(NAMES_RESHARED, names, count, (uint32_t)reshares->count);
    bytes = malloc(item->also.size);
    item->also.data = (const char *)bytes;
    if (!bytes) {
        item->also.size = 0;
        return false;
    }
    share_names_write(NAMES_RESHARED, names, count, (uint32_t)reshares->count, bytes);
    return true;
}

static void place(struct entries_call *call);

/* A profile that drops its oldest shares leaves their names behind. */
static void on_looked(void *context, Feed__ErrorCode error)
{
    struct entries_call *call = context;
    const struct feed_item *looked = call->looked;

    for (size_t i = 0; i < call->count && error == FEED_OK; i++) {
        struct entry *entry = &call->entries[i];

        if (entry->is_placed)
            continue;
        entry->is_placed = entry->item->is_folded = looked->frame != NULL;
        entry->first += !entry->is_placed;
        looked++;
    }
    items_done(call->feed, call->looked, call->looked_count);
    if (error != FEED_OK)
        entries_end(call, error);
    else
        place(call);
}

/* Finds for each re-share whether an earlier one is there. */
static void place(struct entries_call *call)
{
    Feed__ErrorCode error = FEED_OK;

    call->looked_count = 0;
    for (size_t i = 0; i < call->count; i++) {
        struct entry *entry = &call->entries[i];
        uint64_t first = entry->is_placed ? 0 : call->reshares[i].found[entry->first].share_id;

        if (first == entry->item->id)
            entry->is_placed = true;
        else if (!entry->is_placed)
            call->looked[call->looked_count++] = (struct feed_item){.id = first};
    }
    if (call->looked_count > 0) {
        hydrate(call->feed, call->looked, call->looked_count, on_looked, call);
        return;
    }
    for (size_t i = 0; i < call->count && call->names && error == FEED_OK; i++)
        if (!call->entries[i].item->is_folded && !tell_names(call, &call->reshares[i], call->entries[i].item))
            error = FEED__ERROR_CODE__UNAVAILABLE;
    entries_end(call, error);
}

static int first_first(const void *a, const void *b)
{
    uint64_t x = ((const struct sharer *)a)->share_id, y = ((const struct sharer *)b)->share_id;

    return x < y ? -1 : x > y ? 1 : 0;
}

static int add_once(struct feed *feed, struct sharers *reshares, uint32_t author, uint64_t id)
{
    for (size_t i = 0; i < reshares->count; i++)
        if (reshares->found[i].share_id == id)
            return 0;
    return sharers_add(feed, reshares, author, id);
}

/* Adds what the rings hold and the store does not know yet, and the item itself, and brings all into their order. 0 or -ENOMEM. */
static int complete(struct entries_call *call, struct sharers *reshares, const struct feed_item *item)
{
    int error = item->origin != 0 ? add_once(call->feed, reshares, item->author, item->id) : 0;

    for (const struct ring_reshare *one = reshares_of(call->feed, root_of(item)); one && error == 0; one = one->next)
        if (one->id > call->applied[partition_of_id(one->id)] &&
            sees_reshare(call->feed, call->reader, one->author, one->id))
            error = add_once(call->feed, reshares, one->author, one->id);
    if (reshares->count > 1)
        qsort(reshares->found, reshares->count, sizeof(*reshares->found), first_first);
    return error;
}

static void on_reshares(void *context, Feed__ErrorCode error)
{
    struct entries_call *call = context;

    for (size_t i = 0; i < call->count && error == FEED_OK; i++) {
        struct entry *entry = &call->entries[i];
        struct feed_item *item = entry->item;

        if (complete(call, &call->reshares[i], item) < 0)
            error = FEED__ERROR_CODE__UNAVAILABLE;
        item->is_folded = item->origin != 0 && reader_sees_share(call->feed, call->reader, item->origin_author, item->origin);
        entry->is_placed = item->origin == 0 || item->is_folded;
    }
    if (error != FEED_OK)
        entries_end(call, error);
    else
        place(call);
}

static bool has_reshares(const struct feed *feed, const struct feed_item *item)
{
    return item->frame && (item->origin != 0 || item->reshares > 0 || reshares_of(feed, item->id));
}

void entries_find(struct feed *feed, struct reader *reader, struct feed_item *items, size_t count, bool names, entries_fn *fn,
                  void *context)
{
    struct entries_call *call;
    size_t wanted = 0;

    for (size_t i = 0; i < count; i++)
        wanted += has_reshares(feed, &items[i]);
    if (wanted == 0) {
        fn(context, FEED_OK);
        return;
    }
    call = calloc(1, sizeof(*call) + wanted * sizeof(struct entry));
    if (call)
        *call = (struct entries_call){.feed = feed, .reader = reader, .names = names, .fn = fn, .context = context,
                                      .reshares = calloc(wanted, sizeof(*call->reshares)),
                                      .looked = calloc(wanted, sizeof(*call->looked))};
    if (!call || !call->reshares || !call->looked) {
        if (call)
            entries_end(call, FEED__ERROR_CODE__UNAVAILABLE);
        else
            fn(context, FEED__ERROR_CODE__UNAVAILABLE);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = &call->entries[call->count];

        if (!has_reshares(feed, &items[i]))
            continue;
        entry->item = &items[i];
        call->reshares[call->count++].name = (struct text){entry->name, digits_write(entry->name, root_of(&items[i]))};
    }
    memcpy(call->applied, feed->applied, feed->partitions * sizeof(*call->applied));
    sharers_find(feed, reader, KEY_RESHARES, call->reshares, call->count, on_reshares, call);
}
