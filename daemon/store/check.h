/* What a check of the store asks of it: on the bulk link, so that nobody waits behind it, in small pieces. */
#ifndef FEED_STORE_CHECK_H
#define FEED_STORE_CHECK_H

#include "store/store.h"

/* What type the value of a key of this kind has, in Redis's words; NULL: of this kind there are several. */
const char *store_key_type(enum key_kind kind);

/* How many keys there are. */
int store_check_size(struct store *store, reply_fn *fn, void *context);
/* Answers [where to go on, [key, …]], some keys of all; it begins and ends with 0. Keys that were there all the time come once
 * at least. */
int store_check_keys(struct store *store, uint64_t cursor, reply_fn *fn, void *context);

/* One key. */
enum check_read {
    CHECK_TYPE,    /* answers its type */
    CHECK_VALUE,   /* a string's */
    CHECK_LIST,    /* answers all elements */
    CHECK_MEMBERS, /* answers [where to go on, [member, score, …]] of a sorted set, as store_check_keys() */
    CHECK_FIELDS,  /* the same of a hash */
    CHECK_DROP,    /* there is no such key any more */
};
int store_check_key(struct store *store, enum check_read read, const struct key_parts *key, uint64_t cursor, reply_fn *fn,
                    void *context);

/* Whether what ought to be so is so: `how` is one of the questions in check_ask.lua. */
struct store_question {
    const char *how;
    enum key_kind kind, beside;
    struct text name;
    struct text member;
    uint64_t id;
};
/* Questions about keys of one partition. Answers [1 or 0, …]. */
int store_check_ask(struct store *store, const struct store_question *questions, size_t count, reply_fn *fn, void *context);

/* ---- what agrees in one partition: `mend` makes it so ---- */

/* Answers [subjects that a reader follows though one of the two blocks the other], [subjects that it follows and keeps]. */
int store_check_reader(struct store *store, struct text reader, bool mend, reply_fn *fn, void *context);
/* Answers those of the shares of a profile that have no body. */
int store_check_profile(struct store *store, struct text author, const struct text *ids, size_t count, reply_fn *fn,
                        void *context);
/* Answers [words of what is wrong with a share, as in check.def], 1 if it has a dialogue, 1 if that is a large one. */
int store_check_share(struct store *store, struct text author, uint64_t share, bool mend, reply_fn *fn, void *context);
/* Answers how many of these comments, or places, under a share are not where they belong. */
int store_check_comments(struct store *store, struct text author, uint64_t share, const struct text *ids, size_t count,
                         bool mend, reply_fn *fn, void *context);
/* The comments under a share were counted, which began when the entry `at` had changed it last. Answers 0 it is so many | 1 it
 * is not | 2 it has changed meanwhile. */
int store_check_tally(struct store *store, struct text author, uint64_t share, struct text at, uint64_t comments, bool mend,
                      reply_fn *fn, void *context);
/* Answers 1 if something was left behind by a share that is gone. `reshares`: what is known of its re-shares counts, too. */
int store_check_left(struct store *store, uint64_t share, bool reshares, bool mend, reply_fn *fn, void *context);
/* Answers how many words of a subject are missing. */
int store_check_subject(struct store *store, struct text subject, bool mend, reply_fn *fn, void *context);
/* Answers the subjects that are not described by these words. */
int store_check_words(struct store *store, unsigned partition, const struct text *words, size_t count, bool mend, reply_fn *fn,
                      void *context);
/* Answers those of a timeline's ids, all of one partition, that are of no share. */
int store_check_timeline(struct store *store, unsigned partition, const uint64_t *ids, size_t count, reply_fn *fn,
                         void *context);

/* ---- the log ---- */

/* Answers [the last id as it is kept, the stream's, the stream id up to which everything is applied, [pending stream ids
 * without an entry], [parked ids]]. */
int store_check_group(struct store *store, unsigned partition, reply_fn *fn, void *context);
/* A page of a log after a stream id, whose first entry should name `before` (0: not known). Answers [its last stream id; "": it
 * is empty, the id of its last entry, ['hole', before, after | 'boundary', from, id | 'unindexed', id, member, …]]. */
int store_check_log(struct store *store, unsigned partition, struct text after, uint64_t before, reply_fn *fn, void *context);
/* Mends what was found there: `what` is a word of check_mend_log.lua. */
int store_check_mend_log(struct store *store, unsigned partition, const char *what, uint64_t id, struct text member,
                         reply_fn *fn, void *context);

#endif
