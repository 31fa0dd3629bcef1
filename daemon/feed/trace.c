/* The stories of the latest shares, as far as this daemon saw them: see look.h for what is in one.
 *
 * A ring of a fixed size, whose entries are found by id. Each step is written down once per share, never per stream or per
 * push: what is counted there is counted beside what is done there anyway. Without memory nothing is kept. */
#include <stdlib.h>

#include "base/clock.h"
#include "feed/internal.h"

#define TRACES_MAX 8192 /* a power of two; less than a megabyte, taken as it is used */
#define LATENCY_SHARES_MAX 1000
#define LATENCY_US (60 * INT64_C(1000000))

struct trace {
    struct feed_trace story;
    struct trace *next_unsent;
};

struct traces {
    uint64_t count; /* that there ever were */
    struct idmap map;
    struct trace *unsent; /* delivered in this turn of the loop */
    struct trace ring[TRACES_MAX];
};

void traces_done(struct feed *feed)
{
    if (feed->traces)
        idmap_done(&feed->traces->map);
    free(feed->traces);
}

/* The story of a share, begun if there is none. NULL: there is no memory. */
static struct trace *trace_of(struct feed *feed, uint64_t id)
{
    struct traces *traces = feed->traces;
    struct trace *trace;

    if (!traces)
        traces = feed->traces = calloc(1, sizeof(*traces));
    trace = traces ? idmap_get(&traces->map, id) : NULL;
    if (trace || !traces)
        return trace;
    traces_sent(feed); /* which refers to those that may be overwritten */
    trace = &traces->ring[traces->count & (TRACES_MAX - 1)];
    if (trace->story.id != 0)
        idmap_remove(&traces->map, trace->story.id);
    *trace = (struct trace){0};
    if (idmap_set(&traces->map, id, trace) < 0)
        return NULL;
    trace->story.id = id;
    traces->count++;
    return trace;
}

static struct trace *trace_find(const struct feed *feed, uint64_t id)
{
    return feed->traces ? idmap_get(&feed->traces->map, id) : NULL;
}

void trace_committed(struct feed *feed, uint64_t id, int64_t asked_us)
{
    struct trace *trace = trace_of(feed, id);

    if (!trace)
        return;
    trace->story.asked_us = asked_us;
    trace->story.committed_us = clock_now_us();
}

void trace_read(struct feed *feed, uint64_t id)
{
    struct trace *trace = trace_of(feed, id);

    if (trace)
        trace->story.read_us = clock_now_us();
}

void trace_delivered(struct feed *feed, uint64_t id, uint32_t streams, uint32_t behind, int64_t now_us)
{
    struct trace *trace = trace_find(feed, id);

    if (!trace)
        return;
    trace->story.delivered_us = now_us;
    trace->story.streams = streams;
    trace->story.behind = behind;
    trace->next_unsent = feed->traces->unsent;
    feed->traces->unsent = trace;
}

void traces_sent(struct feed *feed)
{
    int64_t now_us;

    if (!feed->traces || !feed->traces->unsent)
        return;
    now_us = clock_now_us();
    while (feed->traces->unsent) {
        struct trace *trace = feed->traces->unsent;

        feed->traces->unsent = trace->next_unsent;
        trace->next_unsent = NULL;
        trace->story.sent_us = now_us;
    }
}

void trace_fanout_begun(struct feed *feed, const struct job *job)
{
    struct trace *trace = trace_of(feed, job->id);

    if (!trace || trace->story.begun_us != 0)
        return;
    trace->story.begun_us = clock_now_us();
    trace->story.in_part = job->place > 0;
}

void trace_fanout_done(struct feed *feed, const struct job *job)
{
    struct trace *trace = trace_find(feed, job->id);

    if (!trace)
        return;
    trace->story.done_us = clock_now_us();
    trace->story.pushed = job->pushed;
    trace->story.away = job->away;
}

/* ---- looking ---- */

bool feed_look_at_trace(const struct feed *feed, uint64_t id, struct feed_trace *ret_trace)
{
    const struct trace *trace = trace_find(feed, id);

    if (trace)
        *ret_trace = trace->story;
    return trace != NULL;
}

static int shortest_first(const void *a, const void *b)
{
    int64_t first = *(const int64_t *)a, second = *(const int64_t *)b;

    return (first > second) - (first < second);
}

static void summarize(int64_t *took_us, size_t count, struct feed_latency_step *ret_step)
{
    qsort(took_us, count, sizeof(*took_us), shortest_first);
    *ret_step = (struct feed_latency_step){.shares = count};
    if (count == 0)
        return;
    ret_step->p50_us = took_us[count / 2];
    ret_step->p99_us = took_us[count * 99 / 100];
    ret_step->max_us = took_us[count - 1];
}

void feed_look_at_latency(const struct feed *feed, struct feed_latency *ret_latency)
{
    const struct traces *traces = feed->traces;
    int64_t delivered_us[LATENCY_SHARES_MAX], fanned_out_us[LATENCY_SHARES_MAX], since_us = clock_now_us() - LATENCY_US;
    size_t delivered = 0, fanned_out = 0;

    for (uint64_t back = 1; traces && back <= LATENCY_SHARES_MAX && back <= traces->count; back++) {
        const struct feed_trace *story = &traces->ring[(traces->count - back) & (TRACES_MAX - 1)].story;

        if (story->asked_us < since_us)
            continue;
        if (story->sent_us != 0)
            delivered_us[delivered++] = story->sent_us - story->asked_us;
        if (story->done_us != 0)
            fanned_out_us[fanned_out++] = story->done_us - story->asked_us;
    }
    summarize(delivered_us, delivered, &ret_latency->delivered);
    summarize(fanned_out_us, fanned_out, &ret_latency->fanned_out);
}
