/* Follows: two scripts in two partitions, and the backfill.
 *
 *   1  the reader's partition: the following set and a follow entry. From here on the follow is a fact: if this daemon dies,
 *      whoever is given the entry carries it on.
 *   2  the subject's partition: the followers and an edge entry, unless something newer was applied. In the same script the
 *      subject's latest shares are read, after the follower was added, so that none falls between backfill and fan-out.
 *   3  those shares are merged into the reader's timeline, if there is one.
 *
 * The daemon that took the request does all three at once and answers then. The same entry also comes along as a job:
 * `follows` remembers what is under way or done here, so that the job need not do it again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"
#include "feed/internal.h"

#define BACKFILL_MAX 1000

struct follow {
    struct feed *feed;
    bool follow;
    struct job *job;      /* that waits for this, or NULL */
    feed_write_fn *fn;    /* NULL: done for the job only */
    void *context;
    uint64_t version;     /* id of the follow entry */
    uint64_t position;    /* to be answered */
    size_t reader_bytes;
    size_t subject_bytes;
    char names[]; /* reader, subject */
};

static struct text reader_of(const struct follow *op)
{
    return (struct text){op->names, op->reader_bytes};
}

static struct text subject_of(const struct follow *op)
{
    return (struct text){op->names + op->reader_bytes, op->subject_bytes};
}

static struct follow *follow_new(struct feed *feed, bool follow, struct text reader, struct text subject)
{
    struct follow *op = calloc(1, sizeof(*op) + reader.size + subject.size);

    if (!op)
        return NULL;
    op->feed = feed;
    op->follow = follow;
    op->reader_bytes = reader.size;
    op->subject_bytes = subject.size;
    memcpy(op->names, reader.data, reader.size);
    memcpy(op->names + reader.size, subject.data, subject.size);
    return op;
}

/* Marks a follow of `follows` whose work is done. */
static struct follow finished;

static void follow_end(struct follow *op, Feed__ErrorCode error)
{
    struct feed *feed = op->feed;

    if (op->version != 0 && !op->job && error == FEED_OK)
        idmap_set(&feed->follows, op->version, &finished); /* the job is still to come */
    else
        idmap_remove(&feed->follows, op->version);
    if (op->job && error == FEED_OK)
        job_finish(feed, op->job);
    else if (op->job)
        job_retry(feed, op->job);
    if (op->fn)
        op->fn(op->context, error, op->position, false);
    free(op);
}

static void on_merged(void *context, const struct reply *reply)
{
    follow_end(context, error_of_reply(reply, true));
}

static void on_edge(void *context, const struct reply *reply)
{
    struct follow *op = context;
    const struct reply *shares = reply_at(reply, 1);
    Feed__ErrorCode error = error_of_reply(reply, true);
    uint64_t ids[BACKFILL_MAX];
    size_t count = reply_count(shares) < BACKFILL_MAX ? reply_count(shares) : BACKFILL_MAX;

    if (error == FEED_OK && reply_id(reply_at(reply, 0)) != 0)
        op->position = reply_id(reply_at(reply, 0));
    if (error != FEED_OK || count == 0) {
        follow_end(op, error);
        return;
    }
    for (size_t i = 0; i < count; i++)
        ids[i] = reply_id(reply_at(shares, i));
    if (store_timeline_merge(op->feed->store, reader_of(op), ids, count, on_merged, op) < 0)
        follow_end(op, FEED__ERROR_CODE__OUTCOME_UNKNOWN);
}

static void apply_edge(struct follow *op)
{
    if (store_edge(op->feed->store, op->follow, reader_of(op), subject_of(op), op->version, on_edge, op) < 0)
        follow_end(op, FEED__ERROR_CODE__OUTCOME_UNKNOWN);
}

static void on_committed(void *context, const struct reply *reply)
{
    struct follow *op = context;
    Feed__ErrorCode error = error_of_reply(reply, true);
    int64_t outcome = reply_number(reply_at(reply, 1));

    if (error == FEED_OK && outcome == 2)
        error = FEED__ERROR_CODE__LIMIT_EXCEEDED;
    if (error != FEED_OK || outcome != 0) {
        op->fn(op->context, error, reply_id(reply_at(reply, 0)), outcome == 1);
        free(op);
        return;
    }
    op->version = op->position = reply_id(reply_at(reply, 0));
    *(op->follow ? &metrics.follows : &metrics.unfollows) += 1;
    /* If the job came first it has begun on its own: both may go on, each step may be done twice. */
    if (!idmap_get(&op->feed->jobs.map, op->version))
        idmap_set(&op->feed->follows, op->version, op);
    apply_edge(op);
}

void feed_follow(struct feed *feed, bool follow, struct text reader, struct text subject, feed_write_fn *fn, void *context)
{
    struct follow *op = follow_new(feed, follow, reader, subject);

    if (op) {
        op->fn = fn;
        op->context = context;
    }
    if (!op || store_follow(feed->store, follow, reader, subject, on_committed, op) < 0) {
        free(op);
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, 0, false);
    }
}

/* ---- as a job ---- */

/* What the reader's following set says now: a later word makes this entry void. */
static void on_standing(void *context, const struct reply *reply)
{
    struct follow *op = context;
    Feed__ErrorCode error = error_of_reply(reply, true);
    bool void_by_now = op->follow ? reply_id(reply) != op->version : !reply_is_null(reply);

    if (error != FEED_OK || void_by_now)
        follow_end(op, error);
    else
        apply_edge(op);
}

void follow_begin_job(struct feed *feed, struct job *job)
{
    struct follow *op = idmap_get(&feed->follows, job->id);

    if (op == &finished) {
        idmap_remove(&feed->follows, job->id);
        job_finish(feed, job);
        return;
    }
    if (op) {
        op->job = job;
        return;
    }
    op = follow_new(feed, job->kind == LOG_FOLLOW, (struct text){job->reader, job->reader_bytes},
                    (struct text){job->subject, job->subject_bytes});
    if (!op) {
        job_retry(feed, job);
        return;
    }
    op->version = job->id;
    op->job = job;
    if (store_following_id(feed->store, reader_of(op), subject_of(op), on_standing, op) < 0)
        follow_end(op, FEED__ERROR_CODE__UNAVAILABLE);
}

void follow_forget(struct feed *feed, uint64_t id)
{
    if (idmap_get(&feed->follows, id) == &finished)
        idmap_remove(&feed->follows, id);
}
