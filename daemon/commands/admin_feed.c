/* What operators see of the feed: what it works on, one subject, and who is hot. What only the store knows is null while that is
 * away. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "commands/admin.h"
#include "feed/look.h"

/* ---- jobs ---- */

/* Partitions that were asked for what they have parked. */
struct parked_state {
    unsigned pending;
    bool known;
    int64_t count;
    json_t *rows; /* NULL: memory ended */
};

static json_t *job_rows(struct admin_call *call, struct feed_jobs_look *ret_look)
{
    struct feed_job_look *jobs = calloc(call->limit, sizeof(*jobs));
    json_t *rows = json_array();
    size_t count = jobs ? feed_look_at_jobs(call->admin->clients->feed, jobs, call->limit, ret_look) : 0;

    for (size_t i = 0; i < count; i++)
        admin_append(&rows, json_pack("{s:I, s:s, s:o, s:o, s:s, s:I, s:I, s:I, s:I}", "id", (json_int_t)jobs[i].id, "kind",
                                      jobs[i].kind, "subject", admin_text(jobs[i].subject), "reader",
                                      admin_text(jobs[i].reader), "state", jobs[i].state, "age_ms",
                                      (json_int_t)feed_age_ms(jobs[i].id), "pushed", (json_int_t)jobs[i].pushed, "away",
                                      (json_int_t)jobs[i].away, "in_flight", (json_int_t)jobs[i].in_flight));
    if (!jobs)
        admin_append(&rows, NULL);
    free(jobs);
    return rows;
}

/* `state` is gone afterwards, with the request. */
static void reply_jobs(struct admin_call *call)
{
    struct parked_state *parked = call->state;
    struct feed_jobs_look look = {0};
    json_t *rows = job_rows(call, &look);

    admin_reply(call, json_pack("{s:I, s:I, s:I, s:o, s:I, s:I, s:o, s:o}", "running", (json_int_t)look.running, "retrying",
                                (json_int_t)look.retrying, "suspects", (json_int_t)look.suspects, "parked_in_all",
                                admin_number(parked->known, parked->count), "pushes_waiting",
                                (json_int_t)look.pushes_waiting, "pushes_in_flight", (json_int_t)look.pushes_in_flight, "jobs",
                                rows, "parked", parked->rows));
}

/* An entry as job_park.lua keeps it. */
static json_t *parked_row(struct text id, struct text text)
{
    json_t *kept = json_loadb(text.data, text.size, 0, NULL), *row;
    char digits[24] = "";

    memcpy(digits, id.data, id.size < sizeof(digits) ? id.size : sizeof(digits) - 1);
    row = json_pack("{s:I, s:O?, s:O?, s:O?, s:O?, s:O?, s:O?, s:O?}", "id", (json_int_t)strtoll(digits, NULL, 10), "kind",
                    json_object_get(kept, "kind"), "subject", json_object_get(kept, "subject"), "reader",
                    json_object_get(kept, "reader"), "parked_at_ms", json_object_get(kept, "parked_ms"), "tries",
                    json_object_get(kept, "tries"), "daemon", json_object_get(kept, "daemon"), "reason",
                    json_object_get(kept, "reason"));
    json_decref(kept);
    return row;
}

static void end_one(struct admin_call *call)
{
    struct parked_state *parked = call->state;

    if (--parked->pending == 0)
        reply_jobs(call);
}

/* [how many, [id, JSON, …]] */
static void on_parked(void *context, const struct reply *reply)
{
    struct admin_call *call = context;
    struct parked_state *parked = call->state;
    const struct reply *some = reply_at(reply, 1);

    parked->known = parked->known && reply_error(reply) == 0;
    parked->count += reply_number(reply_at(reply, 0));
    for (size_t i = 0; i + 1 < reply_count(some) && json_array_size(parked->rows) < call->limit; i += 2)
        admin_append(&parked->rows, parked_row(reply_text(reply_at(some, i)), reply_text(reply_at(some, i + 1))));
    end_one(call);
}

