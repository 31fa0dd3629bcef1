/* Inboxes, as they are read: who follows a subject, who commented on its shares or re-shared them, who replied to its comments. What of this is in
 * the subject's partition anyway is read there; notices of what happened elsewhere are held beside it, and it is looked up
 * whether what they tell of still stands. So what was undone is gone from here, and a follow costs no more than it did. */
#include "feed/inbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/digits.h"
#include "feed/internal.h"
#include "store/inbox.h"

#define ROUND_MIN 32 /* asked for at a time */
#define DEEDS_MAX 2 /* of one item */

struct inbox_read {
    struct feed *feed;
    struct reader *reader; /* pinned */
    uint64_t before, after;
    size_t limit;
    inbox_fn *fn;
    void *context;
    uint64_t dropped;
    struct inbox_item *found; /* of this round */
    size_t found_count, found_capacity;
    size_t asked;             /* of each kind */
    bool exhausted;           /* there is nothing older */
    unsigned waiting;         /* answers, and one while questions are being asked */
    Feed__ErrorCode error;
    size_t count;
    struct inbox_item items[];
};

static void release_found(struct inbox_read *read, size_t from)
{
    for (size_t i = from; i < read->found_count; i++)
        subject_unref(&read->feed->subjects, read->found[i].actor);
    read->found_count = from < read->found_count ? from : read->found_count;
}

static void read_end(struct inbox_read *read, Feed__ErrorCode error)
{
    struct inbox inbox = {.items = read->items,
                          .count = read->count < read->limit ? read->count : read->limit,
                          .more = read->count > read->limit,
                          .dropped = read->dropped};

    read->fn(read->context, error, &inbox);
    release_found(read, 0);
    for (size_t i = 0; i < read->count; i++)
        subject_unref(&read->feed->subjects, read->items[i].actor);
    reader_unpin(read->feed, read->reader);
    free(read->found);
    free(read);
}

/* ---- a round: the lists ---- */

static int add(struct inbox_read *read, uint64_t id, Feed__NoticeKind kind, struct text actor, uint64_t share, uint64_t cause)
{
    struct inbox_item *item = &read->found[read->found_count];
    uint32_t slot;

    if (actor.size == 0)
        return 0;
    slot = subject_intern(&read->feed->subjects, actor);
    if (slot == NO_SUBJECT)
        return -ENOMEM;
    *item = (struct inbox_item){id, kind, slot, share, cause};
    read->found_count++;
    return 0;
}

/* `id:share`; one that is gone has no body. */
static int add_comment(struct inbox_read *read, struct text member, struct text held)
{
    const char *at = member.data, *end = at + member.size;
    uint64_t id = digits_read(&at, end), parent;

    if (at == end || *at != ':')
        return 0;
    at++;
    return add(read, id, FEED__NOTICE_KIND__NOTICE_COMMENTED, author_of_body(comment_body(held, &parent)),
               digits_read(&at, end), id);
}

static int add_notice(struct inbox_read *read, struct text packed, uint64_t id)
{
    Feed__Notice *notice;
    int error;

    if (packed.size == 6 && memcmp(packed.data, "capped", 6) == 0)
        return 0;
    notice = feed__notice__unpack(NULL, packed.size, (const uint8_t *)packed.data);
    if (!notice)
        return -ENOMEM;
    error = add(read, id, notice->kind, (struct text){notice->actor, strlen(notice->actor)}, notice->share_id,
                notice->cause_id);
    feed__notice__free_unpacked(notice, NULL);
    return error;
}

static int newest_item_first(const void *a, const void *b)
{
    const struct inbox_item *x = a, *y = b;

    return x->id < y->id ? 1 : x->id > y->id ? -1 : 0;
}

static int add_lists(struct inbox_read *read, const struct reply *reply)
{
    const struct reply *followers = reply_at(reply, 0), *comments = reply_at(reply, 1), *notices = reply_at(reply, 2);
    int error = 0;

    for (size_t i = 0; i + 1 < reply_count(followers) && error == 0; i += 2)
        error = add(read, reply_id(reply_at(followers, i + 1)), FEED__NOTICE_KIND__NOTICE_FOLLOWED,
                    reply_text(reply_at(followers, i)), 0, 0);
    for (size_t i = 0; i + 2 < reply_count(comments) && error == 0; i += 3)
        error = add_comment(read, reply_text(reply_at(comments, i)), reply_text(reply_at(comments, i + 2)));
    for (size_t i = 0; i + 1 < reply_count(notices) && error == 0; i += 2)
        error = add_notice(read, reply_text(reply_at(notices, i)), reply_id(reply_at(notices, i + 1)));
    return error;
}

