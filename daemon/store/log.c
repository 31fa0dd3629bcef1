/* See log.h. */
#include "store/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/internal.h"

#define BLOCK_MS 1000

static const char *const kind_names[] = {
    [LOG_SHARE] = "share",       [LOG_DELETE] = "delete", [LOG_FOLLOW] = "follow",
    [LOG_UNFOLLOW] = "unfollow", [LOG_EDGE] = "edge",     [LOG_UNEDGE] = "unedge",
    [LOG_BOUNDARY] = "boundary", [LOG_RETRY] = "retry",   [LOG_SUBJECT] = "subject",
    [LOG_COMMENT] = "comment",   [LOG_UNCOMMENT] = "uncomment", [LOG_EDIT] = "edit",
    [LOG_MUTE] = "mute",         [LOG_UNMUTE] = "unmute", [LOG_BLOCK] = "block",
    [LOG_UNBLOCK] = "unblock",   [LOG_BAR] = "bar",       [LOG_UNBAR] = "unbar",
    [LOG_ERASE] = "erase",       [LOG_ERASING] = "erasing",
    [LOG_READ] = "read",         [LOG_READ_INBOX] = "readinbox", [LOG_NOTICE] = "notice",
    [LOG_RESHARED] = "reshared", [LOG_UNRESHARED] = "unreshared",
    [LOG_COUNTED] = "counted",
};

const char *log_kind_name(enum log_kind kind)
{
    return kind < LOG_UNKNOWN ? kind_names[kind] : "unknown";
}

static enum log_kind kind_of(struct text name)
{
    for (size_t kind = 0; kind < sizeof(kind_names) / sizeof(kind_names[0]); kind++)
        if (strlen(kind_names[kind]) == name.size && memcmp(kind_names[kind], name.data, name.size) == 0)
            return (enum log_kind)kind;
    return LOG_UNKNOWN;
}

static bool is_about_share(enum log_kind kind)
{
    return kind == LOG_DELETE || kind == LOG_EDIT || kind == LOG_COMMENT || kind == LOG_UNCOMMENT ||
           kind == LOG_RESHARED || kind == LOG_UNRESHARED || kind == LOG_COUNTED;
}

/* [stream id, [field, value, …]]. The fields have one letter each: p(revious), k(ind), a(uthor), s(ubject or share),
 * r(eader), v(ersion), b(ody), f(rom), n(ame), c(omment or re-share), q(uantities), m(erged at read), h(istory kept), o(rigin),
 * (follo)w(ers), d(ropped).
 * An entry that was trimmed while it was pending has none: it is unknown. */
static bool read_entry(const struct reply *reply, unsigned partition, struct log_entry *ret_entry)
{
    const struct reply *fields = reply_at(reply, 1);
    const struct text none = {"", 0};
    struct log_entry entry = {.kind = LOG_UNKNOWN, .partition = partition, .subject = none, .reader = none, .body = none,
                              .followers = FOLLOWERS_UNKNOWN};

    entry.id = id_of_stream_id(reply_text(reply_at(reply, 0)), partition);
    if (entry.id == 0)
        return false;
    for (size_t i = 0; i + 1 < reply_count(fields); i += 2) {
        struct text name = reply_text(reply_at(fields, i));
        const struct reply *value = reply_at(fields, i + 1);

        switch (name.size == 1 ? name.data[0] : '\0') {
        case 'p':
            entry.previous = reply_id(value);
            break;
        case 'k':
            entry.kind = kind_of(reply_text(value));
            break;
        case 'a':
            entry.subject = reply_text(value);
            break;
        case 's':
            if (is_about_share(entry.kind))
                entry.other = entry.share = reply_id(value);
            else
                entry.subject = reply_text(value);
            break;
        case 'c':
            entry.other = reply_id(value);
            break;
        case 'q':
            entry.counts = store_read_counts(reply_text(value));
            break;
        case 'r':
            entry.reader = reply_text(value);
            break;
        case 'v':
        case 'f':
            entry.other = reply_id(value);
            break;
        case 'b':
            entry.body = reply_text(value);
            break;
        case 'n':
            entry.name = reply_text(value);
            break;
        case 'h':
            entry.kept = reply_id(value);
            break;
        case 'o':
            entry.origin = reply_text(value);
            break;
        case 'd':
            entry.dropped = reply_id(value);
            break;
        case 'm':
            entry.is_merged = true;
            break;
        case 'w':
            entry.followers = reply_id(value);
            break;
        default:
            break;
        }
    }
    *ret_entry = entry;
    return true;
}

