/* The store's operations on how far readers have read. */
#include "store/internal.h"
#include "store/log.h"

int store_move_marker(struct store *store, enum log_kind marker, struct text reader, uint64_t id, reply_fn *fn, void *context)
{
    unsigned partition = partition_of_subject(reader);
    struct command *command = store_script(store, SCRIPT_mark, 3);

    store_add_log_keys(command, partition);
    command_add_subject_key(command, KEY_MARKERS, reader);
    store_add_log_arguments(store, command, partition);
    command_add_string(command, log_kind_name(marker));
    command_add_text(command, reader);
    command_add_id(command, id);
    return store_client_call(store, command, fn, context);
}

int store_ask_marker(struct store *store, enum log_kind marker, struct text reader, reply_fn *fn, void *context)
{
    struct command *command = command_begin("HGET");

    command_add_subject_key(command, KEY_MARKERS, reader);
    command_add_string(command, log_kind_name(marker));
    return store_client_call(store, command, fn, context);
}
