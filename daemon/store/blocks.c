/* The store's operations on blocks and mutes. */
#include "store/internal.h"

int store_mute(struct store *store, bool mute, struct text reader, struct text subject, reply_fn *fn, void *context)
{
    unsigned partition = partition_of_subject(reader);
    struct command *command = store_script(store, SCRIPT_mute, 3);

    store_add_log_keys(command, partition);
    command_add_subject_key(command, KEY_MUTED, reader);
    store_add_log_arguments(store, command, partition);
    command_add_string(command, mute ? "mute" : "unmute");
    command_add_text(command, reader);
    command_add_text(command, subject);
    command_add_number(command, store->settings->max_blocked);
    return store_client_call(store, command, fn, context);
}

int store_block(struct store *store, bool block, struct text reader, struct text subject, reply_fn *fn, void *context)
{
    unsigned partition = partition_of_subject(reader);
    struct command *command = store_script(store, SCRIPT_block, 4);

    store_add_log_keys(command, partition);
    command_add_subject_key(command, KEY_BLOCKED, reader);
    command_add_subject_key(command, KEY_FOLLOWING, reader);
    store_add_log_arguments(store, command, partition);
    command_add_string(command, block ? "block" : "unblock");
    command_add_text(command, reader);
    command_add_text(command, subject);
    command_add_number(command, store->settings->max_blocked);
    return store_client_call(store, command, fn, context);
}

int store_bar(struct store *store, bool bar, bool repeated, struct text reader, struct text subject, uint64_t version,
              reply_fn *fn, void *context)
{
    unsigned partition = partition_of_subject(subject);
    struct command *command = store_script(store, SCRIPT_bar, 5);

    store_add_log_keys(command, partition);
    command_add_subject_key(command, KEY_BLOCKERS, subject);
    command_add_subject_key(command, KEY_FOLLOWING, subject);
    command_add_subject_key(command, KEY_VERSIONS, subject);
    store_add_log_arguments(store, command, partition);
    command_add_string(command, bar ? "bar" : repeated ? "gone" : "unbar");
    command_add_text(command, reader);
    command_add_text(command, subject);
    command_add_id(command, version);
    return store_client_call(store, command, fn, context);
}

int store_blocked_id(struct store *store, struct text reader, struct text subject, reply_fn *fn, void *context)
{
    struct command *command = command_begin("ZSCORE");

    command_add_subject_key(command, KEY_BLOCKED, reader);
    command_add_text(command, subject);
    return store_client_call(store, command, fn, context);
}

int store_bars(struct store *store, struct text reader, struct text subject, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_bars, 2);

    command_add_subject_key(command, KEY_BLOCKED, reader);
    command_add_subject_key(command, KEY_BLOCKERS, reader);
    command_add_text(command, subject);
    return store_client_call(store, command, fn, context);
}
