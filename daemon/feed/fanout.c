/* Fan-out: a share to the timelines of its author's followers.
 *
 * Followers are read in pages, in the order of their edges, up to the share's own id: whoever followed later got the share
 * with the backfill. A first page is small, so that small jobs are soon done however many there are; further pages are large,
 * and only a few are in memory at a time. Jobs take turns by a small quantum, all within one window of unanswered pushes, and
 * no slice holds the loop for more than a millisecond. After each page but the last the place is saved; a page in which
 * anything failed is done again as a whole, since reads drop repeats. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "feed/internal.h"

#define TRIAL_PAGE 16 /* of a suspect, which is cleared by a page: see parking.c */
#define FIRST_PAGE 128
#define LARGE_PAGE 2000
#define LARGE_PAGES_MAX 8 /* in memory at once */
#define SLICE_MS 1
#define PUSHES_PER_CLOCK 64

struct push {
    struct feed *feed;
    struct job *job;
    uint8_t reader_bytes;
    char reader[];
};

static struct text author_of(const struct job *job)
{
    return (struct text){job->subject, job->subject_bytes};
}

struct job_call {
    struct feed *feed;
    struct job *job;
};

static struct job_call *job_call(struct feed *feed, struct job *job)
{
    struct job_call *call = malloc(sizeof(*call));

    if (call)
        *call = (struct job_call){feed, job};
    return call;
}

/* ---- pages ---- */

static void page_end(struct feed *feed, struct job *job);
static void release_large(struct feed *feed, struct job *job);

/* Names as they are pushed to: each behind its length. The author's own timeline comes first of all. */
static void page_add(struct job *job, struct text name)
{
    if (name.size > UINT8_MAX)
        return; /* no subject has such a name */
    job->page[job->page_bytes++] = (uint8_t)name.size;
    memcpy(job->page + job->page_bytes, name.data, name.size);
    job->page_bytes += name.size;
}

static void on_page(void *context, const struct reply *reply)
{
    struct job_call call = *(struct job_call *)context;
    struct job *job = call.job;
    size_t count = reply_count(reply), bytes = job->subject_bytes + 1;

    free(context);
    if (job->taken_over) {
        release_large(call.feed, job);
        job_drop(call.feed, job);
        return;
    }
    for (size_t i = 0; i < count; i++)
        bytes += reply_text(reply_at(reply, i)).size + 1;
    free(job->page);
    job->page = reply_error(reply) == 0 ? malloc(bytes) : NULL;
    if (!job->page) {
        release_large(call.feed, job);
        if (reply_error(reply) == -EPROTO)
            job_defeated(call.feed, job, reply_message(reply));
        else
            job_retry(call.feed, job);
        return;
    }
    job->page_bytes = job->page_at = 0;
    job->failed = false;
    if (job->place == 0)
        page_add(job, author_of(job));
    for (size_t i = 0; i < count; i++)
        page_add(job, reply_text(reply_at(reply, i)));
    if (job->page_bytes == 0)
        page_end(call.feed, job);
    else
        job_queue_add(&call.feed->jobs.to_push, job);
}

static void read_page(struct feed *feed, struct job *job)
{
    struct job_call *call = job_call(feed, job);
    int64_t limit = job->suspect ? TRIAL_PAGE : job->place == 0 ? FIRST_PAGE : LARGE_PAGE;

    if (!call || store_followers_page(feed->store, author_of(job), job->place, job->id, limit, &job->page_last, on_page,
                                      call) < 0) {
        free(call);
        release_large(feed, job);
        job_retry(feed, job);
    }
}

/* Reads the next page, or waits for its turn to have a large one. */
static void read_further(struct feed *feed, struct job *job)
{
    struct jobs *jobs = &feed->jobs;

    if (job->place == 0 || job->suspect) {
        read_page(feed, job);
    } else if (job->holds_large || jobs->large_pages < LARGE_PAGES_MAX) {
        jobs->large_pages += !job->holds_large;
        job->holds_large = true;
        read_page(feed, job);
    } else {
        job_queue_add(&jobs->wait_large, job);
    }
}

/* Gives the turn to whoever waits for it. */
static void release_large(struct feed *feed, struct job *job)
{
    struct jobs *jobs = &feed->jobs;

    if (!job->holds_large)
        return;
    job->holds_large = false;
    jobs->large_pages--;
    free(job->page);
    job->page = NULL;
    if (jobs->wait_large.first)
        read_further(feed, job_queue_take(&jobs->wait_large));
}

void fanout_begin(struct feed *feed, struct job *job)
{
    read_further(feed, job);
}

