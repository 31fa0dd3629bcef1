/* What operators see of Redis: how it is, the links to it, and how far each partition of the log has come. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "commands/admin.h"
#include "feed/look.h"

/* What is shown of INFO: Redis's name and ours, which says the unit. */
static const struct field {
    const char *redis;
    const char *name;
    bool is_text;
} fields[] = {
    {"redis_version", "version", true},
    {"run_id", "run_id", true},
    {"role", "role", true},
    {"uptime_in_seconds", "uptime_s", false},
    {"connected_clients", "connections", false},
    {"instantaneous_ops_per_sec", "commands_per_s", false},
    {"used_memory", "used_memory_bytes", false},
    {"used_memory_rss", "rss_memory_bytes", false},
    {"maxmemory", "max_memory_bytes", false},
    {"maxmemory_policy", "memory_policy", true},
    {"loading", "loading", false},
    {"aof_enabled", "append_only_file", false},
    {"aof_last_write_status", "last_append", true},
    {"aof_rewrite_in_progress", "rewriting", false},
};

/* The value of a line `name:value`; empty if there is none. */
static struct text line_of(struct text info, const char *name)
{
    size_t size = strlen(name);
    const char *end = info.data + info.size;

    for (const char *at = info.data; at && at < end; at = memchr(at, '\n', (size_t)(end - at)), at = at ? at + 1 : NULL)
        if ((size_t)(end - at) > size && memcmp(at, name, size) == 0 && at[size] == ':')
            return (struct text){at + size + 1, strcspn(at + size + 1, "\r\n")};
    return (struct text){"", 0};
}

/* Returns 0 or -ENOMEM. */
static int add_info(json_t *object, struct text info)
{
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        struct text value = line_of(info, fields[i].redis);
        json_t *shown = value.size == 0     ? json_null()
                        : fields[i].is_text ? admin_text(value)
                                            : json_integer((json_int_t)strtoll(value.data, NULL, 10));

        if (json_object_set_new(object, fields[i].name, shown) < 0)
            return -ENOMEM;
    }
    return 0;
}

static json_t *link_rows(const struct store *store)
{
    json_t *rows = json_array();
    struct link_look look;

    for (unsigned i = 0; store_look_at_link(store, i, &look); i++)
        admin_append(&rows, json_pack("{s:s, s:s, s:I, s:I}", "link", look.name, "state", look.state, "unanswered",
                                      (json_int_t)look.unanswered, "quiet_ms", (json_int_t)look.quiet_ms));
    return rows;
}

static json_t *partition_rows(const struct feed *feed)
{
    json_t *rows = json_array();

    for (unsigned partition = 0; partition < feed_partitions(feed); partition++) {
        struct feed_partition_look look;

        feed_look_at_partition(feed, partition, &look);
        admin_append(&rows, json_pack("{s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I}", "partition", (json_int_t)partition, "position",
                                      (json_int_t)look.position, "written_at_ms",
                                      admin_number(id_wall_ms(look.position) > EPOCH_MS, id_wall_ms(look.position)), "applied",
                                      (json_int_t)look.applied, "lag_ms", (json_int_t)look.lag_ms, "recent_entries",
                                      (json_int_t)look.ring_entries, "recent_bytes", (json_int_t)look.ring_bytes, "run",
                                      (json_int_t)look.run));
    }
    return rows;
}

/* `state` is when Redis was asked. */
static void on_info(void *context, const struct reply *reply)
{
    struct admin_call *call = context;
    const struct feed *feed = call->admin->clients->feed;
    const int64_t *asked_us = call->state;
    bool known = reply_error(reply) == 0;
    json_t *object = json_pack("{s:b, s:o}", "ready", (int)feed_is_ready(feed), "answered_in_us",
                               admin_number(known, clock_now_us() - *asked_us));
    json_t *links = link_rows(feed_store(feed)), *partitions = partition_rows(feed);

    if (object && add_info(object, known ? reply_text(reply) : (struct text){"", 0}) == 0 &&
        json_object_set(object, "links", links) == 0 && json_object_set(object, "partitions", partitions) == 0) {
        admin_reply(call, object);
    } else {
        json_decref(object);
        admin_reply(call, NULL);
    }
    json_decref(links);
    json_decref(partitions);
}

void admin_run_redis(struct admin_call *call)
{
    int64_t *asked_us = call->state = request_allocate(call->request, sizeof(*asked_us));

    if (!asked_us) {
        request_fail_memory(call->request);
        return;
    }
    *asked_us = clock_now_us();
    if (store_ask_info(feed_store(call->admin->clients->feed), on_info, call) < 0)
        on_info(call, NULL);
}
