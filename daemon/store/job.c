/* See log.h: one entry that was dealt to this daemon, and what is kept beside it. The scripts look first whether it still is
 * this daemon's: while the daemon stood still another one may have claimed it. */
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/clock.h"
#include "store/internal.h"
#include "store/log.h"

/* This life of the daemon, as opposed to those before and after. */
static const char *this_life(void)
{
    static char life[17];
    uint64_t number;

    if (life[0] == '\0') {
        if (getrandom(&number, sizeof(number), 0) != sizeof(number))
            number = (uint64_t)clock_wall_ms();
        snprintf(life, sizeof(life), "%016" PRIx64, number);
    }
    return life;
}

/* Which entry: behind the keys, what each of these scripts needs first. */
static void add_entry(struct store *store, struct command *command, uint64_t id)
{
    char position[STREAM_ID_BYTES];

    stream_id_of(id, position);
    command_add_string(command, store->settings->daemon_id);
    command_add_string(command, position);
}

int store_jobs_renew(struct store *store, unsigned partition, const uint64_t *ids, size_t count, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_renew, 1);

    command_add_partition_key(command, KEY_LOG, partition);
    command_add_string(command, store->settings->daemon_id);
    for (size_t i = 0; i < count; i++) {
        char position[STREAM_ID_BYTES];

        stream_id_of(ids[i], position);
        command_add_string(command, position);
    }
    return link_call(store->bulk, command, fn, context);
}

int store_job_take(struct store *store, uint64_t id, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_job_take, 3);

    command_add_partition_key(command, KEY_LOG, partition_of_id(id));
    command_add_partition_key(command, KEY_TRIES, partition_of_id(id));
    command_add_id_key(command, KEY_JOB, id);
    add_entry(store, command, id);
    command_add_id(command, id);
    command_add_string(command, this_life());
    return link_call(store->bulk, command, fn, context);
}

int store_job_hand_back(struct store *store, uint64_t id, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_job_hand_back, 1);

    command_add_partition_key(command, KEY_TRIES, partition_of_id(id));
    command_add_id(command, id);
    command_add_string(command, this_life());
    return link_call(store->bulk, command, fn, context);
}

static struct command *begin_save(struct store *store, uint64_t id)
{
    struct command *command = store_script(store, SCRIPT_job_save, 3);

    command_add_partition_key(command, KEY_LOG, partition_of_id(id));
    command_add_id_key(command, KEY_JOB, id);
    command_add_partition_key(command, KEY_TRIES, partition_of_id(id));
    add_entry(store, command, id);
    command_add_id(command, id);
    return command;
}

int store_job_save(struct store *store, uint64_t id, uint64_t place, reply_fn *fn, void *context)
{
    struct command *command = begin_save(store, id);

    command_add_id(command, place);
    return link_call(store->bulk, command, fn, context);
}

int store_job_forget(struct store *store, uint64_t id, reply_fn *fn, void *context)
{
    struct command *command = begin_save(store, id);

    command_add_string(command, "");
    return link_call(store->bulk, command, fn, context);
}

int store_job_park(struct store *store, const struct store_parked *parked, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_job_park, 3);

    command_add_partition_key(command, KEY_LOG, partition_of_id(parked->id));
    command_add_partition_key(command, KEY_TRIES, partition_of_id(parked->id));
    command_add_partition_key(command, KEY_PARKED, partition_of_id(parked->id));
    add_entry(store, command, parked->id);
    command_add_id(command, parked->id);
    command_add_string(command, log_kind_name(parked->kind));
    command_add_text(command, parked->subject);
    command_add_text(command, parked->reader);
    command_add_number(command, parked->tries);
    command_add_string(command, parked->reason);
    return link_call(store->bulk, command, fn, context);
}

int store_jobs_unpark(struct store *store, unsigned partition, int64_t after_ms, int64_t tries, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_job_unpark, 4);

    store_add_log_keys(command, partition);
    command_add_partition_key(command, KEY_TRIES, partition);
    command_add_partition_key(command, KEY_PARKED, partition);
    store_add_log_arguments(store, command, partition);
    command_add_number(command, after_ms);
    command_add_number(command, tries);
    return link_call(store->bulk, command, fn, context);
}
