/* The store: everything that is in Redis, as operations. The only room that knows Redis.
 *
 * Four links share the work, so that none waits behind another: commands (what a client waits for), bulk (pushes and the
 * pages of followers they come from), tail (XREAD BLOCK) and jobs (XREADGROUP BLOCK). The command link opens the store:
 * it checks that this Redis and this store are ones that this daemon may use, loads the scripts and raises this daemon's
 * link generation; the others follow.
 *
 * Every operation returns 0, or -ENOTCONN or -ENOMEM, in which case nothing was sent and the callback is not called. */
#ifndef FEED_STORE_STORE_H
#define FEED_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/keys.h"
#include "store/link.h"

#define STORE_SCHEMA "1"
#define BUILDER_PATIENCE_MS 10000 /* who builds a timeline and is silent for this long is taken for dead */
#define DAEMON_ID_BYTES 17 /* 16 hexadecimal digits and a zero */

struct seen;
struct share_counts;
struct store;

struct store_settings {
    struct redis_address address; /* stays the caller's, and must outlive the store */
    struct link_times times;
    unsigned partitions;
    const char *daemon_id; /* names this daemon among those on the store; the same after a restart */
    struct seen *seen;     /* what it has seen of the store; borrowed */
    uint32_t vouch_patience_ms; /* how long to wait, after a restart of Redis, for daemons that may know of lost entries */
    int64_t idempotency_ttl_s;
    int64_t profile_cap;
    int64_t retention_s;
    int64_t max_following;
    int64_t max_comments;
    int64_t max_blocked;
    int64_t push_limit;
    int64_t inbox_cap;
    int64_t timeline_cap;
    int64_t timeline_slack;
    int64_t timeline_idle_ttl_s;
};

struct store_handlers {
    void (*on_ready)(void *context);
    void (*on_away)(void *context);
    /* This Redis or store must not be used; `explanation` says why and what to do. The link keeps trying. */
    void (*on_refused)(void *context, const char *explanation);
    /* A link other than the command link came up. */
    void (*on_bulk_up)(void *context);
    void (*on_tail_up)(void *context);
    void (*on_jobs_up)(void *context);
    /* What clients wait for is not answered, or is again: store_is_ready() says which. */
    void (*on_stall)(void *context);
};

/* Borrows `handlers` and `settings`. Of these whatever follows `vouch_patience_ms`, but for the cap of timelines, and the times may
 * change between turns of the loop. NULL when memory ends. */
struct store *store_new(struct event_base *base, const struct store_settings *settings, const struct store_handlers *handlers,
                        void *context);
void store_free(struct store *store);
void store_start(struct store *store);
/* Disconnects for good: every call under way gets its callback with no reply. */
void store_stop(struct store *store);
/* Ends a turn of the loop: sends what was asked of Redis in it. */
void store_turn(struct store *store);
/* Stops taking work from the log: at shutdown. */
void store_stop_jobs(struct store *store);
/* Says that this daemon ends in order, when all its writes are answered: nobody needs to wait for it should Redis restart. */
void store_leave(struct store *store);
/* Whether that was heard, or cannot be. */
bool store_has_left(const struct store *store);
/* To be called now and then: what nobody has vouched for in time is given up. */
void store_settle(struct store *store, int64_t now_ms);

/* Whether the store is open and answers. */
bool store_is_ready(const struct store *store);
/* Why it would not take a write, in words; NULL if it would, as far as is known. */
const char *store_trouble(const struct store *store);
/* Whether Redis said in the last seconds that it reads its data. */
bool store_is_loading(const struct store *store);
bool store_bulk_is_up(const struct store *store);
bool store_tail_is_up(const struct store *store);
bool store_jobs_is_up(const struct store *store);
unsigned store_partitions(const struct store *store);
/* Of the store as it was when last opened. */
uint64_t store_epoch(const struct store *store);
/* The last id of a partition when the store was last opened. */
uint64_t store_last_id(const struct store *store, unsigned partition);
/* The mark of the run of Redis in which a partition was last opened (see lua/open.lua): never 0. */
uint32_t store_mark(const struct store *store, unsigned partition);
/* Where the run of a mark ended: the last id of it that is still there; UINT64_MAX if it has not. False if this partition
 * does not know such a run: too many came after it, or its beginning was lost. */
