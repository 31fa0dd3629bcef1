/* What operators ask of the store: see store.h. On the command link, one command each. */
#include <errno.h>
#include <string.h>

#include "store/internal.h"

bool store_look_at_link(const struct store *store, unsigned number, struct link_look *ret_look)
{
    const struct link *const links[] = {store->command, store->bulk, store->tail, store->jobs};

    if (number >= sizeof(links) / sizeof(links[0]))
        return false;
    link_look(links[number], ret_look);
    return true;
}

int store_ask_info(struct store *store, reply_fn *fn, void *context)
{
    static const char *const sections[] = {"server", "clients", "memory", "persistence", "replication", "stats"};
    struct command *command = command_begin("INFO");

    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
        command_add_string(command, sections[i]);
    return link_call(store->command, command, fn, context);
}

static int ask(struct store *store, struct command *command, reply_fn *fn, void *context)
{
    return store->ready ? link_call(store->command, command, fn, context) : -ENOTCONN;
}

int store_ask_subject(struct store *store, struct text subject, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_look_subject, 4);

    command_add_subject_key(command, KEY_FOLLOWERS, subject);
    command_add_subject_key(command, KEY_FOLLOWING, subject);
    command_add_subject_key(command, KEY_PROFILE, subject);
    command_add_subject_key(command, KEY_TIMELINE, subject);
    return ask(store, command, fn, context);
}

int store_ask_share(struct store *store, uint64_t id, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_look_share, 4);
    char position[STREAM_ID_BYTES];

    stream_id_of(id, position);
    command_add_partition_key(command, KEY_LOG, partition_of_id(id));
    command_add_id_key(command, KEY_SHARE, id);
    command_add_id_key(command, KEY_JOB, id);
    command_add_partition_key(command, KEY_PARKED, partition_of_id(id));
    command_add_string(command, position);
    command_add_id(command, id);
    return ask(store, command, fn, context);
}

int store_ask_parked(struct store *store, unsigned partition, int64_t limit, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_look_parked, 1);

    command_add_partition_key(command, KEY_PARKED, partition);
    command_add_number(command, limit);
    return ask(store, command, fn, context);
}
