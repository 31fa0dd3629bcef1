/* Fan-out: a share to the timelines of its author's followers.
 *
 * Followers are read in pages, in the order of their edges, up to the share's own id: whoever followed later got the share
 * with the backfill. A first page is small, so that small jobs are soon done however many there are; further pages are large,
 * and only a few are in memory at a time. Jobs take turns by a small quantum in handing their names over to pushes.c, and no
 * slice holds the loop for more than a millisecond. With the first page goes the record of what the share leads to. A page in which
 * anything failed is done again as a whole, since reads drop repeats. After each page but the last the place is saved, but for
 * a first one, which is done again more cheaply than its place is saved; a suspect's is, as it clears it. */
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
static enum push_lane lane_of(const struct job *job);
static void page_release(struct feed *feed, struct job *job);

/* Names as they are pushed to: each behind its length. The author's own timeline comes first of all. */
static void page_add(struct job *job, struct text name)
{
    if (name.size > UINT8_MAX)
        return; /* no subject has such a name */
    job->page[job->page_bytes++] = (uint8_t)name.size;
    memcpy(job->page + job->page_bytes, name.data, name.size);
    job->page_bytes += name.size;
}

/* Takes the names of a reply; NULL: there are none. */
static void page_take(struct feed *feed, struct job *job, const struct reply *reply)
{
    size_t count = reply ? reply_count(reply) : 0, bytes = job->subject_bytes + 1;

    for (size_t i = 0; i < count; i++)
        bytes += reply_text(reply_at(reply, i)).size + 1;
    free(job->page);
    job->page = malloc(bytes);
    if (!job->page) {
        page_release(feed, job);
        job_retry(feed, job);
        return;
    }
    job->page_bytes = job->page_at = 0;
    job->page_pushed = job->page_away = 0;
    job->failed = false;
    if (job->place == 0) {
        page_add(job, author_of(job));
        if (job->record) {
            job->in_flight++;
            record_begin(feed, job);
        }
    }
    for (size_t i = 0; i < count; i++)
        page_add(job, reply_text(reply_at(reply, i)));
    if (job->page_bytes == 0)
        page_end(feed, job);
    else
        job_queue_add(&feed->jobs.to_push[lane_of(job)], job);
}

static void on_page(void *context, const struct reply *reply)
{
    struct job_call call = *(struct job_call *)context;
    struct job *job = call.job;

    free(context);
    if (!job->taken_over && reply_error(reply) == 0) {
        page_take(call.feed, job, reply);
        return;
    }
    page_release(call.feed, job);
    if (job->taken_over)
        job_drop(call.feed, job);
    else if (reply_error(reply) == -EPROTO)
        job_defeated(call.feed, job, reply_message(reply));
    else
        job_retry(call.feed, job);
}

