/* The latest log entries of each partition, in memory: clients that come back catch up from here, reads see here what is
 * not fanned out yet. An entry leaves when memory is needed, but never before it is known to be fully applied. */
#include <errno.h>
#include <stdlib.h>

#include "feed/frames.h"
#include "feed/internal.h"

#define CAPACITY_FIRST 256

struct ring_entry *ring_at(const struct ring *ring, size_t index)
{
    return &ring->entries[(ring->first + index) & (ring->capacity - 1)];
}

size_t ring_above(const struct ring *ring, uint64_t id)
{
    size_t low = 0, high = ring->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (ring_at(ring, middle)->id > id)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct ring_entry *ring_find(const struct ring *ring, uint64_t id)
{
    size_t index = ring_above(ring, id - 1);

    return index < ring->count && ring_at(ring, index)->id == id ? ring_at(ring, index) : NULL;
}

bool ring_changes(const struct feed *feed, uint64_t share, uint64_t above)
{
    const struct ring *ring = &feed->rings[partition_of_id(share)];

    for (size_t i = ring_above(ring, above); i < ring->count; i++)
        if (ring_at(ring, i)->share == share)
            return true;
    return false;
}

static size_t entry_bytes(const struct ring_entry *entry)
{
    return sizeof(*entry) + (entry->frame ? frame_memory_bytes(entry->frame) : 0);
}

size_t ring_bytes_above(const struct ring *ring, uint64_t id)
{
    size_t index = ring_above(ring, id);
    const struct ring_entry *first = index < ring->count ? ring_at(ring, index) : NULL;

    return first ? ring_at(ring, ring->count - 1)->end - first->end + entry_bytes(first) : 0;
}

static void drop_first(struct feed *feed, struct ring *ring)
{
    struct ring_entry *entry = ring_at(ring, 0);

    if (entry->kind == LOG_DELETE || entry->kind == LOG_UNCOMMENT)
        idmap_remove(&feed->deleted, entry->other);
    else if (entry->kind == LOG_FOLLOW || entry->kind == LOG_UNFOLLOW)
        follow_forget(feed, entry->id);
    else if (entry->kind == LOG_SHARE)
        name_release(feed, entry->subject);
    if (entry->kind == LOG_SHARE && entry->origin != 0)
        reshares_remove(feed, entry);
    ring->floor = entry->id;
    ring->bytes -= entry_bytes(entry);
    frame_unref(entry->frame);
    subject_unref(&feed->subjects, entry->subject);
    subject_unref(&feed->subjects, entry->reader);
    ring->first = (ring->first + 1) & (ring->capacity - 1);
    ring->count--;
}

static int grow(struct ring *ring)
{
    size_t capacity = ring->capacity ? ring->capacity * 2 : CAPACITY_FIRST;
    struct ring_entry *entries = malloc(capacity * sizeof(*entries));

    if (!entries)
        return -ENOMEM;
    for (size_t i = 0; i < ring->count; i++)
        entries[i] = *ring_at(ring, i);
    free(ring->entries);
    ring->entries = entries;
    ring->capacity = capacity;
    ring->first = 0;
    return 0;
}

void ring_replace(struct ring *ring, struct ring_entry *entry, struct frame *frame)
{
    ring->bytes -= entry_bytes(entry);
    frame_unref(entry->frame);
    entry->frame = frame;
    ring->bytes += entry_bytes(entry);
}

bool ring_reaches_back(const struct feed *feed, unsigned partition)
{
    return feed->rings[partition].floor <= feed->applied[partition];
}

int ring_push(struct feed *feed, unsigned partition, const struct ring_entry *entry)
{
    struct ring *ring = &feed->rings[partition];
    size_t budget = feed->settings->ring_bytes / feed->partitions;

    while (ring->count > 0 && ring->bytes + entry_bytes(entry) > budget && ring_at(ring, 0)->id <= feed->applied[partition])
        drop_first(feed, ring);
    if (ring->count == ring->capacity && grow(ring) < 0)
        return -ENOMEM;
    if (entry->kind == LOG_SHARE && entry->origin != 0 && reshares_add(feed, entry) < 0)
        return -ENOMEM;
    size_t end = entry_bytes(entry) + (ring->count > 0 ? ring_at(ring, ring->count - 1)->end : 0);
    ring->count++;
    *ring_at(ring, ring->count - 1) = *entry;
    ring_at(ring, ring->count - 1)->end = end;
    ring->bytes += entry_bytes(entry);
    if (entry->kind == LOG_SHARE)
        name_hold(feed, entry->subject);
    return 0;
}

int ring_revise(struct ring *ring, struct ring_entry *entry, struct frame *share)
{
    struct frame *frame = entry->origin != 0 ? frame_of_reshare(share, origin_in_frame(entry->frame)) : frame_ref(share);

    if (!frame)
        return -ENOMEM;
    ring_replace(ring, entry, frame);
    return 0;
}

/* Puts the origin of a re-share into its event as it is now, if it is in memory and has changed. */
static void renew_origin(struct feed *feed, struct ring *ring, struct ring_entry *entry)
{
    struct feed_item origin;
    struct frame *frame;

    if (entry->kind != LOG_SHARE || entry->origin == 0 || !bodies_get(feed, entry->origin, &origin))
        return;
    frame = origin.revised_at > entry->origin_at ? frame_of_reshare(entry->frame, share_of_item(&origin)) : NULL;
    if (frame) {
        ring_replace(ring, entry, frame);
        entry->origin_at = origin.revised_at;
    }
    items_done(feed, &origin, 1);
}

/* Without memory for it the name is the earlier one. */
struct frame *ring_event(struct feed *feed, struct ring *ring, struct ring_entry *entry)
{
    renew_origin(feed, ring, entry);
    uint32_t stamp = entry->kind == LOG_SHARE ? name_stamp(feed, entry->subject) : 0, share_bytes;
    struct frame *renamed;

    if (stamp == 0 || stamp == entry->name_stamp)
        return entry->frame;
    renamed = frame_of_share_renamed(entry->frame, name_of(feed, entry->subject), &share_bytes);
    if (!renamed)
        return entry->frame;
    ring_replace(ring, entry, renamed);
    entry->name_stamp = stamp;
    return renamed;
}

void ring_done(struct feed *feed, unsigned partition)
{
    feed->recent_generation++;
    struct ring *ring = &feed->rings[partition];

    while (ring->count > 0)
        drop_first(feed, ring);
    free(ring->entries);
    *ring = (struct ring){0};
}

bool share_is_deleted(const struct feed *feed, uint64_t id)
{
    return idmap_get(&feed->deleted, id) != NULL;
}

bool share_is_gone(const struct feed *feed, uint64_t id, uint32_t author)
{
    return id < feed->subjects.slots[author]->erased_at || share_is_deleted(feed, id);
}

/* ---- joins ---- */

struct join {
    uint32_t subject;
    uint64_t edge;
};

void joins_collect(const struct ring *ring, size_t from, uint32_t reader, struct joins *ret_joins)
{
    struct joins joins = {0};

    for (size_t i = from; i < ring->count; i++) {
        const struct ring_entry *entry = ring_at(ring, i);

        if (entry->kind != LOG_EDGE || entry->reader != reader)
            continue;
        struct join *larger = realloc(joins.items, (joins.count + 1) * sizeof(*larger));
        if (!larger)
            break; /* at worst a backfilled share shows as well */
        joins.items = larger;
        joins.items[joins.count++] = (struct join){entry->subject, entry->id};
    }
    *ret_joins = joins;
}

bool joins_backfilled(const struct joins *joins, const struct ring_entry *share)
{
    for (size_t i = 0; i < joins->count; i++)
        if (joins->items[i].subject == share->subject && joins->items[i].edge > share->id)
            return true;
    return false;
}

void joins_done(struct joins *joins)
{
    free(joins->items);
    *joins = (struct joins){0};
}
