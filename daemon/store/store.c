/* See store.h: the links, and the operations that are one command each. */
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "store/internal.h"
#include "store/seen.h"

#define VERSION_TTL_MS (24 * 3600 * 1000LL)
#define SETTLE_AGAIN_MS 1000

static void on_link_up(void *context, struct link *link)
{
    struct store *store = context;

    store_measure_links(store);
    if (link != store->command)
        link_settled(link);
    if (link == store->command)
        store_open(store);
    else if (strcmp(link_run_id(link), store->run_id) != 0)
        link_restart(store->command); /* another Redis than the one that was opened */
    else if (link == store->bulk)
        store->handlers->on_bulk_up(store->context);
    else if (link == store->tail)
        store->handlers->on_tail_up(store->context);
    else
        store->handlers->on_jobs_up(store->context);
}

static void on_link_down(void *context, struct link *link)
{
    struct store *store = context;

    store_measure_links(store);
    if (link != store->command)
        return;
    /* The others wait until it is known which store is there. */
    link_stop(store->bulk);
    link_stop(store->tail);
    link_stop(store->jobs);
    store->loading = false;
    if (store->ready) {
        store->ready = false;
        store->handlers->on_away(store->context);
    }
}

static void on_link_stall(void *context, struct link *link)
{
    struct store *store = context;

    store_measure_links(store);
    if (link == store->command && store->ready)
        store->handlers->on_stall(store->context);
}

static void reopen(struct store *store)
{
    link_restart(store->command);
}

/* What is done about errors, on whatever link they come. */
static const struct {
    const char *code;
    void (*react)(struct store *store);
} reactions[] = {
    {"NOSCRIPT", store_reload_scripts},
    {"GHOST", reopen},     /* somebody else uses our name, or the store was put back */
    {"READONLY", reopen},  /* a replica: the data may become somebody else's, and the master may be elsewhere by now */
    {"UNBLOCKED", reopen}, /* it has just become one, or the log was deleted */
    {"NOGROUP", reopen},   /* the log was deleted */
    {"LOADING", store_note_loading},
};

static void on_link_error(void *context, struct link *link, const struct reply *reply)
{
    struct store *store = context;
    bool is_loading = reply_is_loading(reply);
    enum log_level level = is_loading ? LOG_LEVEL_INFO : reply_error(reply) == -EAGAIN ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR;

    metrics.redis_errors += !is_loading;
    store->refused_ms = clock_now_ms();
    store->refusal = reply_kind(reply);
    log_limited(&store->complaints[reply_kind(reply)], level, is_loading ? "redis-loading" : "redis-error",
                "link=%s reason=%s advice=%s", link_name(link), log_quote(reply_message(reply)), log_quote(reply_advice(reply)));
    for (size_t i = 0; i < sizeof(reactions) / sizeof(reactions[0]); i++)
        if (reply_has_code(reply, reactions[i].code))
            reactions[i].react(store);
}

void store_note_error(struct store *store, const struct reply *reply)
{
    on_link_error(store, store->command, reply);
}

static const struct link_handlers link_handlers = {on_link_up, on_link_down, on_link_stall, on_link_error};

struct store *store_new(struct event_base *base, const struct store_settings *settings, const struct store_handlers *handlers,
                        void *context)
{
    struct store *store = calloc(1, sizeof(*store));

    if (!store)
        return NULL;
    store_name_metrics();
    store->settings = settings;
    store->handlers = handlers;
    store->context = context;
    keys_init(settings->partitions);
    const struct redis_address *address = &settings->address;
    store->command = link_new(base, "commands", address, &settings->times, false, &link_handlers, store);
    store->bulk = link_new(base, "bulk", address, &settings->times, false, &link_handlers, store);
    store->tail = link_new(base, "tail", address, &settings->times, true, &link_handlers, store);
    store->jobs = link_new(base, "jobs", address, &settings->times, true, &link_handlers, store);
    if (!store->command || !store->bulk || !store->tail || !store->jobs) {
        store_free(store);
        return NULL;
    }
    return store;
}

void store_free(struct store *store)
{
    if (!store)
        return;
    link_free(store->command); /* first: as it goes down it stops the others */
    link_free(store->jobs);
    link_free(store->tail);
    link_free(store->bulk);
    free(store);
}

void store_start(struct store *store)
{
    link_start(store->command);
}

void store_stop(struct store *store)
{
    link_stop(store->jobs);
    link_stop(store->tail);
    link_stop(store->bulk);
    link_stop(store->command);
}

void store_stop_jobs(struct store *store)
{
    store->jobs_stopped = true;
    link_stop(store->jobs);
}

