/* The store's operations on what was shared: edits, and dialogues. All keys of a dialogue lie in the partition of its share, and
 * so of the share's author. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/digits.h"
#include "framing.h"
#include "store/internal.h"
#include "store/log.h"

#define AROUND_CAP 1000 /* comments under a subject's shares that are remembered for streams that come back */

int store_edit(struct store *store, struct text author, uint64_t share, struct text body, struct text mark, int64_t window_ms,
               reply_fn *fn, void *context)
{
    unsigned partition = partition_of_subject(author);
    struct command *command = store_script(store, SCRIPT_edit, 7);

    store_add_log_keys(command, partition);
    command_add_subject_key(command, KEY_PROFILE, author);
    command_add_id_key(command, KEY_SHARE, share);
    command_add_id_key(command, KEY_COUNTS, share);
    command_add_partition_key(command, KEY_DELETIONS, partition);
    command_add_subject_key(command, KEY_SUBJECT, author);
    store_add_log_arguments(store, command, partition);
    command_add_text(command, author);
    command_add_id(command, share);
    command_add_text(command, body);
    command_add_text(command, mark);
    command_add_number(command, window_ms);
    command_add_number(command, store->settings->retention_s * 1000);
    store_add_popular_prefix(command, POPULAR_SHARES, partition);
    return store_client_call(store, command, fn, context);
}

int store_comment(struct store *store, const struct store_comment *comment, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_comment, comment->key.size > 0 ? 10 : 9);
    unsigned partition = partition_of_id(comment->share);

    store_add_log_keys(command, partition);
    command_add_id_key(command, KEY_SHARE, comment->share);
    command_add_id_key(command, KEY_DIALOGUE, comment->share);
    command_add_id_key(command, KEY_COMMENTS, comment->share);
    command_add_id_key(command, KEY_COUNTS, comment->share);
    command_add_subject_key(command, KEY_AROUND, comment->author);
    command_add_subject_key(command, KEY_BLOCKED, comment->author);
    command_add_subject_key(command, KEY_BLOCKERS, comment->author);
    if (comment->key.size > 0)
        command_add_reply_key(command, comment->share, comment->commenter, comment->key);
    store_add_log_arguments(store, command, partition);
    command_add_text(command, comment->author);
    command_add_text(command, comment->commenter);
    command_add_id(command, comment->share);
    command_add_id(command, comment->parent);
    command_add_text(command, comment->body);
    command_add_number(command, store->settings->max_comments);
    command_add_number(command, store->settings->idempotency_ttl_s);
    command_add_number(command, AROUND_CAP);
    store_add_popular_prefix(command, POPULAR_SHARES, partition);
    command_add_number(command, comment->is_barred);
    return store_client_call(store, command, fn, context);
}

int store_ask_comment(struct store *store, uint64_t share, uint64_t comment, reply_fn *fn, void *context)
{
    struct command *command = command_begin("HGET");

    command_add_id_key(command, KEY_COMMENTS, share);
    command_add_id(command, comment);
    return store_client_call(store, command, fn, context);
}

int store_uncomment(struct store *store, struct text author, struct text subject, uint64_t share, uint64_t comment,
                    reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_uncomment, 8);
    unsigned partition = partition_of_id(share);
    bool is_author = author.size == subject.size && memcmp(author.data, subject.data, author.size) == 0;
    uint8_t begins[8 + UINT8_MAX] = {2 << 3 | 2}; /* a body begins with its commenter: field 2, of a length */
    size_t size = 1 + framing_write_varint(begins + 1, subject.size);

    memcpy(begins + size, subject.data, subject.size);
    store_add_log_keys(command, partition);
    command_add_id_key(command, KEY_SHARE, share);
    command_add_id_key(command, KEY_DIALOGUE, share);
    command_add_id_key(command, KEY_COMMENTS, share);
    command_add_id_key(command, KEY_COUNTS, share);
    command_add_subject_key(command, KEY_AROUND, author);
    command_add_partition_key(command, KEY_DELETIONS, partition);
    store_add_log_arguments(store, command, partition);
    command_add_text(command, author);
    command_add_id(command, share);
    command_add_id(command, comment);
    command_add(command, begins, is_author ? 0 : size + subject.size);
    command_add_number(command, store->settings->retention_s * 1000);
    store_add_popular_prefix(command, POPULAR_SHARES, partition);
    return store_client_call(store, command, fn, context);
}

int store_commented(struct store *store, bool add, struct text subject, uint64_t comment, uint64_t share, reply_fn *fn,
                    void *context)
{
    struct command *command = store_script(store, SCRIPT_commented, 2);
    char member[48];

    snprintf(member, sizeof(member), "%" PRIu64 ":%" PRIu64, comment, share);
    command_add_partition_key(command, KEY_META, partition_of_subject(subject));
    command_add_subject_key(command, KEY_COMMENTED, subject);
    command_add_string(command, add ? "add" : "remove");
    command_add_string(command, member);
    return store_client_call(store, command, fn, context);
}

struct share_counts store_read_counts(struct text text)
{
    const char *at = text.data, *end = at + text.size;
    struct share_counts counts = {.at = digits_read(&at, end)};

    if (at < end)
        at++;
    counts.comments = (uint32_t)digits_read(&at, end);
    if (at < end)
        at++;
    counts.reshares = (uint32_t)digits_read(&at, end);
    return counts;
}

int store_dialogue(struct store *store, uint64_t share, uint64_t lowest, uint64_t highest, bool newest_first, int64_t limit,
                   reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_dialogue, 4);

    command_add_id_key(command, KEY_SHARE, share);
    command_add_id_key(command, KEY_DIALOGUE, share);
    command_add_id_key(command, KEY_COMMENTS, share);
    command_add_id_key(command, KEY_COUNTS, share);
    command_add_id(command, lowest);
    command_add_id(command, highest);
    command_add_number(command, newest_first);
    command_add_number(command, limit);
    return store_client_call(store, command, fn, context);
}

int store_around(struct store *store, struct text subject, uint64_t lowest, uint64_t highest, int64_t limit, reply_fn *fn,
                 void *context)
{
    struct command *command = store_script(store, SCRIPT_around, 1);

    command_add_subject_key(command, KEY_AROUND, subject);
    command_add_id(command, lowest);
    command_add_id(command, highest);
    command_add_number(command, limit);
    command_add_id_key_prefix(command, KEY_COMMENTS, partition_of_subject(subject));
    return store_client_call(store, command, fn, context);
}
