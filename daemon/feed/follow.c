/* Follows: two scripts in two partitions, and the backfill.
 *
 *   1  the reader's partition: the following set and a follow entry. From here on the follow is a fact: if this daemon dies,
 *      whoever is given the entry carries it on.
 *   2  the subject's partition: the followers and an edge entry, unless something newer was applied.
 *   3  the backfill, if the reader has a timeline: the subject's shares are read, after the follower was added, so that none
 *      falls between backfill and fan-out, and merged into the timeline. If they are many it is dropped, and built anew by the
 *      next read; so is, after an unfollow, one that was cut at its cap: what is no longer followed takes the place of what is.
 *      After an unfollow that keeps what there was, that is merged as well: a fan-out under way may not have come to the reader.
 *
 * The daemon that took the request takes all three steps at once and answers then. The same entry also comes along as a job:
 * `follows` remembers what is under way or done here, so that the job need not do it again. Steps 1 and 2 are taken for many
 * follows in one script. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"
#include "feed/internal.h"

#define BACKFILL_MAX 1000

struct follow {
    struct batched batched;
    struct feed *feed;
    bool follow;
    struct job *job;      /* that waits for this, or NULL */
    feed_write_fn *fn;    /* NULL: done for the job only */
    void *context;
    uint64_t version;     /* id of the follow entry */
    uint64_t position;    /* to be answered */
    bool repeated;        /* to be answered */
    uint64_t kept;        /* of an unfollow: up to which id the subject's shares stay visible, 0: none do */
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

static void take_edge(struct follow *op)
{
    batch_add(op->feed, BATCH_EDGES, partition_of_subject(subject_of(op)), &op->batched);
}

/* Marks a follow of `follows` whose work is done. */
static struct follow finished;

static void follow_end(struct follow *op, Feed__ErrorCode error)
{
    struct feed *feed = op->feed;

    /* UNAVAILABLE would say that nothing was done: a follow that stands is a fact, however far it has come. */
    if (op->version != 0 && error == FEED__ERROR_CODE__UNAVAILABLE)
        error = FEED__ERROR_CODE__OUTCOME_UNKNOWN;
    if (op->version != 0 && !op->repeated && !op->job && error == FEED_OK)
        idmap_set(&feed->follows, op->version, &finished); /* the job is still to come */
    else if (idmap_get(&feed->follows, op->version) == op)
        idmap_remove(&feed->follows, op->version);
    if (op->job && error == FEED_OK)
        job_finish(feed, op->job);
    else if (op->job && error == FEED__ERROR_CODE__INTERNAL)
        job_defeated(feed, op->job, "Redis refuses a step of it, see event=redis-error in the log");
    else if (op->job)
        job_retry(feed, op->job);
    if (op->fn)
        op->fn(op->context, error, op->position, op->repeated);
    free(op);
}

/* The timeline is as it should be. */
static void on_merged(void *context, const struct reply *reply)
{
    follow_end(context, error_of_reply(reply, true));
}

static void on_profile(void *context, const struct reply *reply)
{
    struct follow *op = context;
    struct store *store = op->feed->store;
    Feed__ErrorCode error = error_of_reply(reply, true);
    size_t most = (size_t)op->feed->settings->backfill, count = reply_count(reply);
    uint64_t ids[BACKFILL_MAX + 1];
    int sent;

    if (error != FEED_OK || count == 0) {
        follow_end(op, error);
        return;
    }
    for (size_t i = 0; i < count && count <= most; i++)
        ids[i] = reply_id(reply_at(reply, i));
    bool many = count > most || ids[count - 1] == 0; /* the marker that there were more */
    sent = many ? store_timeline_drop(store, reader_of(op), on_merged, op)
                : store_timeline_merge(store, reader_of(op), ids, count, on_merged, op);
    if (sent < 0)
        follow_end(op, FEED__ERROR_CODE__OUTCOME_UNKNOWN);
}

/* A timeline that does not exist now, after the edge, will be built from all profiles. */
static void on_exists(void *context, const struct reply *reply)
{
    struct follow *op = context;
    Feed__ErrorCode error = error_of_reply(reply, true);

    if (error != FEED_OK || reply_number(reply) == 0)
        follow_end(op, error);
    else if (store_profile_ids(op->feed->store, subject_of(op), op->kept == 0 ? 0 : op->kept + 1, 0,
                               op->feed->settings->backfill + 1, on_profile, op) < 0)
        follow_end(op, FEED__ERROR_CODE__OUTCOME_UNKNOWN);
}

/* Values: the position, whether the edge stands. */
static void edge_answered(struct batched *request, Feed__ErrorCode error, const struct reply *const *values)
{
    struct follow *op = (struct follow *)request;

    if (error == FEED_OK && reply_id(values[0]) != 0) {
        op->position = reply_id(values[0]);
        store_saw(op->feed->store, op->position);
    }
    if (error == FEED_OK && !op->follow && op->kept == 0) {
        if (store_timeline_unfollow(op->feed->store, reader_of(op), on_merged, op) < 0)
            follow_end(op, FEED__ERROR_CODE__OUTCOME_UNKNOWN);
        return;
    }
    /* What a repeated follow may lack is brought by the first one's job. */
    if (error != FEED_OK || (op->follow && (op->repeated || reply_number(values[1]) == 0)))
        follow_end(op, error);
    else if (store_timeline_exists(op->feed->store, reader_of(op), on_exists, op) < 0)
        follow_end(op, FEED__ERROR_CODE__OUTCOME_UNKNOWN);
}

