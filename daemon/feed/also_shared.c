/* Reads that tell who shared what: of one destination or site, and beside each share of a timeline. */
#include <stdlib.h>
#include <string.h>

#include "feed/frames.h"
#include "feed/internal.h"

#define NAMES_MAX 3 /* told beside a share */

/* ---- one destination or site ---- */

struct sharers_read {
    struct feed *feed;
    struct reader *reader; /* pinned; NULL: everybody is told of */
    enum key_kind kind;
    struct sharers sharers;
    uint64_t before;
    size_t limit;
    feed_sharers_fn *fn;
    void *context;
    char name[];
};

static void sharers_read_end(struct sharers_read *read, Feed__ErrorCode error, const struct feed_page *page)
{
    const struct feed_sharers sharers = {read->sharers.total, read->sharers.count, page};

    read->fn(read->context, error, &sharers);
    sharers_done(read->feed, &read->sharers, 1);
    if (read->reader)
        reader_unpin(read->feed, read->reader);
    free(read);
}

static void on_page(void *context, Feed__ErrorCode error, const struct feed_page *page)
{
    sharers_read_end(context, error, page);
}

static void on_found(void *context, Feed__ErrorCode error)
{
    struct sharers_read *read = context;
    const struct sharers *sharers = &read->sharers;
    uint64_t *ids;

    if (error != FEED_OK) {
        sharers_read_end(read, error, NULL);
        return;
    }
    if (!read->reader) {
        read_shares(read->feed, read->kind, sharers->name, read->before, read->limit, on_page, read);
        return;
    }
    ids = malloc((sharers->count + 1) * sizeof(*ids));
    if (!ids) {
        sharers_read_end(read, FEED__ERROR_CODE__UNAVAILABLE, NULL);
        return;
    }
    for (size_t i = 0; i < sharers->count; i++)
        ids[i] = sharers->found[i].share_id;
    reader_pin(read->feed, read->reader);
    read_ids(read->feed, read->reader, ids, sharers->count, read->before, read->limit, on_page, read);
}

static void on_reader(void *context, Feed__ErrorCode error, struct reader *reader)
{
    struct sharers_read *read = context;

    if (error != FEED_OK) {
        sharers_read_end(read, error, NULL);
        return;
    }
    read->reader = reader;
    sharers_find(read->feed, reader, read->kind, &read->sharers, 1, on_found, read);
}

void feed_read_sharers(struct feed *feed, bool site, struct text what, struct text reader, uint64_t before, size_t limit,
                       feed_sharers_fn *fn, void *context)
{
    char hash[DESTINATION_NAME_BYTES];
    struct sharers_read *read;

    if (!site) {
        destination_name(what, hash);
        what = (struct text){hash, sizeof(hash) - 1};
    }
    read = calloc(1, sizeof(*read) + what.size);
    if (!read) {
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, NULL);
        return;
    }
    read->feed = feed;
    read->kind = site ? KEY_SITE : KEY_DESTINATION;
    read->before = before;
    read->limit = limit;
    read->fn = fn;
    read->context = context;
    memcpy(read->name, what.data, what.size);
    read->sharers.name = (struct text){read->name, what.size};
    if (reader.size > 0)
        reader_get(feed, reader, on_reader, read);
    else
        sharers_find(feed, NULL, read->kind, &read->sharers, 1, on_found, read);
}

/* ---- beside the shares of a timeline ---- */

struct also_read {
    struct feed *feed;
    struct reader *reader; /* pinned */
    struct feed_page page;
    struct feed_item *items;  /* of the page */
    struct sharers *sharers;  /* of each item's destination */
    char (*names)[DESTINATION_NAME_BYTES];
    feed_page_fn *fn;
    void *context;
    size_t reader_bytes;
    char reader_name[];
};

