/* What the files of the feed share: its parts and who calls whom.
 *
 *   tail      takes entries from the log ──▶ ring, bodies, readers (edges), live
 *   live      author ──▶ online readers and the author's own streams ──▶ outlet
 *   catchup   brings a subscription from a position to live
 *   jobs      takes entries dealt to this daemon ──▶ fanout (shares), follow (follows) ──▶ acknowledges
 *   trace     remembers what became of the latest shares, hot who has most of late; look shows it to operators
 *   timeline  fetches, rebuilds and merges a home timeline; read hydrates and pages it; collect reads profiles for both
 *   sharers   finds who shared what; also_shared tells of that beside the shares of a timeline */
#ifndef FEED_FEED_INTERNAL_H
#define FEED_FEED_INTERNAL_H

#include "base/idmap.h"
#include "base/idset.h"
#include "base/log.h"
#include "feed/batches.h"
#include "feed/feed.h"
#include "feed/health.h"
#include "feed/hidden.h"
#include "feed/hot.h"
#include "feed/inbox.h"
#include "feed/jobs.h"
#include "feed/look.h"
#include "feed/markers.h"
#include "feed/names.h"
#include "feed/presence.h"
#include "feed/readers.h"
#include "feed/reshares.h"
#include "feed/sharers.h"
#include "feed/streams.h"
#include "feed/timelines.h"
#include "feed/trace.h"
#include "store/log.h"
#include "store/store.h"

#define NO_SUBJECT UINT32_MAX

/* ---- subjects.c: names as numbers ---- */

struct subject {
    uint32_t refs;
    uint32_t hash;
    struct reader *reader;           /* NULL unless its following set is in memory */
    struct idset online;             /* readers (slots) who follow it and listen on this daemon */
    struct idset keepers;            /* those who do not, keep what it has shared once, and listen: see kept.c */
    struct subscription *streams;    /* that are found by the subject: see streams.c */
    struct display_name *display_name; /* NULL: it has none, or it is not known */
    uint64_t dropped;                /* its profile has dropped its shares up to this id, as far as that was seen; 0: none */
    uint64_t erased_at;              /* it was deleted at this position: its shares from before are gone. 0: it was not */
    uint32_t name_stamp;             /* of the display name, 0: it is not known */
    uint32_t watched;                /* streams of its profile */
    uint32_t name_holders;           /* frames of its shares, in memory or in use */
    uint64_t unpushed_until;         /* its latest share that was not pushed, 0: there is none */
    uint8_t name_bytes;
    char name[];
};

struct subjects {
    struct subject **slots;
    uint32_t capacity;
    uint32_t used;       /* slots ever used; free ones are chained in `free` */
    uint32_t *free;
    uint32_t free_count;
    uint32_t *table;     /* slot + 1 by hash */
    uint32_t table_capacity;
    uint32_t count;
};

uint32_t name_hash(struct text name);
/* The slot of a name with a new reference, NO_SUBJECT when memory ends. */
uint32_t subject_intern(struct subjects *subjects, struct text name);
/* The slot of a name, NO_SUBJECT if nothing refers to it. */
uint32_t subject_find(const struct subjects *subjects, struct text name);
uint32_t subject_ref(struct subjects *subjects, uint32_t slot);
void subject_unref(struct subjects *subjects, uint32_t slot);
struct text subject_name(const struct subjects *subjects, uint32_t slot);
void subjects_done(struct subjects *subjects);

/* ---- bodies.c: shares in memory, and fetching them ---- */

struct bodies {
    struct idmap map; /* id -> struct body */
    struct body *first;
    struct body *last;
    size_t bytes;
};

/* Takes a reference to the frame. */
void bodies_put(struct feed *feed, const struct feed_item *item);
void bodies_drop(struct feed *feed, uint64_t id);
void bodies_done(struct feed *feed);
/* Looks a share up in memory; on success the caller owns references to ret_item's frame and author: see items_done(). */
bool bodies_get(struct feed *feed, uint64_t id, struct feed_item *ret_item);

/* What tells whether a share shows as it did. */
struct share_stamp {
    uint64_t id;
    uint64_t revised_at;
    uint32_t name_stamp;
};
/* Of a share in memory; false if it is not, or is gone. */
bool share_stamp(const struct feed *feed, uint64_t id, struct share_stamp *ret_stamp);

/* A share has changed, and its body if that has data: what is here of it, in memory and in the ring, becomes what it is now.
 * 0, or -ENOMEM and it is as it was in the ring. */
int share_revise(struct feed *feed, uint64_t id, const struct share_counts *counts, struct text body);

