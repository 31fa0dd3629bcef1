/* Records of who shared what: the destination of each share, and its site, know its author. An effect of the share's entry and
 * of its deletion's, beside the fan-out, for the reads in sharers.c.
 *
 * A share is recorded first and looked for then: if it is gone, so is the record. Should it be deleted later, its deletion's
 * entry comes later, too, and finds the record. So whichever of the two is carried out first, and by whomever, and however
 * often, nothing is left of a share that was deleted. A re-share is looked for before, too: its author's deed is told of once, also
 * if this is done again after its deletion. */
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

#define KINDS 2

static const enum key_kind kinds[KINDS] = {KEY_DESTINATION, KEY_SITE};

/* One of the names of a record, while it is written. */
struct record_name {
    struct batched batched;
    struct record *record;
    unsigned kind;
};

struct record {
    struct batched batched; /* while its share is looked for, … */
    size_t together;        /* … with so many others, itself included */
    struct feed *feed;
    struct job *job;
    uint64_t share_id;
    struct record_name names[KINDS];
    unsigned unanswered;
    bool is_deletion;
    bool add;
    bool is_written;
    bool failed;
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

static struct text text_of_kind(const struct record *record, unsigned kind)
{
    return (struct text){kinds[kind] == KEY_DESTINATION ? record->destination : record->site, record->name_bytes[kind]};
}

static void record_end(struct record *record, bool failed)
{
    if (!record->is_deletion)
        fanout_recorded(record->feed, record->job, failed ? -EAGAIN : 0);
    else if (failed)
        job_retry(record->feed, record->job);
    else if (record->origin != 0)
        job_finish(record->feed, record->job);
    else
        reshares_end(record->feed, record->job, record->share_id);
}

/* The share is looked for. */
static void look(struct record *record)
{
    batch_add(record->feed, BATCH_CHECKS, partition_of_id(record->share_id), &record->batched);
}

/* One of its names was answered for, or its origin. A key of another kind is passed over: trying again would not change it. */
static void written(struct record *record, Feed__ErrorCode error)
{
    if (error == FEED__ERROR_CODE__INTERNAL)
        metrics.records_failed++;
    else if (error != FEED_OK)
        record->failed = true;
    if (--record->unanswered > 0)
        return;
    record->is_written = true;
    if (record->failed || !record->add)
        record_end(record, record->failed);
    else
        look(record);
}

/* ---- a re-share, at its origin ---- */

static void on_ended(void *context, Feed__ErrorCode error, uint64_t position, bool repeated)
{
    (void)position;
    (void)repeated;
    written(context, error == FEED_OK || error == FEED__ERROR_CODE__NOT_FOUND ? FEED_OK : FEED__ERROR_CODE__UNAVAILABLE);
}

/* A re-share that came too late goes the way of its origin. */
static void on_noted(void *context, const struct reply *reply)
{
    struct record *record = context;
    Feed__ErrorCode error = error_of_reply(reply, true);

    if (record->add && error == FEED_OK && reply_number(reply_at(reply, 1)) == 2)
        feed_delete(record->feed, (struct text){record->job->subject, record->job->subject_bytes}, record->share_id, on_ended,
                    record);
    else
        written(record, error);
}

static void note_reshare(struct record *record)
{
    const struct job *job = record->job;
    struct store_share reshare = {.author = {job->subject, job->subject_bytes},
                                  .origin = record->origin,
                                  .origin_author = {record->site + strlen(record->site) + 1, record->origin_author_bytes}};
    uint8_t notice[NOTICE_BYTES_MAX];
    size_t size = notice_pack(FEED__NOTICE_KIND__NOTICE_RESHARED, reshare.author, record->origin, record->share_id, notice);

    if (store_note_reshare(record->feed->store, record->add, &reshare, record->share_id, (struct text){(char *)notice, size},
                           on_noted, record) < 0)
        written(record, FEED__ERROR_CODE__UNAVAILABLE);
}

/* ---- writing ---- */

static void write_names(struct record *record)
{
    record->unanswered = KINDS + (record->origin != 0);
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct record_name *name = &record->names[kind];

        *name = (struct record_name){.record = record, .kind = kind};
        batch_add(record->feed, BATCH_RECORDS, partition_of_subject(text_of_kind(record, kind)), &name->batched);
    }
    if (record->origin != 0)
        note_reshare(record);
}

static int send_names(struct feed *feed, struct batched *const *requests, size_t count, reply_fn *fn, void *context)
{
    struct store_record items[BATCHED_MAX];

    for (size_t i = 0; i < count; i++) {
        const struct record_name *name = (const struct record_name *)requests[i];
        const struct record *record = name->record;

        items[i] = (struct store_record){kinds[name->kind], record->add, text_of_kind(record, name->kind),
                                         {record->job->subject, record->job->subject_bytes}, record->share_id};
    }
    return store_records(feed->store, items, count, fn, context);
}

static void name_answered(struct batched *request, Feed__ErrorCode error, const struct reply *const *values)
{
    (void)values;
    written(((struct record_name *)request)->record, error);
}

const struct batch_kind batch_records = {BATCHED_MAX, 1, FEED__ERROR_CODE__OUTCOME_UNKNOWN, send_names, name_answered};

/* ---- looking whether the share is there ---- */

static void looked(struct record *record, Feed__ErrorCode error, bool is_there)
{
    if (error != FEED_OK || (is_there && record->is_written)) {
        record_end(record, error != FEED_OK);
        return;
    }
    record->add = is_there;
    write_names(record);
}

static void on_looked_alone(void *context, const struct reply *reply)
{
    looked(context, error_of_reply(reply, true), reply_number(reply) == 1);
}

static int send_checks(struct feed *feed, struct batched *const *requests, size_t count, reply_fn *fn, void *context)
{
    uint64_t ids[BATCHED_MAX];

    for (size_t i = 0; i < count; i++) {
        struct record *record = (struct record *)requests[i];

        record->together = count;
        ids[i] = record->share_id;
    }
    return store_shares_exist(feed->store, ids, count, fn, context);
}

/* Redis says how many are there: of several, if that is not all, each is asked for by itself. */
static void check_answered(struct batched *request, Feed__ErrorCode error, const struct reply *const *values)
{
    struct record *record = (struct record *)request;
    size_t there = (size_t)reply_number(values[0]);

    if (error != FEED_OK || there == record->together || record->together == 1)
        looked(record, error, there == record->together);
    else if (store_shares_exist(record->feed->store, &record->share_id, 1, on_looked_alone, record) < 0)
        looked(record, FEED__ERROR_CODE__UNAVAILABLE, false);
}

const struct batch_kind batch_checks = {BATCHED_MAX, 0, FEED__ERROR_CODE__OUTCOME_UNKNOWN, send_checks, check_answered};

void record_begin(struct feed *feed, struct job *job)
{
    struct record *record = job->record;

    record->feed = feed;
    record->add = !record->is_deletion;
    record->is_written = record->failed = false;
    if (record->add && record->origin != 0)
        look(record);
    else
        write_names(record);
}
