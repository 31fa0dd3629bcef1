/* What the files of a check share: check.c (rounds), check_items.c, check_log.c, check_keys.c, check_talk.c,
 * check_pairs.c, check_mend.c. */
#ifndef FEED_FEED_CHECK_RUN_H
#define FEED_FEED_CHECK_RUN_H

#include "feed/check.h"
#include "feed/internal.h"
#include "store/check.h"

/* What a disagreement is between: a member of one key, the source, asks for a member of another one, the target. */
enum item_text { ITEM_NAME, ITEM_MEMBER, ITEM_TARGET, ITEM_SOUGHT, ITEM_EXTRA, ITEM_TEXTS };

struct check_item {
    struct check_item *next;
    enum check_finding finding;
    enum key_kind source, target;
    uint64_t id; /* of the member in the source */
    struct text texts[ITEM_TEXTS]; /* of the source its name and the member, likewise of the target, and what else is needed */
    char bytes[];
};

struct item_list {
    struct check_item *first, *last;
    size_t count;
};

enum check_phase { PHASE_LOGS, PHASE_KEYS, PHASE_SETTLE, PHASE_TARGETS, PHASE_SOURCES };

#define HOLES_MAX 64

struct check {
    struct feed *feed;
    bool repair;
    enum check_state state;
    enum check_phase phase;
    unsigned waiting; /* calls under way, and one while they are begun */
    const char *trouble; /* why it ends early; NULL: it does not */
    bool away;           /* the store is: what was asked last is to be asked again */
    int64_t away_ends_ms;
    uint64_t epoch;      /* of the store, … */
    uint32_t mark;       /* … and of the run of Redis, in which the round began */
    char message[160];   /* what Redis said */
    unsigned round;
    int64_t began_ms, ended_ms;

    unsigned partition; /* of the log that is looked at, … */
    bool group_known;
    char after[STREAM_ID_BYTES]; /* … behind this entry, … */
    uint64_t before;             /* … whose id this is, 0: not known */
    uint64_t holes[HOLES_MAX];   /* behind these entries some are missing */
    unsigned hole_count;
    bool retried; /* what was parked */

    uint64_t cursor, page; /* where to go on, and where the keys began that are looked at */
    bool walked; /* all keys were looked at */
    uint64_t keys, keys_in_all;

    struct item_list candidates; /* to be looked at again, … */
    struct item_list missing;    /* … those of which the target still is not there, … */
    struct item_list confirmed;  /* … and those that count */
    bool until_known;
    uint64_t until[PARTITIONS_MAX]; /* the logs must be applied so far before that */
    bool settled;
    int64_t settle_ends_ms;

    uint64_t undecided;
    uint64_t round_found[CHECK_FINDINGS], found[CHECK_FINDINGS];
    struct item_list examples;
};

/* Whether there is anything more to be asked now. */
static inline bool check_goes_on(const struct check *check)
{
    return !check->trouble && !check->away;
}
/* A call was begun, which ends with check_step(); or could not be (a negative errno). */
void check_called(struct check *check, int error);
/* Whether an answer tells what was asked. One that fails for a key of another kind is passed over: that is found by itself. */
bool check_takes(struct check *check, const struct reply *reply);
/* A call ended. */
void check_step(struct check *check);
/* For calls of which nothing is to be known. */
void check_on_reply(void *context, const struct reply *reply);
/* Something was found, and is mended already if it can be. */
void check_found(struct check *check, enum check_finding finding, struct text where, struct text about);
void check_found_word(struct check *check, struct text word, struct text where, struct text about);

/* check_items.c: it ends early. */
void check_fail(struct check *check, const char *trouble);
/* NULL when memory ends, which ends the check. */
struct check_item *item_new(struct check *check, const struct check_item *like);
/* NULL is allowed: nothing is added. */
void items_add(struct item_list *list, struct check_item *item);
struct check_item *items_take(struct item_list *list);
void items_free(struct item_list *list);

/* check_log.c: looks at the logs. False: at all of them. */
bool check_logs(struct check *check);
/* Asks how far the logs are applied: sets `settled`. */
void check_settle(struct check *check);

/* check_keys.c: looks at some keys. */
void check_keys(struct check *check);

/* check_talk.c: looks at what is said under a share, which is counted if it is much. */
void check_talk(struct check *check, struct text share, struct text author, bool is_large);

/* check_pairs.c: asks whether the target of each is there, and adds those of which it is not to the candidates. Takes the
 * items. */
void pairs_look(struct check *check, struct item_list *items);
/* The same for candidates: moves those that are not there to `missing`. */
void pairs_look_again(struct check *check);
/* Asks whether the sources of these are there as they were: moves these to `confirmed`. */
void pairs_confirm(struct check *check);

/* check_mend.c */
void check_mend(struct check *check, const struct check_item *item);

#endif