bool store_run_end(const struct store *store, unsigned partition, uint32_t mark, uint64_t *ret_last);
/* This daemon has seen an id, or had a write acknowledged under it: should it be missing later, it was lost. */
void store_saw(struct store *store, uint64_t id);

/* ---- commits (command link) ---- */

struct store_share {
    struct text author;
    struct text body;
    struct text key; /* empty: none; a re-share has none */
    bool import;     /* the key is remembered for as long as the share is there */
    uint64_t origin; /* of a re-share: what it is of, else 0 */
    struct text origin_author;
    struct text origin_share; /* as it is, for those who are told of the re-share */
};
/* Commits shares of authors of one partition. Answers for each: the id, or an error of its own; and 0 done | 1 was done before |
 * 3 one of the author and the origin's blocks the other. */
int store_commit_shares(struct store *store, const struct store_share *shares, size_t count, reply_fn *fn, void *context);
/* Answers [position, 0 deleted | 1 was deleted already | 2 not found | 3 not the author's]. The author's and the share's
 * partition must be the same. */
int store_delete(struct store *store, struct text author, uint64_t share_id, reply_fn *fn, void *context);
/* Edits a share: `body` is the new one, without `mark`, its last field, which says that it was edited. The author's and the
 * share's partition must be the same. Answers as store_delete(), or 4: it was committed longer ago than `window_ms`. */
int store_edit(struct store *store, struct text author, uint64_t share, struct text body, struct text mark, int64_t window_ms,
               reply_fn *fn, void *context);
/* Comments on a share. The share's and the author's partition must be the same. Answers [id, 0 done | 1 was done before |
 * 2 there is no such share | 3 one of the author and the commenter blocks the other | 4 there are too many comments | 5 there is
 * no such parent]. */
struct store_comment {
    struct text author; /* of the share */
    struct text commenter;
    uint64_t share;
    uint64_t parent; /* 0: none */
    bool is_barred;  /* one of the commenter and the parent's blocks the other */
    struct text body;
    struct text key; /* may be empty */
};
int store_comment(struct store *store, const struct store_comment *comment, reply_fn *fn, void *context);
/* Answers `parent body` of a comment, or null. */
int store_ask_comment(struct store *store, uint64_t share, uint64_t comment, reply_fn *fn, void *context);
/* Answers 1 if one of the two blocks the other, as the reader's partition knows it: it does when the block is answered. */
int store_bars(struct store *store, struct text reader, struct text subject, reply_fn *fn, void *context);
/* Notes that a subject has commented there, or has no longer, in the subject's partition. */
int store_commented(struct store *store, bool add, struct text subject, uint64_t comment, uint64_t share, reply_fn *fn,
                    void *context);
/* Deletes a comment, for the one who made it or for the share's author. Answers as store_delete(), and its body if it was
 * deleted. */
int store_uncomment(struct store *store, struct text author, struct text subject, uint64_t share, uint64_t comment,
                    reply_fn *fn, void *context);
/* An error inside an answer, as of one follow among many: it is told and acted upon like an answer that is an error. */
void store_note_error(struct store *store, const struct reply *reply);
/* A follow or unfollow. */
struct store_follow {
    bool follow;
    bool repeated;    /* of an edge: it was committed before, and may have been left half done */
    struct text reader;
    struct text subject;
    uint64_t version; /* of an edge: the id of the follow entry; of a repeated unfollow, a position at or after it */
    uint64_t kept;    /* of an unfollow: 0, or shares of the subject stay visible up to this id, and at least to the unfollow's */
};

/* Follows of readers of one partition, in one step. Answers [position, 0 done | 1 nothing to do | 2 too many | 3 blocked, up to
 * which id shares of the subject stay visible though it is not followed, …], three values for each; the first one may be an error
 * of its own. */
int store_follows(struct store *store, const struct store_follow *follows, size_t count, reply_fn *fn, void *context);
/* Edges of subjects of one partition, in one step. Answers [position or 0, 1 if the follow is to be backfilled, …], two values
 * for each; the first one may be an error of its own. */
int store_edges(struct store *store, const struct store_follow *edges, size_t count, reply_fn *fn, void *context);

/* ---- reads (command link) ---- */

/* Answers [last id of the reader's partition, [followed], [muted], [blocked], [those who have blocked it], [former subject, up to
 * which id its shares stay visible, …]]. */
