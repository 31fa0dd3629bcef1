/* What is popular: the store keeps, in each partition, what has most (see lua/lib_popular.lua); here the partitions are put
 * together, and what is counted is looked up: a destination by the latest share that leads there, a share by its id. What is
 * gone by now is left out, so a few more are asked for than are wanted. So is whom the reader does not see; of a destination only
 * the share is, as it is others who made it popular. */
#include <stdlib.h>
#include <string.h>

#include "base/digits.h"
#include "feed/frames.h"
#include "feed/internal.h"

#define MORE 16        /* than are wanted */
#define COUNTED_MAX 512 /* in each partition */

static const int64_t windows_ms[] = {
    [FEED__POPULAR_WINDOW__ALL_TIME] = 0,
    [FEED__POPULAR_WINDOW__LAST_DAY] = 24 * 3600 * 1000,
    [FEED__POPULAR_WINDOW__LAST_HOUR] = 3600 * 1000,
};

static const enum popular_kind kinds[] = {
    [FEED__POPULAR_KIND__POPULAR_SUBJECTS] = POPULAR_SUBJECTS,
    [FEED__POPULAR_KIND__POPULAR_DESTINATIONS] = POPULAR_DESTINATIONS,
    [FEED__POPULAR_KIND__POPULAR_SHARES] = POPULAR_SHARES,
};

struct ranked {
    uint64_t count;
    uint64_t latest; /* what was counted last, by id */
    uint32_t name;   /* a reference: a subject, or how a destination or share is called in the store */
};

struct popular_read {
    struct feed *feed;
    struct reader *reader; /* pinned; NULL: nobody is hidden */
    enum popular_kind kind;
    int64_t window_ms;
    size_t limit;
    struct ranked *ranked;
    size_t count, capacity;
    struct feed_item *items; /* of the first of them */
    uint64_t error_bound;
    unsigned pending;
    Feed__ErrorCode error;
    feed_popular_fn *fn;
    void *context;
};

static bool is_hidden(const struct popular_read *read, uint32_t subject)
{
    return read->reader && hidden_has(&read->reader->hidden, subject_name(&read->feed->subjects, subject));
}

/* How many are looked at: any of them may be hidden, if anybody is. */
static size_t wanted(const struct popular_read *read)
{
    return read->reader && read->reader->hidden.count > 0 ? COUNTED_MAX : read->limit + MORE;
}

/* False: it does not show. */
static bool fill_item(const struct popular_read *read, size_t index, struct feed_popular_item *item)
{
    const struct feed_item *share = read->items ? &read->items[index] : NULL;
    uint32_t name = read->ranked[index].name;

    if (share && !share->frame)
        return false;
    *item = (struct feed_popular_item){.share = share, .count = read->ranked[index].count};
    item->is_hidden = is_hidden(read, share ? share->author : name) ||
                      (share && share->origin != 0 && is_hidden(read, share->origin_author));
    if (!share)
        item->subject = subject_name(&read->feed->subjects, name);
    return !item->is_hidden || read->kind == POPULAR_DESTINATIONS;
}

static void read_end(struct popular_read *read, Feed__ErrorCode error)
{
    struct feed_popular_item *items = calloc(read->limit + 1, sizeof(*items));
    struct feed_popular popular = {.items = items, .error = read->error_bound};
    struct feed *feed = read->feed;

    if (!items)
        error = FEED__ERROR_CODE__UNAVAILABLE;
    for (size_t i = 0; i < read->count && popular.count < read->limit && error == FEED_OK; i++)
        popular.count += fill_item(read, i, &items[popular.count]);
    read->fn(read->context, error, &popular);
    if (read->items)
        items_done(feed, read->items, read->count);
    for (size_t i = 0; i < read->count; i++)
        subject_unref(&feed->subjects, read->ranked[i].name);
    if (read->reader)
        reader_unpin(feed, read->reader);
    free(items);
    free(read->items);
    free(read->ranked);
    free(read);
}

static void on_hydrated(void *context, Feed__ErrorCode error)
{
    read_end(context, error);
}