/* Fetches shares by id, out of memory or the store. `items` has `count` entries with their ids set; their frames are set
 * before `fn` is called (the caller owns the references, see items_done()), NULL for those that do not exist. `items` stays
 * the caller's and must live until then. */
typedef void hydrate_fn(void *context, Feed__ErrorCode error);
void hydrate(struct feed *feed, struct feed_item *items, size_t count, hydrate_fn *fn, void *context);
void items_done(struct feed *feed, struct feed_item *items, size_t count);
/* A copy with references of its own. 0 or -ENOMEM. */
int item_copy(struct feed *feed, const struct feed_item *item, struct feed_item *ret_copy);

/* ---- dialogue.c ---- */

/* A comment as the store holds it: its parent, then what was committed. */
struct text comment_body(struct text held, uint64_t *ret_parent);

/* ---- ring.c: recent log entries in memory ---- */

struct ring_entry {
    uint64_t id;
    uint64_t other;      /* as in struct log_entry */
    uint64_t share;
    struct frame *frame; /* of shares and deletions: the event */
    uint64_t origin;     /* of a re-share, or the edit of one: what it is of, whose author is `reader`; else 0 */
    uint64_t origin_at;  /* the entry that had changed the origin last, as it stands in the event */
    int64_t made_ms;
    uint32_t subject;    /* slot, or NO_SUBJECT */
    uint32_t reader;
    uint32_t name_stamp; /* of a share: of the author's name in the frame */
    enum log_kind kind;
    size_t end; /* bytes of all entries that the ring ever took, up to and with this one */
};

struct ring {
    struct ring_entry *entries;
    size_t capacity; /* a power of two */
    size_t first;
    size_t count;
    size_t bytes;
    uint64_t floor; /* the ring holds every entry above this id */
};

/* The share that an entry made or is about, 0: none. */
static inline uint64_t share_of_entry(const struct ring_entry *entry)
{
    return entry->kind == LOG_SHARE ? entry->id : entry->share;
}

/* Who commented, or did what an inbox tells of; else NO_SUBJECT. */
static inline uint32_t actor_of_entry(const struct ring_entry *entry)
{
    bool acts = entry->kind == LOG_EDGE || entry->kind == LOG_COMMENT || entry->kind == LOG_RESHARED || entry->kind == LOG_NOTICE;

    return acts ? entry->reader : NO_SUBJECT;
}

int ring_push(struct feed *feed, unsigned partition, const struct ring_entry *entry);
/* Whether the ring holds everything that is not known to be applied. It does not for a while after it was dropped. */
bool ring_reaches_back(const struct feed *feed, unsigned partition);
void ring_done(struct feed *feed, unsigned partition);
struct ring_entry *ring_at(const struct ring *ring, size_t index);
/* Index of the first entry above `id`. */
size_t ring_above(const struct ring *ring, uint64_t id);
/* The entry of this id, NULL if there is none. */
struct ring_entry *ring_find(const struct ring *ring, uint64_t id);
/* Its event as it is sent from now on. Takes the frame over. */
void ring_replace(struct ring *ring, struct ring_entry *entry, struct frame *frame);
/* The same of a share: `share` is what it is now, of a re-share without its origin. 0 or -ENOMEM. */
int ring_revise(struct ring *ring, struct ring_entry *entry, struct frame *share);
/* Whether an entry above `id` changed a share. */
bool ring_changes(const struct feed *feed, uint64_t share, uint64_t above);
/* What the entries above `id` take. */
size_t ring_bytes_above(const struct ring *ring, uint64_t id);

/* The event of an entry, a share's with its author's present name. Borrowed. */
struct frame *ring_event(struct feed *feed, struct ring *ring, struct ring_entry *entry);

/* Whether the deletion of a share or comment is in a ring. */
bool share_is_deleted(const struct feed *feed, uint64_t id);
/* The same, or it is its author's. */
bool share_is_gone(const struct feed *feed, uint64_t id, uint32_t author);

/* What a reader began to follow within a part of a ring: a share that stands before came with the backfill, if at all. */
struct joins {
    struct join *items;
    size_t count;
};

void joins_collect(const struct ring *ring, size_t from, uint32_t reader, struct joins *ret_joins);
bool joins_backfilled(const struct joins *joins, const struct ring_entry *share);
void joins_done(struct joins *joins);


/* ---- token.c ---- */

/* How far a client has seen one partition, and in which run of Redis that was. */
struct token_place {
    uint64_t position;
    uint32_t mark;
};