int store_reader_load(struct store *store, struct text reader, reply_fn *fn, void *context);
/* Answers the score of `subject` in the reader's following set, or null. */
int store_following_id(struct store *store, struct text reader, struct text subject, reply_fn *fn, void *context);
/* Answers [member, share id, …], newest first, below `before` (0: from the top): of a profile (KEY_PROFILE), a destination or a
 * site. A profile that has dropped older shares ends with the member `capped`, whose score is 0. */
int store_shares(struct store *store, enum key_kind kind, struct text name, uint64_t before, int64_t limit, reply_fn *fn,
                 void *context);
static inline int store_profile(struct store *store, struct text subject, uint64_t before, int64_t limit, reply_fn *fn,
                                void *context)
{
    return store_shares(store, KEY_PROFILE, subject, before, limit, fn, context);
}
/* Answers [number of members, [member, score, …]], latest first, below `before`. For sorted sets of subjects. */
int store_names(struct store *store, enum key_kind kind, struct text subject, uint64_t before, int64_t limit, reply_fn *fn,
                void *context);
/* Answers the whole list, the header last; empty if there is none. `renew`: its time to live begins anew. */
int store_timeline(struct store *store, struct text reader, bool renew, reply_fn *fn, void *context);
/* Bodies of ids of one partition, in their order, null for those that are gone; then likewise what is counted of each. */
int store_bodies(struct store *store, const uint64_t *ids, size_t count, reply_fn *fn, void *context);
/* Reads out a counts string, null and empty included. */
struct share_counts store_read_counts(struct text text);
/* Comments with lowest <= id <= highest under a share, newest or oldest first. Answers [1 if there is such a share, its counts,
 * [id, `parent body`, …]]; the body of one that was deleted is empty. */
int store_dialogue(struct store *store, uint64_t share, uint64_t lowest, uint64_t highest, bool newest_first, int64_t limit,
                   reply_fn *fn, void *context);
/* The latest comments with lowest <= id <= highest under all shares of a subject, oldest first. Answers [`id:share`, id,
 * `parent body` or null, …]; the member `capped` stands at the latest one that was dropped. */
int store_around(struct store *store, struct text subject, uint64_t lowest, uint64_t highest, int64_t limit, reply_fn *fn,
                 void *context);
/* Answers [the highest position forgotten, [`share:author`, position, …]]: deletions of one partition with
 * after < position <= until, in order, at most DELETIONS_PAGE. */
#define DELETIONS_PAGE 500
int store_deletions(struct store *store, unsigned partition, uint64_t after, uint64_t until, reply_fn *fn, void *context);
/* Answers [subject, id of its latest share that was not pushed, …] of the subjects of one partition that have such shares. */
int store_bigs(struct store *store, unsigned partition, reply_fn *fn, void *context);
/* Answers the last id of a partition, as digits. */
int store_ask_last_id(struct store *store, unsigned partition, reply_fn *fn, void *context);

/* ---- blocking and muting (command link; store/blocks.c) ---- */

/* Answers [position, 0 done | 1 nothing to do | 4 too many]. */
int store_mute(struct store *store, bool mute, struct text reader, struct text subject, reply_fn *fn, void *context);
/* The first half, in the reader's partition. Answers [position, 0 done | 1 nothing to do | 2 too many, id of the unfollow entry
 * or 0]. */
int store_block(struct store *store, bool block, struct text reader, struct text subject, reply_fn *fn, void *context);
/* The second half, in the subject's. `repeated`: nothing was to be done in the first, which may have been left half done.
 * `version`: the block's id; of a repeated unblock, a position at or after it. Answers [position or 0, id of the unfollow entry
 * or 0]. */
int store_bar(struct store *store, bool bar, bool repeated, struct text reader, struct text subject, uint64_t version,
              reply_fn *fn, void *context);
/* Answers the position since which the reader blocks the subject, or null. */
int store_blocked_id(struct store *store, struct text reader, struct text subject, reply_fn *fn, void *context);

/* ---- deleting subjects (command link; store/erasures.c) ---- */

/* `kinds`: the sorted sets of a subject, by position, that are deleted piece by piece. */

/* Answers [position, 1 if it is under way or was done, how much there was, how much is left, 1 if it is done]. */
int store_erase(struct store *store, struct text subject, const enum key_kind *kinds, size_t count, reply_fn *fn,
                void *context);
/* Answers [position or null, how much there was, how much is left, 1 if it is done]. */
int store_erase_progress(struct store *store, struct text subject, const enum key_kind *kinds, size_t count, reply_fn *fn,
                         void *context);
