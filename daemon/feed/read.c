/* Reads as clients see them: pages of timelines and profiles, single shares, lists of names. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"
#include "feed/internal.h"

struct read {
    struct feed *feed;
    struct reader *reader; /* pinned; NULL for a profile */
    uint64_t before;
    bool held_only;        /* what lies beyond the timeline is not looked for, … */
    uint64_t after;        /* … and nothing up to this id */
    size_t limit;
    feed_page_fn *fn;
    void *context;
    struct timeline timeline; /* ids, newest first */
    size_t at;                /* ids up to here were looked at */
    size_t count;             /* items found */
    size_t fetching;          /* items behind them that are being fetched */
    uint64_t revisions;       /* that were seen when the ids were there */
    enum key_kind kind;       /* of what the store may hold more of, if `subject` says so */
    uint32_t subject;         /* a name, as of a profile, of which the store may hold more; else NO_SUBJECT */
    bool cut;                 /* a profile has dropped older shares */
    bool folds;               /* an origin and its re-shares are one entry */
    struct feed_item items[]; /* set one by one, as they are fetched */
};

static void read_end(struct read *read, Feed__ErrorCode error, Feed__PageEnd end)
{
    struct feed_page page = {.items = read->items,
                             .count = read->count < read->limit ? read->count : read->limit,
                             .end = end,
                             .reader = read->before == 0 && read->timeline.stamp != 0 ? read->reader : NULL,
                             .limit = read->limit,
                             .looked_at = read->count,
                             .stamp = read->timeline.stamp,
                             .revisions = read->revisions};

    read->fn(read->context, error, &page);
    items_done(read->feed, read->items, read->count);
    free(read->timeline.ids);
    subject_unref(&read->feed->subjects, read->subject);
    if (read->reader)
        reader_unpin(read->feed, read->reader);
    free(read);
}

static struct read *read_new(struct feed *feed, uint64_t before, size_t limit, feed_page_fn *fn, void *context)
{
    struct read *read = malloc(sizeof(*read) + (limit + 1) * sizeof(struct feed_item));

    if (!read) {
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, NULL);
        return NULL;
    }
    *read = (struct read){
        .feed = feed, .before = before, .limit = limit, .fn = fn, .context = context, .subject = NO_SUBJECT};
    return read;
}

static void fill(struct read *read);
static void timeline_further(struct read *read);
static void shares_further(struct read *read);

/* Whether it is there, and the reader may see it. */
static bool is_seen(const struct read *read, const struct feed_item *item)
{
    if (!item->frame || !read->reader)
        return item->frame != NULL;
    return reader_sees_share(read->feed, read->reader, item->author, item->id) &&
           (item->origin == 0 || reader_sees_origin(read->feed, read->reader, item->origin_author));
}

/* Leaves out of what was fetched what is not to be kept. */
static void leave_out(struct read *read, bool (*kept)(const struct read *read, const struct feed_item *item))
{
    size_t end = read->count + read->fetching, to = read->count;

    for (size_t i = to; i < end; i++) {
        if (!kept(read, &read->items[i]))
            items_done(read->feed, &read->items[i], 1);
        else if (to++ < i)
            read->items[to - 1] = read->items[i];
    }
    read->fetching = to - read->count;
}

static bool is_entry(const struct read *read, const struct feed_item *item)
{
    (void)read;
    return !item->is_folded;
}

static void on_entries(void *context, Feed__ErrorCode error)
{
    struct read *read = context;

    leave_out(read, is_entry);
    read->count += read->fetching;
    if (error != FEED_OK)
        read_end(read, error, FEED__PAGE_END__PAGE_END_UNSPECIFIED);
    else
        fill(read);
}

static void on_hydrated(void *context, Feed__ErrorCode error)
{
    struct read *read = context;

    leave_out(read, is_seen);
    if (error == FEED_OK && read->folds)
        entries_find(read->feed, read->reader, read->items + read->count, read->fetching, true, on_entries, read);
    else
        on_entries(read, error);
}

/* Looks at further ids until the page is full and one more is known to follow it, or there are none. */
static void fill(struct read *read)
{
    const struct timeline *timeline = &read->timeline;

    read->fetching = 0;
    while (read->count + read->fetching <= read->limit && read->at < timeline->count)
        read->items[read->count + read->fetching++].id = timeline->ids[read->at++];
    if (read->fetching > 0)
        hydrate(read->feed, read->items + read->count, read->fetching, on_hydrated, read);
    else if (read->count > read->limit)
        read_end(read, FEED_OK, FEED__PAGE_END__MORE);
    else if (read->subject != NO_SUBJECT)
        shares_further(read);
    else if (timeline->floor != 0)
        timeline_further(read);
    else
        read_end(read, FEED_OK, read->cut ? FEED__PAGE_END__CAPPED : FEED__PAGE_END__END);
}