/* A step at the end of the store or of a waiting, for every partition. Returns how many were asked. */
static unsigned ask_partitions(struct store *store, enum script script, int keys, reply_fn *fn)
{
    unsigned asked = 0;

    for (unsigned partition = 0; store->ready && partition < store->settings->partitions; partition++) {
        struct command *command = store_script(store, script, keys);

        command_add_partition_key(command, KEY_META, partition);
        if (keys > 1) {
            command_add_partition_key(command, KEY_LOG, partition);
            command_add_partition_key(command, KEY_DELETIONS, partition);
        }
        store_add_log_arguments(store, command, partition);
        asked += link_call(store->command, command, fn, store) == 0;
    }
    return asked;
}

static void on_left(void *context, const struct reply *reply)
{
    struct store *store = context;

    (void)reply;
    store->leaves_asked--;
}

void store_leave(struct store *store)
{
    store->leaves_asked = ask_partitions(store, SCRIPT_leave, 1, on_left);
}

bool store_has_left(const struct store *store)
{
    return store->leaves_asked == 0;
}

static void on_settled(void *context, const struct reply *reply)
{
    struct store *store = context;
    struct text owed = reply_text(reply);

    if (reply_error(reply) < 0)
        store->settle_at_ms = clock_now_ms() + SETTLE_AGAIN_MS;
    else if (owed.size > 0)
        log_warning("unvouched", "daemons=%.*s reason=%s", (int)owed.size, owed.data,
                    log_quote("they did not come back after the restart of Redis: clients get a Gap"));
}

void store_settle(struct store *store, int64_t now_ms)
{
    if (store->settle_at_ms == 0 || now_ms < store->settle_at_ms || !store_is_ready(store))
        return;
    store->settle_at_ms = 0;
    ask_partitions(store, SCRIPT_settle, 3, on_settled);
}

bool store_is_ready(const struct store *store)
{
    return store->ready && link_is_up(store->command);
}

bool store_bulk_is_up(const struct store *store)
{
    return link_is_up(store->bulk);
}

bool store_tail_is_up(const struct store *store)
{
    return link_is_up(store->tail);
}

bool store_jobs_is_up(const struct store *store)
{
    return link_is_up(store->jobs);
}

unsigned store_partitions(const struct store *store)
{
    return store->settings->partitions;
}

uint64_t store_epoch(const struct store *store)
{
    return store->epoch;
}

uint64_t store_last_id(const struct store *store, unsigned partition)
{
    return store->partitions[partition].last_id;
}

uint32_t store_mark(const struct store *store, unsigned partition)
{
    return store->partitions[partition].mark;
}

bool store_run_end(const struct store *store, unsigned partition, uint32_t mark, uint64_t *ret_last)
{
    const struct partition *known = &store->partitions[partition];

    if (mark == known->mark) {
        *ret_last = UINT64_MAX;
        return true;
    }
    for (unsigned i = 0; i < known->run_count; i++)
        if (known->runs[i].mark == mark) {
            *ret_last = known->runs[i].last;
            return true;
        }
    return false;
}

void store_saw(struct store *store, uint64_t id)
{
    seen_add(store->settings->seen, id);
}

struct command *store_script(struct store *store, enum script script, int keys)
{
    struct command *command = command_begin("EVALSHA");

    command_set_kind(command, COMMAND_KINDS + (unsigned)script);
    command_add(command, store->sha[script], 40);
    command_add_number(command, keys);
    return command;
}

void store_add_log_keys(struct command *command, unsigned partition)
{
    command_add_partition_key(command, KEY_META, partition);
    command_add_partition_key(command, KEY_LOG, partition);
}

void store_add_log_arguments(struct store *store, struct command *command, unsigned partition)
{
    command_add_string(command, store->settings->daemon_id);
    command_add_id(command, store->partitions[partition].generation);
    command_add_number(command, partition);
}

void store_turn(struct store *store)
{
    struct link *const links[] = {store->command, store->bulk, store->tail, store->jobs};

    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
        link_flush(links[i]);
}

int store_client_call(struct store *store, struct command *command, reply_fn *fn, void *context)
{
    return store->ready ? link_call(store->command, command, fn, context) : -ENOTCONN;
}

int store_follows(struct store *store, const struct store_follow *follows, size_t count, reply_fn *fn, void *context)
{
    unsigned partition = partition_of_subject(follows[0].reader);
    struct command *command = store_script(store, SCRIPT_follow, 2 + 4 * (int)count);

    store_add_log_keys(command, partition);
    for (size_t i = 0; i < count; i++) {
        command_add_subject_key(command, KEY_FOLLOWING, follows[i].reader);
        command_add_subject_key(command, KEY_BLOCKED, follows[i].reader);
        command_add_subject_key(command, KEY_BLOCKERS, follows[i].reader);
        command_add_subject_key(command, KEY_KEPT, follows[i].reader);
    }
    store_add_log_arguments(store, command, partition);
    command_add_number(command, store->settings->max_following);
    for (size_t i = 0; i < count; i++) {
        command_add_string(command, follows[i].follow ? "follow" : "unfollow");
        command_add_text(command, follows[i].reader);
        command_add_text(command, follows[i].subject);
        command_add_id(command, follows[i].kept);
    }
    return store_client_call(store, command, fn, context);
}

