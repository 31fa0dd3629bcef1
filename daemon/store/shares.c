/* The store's operations on shares and re-shares. */
#include "store/internal.h"

/* Begins a share with what every one of them has: these keys, the caller's own, … */
static struct command *share_begin(struct store *store, struct text author, int further_keys)
{
    unsigned partition = partition_of_subject(author);
    struct command *command = store_script(store, SCRIPT_share, 8 + further_keys);

    store_add_log_keys(command, partition);
    command_add_subject_key(command, KEY_PROFILE, author);
    command_add_subject_key(command, KEY_SUBJECT, author);
    command_add_subject_key(command, KEY_ERASURE, author);
    command_add_subject_key(command, KEY_FOLLOWERS, author);
    command_add_partition_key(command, KEY_BIG, partition);
    command_add_subject_key(command, KEY_RESHARED, author);
    return command;
}

/* … and these arguments. */
static void share_add_arguments(struct store *store, struct command *command, struct text author, struct text body, bool import)
{
    unsigned partition = partition_of_subject(author);

    store_add_log_arguments(store, command, partition);
    command_add_text(command, author);
    command_add_text(command, body);
    command_add_number(command, import ? 0 : store->settings->idempotency_ttl_s);
    command_add_number(command, store->settings->profile_cap);
    command_add_id_key_prefix(command, KEY_SHARE, partition);
    command_add_id_key_prefix(command, KEY_IMPORT, partition);
    command_add_number(command, store->settings->idempotency_ttl_s);
    command_add_id_key_prefix(command, KEY_DIALOGUE, partition);
    command_add_id_key_prefix(command, KEY_COMMENTS, partition);
    command_add_id_key_prefix(command, KEY_COUNTS, partition);
    command_add_id_key_prefix(command, KEY_RESHARES, partition);
    command_add_number(command, store->settings->push_limit);
}

int store_share(struct store *store, struct text author, struct text body, struct text key, bool import, reply_fn *fn,
                void *context)
{
    struct command *command = share_begin(store, author, key.size > 0);

    if (key.size > 0)
        command_add_idempotency_key(command, author, key);
    share_add_arguments(store, command, author, body, import);
    return store_client_call(store, command, fn, context);
}

int store_reshare(struct store *store, const struct store_reshare *reshare, reply_fn *fn, void *context)
{
    struct command *command = share_begin(store, reshare->author, 2);

    command_add_subject_key(command, KEY_BLOCKED, reshare->author);
    command_add_subject_key(command, KEY_BLOCKERS, reshare->author);
    share_add_arguments(store, command, reshare->author, reshare->body, false);
    command_add_id(command, reshare->origin);
    command_add_text(command, reshare->origin_author);
    command_add_text(command, reshare->origin_share);
    return store_client_call(store, command, fn, context);
}

int store_delete(struct store *store, struct text author, uint64_t share_id, reply_fn *fn, void *context)
{
    unsigned partition = partition_of_subject(author);
    struct command *command = store_script(store, SCRIPT_delete, 10);

    store_add_log_keys(command, partition);
    command_add_subject_key(command, KEY_PROFILE, author);
    command_add_id_key(command, KEY_SHARE, share_id);
    command_add_partition_key(command, KEY_DELETIONS, partition);
    command_add_id_key(command, KEY_IMPORT, share_id);
    command_add_id_key(command, KEY_DIALOGUE, share_id);
    command_add_id_key(command, KEY_COMMENTS, share_id);
    command_add_id_key(command, KEY_COUNTS, share_id);
    command_add_subject_key(command, KEY_RESHARED, author);
    store_add_log_arguments(store, command, partition);
    command_add_text(command, author);
    command_add_id(command, share_id);
    command_add_number(command, store->settings->retention_s * 1000);
    command_add_number(command, store->settings->idempotency_ttl_s);
    return store_client_call(store, command, fn, context);
}

int store_note_reshare(struct store *store, bool add, const struct store_reshare *reshare, uint64_t id, struct text notice,
                       reply_fn *fn, void *context)
{
    unsigned partition = partition_of_id(reshare->origin);
    struct command *command = store_script(store, SCRIPT_reshared, 6);

    store_add_log_keys(command, partition);
    command_add_id_key(command, KEY_SHARE, reshare->origin);
    command_add_id_key(command, KEY_RESHARES, reshare->origin);
    command_add_id_key(command, KEY_COUNTS, reshare->origin);
    command_add_subject_key(command, KEY_INBOX, reshare->origin_author);
    store_add_log_arguments(store, command, partition);
    command_add_string(command, add ? "reshared" : "unreshared");
    command_add_text(command, reshare->origin_author);
    command_add_id(command, reshare->origin);
    command_add_text(command, reshare->author);
    command_add_id(command, id);
    command_add_text(command, notice);
    command_add_number(command, store->settings->inbox_cap);
    return store_client_call(store, command, fn, context);
}

int store_reshares(struct store *store, uint64_t share, int64_t limit, reply_fn *fn, void *context)
{
    struct command *command = command_begin("ZRANGE");

    command_add_id_key(command, KEY_RESHARES, share);
    command_add_number(command, 0);
    command_add_number(command, limit - 1);
    command_add_string(command, "WITHSCORES");
    return link_call(store->bulk, command, fn, context);
}

int store_forget_reshares(struct store *store, uint64_t share, uint64_t until, reply_fn *fn, void *context)
{
    struct command *command = command_begin("ZREMRANGEBYSCORE");

    command_add_id_key(command, KEY_RESHARES, share);
    command_add_string(command, "-inf");
    command_add_id(command, until);
    return link_call(store->bulk, command, fn, context);
}
