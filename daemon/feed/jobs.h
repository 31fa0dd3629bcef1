/* What is done for the entries of the log that are dealt to this daemon: jobs.c, parking.c, fanout.c, pushes.c, follow.c,
 * block.c, erase.c. Part of feed/internal.h. */
#ifndef FEED_FEED_JOBS_H
#define FEED_FEED_JOBS_H

#include "base/idmap.h"
#include "feed/feed.h"
#include "store/log.h"
#include "store/store.h"

struct job {
    uint64_t id;
    enum log_kind kind;
    uint64_t other;      /* as in struct log_entry */
    int64_t renewed_ms;  /* when Redis was last told that there is work on it */
    int64_t retry_at_ms; /* 0: not waiting to be tried again */
    struct job *next;    /* in one of the queues of jobs */
    bool is_merged;      /* a share that is not pushed: nothing is to be done */
    bool suspect;        /* it was pending when it was taken, and has not got on since */
    bool counted;        /* the count of this try stands in Redis */
    bool taken_over;     /* fan-out: another daemon has it */
    unsigned defeats;    /* refusals that do not pass, one after the other */
    bool holds_large;    /* fan-out: has a turn at a large page */
    uint64_t place;      /* fan-out: edges up to here are done */
    uint64_t followers;  /* fan-out: at most so many are to be pushed to */
    bool is_saved;       /* fan-out: Redis knows a place, perhaps an earlier one */
    uint8_t *page;       /* fan-out: names, each with its length in front */
    size_t page_bytes;
    size_t page_at;
    uint64_t page_last;  /* the edge up to which the page reaches, 0: it is the last one */
    bool failed;
    uint32_t in_flight;
    uint32_t pushed, away;           /* fan-out: timelines of pages that are done, and readers who have none */
    uint32_t page_pushed, page_away; /* of this page */
    struct record *record; /* share and delete: who shared what, NULL if that is not known */
    uint64_t share;      /* comment */
    char *reader;        /* follow and unfollow; who commented */
    uint64_t kept;       /* unfollow: up to which id the subject's shares stay visible, 0: none do */
    size_t reader_bytes;
    size_t subject_bytes;
    char subject[];      /* the author of a share */
};

struct job_queue {
    struct job *first;
    struct job *last;
};

/* ---- pushes.c ---- */

/* What is urgent comes first. */
enum push_lane { PUSH_FIRST, PUSH_FURTHER, PUSH_LANES };

struct push_queue {
    struct push *first, *last;
    size_t count;
};

/* Pushes that wait to be sent, by timeline, and how much was sent. */
struct pushes {
    struct push_queue lanes[PUSH_LANES];
    struct push **table; /* of those that wait and take further ids, by name; NULL before the first one waits */
    struct trim_place *trims; /* see trims.c; NULL before the first push */
    int64_t in_flight;   /* ids sent and not answered */
    unsigned taken;
};

/* ---- jobs.c ---- */

struct jobs {
    struct idmap map; /* id -> struct job */
    bool asking;
    unsigned own_partition; /* partition whose unfinished entries are read next; partitions: none */
    uint64_t own_after;
    int64_t ask_at_ms; /* 0: at once */
    int64_t claim_at_ms;
    uint64_t renewing, claiming; /* a bit for each partition: it is asked for, and not answered yet */
    struct job_queue suspects;   /* wait to be tried, one at a time */
    struct job *on_trial;
    int64_t trial_ends_ms;
    unsigned counting;           /* counts of tries that are under way to Redis */
    struct job_queue to_push[PUSH_LANES]; /* jobs with names to push to */
    struct job_queue wait_large; /* jobs that wait for a turn at a large page */
    unsigned large_pages;
    struct pushes pushes;
    uint64_t *done[PARTITIONS_MAX]; /* finished and not acknowledged yet */
    size_t done_count[PARTITIONS_MAX];
    size_t done_capacity[PARTITIONS_MAX];
    bool stopped;
};