/* The lowest id of a list that may go on below it; 0 of one that does not. */
static uint64_t list_end(const struct inbox_read *read, const struct reply *list, size_t columns)
{
    size_t rows = reply_count(list) / columns;

    return rows < read->asked ? 0 : reply_id(reply_at(list, (rows - 1) * columns + 1));
}

/* Keeps of the round what lies where all lists have been read: below, one of them may hold more. */
static void cut_round(struct inbox_read *read, const struct reply *reply)
{
    static const size_t columns[] = {2, 3, 2};
    uint64_t lowest = 0;
    size_t kept = 0;

    for (size_t i = 0; i < 3; i++) {
        uint64_t end = list_end(read, reply_at(reply, i), columns[i]);

        lowest = end > lowest ? end : lowest;
    }
    if (read->found_count > 1)
        qsort(read->found, read->found_count, sizeof(*read->found), newest_item_first);
    while (kept < read->found_count && read->found[kept].id >= lowest)
        kept++;
    release_found(read, kept);
    read->exhausted = lowest == 0;
    read->before = lowest;
}

/* ---- a round: what still stands ---- */

struct check {
    struct inbox_read *read;
    size_t count;
    uint32_t indexes[];
};

static void next_round(struct inbox_read *read);

static void hide(struct inbox_read *read, struct inbox_item *item)
{
    subject_unref(&read->feed->subjects, item->actor);
    item->actor = NO_SUBJECT;
}

static void step(struct inbox_read *read)
{
    size_t at = 0;

    if (--read->waiting > 0)
        return;
    for (; at < read->found_count && read->count <= read->limit && read->error == FEED_OK; at++) {
        if (read->found[at].actor != NO_SUBJECT)
            read->items[read->count++] = read->found[at];
        read->found[at].actor = NO_SUBJECT;
    }
    release_found(read, 0);
    if (read->error != FEED_OK || read->count > read->limit || read->exhausted)
        read_end(read, read->error);
    else
        next_round(read);
}

static void on_standing(void *context, const struct reply *reply)
{
    struct check *check = context;
    struct inbox_read *read = check->read;

    if (reply_error(reply) < 0)
        read->error = error_of_reply(reply, false);
    for (size_t i = 0; i < check->count && reply_error(reply) == 0; i++)
        if (reply_number(reply_at(reply, i)) == 0)
            hide(read, &read->found[check->indexes[i]]);
    free(check);
    step(read);
}

/* What must be there still for an item to show, apart from what was read with it. Returns how many these are. */
static size_t deeds_of(const struct inbox_item *item, struct store_deed ret_deeds[DEEDS_MAX])
{
    if (item->actor == NO_SUBJECT || item->kind == FEED__NOTICE_KIND__NOTICE_FOLLOWED ||
        item->kind == FEED__NOTICE_KIND__NOTICE_COMMENTED)
        return 0;
    if (item->kind != FEED__NOTICE_KIND__NOTICE_RESHARED) {
        ret_deeds[0] = (struct store_deed){item->share, item->cause};
        return 1;
    }
    ret_deeds[0] = (struct store_deed){item->cause, 0};
    ret_deeds[1] = (struct store_deed){item->share, 0};
    return 2;
}

static void check_partition(struct inbox_read *read, unsigned partition)
{
    struct check *check = malloc(sizeof(*check) + DEEDS_MAX * read->found_count * sizeof(uint32_t));
    struct store_deed *deeds = malloc((DEEDS_MAX * read->found_count + 1) * sizeof(*deeds));
    struct store_deed some[DEEDS_MAX];

    if (!check || !deeds) {
        read->error = FEED__ERROR_CODE__UNAVAILABLE;
        free(check);
        free(deeds);
        return;
    }
    *check = (struct check){.read = read};
    for (size_t i = 0; i < read->found_count; i++)
        for (size_t k = deeds_of(&read->found[i], some); k-- > 0;)
            if (partition_of_id(some[k].share) == partition) {
                deeds[check->count] = some[k];
                check->indexes[check->count++] = (uint32_t)i;
            }
    read->waiting++;
    if (check->count == 0 || store_standing(read->feed->store, deeds, check->count, on_standing, check) < 0) {
        read->error = check->count > 0 ? FEED__ERROR_CODE__UNAVAILABLE : read->error;
        read->waiting--;
        free(check);
    }
    free(deeds);
}

static void check_standing(struct inbox_read *read)
{
    uint64_t partitions = 0; /* a bit for each */
    struct store_deed deeds[DEEDS_MAX];

    for (size_t i = 0; i < read->found_count; i++)
        for (size_t k = deeds_of(&read->found[i], deeds); k-- > 0;)
            partitions |= UINT64_C(1) << partition_of_id(deeds[k].share);
    read->waiting = 1;
    for (unsigned partition = 0; partition < read->feed->partitions; partition++)
        if (partitions >> partition & 1)
            check_partition(read, partition);
    step(read);
}