/* Answers [member, …]: the first ones of a set below a position. */
int store_erase_slice(struct store *store, struct text subject, enum key_kind kind, uint64_t below, int64_t limit,
                      reply_fn *fn, void *context);
/* The slice of an entry is done: makes the entry of the next one. */
int store_erase_on(struct store *store, struct text subject, uint64_t entry, reply_fn *fn, void *context);
/* Nothing is left of the sets. */
int store_erase_end(struct store *store, struct text subject, uint64_t position, reply_fn *fn, void *context);

/* ---- re-shares (command link; store/shares.c) ---- */

/* What is known of a share's re-shares: there is this one (`add`), or it is no more. Of the re-share author and origin are needed;
 * `notice` is of it, for the inbox of the origin's author.
 * Answers [position, 0 done | 1 was done already | 2 there is no such share]. */
int store_note_reshare(struct store *store, bool add, const struct store_share *reshare, uint64_t id, struct text notice,
                       reply_fn *fn, void *context);
/* The oldest re-shares of a share (bulk link). Answers [author, id, …]. */
int store_reshares(struct store *store, uint64_t share, int64_t limit, reply_fn *fn, void *context);
/* Forgets those up to this id (bulk link). */
int store_forget_reshares(struct store *store, uint64_t share, uint64_t until, reply_fn *fn, void *context);

/* ---- descriptions (command link; store/descriptions.c) ---- */

/* What is said about a subject. */
struct store_description {
    struct text subject;
    struct text record; /* an encoded feed.Subject; empty: it is described no more */
    struct text name;
    const struct text *words; /* what it is found by: see feed/words.c */
    size_t word_count;
};

/* Answers [position, 0 done | 1 it was described so already]. */
int store_describe(struct store *store, const struct store_description *description, reply_fn *fn, void *context);
/* The names, or the records, of subjects of one partition, in their order; null for those not described. */
int store_described(struct store *store, const struct text *subjects, size_t count, bool name, reply_fn *fn, void *context);
/* Answers [word, record, …] of those of a partition that begin with `prefix` and are above `after` (empty: from the first
 * on), in the order of their bytes. */
int store_find(struct store *store, unsigned partition, struct text prefix, struct text after, int64_t limit, reply_fn *fn,
               void *context);

/* ---- what operators look at (command link; store/look.c) ---- */

/* Looks at one of the links, from 0 on; false behind the last one. */
bool store_look_at_link(const struct store *store, unsigned number, struct link_look *ret_look);
/* Answers what INFO says of Redis, its clients, memory, persistence, replication and counts. Also while the store is not open. */
int store_ask_info(struct store *store, reply_fn *fn, void *context);
/* Answers [followers, subjects followed, shares of its profile, 1 if older ones were dropped, entries of its timeline; -1: it has
 * none]. */
int store_ask_subject(struct store *store, struct text subject, reply_fn *fn, void *context);
/* Answers [beginning of the body; "" if there is none, 1 if its entry is in the log, 1 if that was dealt, the daemon that holds it
 * ("": none), for how many ms it was silent about it, how often it was dealt, the place of its fan-out ("": none), JSON if it is
 * parked ("": it is not)]. */
int store_ask_share(struct store *store, uint64_t id, reply_fn *fn, void *context);
/* Answers [how many entries of the partition are parked, [id, JSON, …] of some of them]. */
int store_ask_parked(struct store *store, unsigned partition, int64_t limit, reply_fn *fn, void *context);

/* ---- timelines ---- */

/* Answers whether there is a timeline (command link). */
int store_timeline_exists(struct store *store, struct text reader, reply_fn *fn, void *context);
/* Adds ids to a timeline if there is one (command link). Answers 1 if there is. */
int store_timeline_merge(struct store *store, struct text reader, const uint64_t *ids, size_t count, reply_fn *fn,
                         void *context);
/* Begins to build a timeline (command link). Answers [0 it exists | 1 begun, mark, [subjects], [former subject,
 * up to which id its shares stay visible, …] | 2 somebody else builds]. */
int store_timeline_begin(struct store *store, struct text reader, uint64_t nonce, reply_fn *fn, void *context);
/* Answers 1 if the timeline was still ours to write (command link). */
int store_timeline_finish(struct store *store, struct text reader, struct text mark, uint64_t floor, const uint64_t *ids,
                          size_t count, reply_fn *fn, void *context);
