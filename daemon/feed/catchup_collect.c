/* What streams missed, out of the store: each kind of stream has a function that collects it, and what was deleted is read for
 * all of them. Answers that come when the stream has ended find that out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/digits.h"
#include "base/metrics.h"
#include "feed/catchup.h"
#include "feed/frames.h"

#define PROFILE_MAX 5000 /* shares of one profile that are caught up with before it is a Gap */

static int add_missed(struct catchup *catchup, struct missed missed)
{
    if (catchup->count == catchup->capacity) {
        size_t capacity = catchup->capacity ? catchup->capacity * 2 : 256;
        struct missed *larger = realloc(catchup->missed, capacity * sizeof(*larger));

        if (!larger)
            return -ENOMEM;
        catchup->missed = larger;
        catchup->capacity = capacity;
    }
    catchup->missed[catchup->count++] = missed;
    return 0;
}

static bool within(const struct catchup *catchup, uint64_t id)
{
    unsigned partition = partition_of_id(id);

    return partition < catchup->feed->partitions && id > catchup->stream->position[partition] &&
           id <= catchup->target[partition];
}

static int add_shares(struct catchup *catchup, const uint64_t *ids, size_t count)
{
    int error = 0;

    for (size_t i = 0; i < count && error == 0; i++)
        if (within(catchup, ids[i]))
            error = add_missed(catchup, (struct missed){ids[i], {.kind = LOG_SHARE, .subject = NO_SUBJECT}});
    return error;
}

int catchup_add(struct catchup *catchup, uint64_t id, struct live_event event)
{
    if (!event.frame)
        return -ENOMEM;
    if (add_missed(catchup, (struct missed){id, event}) == 0) {
        if (event.subject != NO_SUBJECT)
            subject_ref(&catchup->feed->subjects, event.subject);
        return 0;
    }
    frame_unref(event.frame);
    return -ENOMEM;
}

/* `gap:after`, and the position of the boundary. */
static int add_boundary(struct catchup *catchup, struct text member, uint64_t id)
{
    const uint64_t range[2] = {strtoull(member.data + strlen("gap:"), NULL, 10), id};

    metrics.gaps++;
    return catchup_add(catchup, id,
                     (struct live_event){.kind = LOG_BOUNDARY,
                                         .subject = NO_SUBJECT,
                                         .actor = NO_SUBJECT,
                                         .frame = frame_of_gap(FEED__GAP_REASON__GAP_LOST, range, 1)});
}

static bool begins_with(struct text member, const char *word)
{
    return member.size > strlen(word) && memcmp(member.data, word, strlen(word)) == 0;
}

/* `subject:name`, and the position of its deletion. Who followed it is not known any more: every reader is told. */
static int add_subject_deletion(struct catchup *catchup, struct text member, uint64_t id)
{
    struct feed *feed = catchup->feed;
    struct text name = {member.data + strlen("subject:"), member.size - strlen("subject:")};
    struct live_event event = {
        .kind = LOG_ERASE, .subject = subject_intern(&feed->subjects, name), .actor = NO_SUBJECT};
    int error = 0;

    if (event.subject == NO_SUBJECT)
        return -ENOMEM;
    if (stream_concerns(feed, catchup->stream, &event)) {
        event.frame = frame_of_subject_deletion(id, name);
        error = catchup_add(catchup, id, event);
    }
    subject_unref(&feed->subjects, event.subject);
    return error;
}

/* A member of the index: `share:author`, `c<comment>:share:author` or `e<share>:author`. Others tell nothing here. */
static bool read_deletion(struct text member, uint64_t *ret_deleted, struct live_event *ret_event, struct text *ret_author)
{
    const char *at = member.data, *end = at + member.size;
    char kind = at < end ? *at : '\0';

    at += kind == 'c' || kind == 'e';
    *ret_deleted = ret_event->share = digits_read(&at, end);
    ret_event->kind = kind == 'c' ? LOG_UNCOMMENT : kind == 'e' ? LOG_EDIT : LOG_DELETE;
    if (kind == 'c' && at < end) {
        at++;
        ret_event->share = digits_read(&at, end);
    }
    if (*ret_deleted == 0 || at >= end || *at != ':')
        return false;
    *ret_author = (struct text){at + 1, (size_t)(end - at - 1)};
    return true;
}