void jobs_link_up(struct feed *feed);
void jobs_tick(struct feed *feed, int64_t now_ms);
void jobs_turn(struct feed *feed);
/* Redis was restarted: what it had answered may be undone. No answer may be under way. */
void jobs_reset(struct feed *feed);
void jobs_done(struct feed *feed);
void job_queue_add(struct job_queue *queue, struct job *job);
struct job *job_queue_take(struct job_queue *queue);
/* Begins with the effects of a job. */
void job_carry_out(struct feed *feed, struct job *job);
/* Each of these is the end of a job or of this attempt at it: do not touch it afterwards. It has had all its effects; … */
void job_finish(struct feed *feed, struct job *job);
/* … it must be tried again later, for a reason that passes; … */
void job_retry(struct feed *feed, struct job *job);
/* … Redis refused its effects, and would again: it is tried some more times, then parked; … */
void job_defeated(struct feed *feed, struct job *job, const char *reason);
/* … it is not ours any more. */
void job_drop(struct feed *feed, struct job *job);

/* A job that was pending when it was taken: it waits for its trial. */
void suspects_add(struct feed *feed, struct job *job);
/* Begins the next trial if none is under way. */
void suspects_turn(struct feed *feed);
void suspects_tick(struct feed *feed, int64_t now_ms);
/* Has parked entries tried again that are due. To be called now and then. */
void parked_tick(struct feed *feed);
/* The trial, if it is one, ends without a crash and without success: its count is taken back. */
void suspect_leave(struct feed *feed, struct job *job);
/* It has got on, and its count is gone: it is a job like others from here on. */
void suspect_clear(struct feed *feed, struct job *job);
/* This daemon stops in good order: what it holds has not ended it. */
void suspects_hand_back(struct feed *feed);

void fanout_begin(struct feed *feed, struct job *job);
void fanout_turn(struct feed *feed);
/* One of a job's pushes was answered: 1, or 0 if the reader is away and has no timeline; or it could not be sent: a negative
 * errno. The job may end with that. */
void fanout_pushed(struct feed *feed, struct job *job, int result);
/* The same of its record: 0 or a negative errno. */
void fanout_recorded(struct feed *feed, struct job *job, int error);

/* Pushes a job's share to a timeline, now or later: fanout_pushed() follows, maybe at once. -EAGAIN: there is no room in its
 * lane now; -ENOMEM. */
int push_add(struct feed *feed, struct job *job, struct text name, enum push_lane lane);
/* Sends what waits, as far as the window and the time reach. */
void pushes_send(struct feed *feed, int64_t deadline_ms);
/* Forgets what waits. */
void pushes_clear(struct feed *feed);

/* ---- trims.c ---- */

/* So many ids were sent to a timeline, in this order. */
void trims_note(struct feed *feed, struct text name, const uint64_t *ids, size_t count);
/* What was sent to it may not have arrived. */
void trims_forget(struct feed *feed, struct text name);
/* Has a timeline cut that has grown too long. */
void trims_cut(struct feed *feed, struct text name);

/* As jobs_reset(). */
void fanout_reset(struct feed *feed);

/* What the record of a destination is named by. */
#define DESTINATION_NAME_BYTES 33
void destination_name(struct text url, char ret_name[DESTINATION_NAME_BYTES]);
/* Finds out what the share leads to that the entry makes, or ends: 0 or -ENOMEM. */
int record_new(struct job *job, const struct log_entry *entry);
/* Records it. At the end comes, of a share, fanout_recorded(); else the job ends with that. */
void record_begin(struct feed *feed, struct job *job);

void follow_begin_job(struct feed *feed, struct job *job);
/* As jobs_reset(). */
void follow_reset(struct feed *feed);
/* Takes an unfollow whose entry stands from its second step on. The position is that of the edge. */
void follow_end_edge(struct feed *feed, struct text reader, struct text subject, uint64_t version, feed_write_fn *fn,
                     void *context);
/* The follow entry left the ring: nobody will ask for it. */
void follow_forget(struct feed *feed, uint64_t id);

/* block.c */
void block_begin_job(struct feed *feed, struct job *job);

/* erase.c */
void erase_begin_job(struct feed *feed, struct job *job);

#endif
