/* Inboxes: inbox.c reads them, notices.c fills them and tells their streams. Part of feed/internal.h. */
#ifndef FEED_FEED_INBOX_H
#define FEED_FEED_INBOX_H

#include "feed/feed.h"
#include "feed/jobs.h"

struct reader;
struct ring_entry;

/* ---- inbox.c ---- */

struct inbox_item {
    uint64_t id; /* of the entry in the subject's log that it stems from */
    Feed__NoticeKind kind;
    uint32_t actor; /* a reference, or NO_SUBJECT: it does not show */
    uint64_t share, cause;
};

/* What a subject is to see, newest first; valid during the callback. */
struct inbox {
    const struct inbox_item *items;
    size_t count;
    bool more;        /* there are older ones, within the bounds */
    uint64_t dropped; /* up to this id some are not held any more; 0: none */
};
typedef void inbox_fn(void *context, Feed__ErrorCode error, const struct inbox *inbox);
/* The newest `limit` between the bounds, both excluded (`before` 0: there is none). Pins the reader. */
void inbox_read(struct feed *feed, struct reader *reader, uint64_t before, uint64_t after, size_t limit, inbox_fn *fn,
                void *context);

/* ---- notices.c ---- */

/* Whether the reader is to see what somebody did that concerns it. */
bool notice_shows(const struct feed *feed, const struct reader *reader, uint32_t actor);
/* A notice as the store keeps it. Returns how long it is. */
#define NOTICE_BYTES_MAX 512
size_t notice_pack(Feed__NoticeKind kind, struct text actor, uint64_t share, uint64_t cause, uint8_t out[NOTICE_BYTES_MAX]);
/* An entry's effect on inboxes in other partitions. */
void notice_begin_job(struct feed *feed, struct job *job);
/* Tells the streams of the inbox that an entry concerns. 0 or -ENOMEM. */
int notice_deliver(struct feed *feed, const struct ring_entry *entry);
/* The event that an entry is to an inbox, a new reference; NULL without memory. It must be one of those that concern inboxes:
 * see notice_is_of(). */
struct frame *notice_event(struct feed *feed, const struct ring_entry *entry);
/* Whether an entry concerns the inbox of its subject. */
bool notice_is_of(const struct ring_entry *entry);
/* Reads an entry of that kind: who did it is its reader, what it names its share and its other one, and its event its frame. 0 or
 * -ENOMEM. */
int notice_take(struct feed *feed, uint64_t id, struct text notice, struct ring_entry *ret_entry);

#endif