/* Gives up what was begun (command link). */
int store_timeline_abandon(struct store *store, struct text reader, struct text mark, reply_fn *fn, void *context);
/* Drops a timeline that was cut, as what is no longer followed takes the place of what is (command link). Answers 1 if so. */
int store_timeline_unfollow(struct store *store, struct text reader, reply_fn *fn, void *context);
/* Drops a timeline: the next read builds it (command link). */
int store_timeline_drop(struct store *store, struct text reader, reply_fn *fn, void *context);
/* The newest shares of a profile below `before` (0: from the top) and not below `lowest` (command link: somebody waits for it).
 * Answers [id, …]; with `lowest` 0 a profile that has dropped older shares ends with the member `capped`. */
int store_profile_ids(struct store *store, struct text subject, uint64_t before, uint64_t lowest, int64_t limit, reply_fn *fn,
                      void *context);

/* ---- who shared what (store/records.c) ---- */

/* A share that leads to a destination or belongs to a site, or does no longer. */
struct store_record {
    enum key_kind kind; /* KEY_DESTINATION or KEY_SITE */
    bool add;
    struct text name;
    struct text author;
    uint64_t share_id;
};

/* Records of one partition, in one step (bulk link). Answers [1 or an error of its own, …]. */
int store_records(struct store *store, const struct store_record *records, size_t count, reply_fn *fn, void *context);
/* Answers how many of these shares of one partition there are (bulk link). */
int store_shares_exist(struct store *store, const uint64_t *ids, size_t count, reply_fn *fn, void *context);
/* Who shared each of these, all of one partition (command link). Answers [[how many, [name, share id, …]], …]: the `latest`
 * latest, latest first. */
int store_sharers(struct store *store, enum key_kind kind, const struct text *names, size_t count, int64_t latest, reply_fn *fn,
                  void *context);
/* Answers the latest share of each of these authors, or null; of KEY_FOLLOWERS, the edge of each of these readers (command
 * link). */
int store_shared_by(struct store *store, enum key_kind kind, struct text name, const struct text *authors, size_t count,
                    reply_fn *fn, void *context);

/* ---- what is popular (store/popular.c) ---- */

/* Of what, and by the number of what. */
enum popular_kind {
    POPULAR_SUBJECTS,     /* their followers */
    POPULAR_DESTINATIONS, /* who shared them */
    POPULAR_SHARES,       /* comments under them */
    POPULAR_KINDS,
};

/* What has most in one partition, of what has an id of the last `window_ms` (0: of all time). Answers [the number that nobody who
 * is not known has more than, [name, number, latest id, …]], the most first (command link). */
int store_popular(struct store *store, enum popular_kind kind, unsigned partition, int64_t window_ms, int64_t limit, reply_fn *fn,
                  void *context);

/* Answers whom a reader has followed latest, latest first (command link). */
int store_followed_latest(struct store *store, struct text reader, int64_t limit, reply_fn *fn, void *context);

/* ---- fan-out (bulk link) ---- */

/* Answers [reader, …]: the followers whose edge lies above `after` and below `below`, in order, at most `limit`. Before that
 * *ret_last is the edge up to which they are all there, 0 if there are no further ones; it must live until the answer. NULL: it is
 * known that they are all. */
int store_followers_page(struct store *store, struct text author, uint64_t after, uint64_t below, int64_t limit,
                         uint64_t *ret_last, reply_fn *fn, void *context);
/* Adds ids at the head of a timeline, the last one foremost. Answers the length of the list with its header, 0 if there is
 * none. */
int store_push(struct store *store, struct text reader, const uint64_t *ids, size_t count, reply_fn *fn, void *context);
/* What one daemon has pushed to a timeline since it was last cut. */
struct store_pushed {
    uint64_t mark;   /* which that cut left; 0: not known */
    uint64_t count;  /* of ids */
    uint64_t lowest;
    uint64_t last;
    bool disordered; /* some came behind a larger one */
};
void store_pushed_add(struct store_pushed *pushed, const uint64_t *ids, size_t count);
/* Cuts a timeline that has grown beyond cap and slack; one whose builder is taken for dead is dropped. Answers the mark of the
 * cut, 0 if it has none. */
int store_trim(struct store *store, struct text reader, const struct store_pushed *pushed, reply_fn *fn, void *context);
#endif
