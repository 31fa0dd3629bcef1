/* The store's operations for the deletion of subjects. */
#include "store/internal.h"

static void add_pieces(struct command *command, struct text subject, const enum key_kind *kinds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        command_add_subject_key(command, kinds[i], subject);
}

int store_erase(struct store *store, struct text subject, const enum key_kind *kinds, size_t count, reply_fn *fn,
                void *context)
{
    unsigned partition = partition_of_subject(subject);
    struct command *command = store_script(store, SCRIPT_erase, 8 + (int)count);

    store_add_log_keys(command, partition);
    command_add_subject_key(command, KEY_ERASURE, subject);
    command_add_partition_key(command, KEY_DELETIONS, partition);
    command_add_subject_key(command, KEY_SUBJECT, subject);
    command_add_partition_key(command, KEY_WORDS, partition);
    command_add_subject_key(command, KEY_INBOX, subject);
    command_add_subject_key(command, KEY_MARKERS, subject);
    add_pieces(command, subject, kinds, count);
    store_add_log_arguments(store, command, partition);
    command_add_text(command, subject);
    return store_client_call(store, command, fn, context);
}

int store_erase_progress(struct store *store, struct text subject, const enum key_kind *kinds, size_t count, reply_fn *fn,
                         void *context)
{
    struct command *command = store_script(store, SCRIPT_erase_progress, 1 + (int)count);

    command_add_subject_key(command, KEY_ERASURE, subject);
    add_pieces(command, subject, kinds, count);
    return store_client_call(store, command, fn, context);
}

int store_erase_slice(struct store *store, struct text subject, enum key_kind kind, uint64_t below, int64_t limit,
                      reply_fn *fn, void *context)
{
    struct command *command = command_begin("ZRANGE");

    command_add_subject_key(command, kind, subject);
    command_add_number(command, 1);
    command_add_id(command, below - 1);
    command_add_string(command, "BYSCORE");
    command_add_string(command, "LIMIT");
    command_add_number(command, 0);
    command_add_number(command, limit);
    return store_client_call(store, command, fn, context);
}

int store_erase_on(struct store *store, struct text subject, uint64_t entry, reply_fn *fn, void *context)
{
    unsigned partition = partition_of_subject(subject);
    struct command *command = store_script(store, SCRIPT_erase_on, 3);

    store_add_log_keys(command, partition);
    command_add_subject_key(command, KEY_ERASURE, subject);
    store_add_log_arguments(store, command, partition);
    command_add_text(command, subject);
    command_add_id(command, entry);
    return store_client_call(store, command, fn, context);
}

int store_erase_end(struct store *store, struct text subject, uint64_t position, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_erase_end, 4);

    command_add_subject_key(command, KEY_ERASURE, subject);
    command_add_subject_key(command, KEY_TIMELINE, subject);
    command_add_subject_key(command, KEY_PROFILE, subject);
    command_add_subject_key(command, KEY_AROUND, subject);
    command_add_id(command, position);
    command_add_number(command, store->settings->idempotency_ttl_s);
    return store_client_call(store, command, fn, context);
}