static int most_first(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return x->latest < y->latest ? 1 : x->latest > y->latest ? -1 : 0;
}

/* A share is named by its id. */
static uint64_t id_of_name(const struct popular_read *read, size_t index)
{
    return text_number(subject_name(&read->feed->subjects, read->ranked[index].name));
}

static void step(struct popular_read *read)
{
    if (--read->pending > 0)
        return;
    if (read->count > 0)
        qsort(read->ranked, read->count, sizeof(*read->ranked), most_first);
    while (read->count > wanted(read))
        subject_unref(&read->feed->subjects, read->ranked[--read->count].name);
    if (read->error != FEED_OK || read->kind == POPULAR_SUBJECTS || read->count == 0) {
        read_end(read, read->error);
        return;
    }
    struct feed_item *items = calloc(read->count, sizeof(*items));
    if (!items) {
        read_end(read, FEED__ERROR_CODE__UNAVAILABLE);
        return;
    }
    for (size_t i = 0; i < read->count; i++)
        items[i].id = read->kind == POPULAR_SHARES ? id_of_name(read, i) : read->ranked[i].latest;
    read->items = items;
    hydrate(read->feed, items, read->count, on_hydrated, read);
}

static int add(struct popular_read *read, struct text name, uint64_t count, uint64_t latest)
{
    uint32_t slot;

    if (read->count == read->capacity) {
        size_t capacity = read->capacity ? read->capacity * 2 : 64;
        struct ranked *larger = realloc(read->ranked, capacity * sizeof(*larger));

        if (!larger)
            return -1;
        read->ranked = larger;
        read->capacity = capacity;
    }
    slot = subject_intern(&read->feed->subjects, name);
    if (slot == NO_SUBJECT)
        return -1;
    read->ranked[read->count++] = (struct ranked){count, latest, slot};
    return 0;
}

/* [what nobody unknown has more than, [name, number, latest id, …]] */
static void on_popular(void *context, const struct reply *reply)
{
    struct popular_read *read = context;
    const struct reply *found = reply_at(reply, 1);
    Feed__ErrorCode error = error_of_reply(reply, false);
    uint64_t bound = reply_id(reply_at(reply, 0));

    for (size_t i = 0; i + 2 < reply_count(found) && error == FEED_OK; i += 3)
        if (add(read, reply_text(reply_at(found, i)), reply_id(reply_at(found, i + 1)), reply_id(reply_at(found, i + 2))) < 0)
            error = FEED__ERROR_CODE__UNAVAILABLE;
    if (error != FEED_OK)
        read->error = error;
    if (bound > read->error_bound)
        read->error_bound = bound;
    step(read);
}

static void ask(struct popular_read *read)
{
    struct feed *feed = read->feed;

    read->pending = 1;
    for (unsigned partition = 0; partition < feed->partitions; partition++) {
        if (store_popular(feed->store, read->kind, partition, read->window_ms, (int64_t)wanted(read), on_popular, read) == 0)
            read->pending++;
        else
            read->error = FEED__ERROR_CODE__UNAVAILABLE;
    }
    step(read);
}

static void on_reader(void *context, Feed__ErrorCode error, struct reader *reader)
{
    struct popular_read *read = context;

    read->reader = reader;
    if (error == FEED_OK)
        ask(read);
    else
        read_end(read, error);
}

void feed_read_popular(struct feed *feed, struct text reader, Feed__PopularKind kind, Feed__PopularWindow window, size_t limit,
                       feed_popular_fn *fn, void *context)
{
    struct popular_read *read = calloc(1, sizeof(*read));

    if (!read) {
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, NULL);
        return;
    }
    *read = (struct popular_read){.feed = feed,
                                  .kind = kinds[kind],
                                  .window_ms = windows_ms[window],
                                  .limit = limit,
                                  .error = FEED_OK,
                                  .fn = fn,
                                  .context = context};
    if (reader.size > 0)
        reader_get(feed, reader, on_reader, read);
    else
        ask(read);
}

struct text feed_destination_of(const struct feed_item *item)
{
    return destination_of_body(share_of_item(item));
}
