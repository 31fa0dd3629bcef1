/* See check.h. */
#include "store/check.h"

#include "base/digits.h"
#include "store/internal.h"

#define KEYS_AT_ONCE 32
#define MEMBERS_AT_ONCE 128
#define ENTRIES_AT_ONCE 128

static const char *const types[] = {
    [KEY_META] = "hash",          [KEY_LOG] = "stream",       [KEY_DELETIONS] = "zset", [KEY_PROFILE] = "zset",
    [KEY_FOLLOWING] = "zset",     [KEY_KEPT] = "zset",        [KEY_FOLLOWERS] = "zset", [KEY_VERSIONS] = "zset",
    [KEY_BIG] = "zset",           [KEY_TIMELINE] = "list",    [KEY_SHARE] = "string",   [KEY_COUNTS] = "string",
    [KEY_RESHARES] = "zset",      [KEY_RESHARED] = "zset",    [KEY_DIALOGUE] = "zset",  [KEY_COMMENTS] = "hash",
    [KEY_AROUND] = "zset",        [KEY_IDEMPOTENCY] = "string", [KEY_REPLY] = "string", [KEY_IMPORT] = "string",
    [KEY_JOB] = "string",         [KEY_TRIES] = "hash",       [KEY_PARKED] = "hash",    [KEY_MUTED] = "zset",
    [KEY_BLOCKED] = "zset",       [KEY_BLOCKERS] = "zset",    [KEY_ERASURE] = "hash",   [KEY_SUBJECT] = "hash",
    [KEY_WORDS] = "zset",         [KEY_DESTINATION] = "zset", [KEY_DESTINATION_EARLIER] = "zset",
    [KEY_SITE] = "zset",          [KEY_SITE_EARLIER] = "zset", [KEY_POPULAR] = NULL,    [KEY_ASKED] = "zset",
    [KEY_PRESENCE] = "hash",      [KEY_COMMENTED] = "zset",   [KEY_INBOX] = "zset",     [KEY_MARKERS] = "hash",
};

const char *store_key_type(enum key_kind kind)
{
    return types[kind];
}

static int call(struct store *store, struct command *command, reply_fn *fn, void *context)
{
    return link_call(store->bulk, command, fn, context);
}

static void add_cursor(struct command *command, uint64_t cursor, int64_t count)
{
    char digits[DIGITS_MAX];

    command_add(command, digits, digits_write(digits, cursor));
    command_add_string(command, "COUNT");
    command_add_number(command, count);
}

int store_check_size(struct store *store, reply_fn *fn, void *context)
{
    return call(store, command_begin("DBSIZE"), fn, context);
}

int store_check_keys(struct store *store, uint64_t cursor, reply_fn *fn, void *context)
{
    struct command *command = command_begin("SCAN");

    add_cursor(command, cursor, KEYS_AT_ONCE);
    return call(store, command, fn, context);
}

int store_check_key(struct store *store, enum check_read read, const struct key_parts *key, uint64_t cursor, reply_fn *fn,
                    void *context)
{
    static const char *const names[] = {
        [CHECK_TYPE] = "TYPE",     [CHECK_VALUE] = "GET",    [CHECK_LIST] = "LRANGE",
        [CHECK_MEMBERS] = "ZSCAN", [CHECK_FIELDS] = "HSCAN", [CHECK_DROP] = "UNLINK",
    };
    struct command *command = command_begin(names[read]);

    command_add_parts(command, key);
    if (read == CHECK_MEMBERS || read == CHECK_FIELDS)
        add_cursor(command, cursor, MEMBERS_AT_ONCE);
    if (read == CHECK_LIST) {
        command_add_number(command, 0);
        command_add_number(command, -1);
    }
    return call(store, command, fn, context);
}

int store_check_ask(struct store *store, const struct store_question *questions, size_t count, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_check_ask, 2 * (int)count);

    for (size_t i = 0; i < count; i++) {
        command_add_key(command, questions[i].kind, questions[i].name);
        command_add_key(command, questions[i].beside, questions[i].name);
    }
    for (size_t i = 0; i < count; i++) {
        command_add_string(command, questions[i].how);
        command_add_text(command, questions[i].member);
        command_add_id(command, questions[i].id);
    }
    return call(store, command, fn, context);
}

/* ---- in one partition ---- */

static void add_flag(struct command *command, bool flag)
{
    command_add_number(command, flag ? 1 : 0);
}

int store_check_reader(struct store *store, struct text reader, bool mend, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_check_reader, 4);

    command_add_subject_key(command, KEY_FOLLOWING, reader);
    command_add_subject_key(command, KEY_BLOCKED, reader);
    command_add_subject_key(command, KEY_BLOCKERS, reader);
    command_add_subject_key(command, KEY_KEPT, reader);
    add_flag(command, mend);
    return call(store, command, fn, context);
}

int store_check_profile(struct store *store, struct text author, const struct text *ids, size_t count, reply_fn *fn,
                        void *context)
{
    struct command *command = store_script(store, SCRIPT_check_profile, 1);

    command_add_subject_key(command, KEY_PROFILE, author);
    command_add_id_key_prefix(command, KEY_SHARE, partition_of_subject(author));
    for (size_t i = 0; i < count; i++)
        command_add_text(command, ids[i]);
    return call(store, command, fn, context);
}