/* Hands up the entries of one log. Returns how many there were. */
static int hand_up(const struct reply *entries, unsigned partition, const struct log_handlers *handlers, void *context)
{
    for (size_t i = 0; i < reply_count(entries); i++) {
        struct log_entry entry;

        if (read_entry(reply_at(entries, i), partition, &entry))
            handlers->on_entry(context, &entry);
    }
    return (int)reply_count(entries);
}

/* The partition whose log has this key: the keys come back as we sent them. */
static unsigned partition_of_log(const struct store *store, struct text key)
{
    for (unsigned partition = 0; partition + 1 < store->settings->partitions; partition++) {
        struct text name = log_key_name(partition);

        if (name.size == key.size && memcmp(name.data, key.data, key.size) == 0)
            return partition;
    }
    return store->settings->partitions - 1;
}

/* [[key, [entry, …]], …] */
static int hand_up_logs(struct store *store, const struct reply *reply, const struct log_handlers *handlers, void *context)
{
    int count = 0;

    for (size_t i = 0; i < reply_count(reply); i++) {
        const struct reply *log = reply_at(reply, i);

        count += hand_up(reply_at(log, 1), partition_of_log(store, reply_text(reply_at(log, 0))), handlers, context);
    }
    return count;
}

struct tail {
    struct store *store;
    const uint64_t *positions;
    const struct log_handlers *handlers;
    void *context;
    bool blocks; /* it has come up to the end of the log: from here on it waits for entries */
};

static int tail_read(struct tail *tail);

/* Ends this reading. Where only memory was missing the link is up and would never read again: it is made anew. */
static void tail_end(struct tail *tail, int error)
{
    if (error == -ENOMEM)
        link_restart(tail->store->tail);
    tail->store->tailing = false;
    free(tail);
}

static void on_tail(void *context, const struct reply *reply)
{
    struct tail *tail = context;

    if (reply_error(reply) == 0) {
        int entries = hand_up_logs(tail->store, reply, tail->handlers, tail->context);

        tail->blocks = tail->blocks || entries == 0;
        tail->handlers->on_batch_end(tail->context, (size_t)entries);
    } else if (reply) {
        link_restart(tail->store->tail); /* read again when it is back: not in a tight loop */
    }
    int error = reply_error(reply) < 0 ? -ENOTCONN : tail_read(tail);
    if (error < 0)
        tail_end(tail, error);
}

static int tail_read(struct tail *tail)
{
    struct command *command = command_begin("XREAD");
    unsigned partitions = tail->store->settings->partitions;

    command_add_string(command, "COUNT");
    command_add_number(command, TAIL_BATCH);
    if (tail->blocks) {
        command_add_string(command, "BLOCK");
        command_add_number(command, BLOCK_MS);
    }
    command_add_string(command, "STREAMS");
    for (unsigned partition = 0; partition < partitions; partition++)
        command_add_partition_key(command, KEY_LOG, partition);
    for (unsigned partition = 0; partition < partitions; partition++) {
        char position[STREAM_ID_BYTES];

        stream_id_of(tail->positions[partition], position);
        command_add_string(command, position);
    }
    return link_call(tail->store->tail, command, on_tail, tail);
}

int store_tail(struct store *store, const uint64_t *positions, const struct log_handlers *handlers, void *context)
{
    struct tail *tail = store->tailing ? NULL : malloc(sizeof(*tail));
    int error;

    if (store->tailing)
        return -EALREADY;
    if (!tail) {
        link_restart(store->tail);
        return -ENOMEM;
    }
    *tail = (struct tail){store, positions, handlers, context, false};
    error = tail_read(tail);
    store->tailing = error == 0;
    if (error < 0)
        tail_end(tail, error);
    return error;
}

/* One asking for jobs. */
struct jobs_call {
    struct store *store;
    unsigned partition;
    bool claim;
    const struct log_handlers *handlers;
    store_jobs_fn *fn;
    void *context;
};

static int jobs_call(struct link *link, struct command *command, struct jobs_call call, reply_fn *fn)
{
    struct jobs_call *kept = malloc(sizeof(*kept));
    int error;

    if (!kept)
        return -ENOMEM;
    *kept = call;
    error = link_call(link, command, fn, kept);
    if (error < 0)
        free(kept);
    return error;
}