/* Its entry stands. If the job came first it has begun on its own: both may go on, each step may be done twice. */
static void committed(struct follow *op)
{
    *(op->follow ? &metrics.follows : &metrics.unfollows) += 1;
    if (!idmap_get(&op->feed->jobs.map, op->version))
        idmap_set(&op->feed->follows, op->version, op);
}

/* Values: the position, the outcome, up to which id shares stay visible. */
static void follow_answered(struct batched *request, Feed__ErrorCode error, const struct reply *const *values)
{
    struct follow *op = (struct follow *)request;
    int64_t outcome = reply_number(values[1]);

    if (error == FEED_OK && outcome == 2)
        error = FEED__ERROR_CODE__LIMIT_EXCEEDED;
    if (error == FEED_OK && outcome == 3)
        error = FEED__ERROR_CODE__FORBIDDEN;
    op->repeated = error == FEED_OK && outcome == 1;
    if (error != FEED_OK) {
        follow_end(op, error);
        return;
    }
    /* What stands already may have been left half done: it goes on. */
    op->version = op->position = reply_id(values[0]);
    op->kept = reply_id(values[2]);
    store_saw(op->feed->store, op->version);
    if (!op->repeated)
        committed(op);
    take_edge(op);
}

typedef int store_fn(struct store *store, const struct store_follow *follows, size_t count, reply_fn *fn, void *context);

static int send_step(store_fn *step, struct feed *feed, struct batched *const *requests, size_t count, reply_fn *fn,
                     void *context)
{
    struct store_follow follows[BATCHED_MAX];

    for (size_t i = 0; i < count; i++) {
        const struct follow *op = (const struct follow *)requests[i];

        follows[i] = (struct store_follow){op->follow, op->repeated, reader_of(op), subject_of(op), op->version, op->kept};
    }
    return step(feed->store, follows, count, fn, context);
}

static int send_follows(struct feed *feed, struct batched *const *requests, size_t count, reply_fn *fn, void *context)
{
    return send_step(store_follows, feed, requests, count, fn, context);
}

static int send_edges(struct feed *feed, struct batched *const *requests, size_t count, reply_fn *fn, void *context)
{
    return send_step(store_edges, feed, requests, count, fn, context);
}

const struct batch_kind batch_follows = {BATCHED_MAX, 3, FEED__ERROR_CODE__UNAVAILABLE, send_follows, follow_answered},
                        batch_edges = {BATCHED_MAX, 2, FEED__ERROR_CODE__OUTCOME_UNKNOWN, send_edges, edge_answered};

static void begin(struct feed *feed, bool follow, uint64_t kept, struct text reader, struct text subject, feed_write_fn *fn,
                  void *context)
{
    struct follow *op;

    if (feed_is_busy(feed, false)) {
        fn(context, FEED__ERROR_CODE__BUSY, 0, false);
        return;
    }
    op = follow_new(feed, follow, reader, subject);
    if (!op) {
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, 0, false);
        return;
    }
    op->fn = fn;
    op->context = context;
    op->kept = kept;
    batch_add(feed, BATCH_FOLLOWS, partition_of_subject(reader), &op->batched);
}

void feed_follow(struct feed *feed, bool follow, struct text reader, struct text subject, feed_write_fn *fn, void *context)
{
    begin(feed, follow, 0, reader, subject, fn, context);
}

/* What this daemon has seen of the subject's log stays visible, even if the clocks of two partitions differ. */
void feed_unfollow_keeping(struct feed *feed, struct text reader, struct text subject, feed_write_fn *fn, void *context)
{
    begin(feed, false, tail_position(feed, partition_of_subject(subject)) | 1, reader, subject, fn, context);
}

void follow_end_edge(struct feed *feed, struct text reader, struct text subject, uint64_t version, feed_write_fn *fn,
                     void *context)
{
    struct follow *op = follow_new(feed, false, reader, subject);

    if (!op) {
        fn(context, FEED__ERROR_CODE__OUTCOME_UNKNOWN, 0, false); /* and the job does it */
        return;
    }
    op->fn = fn;
    op->context = context;
    op->version = op->position = version;
    committed(op);
    take_edge(op);
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
        take_edge(op);
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
    op->kept = job->kept;
    op->job = job;
    if (store_following_id(feed->store, reader_of(op), subject_of(op), on_standing, op) < 0)
        follow_end(op, FEED__ERROR_CODE__UNAVAILABLE);
}

void follow_forget(struct feed *feed, uint64_t id)
{
    if (idmap_get(&feed->follows, id) == &finished)
        idmap_remove(&feed->follows, id);
}

void follow_reset(struct feed *feed)
{
    for (size_t i = 0; i < feed->follows.capacity;)
        if (feed->follows.slots[i].id != 0 && feed->follows.slots[i].value == &finished) {
            idmap_remove(&feed->follows, feed->follows.slots[i].id);
            i = 0; /* others may have moved */
        } else {
            i++;
        }
}
