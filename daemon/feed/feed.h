/* The feed: commits, fan-out, timelines, following and live delivery. Knows no socket.
 *
 * Operations take a callback that is called exactly once, possibly before the function returns. Texts and arrays passed in
 * are copied where they are needed longer than the call. Errors are those of the schema; FEED_OK is none of them. */
#ifndef FEED_FEED_FEED_H
#define FEED_FEED_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/frame.h"
#include "feed.pb-c.h"
#include "store/command.h"

#define FEED_OK FEED__ERROR_CODE__ERROR_UNSPECIFIED

struct event_base;
struct feed;
struct store;
struct store_settings;

/* Where events for subscribers go: what the upper room hands down. */
struct feed_outlet {
    /* Queues a frame for a connection. Returns the bytes that now wait for it, 0 if it is gone. A frame that stands for a
     * position may be left out again: feed_subscriber_drop() is asked, with this `stream`. */
    size_t (*send)(void *context, uint64_t conn, uint32_t request_id, uint32_t stream, struct frame *frame);
    /* The bytes that wait for a connection. From the soft limit on feed_subscriber_drained() follows. */
    size_t (*queued)(void *context, uint64_t conn);
    size_t soft_limit_bytes; /* from here on a subscription falls back to catching up */
};

struct feed_settings {
    int64_t inbox_cap;
    int64_t backfill;
    int64_t timeline_cap;
    int64_t timeline_slack;
    int64_t timeline_idle_ttl_s;
    int64_t push_window;
    int64_t push_quantum;
    int64_t claim_after_ms;
    int64_t retry_parked_s; /* 0: never */
    int64_t lag_limit_ms;
    size_t ring_bytes;
    size_t body_bytes;
    size_t reader_bytes;
};

struct feed_events {
    /* The feed can serve from now on; it calls this once each time after it could not. */
    void (*on_ready)(void *context);
    /* The store cannot be used, and why. */
    void (*on_refused)(void *context, const char *explanation);
};

/* `store_settings` says where the store is. Everything is borrowed. The settings, but for the cap of timelines, and the outlet's
 * limit may change between turns of the loop; store.h says which of the store's. NULL when memory ends. */
struct feed *feed_new(struct event_base *base, const struct feed_settings *settings,
                      const struct store_settings *store_settings, const struct feed_outlet *outlet,
                      const struct feed_events *events, void *context);
/* Leaves the store: whatever is under way gets its callback, with an error. */
void feed_stop(struct feed *feed);
/* After feed_stop(), and after every subscriber has ended. NULL is allowed. */
void feed_free(struct feed *feed);
void feed_start(struct feed *feed);
/* At shutdown: takes no more jobs from the log, and lets nobody wait for the store to come back. What is unfinished is
 * finished by the next daemon. */
void feed_stop_jobs(struct feed *feed);
/* At shutdown, when every write is answered: tells the store that this daemon ends in order. */
void feed_leave(struct feed *feed);
/* Whether the store has heard it, or cannot. */
bool feed_has_left(const struct feed *feed);
/* Whether Redis knows that what this daemon holds has not ended it. */
bool feed_jobs_are_handed_back(const struct feed *feed);
/* Ends the turn of the loop: pushes and acknowledges what has come together. */
void feed_turn(struct feed *feed);
/* After everything else in a turn: sends what was asked of the store in it. */
void feed_flush(struct feed *feed);

/* Whether requests can be served: the store is open and answers, and the tail has come up to it. */
bool feed_is_ready(const struct feed *feed);
/* Why a share would not get through or not be delivered, in words; NULL if it would, as far as is known. */
const char *feed_trouble(const struct feed *feed);
/* Whether Redis said lately that it reads its data. */
bool feed_is_loading(const struct feed *feed);
unsigned feed_partitions(const struct feed *feed);
/* Age of the oldest entry that is not yet known to be fully applied. */
int64_t feed_lag_ms(const struct feed *feed);
/* What such entries take in memory. */
size_t feed_unapplied_bytes(const struct feed *feed);

/* ---- writes ---- */