static void on_jobs(void *context, const struct reply *reply)
{
    struct jobs_call call = *(struct jobs_call *)context;
    int count = reply_error(reply);

    free(context);
    if (count == 0) {
        /* XAUTOCLAIM answers [cursor, entries, deleted], XREADGROUP [[key, entries], …]. */
        if (call.claim)
            count = hand_up(reply_at(reply, 1), call.partition, call.handlers, call.context);
        else
            count = hand_up_logs(call.store, reply, call.handlers, call.context);
        call.handlers->on_batch_end(call.context, (size_t)count);
    }
    call.fn(call.context, count);
}

static struct command *begin_readgroup(struct store *store, int64_t count)
{
    struct command *command = command_begin("XREADGROUP");

    command_add_string(command, "GROUP");
    command_add_string(command, "appliers");
    command_add_string(command, store->settings->daemon_id);
    command_add_string(command, "COUNT");
    command_add_number(command, count);
    return command;
}

int store_jobs_new(struct store *store, int64_t count, const struct log_handlers *handlers, store_jobs_fn *fn, void *context)
{
    struct command *command = begin_readgroup(store, count);

    command_add_string(command, "BLOCK");
    command_add_number(command, BLOCK_MS);
    command_add_string(command, "STREAMS");
    for (unsigned partition = 0; partition < store->settings->partitions; partition++)
        command_add_partition_key(command, KEY_LOG, partition);
    for (unsigned partition = 0; partition < store->settings->partitions; partition++)
        command_add_string(command, ">");
    return jobs_call(store->jobs, command, (struct jobs_call){store, 0, false, handlers, fn, context}, on_jobs);
}

int store_jobs_own(struct store *store, unsigned partition, uint64_t after, int64_t count,
                   const struct log_handlers *handlers, store_jobs_fn *fn, void *context)
{
    struct command *command = begin_readgroup(store, count);
    char position[STREAM_ID_BYTES];

    stream_id_of(after, position);
    command_add_string(command, "STREAMS");
    command_add_partition_key(command, KEY_LOG, partition);
    command_add_string(command, position);
    return jobs_call(store->jobs, command, (struct jobs_call){store, partition, false, handlers, fn, context}, on_jobs);
}

int store_jobs_claim(struct store *store, unsigned partition, int64_t idle_ms, int64_t count,
                     const struct log_handlers *handlers, store_jobs_fn *fn, void *context)
{
    struct command *command = command_begin("XAUTOCLAIM");

    command_add_partition_key(command, KEY_LOG, partition);
    command_add_string(command, "appliers");
    command_add_string(command, store->settings->daemon_id);
    command_add_number(command, idle_ms);
    command_add_string(command, "0");
    command_add_string(command, "COUNT");
    command_add_number(command, count);
    return jobs_call(store->bulk, command, (struct jobs_call){store, partition, true, handlers, fn, context}, on_jobs);
}

int store_jobs_ack(struct store *store, unsigned partition, const uint64_t *ids, size_t count, reply_fn *fn, void *context)
{
    struct command *command = command_begin("XACK");

    command_add_partition_key(command, KEY_LOG, partition);
    command_add_string(command, "appliers");
    for (size_t i = 0; i < count; i++) {
        char position[STREAM_ID_BYTES];

        stream_id_of(ids[i], position);
        command_add_string(command, position);
    }
    return link_call(store->bulk, command, fn, context);
}

int store_applied(struct store *store, unsigned partition, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_applied, 3);

    command_add_partition_key(command, KEY_LOG, partition);
    command_add_partition_key(command, KEY_TRIES, partition);
    command_add_partition_key(command, KEY_PARKED, partition);
    command_add_number(command, store->settings->retention_s * 1000);
    return store->ready ? link_call(store->command, command, fn, context) : -ENOTCONN;
}

uint64_t store_read_applied(const struct reply *reply, unsigned partition)
{
    uint64_t pending = id_of_stream_id(reply_text(reply_at(reply, 0)), partition);

    /* Everything before the oldest pending entry is applied; ids are compared as numbers, so one less will do. */
    return pending > 0 ? pending - 1 : id_of_stream_id(reply_text(reply_at(reply, 1)), partition);
}

struct store_backlog store_read_backlog(const struct reply *reply)
{
    return (struct store_backlog){reply_id(reply_at(reply, 2)), reply_id(reply_at(reply, 3))};
}
