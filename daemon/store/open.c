/* Opening the store on a fresh command link: is this Redis fit, are the scripts there, is this our kind of store? */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "lua_scripts.h"
#include "store/internal.h"
#include "store/seen.h"

#define READING_SHOWS_MS 5000 /* a link tries again more often than that */

static const char *const script_text[] = {
#define SCRIPT(name) [SCRIPT_##name] = lua_##name,
    SCRIPTS(SCRIPT)
#undef SCRIPT
};

/* Tries again later: somebody may mend it. */
static void refuse(struct store *store, const char *explanation)
{
    log_limited(&store->openings, LOG_LEVEL_ERROR, "store-refused", "reason=%s", log_quote(explanation));
    store->handlers->on_refused(store->context, explanation);
    link_restart(store->command);
}

/* An answer that is neither an error nor a lost link; a lost link opens the store again by itself. */
static bool answered(struct store *store, const struct reply *reply)
{
    if (reply_error(reply) == 0)
        return true;
    if (reply && !reply_is_loading(reply)) /* of that is told already */
        log_limited(&store->openings, LOG_LEVEL_ERROR, "store-not-opened", "reason=%s advice=%s",
                    log_quote(reply_message(reply)), log_quote(reply_advice(reply)));
    if (reply)
        link_restart(store->command);
    return false;
}

static void open_partition(struct store *store);

/* `mark:id mark:id …` */
static void read_runs(struct partition *partition, struct text text)
{
    const char *at = text.data, *end = text.data + text.size;

    partition->run_count = 0;
    while (at < end && partition->run_count < RUNS_MAX) {
        char *colon, *space;
        struct run run = {.mark = (uint32_t)strtoul(at, &colon, 10)};

        if (*colon != ':')
            return;
        run.last = strtoull(colon + 1, &space, 10);
        partition->runs[partition->run_count++] = run;
        at = space + 1;
    }
}

/* [generation, last id, mark, runs, what is left of what was seen, who is owed] */
static void on_opened(void *context, const struct reply *reply)
{
    struct store *store = context;
    struct partition *partition = &store->partitions[store->opening];

    if (!answered(store, reply))
        return;
    partition->generation = reply_id(reply_at(reply, 0));
    partition->last_id = reply_id(reply_at(reply, 1));
    partition->mark = (uint32_t)reply_id(reply_at(reply, 2));
    read_runs(partition, reply_text(reply_at(reply, 3)));
    if (reply_text(reply_at(reply, 4)).size > 0)
        log_error("store-lost-data", "partition=%u seen=%" PRIu64 " found=%" PRIu64 " advice=%s", store->opening,
                  seen_id(store->settings->seen, store->opening), reply_id(reply_at(reply, 4)),
                  log_quote("clients are told what cannot be vouched for; see appendfsync in redis.conf"));
    partition->owed = reply_text(reply_at(reply, 5)).size > 0;
    if (partition->owed && store->settle_at_ms == 0)
        store->settle_at_ms = clock_now_ms() + store->settings->vouch_patience_ms;
    seen_begin(store->settings->seen, store->opening, partition->mark, partition->last_id);
    store->opening++;
    open_partition(store);
}

/* A mark that no run had before. */
static uint32_t new_mark(void)
{
    uint32_t mark = 0;

    while (mark == 0)
        if (getrandom(&mark, sizeof(mark), 0) != sizeof(mark))
            mark = (uint32_t)clock_wall_ms();
    return mark;
}

static void open_partition(struct store *store)
{
    unsigned partition = store->opening;

    if (partition == store->settings->partitions) {
        store->ready = true;
        store->refusal = 0;
        link_settled(store->command);
        store->handlers->on_ready(store->context);
        link_start(store->bulk);
        link_start(store->tail);
        if (!store->jobs_stopped)
            link_start(store->jobs);
        return;
    }
    const struct seen *seen = store->settings->seen;
    struct command *command = store_script(store, SCRIPT_open, 3);
    store_add_log_keys(command, partition);
    command_add_partition_key(command, KEY_DELETIONS, partition);
    command_add_string(command, store->settings->daemon_id);
    command_add_string(command, "");
    command_add_number(command, partition);
    command_add_string(command, store->run_id);
    command_add_number(command, new_mark());
    command_add_number(command, seen_mark(seen, partition));
    command_add_id(command, seen_id(seen, partition));
    command_add_number(command, seen_is_certain(seen, partition));
    if (link_call(store->command, command, on_opened, store) < 0)
        link_restart(store->command);
}

