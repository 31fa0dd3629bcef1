/* See inbox.h. */
#include "store/inbox.h"

#include "store/internal.h"

int store_inbox(struct store *store, struct text subject, uint64_t before, uint64_t after, int64_t limit, reply_fn *fn,
                void *context)
{
    struct command *command = store_script(store, SCRIPT_inbox, 3);

    command_add_subject_key(command, KEY_FOLLOWERS, subject);
    command_add_subject_key(command, KEY_AROUND, subject);
    command_add_subject_key(command, KEY_INBOX, subject);
    if (before == 0)
        command_add_string(command, "+inf");
    else
        command_add_id(command, before - 1);
    command_add_id(command, after + 1);
    command_add_number(command, limit);
    command_add_id_key_prefix(command, KEY_COMMENTS, partition_of_subject(subject));
    return store_client_call(store, command, fn, context);
}

int store_notice(struct store *store, struct text subject, struct text actor, struct text notice, reply_fn *fn, void *context)
{
    unsigned partition = partition_of_subject(subject);
    struct command *command = store_script(store, SCRIPT_notice, 3);

    store_add_log_keys(command, partition);
    command_add_subject_key(command, KEY_INBOX, subject);
    store_add_log_arguments(store, command, partition);
    command_add_text(command, subject);
    command_add_text(command, actor);
    command_add_text(command, notice);
    command_add_number(command, store->settings->inbox_cap);
    return store_client_call(store, command, fn, context);
}

int store_replied(struct store *store, uint64_t share, uint64_t comment, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_replied, 1);

    command_add_id_key(command, KEY_COMMENTS, share);
    command_add_id(command, comment);
    return store_client_call(store, command, fn, context);
}

int store_standing(struct store *store, const struct store_deed *deeds, size_t count, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_standing, (int)count);

    for (size_t i = 0; i < count; i++)
        command_add_id_key(command, deeds[i].comment == 0 ? KEY_SHARE : KEY_COMMENTS, deeds[i].share);
    for (size_t i = 0; i < count; i++)
        command_add_id(command, deeds[i].comment);
    return store_client_call(store, command, fn, context);
}
