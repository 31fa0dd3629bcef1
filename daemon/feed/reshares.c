/* Re-shares, as they are shown. A re-share is a share of its own, which names its origin; what that says is looked up when the
 * re-share is read, so that it is always the present word, and a re-share of what is gone is gone with it.
 *
 * Who has re-shared a share stands in the store, written by jobs (records.c), and is looked up for pages and for streams that catch
 * up out of the store (entries.c). What is not written yet is in a ring: each re-share there is found by its origin. Streams that are
 * live, or catch up out of a ring, go by that alone, and what they have passed comes before what they come to: an earlier re-share
 * that no ring holds any more, or before which very many came, is not remembered there, and what comes then is told like a first
 * one. */
#include <errno.h>
#include <stdlib.h>

#include "feed/internal.h"

#define LOOK_MAX 64 /* re-shares of one origin in the rings, the oldest, that a stream is judged by */

/* ---- re-shares in rings ---- */

/* The map has the latest of a circle, behind which the oldest stands: so either end is found at once. */
int reshares_add(struct feed *feed, const struct ring_entry *entry)
{
    struct ring_reshare *latest = idmap_get(&feed->reshares, entry->origin), *reshare = malloc(sizeof(*reshare));

    if (!reshare || idmap_set(&feed->reshares, entry->origin, reshare) < 0) {
        free(reshare);
        return -ENOMEM;
    }
    *reshare = (struct ring_reshare){latest ? latest->next : reshare, entry->id, entry->subject};
    if (latest)
        latest->next = reshare;
    return 0;
}

void reshares_remove(struct feed *feed, const struct ring_entry *entry)
{
    struct ring_reshare *latest = idmap_get(&feed->reshares, entry->origin), *before = latest, *removed;

    while (before->next->id != entry->id)
        before = before->next;
    removed = before->next;
    before->next = removed->next;
    if (removed == before)
        idmap_remove(&feed->reshares, entry->origin);
    else if (removed == latest)
        idmap_set(&feed->reshares, entry->origin, before); /* its place is there */
    free(removed);
}

const struct ring_reshare *reshares_of(const struct feed *feed, uint64_t origin)
{
    const struct ring_reshare *latest = feed->reshares.count > 0 ? idmap_get(&feed->reshares, origin) : NULL;

    return latest ? latest->next : NULL;
}

bool sees_reshare(const struct feed *feed, const struct reader *reader, uint32_t author, uint64_t id)
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
    const struct ring_reshare *oldest = reshares_of(feed, event->origin), *one = oldest;
    for (unsigned looked = 0; one && looked < LOOK_MAX; one = reshare_behind(one, oldest), looked++)
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
