/* What each kind of entry does to this daemon as the tail passes it: to what is in memory, and on to the streams. */
#include <errno.h>
#include <inttypes.h>

#include "base/log.h"
#include "base/metrics.h"
#include "feed/frames.h"
#include "feed/internal.h"

static void deliver(struct feed *feed, const struct ring_entry *kept)
{
    live_deliver(feed, &(struct live_event){.kind = kept->kind,
                                            .subject = kept->subject,
                                            .share = share_of_entry(kept),
                                            .frame = kept->frame,
                                            .actor = actor_of_entry(kept),
                                            .origin = kept->origin,
                                            .origin_author = kept->reader});
}

/* Of a re-share, or the edit of one: what it is of. 0 or -ENOMEM. */
static int take_origin(struct feed *feed, struct text body, struct feed_item *item, struct ring_entry *kept)
{
    struct origin origin;

    if (!origin_of_body(body, &origin))
        return 0;
    kept->reader = subject_intern(&feed->subjects, origin.author);
    if (kept->reader == NO_SUBJECT)
        return -ENOMEM;
    item->origin_author = kept->reader;
    item->origin = kept->origin = origin.id;
    return 0;
}

/* Puts the origin into the event: as it is known here, else as it was when it was re-shared. */
static int put_origin(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    struct feed_item origin;
    bool known = bodies_get(feed, kept->origin, &origin);
    struct frame *frame = frame_of_reshare(kept->frame, known ? share_of_item(&origin) : entry->origin);

    kept->origin_at = known ? origin.revised_at : 0;
    if (known)
        items_done(feed, &origin, 1);
    frame_unref(kept->frame);
    kept->frame = frame;
    return frame ? 0 : -ENOMEM;
}

static int take_share(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    struct feed_item item = {.id = entry->id, .author = kept->subject};

    if (entry->dropped > feed->subjects.slots[kept->subject]->dropped) {
        feed->subjects.slots[kept->subject]->dropped = entry->dropped;
        feed->revisions++;
    }
    if (entry->is_merged && big_note(feed, kept->subject, entry->id) < 0)
        return -ENOMEM;
    if (entry->name.data && name_set(feed, kept->subject, entry->name) < 0)
        return -ENOMEM;
    if (entry->origin.size > 0 && take_origin(feed, entry->body, &item, kept) < 0)
        return -ENOMEM;
    item.name_stamp = kept->name_stamp = name_stamp(feed, kept->subject);
    item.frame = frame_of_share(entry->id, entry->body, NULL, name_of(feed, kept->subject), &item.share_bytes);
    if (!item.frame)
        return -ENOMEM;
    kept->frame = item.frame;
    bodies_put(feed, &item);
    if (kept->origin != 0 && put_origin(feed, entry, kept) < 0)
        return -ENOMEM;
    if (entry_is_new(feed, entry)) {
        trace_read(feed, entry->id);
        hot_note(&feed->hot, entry->subject, feed->subjects.slots[kept->subject]->hash, 1, 0);
        recents_add(feed, kept->subject, entry->id);
        if (kept->origin == 0 || !share_is_gone(feed, kept->origin, kept->reader))
            deliver(feed, kept);
    }
    return 0;
}

/* Who re-shared the origin of a re-share is told beside that: whoever shows it looks anew. */
static int take_deletion(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    static char mark;
    struct origin origin;

    bodies_drop(feed, entry->other);
    if (origin_of_body(entry->body, &origin))
        bodies_drop(feed, origin.id);
    feed->revisions++;
    kept->frame = frame_of_deletion(entry->id, entry->other, entry->subject);
    if (!kept->frame || idmap_set(&feed->deleted, entry->other, &mark) < 0)
        return -ENOMEM;
    if (entry_is_new(feed, entry))
        deliver(feed, kept);
    return 0;
}

/* Pages that hold the share are not true any more. */
static int take_revision(struct feed *feed, const struct log_entry *entry)
{
    feed->revisions++;
    return share_revise(feed, entry->share, &entry->counts, entry->kind == LOG_EDIT ? entry->body : (struct text){NULL, 0});
}

static int take_edit(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    struct feed_item item = {.id = entry->share};

    if (take_origin(feed, entry->body, &item, kept) < 0)
        return -ENOMEM;
    item.frame = frame_of_share(entry->share, entry->body, &entry->counts, entry->name, &item.share_bytes);
    kept->frame = item.frame ? frame_of_edit(entry->id, &item) : NULL;
    frame_unref(item.frame);
    if (!kept->frame || take_revision(feed, entry) < 0)
        return -ENOMEM;
    if (entry_is_new(feed, entry))
        deliver(feed, kept);
    return 0;
}

static int take_comment(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    kept->reader = subject_intern(&feed->subjects, entry->reader);
    kept->frame = frame_of_comment(entry->id, entry->body, entry->subject);
    if (kept->reader == NO_SUBJECT || !kept->frame || take_revision(feed, entry) < 0)
        return -ENOMEM;
    if (!entry_is_new(feed, entry))
        return 0;
    deliver(feed, kept);
    return notice_deliver(feed, kept);
}

static int take_uncomment(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    static char mark;

    kept->frame = frame_of_comment_deletion(entry->id, entry->other, entry->share, entry->subject);
    if (!kept->frame || idmap_set(&feed->deleted, entry->other, &mark) < 0 || take_revision(feed, entry) < 0)
        return -ENOMEM;
    if (entry_is_new(feed, entry))
        deliver(feed, kept);
    return 0;
}