/* Writes are refused as BUSY while those before them cannot be fanned out fast enough: see pressure.c. */

struct feed_comment {
    struct text commenter;
    uint64_t share;
    uint64_t parent; /* 0: none */
    struct text body;
    struct text key;
};

typedef void feed_write_fn(void *context, Feed__ErrorCode error, uint64_t position, bool repeated);

/* Commits a share. `body` is an encoded feed.Share without id, author first; of a re-share, with `origin` in it. Nothing of it is
 * needed after the call. Done before: the first one's position. FORBIDDEN: the author and that of the origin, one blocks the
 * other. */
struct store_share;
void feed_share(struct feed *feed, const struct store_share *share, feed_write_fn *fn, void *context);
void feed_delete(struct feed *feed, struct text author, uint64_t id, feed_write_fn *fn, void *context);
/* Edits a share: `body` is the new one, encoded like that of feed_share(), `mark` the field edited_at_ms, which it lacks.
 * LIMIT_EXCEEDED: it is older than `window_ms`. */
void feed_edit(struct feed *feed, struct text author, uint64_t id, struct text body, struct text mark, int64_t window_ms,
               feed_write_fn *fn, void *context);
/* Comments on a share: `body` is an encoded feed.Comment without id, commenter first, of which `share` and `parent` are also
 * said here. INVALID: there is no such parent. */
void feed_comment(struct feed *feed, const struct feed_comment *comment, feed_write_fn *fn, void *context);
/* Deletes a comment, for the subject who made it or whose share it stands under. */
void feed_delete_comment(struct feed *feed, struct text subject, uint64_t share, uint64_t comment, feed_write_fn *fn,
                         void *context);
/* Follows or unfollows; done when the subject's log holds the edge and the backfill is merged. */
void feed_follow(struct feed *feed, bool follow, struct text reader, struct text subject, feed_write_fn *fn, void *context);
/* Unfollows, and what the reader could see of the subject until then stays visible. */
void feed_unfollow_keeping(struct feed *feed, struct text reader, struct text subject, feed_write_fn *fn, void *context);

/* Mutes or unmutes. LIMIT_EXCEEDED: as many are muted as may be. */
void feed_mute(struct feed *feed, bool mute, struct text reader, struct text subject, feed_write_fn *fn, void *context);
/* Blocks or unblocks; done when both partitions say so, and every follow between the two has ended. LIMIT_EXCEEDED: as many are
 * blocked as may be. `positions`: the block's own, and the highest in the reader's and in the subject's partition. */
typedef void feed_block_fn(void *context, Feed__ErrorCode error, const uint64_t positions[3], bool repeated);
void feed_block(struct feed *feed, bool block, struct text reader, struct text subject, feed_block_fn *fn, void *context);

/* Says what a subject is called and what there is to know of it. `record`: an encoded feed.Subject, or empty. */
void feed_describe(struct feed *feed, struct text subject, struct text record, struct text display_name, feed_write_fn *fn,
                   void *context);

/* How far the deletion of a subject has come. */
struct feed_erasure {
    uint64_t position;
    uint64_t total; /* pieces that there were */
    uint64_t left;
    bool done;
};
typedef void feed_erase_fn(void *context, Feed__ErrorCode error, const struct feed_erasure *erasure, bool repeated);
/* Deletes a subject with all that it left behind: see erase.c. */
void feed_erase(struct feed *feed, struct text subject, feed_erase_fn *fn, void *context);
/* NOT_FOUND: it was not deleted, or too long ago. */
void feed_read_erasure(struct feed *feed, struct text subject, feed_erase_fn *fn, void *context);

/* What of a reader has a marker. */
enum feed_marker { MARKER_HOME, MARKER_INBOX };

/* How far it has read that: forward only. INVALID: there is no such id yet, or none of its inbox. */
struct feed_mark {
    uint64_t position;
    bool repeated;   /* it stood there or further */
    uint64_t marker; /* where it stands */
};
typedef void feed_mark_fn(void *context, Feed__ErrorCode error, const struct feed_mark *mark);
void feed_mark_read(struct feed *feed, enum feed_marker which, struct text reader, uint64_t id, feed_mark_fn *fn, void *context);

