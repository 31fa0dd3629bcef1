/* The store's operations on shares and re-shares. */
#include "store/internal.h"

/* The first of a share's arguments: it says which keys and arguments follow, see lua/share.lua. */
static const char *kind_of(const struct store_share *share)
{
    if (share->origin != 0)
        return "reshare";
    if (share->key.size == 0)
        return "share";
    return share->import ? "import" : "keyed";
}

static void add_share_keys(struct command *command, const struct store_share *share)
{
    static const enum key_kind kinds[] = {KEY_PROFILE, KEY_SUBJECT, KEY_ERASURE, KEY_FOLLOWERS, KEY_RESHARED};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        command_add_subject_key(command, kinds[i], share->author);
    if (share->origin != 0) {
        command_add_subject_key(command, KEY_BLOCKED, share->author);
        command_add_subject_key(command, KEY_BLOCKERS, share->author);
    } else if (share->key.size > 0) {
        command_add_idempotency_key(command, share->author, share->key);
    }
}

static void add_share_arguments(struct command *command, const struct store_share *share)
{
    command_add_string(command, kind_of(share));
    command_add_text(command, share->author);
    command_add_text(command, share->body);
    if (share->origin != 0) {
        command_add_id(command, share->origin);
        command_add_text(command, share->origin_author);
        command_add_text(command, share->origin_share);
    }
}

int store_commit_shares(struct store *store, const struct store_share *shares, size_t count, reply_fn *fn, void *context)
{
    static const enum key_kind prefixes[] = {KEY_SHARE, KEY_IMPORT, KEY_DIALOGUE, KEY_COMMENTS, KEY_COUNTS, KEY_RESHARES};
    unsigned partition = partition_of_subject(shares[0].author);
    int keys = 3;

    for (size_t i = 0; i < count; i++)
        keys += 5 + (shares[i].origin != 0 ? 2 : shares[i].key.size > 0);
    struct command *command = store_script(store, SCRIPT_share, keys);
    store_add_log_keys(command, partition);
    command_add_partition_key(command, KEY_BIG, partition);
    for (size_t i = 0; i < count; i++)
        add_share_keys(command, &shares[i]);
    store_add_log_arguments(store, command, partition);
    command_add_number(command, store->settings->idempotency_ttl_s);
    command_add_number(command, store->settings->profile_cap);
    command_add_number(command, store->settings->push_limit);
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        command_add_id_key_prefix(command, prefixes[i], partition);
    for (size_t i = 0; i < count; i++)
        add_share_arguments(command, &shares[i]);
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

int store_note_reshare(struct store *store, bool add, const struct store_share *reshare, uint64_t id, struct text notice,
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
