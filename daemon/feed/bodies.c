/* Share bodies in memory, least recently used out first, and fetching those that are not there. A body is the frame in
 * which the share is streamed: what is in the ring, in queues and here is one and the same. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"
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
    items_done(feed, &body->item, 1);
    free(body);
}

/* Takes references for an item that stands in a further place. */
static void item_hold(struct feed *feed, const struct feed_item *item)
{
    frame_ref(item->frame);
    subject_ref(&feed->subjects, item->author);
    name_hold(feed, item->author);
    if (item->origin != 0)
        subject_ref(&feed->subjects, item->origin_author);
}

/* Whether the store has it no more: it was deleted, or its author's profile has dropped it. */
static bool is_gone(const struct feed *feed, uint64_t id, uint32_t author)
{
    return id <= feed->subjects.slots[author]->dropped || share_is_gone(feed, id, author);
}

/* Whether the share is gone, or what it is of. */
static bool item_is_gone(const struct feed *feed, const struct feed_item *item)
{
    return is_gone(feed, item->id, item->author) || (item->origin != 0 && is_gone(feed, item->origin, item->origin_author));
}

void bodies_put(struct feed *feed, const struct feed_item *item)
{
    struct bodies *bodies = &feed->bodies;
    struct body *body;

    if (item->name_stamp == 0 || idmap_get(&bodies->map, item->id))
        return; /* a name that is not known could not be kept true */
    body = malloc(sizeof(*body));
    if (!body || idmap_set(&bodies->map, item->id, body) < 0) {
        free(body);
        return;
    }
    body->item = *item;
    item_hold(feed, item);
    link_newest(bodies, body);
    bodies->bytes += body_bytes(body);
    while (bodies->bytes > feed->settings->body_bytes)
        bodies_drop(feed, bodies->first->item.id);
}

/* Puts the author's present name into an item's frame. 0; -EAGAIN if it is not known, -ENOMEM. */
static int name_item(struct feed *feed, struct feed_item *item)
{
    uint32_t stamp = name_stamp(feed, item->author);
    struct text name = name_of(feed, item->author);
    struct frame *frame;

    if (stamp == 0)
        return -EAGAIN;
    if (item->name_stamp != stamp && (item->name_stamp != 0 || name.size > 0)) {
        frame = frame_of_share_renamed(item->frame, name, &item->share_bytes);
        if (!frame)
            return -ENOMEM;
        frame_unref(item->frame);
        item->frame = frame;
    }
    item->name_stamp = stamp;
    return 0;
}

bool bodies_get(struct feed *feed, uint64_t id, struct feed_item *ret_item)
{
    struct body *body = idmap_get(&feed->bodies.map, id);

    if (!body)
        return false;
    feed->bodies.bytes -= body_bytes(body);
    int error = name_item(feed, &body->item);
    feed->bodies.bytes += body_bytes(body);
    if (error < 0 || item_is_gone(feed, &body->item)) {
        bodies_drop(feed, id);
        return false;
    }
    unlink_body(&feed->bodies, body);
    link_newest(&feed->bodies, body);
    *ret_item = body->item;
    item_hold(feed, ret_item);
    return true;
}

bool share_stamp(const struct feed *feed, uint64_t id, struct share_stamp *ret_stamp)
{
    const struct body *body = idmap_get(&feed->bodies.map, id);

    if (!body || item_is_gone(feed, &body->item))
        return false;
    *ret_stamp = (struct share_stamp){id, body->item.revised_at, name_stamp(feed, body->item.author)};
    return true;
}

/* Gives a share that is in memory another frame, and a reference to it. */
static void body_replace(struct feed *feed, struct body *body, struct frame *frame, uint32_t share_bytes,
                         const struct share_counts *counts)
{
    feed->bodies.bytes -= body_bytes(body);
    frame_unref(body->item.frame);
    body->item.frame = frame_ref(frame);
    body->item.share_bytes = share_bytes;
    body->item.revised_at = counts->at;
    body->item.reshares = counts->reshares;
    feed->bodies.bytes += body_bytes(body);
}

int share_revise(struct feed *feed, uint64_t id, const struct share_counts *counts, struct text revised)
{
    struct ring *ring = &feed->rings[partition_of_id(id)];
    struct body *body = idmap_get(&feed->bodies.map, id);
    struct ring_entry *entry = ring_find(ring, id);
    bool known = body && body->item.revised_at >= counts->at; /* it was fetched after the tail's next entries were committed */
    uint32_t share_bytes = 0;
    struct frame *frame;

    if (!body && !entry)
        return 0;
    if (known)
        frame = frame_ref(body->item.frame);
    else
        frame = frame_of_share_revised(body ? body->item.frame : entry->frame, counts, revised, &share_bytes);
    if (!frame) {
        bodies_drop(feed, id);
        return entry ? -ENOMEM : 0;
    }
    if (body && !known)
        body_replace(feed, body, frame, share_bytes, counts);
    int error = entry ? ring_revise(ring, entry, frame) : 0;
    if (entry)
        entry->name_stamp = body ? body->item.name_stamp : entry->name_stamp;
    frame_unref(frame);
    return error;
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
        if (!items[i].frame)
            continue;
        name_release(feed, items[i].author);
        subject_unref(&feed->subjects, items[i].author);
        frame_unref(items[i].frame);
        if (items[i].also.data)
            free((void *)(uintptr_t)items[i].also.data);
        resharers_done(feed, items[i].resharers);
        if (items[i].origin == 0)
            continue;
        frame_unref(items[i].origin_frame);
        subject_unref(&feed->subjects, items[i].origin_author);
    }
}

