/* Timelines in memory: of readers who have just read theirs, and may again. One costs no Redis command while it is here.
 *
 * What was fetched, with what the rings held beyond it, is the whole timeline as of the tail's position; from there on the
 * tail keeps it true: a share of somebody whom the reader follows is added to it, as the reader is listed with those whom it
 * follows like one who is online. Anything else that could change it drops it, and the next read fetches it again:
 *
 *   - an edge of the reader's, of either kind. It is not kept again before the follow's backfill is known to be merged, by
 *     whatever daemon: before the mark of what is applied has passed the follow (`settled_at`)
 *   - whatever makes this daemon forget a ring, as it may have missed entries: the generation moves
 *   - the end of its time in Redis draws near: reads must renew it there
 *
 * A deletion leaves the id where it is, as it is found out when the share is looked up. The newest page is also kept as it was
 * last sent, until an id is added or a share that is on it has changed, or what such a one is a re-share of. Where any share at
 * all has changed since, those on the page are looked up in the cache of bodies: it is as it was if they are. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "feed/internal.h"

#define ROOM 64 /* for ids to come, before those beyond the cap are dropped */

/* What is on a kept page, as it was then. */
struct page_stamps {
    uint64_t revisions; /* what feed->revisions was when they were found to be so */
    bool known;         /* all of them are in memory */
    size_t count;
    struct share_stamp shares[];
};

struct recent {
    uint64_t generation;
    uint64_t stamp;          /* another one whenever an id is added */
    uint64_t floor;          /* ids up to here are not vouched for; 0: complete */
    struct frame *page;      /* the newest `page_limit`, as sent; NULL: none is kept */
    struct page_stamps *stamps;
    size_t page_limit;
    uint32_t count, capacity;
    uint64_t ids[]; /* oldest first */
};

size_t recent_bytes(const struct reader *reader)
{
    const struct recent *recent = reader->recent;

    size_t bytes;

    if (!recent)
        return 0;
    bytes = sizeof(*recent) + recent->capacity * sizeof(uint64_t);
    if (recent->page)
        bytes += frame_memory_bytes(recent->page) + sizeof(*recent->stamps) + recent->stamps->count * sizeof(struct share_stamp);
    return bytes;
}

static void forget_page(struct recent *recent)
{
    frame_unref(recent->page);
    free(recent->stamps);
    recent->page = NULL;
    recent->stamps = NULL;
}

void recent_drop(struct feed *feed, struct reader *reader)
{
    if (!reader->recent)
        return;
    forget_page(reader->recent);
    free(reader->recent);
    reader->recent = NULL;
    feed->readers.recents--;
    reader_leave(feed, reader);
}

static struct recent *find(const struct feed *feed, const struct reader *reader)
{
    struct recent *recent = reader->recent;

    return recent && feed->ready && recent->generation == feed->recent_generation && clock_now_ms() < reader->renew_at_ms
               ? recent
               : NULL;
}

/* Room for one more id: a larger array, or fewer of the oldest ids, many at a time. NULL without memory; then what is there
 * counts no more. */
static struct recent *make_room(struct feed *feed, struct reader *reader)
{
    struct recent *recent = reader->recent, *larger;
    uint32_t most = (uint32_t)feed->settings->timeline_cap + ROOM, surplus;

    if (recent->capacity < most) {
        uint32_t capacity = recent->capacity < most / 2 ? recent->capacity * 2 : most;

        larger = realloc(recent, sizeof(*recent) + capacity * sizeof(uint64_t));
        if (!larger) {
            recent->generation = feed->recent_generation - 1;
            return NULL;
        }
        larger->capacity = capacity;
        reader->recent = larger;
        return larger;
    }
    surplus = recent->count - (uint32_t)feed->settings->timeline_cap;
    recent->floor = recent->ids[surplus - 1];
    recent->count -= surplus;
    memmove(recent->ids, recent->ids + surplus, recent->count * sizeof(uint64_t));
    return recent;
}

static void add(struct feed *feed, struct reader *reader, uint64_t id)
{
    struct recent *recent = reader->recent;
    uint32_t at;

    if (recent->count == recent->capacity)
        recent = make_room(feed, reader);
    if (!recent || id <= recent->floor)
        return;
    for (at = recent->count; at > 0 && recent->ids[at - 1] > id; at--)
        ;
    if (at > 0 && recent->ids[at - 1] == id)
        return;
    memmove(recent->ids + at + 1, recent->ids + at, (recent->count - at) * sizeof(uint64_t));
    recent->ids[at] = id;
    recent->count++;
    recent->stamp = ++feed->recent_stamp;
    forget_page(recent);
}

