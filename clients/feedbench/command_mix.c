/* feedbench mix: workloads from the literature, through feedd and on Redis alone. */
#include <stdio.h>

#include "measure.h"
#include "mix.h"

DRIVE_ARM(feedd_arm, "feedd", "redis-server", mix_feedd);
DRIVE_ARM(redis_arm, "sorted-sets", "redis-server", mix_redis);

static const struct arm *const arms[] = {&feedd_arm, &redis_arm, NULL};

static const enum metric columns[] = {METRIC_PER_CPU_S,        METRIC_PER_ANY_CPU_S, METRIC_RATE,
                                      METRIC_CPU_S,            METRIC_REDIS_CPU_S,   METRIC_GENERATOR_CPU_S,
                                      METRIC_P50_US,           METRIC_P99_US,        METRIC_READ_P99_US,
                                      METRIC_POST_P99_US,      METRIC_FOLLOW_P99_US, METRICS};

/* What the peer's client does, feedd does: wherever it runs, it costs. */
static const struct check checks[] = {
    {.name = "operations by the clock, of those of sorted sets", .arm = "feedd", .against = "sorted-sets", .metric = METRIC_RATE,
     .against_metric = METRIC_RATE, .sense = AT_LEAST, .bar = 1},
    {.name = "operations per CPU-second of feedd and Redis, of those of sorted sets per CPU-second of Redis and its client",
     .arm = "feedd", .against = "sorted-sets", .metric = METRIC_PER_CPU_S, .against_metric = METRIC_PER_ANY_CPU_S,
     .sense = AT_LEAST, .bar = 1},
};

#define CLIENTS 64
#define POST_BYTES 140 /* where the literature states no size: a tweet */

#define SHAPE(workload, bytes)                                                                                       \
    {.connections = CLIENTS, .sources = 10000, .heard = 20, .window = CLIENTS, .payload_bytes = bytes, .prefill = 200, \
     .page = MIX_PAGE, .variant = workload}
#define QUICK(workload, bytes)                                                                                 \
    {.connections = 8, .sources = 300, .heard = 10, .window = 8, .payload_bytes = bytes, .prefill = 100, .page = MIX_PAGE, \
     .variant = workload}
#define SCENARIO(label, words, workload, bytes)                                                                        \
    {.name = label, .title = words, .operation = "operations", .shape = SHAPE(workload, bytes),                       \
     .quick = QUICK(workload, bytes), .arms = arms, .checks = checks, .check_count = 2, .columns = columns,            \
     .plotted = METRIC_RATE}

static const struct scenario scenarios[] = {
    SCENARIO("twip", "Twip of Pequod: 1 post to 100 checks, 10 subscriptions and 5 logins", MIX_TWIP, POST_BYTES),
    SCENARIO("social-network", "socialNetwork of DeathStarBench: 60 % home timelines, 30 % user timelines, 10 % posts",
             MIX_SOCIAL_NETWORK, 256),
    SCENARIO("retwis", "Retwis of TAPIR: 50 % timelines, 30 % posts, 15 % follows and unfollows, 5 % new users", MIX_RETWIS,
             POST_BYTES),
};

static enum bench_exit run_mix(const struct bench_command *command, int argc, char **argv)
{
    static struct measure measure;
    int r = measure_begin(&measure, command, argc, argv);

    if (r != 0)
        return r < 0 ? BENCH_USAGE : BENCH_DONE;
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
        measure_scenario(&measure, &scenarios[i]);
    return measure_end(&measure);
}

const struct bench_command mix_command = {
    .name = "mix",
    .summary = "measures workloads from the literature: feedd, sorted sets in Redis",
    .run = run_mix,
};