/* Calls `fn` once the feed is ready, at once if it is, in the order of the calls and before anything that is asked for later;
 * with UNAVAILABLE at `deadline_ms` of the monotonic clock, or when the daemon stops. */
typedef void feed_wait_fn(void *context, Feed__ErrorCode error);
void feed_wait_ready(struct feed *feed, int64_t deadline_ms, feed_wait_fn *fn, void *context);

/* ---- reads ---- */

/* Whether this daemon has seen the log up to a position that was acknowledged. */
bool feed_has_passed(const struct feed *feed, uint64_t position);
/* Calls `fn` once it has; with UNAVAILABLE if that cannot be waited for. */
void feed_wait(struct feed *feed, uint64_t position, feed_wait_fn *fn, void *context);

/* A share: a reference to its frame, whose last `share_bytes` are the encoded feed.Share. */
struct feed_item {
    uint64_t id;
    struct frame *frame; /* NULL: there is no such share */
    uint32_t share_bytes;
    uint32_t origin_bytes;      /* likewise … */
    struct frame *origin_frame; /* … of a re-share: of what it is of. A reference */
    uint64_t origin;            /* its id, 0: it is no re-share */
    struct text also; /* further fields of its feed.Share, encoded; its own: who re-shared it, who else shared the same */
    uint32_t author; /* internal, as is what follows */
    uint32_t origin_author; /* if it is a re-share */
    uint32_t reshares;
    uint32_t name_stamp;
    bool is_folded; /* it has no entry of its own: see entries.c */
    uint32_t *resharers; /* whom `also` tells of as such, all of them: see reshares.h. NULL: nobody */
    uint64_t revised_at; /* the log entry that changed it last */
    uint64_t asked_at;   /* the tail's position when it was fetched */
};

struct reader;

struct feed_page {
    const struct feed_item *items; /* newest first */
    size_t count;
    Feed__PageEnd end;
    struct frame *encoded; /* the same page as it was kept by feed_keep_page(): then there are no items; else NULL */
    struct reader *reader; /* internal: whose newest page it is, and as of when */
    size_t limit;
    size_t looked_at;      /* items that were: the page, and one more if there is one */
    uint64_t stamp, revisions;
};

typedef void feed_page_fn(void *context, Feed__ErrorCode error, const struct feed_page *page);
/* `before` 0: from the top. The page is valid during the callback. */
void feed_read_timeline(struct feed *feed, struct text reader, uint64_t before, size_t limit, feed_page_fn *fn, void *context);
/* The same with `also_shared_by` and `also_shared_count` in each share. */
void feed_read_timeline_also(struct feed *feed, struct text reader, uint64_t before, size_t limit, feed_page_fn *fn,
                             void *context);
/* Keeps how a page was encoded for those who read the same one next, if it is one that can be. During its callback only. */
void feed_keep_page(struct feed *feed, const struct feed_page *page, struct frame *frame);
void feed_read_profile(struct feed *feed, struct text subject, uint64_t before, size_t limit, feed_page_fn *fn, void *context);
/* A page of one share, or NOT_FOUND. */
void feed_read_share(struct feed *feed, uint64_t id, feed_page_fn *fn, void *context);

/* Who shared what a canonical url leads to, or something of a site: how many they are and, if there is a reader, how many of
 * those whom it follows; and a page of the latest share of each, of those whom it follows or, without a reader, of all. What
 * was shared or deleted a moment ago may not be counted yet. */
struct feed_sharers {
    uint64_t total;
    uint64_t followed;
    const struct feed_page *page;
};
typedef void feed_sharers_fn(void *context, Feed__ErrorCode error, const struct feed_sharers *sharers);
void feed_read_sharers(struct feed *feed, bool site, struct text what, struct text reader, uint64_t before, size_t limit,
                       feed_sharers_fn *fn, void *context);
