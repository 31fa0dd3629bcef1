/* Names: which partition a subject lives in, how its keys are called, how ids are spelled.
 *
 * A subject's partition is XXH3-64 of its name modulo the number of partitions. Every key of a subject carries the
 * partition's hash tag, so that each script touches one slot of a Redis Cluster; the tags are chosen so that the
 * partitions are spread evenly over the slots. */
#ifndef FEED_STORE_KEYS_H
#define FEED_STORE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/command.h"

#define PARTITIONS_MAX 64
#define EPOCH_MS 1767225600000 /* 2026-01-01T00:00:00Z */

/* The hash that says which store this is: epoch, schema, partitions. The only key without a partition. */
#define STORE_KEY "feedd"

enum key_kind {
    KEY_META,        /* hash: the last id, each daemon's link generation */
    KEY_LOG,         /* stream: everything committed */
    KEY_DELETIONS,   /* sorted set: `share:author` by the position of the deletion */
    KEY_PROFILE,     /* sorted set of a subject's share ids, by id; `capped` with score 0 if older ones were dropped */
    KEY_FOLLOWING,   /* sorted set of the subjects that a reader follows, by follow id: authoritative */
    KEY_KEPT,        /* sorted set of subjects that a reader followed once, by the id up to which their shares stay visible */
    KEY_FOLLOWERS,   /* sorted set of a subject's followers, by edge id: derived */
    KEY_VERSIONS,    /* sorted set of followers and former ones, by the newest follow id applied */
    KEY_BIG,         /* sorted set of subjects with shares that were not pushed, by the id of the latest */
    KEY_TIMELINE,    /* list of share ids and a header */
    KEY_SHARE,       /* a share's body, by id */
    KEY_COUNTS,      /* what is counted of a share, by its id: the entry that changed it last, comments, re-shares */
    KEY_RESHARES,    /* sorted set of who has re-shared a share, by its id, by the id of the re-share: derived */
    KEY_RESHARED,    /* sorted set of shares that a subject has re-shared, by the id of the re-share */
    KEY_DIALOGUE,    /* sorted set of the comments under a share, by its id */
    KEY_COMMENTS,    /* hash of them: `parent body`, and under r<id> how many replies there are */
    KEY_AROUND,      /* sorted set of the latest comments under a subject's shares, as `id:share` by id */
    KEY_IDEMPOTENCY, /* a share's id, by author and key */
    KEY_REPLY,       /* a comment's id, by share, commenter and key */
    KEY_IMPORT,      /* an imported share's idempotency key, by id */
    KEY_JOB,         /* how far a fan-out has come, by id */
    KEY_TRIES,       /* hash: how often an entry was begun again, and in which life of a daemon, by id */
    KEY_PARKED,      /* hash: entries that nobody could finish, by id */
    KEY_MUTED,       /* sorted set of the subjects that a reader has muted, by position: authoritative */
    KEY_BLOCKED,     /* sorted set of the subjects that a reader has blocked, by position: authoritative */
    KEY_BLOCKERS,    /* sorted set of those who have blocked a subject, by position: derived */
    KEY_ERASURE,     /* hash: how a subject is deleted: position, entry (of the next slice), total, done */
    KEY_SUBJECT,     /* hash: what is said about a subject: record, name, words, at */
    KEY_WORDS,       /* sorted set, all scores 0: the words of described subjects, each with the id behind it */
    KEY_DESTINATION, /* sorted set of who shared a url, by the latest share of each; by the hash of its canonical form: derived */
    KEY_DESTINATION_EARLIER, /* sorted set: earlier shares of the same authors */
    KEY_SITE,                /* the same for a site, by its name */
    KEY_SITE_EARLIER,
    KEY_POPULAR, /* sorted sets of what has most, by number: see lua/lib_popular.lua: derived */
    KEY_ASKED,       /* sorted set: subjects whose presence is asked for, by when that was last, Redis's time in ms */
    KEY_PRESENCE,    /* hash: what each daemon has of such a subject, and since when it is asked for */
    KEY_COMMENTED,   /* sorted set of a subject's comments, `comment:share`, by where its own log stood then */
    KEY_INBOX,       /* sorted set of a subject's notices (encoded feed.Notice) by id, and `capped` by the latest dropped */
    KEY_MARKERS,     /* hash: how far a reader has read, by what */
    KEY_KINDS,
};

/* Fixed for the life of the process. */
void keys_init(unsigned partitions);

unsigned partition_of_subject(struct text subject);
/* The partition is part of an id. */
static inline unsigned partition_of_id(uint64_t id)
{
    return (unsigned)(id & 63);
}

/* What a key is called, taken apart: its kind, and what it is named by ("": its partition alone). False: it is no key of ours in
 * any partition. Names of idempotency keys are not taken apart further. */
struct key_parts {
    enum key_kind kind;
    unsigned partition;
    struct text name;
};
/* The kind of keys whose names begin so; false if there is none. */
bool key_kind_read(struct text word, enum key_kind *ret_kind);
bool key_read(struct text key, struct key_parts *ret_parts);
void command_add_parts(struct command *command, const struct key_parts *parts);
/* The partition of a key that is named by a subject, or what else is hashed, or by an id. */
unsigned partition_of_key(enum key_kind kind, struct text name);
/* Adds the key that has this name; of kinds that belong to a partition the name is an id of that. */
void command_add_key(struct command *command, enum key_kind kind, struct text name);

/* Adds a key as an argument. */
void command_add_partition_key(struct command *command, enum key_kind kind, unsigned partition);
void command_add_named_key(struct command *command, enum key_kind kind, unsigned partition, struct text name);
void command_add_subject_key(struct command *command, enum key_kind kind, struct text subject);
void command_add_id_key(struct command *command, enum key_kind kind, uint64_t id);
/* Of who shared something: a record is named by a destination's hash or a site, or by the id of what was re-shared, as digits. */
unsigned partition_of_record(enum key_kind kind, struct text name);
void command_add_record_key(struct command *command, enum key_kind kind, struct text name);
void command_add_idempotency_key(struct command *command, struct text author, struct text key);
/* Likewise of a comment under a share. */
void command_add_reply_key(struct command *command, uint64_t share, struct text commenter, struct text key);
/* What a script puts in front of an id to name its key. */
void command_add_id_key_prefix(struct command *command, enum key_kind kind, unsigned partition);

/* The name of a partition's log. */
struct text log_key_name(unsigned partition);

#define ID_END (UINT64_C(1) << 53) /* every id is below */

/* An id is 40 bits of milliseconds since 2026, 7 of sequence, 6 of partition; a stream id is `ms-sequence`. */
#define STREAM_ID_BYTES 32
void stream_id_of(uint64_t id, char ret_text[STREAM_ID_BYTES]);
/* 0 if the text is no stream id. */
uint64_t id_of_stream_id(struct text stream_id, unsigned partition);
/* When it was made, by Redis's clock: Unix time. */
static inline int64_t id_wall_ms(uint64_t id)
{
    return EPOCH_MS + (int64_t)(id >> 13);
}

/* An id of the same partition that was made so much earlier; 0 before 2026. */
uint64_t id_earlier(uint64_t id, int64_t ms);

#endif