static void on_identified(void *context, const struct reply *reply)
{
    struct store *store = context;
    char explanation[256];

    if (!answered(store, reply))
        return;
    struct text epoch = reply_text(reply_at(reply, 0)), schema = reply_text(reply_at(reply, 1));
    uint64_t partitions = reply_id(reply_at(reply, 2));
    if (schema.size != strlen(STORE_SCHEMA) || memcmp(schema.data, STORE_SCHEMA, schema.size) != 0) {
        snprintf(explanation, sizeof(explanation),
                 "the store has schema version %.*s, this feedd works with version " STORE_SCHEMA
                 ": use the feedd that made it, or another database",
                 (int)schema.size, schema.data);
        refuse(store, explanation);
        return;
    }
    if (partitions != store->settings->partitions) {
        snprintf(explanation, sizeof(explanation),
                 "the store was created with %" PRIu64 " partitions: set store.partitions = %" PRIu64
                 ", or use another database",
                 partitions, partitions);
        refuse(store, explanation);
        return;
    }
    char digits[24];
    snprintf(digits, sizeof(digits), "%.*s", (int)epoch.size, epoch.data);
    store->epoch = strtoull(digits, NULL, 16);
    seen_set_epoch(store->settings->seen, store->epoch);
    store->opening = 0;
    store->settle_at_ms = 0;
    open_partition(store);
}

static void identify(struct store *store)
{
    struct command *command = store_script(store, SCRIPT_identify, 1);
    char epoch[24];
    uint64_t number;

    if (getrandom(&number, sizeof(number), 0) != sizeof(number))
        number = (uint64_t)clock_wall_ms();
    snprintf(epoch, sizeof(epoch), "%016" PRIx64, number);
    command_add_string(command, STORE_KEY);
    command_add_string(command, epoch);
    command_add_string(command, STORE_SCHEMA);
    command_add_number(command, store->settings->partitions);
    if (link_call(store->command, command, on_identified, store) < 0)
        link_restart(store->command);
}

/* One of these per script, to know which answer belongs to which. */
struct script_load {
    struct store *store;
    enum script script;
    bool open_next;
};

static void on_script_loaded(void *context, const struct reply *reply)
{
    struct script_load load = *(struct script_load *)context;

    free(context);
    if (!answered(load.store, reply))
        return;
    struct text sha = reply_text(reply);
    snprintf(load.store->sha[load.script], sizeof(load.store->sha[0]), "%.*s", (int)sha.size, sha.data);
    load.store->loading = load.script + 1 < SCRIPT_COUNT;
    if (load.open_next)
        identify(load.store);
}

static void load_scripts(struct store *store, bool then_open)
{
    store->loading = true;
    for (int script = 0; script < SCRIPT_COUNT; script++) {
        struct script_load *load = malloc(sizeof(*load));
        struct command *command = command_begin("SCRIPT");

        command_add_string(command, "LOAD");
        command_add_string(command, script_text[script]);
        if (load)
            *load = (struct script_load){store, (enum script)script, then_open && script == SCRIPT_COUNT - 1};
        if (!load || link_call(store->command, command, on_script_loaded, load) < 0) {
            free(load);
            link_restart(store->command);
            return;
        }
    }
}

void store_reload_scripts(struct store *store)
{
    if (store->ready && !store->loading) /* opening loads them anyway */
        load_scripts(store, false);
}

/* The value of `name:` in the text of INFO. */
static struct text info_value(struct text info, const char *name)
{
    const char *line = info.data, *end = info.data + info.size;
    size_t name_size = strlen(name);

    while (line < end) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        size_t size = next ? (size_t)(next - line) : (size_t)(end - line);

        if (size > name_size && memcmp(line, name, name_size) == 0 && line[name_size] == ':') {
            size -= name_size + 1;
            while (size > 0 && line[name_size + size] == '\r')
                size--;
            return (struct text){line + name_size + 1, size};
        }
        line += size + 1;
    }
    return (struct text){"", 0};
}

static void on_info(void *context, const struct reply *reply)
{
    struct store *store = context;
    char explanation[256];

    if (!answered(store, reply))
        return;
    struct text version = info_value(reply_text(reply), "redis_version");
    struct text policy = info_value(reply_text(reply), "maxmemory_policy");
    if (atoi(version.size ? version.data : "0") < 7) {
        snprintf(explanation, sizeof(explanation), "Redis %.*s is too old: feedd needs version 7.0 or newer", (int)version.size,
                 version.data);
        refuse(store, explanation);
        return;
    }
    if (policy.size != strlen("noeviction") || memcmp(policy.data, "noeviction", policy.size) != 0) {
        snprintf(explanation, sizeof(explanation),
                 "this Redis may evict keys (maxmemory-policy %.*s), which would lose shares: set maxmemory-policy noeviction",
                 (int)policy.size, policy.data);
        refuse(store, explanation);
        return;
    }
    snprintf(store->run_id, sizeof(store->run_id), "%s", link_run_id(store->command));
    load_scripts(store, true);
}

void store_open(struct store *store)
{
    struct command *command = command_begin("INFO");

    if (link_call(store->command, command, on_info, store) < 0)
        link_restart(store->command);
}

void store_note_loading(struct store *store)
{
    store->read_file_ms = clock_now_ms();
}

bool store_is_loading(const struct store *store)
{
    return store->read_file_ms != 0 && clock_now_ms() - store->read_file_ms < READING_SHOWS_MS;
}
