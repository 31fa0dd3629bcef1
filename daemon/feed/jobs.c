/* Jobs: the log entries that are dealt to this daemon. Each has its effects carried out and is acknowledged when every one of
 * them was answered with success; until then Redis keeps it for whoever comes. What is unfinished from an earlier life of
 * this daemon is taken up first; what other daemons left unfinished is claimed when they have shown no life for a while. What
 * was begun before is a suspect, see parking.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "feed/internal.h"

#define JOBS_MAX 2048 /* unfinished entries that one daemon holds */
#define READ_COUNT 256
#define RETRY_MS 500
#define RENEW_MAX 64 /* entries of a partition in one command */

void job_queue_add(struct job_queue *queue, struct job *job)
{
    job->next = NULL;
    *(queue->last ? &queue->last->next : &queue->first) = job;
    queue->last = job;
}

struct job *job_queue_take(struct job_queue *queue)
{
    struct job *job = queue->first;

    queue->first = job->next;
    if (!queue->first)
        queue->last = NULL;
    return job;
}

void job_carry_out(struct feed *feed, struct job *job)
{
    switch (job->kind) {
    case LOG_SHARE:
        fanout_begin(feed, job);
        return;
    case LOG_FOLLOW:
    case LOG_UNFOLLOW:
        follow_begin_job(feed, job);
        return;
    case LOG_BLOCK:
    case LOG_UNBLOCK:
        block_begin_job(feed, job);
        return;
    case LOG_ERASE:
    case LOG_ERASING:
        erase_begin_job(feed, job);
        return;
    case LOG_COMMENT:
        notice_begin_job(feed, job);
        return;
    case LOG_DELETE:
        if (!job->record)
            break;
        record_begin(feed, job);
        return;
    case LOG_EDGE:
    case LOG_UNEDGE:
    case LOG_BOUNDARY:
    case LOG_RETRY:
    case LOG_SUBJECT:
    case LOG_EDIT:
    case LOG_UNCOMMENT:
    case LOG_MUTE:
    case LOG_UNMUTE:
    case LOG_BAR:
    case LOG_UNBAR:
    case LOG_READ:
    case LOG_READ_INBOX:
    case LOG_NOTICE:
    case LOG_RESHARED:
    case LOG_UNRESHARED:
    case LOG_COUNTED:
    case LOG_UNKNOWN:
        break;
    }
    job_finish(feed, job); /* it has no effects beyond its entry */
}

static void begin(struct feed *feed, struct job *job)
{
    job->retry_at_ms = 0;
    if (job->suspect)
        suspects_add(feed, job);
    else
        job_carry_out(feed, job);
}

static void job_free(struct job *job)
{
    free(job->page);
    free(job->record);
    free(job->reader);
    free(job);
}

static void acknowledge(struct feed *feed, uint64_t id)
{
    struct jobs *jobs = &feed->jobs;
    unsigned partition = partition_of_id(id);

    if (jobs->done_count[partition] == jobs->done_capacity[partition]) {
        size_t capacity = jobs->done_capacity[partition] ? jobs->done_capacity[partition] * 2 : 64;
        uint64_t *done = realloc(jobs->done[partition], capacity * sizeof(*done));

        if (!done)
            return; /* it stays pending, and is done again later: harmless */
        jobs->done[partition] = done;
        jobs->done_capacity[partition] = capacity;
    }
    jobs->done[partition][jobs->done_count[partition]++] = id;
}

void job_drop(struct feed *feed, struct job *job)
{
    suspect_clear(feed, job);
    idmap_remove(&feed->jobs.map, job->id);
    job_free(job);
}

void job_finish(struct feed *feed, struct job *job)
{
    if (job->suspect)
        store_job_forget(feed->store, job->id, reply_ignore, NULL);
    acknowledge(feed, job->id);
    trace_fanout_done(feed, job);
    metrics.jobs_done++;
    if (job->kind == LOG_SHARE)
        histogram_add(&metrics.fanout_us, (clock_wall_ms() - id_wall_ms(job->id)) * 1000);
    job_drop(feed, job);
}

void job_retry(struct feed *feed, struct job *job)
{
    suspect_leave(feed, job);
    job->retry_at_ms = clock_now_ms() + RETRY_MS;
}

/* ---- taking entries ---- */

static struct job *job_new(const struct log_entry *entry)
{
    struct job *job = calloc(1, sizeof(*job) + entry->subject.size + 1);

    if (!job)
        return NULL;
    job->id = entry->id;
    job->kind = entry->kind;
    job->other = entry->other;
    job->share = entry->share;
    job->is_merged = entry->is_merged;
    job->followers = entry->followers;
    job->kept = entry->kept;
    job->renewed_ms = clock_now_ms();
    job->subject_bytes = entry->subject.size;
    memcpy(job->subject, entry->subject.data, entry->subject.size);
    job->reader_bytes = entry->reader.size;
    if (entry->reader.size > 0)
        job->reader = strndup(entry->reader.data, entry->reader.size);
    if ((entry->reader.size > 0 && !job->reader) || record_new(job, entry) < 0) {
        job_free(job);
        return NULL;
    }
    return job;
}