int item_copy(struct feed *feed, const struct feed_item *item, struct feed_item *ret_copy)
{
    char *also = item->also.size > 0 ? malloc(item->also.size) : NULL;
    uint32_t *resharers = item->resharers ? resharers_copy(feed, item->resharers) : NULL;

    if ((item->also.size > 0 && !also) || (item->resharers && !resharers)) {
        resharers_done(feed, resharers);
        free(also);
        return -ENOMEM;
    }
    if (also)
        memcpy(also, item->also.data, item->also.size);
    item_hold(feed, item);
    *ret_copy = *item;
    ret_copy->also.data = also;
    ret_copy->resharers = resharers;
    if (item->origin_frame)
        frame_ref(item->origin_frame);
    return 0;
}

/* Fetching: one MGET per partition and FETCH_MAX ids; then the names of those authors of whom they are not known. */
struct hydration {
    struct feed *feed;
    struct feed_item *items;
    size_t count;
    hydrate_fn *fn;
    void *context;
    unsigned waiting; /* answers, and one while questions are being asked */
    bool named;       /* the names were asked for */
    Feed__ErrorCode error;
};

struct fetch {
    struct hydration *hydration;
    size_t count;
    uint32_t indexes[FETCH_MAX]; /* into the items */
};

static void ask_names(struct hydration *hydration);

/* The names are there: what was fetched is complete. A share that an entry has changed since it was asked for may be as it was
 * before, and would stay so: it is not kept in memory. */
static void hydration_end(struct hydration *hydration)
{
    struct hydration done = *hydration;

    for (size_t i = 0; i < done.count && done.error == FEED_OK; i++) {
        struct feed_item *item = &done.items[i];

        if (!item->frame || item->name_stamp != 0)
            continue;
        if (item_is_gone(done.feed, item)) {
            items_done(done.feed, item, 1);
            item->frame = NULL;
        } else if (name_item(done.feed, item) < 0) {
            done.error = FEED__ERROR_CODE__UNAVAILABLE;
        } else if (!ring_changes(done.feed, item->id, item->asked_at)) {
            bodies_put(done.feed, item);
        }
    }
    free(hydration);
    if (done.error != FEED_OK)
        done.fn(done.context, done.error);
    else
        origins_fetch(done.feed, done.items, done.count, done.fn, done.context);
}

static void hydration_step(struct hydration *hydration)
{
    if (--hydration->waiting > 0)
        return;
    if (hydration->named || hydration->error != FEED_OK)
        hydration_end(hydration);
    else
        ask_names(hydration);
}

/* What is no share is left out, 0; -ENOMEM. */
static int take_body(struct feed *feed, struct feed_item *item, struct text body, const struct share_counts *counts)
{
    struct text author = author_of_body(body);
    struct origin origin;

    /* The answer may be older than a deletion that came along the log. */
    if (author.size == 0 || share_is_deleted(feed, item->id))
        return 0;
    item->author = subject_intern(&feed->subjects, author);
    if (item->author == NO_SUBJECT)
        return -ENOMEM;
    item->frame = frame_of_share(item->id, body, counts, (struct text){"", 0}, &item->share_bytes);
    if (!item->frame) {
        subject_unref(&feed->subjects, item->author);
        return -ENOMEM;
    }
    if (origin_of_body(body, &origin)) {
        item->origin_author = subject_intern(&feed->subjects, origin.author);
        if (item->origin_author == NO_SUBJECT) {
            frame_unref(item->frame);
            subject_unref(&feed->subjects, item->author);
            item->frame = NULL;
            return -ENOMEM;
        }
        item->origin = origin.id;
    }
    item->revised_at = counts->at;
    item->reshares = counts->reshares;
    name_hold(feed, item->author);
    return 0;
}

static void on_bodies(void *context, const struct reply *reply)
{
    struct fetch *fetch = context;
    struct hydration *hydration = fetch->hydration;
    Feed__ErrorCode error = error_of_reply(reply, false);

    if (error != FEED_OK)
        hydration->error = error;
    for (size_t i = 0; i < fetch->count && error == FEED_OK; i++) {
        struct share_counts counts = store_read_counts(reply_text(reply_at(reply, fetch->count + i)));

        if (!reply_is_null(reply_at(reply, i)) && take_body(hydration->feed, &hydration->items[fetch->indexes[i]],
                                                            reply_text(reply_at(reply, i)), &counts) < 0)
            hydration->error = FEED__ERROR_CODE__UNAVAILABLE; /* it must not look as if there was no such share */
    }
    free(fetch);
    hydration_step(hydration);
}

