/* The log as a stream of entries: read by every daemon in order (tail), and dealt out among the daemons (jobs). */
#ifndef FEED_STORE_LOG_H
#define FEED_STORE_LOG_H

#include "store/store.h"

enum log_kind {
    LOG_SHARE,    /* subject, body, name (the author's; without data in entries that do not state it), origin */
    LOG_DELETE,   /* subject (the author), share, which is also other, body (what it was: for what becomes of its effects) */
    LOG_FOLLOW,   /* reader, subject: in the reader's partition */
    LOG_UNFOLLOW, /* likewise */
    LOG_EDGE,     /* reader, subject, other (the version: the follow's id): in the subject's partition */
    LOG_UNEDGE,   /* likewise */
    LOG_BOUNDARY, /* other (the last id known to have survived): what stood between it and this entry may be lost */
    LOG_EDIT,     /* subject (the author), share, which is also other, counts, body (the whole one), name */
    LOG_COMMENT,  /* subject (the share's author), reader (the commenter), share, counts, body */
    LOG_UNCOMMENT, /* subject (the share's author), share, other (the comment), counts */
    LOG_RESHARED, /* subject (the share's author), reader (who has re-shared it), share, other (the re-share), counts */
    LOG_UNRESHARED, /* the same of a re-share that is no more */
    LOG_RETRY,    /* earlier entries, which had been given up, are pending again */
    LOG_MUTE,     /* reader, subject: in the reader's partition */
    LOG_UNMUTE,   /* likewise */
    LOG_BLOCK,    /* likewise */
    LOG_UNBLOCK,  /* likewise */
    LOG_BAR,      /* reader (who blocks), subject, other (the version: the block's id): in the subject's partition */
    LOG_UNBAR,    /* likewise */
    LOG_ERASE,    /* subject: it is deleted */
    LOG_ERASING,  /* subject, other (the position of the deletion): the next slice of it */
    LOG_SUBJECT,  /* subject, name: what it calls itself from now on */
    LOG_READ,     /* subject (a reader), other (the marker): how far its home timeline is read */
    LOG_READ_INBOX, /* subject, other (the marker): how far its inbox is read */
    LOG_NOTICE,   /* subject, reader (who did it), body (an encoded feed.Notice): something for its inbox */
    LOG_COUNTED,  /* subject (a share's author), share, counts: these had gone wrong */
    LOG_UNKNOWN,  /* of a newer version of feedd */
};

const char *log_kind_name(enum log_kind kind);

/* What is counted of a share, as of the entry `at`, 0 if there is nothing. */
struct share_counts {
    uint64_t at;
    uint32_t comments;
    uint32_t reshares;
};

#define FOLLOWERS_UNKNOWN UINT64_MAX

/* Texts are valid during the call that hands the entry up. */
struct log_entry {
    enum log_kind kind;
    unsigned partition;
    uint64_t id;
    uint64_t previous; /* the id of the entry before it in its partition */
    uint64_t other;
    uint64_t share; /* that it is about, 0: none, or it is one itself */
    struct share_counts counts;
    uint64_t kept; /* of LOG_UNFOLLOW and LOG_UNEDGE: up to which id the subject's shares stay visible, 0: none do */
    struct text subject;
    struct text reader;
    struct text body;
    bool is_merged; /* a share: it is not pushed, reads merge it */
    uint64_t dropped; /* a share: up to which id the author's profile has dropped its shares to make room for it, 0: it says nothing */
    uint64_t followers; /* a share: how many the author had then, FOLLOWERS_UNKNOWN: it does not say */
    struct text name;
    struct text origin; /* a re-share: the share that it is of, as that was, an encoded feed.Share */
};

struct log_handlers {
    void (*on_entry)(void *context, const struct log_entry *entry);
    /* A batch ends: nothing more comes in this call. */
    void (*on_batch_end)(void *context, size_t entries);
};

/* ---- tail ---- */

/* At most so many entries of a log come in one batch: each may go to thousands of streams. */
#define TAIL_BATCH 128