static bool has_effects(enum log_kind kind)
{
    return kind == LOG_SHARE || kind == LOG_FOLLOW || kind == LOG_UNFOLLOW || kind == LOG_BLOCK || kind == LOG_UNBLOCK ||
           kind == LOG_COMMENT || kind == LOG_ERASE || kind == LOG_ERASING;
}

static void take(struct feed *feed, const struct log_entry *entry, bool fresh)
{
    struct job *job;

    if (idmap_get(&feed->jobs.map, entry->id))
        return; /* it is being worked on: Redis gave it out again after a lost connection */
    job = job_new(entry);
    if (!job || idmap_set(&feed->jobs.map, entry->id, job) < 0) {
        if (job)
            job_free(job);
        return; /* it stays pending, and will be claimed */
    }
    job->suspect = !fresh && (job->record || (has_effects(job->kind) && !job->is_merged));
    begin(feed, job);
}

static void on_new_entry(void *context, const struct log_entry *entry)
{
    take(context, entry, true);
}

static void on_old_entry(void *context, const struct log_entry *entry)
{
    struct feed *feed = context;

    if (feed->jobs.own_partition < feed->partitions)
        feed->jobs.own_after = entry->id;
    take(feed, entry, false);
}

/* What is asked of one partition. */
struct jobs_question {
    struct feed *feed;
    unsigned partition;
};

static void on_claimed_entry(void *context, const struct log_entry *entry)
{
    metrics.jobs_claimed++;
    take(((struct jobs_question *)context)->feed, entry, false);
}

static void on_batch_end(void *context, size_t entries)
{
    (void)context;
    (void)entries;
}

static const struct log_handlers new_handlers = {on_new_entry, on_batch_end};
static const struct log_handlers old_handlers = {on_old_entry, on_batch_end};
static const struct log_handlers claim_handlers = {on_claimed_entry, on_batch_end};

static void on_asked(void *context, int count)
{
    struct feed *feed = context;
    struct jobs *jobs = &feed->jobs;

    jobs->asking = false;
    if (count < 0)
        jobs->ask_at_ms = clock_now_ms() + RETRY_MS;
    if (count == 0 && jobs->own_partition < feed->partitions) {
        jobs->own_partition++;
        jobs->own_after = 0;
    }
}

/* First what this daemon was given before, partition by partition; then what is new. */
static void ask(struct feed *feed)
{
    struct jobs *jobs = &feed->jobs;
    int error;

    if (jobs->asking || jobs->stopped || jobs->map.count >= JOBS_MAX || !store_jobs_is_up(feed->store) ||
        (jobs->ask_at_ms > 0 && clock_now_ms() < jobs->ask_at_ms))
        return;
    jobs->ask_at_ms = 0;
    jobs->asking = true;
    if (jobs->own_partition < feed->partitions)
        error = store_jobs_own(feed->store, jobs->own_partition, jobs->own_after, READ_COUNT, &old_handlers, on_asked, feed);
    else
        error = store_jobs_new(feed->store, READ_COUNT, &new_handlers, on_asked, feed);
    if (error < 0)
        jobs->asking = false;
}

void jobs_link_up(struct feed *feed)
{
    feed->jobs.own_partition = 0;
    feed->jobs.own_after = 0;
    feed->jobs.asking = false;
    ask(feed);
}

/* ---- time passes ---- */

static void on_renewed(void *context, const struct reply *reply)
{
    struct jobs_question question = *(struct jobs_question *)context;

    (void)reply;
    free(context);
    question.feed->jobs.renewing &= ~(UINT64_C(1) << question.partition);
}

/* One question of a partition at a time: a Redis that is slow is not asked more and more. */
static void renew(struct feed *feed, unsigned partition, const uint64_t *ids, size_t count)
{
    struct jobs_question *question = count > 0 ? malloc(sizeof(*question)) : NULL;

    if (!question)
        return;
    *question = (struct jobs_question){feed, partition};
    if (store_jobs_renew(feed->store, partition, ids, count, on_renewed, question) < 0)
        free(question);
    else
        feed->jobs.renewing |= UINT64_C(1) << partition;
}

static void renew_due(struct feed *feed, int64_t now_ms)
{
    uint64_t ids[PARTITIONS_MAX][RENEW_MAX];
    size_t counts[PARTITIONS_MAX] = {0};

    for (size_t i = 0; i < feed->jobs.map.capacity; i++) {
        struct job *job = feed->jobs.map.slots[i].value;
        unsigned partition = partition_of_id(feed->jobs.map.slots[i].id);

        if (feed->jobs.map.slots[i].id == 0 || now_ms - job->renewed_ms <= feed->settings->claim_after_ms / 3 ||
            (feed->jobs.renewing >> partition & 1) || counts[partition] == RENEW_MAX)
            continue;
        job->renewed_ms = now_ms;
        ids[partition][counts[partition]++] = job->id;
    }
    for (unsigned partition = 0; partition < feed->partitions; partition++)
        renew(feed, partition, ids[partition], counts[partition]);
}

