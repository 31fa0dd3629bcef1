/* What operators see of the daemon as a whole, and do to it. */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/process.h"
#include "commands/admin.h"
#include "feed/look.h"

/* ---- stats ---- */

static json_t *counters(void)
{
    json_t *object = json_object();

    process_measure();
    for (enum metric metric = 0; object && metric < METRIC_COUNT; metric++) {
        const struct metric_row *row = &metric_rows[metric];

        if (row->type == METRIC_TYPE_HISTOGRAM ||
            json_object_set_new(object, row->name, json_integer((json_int_t)metric_total(metric))) == 0)
            continue;
        json_decref(object);
        object = NULL;
    }
    return object;
}

static json_t *latency_of(const struct feed_latency_step *step)
{
    return json_pack("{s:I, s:o, s:o, s:o}", "shares", (json_int_t)step->shares, "p50_us",
                     admin_number(step->shares > 0, step->p50_us), "p99_us", admin_number(step->shares > 0, step->p99_us),
                     "max_us", admin_number(step->shares > 0, step->max_us));
}

void admin_run_stats(struct admin_call *call)
{
    const struct admin *admin = call->admin;
    const struct commands *clients = admin->clients;
    struct feed_latency latency;

    feed_look_at_latency(clients->feed, &latency);
    admin_reply(call, json_pack("{s:s, s:i, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "version", FEEDD_VERSION, "pid",
                                (int)getpid(), "state", clients->stopping ? "draining" : "running", "ready",
                                (int)feed_is_ready(clients->feed), "uptime_ms", (json_int_t)(clock_now_ms() - admin->started_ms),
                                "connections", (json_int_t)net_connections(clients->net),
                                "max_connections", (json_int_t)net_connections_max(clients->net), "in_progress",
                                (json_int_t)clients->in_progress, "lag_ms", (json_int_t)feed_lag_ms(clients->feed), "share_to_sent",
                                latency_of(&latency.delivered), "share_to_pushed", latency_of(&latency.fanned_out), "counters",
                                counters()));
}

/* ---- config ---- */

void admin_run_config(struct admin_call *call)
{
    const char *wanted = call->argument ? call->argument : "";
    struct config_look look;
    json_t *rows = json_array();

    for (size_t row = 0; config_look(call->admin->config, row, &look); row++) {
        if (strncmp(look.key, wanted, strlen(wanted)) != 0)
            continue;
        admin_append(&rows, json_pack("{s:s, s:s, s:s, s:s, s:b}", "key", look.key, "value", look.value, "default",
                                      look.default_value, "origin", look.origin, "reloadable", (int)look.reloadable));
    }
    if (rows && json_array_size(rows) == 0) {
        json_decref(rows);
        admin_refuse(call, FEED__ERROR_CODE__NOT_FOUND, "arguments", "there is no option %s", log_quote(wanted));
        return;
    }
    admin_reply(call, json_pack("{s:o}", "options", rows));
}

/* ---- reload ---- */

static void note_change(void *context, const struct config_change *change)
{
    admin_append(context, json_pack("{s:s, s:s, s:s, s:b}", "key", change->key, "from", change->from, "to", change->to,
                                    "needs_restart", (int)change->needs_restart));
}

void admin_run_reload(struct admin_call *call)
{
    const struct admin *admin = call->admin;
    char error[1024];
    json_t *changes = json_array();

    if (admin->hooks->reload(admin->hooks_context, note_change, &changes, error, sizeof(error)) < 0) {
        json_decref(changes);
        admin_refuse(call, FEED__ERROR_CODE__INVALID, "", "nothing has changed: %s", error);
        return;
    }
    admin_reply(call, json_pack("{s:o}", "changes", changes));
}

/* ---- log-level ---- */

void admin_run_log_level(struct admin_call *call)
{
    enum log_level before = log_get_level(), level = before;

    if (call->argument && config_log_level(call->argument, &level) < 0) {
        admin_refuse(call, FEED__ERROR_CODE__INVALID, "arguments", "the level must be error, warning, info or debug, not %s",
                     log_quote(call->argument));
        return;
    }
    log_set_level(level);
    if (level != before)
        log_event(level < LOG_LEVEL_INFO ? level : LOG_LEVEL_INFO, "log-level", "from=%s to=%s", log_level_name(before),
                  log_level_name(level));
    admin_reply(call, json_pack("{s:s, s:s}", "level", log_level_name(level), "before", log_level_name(before)));
}

/* ---- drain ---- */

/* What is told is how it was before. */
void admin_run_drain(struct admin_call *call)
{
    const struct admin *admin = call->admin;
    const struct commands *clients = admin->clients;
    json_t *answer = json_pack("{s:b, s:I, s:I, s:I}", "draining_already", (int)clients->stopping, "connections",
                               (json_int_t)net_connections(clients->net), "in_progress", (json_int_t)clients->in_progress,
                               "reconnect_spread_ms", (json_int_t)admin->config->reconnect_spread_ms);

    if (answer)
        admin->hooks->drain(admin->hooks_context);
    admin_reply(call, answer);
}