/* Readers see it in pages and in other events; the author of the share has a notice. */
static int take_reshared(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    kept->reader = subject_intern(&feed->subjects, entry->reader);
    if (kept->reader == NO_SUBJECT || take_revision(feed, entry) < 0)
        return -ENOMEM;
    return entry->kind == LOG_RESHARED && entry_is_new(feed, entry) ? notice_deliver(feed, kept) : 0;
}

static int take_counts(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    (void)kept;
    return take_revision(feed, entry);
}

/* What may have stood between `other` and this entry cannot be vouched for. */
static int take_boundary(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    const uint64_t range[2] = {entry->other, entry->id};

    kept->frame = frame_of_gap(FEED__GAP_REASON__GAP_LOST, range, 1);
    if (!kept->frame)
        return -ENOMEM;
    if (!entry_is_new(feed, entry))
        return 0;
    if (feed->caught_up) /* else it is old news */
        log_warning("boundary", "partition=%u after=%" PRIu64 " until=%" PRIu64, entry->partition, range[0], range[1]);
    metrics.gaps++;
    live_deliver_to_all(feed, kept->frame);
    return 0;
}

/* Timelines in memory do not hear of what is pushed behind them. */
static int take_retry(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    (void)kept;
    feed->recent_generation++;
    feed->unsettled[entry->partition] = entry->id;
    return 0;
}

static int take_edge(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    kept->reader = subject_intern(&feed->subjects, entry->reader);
    if (kept->reader == NO_SUBJECT)
        return -ENOMEM;
    reader_edge(feed, entry->kind == LOG_EDGE, kept->reader, kept->subject, entry->other, entry->kept);
    return entry->kind == LOG_EDGE && entry_is_new(feed, entry) ? notice_deliver(feed, kept) : 0;
}

/* What a kind of entry hides, from whom. In the log of the reader the reader is named as such; in that of who is barred, as the
 * subject. */
static int take_hiding(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    static const struct {
        enum hidden_reason reason;
        bool is_hidden, from_subject;
    } hidings[] = {
        [LOG_MUTE] = {HIDDEN_MUTED, true, false},     [LOG_UNMUTE] = {HIDDEN_MUTED, false, false},
        [LOG_BLOCK] = {HIDDEN_BLOCKED, true, false},  [LOG_UNBLOCK] = {HIDDEN_BLOCKED, false, false},
        [LOG_BAR] = {HIDDEN_BARRED, true, true},      [LOG_UNBAR] = {HIDDEN_BARRED, false, true},
    };
    bool from_subject = hidings[entry->kind].from_subject;

    kept->reader = subject_intern(&feed->subjects, entry->reader);
    if (kept->reader == NO_SUBJECT)
        return -ENOMEM;
    return reader_hide(feed, from_subject ? kept->subject : kept->reader, from_subject ? kept->reader : kept->subject,
                       hidings[entry->kind].reason, hidings[entry->kind].is_hidden, entry->id);
}

static int take_erasure(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    struct subject *subject = feed->subjects.slots[kept->subject];
    uint64_t position = entry->kind == LOG_ERASE ? entry->id : entry->other;

    if (position > subject->erased_at)
        subject->erased_at = position;
    feed->revisions++;
    if (subject->reader)
        recent_drop(feed, subject->reader);
    if (entry->kind == LOG_ERASING)
        return 0;
    kept->frame = frame_of_subject_deletion(entry->id, entry->subject);
    if (!kept->frame || name_change(feed, kept->subject, (struct text){"", 0}) < 0)
        return -ENOMEM;
    if (entry_is_new(feed, entry))
        deliver(feed, kept);
    return 0;
}

static int take_subject(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    return name_change(feed, kept->subject, entry->name);
}

static int take_notice(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    int error = notice_take(feed, entry->id, entry->body, kept);

    return error == 0 && entry_is_new(feed, entry) ? notice_deliver(feed, kept) : error;
}

static int take_marker(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept)
{
    if (entry_is_new(feed, entry))
        markers_moved(feed, kept->subject, entry->kind);
    return 0;
}

take_fn *const entry_takers[LOG_UNKNOWN + 1] = {
    [LOG_SHARE] = take_share,
    [LOG_DELETE] = take_deletion,
    [LOG_EDGE] = take_edge,
    [LOG_UNEDGE] = take_edge,
    [LOG_BOUNDARY] = take_boundary,
    [LOG_RETRY] = take_retry,
    [LOG_SUBJECT] = take_subject,
    [LOG_EDIT] = take_edit,
    [LOG_COMMENT] = take_comment,
    [LOG_UNCOMMENT] = take_uncomment,
    [LOG_RESHARED] = take_reshared,
    [LOG_UNRESHARED] = take_reshared,
    [LOG_COUNTED] = take_counts,
    [LOG_ERASE] = take_erasure,
    [LOG_ERASING] = take_erasure,
    [LOG_MUTE] = take_hiding,
    [LOG_UNMUTE] = take_hiding,
    [LOG_BLOCK] = take_hiding,
    [LOG_UNBLOCK] = take_hiding,
    [LOG_BAR] = take_hiding,
    [LOG_UNBAR] = take_hiding,
    [LOG_READ] = take_marker,
    [LOG_READ_INBOX] = take_marker,
    [LOG_NOTICE] = take_notice,
};