/* Version, partitions, epoch, places, check sum. */
#define TOKEN_BYTES_MAX (2 + 8 + 12 * PARTITIONS_MAX + 4)
size_t token_write(uint8_t *out, uint64_t epoch, const struct token_place *places, unsigned partitions);
/* FEED_OK, TOKEN_DAMAGED or TOKEN_FOREIGN. */
Feed__ErrorCode token_read(struct text token, uint64_t epoch, unsigned partitions, struct token_place *ret_places);
/* A token of these positions; NULL: of where this daemon's live streams are. */
size_t token_of_positions(const struct feed *feed, const uint64_t *positions, uint8_t *out);

/* ---- frames_share.c ---- */

/* What a re-share is of. */
struct origin {
    uint64_t id;
    struct text author;
};

/* `counts` NULL: nothing is counted. `name`: what the author calls itself. NULL when memory ends. */
struct frame *frame_of_share(uint64_t id, struct text body, const struct share_counts *counts, struct text name,
                             uint32_t *ret_share_bytes);
/* The same share with another name in it. */
struct frame *frame_of_share_renamed(const struct frame *share, struct text name, uint32_t *ret_share_bytes);
/* The same share with other counts, and another body if that has data. */
struct frame *frame_of_share_revised(const struct frame *share, const struct share_counts *counts, struct text body,
                                     uint32_t *ret_share_bytes);
/* A re-share as it is sent: with its origin, an encoded feed.Share, behind its own fields. */
struct frame *frame_of_reshare(const struct frame *share, struct text origin);
/* That origin; no data if there is none. */
struct text origin_in_frame(const struct frame *reshare);
/* The event of a re-share for who has an entry of its origin. */
struct frame *frame_of_joining(const struct frame *reshare);
/* The event of a share as it is sent. */
struct frame *frame_of_item(const struct feed_item *item);
/* The event of an edit. */
struct frame *frame_of_edit(uint64_t id, const struct feed_item *item);
/* A text of a stored body, or of a share's bytes; no data if it has none. */
struct text text_of_body(struct text body, uint32_t field);
struct text author_of_body(struct text body);
/* The url of what the share leads to, in its canonical form. */
struct text destination_of_body(struct text body);
/* Whether it is a re-share, and of what. */
bool origin_of_body(struct text body, struct origin *ret_origin);
/* Fields of a share that tell of others, `total`, of whom some have these names: what they take, and they themselves. */
enum names_field { NAMES_ALSO_SHARED, NAMES_RESHARED };
size_t share_names_bytes(enum names_field field, const struct text *names, size_t count, uint32_t total);
void share_names_write(enum names_field field, const struct text *names, size_t count, uint32_t total, uint8_t *out);

/* ---- frames.c ---- */

/* NULL when memory ends. */
struct frame *frame_of_comment(uint64_t id, struct text body, struct text author);
struct frame *frame_of_comment_deletion(uint64_t id, uint64_t comment, uint64_t share, struct text author);
struct frame *frame_of_deletion(uint64_t id, uint64_t share_id, struct text author);
struct frame *frame_of_subject_deletion(uint64_t id, struct text subject);

/* ---- reopen.c: what still holds when the store is open again ---- */

void feed_reopen(struct feed *feed);
/* Sets the tail to where it is to read on. */
void tail_place(struct feed *feed);
/* Up to where entries were delivered. */
uint64_t tail_position(const struct feed *feed, unsigned partition);
/* Forgets what this daemon knows of a partition; it goes on behind the entry `position`. */
void tail_forget(struct feed *feed, unsigned partition, uint64_t position);
/* Tells every stream that what lies in these ranges may be missing. */
void report_loss(struct feed *feed, const uint64_t *ranges, size_t count);

/* ---- tail.c ---- */

/* Reads on, if nothing speaks against it. */
void tail_read(struct feed *feed);
/* Asks how far the logs are applied. */
void tail_sample_applied(struct feed *feed);
void waiters_fail(struct feed *feed);


/* ---- feed.c ---- */

/* Who waits for the feed to be ready. */
struct ready_queue {
    struct ready_waiter *first;
    struct ready_waiter *last;
};

struct waiter;
struct again;
struct check;
struct opening;

struct feed {
    const struct feed_settings *settings; /* the upper room's, which may change them between turns */
    const struct feed_outlet *outlet;
    const struct feed_events *events;
    void *context;
    struct event_base *base;
    struct event *tick;
    struct store *store;
    unsigned partitions;
    uint64_t epoch;     /* of the store that the tail has read */
    uint32_t marks[PARTITIONS_MAX]; /* of the runs of Redis that `positions` were seen in */
    bool begun;         /* the tail has read */
    bool placed;        /* `positions` are where the tail is to read on, and `applied` is of this run of Redis */
    bool caught_up;     /* the tail has come up to what was there when it began */
    bool ready;
    bool told_ready;     /* what the streams were last told */
    int64_t tell_at_ms;  /* not before that they are told again */

