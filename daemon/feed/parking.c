/* Suspects: entries that were pending when this daemon took them. Whoever had them before may have died of one.
 *
 * So a suspect is tried alone among suspects, and the try is counted in Redis before it begins; it is cleared as soon as it is
 * finished or has got on by a page, and then the next one is tried. A crash thus leaves its count with the one that was on
 * trial. One that was tried TRIES_MAX times in as many lives of daemons, and never got on, is parked: marked as finished, so
 * that it holds nothing up, and kept under its id in `parked` with all that is needed to carry it out later. So is one, fresh
 * or not, whose effects Redis refused DEFEATS_MAX times with an error that does not pass. After fanout.retry_parked_s it is
 * tried once more, alone: daemons may have been ended by something else, or what was wrong been mended.
 *
 * What ends a try without a crash takes its count back: an orderly stop, an error that passes, or a second in which nothing
 * happens, as when Redis stands still. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "feed/internal.h"

#define TRIES_MAX 2
#define TRIAL_MS 1000 /* what has not ended the daemon by then does not end daemons */
#define DEFEATS_MAX 5

struct parking_call {
    struct feed *feed;
    struct job *job;
    int64_t tries;
    char reason[160];
};

static struct parking_call *parking_call(struct feed *feed, struct job *job)
{
    struct parking_call *call = calloc(1, sizeof(*call));

    if (call) {
        call->feed = feed;
        call->job = job;
    }
    return call;
}

/* ---- parking ---- */

static struct store_parked parked_of(const struct parking_call *call)
{
    const struct job *job = call->job;

    return (struct store_parked){.id = job->id,
                                 .kind = job->kind,
                                 .subject = {job->subject, job->subject_bytes},
                                 .reader = {job->reader, job->reader_bytes},
                                 .tries = call->tries,
                                 .reason = call->reason};
}

static void complain(const struct store_parked *parked)
{
    char position[STREAM_ID_BYTES], subject[256], reader[256];
    struct text log = log_key_name(partition_of_id(parked->id));

    stream_id_of(parked->id, position);
    snprintf(subject, sizeof(subject), "%.*s", (int)parked->subject.size, parked->subject.data);
    snprintf(reader, sizeof(reader), "%.*s", (int)parked->reader.size, parked->reader.size ? parked->reader.data : "");
    log_error("job-parked",
              "id=%" PRIu64 " log=%.*s entry=%s kind=%s subject=%s reader=%s tries=%" PRId64 " reason=%s "
              "remedy=\"its effects are not carried out, and nothing waits for them; mend what the reason tells of: it is kept in "
              "Redis, in the hash parked%.*s under the id, and is tried again every fanout.retry_parked_s\"",
              parked->id, (int)log.size, log.data, position, log_kind_name(parked->kind), log_quote(subject),
              log_quote(reader), parked->tries, log_quote(parked->reason), (int)(log.size - 3), log.data + 3);
}

static void on_parked(void *context, const struct reply *reply)
{
    struct parking_call *call = context;
    struct store_parked parked = parked_of(call);

    if (reply_error(reply) < 0) {
        job_retry(call->feed, call->job); /* and then it is parked after all */
        free(call);
        return;
    }
    if (reply_number(reply) > 0) {
        metrics.jobs_parked++;
        complain(&parked);
    }
    job_drop(call->feed, call->job);
    free(call);
}

/* Takes the call. */
static void park(struct parking_call *call, int64_t tries, const char *reason)
{
    call->tries = tries;
    snprintf(call->reason, sizeof(call->reason), "%s", reason);
    struct store_parked parked = parked_of(call);

    if (store_job_park(call->feed->store, &parked, on_parked, call) == 0)
        return;
    job_retry(call->feed, call->job);
    free(call);
}

void job_defeated(struct feed *feed, struct job *job, const char *reason)
{
    struct parking_call *call = ++job->defeats >= DEFEATS_MAX ? parking_call(feed, job) : NULL;

    if (call)
        park(call, job->defeats, reason);
    else
        job_retry(feed, job);
}

static void on_unparked(void *context, const struct reply *reply)
{
    int64_t count = reply_number(reply);

    (void)context;
    if (count > 0) {
        metrics.jobs_unparked += (uint64_t)count;
        log_info("jobs-unparked", "count=%" PRId64, count);
    }
}

/* Partitions that were asked to give back what is parked, because somebody wants it. */
struct retry {
    struct feed *feed;
    unsigned pending;
    Feed__ErrorCode error;
    int64_t count;
    feed_retried_fn *fn;
    void *context;
};

