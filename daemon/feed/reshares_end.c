/* What becomes of a deleted share's re-shares: they are deleted, like any share by its author, so that streams of those who saw
 * them are told. Nobody sees them from the deletion of their origin on; so this may take its time. What is done twice is done
 * already. */
#include <stdlib.h>

#include "feed/internal.h"

#define SLICE 128

struct ending {
    struct feed *feed;
    struct job *job;
    uint64_t share;
    uint64_t until;   /* the last one of the slice */
    unsigned waiting; /* deletions under way, and one while they are begun */
    Feed__ErrorCode error;
};

static void ending_end(struct ending *ending, Feed__ErrorCode error)
{
    struct feed *feed = ending->feed;
    struct job *job = ending->job;

    free(ending);
    if (error == FEED_OK)
        job_finish(feed, job);
    else if (error == FEED__ERROR_CODE__INTERNAL)
        job_defeated(feed, job, "a re-share cannot be deleted, see event=redis-error in the log");
    else
        job_retry(feed, job);
}

static void next_slice(struct ending *ending);

static void on_forgotten(void *context, const struct reply *reply)
{
    struct ending *ending = context;
    Feed__ErrorCode error = error_of_reply(reply, true);

    if (error != FEED_OK)
        ending_end(ending, error);
    else
        next_slice(ending);
}

static void deletion_step(struct ending *ending)
{
    if (--ending->waiting > 0)
        return;
    if (ending->error != FEED_OK)
        ending_end(ending, ending->error);
    else if (store_forget_reshares(ending->feed->store, ending->share, ending->until, on_forgotten, ending) < 0)
        ending_end(ending, FEED__ERROR_CODE__UNAVAILABLE);
}

/* Who is named there may have none any more. */
static void on_deleted(void *context, Feed__ErrorCode error, uint64_t position, bool repeated)
{
    struct ending *ending = context;

    (void)position;
    (void)repeated;
    if (error != FEED_OK && error != FEED__ERROR_CODE__NOT_FOUND && error != FEED__ERROR_CODE__FORBIDDEN)
        ending->error = error;
    deletion_step(ending);
}

/* [author, id, …] */
static void on_slice(void *context, const struct reply *reply)
{
    struct ending *ending = context;
    Feed__ErrorCode error = error_of_reply(reply, true);
    size_t count = reply_count(reply) / 2;

    if (error != FEED_OK || count == 0) {
        ending_end(ending, error);
        return;
    }
    ending->until = reply_id(reply_at(reply, 2 * count - 1));
    ending->waiting = (unsigned)count + 1;
    for (size_t i = 0; i < count; i++)
        feed_delete(ending->feed, reply_text(reply_at(reply, 2 * i)), reply_id(reply_at(reply, 2 * i + 1)), on_deleted, ending);
    deletion_step(ending);
}

static void next_slice(struct ending *ending)
{
    if (store_reshares(ending->feed->store, ending->share, SLICE, on_slice, ending) < 0)
        ending_end(ending, FEED__ERROR_CODE__UNAVAILABLE);
}

void reshares_end(struct feed *feed, struct job *job, uint64_t share)
{
    struct ending *ending = malloc(sizeof(*ending));

    if (!ending) {
        job_retry(feed, job);
        return;
    }
    *ending = (struct ending){.feed = feed, .job = job, .share = share};
    next_slice(ending);
}