static void send_fetch(struct hydration *hydration, struct fetch *fetch)
{
    uint64_t ids[FETCH_MAX];

    for (size_t i = 0; i < fetch->count; i++)
        ids[i] = hydration->items[fetch->indexes[i]].id;
    hydration->waiting++;
    if (store_bodies(hydration->feed->store, ids, fetch->count, on_bodies, fetch) < 0) {
        hydration->error = FEED__ERROR_CODE__UNAVAILABLE;
        hydration->waiting--;
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
        item->asked_at = hydration->feed->positions[partition];
        fetch->indexes[fetch->count++] = (uint32_t)i;
        if (fetch->count == FETCH_MAX) {
            send_fetch(hydration, fetch);
            fetch = NULL;
        }
    }
    if (fetch)
        send_fetch(hydration, fetch);
}

/* ---- names ---- */

struct question {
    struct hydration *hydration;
    size_t count;
    uint32_t authors[FETCH_MAX];
};

/* What came along the log meanwhile is newer. */
static void on_names(void *context, const struct reply *reply)
{
    struct question *question = context;
    struct hydration *hydration = question->hydration;
    struct feed *feed = hydration->feed;

    feed->name_questions--;
    if (reply_error(reply) < 0)
        hydration->error = error_of_reply(reply, false);
    for (size_t i = 0; i < question->count && reply_error(reply) == 0; i++)
        if (name_stamp(feed, question->authors[i]) == 0)
            name_set(feed, question->authors[i], reply_text(reply_at(reply, i)));
    free(question);
    hydration_step(hydration);
}

static void send_question(struct hydration *hydration, struct question *question)
{
    struct text subjects[FETCH_MAX];

    for (size_t i = 0; i < question->count; i++)
        subjects[i] = subject_name(&hydration->feed->subjects, question->authors[i]);
    hydration->waiting++;
    hydration->feed->name_questions++;
    if (store_described(hydration->feed->store, subjects, question->count, true, on_names, question) < 0) {
        hydration->error = FEED__ERROR_CODE__UNAVAILABLE;
        hydration->feed->name_questions--;
        hydration->waiting--;
        free(question);
    }
}

static bool is_asked(const struct question *question, uint32_t author)
{
    for (size_t i = 0; question && i < question->count; i++)
        if (question->authors[i] == author)
            return true;
    return false;
}

/* An author's share is in the author's partition. */
static void ask_partition(struct hydration *hydration, unsigned partition)
{
    struct question *question = NULL;

    for (size_t i = 0; i < hydration->count; i++) {
        const struct feed_item *item = &hydration->items[i];

        if (!item->frame || partition_of_id(item->id) != partition || name_stamp(hydration->feed, item->author) != 0 ||
            is_asked(question, item->author))
            continue;
        if (!question) {
            question = malloc(sizeof(*question));
            if (!question) {
                hydration->error = FEED__ERROR_CODE__UNAVAILABLE;
                return;
            }
            *question = (struct question){.hydration = hydration};
        }
        question->authors[question->count++] = item->author;
        if (question->count == FETCH_MAX) {
            send_question(hydration, question);
            question = NULL;
        }
    }
    if (question)
        send_question(hydration, question);
}

static void ask_names(struct hydration *hydration)
{
    hydration->named = true;
    hydration->waiting = 1;
    for (unsigned partition = 0; partition < hydration->feed->partitions; partition++)
        ask_partition(hydration, partition);
    hydration_step(hydration);
}

void hydrate(struct feed *feed, struct feed_item *items, size_t count, hydrate_fn *fn, void *context)
{
    uint64_t missing = 0; /* a bit per partition */

    for (size_t i = 0; i < count; i++) {
        uint64_t id = items[i].id;

        items[i] = (struct feed_item){.id = id, .author = NO_SUBJECT};
        if (bodies_get(feed, id, &items[i])) {
            metrics.bodies_recent++;
        } else if (partition_of_id(id) < feed->partitions) {
            metrics.bodies_fetched++;
            missing |= UINT64_C(1) << partition_of_id(id);
        }
    }
    if (missing == 0) {
        origins_fetch(feed, items, count, fn, context);
        return;
    }
    struct hydration *hydration = malloc(sizeof(*hydration));
    if (!hydration) {
        fn(context, FEED__ERROR_CODE__UNAVAILABLE);
        return;
    }
    *hydration = (struct hydration){feed, items, count, fn, context, 1, false, FEED_OK};
    for (unsigned partition = 0; partition < feed->partitions; partition++)
        if (missing >> partition & 1)
            fetch_partition(hydration, count, partition);
    hydration_step(hydration);
}