/* Since an author's shares and edges have one order, no more edges lie below a share than were there when it was committed. */
static void read_page(struct feed *feed, struct job *job)
{
    int64_t limit = job->suspect ? TRIAL_PAGE : job->place == 0 ? FIRST_PAGE : LARGE_PAGE;
    bool is_only = job->followers <= (uint64_t)limit;
    struct job_call *call;

    job->page_last = 0;
    if (job->followers == 0) {
        page_take(feed, job, NULL);
        return;
    }
    call = job_call(feed, job);
    if (!call || store_followers_page(feed->store, author_of(job), job->place, job->id, limit, is_only ? NULL : &job->page_last,
                                      on_page, call) < 0) {
        free(call);
        page_release(feed, job);
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

/* The page is not needed any more; the turn, if it was large, goes to whoever waits for one. */
static void page_release(struct feed *feed, struct job *job)
{
    struct jobs *jobs = &feed->jobs;

    free(job->page);
    job->page = NULL;
    job->page_bytes = job->page_at = 0;
    if (!job->holds_large)
        return;
    job->holds_large = false;
    jobs->large_pages--;
    if (jobs->wait_large.first)
        read_further(feed, job_queue_take(&jobs->wait_large));
}

void fanout_begin(struct feed *feed, struct job *job)
{
    trace_fanout_begun(feed, job);
    if (!job->is_merged) {
        read_further(feed, job);
        return;
    }
    metrics.shares_merged++;
    job->failed = false;
    job->in_flight++;
    if (job->record)
        record_begin(feed, job);
    else
        fanout_recorded(feed, job, 0);
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

/* Every push of the page was answered. One without names still holds its turn. */
static void page_end(struct feed *feed, struct job *job)
{
    page_release(feed, job);
    if (job->failed) {
        job_retry(feed, job);
        return;
    }
    job->pushed += job->page_pushed;
    job->away += job->page_away;
    if (job->page_last != 0) {
        bool saves = job->place > 0 || job->suspect;

        job->place = job->page_last;
        if (saves && store_job_save(feed->store, job->id, job->place, on_saved, job) == 0) {
            job->is_saved = true;
            suspect_clear(feed, job);
        }
        read_further(feed, job);
    } else if (job->is_saved) {
        forget_place(feed, job);
    } else {
        job_finish(feed, job);
    }
}

/* ---- pushes ---- */

static void job_release(struct feed *feed, struct job *job)
{
    job->in_flight--;
    if (job->in_flight == 0 && job->page_at == job->page_bytes)
        page_end(feed, job);
}

void fanout_recorded(struct feed *feed, struct job *job, int error)
{
    job->failed = job->failed || error < 0;
    job_release(feed, job);
}

void fanout_pushed(struct feed *feed, struct job *job, int result)
{
    job->failed = job->failed || result < 0;
    job->page_pushed += result > 0;
    job->page_away += result == 0;
    job_release(feed, job);
}

static enum push_lane lane_of(const struct job *job)
{
    return job->place == 0 || job->suspect ? PUSH_FIRST : PUSH_FURTHER;
}

/* One turn of one job. Returns false if its lane is full or the time is up. */
static bool job_turn(struct feed *feed, struct job *job, int64_t deadline_ms)
{
    enum push_lane lane = lane_of(job);
    bool goes_on = true;

    job->in_flight++; /* until it has had its turn its page does not end */
    for (int64_t added = 1; job->page_at < job->page_bytes && added <= feed->settings->push_quantum && goes_on; added++) {
        uint8_t size = job->page[job->page_at];
        int error;

        job->in_flight++;
        error = push_add(feed, job, (struct text){(const char *)job->page + job->page_at + 1, size}, lane);
        if (error < 0)
            job->in_flight--;
        if (error == -ENOMEM) {
            job->failed = true;
            job->page_at = job->page_bytes;
        } else if (error == 0) {
            job->page_at += 1u + size;
        }
        goes_on = error == 0 && (added % PUSHES_PER_CLOCK != 0 || clock_now_ms() <= deadline_ms);
    }
    if (job->page_at < job->page_bytes)
        job_queue_add(&feed->jobs.to_push[lane], job);
    else
        page_release(feed, job);
    job_release(feed, job);
    return goes_on;
}

void fanout_turn(struct feed *feed)
{
    int64_t deadline_ms = clock_now_ms() + SLICE_MS;

    if (!store_bulk_is_up(feed->store))
        return;
    pushes_send(feed, deadline_ms);
    for (unsigned lane = 0; lane < PUSH_LANES; lane++)
        while (feed->jobs.to_push[lane].first && job_turn(feed, job_queue_take(&feed->jobs.to_push[lane]), deadline_ms))
            ;
}

void fanout_reset(struct feed *feed)
{
    pushes_clear(feed);
    batches_clear(feed, BATCH_RECORDS);
    batches_clear(feed, BATCH_CHECKS);
    for (unsigned lane = 0; lane < PUSH_LANES; lane++)
        feed->jobs.to_push[lane] = (struct job_queue){0};
    feed->jobs.wait_large = (struct job_queue){0};
    feed->jobs.large_pages = 0;
}