/* ---- rounds ---- */

static void on_lists(void *context, const struct reply *reply)
{
    struct inbox_read *read = context;
    Feed__ErrorCode error = error_of_reply(reply, false);

    if (error == FEED_OK && add_lists(read, reply) < 0)
        error = FEED__ERROR_CODE__UNAVAILABLE;
    if (error != FEED_OK) {
        read_end(read, error);
        return;
    }
    read->dropped = reply_id(reply_at(reply, 3));
    cut_round(read, reply);
    for (size_t i = 0; i < read->found_count; i++)
        if (!notice_shows(read->feed, read->reader, read->found[i].actor) || share_is_deleted(read->feed, read->found[i].share))
            hide(read, &read->found[i]);
    check_standing(read);
}

static void next_round(struct inbox_read *read)
{
    read->asked = read->limit + 1 - read->count;
    if (read->asked < ROUND_MIN)
        read->asked = ROUND_MIN;
    if (read->found_capacity < 3 * read->asked) {
        free(read->found);
        read->found = malloc(3 * read->asked * sizeof(*read->found));
        read->found_capacity = read->found ? 3 * read->asked : 0;
    }
    if (!read->found || store_inbox(read->feed->store, subject_name(&read->feed->subjects, read->reader->slot), read->before,
                                    read->after, (int64_t)read->asked, on_lists, read) < 0)
        read_end(read, FEED__ERROR_CODE__UNAVAILABLE);
}

void inbox_read(struct feed *feed, struct reader *reader, uint64_t before, uint64_t after, size_t limit, inbox_fn *fn,
                void *context)
{
    struct inbox_read *read = calloc(1, sizeof(*read) + (limit + 1) * sizeof(struct inbox_item));

    if (!read) {
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, NULL);
        return;
    }
    *read = (struct inbox_read){
        .feed = feed, .reader = reader, .before = before, .after = after, .limit = limit, .fn = fn, .context = context};
    reader_pin(feed, reader);
    next_round(read);
}

/* ---- as clients see it ---- */

struct page {
    struct feed *feed;
    struct reader *reader; /* pinned, once it is there */
    uint64_t before;
    size_t limit;
    uint64_t marker;
    feed_inbox_fn *fn;
    void *context;
};

static void page_end(struct page *page, Feed__ErrorCode error, const struct feed_inbox *inbox)
{
    page->fn(page->context, error, inbox);
    if (page->reader)
        reader_unpin(page->feed, page->reader);
    free(page);
}

static void on_inbox(void *context, Feed__ErrorCode error, const struct inbox *inbox)
{
    struct page *page = context;
    struct feed_notice *notices = error == FEED_OK ? malloc((inbox->count + 1) * sizeof(*notices)) : NULL;
    struct feed_inbox found = {.notices = notices, .marker = page->marker};

    if (error == FEED_OK && !notices)
        error = FEED__ERROR_CODE__UNAVAILABLE;
    for (size_t i = 0; error == FEED_OK && i < inbox->count; i++) {
        const struct inbox_item *item = &inbox->items[i];

        notices[found.count++] = (struct feed_notice){item->id, item->kind, subject_name(&page->feed->subjects, item->actor),
                                                      item->share, item->cause};
    }
    if (error == FEED_OK)
        found.end = inbox->more          ? FEED__PAGE_END__MORE
                    : inbox->dropped > 0 ? FEED__PAGE_END__CAPPED
                                         : FEED__PAGE_END__END;
    page_end(page, error, &found);
    free(notices);
}

static void on_marker(void *context, const struct reply *reply)
{
    struct page *page = context;
    Feed__ErrorCode error = error_of_reply(reply, false);

    page->marker = reply_id(reply);
    if (error != FEED_OK)
        page_end(page, error, NULL);
    else
        inbox_read(page->feed, page->reader, page->before, 0, page->limit, on_inbox, page);
}

static void on_reader(void *context, Feed__ErrorCode error, struct reader *reader)
{
    struct page *page = context;

    page->reader = reader;
    if (error == FEED_OK && store_ask_marker(page->feed->store, LOG_READ_INBOX,
                                             subject_name(&page->feed->subjects, reader->slot), on_marker, page) < 0)
        error = FEED__ERROR_CODE__UNAVAILABLE;
    if (error != FEED_OK)
        page_end(page, error, NULL);
}

void feed_read_inbox(struct feed *feed, struct text subject, uint64_t before, size_t limit, feed_inbox_fn *fn, void *context)
{
    struct page *page = malloc(sizeof(*page));

    if (!page) {
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, NULL);
        return;
    }
    *page = (struct page){.feed = feed, .before = before, .limit = limit, .fn = fn, .context = context};
    reader_get(feed, subject, on_reader, page);
}
