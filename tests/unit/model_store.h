/* The fake store with answers: one partition in memory, just enough of one to live in. It does at once what it is asked, and
 * brings along the tail and to the jobs what that appends to the log. */
#ifndef FEED_TESTS_MODEL_STORE_H
#define FEED_TESTS_MODEL_STORE_H

#include "fake_store.h"

#define MODEL_NAMES 4
#define MODEL_LOG 64

/* By name: ann, bob, carl, dora. */
struct model_subject {
    const char *name;
    uint64_t following[MODEL_NAMES]; /* by subject: the follow's id, 0: none */
    uint64_t followers[MODEL_NAMES]; /* by reader: the edge's id */
    uint64_t timeline[MODEL_LOG];    /* as pushed, the latest last */
    size_t timeline_count;
    bool has_timeline, is_building;
};

struct model_entry {
    struct log_entry entry; /* its texts are the names above */
    char key[32];           /* a share's idempotency key */
    bool deleted;           /* a share that is */
    bool dealt, acknowledged;
};

struct model {
    struct model_subject subjects[MODEL_NAMES];
    struct model_entry log[MODEL_LOG];
    size_t log_count;
    size_t tailed; /* entries that the tail was given */
};

extern struct model model;

void model_begin(void);
/* Answers whatever waits, until nothing does but calls for jobs that would block. */
void model_serve(void);
/* Whether every entry has been dealt and acknowledged. */
bool model_is_applied(void);

#endif