int store_check_share(struct store *store, struct text author, uint64_t share, bool mend, reply_fn *fn, void *context)
{
    unsigned partition = partition_of_id(share);
    struct command *command = store_script(store, SCRIPT_check_share, 9);

    store_add_log_keys(command, partition);
    command_add_id_key(command, KEY_SHARE, share);
    command_add_named_key(command, KEY_PROFILE, partition, author);
    command_add_id_key(command, KEY_COUNTS, share);
    command_add_id_key(command, KEY_DIALOGUE, share);
    command_add_id_key(command, KEY_COMMENTS, share);
    command_add_id_key(command, KEY_RESHARES, share);
    command_add_id_key(command, KEY_IMPORT, share);
    store_add_log_arguments(store, command, partition);
    add_flag(command, mend);
    command_add_text(command, author);
    command_add_id(command, share);
    return call(store, command, fn, context);
}

int store_check_comments(struct store *store, struct text author, uint64_t share, const struct text *ids, size_t count,
                         bool mend, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_check_comments, 3);

    command_add_id_key(command, KEY_DIALOGUE, share);
    command_add_id_key(command, KEY_COMMENTS, share);
    command_add_named_key(command, KEY_AROUND, partition_of_id(share), author);
    add_flag(command, mend);
    command_add_id(command, share);
    for (size_t i = 0; i < count; i++)
        command_add_text(command, ids[i]);
    return call(store, command, fn, context);
}

int store_check_tally(struct store *store, struct text author, uint64_t share, struct text at, uint64_t comments, bool mend,
                      reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_check_tally, 3);

    store_add_log_keys(command, partition_of_id(share));
    command_add_id_key(command, KEY_COUNTS, share);
    store_add_log_arguments(store, command, partition_of_id(share));
    add_flag(command, mend);
    command_add_text(command, author);
    command_add_id(command, share);
    command_add_text(command, at);
    command_add_id(command, comments);
    return call(store, command, fn, context);
}

int store_check_left(struct store *store, uint64_t share, bool reshares, bool mend, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_check_left, reshares ? 6 : 5);

    command_add_id_key(command, KEY_SHARE, share);
    command_add_id_key(command, KEY_COUNTS, share);
    command_add_id_key(command, KEY_DIALOGUE, share);
    command_add_id_key(command, KEY_COMMENTS, share);
    command_add_id_key(command, KEY_IMPORT, share);
    if (reshares)
        command_add_id_key(command, KEY_RESHARES, share);
    add_flag(command, mend);
    return call(store, command, fn, context);
}

int store_check_subject(struct store *store, struct text subject, bool mend, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_check_subject, 2);

    command_add_subject_key(command, KEY_SUBJECT, subject);
    command_add_partition_key(command, KEY_WORDS, partition_of_subject(subject));
    add_flag(command, mend);
    return call(store, command, fn, context);
}

int store_check_words(struct store *store, unsigned partition, const struct text *words, size_t count, bool mend, reply_fn *fn,
                      void *context)
{
    struct command *command = store_script(store, SCRIPT_check_words, 1);

    command_add_partition_key(command, KEY_WORDS, partition);
    add_flag(command, mend);
    command_add_id_key_prefix(command, KEY_SUBJECT, partition);
    for (size_t i = 0; i < count; i++)
        command_add_text(command, words[i]);
    return call(store, command, fn, context);
}

int store_check_timeline(struct store *store, unsigned partition, const uint64_t *ids, size_t count, reply_fn *fn,
                         void *context)
{
    struct command *command = store_script(store, SCRIPT_check_timeline, 3);

    store_add_log_keys(command, partition);
    command_add_partition_key(command, KEY_DELETIONS, partition);
    command_add_id_key_prefix(command, KEY_SHARE, partition);
    command_add_id_key_prefix(command, KEY_PROFILE, partition);
    for (size_t i = 0; i < count; i++)
        command_add_id(command, ids[i]);
    return call(store, command, fn, context);
}

/* ---- the log ---- */

int store_check_group(struct store *store, unsigned partition, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_check_group, 3);

    store_add_log_keys(command, partition);
    command_add_partition_key(command, KEY_PARKED, partition);
    return call(store, command, fn, context);
}

int store_check_log(struct store *store, unsigned partition, struct text after, uint64_t before, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_check_log, 3);

    store_add_log_keys(command, partition);
    command_add_partition_key(command, KEY_DELETIONS, partition);
    command_add_text(command, after);
    if (before > 0)
        command_add_id(command, before);
    else
        command_add_string(command, "");
    command_add_number(command, partition);
    command_add_number(command, ENTRIES_AT_ONCE);
    return call(store, command, fn, context);
}

int store_check_mend_log(struct store *store, unsigned partition, const char *what, uint64_t id, struct text member,
                         reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_check_mend_log, 3);

    store_add_log_keys(command, partition);
    command_add_partition_key(command, KEY_DELETIONS, partition);
    store_add_log_arguments(store, command, partition);
    command_add_string(command, what);
    command_add_id(command, id);
    command_add_text(command, member);
    return call(store, command, fn, context);
}
