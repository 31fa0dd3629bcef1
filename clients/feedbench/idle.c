#include "idle.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

#define SETTLED_NS (300 * NS_PER_MS)
#define SETTLE_PATIENCE_NS (10 * NS_PER_S)
#define PROOFS 100 /* sources at most whose messages prove that everybody listens */

struct idle {
    struct live live;
    struct shape shape; /* the scenario's, with as much heard as the arm's receivers hear */
};

/* Everything but all receivers except the first, for whom the server warms up. */
int idle_prepare(struct run *run)
{
    const struct idle_work *work = run->arm->detail;
    struct idle *idle = calloc(1, sizeof(*idle));
    int r;

    run->state = idle;
    if (!idle)
        return -ENOMEM;
    idle->shape = *run->shape;
    idle->shape.heard /= work->divisor;
    run->shape = &idle->shape;
    r = live_open(&idle->live, run, work->protocol);
    if (r == 0)
        r = live_open_publisher(&idle->live);
    return r < 0 ? r : live_connect(&idle->live, 0, 1);
}

void idle_finish(struct run *run)
{
    if (run->state)
        live_close(run->state);
    free(run->state);
    run->state = NULL;
}

/* The server's resident set when it no longer changes. */
static uint64_t settled_rss_bytes(struct live *live)
{
    pid_t pid = server_process(&live->server)->pid;
    uint64_t deadline = clock_ns() + SETTLE_PATIENCE_NS;
    uint64_t before;
    uint64_t now = process_rss_bytes(pid);

    do {
        uint64_t until = clock_ns() + SETTLED_NS;

        before = now;
        while (clock_ns() < until)
            wires_turn(&live->wires, until);
        now = process_rss_bytes(pid);
    } while (now != before && clock_ns() < deadline);
    if (now == 0)
        audit_void(&live->audit, "the server's memory cannot be read");
    return now;
}

/* Messages of sources far apart must reach all who were measured. Each sends two, so that a loss is seen at the next. */
static void prove_subscribed(struct live *live)
{
    uint32_t count = live->audit.sources < PROOFS ? live->audit.sources : PROOFS;

    for (uint32_t i = 0; i < 2 * count && !live->audit.voided[0]; i++) {
        live->protocol->publish(live, (uint32_t)((uint64_t)(i / 2) * live->audit.sources / count), 1, clock_ns());
        wire_flush(&live->wires, &live->publisher);
    }
    live_drain(live);
}

void idle_round(struct run *run, struct round *ret_round)
{
    struct idle *idle = run->state;
    struct live *live = &idle->live;
    uint32_t newcomers = run->shape->connections - 1;
    uint64_t start = clock_ns();
    uint64_t before = settled_rss_bytes(live);
    uint64_t after;

    live->audit.drop = run->settings->drop;
    live->message_bytes = run->shape->payload_bytes;
    if (live_connect(live, 1, newcomers) < 0)
        audit_void(&live->audit, "%s", run->trouble);
    after = settled_rss_bytes(live);
    prove_subscribed(live);
    ret_round->values[METRIC_WALL_S] = (double)(clock_ns() - start) / 1e9;
    ret_round->values[METRIC_OPERATIONS] = (double)newcomers * live->audit.heard;
    ret_round->values[METRIC_MEMORY] = (double)after - (double)before;
    ret_round->values[METRIC_BYTES_EACH] = ret_round->values[METRIC_MEMORY] / ret_round->values[METRIC_OPERATIONS];
    snprintf(ret_round->voided, sizeof(ret_round->voided), "%s", live->audit.voided);
}