/* What lies below the timeline's floor is collected out of the profiles of those whom the reader follows now. */
static void on_collected(void *context, Feed__ErrorCode error, struct collected *collected)
{
    struct read *read = context;

    if (error != FEED_OK) {
        read_end(read, error, FEED__PAGE_END__PAGE_END_UNSPECIFIED);
        return;
    }
    free(read->timeline.ids);
    read->timeline = (struct timeline){.ids = collected->ids, .count = collected->count, .stamp = read->timeline.stamp};
    if (collected->more)
        read->timeline.floor = collected->ids[collected->count - 1] - 1;
    read->cut = collected->cut;
    read->at = 0;
    fill(read);
}

static void timeline_further(struct read *read)
{
    uint64_t before = read->timeline.floor + 1;
    struct collect *collect;

    if (read->before > 0 && read->before < before)
        before = read->before;
    collect = collect_of_reader(read->feed, read->reader, before, read->limit + 1 - read->count);
    if (collect)
        collect_run(collect, on_collected, read);
    else
        read_end(read, FEED__ERROR_CODE__UNAVAILABLE, FEED__PAGE_END__PAGE_END_UNSPECIFIED);
}

/* Leaves what lies above `after`: whether that is all of it, the timeline's floor tells. */
static void cut_below(struct read *read)
{
    struct timeline *timeline = &read->timeline;

    while (timeline->count > 0 && timeline->ids[timeline->count - 1] <= read->after)
        timeline->count--;
    read->cut = timeline->floor > read->after;
    timeline->floor = 0;
}

static void on_timeline(void *context, Feed__ErrorCode error, struct timeline *timeline, bool rebuilding)
{
    struct read *read = context;

    if (error != FEED_OK || rebuilding) {
        read_end(read, error, FEED__PAGE_END__REBUILDING);
        return;
    }
    read->timeline = *timeline;
    read->revisions = read->feed->revisions;
    if (read->held_only)
        cut_below(read);
    while (read->before > 0 && read->at < read->timeline.count && timeline->ids[read->at] >= read->before)
        read->at++;
    fill(read);
}

static void on_reader(void *context, Feed__ErrorCode error, struct reader *reader)
{
    struct read *read = context;

    if (error != FEED_OK) {
        read_end(read, error, FEED__PAGE_END__PAGE_END_UNSPECIFIED);
        return;
    }
    read->reader = reader;
    read->folds = true;
    timeline_fetch(read->feed, reader, on_timeline, read);
}

void read_timeline_above(struct feed *feed, struct reader *reader, uint64_t after, feed_page_fn *fn, void *context)
{
    struct read *read = read_new(feed, 0, (size_t)feed->settings->timeline_cap, fn, context);

    if (!read)
        return;
    read->held_only = true;
    read->after = after;
    read->reader = reader;
    read->folds = true;
    reader_pin(feed, reader);
    timeline_fetch(feed, reader, on_timeline, read);
}

void feed_keep_page(struct feed *feed, const struct feed_page *page, struct frame *frame)
{
    if (page->reader && frame && page->revisions == feed->revisions)
        recent_keep_page(feed, page, frame);
}

/* The newest page as it was last sent, if it is in memory. Whether so. */
static bool read_kept(struct feed *feed, struct text name, size_t limit, feed_page_fn *fn, void *context)
{
    uint32_t slot = subject_find(&feed->subjects, name);
    struct reader *reader = slot == NO_SUBJECT ? NULL : feed->subjects.slots[slot]->reader;
    struct feed_page page = {.encoded = reader ? recent_page(feed, reader, limit) : NULL};

    if (!page.encoded)
        return false;
    reader_pin(feed, reader); /* it is in use: the last one to be forgotten */
    metrics.timelines_recent++;
    fn(context, FEED_OK, &page);
    reader_unpin(feed, reader);
    return true;
}

void read_timeline(struct feed *feed, struct text reader, uint64_t before, size_t limit, feed_page_fn *fn, void *context)
{
    struct read *read = read_new(feed, before, limit, fn, context);

    if (read)
        reader_get(feed, reader, on_reader, read);
}

void feed_read_timeline(struct feed *feed, struct text reader, uint64_t before, size_t limit, feed_page_fn *fn, void *context)
{
    if (before > 0 || !read_kept(feed, reader, limit, fn, context))
        read_timeline(feed, reader, before, limit, fn, context);
}

