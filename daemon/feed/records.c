/* Records of who shared what: the destination of each share, and its site, know its author. An effect of the share's entry and
 * of its deletion's, beside the fan-out, for the reads in sharers.c.
 *
 * A share is recorded first and looked for then: if it is gone, so is the record. Should it be deleted later, its deletion's
 * entry comes later, too, and finds the record. So whichever of the two is carried out first, and by whomever, and however
 * often, nothing is left of a share that was deleted. A re-share is looked for before, too: its author's deed is told of once, also
 * if this is done again after its deletion. What comes while a command is under way gathers until that is answered, or
 * fills another one: nobody waits for a record. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/destination.h"
#include "base/metrics.h"
#include "feed/inbox.h"
#include "feed/internal.h"

#define BATCH_MAX 32 /* names or shares in one command */
#define KINDS 2

static const enum key_kind kinds[KINDS] = {KEY_DESTINATION, KEY_SITE};

struct record {
    struct record *next;
    struct job *job;
    uint64_t share_id;
    unsigned unanswered;
    int error;
    bool is_deletion;
    bool add;
    bool alone; /* it is looked for by itself, since of several some are gone */
    bool is_written;
    uint64_t origin; /* of a re-share: it is noted there as well; else 0 */
    size_t origin_author_bytes;
    uint8_t name_bytes[KINDS];
    char destination[DESTINATION_NAME_BYTES];
    char site[]; /* and behind it the author of the origin */
};

