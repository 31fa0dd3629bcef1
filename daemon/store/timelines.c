/* The store's operations on timelines and for the fan-out. */
#include <errno.h>

#include "store/internal.h"

static void on_nothing(void *context, const struct reply *reply)
{
    (void)context;
    (void)reply;
}

int store_timeline(struct store *store, struct text reader, reply_fn *fn, void *context)
{
    if (!store->ready)
        return -ENOTCONN;
    struct command *command = command_begin("EXPIRE");
    command_add_subject_key(command, KEY_TIMELINE, reader);
    command_add_number(command, store->settings.timeline_idle_ttl_s);
    int error = link_call(store->command, command, on_nothing, NULL);
    if (error < 0)
        return error;
    command = command_begin("LRANGE");
    command_add_subject_key(command, KEY_TIMELINE, reader);
    command_add_number(command, 0);
    command_add_number(command, -1);
    return link_call(store->command, command, fn, context);
}

int store_timeline_exists(struct store *store, struct text reader, reply_fn *fn, void *context)
{
    struct command *command = command_begin("EXISTS");

    command_add_subject_key(command, KEY_TIMELINE, reader);
    return store->ready ? link_call(store->command, command, fn, context) : -ENOTCONN;
}

int store_timeline_merge(struct store *store, struct text reader, const uint64_t *ids, size_t count, reply_fn *fn,
                         void *context)
{
    struct command *command = store_script(store, SCRIPT_timeline_merge, 1);

    command_add_subject_key(command, KEY_TIMELINE, reader);
    command_add_number(command, store->settings.timeline_cap);
    command_add_number(command, store->settings.timeline_slack);
    for (size_t i = 0; i < count; i++)
        command_add_id(command, ids[i]);
    return store->ready ? link_call(store->command, command, fn, context) : -ENOTCONN;
}

int store_timeline_begin(struct store *store, struct text reader, uint64_t nonce, int64_t patience_ms, reply_fn *fn,
                         void *context)
{
    struct command *command = store_script(store, SCRIPT_timeline_begin, 2);

    command_add_subject_key(command, KEY_TIMELINE, reader);
    command_add_subject_key(command, KEY_FOLLOWING, reader);
    command_add_id(command, nonce);
    command_add_number(command, patience_ms);
    command_add_number(command, store->settings.timeline_idle_ttl_s);
    return store->ready ? link_call(store->command, command, fn, context) : -ENOTCONN;
}

int store_timeline_finish(struct store *store, struct text reader, struct text mark, uint64_t floor, const uint64_t *ids,
                          size_t count, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_timeline_finish, 1);

    command_add_subject_key(command, KEY_TIMELINE, reader);
    command_add_text(command, mark);
    command_add_number(command, store->settings.timeline_cap);
    command_add_id(command, floor);
    for (size_t i = 0; i < count; i++)
        command_add_id(command, ids[i]);
    return store->ready ? link_call(store->command, command, fn, context) : -ENOTCONN;
}

int store_profile_ids(struct store *store, struct text subject, uint64_t before, int64_t limit, reply_fn *fn, void *context)
{
    struct command *command = command_begin("ZRANGE");

    command_add_subject_key(command, KEY_PROFILE, subject);
    store_add_newest_first(command, before, 1, limit);
    return store->ready ? link_call(store->command, command, fn, context) : -ENOTCONN;
}

int store_followers_page(struct store *store, struct text author, uint64_t after, uint64_t below, int64_t limit,
                         reply_fn *fn, void *context)
{
    struct command *command = command_begin("ZRANGE");

    command_add_subject_key(command, KEY_FOLLOWERS, author);
    command_add_id(command, after + 1);
    command_add_id(command, below - 1);
    command_add_string(command, "BYSCORE");
    command_add_string(command, "LIMIT");
    command_add_number(command, 0);
    command_add_number(command, limit);
    command_add_string(command, "WITHSCORES");
    return link_call(store->bulk, command, fn, context);
}

int store_push(struct store *store, struct text reader, uint64_t id, reply_fn *fn, void *context)
{
    struct command *command = command_begin("LPUSHX");

    command_add_subject_key(command, KEY_TIMELINE, reader);
    command_add_id(command, id);
    return link_call(store->bulk, command, fn, context);
}

int store_trim(struct store *store, struct text reader, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_timeline_trim, 1);

    command_add_subject_key(command, KEY_TIMELINE, reader);
    command_add_number(command, store->settings.timeline_cap);
    command_add_number(command, store->settings.timeline_slack);
    return link_call(store->bulk, command, fn, context);
}

int store_job_place(struct store *store, uint64_t job, reply_fn *fn, void *context)
{
    struct command *command = command_begin("GET");

    command_add_id_key(command, KEY_JOB, job);
    return link_call(store->bulk, command, fn, context);
}

int store_job_save(struct store *store, uint64_t job, uint64_t place, reply_fn *fn, void *context)
{
    struct command *command = command_begin("SET");

    command_add_id_key(command, KEY_JOB, job);
    command_add_id(command, place);
    return link_call(store->bulk, command, fn, context);
}

int store_job_forget(struct store *store, uint64_t job, reply_fn *fn, void *context)
{
    struct command *command = command_begin("UNLINK");

    command_add_id_key(command, KEY_JOB, job);
    return link_call(store->bulk, command, fn, context);
}
