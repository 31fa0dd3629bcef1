/* The store's operations on what is said about subjects. */
#include <errno.h>

#include "store/internal.h"

int store_describe(struct store *store, const struct store_description *description, reply_fn *fn, void *context)
{
    unsigned partition = partition_of_subject(description->subject);
    struct command *command = store_script(store, SCRIPT_describe, 4);

    store_add_log_keys(command, partition);
    command_add_subject_key(command, KEY_SUBJECT, description->subject);
    command_add_partition_key(command, KEY_WORDS, partition);
    store_add_log_arguments(store, command, partition);
    command_add_text(command, description->subject);
    command_add_text(command, description->record);
    command_add_text(command, description->name);
    for (size_t i = 0; i < description->word_count; i++)
        command_add_text(command, description->words[i]);
    return store->ready ? link_call(store->command, command, fn, context) : -ENOTCONN;
}

int store_described(struct store *store, const struct text *subjects, size_t count, bool name, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_described, (int)count);

    for (size_t i = 0; i < count; i++)
        command_add_subject_key(command, KEY_SUBJECT, subjects[i]);
    command_add_string(command, name ? "name" : "record");
    return store->ready ? link_call(store->command, command, fn, context) : -ENOTCONN;
}

int store_find(struct store *store, unsigned partition, struct text prefix, struct text after, int64_t limit, reply_fn *fn,
               void *context)
{
    struct command *command = store_script(store, SCRIPT_find, 1);

    command_add_partition_key(command, KEY_WORDS, partition);
    if (after.size > 0)
        command_add_joined(command, "(", after, "");
    else
        command_add_joined(command, "[", prefix, "");
    command_add_joined(command, "(", prefix, "\xff"); /* above whatever begins with it: no UTF-8 holds this byte */
    command_add_number(command, limit);
    command_add_id_key_prefix(command, KEY_SUBJECT, partition);
    return store->ready ? link_call(store->command, command, fn, context) : -ENOTCONN;
}
