/* Who, of those whom a reader follows, shared a destination or something of a site, or re-shared a share: out of the records that records.c keeps.
 *
 * The latest sharers of each are read. Where there are more, each one followed is asked for, which finds all of them; but no
 * more than LOOKUPS_MAX in one read. Where that would be too many, those followed are found among the latest only. So what a
 * read costs is bounded, whoever shared and whomever the reader follows: what is small on either side is looked through
 * whole. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "feed/internal.h"

#define LATEST_ALONE 1000 /* read of one destination, … */
#define LATEST 100        /* … and of each of several */
#define NAMES_MAX 32      /* in one script */
#define AUTHORS_MAX 500   /* in one command */
#define LOOKUPS_MAX 20000

struct sharers_call {
    struct feed *feed;
    struct reader *reader; /* pinned by whoever asks */
    enum key_kind kind;
    struct sharers *items;
    size_t count;
    size_t lookups;
    unsigned pending;
    Feed__ErrorCode error;
    sharers_fn *fn;
    void *context;
};

/* A part of the call: some items, or some authors of one of them. */
struct part {
    struct sharers_call *call;
    size_t count;
    uint32_t items[NAMES_MAX];
    uint32_t authors[]; /* slots, with references */
};

static void step(struct sharers_call *call)
{
    struct sharers_call done = *call;

    if (--call->pending > 0)
        return;
    free(call);
    done.fn(done.context, done.error);
}

/* ---- what is found ---- */

int sharers_add(struct feed *feed, struct sharers *item, uint32_t subject, uint64_t share_id)
{
    if (item->count == item->capacity) {
        size_t capacity = item->capacity ? item->capacity * 2 : 4;
        struct sharer *larger = realloc(item->found, capacity * sizeof(*larger));

        if (!larger)
            return -ENOMEM;
        item->found = larger;
        item->capacity = capacity;
    }
    item->found[item->count++] = (struct sharer){share_id, subject_ref(&feed->subjects, subject)};
    return 0;
}

static int latest_first(const void *a, const void *b)
{
    uint64_t x = ((const struct sharer *)a)->share_id, y = ((const struct sharer *)b)->share_id;

    return x < y ? 1 : x > y ? -1 : 0;
}

/* Whether the reader is to be told of this author's share. A re-share belongs to its timeline, like its own. */
static bool is_told(const struct sharers_call *call, uint32_t author, uint64_t share_id)
{
    if (author == NO_SUBJECT || share_is_gone(call->feed, share_id, author))
        return false;
    if (call->kind == KEY_RESHARES)
        return reader_sees_share(call->feed, call->reader, author, share_id);
    return author != call->reader->slot && reader_sees(call->feed, call->reader, author);
}

void sharers_done(struct feed *feed, struct sharers *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < items[i].count; k++)
            subject_unref(&feed->subjects, items[i].found[k].subject);
        free(items[i].found);
    }
}

/* ---- asking for each one followed ---- */

static void on_shared_by(void *context, const struct reply *reply)
{
    struct part *part = context;
    struct sharers_call *call = part->call;
    struct sharers *item = &call->items[part->items[0]];
    Feed__ErrorCode error = error_of_reply(reply, false);

    for (size_t i = 0; i < part->count; i++) {
        uint64_t share_id = reply_id(reply_at(reply, i));

        if (error == FEED_OK && share_id != 0 && is_told(call, part->authors[i], share_id) &&
            sharers_add(call->feed, item, part->authors[i], share_id) < 0)
            error = FEED__ERROR_CODE__UNAVAILABLE;
        subject_unref(&call->feed->subjects, part->authors[i]);
    }
    if (error != FEED_OK)
        call->error = error;
    else if (item->count > 0)
        qsort(item->found, item->count, sizeof(*item->found), latest_first);
    free(part);
    step(call);
}