static void also_end(struct also_read *also, Feed__ErrorCode error)
{
    struct feed *feed = also->feed;

    also->fn(also->context, error, &also->page);
    if (also->sharers)
        sharers_done(feed, also->sharers, also->page.count);
    if (also->items)
        items_done(feed, also->items, also->page.count);
    if (also->reader)
        reader_unpin(feed, also->reader);
    free(also->items);
    free(also->sharers);
    free(also->names);
    free(also);
}

/* Says beside a share who else shared the same, beside whom its entry names already. False if memory ended. */
static bool tell(struct also_read *also, size_t index)
{
    struct feed_item *item = &also->items[index];
    const struct sharers *sharers = &also->sharers[index];
    struct text names[NAMES_MAX];
    uint32_t total = 0;
    uint8_t *bytes;

    for (size_t i = 0; i < sharers->count; i++) {
        if (sharers->found[i].subject == item->author || resharers_hold(item->resharers, sharers->found[i].subject))
            continue;
        if (total < NAMES_MAX)
            names[total] = subject_name(&also->feed->subjects, sharers->found[i].subject);
        total++;
    }
    if (total == 0)
        return true;
    size_t count = total < NAMES_MAX ? total : NAMES_MAX, before = item->also.size;
    size_t size = before + share_names_bytes(NAMES_ALSO_SHARED, names, count, total);
    bytes = realloc((void *)(uintptr_t)item->also.data, size);
    if (!bytes)
        return false;
    share_names_write(NAMES_ALSO_SHARED, names, count, total, bytes + before);
    item->also = (struct text){(const char *)bytes, size};
    return true;
}

static void on_all_found(void *context, Feed__ErrorCode error)
{
    struct also_read *also = context;

    for (size_t i = 0; i < also->page.count && error == FEED_OK; i++)
        if (!tell(also, i))
            error = FEED__ERROR_CODE__UNAVAILABLE;
    also_end(also, error);
}

static void on_also_reader(void *context, Feed__ErrorCode error, struct reader *reader)
{
    struct also_read *also = context;

    if (error != FEED_OK) {
        also_end(also, error);
        return;
    }
    also->reader = reader;
    sharers_find(also->feed, reader, KEY_DESTINATION, also->sharers, also->page.count, on_all_found, also);
}

/* The page is gone after this call, its items are kept. */
static void on_timeline(void *context, Feed__ErrorCode error, const struct feed_page *page)
{
    struct also_read *also = context;
    size_t count = error == FEED_OK ? page->count : 0;

    also->page = error == FEED_OK ? *page : (struct feed_page){0};
    also->page.reader = NULL; /* it is not one to be kept */
    if (count == 0) {
        also_end(also, error);
        return;
    }
    also->items = calloc(count, sizeof(*also->items));
    also->sharers = calloc(count, sizeof(*also->sharers));
    also->names = calloc(count, sizeof(*also->names));
    also->page.items = also->items;
    if (!also->items || !also->sharers || !also->names) {
        also->page.count = 0;
        also_end(also, FEED__ERROR_CODE__UNAVAILABLE);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (item_copy(also->feed, &page->items[i], &also->items[i]) < 0) {
            also->page.count = i;
            also_end(also, FEED__ERROR_CODE__UNAVAILABLE);
            return;
        }
        destination_name(destination_of_body(share_of_item(&page->items[i])), also->names[i]);
        also->sharers[i].name = (struct text){also->names[i], DESTINATION_NAME_BYTES - 1};
    }
    reader_get(also->feed, (struct text){also->reader_name, also->reader_bytes}, on_also_reader, also);
}

void feed_read_timeline_also(struct feed *feed, struct text reader, uint64_t before, size_t limit, feed_page_fn *fn,
                             void *context)
{
    struct also_read *also = calloc(1, sizeof(*also) + reader.size);

    if (!also) {
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, NULL);
        return;
    }
    also->feed = feed;
    also->fn = fn;
    also->context = context;
    also->reader_bytes = reader.size;
    memcpy(also->reader_name, reader.data, reader.size);
    read_timeline(feed, reader, before, limit, on_timeline, also);
}
