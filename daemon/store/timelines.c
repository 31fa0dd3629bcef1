/* The store's operations on timelines and for the fan-out. */
#include <errno.h>
#include <stdlib.h>

#include "store/internal.h"

int store_timeline(struct store *store, struct text reader, bool renew, reply_fn *fn, void *context)
{
    if (!store->ready)
        return -ENOTCONN;
    if (renew) {
        struct command *expire = command_begin("EXPIRE");

        command_add_subject_key(expire, KEY_TIMELINE, reader);
        command_add_number(expire, store->settings->timeline_idle_ttl_s);
        int error = link_call(store->command, expire, reply_ignore, NULL);
        if (error < 0)
            return error;
    }
    struct command *command = command_begin("LRANGE");
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
    command_add_number(command, store->settings->timeline_cap);
    command_add_number(command, store->settings->timeline_slack);
    for (size_t i = 0; i < count; i++)
        command_add_id(command, ids[i]);
    return store->ready ? link_call(store->command, command, fn, context) : -ENOTCONN;
}

int store_timeline_begin(struct store *store, struct text reader, uint64_t nonce, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_timeline_begin, 3);

    command_add_subject_key(command, KEY_TIMELINE, reader);
    command_add_subject_key(command, KEY_FOLLOWING, reader);
    command_add_subject_key(command, KEY_KEPT, reader);
    command_add_id(command, nonce);
    command_add_number(command, BUILDER_PATIENCE_MS);
    command_add_number(command, store->settings->timeline_idle_ttl_s);
    return store->ready ? link_call(store->command, command, fn, context) : -ENOTCONN;
}

int store_timeline_finish(struct store *store, struct text reader, struct text mark, uint64_t floor, const uint64_t *ids,
                          size_t count, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_timeline_finish, 1);

    command_add_subject_key(command, KEY_TIMELINE, reader);
    command_add_text(command, mark);
    command_add_number(command, store->settings->timeline_cap);
    command_add_id(command, floor);
    for (size_t i = 0; i < count; i++)
        command_add_id(command, ids[i]);
    return store->ready ? link_call(store->command, command, fn, context) : -ENOTCONN;
}

int store_timeline_abandon(struct store *store, struct text reader, struct text mark, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_timeline_abandon, 1);

    command_add_subject_key(command, KEY_TIMELINE, reader);
    command_add_text(command, mark);
    return store->ready ? link_call(store->command, command, fn, context) : -ENOTCONN;
}

int store_timeline_unfollow(struct store *store, struct text reader, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_timeline_unfollow, 1);

    command_add_subject_key(command, KEY_TIMELINE, reader);
    return store->ready ? link_call(store->command, command, fn, context) : -ENOTCONN;
}

int store_timeline_drop(struct store *store, struct text reader, reply_fn *fn, void *context)
{
    struct command *command = command_begin("UNLINK");

    command_add_subject_key(command, KEY_TIMELINE, reader);
    return store->ready ? link_call(store->command, command, fn, context) : -ENOTCONN;
}

int store_profile_ids(struct store *store, struct text subject, uint64_t before, uint64_t lowest, int64_t limit, reply_fn *fn,
                      void *context)
{
    struct command *command = command_begin("ZRANGE");

    command_add_subject_key(command, KEY_PROFILE, subject);
    store_add_newest_first(command, before, lowest, limit);
    return store->ready ? link_call(store->command, command, fn, context) : -ENOTCONN;
}

int store_bigs(struct store *store, unsigned partition, reply_fn *fn, void *context)
{
    struct command *command = command_begin("ZRANGE");

    command_add_partition_key(command, KEY_BIG, partition);
    command_add_number(command, 0);
    command_add_number(command, -1);
    command_add_string(command, "WITHSCORES");
    return store->ready ? link_call(store->command, command, fn, context) : -ENOTCONN;
}

/* A page of followers that is being read. Where it ends is asked for before its names, and not with them: Redis writes scores
 * ten times as slowly as names. Both travel together, so little comes between; and whatever does, every follower up to that
 * edge is among the names: an edge that goes makes room for later ones, one that comes is later than all. */
struct page_call {
    reply_fn *fn;
    void *context;
    uint64_t *ret_last;
    bool failed;    /* the end is not known */
    bool abandoned; /* the names were not asked for */
};

static void on_page_end(void *context, const struct reply *reply)
{
    struct page_call *call = context;

    if (call->abandoned) {
        free(call);
        return;
    }
    call->failed = reply_error(reply) < 0;
    *call->ret_last = reply_count(reply) == 2 ? reply_id(reply_at(reply, 1)) : 0;
}

static void on_page_names(void *context, const struct reply *reply)
{
    struct page_call call = *(struct page_call *)context;

    free(context);
    call.fn(call.context, call.failed && reply_error(reply) == 0 ? NULL : reply);
}

static struct command *begin_page(struct text author, uint64_t after, uint64_t below, int64_t skip, int64_t limit)
{
    struct command *command = command_begin("ZRANGE");

    command_add_subject_key(command, KEY_FOLLOWERS, author);
    command_add_id(command, after + 1);
    command_add_id(command, below - 1);
    command_add_string(command, "BYSCORE");
    command_add_string(command, "LIMIT");
    command_add_number(command, skip);
    command_add_number(command, limit);
    return command;
}

int store_followers_page(struct store *store, struct text author, uint64_t after, uint64_t below, int64_t limit,
                         uint64_t *ret_last, reply_fn *fn, void *context)
{
    struct page_call *call;
    int error;

    if (!ret_last)
        return link_call(store->bulk, begin_page(author, after, below, 0, limit), fn, context);
    call = malloc(sizeof(*call));
    if (!call)
        return -ENOMEM;
    *call = (struct page_call){.fn = fn, .context = context, .ret_last = ret_last};
    struct command *end = begin_page(author, after, below, limit - 1, 1);
    command_add_string(end, "WITHSCORES");
    error = link_call(store->bulk, end, on_page_end, call);
    if (error < 0) {
        free(call);
        return error;
    }
    error = link_call(store->bulk, begin_page(author, after, below, 0, limit), on_page_names, call);
    call->abandoned = error < 0;
    return error;
}

int store_push(struct store *store, struct text reader, const uint64_t *ids, size_t count, reply_fn *fn, void *context)
{
    struct command *command = command_begin("LPUSHX");

    command_add_subject_key(command, KEY_TIMELINE, reader);
    for (size_t i = 0; i < count; i++)
        command_add_id(command, ids[i]);
    return link_call(store->bulk, command, fn, context);
}

void store_pushed_add(struct store_pushed *pushed, const uint64_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pushed->disordered = pushed->disordered || ids[i] <= pushed->last;
        if (pushed->count++ == 0 || ids[i] < pushed->lowest)
            pushed->lowest = ids[i];
        pushed->last = ids[i];
    }
}

int store_trim(struct store *store, struct text reader, const struct store_pushed *pushed, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_timeline_trim, 1);

    command_add_subject_key(command, KEY_TIMELINE, reader);
    command_add_number(command, store->settings->timeline_cap);
    command_add_number(command, store->settings->timeline_slack);
    command_add_number(command, BUILDER_PATIENCE_MS);
    command_add_id(command, pushed->mark);
    command_add_id(command, pushed->count);
    command_add_id(command, pushed->lowest);
    command_add_id(command, pushed->last);
    command_add_number(command, !pushed->disordered);
    return link_call(store->bulk, command, fn, context);
}