int store_edges(struct store *store, const struct store_follow *edges, size_t count, reply_fn *fn, void *context)
{
    unsigned partition = partition_of_subject(edges[0].subject);
    struct command *command = store_script(store, SCRIPT_edge, 2 + 2 * (int)count);

    store_add_log_keys(command, partition);
    for (size_t i = 0; i < count; i++) {
        command_add_subject_key(command, KEY_FOLLOWERS, edges[i].subject);
        command_add_subject_key(command, KEY_VERSIONS, edges[i].subject);
    }
    store_add_log_arguments(store, command, partition);
    command_add_number(command, VERSION_TTL_MS);
    store_add_popular_prefix(command, POPULAR_SUBJECTS, partition);
    for (size_t i = 0; i < count; i++) {
        command_add_string(command, edges[i].follow ? "follow" : edges[i].repeated ? "gone" : "unfollow");
        command_add_text(command, edges[i].reader);
        command_add_text(command, edges[i].subject);
        command_add_id(command, edges[i].version);
        command_add_id(command, edges[i].kept);
    }
    return store_client_call(store, command, fn, context);
}

int store_reader_load(struct store *store, struct text reader, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_reader_load, 6);

    command_add_partition_key(command, KEY_META, partition_of_subject(reader));
    command_add_subject_key(command, KEY_FOLLOWING, reader);
    command_add_subject_key(command, KEY_MUTED, reader);
    command_add_subject_key(command, KEY_BLOCKED, reader);
    command_add_subject_key(command, KEY_BLOCKERS, reader);
    command_add_subject_key(command, KEY_KEPT, reader);
    return store_client_call(store, command, fn, context);
}

int store_following_id(struct store *store, struct text reader, struct text subject, reply_fn *fn, void *context)
{
    struct command *command = command_begin("ZSCORE");

    command_add_subject_key(command, KEY_FOLLOWING, reader);
    command_add_text(command, subject);
    return store_client_call(store, command, fn, context);
}

void store_add_newest_first(struct command *command, uint64_t before, uint64_t lowest, int64_t limit)
{
    if (before == 0) {
        command_add_string(command, "+inf");
    } else {
        command_add_id(command, before - 1);
    }
    command_add_id(command, lowest);
    command_add_string(command, "BYSCORE");
    command_add_string(command, "REV");
    command_add_string(command, "LIMIT");
    command_add_number(command, 0);
    command_add_number(command, limit);
}

int store_shares(struct store *store, enum key_kind kind, struct text name, uint64_t before, int64_t limit, reply_fn *fn,
                 void *context)
{
    struct command *command = command_begin("ZRANGE");

    command_add_subject_key(command, kind, name);
    store_add_newest_first(command, before, 0, limit);
    command_add_string(command, "WITHSCORES");
    return store_client_call(store, command, fn, context);
}

int store_names(struct store *store, enum key_kind kind, struct text subject, uint64_t before, int64_t limit, reply_fn *fn,
                void *context)
{
    struct command *command = store_script(store, SCRIPT_names, 1);

    command_add_subject_key(command, kind, subject);
    if (before == 0)
        command_add_string(command, "+inf");
    else
        command_add_id(command, before - 1);
    command_add_number(command, limit);
    return store_client_call(store, command, fn, context);
}

int store_bodies(struct store *store, const uint64_t *ids, size_t count, reply_fn *fn, void *context)
{
    struct command *command = command_begin("MGET");

    for (size_t i = 0; i < count; i++)
        command_add_id_key(command, KEY_SHARE, ids[i]);
    for (size_t i = 0; i < count; i++)
        command_add_id_key(command, KEY_COUNTS, ids[i]);
    return store_client_call(store, command, fn, context);
}

int store_deletions(struct store *store, unsigned partition, uint64_t after, uint64_t until, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_deletions, 2);

    command_add_partition_key(command, KEY_META, partition);
    command_add_partition_key(command, KEY_DELETIONS, partition);
    command_add_id(command, after + 1);
    command_add_id(command, until);
    command_add_number(command, DELETIONS_PAGE);
    return store_client_call(store, command, fn, context);
}

int store_ask_last_id(struct store *store, unsigned partition, reply_fn *fn, void *context)
{
    struct command *command = command_begin("HGET");

    command_add_partition_key(command, KEY_META, partition);
    command_add_string(command, "last");
    return store_client_call(store, command, fn, context);
}