static void on_retried(void *context, Feed__ErrorCode error, int64_t count)
{
    struct admin_call *call = context;

    if (error != FEED_OK)
        request_fail_code(call->request, error);
    else
        admin_reply(call, json_pack("{s:I}", "retried", (json_int_t)count));
}

void admin_run_jobs(struct admin_call *call)
{
    struct feed *feed = call->admin->clients->feed;
    struct parked_state *parked;

    if (call->argument && strcmp(call->argument, "retry") == 0) {
        feed_retry_parked(feed, on_retried, call);
        return;
    }
    if (call->argument) {
        admin_refuse(call, FEED__ERROR_CODE__INVALID, "arguments", "jobs takes retry or nothing, not %s",
                     log_quote(call->argument));
        return;
    }
    call->state = parked = request_allocate(call->request, sizeof(*parked));
    if (!parked) {
        request_fail_memory(call->request);
        return;
    }
    *parked = (struct parked_state){.pending = 1, .known = true, .rows = json_array()};
    for (unsigned partition = 0; partition < feed_partitions(feed); partition++) {
        if (store_ask_parked(feed_store(feed), partition, (int64_t)call->limit, on_parked, call) == 0)
            parked->pending++;
        else
            parked->known = false;
    }
    end_one(call);
}

/* ---- subject ---- */

/* [followers, following, shares, dropped, entries of the timeline] */
static void on_subject(void *context, const struct reply *reply)
{
    struct admin_call *call = context;
    struct feed_subject_look look;
    bool known = reply_error(reply) == 0;
    int64_t entries = reply_number(reply_at(reply, 4));

    feed_look_at_subject(call->admin->clients->feed, text_of(call->argument), &look);
    admin_reply(call, json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:b, s:b}", "subject", call->argument,
                                "partition", (json_int_t)look.partition, "followers",
                                admin_number(known, reply_number(reply_at(reply, 0))), "following",
                                admin_number(known, reply_number(reply_at(reply, 1))), "shares",
                                admin_number(known, reply_number(reply_at(reply, 2))), "older_shares_dropped",
                                known ? json_boolean(reply_number(reply_at(reply, 3))) : json_null(), "has_timeline",
                                known ? json_boolean(entries >= 0) : json_null(), "timeline_entries",
                                admin_number(known, entries >= 0 ? entries : 0), "online_followers_here",
                                (json_int_t)look.online, "home_streams_here", (json_int_t)look.home_streams,
                                "profile_streams_here", (json_int_t)look.profile_streams, "following_in_memory",
                                (int)look.following_in_memory, "timeline_in_memory", (int)look.timeline_in_memory));
}

void admin_run_subject(struct admin_call *call)
{
    if (!check_subject(call->request, "arguments", call->argument))
        return;
    if (store_ask_subject(feed_store(call->admin->clients->feed), text_of(call->argument), on_subject, call) < 0)
        on_subject(call, NULL);
}

/* ---- hot ---- */

static double per_second(uint64_t count, int64_t span_ms)
{
    return (double)count * 1000 / (double)(span_ms > 0 ? span_ms : 1);
}

void admin_run_hot(struct admin_call *call)
{
    struct feed_hot *subjects = calloc(FEED_HOT_MAX, sizeof(*subjects));
    int64_t span_ms = 0;
    size_t count = subjects ? feed_look_at_hot(call->admin->clients->feed, subjects, call->limit, &span_ms) : 0;
    json_t *rows = json_array();

    for (size_t i = 0; i < count; i++)
        admin_append(&rows, json_pack("{s:o, s:I, s:I, s:f, s:f}", "subject",
                                      admin_text((struct text){subjects[i].name, subjects[i].name_bytes}), "shares",
                                      (json_int_t)subjects[i].shares, "deliveries", (json_int_t)subjects[i].deliveries,
                                      "shares_per_s", per_second(subjects[i].shares, span_ms), "deliveries_per_s",
                                      per_second(subjects[i].deliveries, span_ms)));
    admin_reply(call, subjects ? json_pack("{s:I, s:o}", "counted_ms", (json_int_t)span_ms, "subjects", rows) : NULL);
    free(subjects);
}
