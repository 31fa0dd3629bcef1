/* Checking the store: whether what is kept in several places agrees, online and in small pieces; and mending what does not.
 *
 * A round looks at the logs, then at every key (SCAN, a few at a time). What must agree in one partition is looked at by one
 * script, which sees all of it at one moment. What must agree between two keys that different scripts write may disagree for a
 * while, as the second one is written by a job: so a disagreement is put aside, until every log has been applied beyond where it
 * stood then, and is looked at again. It counts if it is still there, and what it comes from has stood there all the time. A
 * repair makes further rounds until one finds nothing.
 *
 * A store that is away for a while is waited for; after a restart of Redis the round begins anew. */
#ifndef FEED_FEED_CHECK_H
#define FEED_FEED_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

struct feed;

enum check_finding {
#define CHECK(name, word, meaning, mended) CHECK_##name,
#include "check.def"
#undef CHECK
    CHECK_FINDINGS
};

enum check_state { CHECK_NONE, CHECK_RUNNING, CHECK_DONE, CHECK_STOPPED, CHECK_INTERRUPTED };

/* One of those that were found: where, and about whom or what. Either may be empty. */
struct check_example {
    enum check_finding finding;
    struct text where, about;
};

struct feed_check_look {
    enum check_state state;
    const char *doing;   /* in words, while it runs; else NULL */
    const char *trouble; /* why it was interrupted; NULL if it was not */
    bool repair;
    unsigned round;
    uint64_t keys, keys_in_all; /* looked at in this round, and about how many there are */
    uint64_t undecided; /* disagreements that may have been passing ones: the logs were not applied in time */
    int64_t took_ms;
    uint64_t found[CHECK_FINDINGS]; /* in the round that found most */
    uint64_t left[CHECK_FINDINGS];  /* in the latest one */
    size_t examples;
};

#define CHECK_EXAMPLES_MAX 1000

/* Begins to check. -EALREADY: one is under way; -EAGAIN: the store is away; -ENOMEM. */
int feed_check_begin(struct feed *feed, bool repair);
/* Ends it before its time. -ENOENT: none is under way. */
int feed_check_stop(struct feed *feed);
void feed_look_at_check(const struct feed *feed, struct feed_check_look *ret_look);
/* One of the first CHECK_EXAMPLES_MAX that were found. Texts are valid until the next turn of the loop. */
struct check_example feed_check_example(const struct feed *feed, size_t number);

#endif