void destination_name(struct text url, char ret_name[DESTINATION_NAME_BYTES])
{
    XXH128_hash_t hash = XXH3_128bits(url.data, url.size);

    snprintf(ret_name, DESTINATION_NAME_BYTES, "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64, (uint64_t)hash.low64);
}

int record_new(struct job *job, const struct log_entry *entry)
{
    struct text url = destination_of_body(entry->body);
    char site[DESTINATION_SITE_BYTES];
    struct origin origin = {0, {"", 0}};
    struct record *record;
    size_t size;

    if (url.size == 0)
        return 0;
    destination_site(url.data, url.size, site);
    size = strlen(site);
    origin_of_body(entry->body, &origin);
    record = calloc(1, sizeof(*record) + size + 1 + origin.author.size);
    if (!record)
        return -ENOMEM;
    record->job = job;
    record->is_deletion = entry->kind == LOG_DELETE;
    record->share_id = record->is_deletion ? entry->other : entry->id;
    record->name_bytes[0] = DESTINATION_NAME_BYTES - 1;
    record->name_bytes[1] = (uint8_t)size;
    destination_name(url, record->destination);
    memcpy(record->site, site, size + 1);
    memcpy(record->site + size + 1, origin.author.data, origin.author.size);
    record->origin = origin.id;
    record->origin_author_bytes = origin.author.size;
    job->record = record;
    return 0;
}

static struct text record_name(const struct record *record, unsigned kind)
{
    return (struct text){kinds[kind] == KEY_DESTINATION ? record->destination : record->site, record->name_bytes[kind]};
}

static void queue(struct feed *feed, struct record *record, enum record_step step)
{
    struct record_queue *waiting = &feed->jobs.records[step];

    record->next = NULL;
    *(waiting->last ? &waiting->last->next : &waiting->first) = record;
    waiting->last = record;
    waiting->names += step == RECORD_WRITE ? KINDS : 1;
}

void record_begin(struct feed *feed, struct job *job)
{
    struct record *record = job->record;

    record->add = !record->is_deletion;
    record->alone = record->is_written = false;
    queue(feed, record, record->add && record->origin != 0 ? RECORD_CHECK : RECORD_WRITE);
}

static void record_end(struct feed *feed, struct record *record, int error)
{
    if (!record->is_deletion)
        fanout_recorded(feed, record->job, error);
    else if (error < 0)
        job_retry(feed, record->job);
    else if (record->origin != 0)
        job_finish(feed, record->job);
    else
        reshares_end(feed, record->job, record->share_id);
}

/* One of its names was answered for. A key of another kind is passed over: trying again would not change it. */
static void written(struct feed *feed, struct record *record, int error)
{
    if (error == -EPROTO)
        metrics.records_failed++;
    else if (error < 0)
        record->error = error;
    if (--record->unanswered > 0)
        return;
    record->is_written = true;
    if (record->error < 0 || !record->add)
        record_end(feed, record, record->error);
    else
        queue(feed, record, RECORD_CHECK);
}

/* ---- a re-share, at its origin ---- */

struct note {
    struct feed *feed;
    struct record *record;
};

static void note_end(struct note *note, int error)
{
    written(note->feed, note->record, error);
    free(note);
}

static void on_ended(void *context, Feed__ErrorCode error, uint64_t position, bool repeated)
{
    (void)position;
    (void)repeated;
    note_end(context, error == FEED_OK || error == FEED__ERROR_CODE__NOT_FOUND ? 0 : -EAGAIN);
}

/* A re-share that came too late goes the way of its origin. */
static void on_noted(void *context, const struct reply *reply)
{
    struct note *note = context;
    const struct record *record = note->record;
    bool is_late = record->add && reply_error(reply) == 0 && reply_number(reply_at(reply, 1)) == 2;

    if (is_late)
        feed_delete(note->feed, (struct text){record->job->subject, record->job->subject_bytes}, record->share_id, on_ended,
                    note);
    else
        note_end(note, reply_error(reply));
}

static void note_reshare(struct feed *feed, struct record *record)
{
    const struct job *job = record->job;
    struct store_share reshare = {.author = {job->subject, job->subject_bytes},
                                    .origin = record->origin,
                                    .origin_author = {record->site + strlen(record->site) + 1, record->origin_author_bytes}};
    struct note *note = malloc(sizeof(*note));
    uint8_t notice[NOTICE_BYTES_MAX];
    size_t size = notice_pack(FEED__NOTICE_KIND__NOTICE_RESHARED, reshare.author, record->origin, record->share_id, notice);

    if (!note) {
        written(feed, record, -ENOMEM);
        return;
    }
    *note = (struct note){feed, record};
    int error = store_note_reshare(feed->store, record->add, &reshare, record->share_id, (struct text){(char *)notice, size},
                                   on_noted, note);
    if (error < 0)
        note_end(note, error);
}

struct batch {
    struct feed *feed;
    size_t count;
    struct record *records[BATCH_MAX];
    uint8_t kinds[BATCH_MAX];
};

/* Adds to the batch of a partition, a new one if there is none. False if memory ended. */
static bool put_in(struct feed *feed, struct batch **batch, struct record *record, unsigned kind)
{
    if (!*batch && !(*batch = calloc(1, sizeof(**batch))))
        return false;
    (*batch)->feed = feed;
    (*batch)->records[(*batch)->count] = record;
    (*batch)->kinds[(*batch)->count++] = (uint8_t)kind;
    return true;
}

/* ---- writing ---- */

static void on_batch(void *context, const struct reply *reply)
{
    struct batch *batch = context;
    int error = reply_error(reply);

    batch->feed->jobs.records[RECORD_WRITE].under_way--;
    for (size_t i = 0; i < batch->count; i++)
        written(batch->feed, batch->records[i], error < 0 ? error : reply_error(reply_at(reply, i)));
    free(batch);
}

static void send_written(struct feed *feed, struct batch **batch)
{
    struct store_record items[BATCH_MAX];
    struct batch *sent = *batch;
    int error;

    if (!sent)
        return;
    *batch = NULL;
    for (size_t i = 0; i < sent->count; i++) {
        const struct record *record = sent->records[i];
        const struct job *job = record->job;

        items[i] = (struct store_record){kinds[sent->kinds[i]], record->add, record_name(record, sent->kinds[i]),
                                         {job->subject, job->subject_bytes}, record->share_id};
    }
    error = store_records(feed->store, items, sent->count, on_batch, sent);
    if (error == 0) {
        feed->jobs.records[RECORD_WRITE].under_way++;
        return;
    }
    for (size_t i = 0; i < sent->count; i++)
        written(feed, sent->records[i], error);
    free(sent);
}

static void write_all(struct feed *feed, struct record *record)
{
    struct batch *batches[PARTITIONS_MAX] = {NULL};

    for (struct record *next; record; record = next) {
        next = record->next;
        record->unanswered = KINDS + (record->origin != 0);
        record->error = 0;
        if (record->origin != 0)
            note_reshare(feed, record);
        for (unsigned kind = 0; kind < KINDS; kind++) {
            struct batch **batch = &batches[partition_of_subject(record_name(record, kind))];

            if (!put_in(feed, batch, record, kind))
                written(feed, record, -ENOMEM);
            else if ((*batch)->count == BATCH_MAX)
                send_written(feed, batch);
        }
    }
    for (unsigned partition = 0; partition < feed->partitions; partition++)
        send_written(feed, &batches[partition]);
}

/* ---- looking whether the share is there ---- */

static void on_checked(void *context, const struct reply *reply)
{
    struct batch *batch = context;
    int error = reply_error(reply);
    bool all = error == 0 && (size_t)reply_number(reply) == batch->count;

    batch->feed->jobs.records[RECORD_CHECK].under_way--;
    for (size_t i = 0; i < batch->count; i++) {
        struct record *record = batch->records[i];

        if (error < 0 || (all && record->is_written)) {
            record_end(batch->feed, record, error);
        } else if (all) {
            queue(batch->feed, record, RECORD_WRITE);
        } else {
            record->add = batch->count > 1; /* else it is known to be gone */
            record->alone = true;
            queue(batch->feed, record, record->add ? RECORD_CHECK : RECORD_WRITE);
        }
    }
    free(batch);
}

static void send_check(struct feed *feed, struct batch **batch)
{
    uint64_t ids[BATCH_MAX];
    struct batch *sent = *batch;
    int error;

    if (!sent)
        return;
    *batch = NULL;
    for (size_t i = 0; i < sent->count; i++)
        ids[i] = sent->records[i]->share_id;
    error = store_shares_exist(feed->store, ids, sent->count, on_checked, sent);
    if (error == 0) {
        feed->jobs.records[RECORD_CHECK].under_way++;
        return;
    }
    for (size_t i = 0; i < sent->count; i++)
        record_end(feed, sent->records[i], error);
    free(sent);
}

static void check_all(struct feed *feed, struct record *record)
{
    struct batch *batches[PARTITIONS_MAX] = {NULL};

    for (struct record *next; record; record = next) {
        struct batch **batch = &batches[partition_of_id(record->share_id)];

        next = record->next;
        if (record->alone)
            send_check(feed, batch);
        if (!put_in(feed, batch, record, 0))
            record_end(feed, record, -ENOMEM);
        else if (record->alone || (*batch)->count == BATCH_MAX)
            send_check(feed, batch);
    }
    for (unsigned partition = 0; partition < feed->partitions; partition++)
        send_check(feed, &batches[partition]);
}

/* Takes what waits for a step, if it is to go now. */
static struct record *take(struct record_queue *waiting)
{
    struct record *first = waiting->first;

    if (waiting->under_way > 0 && waiting->names < BATCH_MAX)
        return NULL;
    waiting->first = waiting->last = NULL;
    waiting->names = 0;
    return first;
}

void records_turn(struct feed *feed)
{
    struct record *checks = take(&feed->jobs.records[RECORD_CHECK]), *writes = take(&feed->jobs.records[RECORD_WRITE]);

    check_all(feed, checks);
    write_all(feed, writes);
}

void records_clear(struct feed *feed)
{
    for (unsigned step = 0; step < RECORD_STEPS; step++)
        feed->jobs.records[step] = (struct record_queue){.under_way = feed->jobs.records[step].under_way};
}
