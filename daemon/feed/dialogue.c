/* Dialogues: what people say under a share. A comment stands in the partition of its share, which is the author's, so that all
 * that concerns a dialogue is ordered by one log. Who the author is tells the share, which is looked up first. */
#include <stdlib.h>
#include <string.h>

#include "base/digits.h"
#include "base/metrics.h"
#include "feed/internal.h"

/* A comment, or the deletion of one, until it is committed. */
struct remark {
    struct feed *feed;
    struct feed_item share;
    bool deletes;
    uint64_t comment; /* that it replies to, or deletes */
    bool is_barred;   /* whom it replies to blocks, or is blocked by, who says it */
    size_t name_bytes, body_bytes, key_bytes;
    uint64_t position;        /* what it is answered with */
    Feed__ErrorCode outcome;
    bool repeated;
    feed_write_fn *fn;
    void *context;
    char texts[]; /* name, body, key */
};

static void remark_end(struct remark *remark, Feed__ErrorCode error, uint64_t position, bool repeated)
{
    items_done(remark->feed, &remark->share, 1);
    remark->fn(remark->context, error, position, repeated);
    free(remark);
}

static void on_noted(void *context, const struct reply *reply)
{
    struct remark *remark = context;
    bool failed = error_of_reply(reply, true) != FEED_OK; /* something was done */

    remark_end(remark, failed ? FEED__ERROR_CODE__OUTCOME_UNKNOWN : remark->outcome, remark->position, remark->repeated);
}

static struct text name_of_remark(const struct remark *remark)
{
    return (struct text){remark->texts, remark->name_bytes};
}

/* Who commented knows where, in a partition of its own: so its deletion finds the comment. The job of a comment does the same, should
 * this daemon not come to it; what is left of one that was deleted does no harm. */
static void note(struct remark *remark, Feed__ErrorCode outcome, uint64_t position, bool repeated, struct text commenter)
{
    uint64_t comment = remark->deletes ? remark->comment : position;

    remark->outcome = outcome;
    remark->position = position;
    remark->repeated = repeated;
    if (store_commented(remark->feed->store, !remark->deletes, commenter, comment, remark->share.id, on_noted, remark) < 0)
        remark_end(remark, FEED__ERROR_CODE__OUTCOME_UNKNOWN, 0, false);
}

/* [position, outcome, body of a comment that was deleted] */
static void on_committed(void *context, const struct reply *reply)
{
    static const Feed__ErrorCode outcomes[] = {
        FEED_OK, FEED_OK, FEED__ERROR_CODE__NOT_FOUND, FEED__ERROR_CODE__FORBIDDEN, FEED__ERROR_CODE__LIMIT_EXCEEDED,
        FEED__ERROR_CODE__INVALID,
    };
    struct remark *remark = context;
    Feed__ErrorCode error = error_of_reply(reply, true);
    uint64_t position = reply_id(reply_at(reply, 0));
    int64_t outcome = reply_number(reply_at(reply, 1));
    struct text commenter = author_of_body(reply_text(reply_at(reply, 2)));

    if (error == FEED_OK && outcome >= 0 && outcome < (int64_t)(sizeof(outcomes) / sizeof(outcomes[0])))
        error = outcomes[outcome];
    if (error == FEED_OK)
        store_saw(remark->feed->store, position);
    if (error == FEED_OK && outcome == 0)
        *(remark->deletes ? &metrics.comments_deleted : &metrics.comments) += 1;
    if (error == FEED_OK || (remark->deletes && error == FEED__ERROR_CODE__NOT_FOUND))
        note(remark, error, position, outcome == 1, commenter.size > 0 ? commenter : name_of_remark(remark));
    else
        remark_end(remark, error, 0, false);
}

