/* See look.h. */
#include "feed/look.h"

#include "base/clock.h"
#include "feed/internal.h"

/* Streams of one connection that are looked at: one may have ten thousand. */
#define STREAMS_LOOKED_AT 64

int64_t feed_age_ms(uint64_t id)
{
    int64_t age_ms = clock_wall_ms() - id_wall_ms(id);

    return age_ms > 0 ? age_ms : 0;
}

/* The age of the oldest entry that a stream which catches up has not come to. What left memory is as old as its position. */
static int64_t lag_of_stream(const struct feed *feed, const struct subscription *stream)
{
    int64_t lag_ms = 0;

    for (unsigned partition = 0; partition < feed->partitions; partition++) {
        const struct ring *ring = &feed->rings[partition];
        uint64_t position = stream->position[partition];
        size_t above = position < ring->floor ? 0 : ring_above(ring, position);
        uint64_t oldest = position < ring->floor ? position : above < ring->count ? ring_at(ring, above)->id : 0;

        if (oldest != 0 && feed_age_ms(oldest) > lag_ms)
            lag_ms = feed_age_ms(oldest);
    }
    return lag_ms;
}

void feed_look_at_subscriber(const struct feed *feed, const struct feed_subscriber *subscriber,
                             struct feed_subscriber_look *ret_look)
{
    const struct subscription *stream = subscriber->first;

    *ret_look = (struct feed_subscriber_look){.streams = subscriber->count};
    for (unsigned seen = 0; stream && seen < STREAMS_LOOKED_AT; seen++, stream = stream->next_of_subscriber) {
        int64_t lag_ms;

        if (stream->state != SUBSCRIPTION_CATCHING_UP || !stream->position)
            continue;
        ret_look->catching_up++;
        lag_ms = lag_of_stream(feed, stream);
        if (lag_ms > ret_look->lag_ms)
            ret_look->lag_ms = lag_ms;
    }
}

size_t feed_look_at_hot(const struct feed *feed, struct feed_hot *rows, size_t limit, int64_t *ret_span_ms)
{
    return hot_look(&feed->hot, clock_now_ms(), rows, limit, ret_span_ms);
}

/* ---- jobs ---- */

static const char *state_of(const struct jobs *jobs, const struct job *job)
{
    if (job == jobs->on_trial)
        return "on-trial";
    if (job->retry_at_ms != 0)
        return "retrying";
    if (job->suspect)
        return "suspect";
    if (job->page || job->in_flight > 0)
        return "pushing";
    return job->place > 0 && !job->holds_large ? "waiting" : "reading";
}

static struct feed_job_look look_at_job(const struct jobs *jobs, const struct job *job)
{
    return (struct feed_job_look){.id = job->id,
                                  .kind = log_kind_name(job->kind),
                                  .state = state_of(jobs, job),
                                  .subject = {job->subject, job->subject_bytes},
                                  .reader = {job->reader, job->reader_bytes},
                                  .in_flight = job->in_flight,
                                  .pushed = job->pushed + job->page_pushed,
                                  .away = job->away + job->page_away};
}

/* Puts a row where it belongs by its id, among `count` rows of room for `limit`. Returns how many there are then. */
static size_t insert(struct feed_job_look *rows, size_t count, size_t limit, const struct feed_job_look *row)
{
    size_t at = count;

    if (count == limit && (limit == 0 || rows[count - 1].id < row->id))
        return count;
    if (count == limit)
        at--;
    for (; at > 0 && rows[at - 1].id > row->id; at--)
        rows[at] = rows[at - 1];
    rows[at] = *row;
    return count < limit ? count + 1 : count;
}

/* There are at most some thousand jobs. */
size_t feed_look_at_jobs(const struct feed *feed, struct feed_job_look *rows, size_t limit, struct feed_jobs_look *ret_look)
{
    const struct jobs *jobs = &feed->jobs;
    size_t count = 0;

    *ret_look = (struct feed_jobs_look){.pushes_in_flight = (size_t)jobs->pushes.in_flight};
    for (unsigned lane = 0; lane < PUSH_LANES; lane++)
        ret_look->pushes_waiting += jobs->pushes.lanes[lane].count;
    for (size_t i = 0; i < jobs->map.capacity; i++) {
        const struct job *job = jobs->map.slots[i].value;
        struct feed_job_look row;

        if (jobs->map.slots[i].id == 0)
            continue;
        row = look_at_job(jobs, job);
        ret_look->suspects += job->suspect && job->retry_at_ms == 0 && job != jobs->on_trial;
        ret_look->retrying += job->retry_at_ms != 0;
        count = insert(rows, count, limit, &row);
    }
    ret_look->running = jobs->map.count - ret_look->suspects - ret_look->retrying;
    return count;
}

/* ---- subjects and partitions ---- */

static uint32_t streams_in(const struct subscription *stream)
{
    uint32_t count = 0;

    for (; stream; stream = stream->next)
        count++;
    return count;
}

void feed_look_at_subject(const struct feed *feed, struct text name, struct feed_subject_look *ret_look)
{
    uint32_t slot = subject_find(&feed->subjects, name);
    const struct subject *subject = slot == NO_SUBJECT ? NULL : feed->subjects.slots[slot];

    *ret_look = (struct feed_subject_look){.partition = partition_of_subject(name)};
    if (!subject)
        return;
    ret_look->online = subject->online.count;
    ret_look->profile_streams = streams_in(subject->streams);
    if (!subject->reader)
        return;
    ret_look->home_streams = streams_in(subject->reader->subscriptions);
    ret_look->following_in_memory = true;
    ret_look->timeline_in_memory = subject->reader->recent != NULL;
}

void feed_look_at_partition(const struct feed *feed, unsigned partition, struct feed_partition_look *ret_look)
{
    const struct ring *ring = &feed->rings[partition];
    size_t above = ring_above(ring, feed->applied[partition]);

    *ret_look = (struct feed_partition_look){
        .position = feed->positions[partition],
        .applied = feed->applied[partition],
        .lag_ms = above < ring->count ? clock_now_ms() - ring_at(ring, above)->made_ms : 0,
        .ring_entries = ring->count,
        .ring_bytes = ring->bytes,
        .run = store_mark(feed->store, partition),
    };
}

struct store *feed_store(const struct feed *feed)
{
    return feed->store;
}

struct text feed_author_of_body(struct text body)
{
    struct text author = author_of_body(body);

    return author.data ? author : (struct text){"", 0};
}
