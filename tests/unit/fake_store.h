/* A store that does nothing by itself: it writes down what it is asked, and the test answers, when and how it likes. It
 * stands in for everything that store.h and log.h declare, and beside it for the clock. */
#ifndef FEED_TESTS_FAKE_STORE_H
#define FEED_TESTS_FAKE_STORE_H

#include "unit.h"

#include "store/log.h"

#define FAKE_WALL_MS (EPOCH_MS + INT64_C(3000000000)) /* when the tests begin: a month after ids do */

enum fake_op {
    FAKE_SHARE,
    FAKE_DELETE,
    FAKE_EDIT,
    FAKE_COMMENT,
    FAKE_ASK_COMMENT,
    FAKE_COMMENTED,
    FAKE_UNCOMMENT,
    FAKE_DIALOGUE,
    FAKE_AROUND,
    FAKE_FOLLOWS,
    FAKE_EDGES,
    FAKE_READER_LOAD,
    FAKE_FOLLOWING_ID,
    FAKE_PROFILE,
    FAKE_NAMES,
    FAKE_MUTE,
    FAKE_BLOCK,
    FAKE_BAR,
    FAKE_BLOCKED_ID,
    FAKE_BARS,
    FAKE_ERASE,
    FAKE_ERASE_PROGRESS,
    FAKE_ERASE_SLICE,
    FAKE_ERASE_ON,
    FAKE_ERASE_END,
    FAKE_DESCRIBE,
    FAKE_DESCRIBED,
    FAKE_FIND,
    FAKE_MARK,
    FAKE_MARKER,
    FAKE_PRESENCE_ASK,
    FAKE_INBOX,
    FAKE_NOTICE,
    FAKE_REPLIED,
    FAKE_STANDING,
    FAKE_TIMELINE,
    FAKE_BODIES,
    FAKE_DELETIONS,
    FAKE_LAST_ID,
    FAKE_BIGS,
    FAKE_TIMELINE_EXISTS,
    FAKE_TIMELINE_MERGE,
    FAKE_TIMELINE_BEGIN,
    FAKE_TIMELINE_FINISH,
    FAKE_TIMELINE_ABANDON,
    FAKE_TIMELINE_UNFOLLOW,
    FAKE_TIMELINE_DROP,
    FAKE_PROFILE_IDS,
    FAKE_FOLLOWERS_PAGE,
    FAKE_PUSH,
    FAKE_TRIM,
    FAKE_RECORDS,      /* of the first one: its name, id, and whether it is added as the limit */
    FAKE_SHARES_EXIST,
    FAKE_RESHARE,      /* and of the note of one: its id, and whether it is added as the limit */
    FAKE_NOTE_RESHARE,
    FAKE_RESHARES,
    FAKE_FORGET_RESHARES,
    FAKE_SHARERS,
    FAKE_SHARED_BY,
    FAKE_POPULAR,
    FAKE_FOLLOWED_LATEST,
    FAKE_JOB_TAKE,
    FAKE_JOB_HAND_BACK,
    FAKE_JOB_SAVE,
    FAKE_JOB_FORGET,
    FAKE_JOB_PARK,
    FAKE_JOBS_UNPARK,
    FAKE_APPLIED,
    FAKE_JOBS_ACK,
    FAKE_JOBS_RENEW,
    FAKE_JOBS_NEW,
    FAKE_JOBS_OWN,
    FAKE_JOBS_CLAIM,
    FAKE_OPS,
};

struct fake_follow {
    bool follow;
    bool repeated;
    uint64_t version;
    uint64_t kept;
    char reader[64];
    char subject[64];
};

/* What was asked. Each operation sets what it has. A page of followers is answered with [name, edge, …]. */
struct fake_call {
    enum fake_op op;
    char name[256];   /* the subject or reader that it is about; why an entry is parked */
    uint64_t id;      /* the share, job, place or position that it is about; `before` and `after` of pages */
    char key[32];   /* the idempotency key */
    uint64_t until;   /* the lowest id of a profile's */
    int64_t limit;
    unsigned partition;
    uint64_t *ret_last; /* of a page of followers */
    uint64_t *ids;
    struct fake_follow *follows;
    size_t count; /* of ids or follows */
    reply_fn *fn;
    store_jobs_fn *jobs_fn;
    const struct log_handlers *handlers;
    void *context;
    struct fake_call *next;
};

struct fake_store {
    bool ready, bulk_up, tail_up, jobs_up;
    bool refuses[FAKE_OPS]; /* -ENOTCONN: nothing is sent */
    uint64_t epoch;
    uint64_t last_id[PARTITIONS_MAX]; /* of what fake_entry() made */
    uint32_t mark;                    /* of the run of Redis, in every partition */
    uint32_t earlier_mark;            /* of the run before it, 0: none is known */
    uint64_t earlier_end;             /* and its last id */
    uint64_t saw[PARTITIONS_MAX];     /* the highest id that the feed said it saw */
    const struct store_handlers *handlers; /* and who is told of the links */
    void *context;
    const struct log_handlers *tail_handlers; /* NULL: nobody reads the tail */
    void *tail_context;
    bool tells_names; /* what authors are called is answered by the test, not at once with nothing */
    bool tells_markers; /* the same of markers */
    bool tells_reshares; /* the same of a share's re-shares, when it is deleted */
    int64_t now_ms; /* what both clocks say, less where they begin */
};

extern struct fake_store fake;

/* The oldest call of this kind that was not answered yet; the test fails if there is none. It is the test's to answer. */
struct fake_call *fake_expect(enum fake_op op);
size_t fake_waiting(enum fake_op op);
bool fake_is_idle(void);

/* Answers. The format is the answer's shape: `[` and `]` are an array, `nil`, `:5` an integer, `!OOM` an error, any other
 * word a string, `$` a string out of a struct text, `#` one of the digits of a uint64_t. NULL: the connection ended before
 * the answer. */
void fake_answer(struct fake_call *call, const char *format, ...);
/* The same for the oldest call of this kind. */
#define FAKE_ANSWER(op, ...) fake_answer(fake_expect(op), __VA_ARGS__)
/* Answers every call that waits, and those that follow from it, with nothing. */
void fake_lose_all(void);

/* An entry at the end of its log. Texts are borrowed. */
struct log_entry fake_entry(enum log_kind kind, const char *subject, const char *reader, uint64_t other);
/* Hands an entry to the tail, alone … */
void fake_tail(const struct log_entry *entry);
/* … or as a part of a batch, … */
void fake_tail_part(const struct log_entry *entry);
/* … which ends with so many entries. 0: the tail has nothing more. */
void fake_tail_end(size_t entries);
/* Answers a call for jobs with these entries, or an error (negative). */
void fake_deal(struct fake_call *call, const struct log_entry *entries, int count);

/* A share's body as it is committed, valid until a few more were made. */
struct text fake_body(const char *author, const char *url);

/* ---- for fake_operations.c, fake_log.c and fake_subjects.c ---- */

/* Keeps a call to be answered. 0, or -ENOTCONN if it is to be refused. */
int fake_record(struct fake_call call, struct text name);
/* The same on the link that clients wait for, on the bulk link, and with ids on one of them. */
int ready_called(struct fake_call call, struct text name);
int bulk_called(struct fake_call call, struct text name);
int ids_called(struct fake_call call, struct text name, const uint64_t *ids, size_t count,
               int (*how)(struct fake_call call, struct text name));
void fake_copy(char *out, size_t size, struct text text);

#endif
