/* The story of one share: what this daemon saw of it, and how it stands in the store. What other daemons delivered is not known
 * here, nor is what happened before the latest some thousand shares. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/admin.h"
#include "feed/frames.h"
#include "feed/look.h"

#define STEPS_MAX 8
#define ID_MAX (UINT64_C(1) << 53)

/* ---- steps ---- */

struct step {
    const char *name;
    int64_t at_us;
    char what[96];
};

struct steps {
    size_t count;
    struct step steps[STEPS_MAX];
};

/* In the order of time: the log may be read before the answer to the commit is. */
static void add_step(struct steps *steps, const char *name, int64_t at_us, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void add_step(struct steps *steps, const char *name, int64_t at_us, const char *format, ...)
{
    struct step step = {.name = name, .at_us = at_us};
    size_t at = steps->count;
    va_list arguments;

    if (at_us == 0)
        return;
    va_start(arguments, format);
    vsnprintf(step.what, sizeof(step.what), format, arguments);
    va_end(arguments);
    for (; at > 0 && steps->steps[at - 1].at_us > at_us; at--)
        steps->steps[at] = steps->steps[at - 1];
    steps->steps[at] = step;
    steps->count++;
}

static void tell(const struct feed_trace *trace, struct steps *ret_steps)
{
    *ret_steps = (struct steps){0};
    add_step(ret_steps, "asked", trace->asked_us, "this daemon was asked to share it");
    add_step(ret_steps, "committed", trace->committed_us, "the store has it, and the publisher is told");
    add_step(ret_steps, "read", trace->read_us, "it came along the log");
    add_step(ret_steps, "delivered", trace->delivered_us, "streams it was queued for: %" PRIu32 "; that catch up and come to it: %" PRIu32,
             trace->streams, trace->behind);
    add_step(ret_steps, "sent", trace->sent_us, "handed to their sockets, as far as these took it");
    add_step(ret_steps, "fan-out-begun", trace->begun_us, "this daemon has the job");
    add_step(ret_steps, "fan-out-done", trace->done_us, "timelines it was pushed to: %" PRIu32 "%s; readers who are away: %" PRIu32,
             trace->pushed, trace->in_part ? ", and others before" : "", trace->away);
}

static json_t *step_rows(const struct steps *steps)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < steps->count; i++)
        admin_append(&rows, json_pack("{s:s, s:I, s:I, s:s}", "step", steps->steps[i].name, "after_us",
                                      (json_int_t)(steps->steps[i].at_us - steps->steps[0].at_us), "took_us",
                                      (json_int_t)(steps->steps[i].at_us - steps->steps[i > 0 ? i - 1 : 0].at_us), "what",
                                      steps->steps[i].what));
    return rows;
}

/* ---- in the store ---- */

/* As look_share.lua answers. */
enum { BODY, IN_LOG, DEALT, HELD_BY, HELD_SILENT, HELD_TIMES, PLACE, PARKED };

static const char *fanout_of(const struct reply *reply)
{
    if (reply_text(reply_at(reply, PARKED)).size > 0)
        return "parked";
    if (reply_text(reply_at(reply, HELD_BY)).size > 0)
        return "pending";
    if (reply_number(reply_at(reply, IN_LOG)) == 1 && reply_number(reply_at(reply, DEALT)) == 0)
        return "not-dealt";
    return "done"; /* the log is trimmed of nothing else */
}

/* "" if it is not parked. */
static json_t *parked_reason(const struct reply *reply)
{
    struct text text = reply_text(reply_at(reply, PARKED));
    json_t *kept = json_loadb(text.data ? text.data : "", text.size, 0, NULL);
    json_t *reason = json_incref(json_object_get(kept, "reason"));

    json_decref(kept);
    return reason ? reason : json_string("");
}

static json_t *or_null(bool known, json_t *value)
{
    if (known)
        return value;
    json_decref(value);
    return json_null();
}

/* ---- the answer ---- */

static void on_share(void *context, const struct reply *reply)
{
    struct admin_call *call = context;
    uint64_t id = strtoull(call->argument, NULL, 10);
    struct feed_trace trace = {0};
    bool known = reply_error(reply) == 0, here = feed_look_at_trace(call->admin->clients->feed, id, &trace);
    struct text body = reply_text(reply_at(reply, BODY)), author = feed_author_of_body(body);
    struct steps steps;

    if (known && !here && body.size == 0 && reply_number(reply_at(reply, IN_LOG)) == 0) {
        admin_refuse(call, FEED__ERROR_CODE__NOT_FOUND, "arguments", "there is no share %" PRIu64 ", or no longer", id);
        return;
    }
    tell(&trace, &steps);
    admin_reply(call, json_pack("{s:I, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:I, s:I, s:I, s:I, s:o}", "share",
                                (json_int_t)id, "author", or_null(known && body.size > 0, admin_text(author)), "committed_at_ms",
                                (json_int_t)id_wall_ms(id), "age_ms", (json_int_t)feed_age_ms(id), "exists",
                                or_null(known, json_boolean(body.size > 0)), "fan_out",
                                or_null(known, json_string(known ? fanout_of(reply) : "")), "held_by",
                                or_null(known, admin_text(reply_text(reply_at(reply, HELD_BY)))), "held_silent_ms",
                                admin_number(known, reply_number(reply_at(reply, HELD_SILENT))), "dealt_times",
                                admin_number(known, reply_number(reply_at(reply, HELD_TIMES))), "parked_reason",
                                or_null(known, parked_reason(reply)), "known_here", (int)here, "streams_here",
                                (json_int_t)trace.streams, "behind_here", (json_int_t)trace.behind, "pushed_here",
                                (json_int_t)trace.pushed, "away_here", (json_int_t)trace.away, "steps", step_rows(&steps)));
}

void admin_run_trace(struct admin_call *call)
{
    struct feed *feed = call->admin->clients->feed;
    size_t digits = strspn(call->argument, "0123456789");
    uint64_t id = digits > 0 && digits <= 16 && call->argument[digits] == '\0' ? strtoull(call->argument, NULL, 10) : 0;

    if (id == 0 || id >= ID_MAX) {
        admin_refuse(call, FEED__ERROR_CODE__INVALID, "arguments", "a share is named by its id, a number");
        return;
    }
    if (partition_of_id(id) >= feed_partitions(feed)) {
        admin_refuse(call, FEED__ERROR_CODE__NOT_FOUND, "arguments", "there is no share %" PRIu64 ": this store never made that id",
                     id);
        return;
    }
    if (store_ask_share(feed_store(feed), id, on_share, call) < 0)
        on_share(call, NULL);
}
