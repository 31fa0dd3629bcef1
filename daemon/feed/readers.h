/* Readers in memory: readers.c, kept.c. Part of feed/internal.h. */
#ifndef FEED_FEED_READERS_H
#define FEED_FEED_READERS_H

#include "base/idset.h"
#include "feed/feed.h"
#include "feed/hidden.h"
#include "store/store.h"

struct collect;

/* ---- readers.c: who follows whom, of readers in use ---- */

struct reader {
    uint32_t slot;
    uint32_t pins;            /* streams and operations that use it */
    bool listed;              /* among the `online` of those whom it follows: while there are streams or `recent` */
    struct recent *recent;    /* its timeline, NULL if that is not in memory */
    uint64_t settled_at;      /* its timeline is as it should be once this id is applied */
    struct idset following;   /* slots of subjects, the reader itself included; each holds a reference */
    struct hidden hidden;     /* whom it does not see, although it may follow them */
    struct kept *kept;        /* of former ones, by subject: see kept.c */
    uint32_t kept_count;
    uint64_t loaded_at;       /* what the reader's log says up to this id is in `following`, `kept` and `hidden` */
    int64_t renew_at_ms;      /* when its timeline's time to live is to begin anew */
    bool telling[2];          /* where a marker stands is being looked up for its streams, by enum feed_marker */
    bool stale;               /* to be loaded anew: the store has lost some of it */
    struct reader_load *load; /* while it is loaded */
    struct rebuild *rebuild;  /* while its timeline is built by this daemon */
    struct subscription *subscriptions;
    struct reader *older; /* among readers without pins */
    struct reader *newer;
    size_t idle_bytes;    /* counted for it there */
};

struct readers {
    struct reader *oldest;
    struct reader *newest;
    size_t idle_bytes;
    size_t recents; /* readers whose timelines are in memory */
};

/* Calls back with the reader, pinned, or an error. */
typedef void reader_fn(void *context, Feed__ErrorCode error, struct reader *reader);
void reader_get(struct feed *feed, struct text name, reader_fn *fn, void *context);
void reader_pin(struct feed *feed, struct reader *reader);
void reader_unpin(struct feed *feed, struct reader *reader);
/* An edge came along the log. `kept`: of an unfollow, up to which id the subject's shares stay visible, 0: none do. */
void reader_edge(struct feed *feed, bool follow, uint32_t reader, uint32_t subject, uint64_t version, uint64_t kept);
/* Whether the reader sees what a subject does: it follows the subject, or is it, and neither has muted it nor does one of the
 * two block the other. Nothing else decides that, … */
bool reader_sees(const struct feed *feed, const struct reader *reader, uint32_t subject);
/* … but of a share it may be kept although the subject is not followed any more. */
bool reader_sees_share(const struct feed *feed, const struct reader *reader, uint32_t subject, uint64_t share);
/* Whether it sees, in re-shares of others, what a subject has shared: unless that is hidden from it, whomever it follows. */
bool reader_sees_origin(const struct feed *feed, const struct reader *reader, uint32_t subject);
/* The reader's log says that it does not see a subject, or does again: 0 or -ENOMEM. */
int reader_hide(struct feed *feed, uint32_t reader, uint32_t subject, enum hidden_reason reason, bool is_hidden, uint64_t id);
/* Lists the reader with those whom it sees, if it is not: 0, or -ENOMEM and nothing is changed. */
int reader_join(struct feed *feed, struct reader *reader);
/* Takes it off again, unless something listens still. */
void reader_leave(struct feed *feed, struct reader *reader);
/* Loads the readers in use anew, and forgets the others; not `all`: only those that still wait for it. The tail goes on when
 * that is done. */
void readers_reload(struct feed *feed, bool all);
void readers_done(struct feed *feed);

/* ---- kept.c: what readers keep of those whom they follow no longer ---- */

/* Up to which id the reader keeps the subject's shares, 0: none. */
uint64_t kept_until(const struct reader *reader, uint32_t subject);
/* 0 or -ENOMEM. */
int kept_set(struct feed *feed, struct reader *reader, uint32_t subject, uint64_t until);
/* Takes what the store says: [subject, until, …]. 0 or -ENOMEM. */
int kept_take(struct feed *feed, struct reader *reader, const struct reply *rows);
/* Lists the reader with those subjects, and takes it off again, as reader_join() does. */
int kept_list(struct feed *feed, struct reader *reader);
void kept_unlist(struct feed *feed, struct reader *reader);
void kept_done(struct feed *feed, struct reader *reader);
/* Adds what is kept below `before` (0: all) to a collection. */
void kept_collect(struct feed *feed, const struct reader *reader, struct collect *collect, uint64_t before);

#endif