    struct subjects subjects;
    struct readers readers;
    unsigned reloads;   /* readers that are loaded anew, before the tail goes on */
    struct bodies bodies;
    struct ring rings[PARTITIONS_MAX];
    uint64_t recent_generation; /* timelines in memory that were kept under an earlier one may lack something */
    uint64_t unsettled[PARTITIONS_MAX]; /* until this is applied timelines may change behind what was seen of the log */
    uint64_t recent_stamp; /* the last one given */
    uint64_t revisions;   /* whatever changes shares that were served before (deletions, edits, renamings, comments), as the
                           * tail has seen it */
    uint32_t name_stamps; /* the last one given */
    uint32_t name_questions; /* under way */
    struct idmap deleted; /* shares whose deletion is in a ring */
    struct idmap reshares; /* re-shares that are in a ring, by origin: see reshares.c */
    uint64_t positions[PARTITIONS_MAX]; /* of the tail */
    bool exact[PARTITIONS_MAX];         /* and that is an entry's id */
    uint64_t delivered[PARTITIONS_MAX]; /* entries up to here were delivered: they are read again for the ring only */
    uint64_t lost[PARTITIONS_MAX];      /* positions up to here were seen and then lost by the store */
    uint64_t applied[PARTITIONS_MAX];   /* every entry up to here has had its effects */
    struct store_backlog backlog[PARTITIONS_MAX]; /* as it was when that was asked */
    int64_t heard_ms;                   /* when the tail was last answered */
    int64_t behind_since_ms;            /* since when its batches are full: there may be more; 0: they are not */
    unsigned samples_pending;
    uint64_t sampled;                   /* a bit for each partition answered */
    uint64_t token_generation;          /* moves with the positions */
    uint64_t token_frame_generation;
    struct frame *token_frame;          /* Heartbeat with the token of `positions` */
    struct live_run run;                /* of this turn of the tail */
    struct idmap streams;               /* by connection and request id */
    struct idmap shares_streamed;       /* the first stream of each share that has any */
    uint32_t streams_opened;
    struct opening *openings;           /* streams that are being opened */
    struct waiter *waiters;
    struct ready_queue ready_waiters;   /* oldest first */
    struct again *again;                /* calls to be made at the next tick */
    struct traces *traces; /* NULL before the first share */
    struct hot hot;
    struct jobs jobs;
    struct collects collects;
    struct bigs bigs;
    struct pressure pressure;
    struct presence presence;
    struct check *check; /* the latest one, see check.c; NULL: there was none */
    struct batches batches;
    struct idmap follows; /* follows that this daemon carries out itself, see follow.c */
};

/* A write that is one script. */
struct write {
    struct feed *feed;
    uint64_t *metric; /* counts those that were done */
    feed_write_fn *fn;
    void *context;
};

struct write *write_new(struct feed *feed, uint64_t *metric, feed_write_fn *fn, void *context);
/* Its end: 0 done | 1 was done already | 2 not found | 3 forbidden | 4 beyond a limit. */
void write_end(const struct write *write, Feed__ErrorCode error, uint64_t position, int64_t outcome);
/* The answer to it, which frees it: [position, outcome as of write_end()]. */
void on_written(void *context, const struct reply *reply);

/* Looks whether the feed can serve, and says so. */
void feed_check_ready(struct feed *feed);

/* ---- takers.c: what entries do here ---- */

/* Entries up to `delivered` are read again for the ring only. */
static inline bool entry_is_new(const struct feed *feed, const struct log_entry *entry)
{
    return entry->id > feed->delivered[entry->partition];
}

/* Takes an entry in; what the ring keeps of it is completed. 0 or -ENOMEM: then nobody was shown the entry. */
typedef int take_fn(struct feed *feed, const struct log_entry *entry, struct ring_entry *kept);
/* Those without a row only move the position. */
extern take_fn *const entry_takers[LOG_UNKNOWN + 1];

/* ---- check_items.c ---- */

void check_free(struct feed *feed);

/* ---- error.c, later.c ---- */

Feed__ErrorCode error_of_reply(const struct reply *reply, bool write);
/* Calls `fn` at a later tick, about 50 ms from now. Lost when memory ends: false. */
bool feed_call_later(struct feed *feed, void (*fn)(void *context), void *context);
/* Makes the calls that are due. */
void feed_call_again(struct feed *feed);
/* Ends the waiting of feed_wait_ready(): of all if the feed is ready, else of those whose time is up. */
void ready_waiters_wake(struct feed *feed, int64_t now_ms);

#endif