/* Reads every log from the entry after `positions[partition]` on, for as long as the tail link is up; hands entries up in
 * the order of each log. To be called again whenever the link has come up. `positions` is borrowed and read at each turn:
 * the caller moves it as it takes entries. -EALREADY while it does. On -ENOMEM the link comes up once more. */
int store_tail(struct store *store, const uint64_t *positions, const struct log_handlers *handlers, void *context);

/* ---- jobs ---- */

/* Asks once for up to `count` entries that no daemon has been given (`own` false), or for those after `after` that this
 * daemon was given and has not finished (`own` true; one partition). Waits up to a second for the former. `fn` is called
 * after the entries were handed up, with how many there were, or a negative errno. */
typedef void store_jobs_fn(void *context, int count);
int store_jobs_new(struct store *store, int64_t count, const struct log_handlers *handlers, store_jobs_fn *fn, void *context);
int store_jobs_own(struct store *store, unsigned partition, uint64_t after, int64_t count,
                   const struct log_handlers *handlers, store_jobs_fn *fn, void *context);
/* Takes over entries of daemons that showed no life for `idle_ms`. */
int store_jobs_claim(struct store *store, unsigned partition, int64_t idle_ms, int64_t count,
                     const struct log_handlers *handlers, store_jobs_fn *fn, void *context);
/* Marks entries of one partition as finished (bulk link). Answers the number. */
int store_jobs_ack(struct store *store, unsigned partition, const uint64_t *ids, size_t count, reply_fn *fn, void *context);
/* Shows that work on entries of one partition goes on (bulk link). Answers how many of them are still ours. */
int store_jobs_renew(struct store *store, unsigned partition, const uint64_t *ids, size_t count, reply_fn *fn, void *context);

/* ---- how far readers have read (command link; store/markers.c) ---- */

/* Moves a marker, which is named like the entries that say so, forward only. Answers [position, 0 moved | 1 it stood there or
 * further, where it stands]. */
int store_move_marker(struct store *store, enum log_kind marker, struct text reader, uint64_t id, reply_fn *fn, void *context);
/* Answers where it stands, or null. */
int store_ask_marker(struct store *store, enum log_kind marker, struct text reader, reply_fn *fn, void *context);

/* ---- one job (bulk link; store/job.c) ---- */

/* Counts a try at an entry that was begun before. Answers [tries in as many lives of daemons, this one included; 0 if the
 * entry is not ours, place | null]. */
int store_job_take(struct store *store, uint64_t id, reply_fn *fn, void *context);
/* Takes the count back that this life made. */
int store_job_hand_back(struct store *store, uint64_t id, reply_fn *fn, void *context);
/* How far a fan-out has come: an edge id. Its tries are forgotten. Answers 1, or 0 if the entry is not ours any more, and
 * then nothing was done. */
int store_job_save(struct store *store, uint64_t id, uint64_t place, reply_fn *fn, void *context);
/* The same at the end: it is acknowledged, and there is no place any more. */
int store_job_forget(struct store *store, uint64_t id, reply_fn *fn, void *context);

/* An entry that nobody could finish. */
struct store_parked {
    uint64_t id;
    enum log_kind kind;
    struct text subject;
    struct text reader;
    int64_t tries;
    const char *reason;
};

/* Marks it as finished, and remembers it. Answers 1, or 0 if the entry is not ours. */
int store_job_park(struct store *store, const struct store_parked *parked, reply_fn *fn, void *context);

/* Has those tried once more that were parked longer ago than that; `tries` is what is said of how often each was tried. Answers
 * how many. */
int store_jobs_unpark(struct store *store, unsigned partition, int64_t after_ms, int64_t tries, reply_fn *fn, void *context);

/* Asks how far a log is applied, and trims it by age (command link). */
int store_applied(struct store *store, unsigned partition, reply_fn *fn, void *context);
/* What was answered to that: every entry up to this id has had its effects. */
uint64_t store_read_applied(const struct reply *reply, unsigned partition);

/* And how much of it is not: entries that were given to a daemon and are not finished, and those that were given up. */
struct store_backlog {
    uint64_t pending;
    uint64_t parked;
};
struct store_backlog store_read_backlog(const struct reply *reply);

#endif
