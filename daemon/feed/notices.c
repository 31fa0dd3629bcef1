/* Notices: what an entry of the log means to the inbox of somebody. An edge, a comment or the note of a re-share stands in the log
 * of whom it concerns, and is itself what the inbox tells of. Who is concerned by a reply, if that is another than the author of the share, has a log
 * of its own: there the job of the comment leaves a notice, which may be repeated, as a notice is there only once. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feed/catchup.h"
#include "feed/frames.h"
#include "feed/inbox.h"
#include "feed/internal.h"
#include "store/inbox.h"

/* What entries mean to the inbox of their subject. A notice states it. */
static const Feed__NoticeKind kinds[LOG_UNKNOWN + 1] = {
    [LOG_EDGE] = FEED__NOTICE_KIND__NOTICE_FOLLOWED,
    [LOG_COMMENT] = FEED__NOTICE_KIND__NOTICE_COMMENTED,
    [LOG_RESHARED] = FEED__NOTICE_KIND__NOTICE_RESHARED,
};

bool notice_shows(const struct feed *feed, const struct reader *reader, uint32_t actor)
{
    return actor != reader->slot && !hidden_has(&reader->hidden, subject_name(&feed->subjects, actor));
}

size_t notice_pack(Feed__NoticeKind kind, struct text actor, uint64_t share, uint64_t cause, uint8_t out[NOTICE_BYTES_MAX])
{
    char name[256];
    Feed__Notice notice = FEED__NOTICE__INIT;

    snprintf(name, sizeof(name), "%.*s", (int)actor.size, actor.data);
    notice.kind = kind;
    notice.actor = name;
    notice.share_id = share;
    notice.cause_id = cause;
    return feed__notice__pack(&notice, out);
}

/* ---- telling ---- */

bool notice_is_of(const struct ring_entry *entry)
{
    return entry->kind == LOG_NOTICE || kinds[entry->kind] != FEED__NOTICE_KIND__NOTICE_UNSPECIFIED;
}

struct frame *notice_event(struct feed *feed, const struct ring_entry *entry)
{
    struct feed_notice notice = {.id = entry->id, .kind = kinds[entry->kind]};

    if (entry->kind == LOG_NOTICE)
        return frame_ref(entry->frame);
    notice.actor = subject_name(&feed->subjects, entry->reader);
    notice.share = entry->share;
    if (entry->kind != LOG_EDGE)
        notice.cause = entry->kind == LOG_COMMENT ? entry->id : entry->other;
    return frame_of_notice(&notice);
}

static bool is_watched(const struct feed *feed, uint32_t slot)
{
    const struct reader *reader = feed->subjects.slots[slot]->reader;

    for (const struct subscription *stream = reader ? reader->subscriptions : NULL; stream; stream = stream->next)
        if (stream->kind == STREAM_INBOX)
            return true;
    return false;
}

int notice_deliver(struct feed *feed, const struct ring_entry *entry)
{
    struct live_event event = {.kind = LOG_NOTICE, .subject = entry->subject, .actor = entry->reader};

    if (!is_watched(feed, entry->subject))
        return 0;
    event.frame = notice_event(feed, entry);
    if (!event.frame)
        return -ENOMEM;
    live_deliver(feed, &event);
    frame_unref(event.frame);
    return 0;
}

int notice_take(struct feed *feed, uint64_t id, struct text packed, struct ring_entry *ret_entry)
{
    Feed__Notice *held = feed__notice__unpack(NULL, packed.size, (const uint8_t *)packed.data);
    struct feed_notice notice;

    if (!held)
        return -ENOMEM;
    notice = (struct feed_notice){id, held->kind, {held->actor, strlen(held->actor)}, held->share_id, held->cause_id};
    ret_entry->reader = subject_intern(&feed->subjects, notice.actor);
    ret_entry->share = notice.share;
    ret_entry->other = notice.cause;
    ret_entry->frame = frame_of_notice(&notice);
    feed__notice__free_unpacked(held, NULL);
    return ret_entry->reader != NO_SUBJECT && ret_entry->frame ? 0 : -ENOMEM;
}

/* ---- what a stream missed, out of the store ---- */

#define MISSED_MAX 1000 /* notices that are caught up with before it is a Gap */

/* Other partitions have nothing that could be missing. */
static void note_floor(struct catchup *catchup, uint64_t floor)
{
    if (floor > catchup->stream->position[partition_of_id(floor)])
        catchup->floor = floor;
}

