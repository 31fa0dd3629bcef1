/* What the files of the store share. */
#ifndef FEED_STORE_INTERNAL_H
#define FEED_STORE_INTERNAL_H

#include "base/log.h"
#include "store/store.h"

/* SCRIPT(name): daemon/store/lua/name.lua */
#define SCRIPTS(SCRIPT)       \
    SCRIPT(identify)          \
    SCRIPT(open)              \
    SCRIPT(settle)            \
    SCRIPT(leave)             \
    SCRIPT(share)             \
    SCRIPT(delete)            \
    SCRIPT(edit)              \
    SCRIPT(comment)           \
    SCRIPT(uncomment)         \
    SCRIPT(dialogue)          \
    SCRIPT(around)            \
    SCRIPT(follow)            \
    SCRIPT(edge)              \
    SCRIPT(reader_load)       \
    SCRIPT(names)             \
    SCRIPT(mute)              \
    SCRIPT(block)             \
    SCRIPT(bar)               \
    SCRIPT(erase)             \
    SCRIPT(erase_on)          \
    SCRIPT(erase_end)         \
    SCRIPT(erase_progress)    \
    SCRIPT(describe)          \
    SCRIPT(described)         \
    SCRIPT(find)              \
    SCRIPT(mark)              \
    SCRIPT(inbox)             \
    SCRIPT(notice)            \
    SCRIPT(replied)           \
    SCRIPT(bars)              \
    SCRIPT(commented)         \
    SCRIPT(standing)          \
    SCRIPT(presence_ask)      \
    SCRIPT(presence_asked)    \
    SCRIPT(presence_report)   \
    SCRIPT(deletions)         \
    SCRIPT(timeline_begin)    \
    SCRIPT(timeline_finish)   \
    SCRIPT(timeline_abandon)  \
    SCRIPT(timeline_merge)    \
    SCRIPT(timeline_unfollow) \
    SCRIPT(timeline_trim)     \
    SCRIPT(applied)           \
    SCRIPT(renew)             \
    SCRIPT(job_take)          \
    SCRIPT(job_hand_back)     \
    SCRIPT(job_save)          \
    SCRIPT(job_park)          \
    SCRIPT(job_unpark)        \
    SCRIPT(look_subject)      \
    SCRIPT(look_share)        \
    SCRIPT(look_parked)       \
    SCRIPT(record)            \
    SCRIPT(reshared)          \
    SCRIPT(sharers)           \
    SCRIPT(popular)           \
    SCRIPT(check_ask)         \
    SCRIPT(check_reader)      \
    SCRIPT(check_profile)     \
    SCRIPT(check_share)       \
    SCRIPT(check_comments)    \
    SCRIPT(check_tally)       \
    SCRIPT(check_left)        \
    SCRIPT(check_subject)     \
    SCRIPT(check_words)       \
    SCRIPT(check_timeline)    \
    SCRIPT(check_group)       \
    SCRIPT(check_log)         \
    SCRIPT(check_mend_log)    \
    SCRIPT(export_comments)   \
    SCRIPT(import_begin)      \
    SCRIPT(import_rows)       \
    SCRIPT(import_end)

enum script {
#define SCRIPT(name) SCRIPT_##name,
    SCRIPTS(SCRIPT)
#undef SCRIPT
        SCRIPT_COUNT
};

#define RUN_ID_BYTES 41 /* 40 hexadecimal digits */
#define RUNS_MAX 64 /* as in open.lua */

/* A process of Redis that was met under a partition, and the last id of it that is still there. */
struct run {
    uint32_t mark;
    uint64_t last;
};

/* A partition as it was when it was last opened. */
struct partition {
    uint64_t last_id;
    uint64_t generation;
    uint32_t mark;
    bool owed; /* there are daemons that may know of entries that were lost */
    unsigned run_count;
    struct run runs[RUNS_MAX]; /* earlier ones, the latest first */
};

struct store {
    const struct store_settings *settings;
    const struct store_handlers *handlers;
    void *context;
    struct link *command;
    struct link *bulk;
    struct link *tail;
    struct link *jobs;
    bool ready;
    bool loading; /* scripts */
    int64_t read_file_ms; /* when Redis last said that it reads its data; 0: never */
    bool jobs_stopped;
    bool tailing; /* the logs are being read */
    int64_t refused_ms; /* when Redis last answered with an error, … */
    unsigned refusal;   /* … and its kind: see reply_kind() */
    struct log_limit openings;                /* that failed */
    struct log_limit complaints[REPLY_KINDS]; /* of Redis */
    char sha[SCRIPT_COUNT][41];
    uint64_t epoch;
    char run_id[RUN_ID_BYTES]; /* Redis's name for its process */
    int64_t settle_at_ms;      /* 0: nobody is waited for */
    unsigned leaves_asked;
    unsigned opening; /* partition that is being opened */
    struct partition partitions[PARTITIONS_MAX];
};

/* Begins an EVALSHA with this many keys. */
struct command *store_script(struct store *store, enum script script, int keys);
/* Adds what every script that appends to a log needs first: the keys meta and log, … */
void store_add_log_keys(struct command *command, unsigned partition);
/* … and, after the other keys, the arguments daemon, generation and partition. */
void store_add_log_arguments(struct store *store, struct command *command, unsigned partition);

/* Adds what a script puts in front of an hour or `all` to name the keys of what is popular. */
void store_add_popular_prefix(struct command *command, enum popular_kind kind, unsigned partition);

/* Adds to a ZRANGE: the `limit` highest scores below `before` (0: from the top) and not below `lowest`. */
void store_add_newest_first(struct command *command, uint64_t before, uint64_t lowest, int64_t limit);

/* A call that clients wait for: it needs the store to be open, and not only the link to be up. */
int store_client_call(struct store *store, struct command *command, reply_fn *fn, void *context);

/* store/measure.c */
void store_name_metrics(void);
/* Notes which links are up: whenever that may have changed. */
void store_measure_links(const struct store *store);

/* store/open.c */
void store_open(struct store *store);
void store_reload_scripts(struct store *store);
void store_note_loading(struct store *store);

#endif
