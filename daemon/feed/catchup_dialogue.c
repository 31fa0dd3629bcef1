/* The comments that streams of dialogues missed, out of the store: see catchup.h. All of them lie in one partition. */
#include <errno.h>

#include "base/digits.h"
#include "feed/catchup.h"
#include "store/keys.h"

#define COMMENTS_PAGE 200

static int add_comment(struct catchup *catchup, uint64_t id, uint64_t share, struct text held, struct text author)
{
    struct feed *feed = catchup->feed;
    uint64_t parent;
    struct text body = comment_body(held, &parent);
    struct live_event event = {
        .kind = LOG_COMMENT, .subject = catchup->stream->subject, .share = share, .actor = NO_SUBJECT};

    if (body.size == 0 || share_is_deleted(feed, id) || share_is_deleted(feed, share) ||
        (catchup->reader && hidden_has(&catchup->reader->hidden, author_of_body(body))))
        return 0;
    event.frame = frame_of_comment(id, body, author);
    return catchup_add(catchup, id, event);
}

/* What comes behind a full page is collected when this much is sent: so a long dialogue is never in memory as a whole. */
static void page_end(struct catchup *catchup, size_t count, uint64_t last, int error)
{
    if (error < 0) {
        catchup_fail(catchup);
        return;
    }
    if (count == COMMENTS_PAGE)
        catchup->target[partition_of_id(last)] = last;
    collect_deletions(catchup);
}

/* ---- of one share ---- */

/* [1 if there is such a share, counts, [id, `parent body`, …]] */
static void on_dialogue(void *context, const struct reply *reply)
{
    struct catchup *catchup = context;
    struct feed *feed = catchup->feed;
    const struct reply *rows = reply_at(reply, 2);
    size_t count = reply_count(rows) / 2;
    int error = reply_error(reply);
    uint64_t id = 0;

    for (size_t i = 0; catchup->stream && error == 0 && i < count; i++) {
        id = reply_id(reply_at(rows, 2 * i));
        error = add_comment(catchup, id, catchup->stream->share, reply_text(reply_at(rows, 2 * i + 1)),
                            subject_name(&feed->subjects, catchup->author));
    }
    page_end(catchup, count, id, error);
}

/* Events of a comment name the author of its share. A share that is gone has no comments. */
static void on_share(void *context, Feed__ErrorCode error)
{
    struct catchup *catchup = context;
    struct feed *feed = catchup->feed;
    struct feed_item *item = &catchup->batch[0];
    uint64_t share = item->id;
    unsigned partition = partition_of_id(share);

    if (error == FEED_OK && item->frame)
        catchup->author = subject_ref(&feed->subjects, item->author);
    items_done(feed, item, 1);
    if (error != FEED_OK)
        catchup_fail(catchup);
    else if (!catchup->stream || catchup->author == NO_SUBJECT)
        collect_deletions(catchup);
    else if (store_dialogue(feed->store, share, catchup->stream->position[partition] + 1, catchup->target[partition], false,
                            COMMENTS_PAGE, on_dialogue, catchup) < 0)
        catchup_fail(catchup);
}

void collect_dialogue(struct catchup *catchup)
{
    catchup->batch[0].id = catchup->stream->share;
    hydrate(catchup->feed, catchup->batch, 1, on_share, catchup);
}

/* ---- around a subject ---- */

static struct text subject_of(const struct catchup *catchup)
{
    return subject_name(&catchup->feed->subjects, catchup->stream->subject);
}

/* `id:share`, or the marker that those up to here were dropped. */
static int add_around(struct catchup *catchup, struct text member, uint64_t id, struct text held)
{
    const char *at = member.data, *end = at + member.size;

    if (digits_read(&at, end) != id || at == end) {
        catchup->floor = id;
        return 0;
    }
    at++;
    return add_comment(catchup, id, digits_read(&at, end), held, subject_of(catchup));
}

/* [`id:share`, id, `parent body` or null, …] */
static void on_around(void *context, const struct reply *reply)
{
    struct catchup *catchup = context;
    size_t count = reply_count(reply) / 3;
    int error = reply_error(reply);
    uint64_t id = 0;

    for (size_t i = 0; catchup->stream && error == 0 && i < count; i++) {
        id = reply_id(reply_at(reply, 3 * i + 1));
        error = add_around(catchup, reply_text(reply_at(reply, 3 * i)), id, reply_text(reply_at(reply, 3 * i + 2)));
    }
    page_end(catchup, count, id, error);
}

void collect_around(struct catchup *catchup)
{
    struct text subject = subject_of(catchup);
    unsigned partition = partition_of_subject(subject);

    if (store_around(catchup->feed->store, subject, catchup->stream->position[partition] + 1, catchup->target[partition],
                     COMMENTS_PAGE, on_around, catchup) < 0)
        catchup_fail(catchup);
}