static void on_missed(void *context, Feed__ErrorCode error, const struct inbox *inbox)
{
    struct catchup *catchup = context;
    int added = 0;

    for (size_t i = 0; error == FEED_OK && catchup->stream && i < inbox->count && added == 0; i++) {
        const struct inbox_item *item = &inbox->items[i];
        const struct feed_notice notice = {item->id, item->kind, subject_name(&catchup->feed->subjects, item->actor),
                                           item->share, item->cause};

        added = catchup_add(catchup, item->id,
                            (struct live_event){.kind = LOG_NOTICE,
                                                .subject = catchup->stream->subject,
                                                .actor = NO_SUBJECT,
                                                .frame = frame_of_notice(&notice)});
    }
    if (error == FEED_OK && catchup->stream)
        note_floor(catchup, inbox->more ? inbox->items[inbox->count - 1].id - PARTITIONS_MAX : inbox->dropped);
    if (error != FEED_OK || added < 0)
        catchup_fail(catchup);
    else
        collect_deletions(catchup);
}

void collect_inbox(struct catchup *catchup)
{
    unsigned partition = partition_of_subject(subject_name(&catchup->feed->subjects, catchup->reader->slot));

    inbox_read(catchup->feed, catchup->reader, catchup->target[partition] + 1, catchup->stream->position[partition], MISSED_MAX,
               on_missed, catchup);
}

/* ---- comments, as a job ---- */

struct notice_job {
    struct feed *feed;
    struct job *job;
};

static void job_end(struct notice_job *op, Feed__ErrorCode error)
{
    if (error == FEED_OK)
        job_finish(op->feed, op->job);
    else if (error == FEED__ERROR_CODE__INTERNAL)
        job_defeated(op->feed, op->job, "Redis refuses the notice, see event=redis-error in the log");
    else
        job_retry(op->feed, op->job);
    free(op);
}

static void on_noticed(void *context, const struct reply *reply)
{
    struct notice_job *op = context;
    Feed__ErrorCode error = error_of_reply(reply, true);

    if (error == FEED_OK)
        store_saw(op->feed->store, reply_id(reply_at(reply, 0)));
    job_end(op, error);
}

static bool is_same(struct text a, struct text b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/* 0 or a negative errno: then the answer will not come. */
static int send_notice(struct notice_job *op, struct text subject)
{
    const struct job *job = op->job;
    struct text actor = {job->reader, job->reader_bytes};
    uint8_t packed[NOTICE_BYTES_MAX];
    size_t size = notice_pack(FEED__NOTICE_KIND__NOTICE_REPLIED, actor, job->share, job->id, packed);

    return store_notice(op->feed->store, subject, actor, (struct text){(char *)packed, size}, on_noticed, op);
}

static void on_forgotten(void *context, const struct reply *reply)
{
    job_end(context, error_of_reply(reply, true));
}

/* Whom it replies to is told, unless it is told by the comment itself, as the author of the share. A comment that is gone is
 * forgotten: should it be deleted later than this look, whoever deletes it does so. */
static void on_replied(void *context, const struct reply *reply)
{
    struct notice_job *op = context;
    const struct job *job = op->job;
    const struct text commenter = {job->reader, job->reader_bytes};
    Feed__ErrorCode error = error_of_reply(reply, false);
    uint64_t parent;
    struct text other = author_of_body(comment_body(reply_text(reply_at(reply, 1)), &parent));
    int sent = 0;

    if (error == FEED_OK && reply_number(reply_at(reply, 0)) == 0)
        sent = store_commented(op->feed->store, false, commenter, job->id, job->share, on_forgotten, op);
    else if (error != FEED_OK || other.size == 0 || is_same(other, (struct text){job->subject, job->subject_bytes}) ||
             is_same(other, commenter))
        job_end(op, error);
    else
        sent = send_notice(op, other);
    if (sent < 0)
        job_end(op, FEED__ERROR_CODE__UNAVAILABLE);
}

static void on_commented(void *context, const struct reply *reply)
{
    struct notice_job *op = context;
    Feed__ErrorCode error = error_of_reply(reply, true);

    if (error == FEED_OK && store_replied(op->feed->store, op->job->share, op->job->id, on_replied, op) < 0)
        error = FEED__ERROR_CODE__UNAVAILABLE;
    if (error != FEED_OK)
        job_end(op, error);
}

/* Who commented knows where: see dialogue.c. */
void notice_begin_job(struct feed *feed, struct job *job)
{
    const struct text commenter = {job->reader, job->reader_bytes};
    struct notice_job *op = malloc(sizeof(*op));

    if (!op) {
        job_retry(feed, job);
        return;
    }
    *op = (struct notice_job){feed, job};
    if (store_commented(feed->store, true, commenter, job->id, job->share, on_commented, op) < 0)
        job_end(op, FEED__ERROR_CODE__UNAVAILABLE);
}
