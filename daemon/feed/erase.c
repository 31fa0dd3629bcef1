/* Deleting subjects, with everything that they left behind.
 *
 * The deletion is an entry in the subject's log. What stands before it goes; what comes after it belongs to whoever uses the id
 * then, so that no write needs to be refused meanwhile. From the entry on a daemon that has passed it shows none of the
 * subject's earlier shares (`erased_at`), and streams are told once. What there was is then taken away by what would have
 * taken away each of it: a share by its deletion, a follow by its unfollow, and so on, one table row for each kind.
 *
 * That may be very much, and an entry that is pending holds up the mark of what is applied. So the job of an entry takes a
 * slice, and ends by making the entry of the next slice. The place needs not be kept: it is what is left. A slice that was
 * begun before is begun again, which does no harm. */
#include <stdlib.h>
#include <string.h>

#include "base/digits.h"
#include "base/metrics.h"
#include "feed/internal.h"

#define SLICE 128

struct erasure {
    struct feed *feed;
    struct job *job;
    uint64_t position; /* of the deletion */
    size_t row;
    unsigned waiting;  /* pieces under way, and one while they are begun */
    unsigned taken;    /* pieces taken away */
    Feed__ErrorCode error;
};

static struct text subject_of(const struct erasure *erasure)
{
    return (struct text){erasure->job->subject, erasure->job->subject_bytes};
}

/* ---- what is taken away ---- */

static void on_piece(void *context, Feed__ErrorCode error, uint64_t position, bool repeated);

static void on_block(void *context, Feed__ErrorCode error, const uint64_t positions[3], bool repeated)
{
    on_piece(context, error, positions[0], repeated);
}

static void take_share(struct erasure *erasure, struct text id)
{
    char digits[24] = "";

    memcpy(digits, id.data, id.size < sizeof(digits) ? id.size : sizeof(digits) - 1);
    feed_delete(erasure->feed, subject_of(erasure), strtoull(digits, NULL, 10), on_piece, erasure);
}

/* Who finds it gone forgets it. */
static void on_comment(void *context, Feed__ErrorCode error, uint64_t position, bool repeated)
{
    on_piece(context, error == FEED__ERROR_CODE__NOT_FOUND ? FEED_OK : error, position, repeated);
}

/* `comment:share` */
static void take_comment(struct erasure *erasure, struct text piece)
{
    const char *at = piece.data, *end = at + piece.size;
    uint64_t comment = digits_read(&at, end);

    at += at < end;
    feed_delete_comment(erasure->feed, subject_of(erasure), digits_read(&at, end), comment, on_comment, erasure);
}

static void take_follower(struct erasure *erasure, struct text reader)
{
    feed_follow(erasure->feed, false, reader, subject_of(erasure), on_piece, erasure);
}

static void take_followed(struct erasure *erasure, struct text subject)
{
    feed_follow(erasure->feed, false, subject_of(erasure), subject, on_piece, erasure);
}

static void take_blocked(struct erasure *erasure, struct text subject)
{
    feed_block(erasure->feed, false, subject_of(erasure), subject, on_block, erasure);
}

static void take_muted(struct erasure *erasure, struct text subject)
{
    feed_mute(erasure->feed, false, subject_of(erasure), subject, on_piece, erasure);
}

/* Sorted sets of the subject, by position: what is in each, and how one of it is taken away. Whom others block or mute is
 * theirs, and stays. Follows go first: who does not follow any more need not be told of each share. Comments come after the
 * shares, with which many of them go. */