/* [member, share id, …], newest first, perhaps with the marker `capped` at the end. */
static void on_shares(void *context, const struct reply *reply)
{
    struct read *read = context;
    Feed__ErrorCode error = error_of_reply(reply, false);
    size_t count = reply_count(reply) / 2;

    free(read->timeline.ids);
    read->timeline = (struct timeline){.ids = error == FEED_OK ? malloc((count + 1) * sizeof(uint64_t)) : NULL};
    read->at = 0;
    if (!read->timeline.ids) {
        read_end(read, error == FEED_OK ? FEED__ERROR_CODE__UNAVAILABLE : error, FEED__PAGE_END__PAGE_END_UNSPECIFIED);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t id = reply_id(reply_at(reply, 2 * i + 1));

        if (id > 0)
            read->before = read->timeline.ids[read->timeline.count++] = id;
        else
            read->cut = true;
    }
    if (count < read->limit + 2) {
        subject_unref(&read->feed->subjects, read->subject);
        read->subject = NO_SUBJECT;
    }
    fill(read);
}

/* One more than the page holds shows whether there are more, another one makes room for the marker. */
static void shares_further(struct read *read)
{
    if (store_shares(read->feed->store, read->kind, subject_name(&read->feed->subjects, read->subject), read->before,
                     (int64_t)read->limit + 2, on_shares, read) < 0)
        read_end(read, FEED__ERROR_CODE__UNAVAILABLE, FEED__PAGE_END__PAGE_END_UNSPECIFIED);
}

void read_shares(struct feed *feed, enum key_kind kind, struct text name, uint64_t before, size_t limit, feed_page_fn *fn,
                 void *context)
{
    struct read *read = read_new(feed, before, limit, fn, context);

    if (!read)
        return;
    read->kind = kind;
    read->subject = subject_intern(&feed->subjects, name);
    if (read->subject == NO_SUBJECT)
        read_end(read, FEED__ERROR_CODE__UNAVAILABLE, FEED__PAGE_END__PAGE_END_UNSPECIFIED);
    else
        shares_further(read);
}

void feed_read_profile(struct feed *feed, struct text subject, uint64_t before, size_t limit, feed_page_fn *fn, void *context)
{
    read_shares(feed, KEY_PROFILE, subject, before, limit, fn, context);
}

void read_ids(struct feed *feed, struct reader *reader, uint64_t *ids, size_t count, uint64_t before, size_t limit,
              feed_page_fn *fn, void *context)
{
    struct read *read = read_new(feed, before, limit, fn, context);
    struct timeline timeline = {.ids = ids, .count = count};

    if (!read) {
        free(ids);
        reader_unpin(feed, reader);
        return;
    }
    read->reader = reader;
    on_timeline(read, FEED_OK, &timeline, false);
}

static void on_share(void *context, Feed__ErrorCode error)
{
    struct read *read = context;

    read->count = read->items[0].frame ? 1 : 0;
    if (error == FEED_OK && read->count == 0)
        error = FEED__ERROR_CODE__NOT_FOUND;
    read_end(read, error, FEED__PAGE_END__END);
}

void feed_read_share(struct feed *feed, uint64_t id, feed_page_fn *fn, void *context)
{
    struct read *read = read_new(feed, 0, 1, fn, context);

    if (!read)
        return;
    read->items[0].id = id;
    hydrate(feed, read->items, 1, on_share, read);
}

/* ---- names ---- */

struct names_read {
    size_t limit;
    feed_names_fn *fn;
    void *context;
};

/* [how many in all, [name, score, …]], one more than asked for if there are more. */
static void on_names(void *context, const struct reply *reply)
{
    struct names_read read = *(struct names_read *)context;
    const struct reply *pairs = reply_at(reply, 1);
    Feed__ErrorCode error = error_of_reply(reply, false);
    size_t count = reply_count(pairs) / 2;
    struct text *names = malloc((count + 1) * sizeof(*names));
    struct feed_names page = {.names = names, .total = reply_id(reply_at(reply, 0))};

    free(context);
    if (!names)
        error = FEED__ERROR_CODE__UNAVAILABLE;
    page.count = count < read.limit ? count : read.limit;
    for (size_t i = 0; error == FEED_OK && i < page.count; i++)
        names[i] = reply_text(reply_at(pairs, 2 * i));
    if (count > read.limit)
        page.next = reply_id(reply_at(pairs, 2 * read.limit - 1));
    read.fn(read.context, error, &page);
    free(names);
}

void feed_read_names(struct feed *feed, enum feed_names_of of, struct text subject, uint64_t before, size_t limit,
                     feed_names_fn *fn, void *context)
{
    static const enum key_kind kinds[] = {[NAMES_FOLLOWING] = KEY_FOLLOWING,
                                          [NAMES_FOLLOWERS] = KEY_FOLLOWERS,
                                          [NAMES_BLOCKED] = KEY_BLOCKED,
                                          [NAMES_MUTED] = KEY_MUTED};
    struct names_read *read = malloc(sizeof(*read));

    if (read)
        *read = (struct names_read){limit, fn, context};
    if (!read || store_names(feed->store, kinds[of], subject, before, (int64_t)limit + 1, on_names, read) < 0) {
        free(read);
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, NULL);
    }
}
