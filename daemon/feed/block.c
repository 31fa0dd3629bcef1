/* Blocks and mutes.
 *
 * A mute is one script in the reader's partition. A block takes two, as a follow does:
 *
 *   1  the reader's partition: whom it blocks, the end of its own follow, and an entry for each. From here on it is a fact:
 *      if this daemon dies, whoever is given the entry carries it on.
 *   2  the subject's partition: who has blocked it, the end of its follow, and an entry for each, unless something newer was
 *      applied.
 *   3  each follow that has ended takes its own second step, see follow.c. Nobody waits for that to be hidden: a reader who has
 *      passed the entries of steps 1 and 2 does not see the other, whatever it follows.
 *
 * The daemon that took the request takes all steps at once and answers then. The entry of step 1 also comes along as a job,
 * which takes step 2 again: that does no harm. */
#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"
#include "feed/internal.h"

void feed_mute(struct feed *feed, bool mute, struct text reader, struct text subject, feed_write_fn *fn, void *context)
{
    struct write *write;

    if (feed_is_busy(feed, false)) {
        fn(context, FEED__ERROR_CODE__BUSY, 0, false);
        return;
    }
    write = write_new(feed, mute ? &metrics.mutes : &metrics.unmutes, fn, context);
    if (!write || store_mute(feed->store, mute, reader, subject, on_written, write) < 0) {
        free(write);
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, 0, false);
    }
}

struct block {
    struct feed *feed;
    bool block;
    bool repeated;
    struct job *job; /* that this is done for, or NULL */
    feed_block_fn *fn;
    void *context;
    uint64_t version;          /* id of the block entry; of a repeated unblock, a position at or after it */
    uint64_t own_unfollow;     /* ids of unfollow entries, 0: there is none */
    uint64_t others_unfollow;
    uint64_t positions[3];     /* to be answered */
    unsigned waiting;          /* follows that are being ended, and one while they are begun */
    Feed__ErrorCode error;
    size_t reader_bytes;
    size_t subject_bytes;
    char names[]; /* reader, subject */
};

static struct text reader_of(const struct block *op)
{
    return (struct text){op->names, op->reader_bytes};
}

static struct text subject_of(const struct block *op)
{
    return (struct text){op->names + op->reader_bytes, op->subject_bytes};
}

static struct block *block_new(struct feed *feed, bool block, struct text reader, struct text subject)
{
    struct block *op = calloc(1, sizeof(*op) + reader.size + subject.size);

    if (!op)
        return NULL;
    op->feed = feed;
    op->block = block;
    op->reader_bytes = reader.size;
    op->subject_bytes = subject.size;
    memcpy(op->names, reader.data, reader.size);
    memcpy(op->names + reader.size, subject.data, subject.size);
    return op;
}

static void block_end(struct block *op, Feed__ErrorCode error)
{
    /* UNAVAILABLE would say that nothing was done. */
    if (op->version != 0 && error == FEED__ERROR_CODE__UNAVAILABLE)
        error = FEED__ERROR_CODE__OUTCOME_UNKNOWN;
    if (op->job && error == FEED_OK)
        job_finish(op->feed, op->job);
    else if (op->job && error == FEED__ERROR_CODE__INTERNAL)
        job_defeated(op->feed, op->job, "Redis refuses a step of it, see event=redis-error in the log");
    else if (op->job)
        job_retry(op->feed, op->job);
    if (op->fn)
        op->fn(op->context, error, op->positions, op->repeated);
    free(op);
}

/* It is acknowledged: so it must be seen before anything else is read on the same connection. */
static void note_position(struct block *op, uint64_t position)
{
    struct text names[] = {reader_of(op), subject_of(op)};

    if (position == 0)
        return;
    store_saw(op->feed->store, position);
    for (size_t i = 0; i < 2; i++)
        if (partition_of_subject(names[i]) == partition_of_id(position) && op->positions[1 + i] < position)
            op->positions[1 + i] = position;
}