/* Asks for the followed ones from `first` on, up to AUTHORS_MAX. */
static int ask_authors(struct sharers_call *call, uint32_t index, uint32_t first)
{
    const struct idset *following = &call->reader->following;
    size_t count = following->count - first < AUTHORS_MAX ? following->count - first : AUTHORS_MAX;
    struct part *part = malloc(sizeof(*part) + count * sizeof(uint32_t));
    struct text names[AUTHORS_MAX] = {{NULL, 0}};

    if (!part)
        return -ENOMEM;
    part->call = call;
    part->count = count;
    part->items[0] = index;
    for (size_t i = 0; i < count; i++) {
        part->authors[i] = subject_ref(&call->feed->subjects, following->items[first + i]);
        names[i] = subject_name(&call->feed->subjects, part->authors[i]);
    }
    int error = store_shared_by(call->feed->store, call->kind, call->items[index].name, names, count, on_shared_by, part);
    if (error < 0) {
        for (size_t i = 0; i < count; i++)
            subject_unref(&call->feed->subjects, part->authors[i]);
        free(part);
        return error;
    }
    call->pending++;
    return 0;
}

static void ask_all_authors(struct sharers_call *call, uint32_t index)
{
    for (uint32_t first = 0; first < call->reader->following.count && call->error == FEED_OK; first += AUTHORS_MAX)
        if (ask_authors(call, index, first) < 0)
            call->error = FEED__ERROR_CODE__UNAVAILABLE;
}

/* ---- the latest of each ---- */

/* [how many, [name, share id, …]] */
static int take_latest(struct sharers_call *call, uint32_t index, const struct reply *reply)
{
    const struct reply *pairs = reply_at(reply, 1);
    struct sharers *item = &call->items[index];
    size_t shown = reply_count(pairs) / 2;

    item->total = reply_id(reply_at(reply, 0));
    if (!call->reader)
        return 0;
    if (item->total > shown && call->lookups + call->reader->following.count <= LOOKUPS_MAX) {
        call->lookups += call->reader->following.count;
        ask_all_authors(call, index);
        return 0;
    }
    for (size_t i = 0; i < shown; i++) {
        uint32_t author = subject_find(&call->feed->subjects, reply_text(reply_at(pairs, 2 * i)));
        uint64_t share_id = reply_id(reply_at(pairs, 2 * i + 1));

        if (is_told(call, author, share_id) && sharers_add(call->feed, item, author, share_id) < 0)
            return -ENOMEM;
    }
    return 0;
}

static void on_latest(void *context, const struct reply *reply)
{
    struct part *part = context;
    struct sharers_call *call = part->call;
    Feed__ErrorCode error = error_of_reply(reply, false);

    for (size_t i = 0; i < part->count && error == FEED_OK; i++)
        if (take_latest(call, part->items[i], reply_at(reply, i)) < 0)
            error = FEED__ERROR_CODE__UNAVAILABLE;
    if (error != FEED_OK)
        call->error = error;
    free(part);
    step(call);
}

static void send_part(struct sharers_call *call, struct part *part)
{
    struct text names[NAMES_MAX];
    int64_t latest = !call->reader ? 1 : call->count == 1 ? LATEST_ALONE : LATEST;

    for (size_t i = 0; i < part->count; i++)
        names[i] = call->items[part->items[i]].name;
    if (store_sharers(call->feed->store, call->kind, names, part->count, latest, on_latest, part) == 0) {
        call->pending++;
        return;
    }
    call->error = FEED__ERROR_CODE__UNAVAILABLE;
    free(part);
}

static void ask_partition(struct sharers_call *call, unsigned partition)
{
    struct part *part = NULL;

    for (uint32_t i = 0; i < call->count; i++) {
        if (partition_of_record(call->kind, call->items[i].name) != partition)
            continue;
        if (!part && !(part = calloc(1, sizeof(*part)))) {
            call->error = FEED__ERROR_CODE__UNAVAILABLE;
            return;
        }
        part->call = call;
        part->items[part->count++] = i;
        if (part->count == NAMES_MAX) {
            send_part(call, part);
            part = NULL;
        }
    }
    if (part)
        send_part(call, part);
}

void sharers_find(struct feed *feed, struct reader *reader, enum key_kind kind, struct sharers *items, size_t count,
                  sharers_fn *fn, void *context)
{
    struct sharers_call *call = malloc(sizeof(*call));

    if (!call) {
        fn(context, FEED__ERROR_CODE__UNAVAILABLE);
        return;
    }
    *call = (struct sharers_call){.feed = feed, .reader = reader, .kind = kind, .items = items, .count = count, .pending = 1,
                                  .error = FEED_OK, .fn = fn, .context = context};
    for (unsigned partition = 0; partition < feed->partitions; partition++)
        ask_partition(call, partition);
    step(call);
}