static void commit(struct remark *remark)
{
    struct feed *feed = remark->feed;
    struct text name = name_of_remark(remark);
    const struct store_comment comment = {
        .author = subject_name(&feed->subjects, remark->share.author),
        .commenter = name,
        .is_barred = remark->is_barred,
        .share = remark->share.id,
        .parent = remark->comment,
        .body = {remark->texts + remark->name_bytes, remark->body_bytes},
        .key = {remark->texts + remark->name_bytes + remark->body_bytes, remark->key_bytes},
    };
    int failed = remark->deletes
                     ? store_uncomment(feed->store, comment.author, name, comment.share, comment.parent, on_committed, remark)
                     : store_comment(feed->store, &comment, on_committed, remark);
    if (failed < 0)
        remark_end(remark, FEED__ERROR_CODE__UNAVAILABLE, 0, false);
}

/* Whoever says it does so in the partition of the share, where the script sees whether its author and they block each other. The
 * blocks of who said what it replies to stand elsewhere: they are asked for before. */
static void on_bars(void *context, const struct reply *reply)
{
    struct remark *remark = context;
    Feed__ErrorCode error = error_of_reply(reply, false);

    remark->is_barred = reply_number(reply) != 0;
    if (error == FEED_OK)
        commit(remark);
    else
        remark_end(remark, error, 0, false);
}

static void on_parent(void *context, const struct reply *reply)
{
    struct remark *remark = context;
    Feed__ErrorCode error = error_of_reply(reply, false);
    uint64_t parent;
    struct text other = author_of_body(comment_body(reply_text(reply), &parent));

    if (error == FEED_OK && other.size == 0)
        commit(remark); /* there is no such comment, as the script will say */
    else if (error != FEED_OK || store_bars(remark->feed->store, name_of_remark(remark), other, on_bars, remark) < 0)
        remark_end(remark, FEED__ERROR_CODE__UNAVAILABLE, 0, false);
}

static void on_share(void *context, Feed__ErrorCode error)
{
    struct remark *remark = context;

    if (error == FEED_OK && !remark->share.frame)
        error = FEED__ERROR_CODE__NOT_FOUND;
    if (remark->deletes && error == FEED__ERROR_CODE__NOT_FOUND)
        note(remark, error, 0, false, name_of_remark(remark));
    else if (error != FEED_OK)
        remark_end(remark, error, 0, false);
    else if (remark->deletes || remark->comment == 0)
        commit(remark);
    else if (store_ask_comment(remark->feed->store, remark->share.id, remark->comment, on_parent, remark) < 0)
        remark_end(remark, FEED__ERROR_CODE__UNAVAILABLE, 0, false);
}

static void add_text(struct remark *remark, size_t *at, struct text text)
{
    if (text.size > 0)
        memcpy(remark->texts + *at, text.data, text.size);
    *at += text.size;
}

static void remark_begin(struct feed *feed, const struct feed_comment *comment, bool deletes, feed_write_fn *fn, void *context)
{
    size_t bytes = comment->commenter.size + comment->body.size + comment->key.size, at = 0;
    struct remark *remark = feed_is_busy(feed, false) ? NULL : malloc(sizeof(*remark) + bytes);

    if (!remark) {
        fn(context, feed_is_busy(feed, false) ? FEED__ERROR_CODE__BUSY : FEED__ERROR_CODE__UNAVAILABLE, 0, false);
        return;
    }
    *remark = (struct remark){.feed = feed,
                              .share = {.id = comment->share},
                              .deletes = deletes,
                              .comment = comment->parent,
                              .name_bytes = comment->commenter.size,
                              .body_bytes = comment->body.size,
                              .key_bytes = comment->key.size,
                              .fn = fn,
                              .context = context};
    add_text(remark, &at, comment->commenter);
    add_text(remark, &at, comment->body);
    add_text(remark, &at, comment->key);
    hydrate(feed, &remark->share, 1, on_share, remark);
}

void feed_comment(struct feed *feed, const struct feed_comment *comment, feed_write_fn *fn, void *context)
{
    remark_begin(feed, comment, false, fn, context);
}

void feed_delete_comment(struct feed *feed, struct text subject, uint64_t share, uint64_t comment, feed_write_fn *fn,
                         void *context)
{
    remark_begin(feed, &(struct feed_comment){.commenter = subject, .share = share, .parent = comment}, true, fn, context);
}

/* ---- reading ---- */