static void unfollow_step(struct block *op)
{
    if (--op->waiting == 0)
        block_end(op, op->error);
}

static void on_unfollowed(void *context, Feed__ErrorCode error, uint64_t position, bool repeated)
{
    struct block *op = context;

    (void)repeated;
    if (error != FEED_OK)
        op->error = error;
    else
        note_position(op, position);
    unfollow_step(op);
}

static void on_barred(void *context, const struct reply *reply)
{
    struct block *op = context;
    Feed__ErrorCode error = error_of_reply(reply, true);

    if (error != FEED_OK || op->job) {
        block_end(op, error); /* what a job ends comes along as further jobs */
        return;
    }
    op->others_unfollow = reply_id(reply_at(reply, 1));
    note_position(op, reply_id(reply_at(reply, 0)));
    note_position(op, op->others_unfollow);
    op->waiting = 1;
    if (op->own_unfollow != 0) {
        op->waiting++;
        follow_end_edge(op->feed, reader_of(op), subject_of(op), op->own_unfollow, on_unfollowed, op);
    }
    if (op->others_unfollow != 0) {
        op->waiting++;
        follow_end_edge(op->feed, subject_of(op), reader_of(op), op->others_unfollow, on_unfollowed, op);
    }
    unfollow_step(op);
}

static void bar(struct block *op)
{
    if (store_bar(op->feed->store, op->block, op->repeated, reader_of(op), subject_of(op), op->version, on_barred, op) < 0)
        block_end(op, FEED__ERROR_CODE__UNAVAILABLE);
}

static void on_blocked(void *context, const struct reply *reply)
{
    struct block *op = context;
    Feed__ErrorCode error = error_of_reply(reply, true);
    int64_t outcome = reply_number(reply_at(reply, 1));

    if (error == FEED_OK && outcome == 2)
        error = FEED__ERROR_CODE__LIMIT_EXCEEDED;
    if (error != FEED_OK) {
        block_end(op, error);
        return;
    }
    /* What stands already may have been left half done: it goes on. */
    op->repeated = outcome == 1;
    op->version = op->positions[0] = reply_id(reply_at(reply, 0));
    op->own_unfollow = reply_id(reply_at(reply, 2));
    note_position(op, op->version);
    note_position(op, op->own_unfollow);
    if (!op->repeated)
        *(op->block ? &metrics.blocks : &metrics.unblocks) += 1;
    bar(op);
}

void feed_block(struct feed *feed, bool block, struct text reader, struct text subject, feed_block_fn *fn, void *context)
{
    static const uint64_t nowhere[3];
    struct block *op;

    if (feed_is_busy(feed, false)) {
        fn(context, FEED__ERROR_CODE__BUSY, nowhere, false);
        return;
    }
    op = block_new(feed, block, reader, subject);
    if (!op) {
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, nowhere, false);
        return;
    }
    op->fn = fn;
    op->context = context;
    if (store_block(feed->store, block, reader, subject, on_blocked, op) < 0)
        block_end(op, FEED__ERROR_CODE__UNAVAILABLE);
}

/* ---- as a job ---- */

/* What the reader's partition says now: a later word makes this entry void. */
static void on_standing(void *context, const struct reply *reply)
{
    struct block *op = context;
    Feed__ErrorCode error = error_of_reply(reply, true);
    bool void_by_now = op->block ? reply_id(reply) != op->version : !reply_is_null(reply);

    if (error != FEED_OK || void_by_now)
        block_end(op, error);
    else
        bar(op);
}

void block_begin_job(struct feed *feed, struct job *job)
{
    struct block *op = block_new(feed, job->kind == LOG_BLOCK, (struct text){job->reader, job->reader_bytes},
                                 (struct text){job->subject, job->subject_bytes});

    if (!op) {
        job_retry(feed, job);
        return;
    }
    op->version = job->id;
    op->job = job;
    if (store_blocked_id(feed->store, reader_of(op), subject_of(op), on_standing, op) < 0)
        block_end(op, FEED__ERROR_CODE__UNAVAILABLE);
}
