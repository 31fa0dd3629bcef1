/* How far readers have read, and what is unread: a marker in the reader's partition, which only moves forward, and the shares
 * of the home timeline above it, counted by the code that reads the timeline.
 *
 * Each move is an entry of the reader's log, and so every daemon comes to know of it. What a stream is told is not the entry
 * but where the marker stands when it is told: moves that follow upon each other may be one event, and one that comes twice
 * says nothing wrong. A stream that catches up is told when it is live. */
#include "feed/markers.h"

#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"
#include "feed/frames.h"
#include "feed/internal.h"

const enum log_kind marker_kinds[2] = {[MARKER_HOME] = LOG_READ, [MARKER_INBOX] = LOG_READ_INBOX};

/* ---- moving ---- */

struct mark {
    struct feed *feed;
    enum feed_marker which;
    uint64_t id;
    feed_mark_fn *fn;
    void *context;
    size_t reader_bytes;
    char reader[];
};

static void mark_end(struct mark *mark, Feed__ErrorCode error, const struct feed_mark *done)
{
    mark->fn(mark->context, error, done);
    free(mark);
}

/* [position, 0 moved | 1 it stood there, where it stands] */
static void on_marked(void *context, const struct reply *reply)
{
    struct mark *mark = context;
    Feed__ErrorCode error = error_of_reply(reply, true);
    struct feed_mark done = {reply_id(reply_at(reply, 0)), reply_number(reply_at(reply, 1)) == 1, reply_id(reply_at(reply, 2))};

    if (error == FEED_OK) {
        store_saw(mark->feed->store, done.position);
        metrics.marks += !done.repeated;
    }
    mark_end(mark, error, &done);
}

static void send_mark(struct mark *mark)
{
    const struct text reader = {mark->reader, mark->reader_bytes};

    if (store_move_marker(mark->feed->store, marker_kinds[mark->which], reader, mark->id, on_marked, mark) < 0)
        mark_end(mark, FEED__ERROR_CODE__UNAVAILABLE, NULL);
}

static void on_last_id(void *context, const struct reply *reply)
{
    struct mark *mark = context;
    Feed__ErrorCode error = error_of_reply(reply, false);

    if (error == FEED_OK && mark->id > reply_id(reply))
        error = FEED__ERROR_CODE__INVALID;
    if (error != FEED_OK)
        mark_end(mark, error, NULL);
    else
        send_mark(mark);
}

/* A marker beyond all that there is would hide what is yet to come, and could not be taken back. */
void feed_mark_read(struct feed *feed, enum feed_marker which, struct text reader, uint64_t id, feed_mark_fn *fn, void *context)
{
    unsigned partition = partition_of_id(id);
    bool foreign = partition >= feed->partitions || (which == MARKER_INBOX && partition != partition_of_subject(reader));
    struct mark *mark;

    if (foreign || feed_is_busy(feed, false)) {
        fn(context, foreign ? FEED__ERROR_CODE__INVALID : FEED__ERROR_CODE__BUSY, NULL);
        return;
    }
    mark = malloc(sizeof(*mark) + reader.size);
    if (!mark) {
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, NULL);
        return;
    }
    *mark = (struct mark){
        .feed = feed, .which = which, .id = id, .fn = fn, .context = context, .reader_bytes = reader.size};
    memcpy(mark->reader, reader.data, reader.size);
    if (id <= feed->positions[partition])
        send_mark(mark);
    else if (store_ask_last_id(feed->store, partition, on_last_id, mark) < 0)
        mark_end(mark, FEED__ERROR_CODE__UNAVAILABLE, NULL);
}

/* ---- what is unread ---- */

struct unread {
    struct feed *feed;
    enum feed_marker which;
    struct reader *reader; /* pinned, once it is there */
    uint64_t marker;
    feed_unread_fn *fn;
    void *context;
};

static void unread_end(struct unread *unread, Feed__ErrorCode error, const struct feed_unread *found)
{
    unread->fn(unread->context, error, found);
    if (unread->reader)
        reader_unpin(unread->feed, unread->reader);
    free(unread);
}

static void on_page(void *context, Feed__ErrorCode error, const struct feed_page *page)
{
    struct unread *unread = context;
    struct feed_unread found = {.marker = unread->marker};

    if (error == FEED_OK && page->end == FEED__PAGE_END__REBUILDING)
        error = FEED__ERROR_CODE__UNAVAILABLE;
    for (size_t i = 0; error == FEED_OK && i < page->count; i++)
        found.count += page->items[i].author != unread->reader->slot;
    found.more = error == FEED_OK && page->end == FEED__PAGE_END__CAPPED;
    unread_end(unread, error, &found);
}