static void retry_end_one(struct retry *retry)
{
    if (--retry->pending > 0)
        return;
    retry->feed->jobs.claim_at_ms = 0; /* they are taken at once */
    retry->fn(retry->context, retry->error, retry->count);
    free(retry);
}

static void on_retried(void *context, const struct reply *reply)
{
    struct retry *retry = context;

    on_unparked(NULL, reply);
    if (reply_error(reply) < 0)
        retry->error = FEED__ERROR_CODE__UNAVAILABLE;
    else
        retry->count += reply_number(reply);
    retry_end_one(retry);
}

void feed_retry_parked(struct feed *feed, feed_retried_fn *fn, void *context)
{
    struct retry *retry = malloc(sizeof(*retry));

    if (!retry) {
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, 0);
        return;
    }
    *retry = (struct retry){.feed = feed, .pending = 1, .fn = fn, .context = context};
    for (unsigned partition = 0; partition < feed->partitions; partition++) {
        if (store_jobs_unpark(feed->store, partition, 0, TRIES_MAX - 1, on_retried, retry) == 0)
            retry->pending++;
        else
            retry->error = FEED__ERROR_CODE__UNAVAILABLE;
    }
    retry_end_one(retry);
}

void parked_tick(struct feed *feed)
{
    if (feed->settings->retry_parked_s == 0)
        return;
    for (unsigned partition = 0; partition < feed->partitions; partition++)
        store_jobs_unpark(feed->store, partition, feed->settings->retry_parked_s * 1000, TRIES_MAX - 1, on_unparked, feed);
}

/* ---- trials ---- */

static void on_handed_back(void *context, const struct reply *reply)
{
    (void)reply;
    ((struct feed *)context)->jobs.counting--;
}

static void hand_back(struct feed *feed, struct job *job)
{
    if (job->counted && store_job_hand_back(feed->store, job->id, on_handed_back, feed) == 0) {
        feed->jobs.counting++;
        job->counted = false;
    }
}

/* It ends before another daemon may claim the entry: to stand still is not to die of it. */
static int64_t trial_ms(const struct feed *feed)
{
    return feed->settings->claim_after_ms / 2 < TRIAL_MS ? feed->settings->claim_after_ms / 2 : TRIAL_MS;
}

static void on_taken(void *context, const struct reply *reply)
{
    struct parking_call *call = context;
    struct feed *feed = call->feed;
    struct job *job = call->job;
    int64_t tries = reply_number(reply_at(reply, 0));
    int error = reply_error(reply);

    feed->jobs.counting--;
    if (error == 0 && tries > TRIES_MAX) {
        park(call, tries - 1, "each daemon that tried it alone ended without a word");
        return;
    }
    free(call);
    if (error == -EPROTO) {
        job_defeated(feed, job, reply_message(reply));
    } else if (error < 0) {
        job_retry(feed, job);
    } else if (tries == 0) {
        job_drop(feed, job);
    } else {
        job->counted = true;
        feed->jobs.trial_ends_ms = clock_now_ms() + trial_ms(feed);
        job->place = reply_id(reply_at(reply, 1));
        job->is_saved = job->place > 0;
        if (feed->jobs.stopped)
            hand_back(feed, job);
        else
            job_carry_out(feed, job);
    }
}

void suspects_add(struct feed *feed, struct job *job)
{
    job_queue_add(&feed->jobs.suspects, job);
}

void suspects_turn(struct feed *feed)
{
    struct jobs *jobs = &feed->jobs;

    while (!jobs->on_trial && jobs->suspects.first && !jobs->stopped && store_bulk_is_up(feed->store)) {
        struct job *job = job_queue_take(&jobs->suspects);
        struct parking_call *call = parking_call(feed, job);

        jobs->on_trial = job;
        if (call && store_job_take(feed->store, job->id, on_taken, call) == 0) {
            jobs->counting++;
        } else {
            free(call);
            job_retry(feed, job);
        }
    }
}

void suspects_tick(struct feed *feed, int64_t now_ms)
{
    struct job *job = feed->jobs.on_trial;

    if (job && job->counted && now_ms >= feed->jobs.trial_ends_ms)
        suspect_leave(feed, job);
}

void suspect_leave(struct feed *feed, struct job *job)
{
    hand_back(feed, job);
    if (feed->jobs.on_trial == job)
        feed->jobs.on_trial = NULL;
}

void suspect_clear(struct feed *feed, struct job *job)
{
    job->suspect = job->counted = false;
    job->defeats = 0;
    if (feed->jobs.on_trial == job)
        feed->jobs.on_trial = NULL;
}

void suspects_hand_back(struct feed *feed)
{
    const struct idmap *map = &feed->jobs.map;

    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].id != 0)
            hand_back(feed, map->slots[i].value);
}