/* Answered before the next page is, since both travel on one link: so the job is still there. */
static void on_saved(void *context, const struct reply *reply)
{
    ((struct job *)context)->taken_over = reply_error(reply) == 0 && reply_number(reply) == 0;
}

static void on_forgotten(void *context, const struct reply *reply)
{
    struct job_call call = *(struct job_call *)context;

    free(context);
    if (reply_error(reply) < 0)
        job_retry(call.feed, call.job);
    else if (reply_number(reply) == 0)
        job_drop(call.feed, call.job);
    else
        job_finish(call.feed, call.job);
}

/* The last page is done. Whoever has the entry by now acknowledges it, and needs the place until then. */
static void forget_place(struct feed *feed, struct job *job)
{
    struct job_call *call = job_call(feed, job);

    if (!call || store_job_forget(feed->store, job->id, on_forgotten, call) < 0) {
        free(call);
        job_retry(feed, job);
    }
}

/* Every push of the page was answered. A job gives up its turn at a large page after each, to others that wait. */
static void page_end(struct feed *feed, struct job *job)
{
    release_large(feed, job);
    if (job->failed) {
        job_retry(feed, job);
    } else if (job->page_last != 0) {
        job->place = job->page_last;
        if (store_job_save(feed->store, job->id, job->place, on_saved, job) == 0)
            suspect_clear(feed, job);
        read_further(feed, job);
    } else if (job->place > 0) {
        forget_place(feed, job);
    } else {
        job_finish(feed, job);
    }
}

/* ---- pushes ---- */

static void on_pushed(void *context, const struct reply *reply)
{
    struct push *push = context;
    struct feed *feed = push->feed;
    struct job *job = push->job;
    int64_t length = reply_number(reply);
    int error = reply_error(reply);

    feed->jobs.pushes_in_flight--;
    job->in_flight--;
    if (error == -EPROTO) {
        metrics.pushes_failed++; /* what stands there is no timeline, and will not be one by trying again */
    } else if (error < 0) {
        job->failed = true;
    } else if (length == 0) {
        metrics.pushes_away++;
    } else {
        metrics.pushes++;
        if (length > feed->settings.timeline_cap + feed->settings.timeline_slack + 1) {
            metrics.trims++;
            store_trim(feed->store, (struct text){push->reader, push->reader_bytes}, reply_ignore, NULL);
        }
    }
    free(push);
    if (job->in_flight == 0 && job->page_at == job->page_bytes)
        page_end(feed, job);
}

/* Pushes to the next name of the page. False if that cannot be sent now. */
static bool push_next(struct feed *feed, struct job *job)
{
    uint8_t size = job->page[job->page_at];
    struct text name = {(const char *)job->page + job->page_at + 1, size};
    struct push *push = malloc(sizeof(*push) + size);

    if (push) {
        *push = (struct push){.feed = feed, .job = job, .reader_bytes = size};
        memcpy(push->reader, name.data, size);
    }
    if (!push || store_push(feed->store, name, job->id, on_pushed, push) < 0) {
        free(push);
        return false;
    }
    job->page_at += 1u + size;
    job->in_flight++;
    feed->jobs.pushes_in_flight++;
    return true;
}

/* One turn of one job. Returns false if the window is full or the time is up. */
static bool job_turn(struct feed *feed, struct job *job, int64_t deadline_ms)
{
    for (int64_t pushed = 0; job->page_at < job->page_bytes && pushed < feed->settings.push_quantum; pushed++) {
        if (feed->jobs.pushes_in_flight >= feed->settings.push_window)
            break;
        if (!push_next(feed, job)) {
            job->failed = true;
            job->page_at = job->page_bytes;
            if (job->in_flight == 0)
                page_end(feed, job);
            return false;
        }
        if (pushed % PUSHES_PER_CLOCK == 0 && clock_now_ms() > deadline_ms)
            break;
    }
    if (job->page_at < job->page_bytes)
        job_queue_add(&feed->jobs.to_push, job);
    return feed->jobs.pushes_in_flight < feed->settings.push_window && clock_now_ms() <= deadline_ms;
}

void fanout_turn(struct feed *feed)
{
    int64_t deadline_ms;

    if (!feed->jobs.to_push.first || !store_bulk_is_up(feed->store))
        return;
    deadline_ms = clock_now_ms() + SLICE_MS;
    while (feed->jobs.to_push.first && job_turn(feed, job_queue_take(&feed->jobs.to_push), deadline_ms))
        ;
}

void fanout_reset(struct feed *feed)
{
    feed->jobs.to_push = (struct job_queue){0};
    feed->jobs.wait_large = (struct job_queue){0};
    feed->jobs.large_pages = 0;
}