static const struct {
    enum key_kind kind;
    void (*take)(struct erasure *erasure, struct text piece);
} rows[] = {
    {KEY_FOLLOWERS, take_follower}, {KEY_FOLLOWING, take_followed}, {KEY_KEPT, take_followed},
    {KEY_PROFILE, take_share},      {KEY_COMMENTED, take_comment},  {KEY_BLOCKED, take_blocked},
    {KEY_MUTED, take_muted},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void kinds_of_rows(enum key_kind kinds[ROWS])
{
    for (size_t i = 0; i < ROWS; i++)
        kinds[i] = rows[i].kind;
}

/* ---- a slice ---- */

static void erasure_end(struct erasure *erasure, Feed__ErrorCode error)
{
    struct feed *feed = erasure->feed;
    struct job *job = erasure->job;

    free(erasure);
    if (error == FEED_OK)
        job_finish(feed, job);
    else if (error == FEED__ERROR_CODE__INTERNAL || error == FEED__ERROR_CODE__NOT_FOUND)
        job_defeated(feed, job, "a piece of the subject cannot be taken away, see event=redis-error in the log");
    else
        job_retry(feed, job);
}

static void on_answered(void *context, const struct reply *reply)
{
    erasure_end(context, error_of_reply(reply, true));
}

static void piece_step(struct erasure *erasure)
{
    if (--erasure->waiting > 0)
        return;
    if (erasure->error == FEED_OK && erasure->taken == 0)
        erasure->error = FEED__ERROR_CODE__NOT_FOUND; /* the next slice would be the same */
    if (erasure->error != FEED_OK)
        erasure_end(erasure, erasure->error);
    else if (store_erase_on(erasure->feed->store, subject_of(erasure), erasure->job->id, on_answered, erasure) < 0)
        erasure_end(erasure, FEED__ERROR_CODE__UNAVAILABLE);
}

static void on_piece(void *context, Feed__ErrorCode error, uint64_t position, bool repeated)
{
    struct erasure *erasure = context;

    (void)position;
    (void)repeated;
    if (error == FEED_OK)
        erasure->taken++;
    else if (error != FEED__ERROR_CODE__NOT_FOUND)
        erasure->error = error;
    piece_step(erasure);
}

static void next_row(struct erasure *erasure);

static void on_slice(void *context, const struct reply *reply)
{
    struct erasure *erasure = context;
    Feed__ErrorCode error = error_of_reply(reply, true);

    if (error != FEED_OK) {
        erasure_end(erasure, error);
        return;
    }
    if (reply_count(reply) == 0) {
        erasure->row++;
        next_row(erasure);
        return;
    }
    erasure->waiting = (unsigned)reply_count(reply) + 1;
    for (size_t i = 0; i < reply_count(reply); i++)
        rows[erasure->row].take(erasure, reply_text(reply_at(reply, i)));
    piece_step(erasure);
}

static void next_row(struct erasure *erasure)
{
    struct store *store = erasure->feed->store;
    struct text subject = subject_of(erasure);
    int sent;

    if (erasure->row < ROWS)
        sent = store_erase_slice(store, subject, rows[erasure->row].kind, erasure->position, SLICE, on_slice, erasure);
    else
        sent = store_erase_end(store, subject, erasure->position, on_answered, erasure);
    if (sent < 0)
        erasure_end(erasure, FEED__ERROR_CODE__UNAVAILABLE);
}

void erase_begin_job(struct feed *feed, struct job *job)
{
    struct erasure *erasure = calloc(1, sizeof(*erasure));

    if (!erasure) {
        job_retry(feed, job);
        return;
    }
    *erasure = (struct erasure){.feed = feed, .job = job, .position = job->kind == LOG_ERASE ? job->id : job->other};
    next_row(erasure);
}

/* ---- what clients ask ---- */

struct erase_call {
    struct feed *feed;
    feed_erase_fn *fn;
    void *context;
};

static struct erase_call *call_new(struct feed *feed, feed_erase_fn *fn, void *context)
{
    struct erase_call *call = malloc(sizeof(*call));

    if (call)
        *call = (struct erase_call){feed, fn, context};
    return call;
}

/* [position, repeated, total, left, done] */
static void on_erased(void *context, const struct reply *reply)
{
    struct erase_call call = *(struct erase_call *)context;
    Feed__ErrorCode error = error_of_reply(reply, true);
    struct feed_erasure erasure = {.position = reply_id(reply_at(reply, 0)),
                                   .total = reply_id(reply_at(reply, 2)),
                                   .left = reply_id(reply_at(reply, 3)),
                                   .done = reply_number(reply_at(reply, 4)) != 0};
    bool repeated = reply_number(reply_at(reply, 1)) != 0;

    free(context);
    if (error == FEED_OK)
        store_saw(call.feed->store, erasure.position);
    if (error == FEED_OK && !repeated)
        metrics.erasures++;
    call.fn(call.context, error, &erasure, repeated);
}

void feed_erase(struct feed *feed, struct text subject, feed_erase_fn *fn, void *context)
{
    enum key_kind kinds[ROWS];
    struct erase_call *call;

    if (feed_is_busy(feed, false)) {
        fn(context, FEED__ERROR_CODE__BUSY, NULL, false);
        return;
    }
    kinds_of_rows(kinds);
    call = call_new(feed, fn, context);
    if (!call || store_erase(feed->store, subject, kinds, ROWS, on_erased, call) < 0) {
        free(call);
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, NULL, false);
    }
}

/* [position, total, left, done] */
static void on_progress(void *context, const struct reply *reply)
{
    struct erase_call call = *(struct erase_call *)context;
    Feed__ErrorCode error = error_of_reply(reply, false);
    struct feed_erasure erasure = {.position = reply_id(reply_at(reply, 0)),
                                   .total = reply_id(reply_at(reply, 1)),
                                   .left = reply_id(reply_at(reply, 2)),
                                   .done = reply_number(reply_at(reply, 3)) != 0};

    free(context);
    if (error == FEED_OK && erasure.position == 0)
        error = FEED__ERROR_CODE__NOT_FOUND;
    call.fn(call.context, error, &erasure, false);
}

void feed_read_erasure(struct feed *feed, struct text subject, feed_erase_fn *fn, void *context)
{
    struct erase_call *call = call_new(feed, fn, context);
    enum key_kind kinds[ROWS];

    kinds_of_rows(kinds);
    if (!call || store_erase_progress(feed->store, subject, kinds, ROWS, on_progress, call) < 0) {
        free(call);
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, NULL, false);
    }
}