/* A page of the dialogue under a share. */
struct feed_dialogue {
    uint64_t share;
    const struct feed_dialogue_item {
        uint64_t id;
        uint64_t parent;
        struct text body; /* as it was committed; empty: deleted */
    } *items;
    size_t count;
    uint32_t comments; /* that are not deleted, in all */
    bool more;
};
typedef void feed_dialogue_fn(void *context, Feed__ErrorCode error, const struct feed_dialogue *page);
/* `reader`: who looks; empty: that is not known. `cursor` 0: from the beginning, whichever that is; else behind that comment. A
 * page with none is the last one. NOT_FOUND: there is no such share. */
void feed_read_dialogue(struct feed *feed, struct text reader, uint64_t share, uint64_t cursor, bool oldest_first, size_t limit,
                        feed_dialogue_fn *fn, void *context);

/* What has most, of what came within the window. */
struct feed_popular_item {
    struct text subject;           /* of FEED__POPULAR_KIND__POPULAR_SUBJECTS */
    const struct feed_item *share; /* else: the latest one that leads there */
    bool is_hidden;                /* the reader does not see who shared that */
    uint64_t count;
};

struct feed_popular {
    const struct feed_popular_item *items; /* the most first */
    size_t count;
    uint64_t error; /* what is left out has no more than the last one, or than this */
};
typedef void feed_popular_fn(void *context, Feed__ErrorCode error, const struct feed_popular *popular);
/* `reader`: who looks; empty: that is not known. */
void feed_read_popular(struct feed *feed, struct text reader, Feed__PopularKind kind, Feed__PopularWindow window, size_t limit,
                       feed_popular_fn *fn, void *context);
/* The url of what a share leads to, in its canonical form. */
struct text feed_destination_of(const struct feed_item *item);

/* Whom a reader may want to follow. */
#define FEED_SUGGESTIONS_MAX 50
struct feed_suggestion {
    struct text subject;
    uint32_t count;       /* how many of those whom the reader follows follow it, … */
    size_t name_count;
    struct text names[3]; /* … and some of them */
};

struct feed_suggestions {
    const struct feed_suggestion *items; /* those whom most follow first */
    size_t count;
};
typedef void feed_suggestions_fn(void *context, Feed__ErrorCode error, const struct feed_suggestions *suggestions);
void feed_read_suggestions(struct feed *feed, struct text reader, size_t limit, feed_suggestions_fn *fn, void *context);

/* Shares of others above the reader's marker, or notices. `more`: there may be older ones, which the timeline does not hold, or
 * which were not counted. */
struct feed_unread {
    uint64_t marker;
    uint32_t count;
    bool more;
};
typedef void feed_unread_fn(void *context, Feed__ErrorCode error, const struct feed_unread *unread);
void feed_read_unread(struct feed *feed, enum feed_marker which, struct text reader, feed_unread_fn *fn, void *context);

/* Something that somebody else did that concerns a subject. */
struct feed_notice {
    uint64_t id;
    Feed__NoticeKind kind;
    struct text actor;
    uint64_t share, cause; /* 0: none */
};

/* A page of an inbox, newest first. */
struct feed_inbox {
    const struct feed_notice *notices;
    size_t count;
    Feed__PageEnd end;
    uint64_t marker;
};
typedef void feed_inbox_fn(void *context, Feed__ErrorCode error, const struct feed_inbox *inbox);
/* `before` 0: from the top. */
void feed_read_inbox(struct feed *feed, struct text subject, uint64_t before, size_t limit, feed_inbox_fn *fn, void *context);

/* How many streams there are of the subject's profile, and home streams of others who follow it, on all daemons together, and
 * whether it has a home stream itself. Not older than PRESENCE_STALE_MS of store/presence.h. */
struct feed_presence {
    uint32_t watching;
    uint32_t listening;
    bool online;
};
typedef void feed_presence_fn(void *context, Feed__ErrorCode error, const struct feed_presence *presence);
void feed_read_presence(struct feed *feed, struct text subject, feed_presence_fn *fn, void *context);

/* Who is followed by `subject`, follows it, is blocked or muted by it, latest first. `next` is the cursor of the next page, 0
 * if this was the last. */
