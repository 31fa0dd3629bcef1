/* Share bodies in memory, least recently used out first, and fetching those that are not there. A body is the frame in
 * which the share is streamed: what is in the ring, in queues and here is one and the same. */
#include <errno.h>
#include <stdlib.h>

#include "feed/internal.h"

#define FETCH_MAX 256 /* ids in one MGET */

struct body {
    struct feed_item item;
    struct body *older;
    struct body *newer;
};

static void unlink_body(struct bodies *bodies, struct body *body)
{
    *(body->older ? &body->older->newer : &bodies->first) = body->newer;
    *(body->newer ? &body->newer->older : &bodies->last) = body->older;
}

static void link_newest(struct bodies *bodies, struct body *body)
{
    body->older = bodies->last;
    body->newer = NULL;
    *(bodies->last ? &bodies->last->newer : &bodies->first) = body;
    bodies->last = body;
}

static size_t body_bytes(const struct body *body)
{
    return sizeof(*body) + frame_memory_bytes(body->item.frame);
}

void bodies_drop(struct feed *feed, uint64_t id)
{
    struct body *body = idmap_remove(&feed->bodies.map, id);

    if (!body)
        return;
    unlink_body(&feed->bodies, body);
    feed->bodies.bytes -= body_bytes(body);
    frame_unref(body->item.frame);
    subject_unref(&feed->subjects, body->item.author);
    free(body);
}

void bodies_put(struct feed *feed, const struct feed_item *item)
{
    struct bodies *bodies = &feed->bodies;
    struct body *body;

    if (idmap_get(&bodies->map, item->id))
        return;
    body = malloc(sizeof(*body));
    if (!body || idmap_set(&bodies->map, item->id, body) < 0) {
        free(body);
        return;
    }
    body->item = *item;
    frame_ref(item->frame);
    subject_ref(&feed->subjects, item->author);
    link_newest(bodies, body);
    bodies->bytes += body_bytes(body);
    while (bodies->bytes > feed->settings.body_bytes)
        bodies_drop(feed, bodies->first->item.id);
}

bool bodies_get(struct feed *feed, uint64_t id, struct feed_item *ret_item)
{
    struct body *body = idmap_get(&feed->bodies.map, id);

    if (!body)
        return false;
    unlink_body(&feed->bodies, body);
    link_newest(&feed->bodies, body);
    *ret_item = body->item;
    frame_ref(ret_item->frame);
    subject_ref(&feed->subjects, ret_item->author);
    return true;
}

void bodies_done(struct feed *feed)
{
    while (feed->bodies.first)
        bodies_drop(feed, feed->bodies.first->item.id);
    idmap_done(&feed->bodies.map);
}

void items_done(struct feed *feed, struct feed_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (items[i].frame)
            subject_unref(&feed->subjects, items[i].author);
        frame_unref(items[i].frame);
    }
}

/* Fetching: one MGET per partition and FETCH_MAX ids. */
struct hydration {
    struct feed *feed;
    struct feed_item *items;
    hydrate_fn *fn;
    void *context;
    unsigned fetches;
    Feed__ErrorCode error;
};

struct fetch {
    struct hydration *hydration;
    size_t count;
    uint32_t indexes[FETCH_MAX]; /* into the items */
};

static void hydration_step(struct hydration *hydration)
{
    struct hydration done = *hydration;

    if (--hydration->fetches > 0)
        return;
    free(hydration);
    done.fn(done.context, done.error);
}

/* What is no share is left out, 0; -ENOMEM. */
static int take_body(struct feed *feed, struct feed_item *item, struct text body)
{
    struct text author = author_of_body(body);

    /* The answer may be older than a deletion that came along the log. */
    if (author.size == 0 || share_is_deleted(feed, item->id))
        return 0;
    item->author = subject_intern(&feed->subjects, author);
    if (item->author == NO_SUBJECT)
        return -ENOMEM;
    item->frame = frame_of_share(item->id, body, &item->share_bytes);
    if (!item->frame) {
        subject_unref(&feed->subjects, item->author);
        return -ENOMEM;
    }
    bodies_put(feed, item);
    return 0;
}

static void on_bodies(void *context, const struct reply *reply)
{
    struct fetch *fetch = context;
    struct hydration *hydration = fetch->hydration;
    Feed__ErrorCode error = error_of_reply(reply, false);

    if (error != FEED_OK)
        hydration->error = error;
    for (size_t i = 0; i < fetch->count && error == FEED_OK; i++)
        if (!reply_is_null(reply_at(reply, i)) &&
            take_body(hydration->feed, &hydration->items[fetch->indexes[i]], reply_text(reply_at(reply, i))) < 0)
            hydration->error = FEED__ERROR_CODE__UNAVAILABLE; /* it must not look as if there was no such share */
    free(fetch);
    hydration_step(hydration);
}

static void send_fetch(struct hydration *hydration, struct fetch *fetch)
{
    uint64_t ids[FETCH_MAX];

    for (size_t i = 0; i < fetch->count; i++)
        ids[i] = hydration->items[fetch->indexes[i]].id;
    hydration->fetches++;
    if (store_bodies(hydration->feed->store, ids, fetch->count, on_bodies, fetch) < 0) {
        hydration->error = FEED__ERROR_CODE__UNAVAILABLE;
        hydration->fetches--;
        free(fetch);
    }
}

static void fetch_partition(struct hydration *hydration, size_t count, unsigned partition)
{
    struct fetch *fetch = NULL;

    for (size_t i = 0; i < count; i++) {
        struct feed_item *item = &hydration->items[i];

        if (item->frame || partition_of_id(item->id) != partition || share_is_deleted(hydration->feed, item->id))
            continue;
        if (!fetch) {
            fetch = malloc(sizeof(*fetch));
            if (!fetch) {
                hydration->error = FEED__ERROR_CODE__UNAVAILABLE;
                return;
            }
            fetch->hydration = hydration;
            fetch->count = 0;
        }
        fetch->indexes[fetch->count++] = (uint32_t)i;
        if (fetch->count == FETCH_MAX) {
            send_fetch(hydration, fetch);
            fetch = NULL;
        }
    }
    if (fetch)
        send_fetch(hydration, fetch);
}

void hydrate(struct feed *feed, struct feed_item *items, size_t count, hydrate_fn *fn, void *context)
{
    uint64_t missing = 0; /* a bit per partition */

    for (size_t i = 0; i < count; i++) {
        uint64_t id = items[i].id;

        items[i] = (struct feed_item){.id = id, .author = NO_SUBJECT};
        if (!bodies_get(feed, id, &items[i]) && partition_of_id(id) < feed->partitions)
            missing |= UINT64_C(1) << partition_of_id(id);
    }
    if (missing == 0) {
        fn(context, FEED_OK);
        return;
    }
    struct hydration *hydration = malloc(sizeof(*hydration));
    if (!hydration) {
        fn(context, FEED__ERROR_CODE__UNAVAILABLE);
        return;
    }
    *hydration = (struct hydration){feed, items, fn, context, 1, FEED_OK};
    for (unsigned partition = 0; partition < feed->partitions; partition++)
        if (missing >> partition & 1)
            fetch_partition(hydration, count, partition);
    hydration_step(hydration);
}