static void on_claimed(void *context, int count)
{
    struct jobs_question question = *(struct jobs_question *)context;

    (void)count;
    free(context);
    question.feed->jobs.claiming &= ~(UINT64_C(1) << question.partition);
}

/* Takes over what other daemons left, while there is room for it. */
static void claim(struct feed *feed, unsigned partition)
{
    struct jobs *jobs = &feed->jobs;
    struct jobs_question *question;

    if ((jobs->claiming >> partition & 1) || jobs->map.count >= JOBS_MAX)
        return;
    question = malloc(sizeof(*question));
    if (!question)
        return;
    *question = (struct jobs_question){feed, partition};
    if (store_jobs_claim(feed->store, partition, feed->settings->claim_after_ms, READ_COUNT, &claim_handlers, on_claimed,
                         question) < 0)
        free(question);
    else
        jobs->claiming |= UINT64_C(1) << partition;
}

/* Beginning again may finish a job and so change the map: the jobs are gathered first. */
static void retry_due(struct feed *feed, int64_t now_ms)
{
    struct job *due[64];
    size_t count = 0;

    for (size_t i = 0; i < feed->jobs.map.capacity && count < 64; i++) {
        struct job *job = feed->jobs.map.slots[i].value;

        if (feed->jobs.map.slots[i].id != 0 && job->retry_at_ms != 0 && job->retry_at_ms <= now_ms)
            due[count++] = job;
    }
    for (size_t i = 0; i < count; i++)
        begin(feed, due[i]);
}

void jobs_tick(struct feed *feed, int64_t now_ms)
{
    struct jobs *jobs = &feed->jobs;

    suspects_tick(feed, now_ms);
    if (jobs->map.count > 0 && store_bulk_is_up(feed->store) && store_is_ready(feed->store))
        retry_due(feed, now_ms);
    if (jobs->map.count > 0 && store_bulk_is_up(feed->store))
        renew_due(feed, now_ms);
    if (now_ms >= jobs->claim_at_ms && !jobs->stopped && store_bulk_is_up(feed->store)) {
        jobs->claim_at_ms = now_ms + feed->settings->claim_after_ms / 2;
        for (unsigned partition = 0; partition < feed->partitions; partition++)
            claim(feed, partition);
        parked_tick(feed);
    }
}

struct acknowledgement {
    struct feed *feed;
    size_t count;
    uint64_t ids[];
};

/* One that did not get through is said again: until then the entries are pending, and the log is not applied. */
static void on_acknowledged(void *context, const struct reply *reply)
{
    struct acknowledgement *sent = context;

    for (size_t i = 0; reply_error(reply) < 0 && i < sent->count; i++)
        acknowledge(sent->feed, sent->ids[i]);
    free(sent);
}

static void send_acknowledgements(struct feed *feed, unsigned partition)
{
    struct jobs *jobs = &feed->jobs;
    size_t count = jobs->done_count[partition];
    struct acknowledgement *sent = malloc(sizeof(*sent) + count * sizeof(uint64_t));

    if (!sent)
        return;
    *sent = (struct acknowledgement){feed, count};
    memcpy(sent->ids, jobs->done[partition], count * sizeof(uint64_t));
    if (store_jobs_ack(feed->store, partition, sent->ids, count, on_acknowledged, sent) < 0)
        free(sent);
    else
        jobs->done_count[partition] = 0;
}

void jobs_turn(struct feed *feed)
{
    struct jobs *jobs = &feed->jobs;

    suspects_turn(feed);
    fanout_turn(feed);
    for (unsigned partition = 0; partition < feed->partitions; partition++)
        if (jobs->done_count[partition] > 0 && store_bulk_is_up(feed->store))
            send_acknowledgements(feed, partition);
    ask(feed);
}

void jobs_reset(struct feed *feed)
{
    struct jobs *jobs = &feed->jobs;
    int64_t now_ms = clock_now_ms();

    follow_reset(feed);
    fanout_reset(feed);
    while (jobs->suspects.first)
        job_queue_take(&jobs->suspects)->retry_at_ms = now_ms;
    jobs->on_trial = NULL;
    for (size_t i = 0; i < jobs->map.capacity; i++) {
        struct job *job = jobs->map.slots[i].value;

        if (jobs->map.slots[i].id == 0 || (job->kind != LOG_SHARE && job->kind != LOG_DELETE))
            continue; /* a follow begins again by itself: its step had no answer */
        free(job->page);
        job->page = NULL;
        job->page_bytes = job->page_at = 0;
        job->place = 0;
        job->in_flight = 0;
        job->failed = job->holds_large = job->counted = job->taken_over = false;
        job->suspect = true; /* so that its place is read */
        job->retry_at_ms = now_ms;
    }
}

void jobs_done(struct feed *feed)
{
    struct jobs *jobs = &feed->jobs;

    pushes_clear(feed);
    for (size_t i = 0; i < jobs->map.capacity; i++)
        if (jobs->map.slots[i].id != 0)
            job_free(jobs->map.slots[i].value);
    idmap_done(&jobs->map);
    for (unsigned partition = 0; partition < feed->partitions; partition++)
        free(jobs->done[partition]);
}