/* A member of the index, and the position of what it tells of. */
static int add_deletion(struct catchup *catchup, struct text member, uint64_t id)
{
    struct feed *feed = catchup->feed;
    struct live_event event = {.actor = NO_SUBJECT};
    struct text author;
    uint64_t deleted;

    if (begins_with(member, "gap:"))
        return add_boundary(catchup, member, id);
    if (begins_with(member, "subject:"))
        return add_subject_deletion(catchup, member, id);
    if (!read_deletion(member, &deleted, &event, &author))
        return 0;
    if (!catchup->stream->resumed && deleted > catchup->stream->position[partition_of_id(deleted) & (feed->partitions - 1)])
        return 0;
    event.subject = subject_find(&feed->subjects, author);
    if (!stream_concerns(feed, catchup->stream, &event))
        return 0;
    if (event.kind == LOG_EDIT)
        return add_missed(
            catchup, (struct missed){id, {.kind = LOG_EDIT, .subject = NO_SUBJECT, .share = deleted, .actor = NO_SUBJECT}});
    event.frame = event.kind == LOG_DELETE ? frame_of_deletion(id, deleted, author)
                                           : frame_of_comment_deletion(id, deleted, event.share, author);
    return catchup_add(catchup, id, event);
}

static void next_deletions(struct catchup *catchup)
{
    catchup->partition++;
    if (catchup->stream && catchup->partition < catchup->feed->partitions)
        catchup->deletions_after = catchup->stream->position[catchup->partition];
    collect_deletions(catchup);
}

/* [the highest position forgotten, [`share:author`, position, …]] */
static void on_deletions(void *context, const struct reply *reply)
{
    struct catchup *catchup = context;
    const struct reply *rows = reply_at(reply, 1);
    size_t count = reply_count(rows) / 2;
    int error = reply_error(reply);

    for (size_t i = 0; catchup->stream && error == 0 && i < count; i++) {
        catchup->deletions_after = reply_id(reply_at(rows, 2 * i + 1));
        error = add_deletion(catchup, reply_text(reply_at(rows, 2 * i)), catchup->deletions_after);
    }
    catchup->forgotten[catchup->partition] = reply_id(reply_at(reply, 0));
    if (error < 0)
        catchup_fail(catchup);
    else if (count == DELETIONS_PAGE)
        collect_deletions(catchup);
    else
        next_deletions(catchup);
}

void collect_deletions(struct catchup *catchup)
{
    unsigned partition = catchup->partition;

    if (!catchup->stream || partition == catchup->feed->partitions)
        catchup_collected(catchup);
    else if (store_deletions(catchup->feed->store, partition, catchup->deletions_after, catchup->target[partition],
                             on_deletions, catchup) < 0)
        catchup_fail(catchup);
}

static void on_timeline(void *context, Feed__ErrorCode error, struct timeline *timeline, bool rebuilding)
{
    struct catchup *catchup = context;

    if (error != FEED_OK || rebuilding) {
        catchup_fail(catchup);
        return;
    }
    int added = catchup->stream ? add_shares(catchup, timeline->ids, timeline->count) : 0;
    catchup->floor = timeline->floor;
    free(timeline->ids);
    if (added < 0)
        catchup_fail(catchup);
    else
        collect_deletions(catchup);
}

static void on_profile(void *context, const struct reply *reply)
{
    struct catchup *catchup = context;
    size_t count = reply_count(reply) / 2;
    int error = reply_error(reply);

    for (size_t i = 0; catchup->stream && error == 0 && i < count; i++) {
        uint64_t id = reply_id(reply_at(reply, 2 * i + 1));

        if (id > 0)
            error = add_shares(catchup, &id, 1);
        if (id == 0 && i > 0) /* the marker that older ones were dropped */
            catchup->floor = reply_id(reply_at(reply, 2 * i - 1)) - 1;
        else if (i + 1 == PROFILE_MAX)
            catchup->floor = id - 1;
    }
    if (error < 0)
        catchup_fail(catchup);
    else
        collect_deletions(catchup);
}

void collect_timeline(struct catchup *catchup)
{
    timeline_fetch(catchup->feed, catchup->reader, on_timeline, catchup);
}

void collect_profile(struct catchup *catchup)
{
    struct feed *feed = catchup->feed;

    if (store_profile(feed->store, subject_name(&feed->subjects, catchup->stream->subject), 0, PROFILE_MAX, on_profile,
                      catchup) < 0)
        catchup_fail(catchup);
}
