/* Fan-out: a share to the timelines of its author's followers.
 *
 * Followers are read in pages, in the order of their edges, up to the share's own id: whoever followed later got the share
 * with the backfill. Jobs take turns by a small quantum, all within one window of unanswered pushes, and no slice holds the
 * loop for more than a millisecond. After each page but the last the place is saved; a page in which anything failed is
 * done again as a whole, since reads drop repeats. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "feed/internal.h"

#define PAGE 2000
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

static void enqueue(struct feed *feed, struct job *job)
{
    struct jobs *jobs = &feed->jobs;

    if (job->queued)
        return;
    job->queued = true;
    job->next = NULL;
    *(jobs->queue_last ? &jobs->queue_last->next : &jobs->queue_first) = job;
    jobs->queue_last = job;
}

static struct job *dequeue(struct feed *feed)
{
    struct jobs *jobs = &feed->jobs;
    struct job *job = jobs->queue_first;

    jobs->queue_first = job->next;
    if (!jobs->queue_first)
        jobs->queue_last = NULL;
    job->queued = false;
    return job;
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

/* Names as they are pushed to: each behind its length. The author's own timeline comes first of all. */
static int page_add(struct job *job, struct text name)
{
    if (name.size > UINT8_MAX)
        return 0;
    job->page[job->page_bytes++] = (uint8_t)name.size;
    memcpy(job->page + job->page_bytes, name.data, name.size);
    job->page_bytes += name.size;
    return 0;
}

static void on_page(void *context, const struct reply *reply)
{
    struct job_call call = *(struct job_call *)context;
    struct job *job = call.job;
    size_t count = reply_count(reply) / 2, bytes = job->subject_bytes + 1;

    free(context);
    for (size_t i = 0; i < count; i++)
        bytes += reply_text(reply_at(reply, 2 * i)).size + 1;
    free(job->page);
    job->page = reply_error(reply) == 0 ? malloc(bytes) : NULL;
    if (!job->page) {
        job_retry(call.feed, job);
        return;
    }
    job->page_bytes = job->page_at = 0;
    job->failed = false;
    job->page_is_last = count < PAGE;
    if (job->place == 0)
        page_add(job, author_of(job));
    for (size_t i = 0; i < count; i++)
        page_add(job, reply_text(reply_at(reply, 2 * i)));
    if (count > 0)
        job->page_last = reply_id(reply_at(reply, 2 * count - 1));
    if (job->page_bytes == 0)
        job_finish(call.feed, job);
    else
        enqueue(call.feed, job);
}

static void read_page(struct feed *feed, struct job *job)
{
    struct job_call *call = job_call(feed, job);

    if (!call || store_followers_page(feed->store, author_of(job), job->place, job->id, PAGE, on_page, call) < 0) {
        free(call);
        job_retry(feed, job);
    }
}

static void on_place(void *context, const struct reply *reply)
{
    struct job_call call = *(struct job_call *)context;

    free(context);
    if (reply_error(reply) < 0) {
        job_retry(call.feed, call.job);
        return;
    }
    call.job->place = reply_id(reply);
    call.job->fresh = true;
    read_page(call.feed, call.job);
}

void fanout_begin(struct feed *feed, struct job *job)
{
    struct job_call *call;

    if (job->fresh) {
        read_page(feed, job);
        return;
    }
    call = job_call(feed, job);
    if (!call || store_job_place(feed->store, job->id, on_place, call) < 0) {
        free(call);
        job_retry(feed, job);
    }
}

static void on_nothing(void *context, const struct reply *reply)
{
    (void)context;
    (void)reply;
}

/* Every push of the page was answered. */
static void page_end(struct feed *feed, struct job *job)
{
    if (job->failed) {
        job_retry(feed, job);
        return;
    }
    if (!job->page_is_last) {
        job->place = job->page_last;
        store_job_save(feed->store, job->id, job->place, on_nothing, NULL);
        read_page(feed, job);
        return;
    }
    if (job->place > 0)
        store_job_forget(feed->store, job->id, on_nothing, NULL);
    job_finish(feed, job);
}

/* ---- pushes ---- */

static void on_pushed(void *context, const struct reply *reply)
{
    struct push *push = context;
    struct feed *feed = push->feed;
    struct job *job = push->job;
    int64_t length = reply_number(reply);

    feed->jobs.pushes_in_flight--;
    job->in_flight--;
    if (reply_error(reply) < 0) {
        job->failed = true;
    } else if (length == 0) {
        metrics.pushes_away++;
    } else {
        metrics.pushes++;
        if (length > feed->settings.timeline_cap + feed->settings.timeline_slack + 1) {
            metrics.trims++;
            store_trim(feed->store, (struct text){push->reader, push->reader_bytes}, on_nothing, NULL);
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
                job_retry(feed, job);
            return false;
        }
        if (pushed % PUSHES_PER_CLOCK == 0 && clock_now_ms() > deadline_ms)
            break;
    }
    if (job->page_at < job->page_bytes)
        enqueue(feed, job);
    return feed->jobs.pushes_in_flight < feed->settings.push_window && clock_now_ms() <= deadline_ms;
}

void fanout_turn(struct feed *feed)
{
    int64_t deadline_ms;

    if (!feed->jobs.queue_first || !store_bulk_is_up(feed->store))
        return;
    deadline_ms = clock_now_ms() + SLICE_MS;
    while (feed->jobs.queue_first && job_turn(feed, dequeue(feed), deadline_ms))
        ;
}
