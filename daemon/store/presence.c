/* The store's operations on presence: what daemons tell each other about who is connected to them. */
#include <stdio.h>

#include "store/internal.h"
#include "store/presence.h"

#define ASKED_MAX 1000        /* subjects of a partition that are reported on at a time */
#define REPORTED_FOR_MS 30000 /* after a subject was asked for last */

int store_presence_ask(struct store *store, struct text subject, reply_fn *fn, void *context)
{
    unsigned partition = partition_of_subject(subject);
    struct command *command = store_script(store, SCRIPT_presence_ask, 3);

    command_add_partition_key(command, KEY_META, partition);
    command_add_partition_key(command, KEY_ASKED, partition);
    command_add_subject_key(command, KEY_PRESENCE, subject);
    command_add_string(command, store->settings->daemon_id);
    command_add_text(command, subject);
    command_add_number(command, REPORTED_FOR_MS);
    command_add_number(command, PRESENCE_STALE_MS);
    command_add_number(command, PRESENCE_INTERVAL_MS * 3 / 2);
    return store_client_call(store, command, fn, context);
}

int store_presence_asked(struct store *store, unsigned partition, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_presence_asked, 1);

    command_add_partition_key(command, KEY_ASKED, partition);
    command_add_number(command, REPORTED_FOR_MS);
    command_add_number(command, ASKED_MAX);
    return store_client_call(store, command, fn, context);
}

int store_presence_report(struct store *store, const struct store_presence *reports, size_t count, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_presence_report, (int)count);

    for (size_t i = 0; i < count; i++)
        command_add_subject_key(command, KEY_PRESENCE, reports[i].subject);
    command_add_string(command, store->settings->daemon_id);
    for (size_t i = 0; i < count; i++) {
        char numbers[48];

        snprintf(numbers, sizeof(numbers), "%u %u %u", reports[i].watching, reports[i].listening, reports[i].home);
        command_add_string(command, numbers);
    }
    return store_client_call(store, command, fn, context);
}

struct store_presence store_read_presence(struct text text)
{
    struct store_presence presence = {0};
    char numbers[48];

    snprintf(numbers, sizeof(numbers), "%.*s", (int)text.size, text.data);
    if (sscanf(numbers, "%u %u %u", &presence.watching, &presence.listening, &presence.home) != 3)
        return (struct store_presence){0};
    return presence;
}