struct feed_names {
    const struct text *names;
    size_t count;
    uint64_t next;
    uint64_t total;
};
typedef void feed_names_fn(void *context, Feed__ErrorCode error, const struct feed_names *names);
enum feed_names_of { NAMES_FOLLOWING, NAMES_FOLLOWERS, NAMES_BLOCKED, NAMES_MUTED };
void feed_read_names(struct feed *feed, enum feed_names_of of, struct text subject, uint64_t before, size_t limit,
                     feed_names_fn *fn, void *context);

/* What is said about subjects, as encoded feed.Subject. `next` leads on, empty if these were the last. Valid during the
 * callback. */
struct feed_subjects {
    const struct text *records; /* empty where nothing is said */
    const struct text *cursors; /* of a search: what leads on behind each; else NULL */
    size_t count;
    struct text next;
};
typedef void feed_subjects_fn(void *context, Feed__ErrorCode error, const struct feed_subjects *subjects);
/* In the order of the ids. */
void feed_read_subjects(struct feed *feed, const struct text *ids, size_t count, feed_subjects_fn *fn, void *context);
/* Subjects that were described and have a word that begins with `prefix`, in the order of those words. INVALID: there is no
 * letter, digit or symbol in the prefix; NOT_FOUND: the cursor `after` is not of such a search. A page may hold fewer than
 * `limit`. */
void feed_find_subjects(struct feed *feed, struct text prefix, struct text after, size_t limit, feed_subjects_fn *fn,
                        void *context);

/* ---- subscriptions ---- */

struct subscription;

/* What a connection subscribes with: part of the upper room's session. Its address must not change. The low 32 bits of
 * `conn` must be its own among the connections that are open. */
struct feed_subscriber {
    uint64_t conn;
    struct subscription *first;
    uint32_t count;      /* open and being opened */
    uint32_t collecting; /* of those, the ones that collect from the store what they missed */
    bool wants_turn;     /* there are others that want to */
};

/* What a stream can be of. Each kind is a row of the table in streams.c. */
enum stream_kind {
    STREAM_HOME,    /* a reader's timeline */
    STREAM_PROFILE, /* what a subject shares */
    STREAM_DIALOGUE, /* the comments under a share */
    STREAM_AROUND,  /* those under all shares of a subject */
    STREAM_INBOX,   /* what others do that concerns a subject */
    STREAM_KINDS
};

struct feed_stream {
    enum stream_kind kind;
    struct text subject; /* or reader; empty: of a share */
    uint64_t share;
    struct text reader;  /* who looks at a dialogue; empty: that is not known */
};

typedef void feed_subscribe_fn(void *context, Feed__ErrorCode error);

/* Opens a stream of events under `request_id`. The first event comes after `fn` was called with FEED_OK. The token is
 * empty or what a client gave. If the subscriber ends meanwhile, `fn` is still called. */
void feed_subscribe(struct feed *feed, struct feed_subscriber *subscriber, uint32_t request_id,
                    const struct feed_stream *of, struct text token, feed_subscribe_fn *fn, void *context);
/* Whether there was one. */
bool feed_unsubscribe(struct feed *feed, struct feed_subscriber *subscriber, uint32_t request_id);
bool feed_has_subscription(const struct feed *feed, const struct feed_subscriber *subscriber, uint32_t request_id);
/* Ends all of a subscriber's streams. */
void feed_subscriber_done(struct feed *feed, struct feed_subscriber *subscriber);
/* The connection's queue has drained: streams that fell back go on. */
void feed_subscriber_drained(struct feed *feed, struct feed_subscriber *subscriber);
/* Whether a frame that was queued for a stream may be left out. If so the stream goes on from before it, when the queue has
 * drained. Frames of a stream must be asked for in the order queued, and each one's successors after it. */
bool feed_subscriber_drop(struct feed *feed, const struct feed_subscriber *subscriber, uint32_t request_id, uint32_t stream,
                          uint64_t position);
/* Queues a Heartbeat for each live stream. Returns how many. */
size_t feed_subscriber_heartbeat(struct feed *feed, struct feed_subscriber *subscriber);

#endif