struct dialogue_read {
    struct feed *feed;
    struct reader *reader; /* pinned; NULL: nobody is hidden */
    uint64_t share;
    uint64_t cursor;
    bool oldest_first;
    size_t limit;
    feed_dialogue_fn *fn;
    void *context;
};

static void dialogue_end(struct dialogue_read *read, Feed__ErrorCode error, const struct feed_dialogue *page)
{
    read->fn(read->context, error, page);
    if (read->reader)
        reader_unpin(read->feed, read->reader);
    free(read);
}

static void read_on(struct dialogue_read *read);

/* Leaves out what those say whom the reader does not see. */
static void take_rows(struct dialogue_read *read, const struct reply *rows, size_t count, struct feed_dialogue_item *items,
                      struct feed_dialogue *page)
{
    for (size_t i = 0; i < count; i++) {
        struct feed_dialogue_item *item = &items[page->count];

        read->cursor = item->id = reply_id(reply_at(rows, 2 * i));
        item->body = comment_body(reply_text(reply_at(rows, 2 * i + 1)), &item->parent);
        page->count += !read->reader || !hidden_has(&read->reader->hidden, author_of_body(item->body));
    }
}

/* [1 if there is such a share, counts, [id, `parent body`, …]], one more than asked for if there are more. */
static void on_dialogue(void *context, const struct reply *reply)
{
    struct dialogue_read *read = context;
    const struct reply *rows = reply_at(reply, 2);
    size_t count = reply_count(rows) / 2;
    struct feed_dialogue_item *items = malloc((count + 1) * sizeof(*items));
    struct feed_dialogue page = {.share = read->share, .items = items};
    Feed__ErrorCode error = error_of_reply(reply, false);

    if (error == FEED_OK && !items)
        error = FEED__ERROR_CODE__UNAVAILABLE;
    if (error == FEED_OK && reply_number(reply_at(reply, 0)) == 0)
        error = FEED__ERROR_CODE__NOT_FOUND;
    page.comments = store_read_counts(reply_text(reply_at(reply, 1))).comments;
    page.more = count > read->limit;
    if (error == FEED_OK)
        take_rows(read, rows, page.more ? read->limit : count, items, &page);
    if (error == FEED_OK && page.count == 0 && page.more)
        read_on(read);
    else
        dialogue_end(read, error, &page);
    free(items);
}

static void read_on(struct dialogue_read *read)
{
    uint64_t lowest = read->oldest_first && read->cursor > 0 ? read->cursor + 1 : 1;
    uint64_t highest = !read->oldest_first && read->cursor > 0 ? read->cursor - 1 : ID_END - 1;

    if (store_dialogue(read->feed->store, read->share, lowest, highest, !read->oldest_first, (int64_t)read->limit + 1,
                       on_dialogue, read) < 0)
        dialogue_end(read, FEED__ERROR_CODE__UNAVAILABLE, NULL);
}

static void on_reader(void *context, Feed__ErrorCode error, struct reader *reader)
{
    struct dialogue_read *read = context;

    read->reader = reader;
    if (error == FEED_OK)
        read_on(read);
    else
        dialogue_end(read, error, NULL);
}

void feed_read_dialogue(struct feed *feed, struct text reader, uint64_t share, uint64_t cursor, bool oldest_first, size_t limit,
                        feed_dialogue_fn *fn, void *context)
{
    bool foreign = partition_of_id(share) >= feed->partitions;
    struct dialogue_read *read = foreign ? NULL : malloc(sizeof(*read));

    if (!read) {
        fn(context, foreign ? FEED__ERROR_CODE__NOT_FOUND : FEED__ERROR_CODE__UNAVAILABLE, NULL);
        return;
    }
    *read = (struct dialogue_read){feed, NULL, share, cursor, oldest_first, limit, fn, context};
    if (reader.size > 0)
        reader_get(feed, reader, on_reader, read);
    else
        read_on(read);
}

struct text comment_body(struct text held, uint64_t *ret_parent)
{
    const char *at = held.data, *end = held.data + held.size;

    *ret_parent = digits_read(&at, end);
    if (at < end)
        at++;
    return (struct text){at, (size_t)(end - at)};
}