static void on_inbox(void *context, Feed__ErrorCode error, const struct inbox *inbox)
{
    struct unread *unread = context;
    struct feed_unread found = {.marker = unread->marker};

    if (error == FEED_OK) {
        found.count = (uint32_t)inbox->count;
        found.more = inbox->more;
    }
    unread_end(unread, error, &found);
}

static void on_marker(void *context, const struct reply *reply)
{
    struct unread *unread = context;
    Feed__ErrorCode error = error_of_reply(reply, false);

    unread->marker = reply_id(reply);
    if (error != FEED_OK)
        unread_end(unread, error, NULL);
    else if (unread->which == MARKER_HOME)
        read_timeline_above(unread->feed, unread->reader, unread->marker, on_page, unread);
    else
        inbox_read(unread->feed, unread->reader, 0, unread->marker, (size_t)unread->feed->settings->inbox_cap, on_inbox, unread);
}

static void on_reader(void *context, Feed__ErrorCode error, struct reader *reader)
{
    struct unread *unread = context;

    unread->reader = reader;
    if (error == FEED_OK && store_ask_marker(unread->feed->store, marker_kinds[unread->which],
                                         subject_name(&unread->feed->subjects, reader->slot), on_marker, unread) < 0)
        error = FEED__ERROR_CODE__UNAVAILABLE;
    if (error != FEED_OK)
        unread_end(unread, error, NULL);
}

void feed_read_unread(struct feed *feed, enum feed_marker which, struct text reader, feed_unread_fn *fn, void *context)
{
    struct unread *unread = malloc(sizeof(*unread));

    if (!unread) {
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, NULL);
        return;
    }
    *unread = (struct unread){.feed = feed, .which = which, .fn = fn, .context = context};
    reader_get(feed, reader, on_reader, unread);
}

/* ---- streams ---- */

void marker_passed(struct subscription *stream, uint32_t reader, enum log_kind kind)
{
    if (stream_rows[stream->kind].marker == kind && stream->subject == reader)
        stream->marker = MARKER_OWED;
}

void marker_missed(struct subscription *stream)
{
    if (stream_rows[stream->kind].marker != LOG_UNKNOWN)
        stream->marker = MARKER_OWED;
}

void markers_moved(struct feed *feed, uint32_t slot, enum log_kind kind)
{
    struct reader *reader = feed->subjects.slots[slot]->reader;

    if (!reader)
        return;
    for (struct subscription *stream = reader->subscriptions; stream; stream = stream->next)
        marker_passed(stream, slot, kind);
    markers_tell(feed, reader);
}

struct telling {
    struct feed *feed;
    struct reader *reader; /* pinned */
    enum feed_marker which;
};

static bool tells_of(const struct subscription *stream, enum feed_marker which)
{
    return stream_rows[stream->kind].marker == marker_kinds[which];
}

/* Those that were moved past meanwhile are asked for again; those that cannot be told now are when they are live. */
static void on_unread(void *context, Feed__ErrorCode error, const struct feed_unread *found)
{
    struct telling telling = *(struct telling *)context;
    struct feed *feed = telling.feed;
    struct reader *reader = telling.reader;
    struct frame *frame = error == FEED_OK ? frame_of_read_marker(found) : NULL;

    free(context);
    reader->telling[telling.which] = false;
    for (struct subscription *stream = reader->subscriptions; stream; stream = stream->next) {
        bool told = frame && stream->state == SUBSCRIPTION_LIVE && stream_has_room(feed, stream);

        if (stream->marker != MARKER_ASKED || !tells_of(stream, telling.which))
            continue;
        stream->marker = told ? MARKER_TOLD : MARKER_OWED;
        if (told)
            stream_send(feed, stream, frame);
    }
    if (frame)
        markers_tell(feed, reader);
    frame_unref(frame);
    reader_unpin(feed, reader);
}

static void tell(struct feed *feed, struct reader *reader, enum feed_marker which)
{
    struct telling *telling = NULL;

    for (struct subscription *stream = reader->subscriptions; stream && !reader->telling[which]; stream = stream->next) {
        if (stream->marker != MARKER_OWED || !tells_of(stream, which) || stream->state != SUBSCRIPTION_LIVE ||
            !stream_has_room(feed, stream))
            continue;
        if (!telling)
            telling = malloc(sizeof(*telling));
        if (!telling)
            return;
        stream->marker = MARKER_ASKED;
    }
    if (!telling)
        return;
    *telling = (struct telling){feed, reader, which};
    reader_pin(feed, reader);
    reader->telling[which] = true;
    feed_read_unread(feed, which, subject_name(&feed->subjects, reader->slot), on_unread, telling);
}

void markers_tell(struct feed *feed, struct reader *reader)
{
    tell(feed, reader, MARKER_HOME);
    tell(feed, reader, MARKER_INBOX);
}