void recents_add(struct feed *feed, uint32_t slot, uint64_t id)
{
    const struct idset *listed = &feed->subjects.slots[slot]->online;

    for (uint32_t i = 0; feed->readers.recents > 0 && i < listed->count; i++) {
        struct reader *reader = feed->subjects.slots[listed->items[i]]->reader;

        if (reader->recent)
            add(feed, reader, id);
    }
}

bool recent_may_keep(const struct feed *feed, const struct reader *reader)
{
    for (unsigned partition = 0; partition < feed->partitions; partition++)
        if (feed->applied[partition] < feed->unsettled[partition])
            return false;
    return feed->ready && feed->applied[partition_of_id(reader->settled_at)] >= reader->settled_at;
}

/* Without memory for it the next read fetches it again. */
void recent_keep(struct feed *feed, struct reader *reader, struct timeline *timeline)
{
    size_t capacity = timeline->count + timeline->count / 4 + ROOM, most = (size_t)feed->settings->timeline_cap + ROOM;
    struct recent *recent;

    recent_drop(feed, reader);
    if (capacity > most)
        capacity = most;
    recent = malloc(sizeof(*recent) + capacity * sizeof(uint64_t));
    if (!recent || reader_join(feed, reader) < 0) {
        free(recent);
        return;
    }
    timeline->stamp = ++feed->recent_stamp;
    *recent = (struct recent){.generation = feed->recent_generation,
                              .stamp = timeline->stamp,
                              .floor = timeline->floor,
                              .count = (uint32_t)timeline->count,
                              .capacity = (uint32_t)capacity};
    for (size_t i = 0; i < timeline->count; i++)
        recent->ids[timeline->count - 1 - i] = timeline->ids[i];
    reader->recent = recent;
    feed->readers.recents++;
}

int recent_timeline(const struct feed *feed, const struct reader *reader, struct timeline *ret_timeline)
{
    const struct recent *recent = find(feed, reader);
    size_t cap = (size_t)feed->settings->timeline_cap;
    struct timeline timeline;

    if (!recent)
        return -ENOENT;
    timeline = (struct timeline){.floor = recent->floor, .stamp = recent->stamp, .count = recent->count < cap ? recent->count : cap};
    if (recent->count > cap)
        timeline.floor = recent->ids[recent->count - cap - 1];
    timeline.ids = malloc((timeline.count + 1) * sizeof(uint64_t));
    if (!timeline.ids)
        return -ENOMEM;
    for (size_t i = 0; i < timeline.count; i++)
        timeline.ids[i] = recent->ids[recent->count - 1 - i];
    *ret_timeline = timeline;
    return 0;
}

static bool is_as_it_was(const struct feed *feed, const struct share_stamp *before)
{
    struct share_stamp now;

    return share_stamp(feed, before->id, &now) && now.revised_at == before->revised_at && now.name_stamp == before->name_stamp;
}

static bool page_stands(const struct feed *feed, struct page_stamps *stamps)
{
    if (stamps->revisions == feed->revisions)
        return true;
    for (size_t i = 0; i < stamps->count; i++)
        if (!stamps->known || !is_as_it_was(feed, &stamps->shares[i]))
            return false;
    stamps->revisions = feed->revisions;
    return true;
}

struct frame *recent_page(const struct feed *feed, const struct reader *reader, size_t limit)
{
    const struct recent *recent = find(feed, reader);

    return recent && recent->page && recent->page_limit == limit && page_stands(feed, recent->stamps) ? recent->page : NULL;
}

/* Of the shares of a page, the one that shows that there are more, and their origins. NULL without memory. */
static struct page_stamps *stamps_of(const struct feed *feed, const struct feed_page *page)
{
    struct page_stamps *stamps = malloc(sizeof(*stamps) + 2 * page->looked_at * sizeof(struct share_stamp));

    if (!stamps)
        return NULL;
    *stamps = (struct page_stamps){.revisions = feed->revisions, .known = true};
    for (size_t i = 0; i < page->looked_at; i++) {
        const struct feed_item *item = &page->items[i];

        stamps->known = stamps->known && share_stamp(feed, item->id, &stamps->shares[stamps->count++]);
        if (item->origin != 0)
            stamps->known = stamps->known && share_stamp(feed, item->origin, &stamps->shares[stamps->count++]);
    }
    return stamps;
}

void recent_keep_page(const struct feed *feed, const struct feed_page *page, struct frame *frame)
{
    struct recent *recent = find(feed, page->reader);
    struct page_stamps *stamps = recent && recent->stamp == page->stamp ? stamps_of(feed, page) : NULL;

    if (!stamps)
        return;
    forget_page(recent);
    recent->page = frame_ref(frame);
    recent->stamps = stamps;
    recent->page_limit = page->limit;
}
