/* feedbench fanout, read, publish: what Redis alone could do, and what it does under feedd. */
#include <stdio.h>

#include "beside.h"
#include "fanout.h"
#include "measure.h"
#include "publishing.h"
#include "reading.h"

DRIVE_ARM(feedd_arm, "feedd", "redis-server", fanout_feedd);
DRIVE_ARM(paged_arm, "lpushx-paged", "redis-server", fanout_paged);
DRIVE_ARM(lists_arm, "lpushx", "redis-server", fanout_lists);
DRIVE_ARM(sorted_arm, "sorted-sets", "redis-server", fanout_sorted);
DRIVE_ARM(read_feedd_arm, "feedd", "redis-server", reading_feedd);
DRIVE_ARM(read_raw_arm, "lrange-mget", "redis-server", reading_raw);
DRIVE_ARM(publish_feedd_arm, "feedd", "redis-server", publishing_feedd);
DRIVE_ARM(publish_raw_arm, "commands", "redis-server", publishing_raw);

BESIDE_ARM(beside_arm, "feedd", beside_feedd);
BESIDE_ARM(unloaded_arm, "feedd-unloaded", beside_unloaded);

static const struct arm *const apart_arms[] = {&feedd_arm, &paged_arm, &sorted_arm, NULL};
static const struct arm *const shared_arms[] = {&feedd_arm, &lists_arm, NULL};
static const struct arm *const growth_arms[] = {&feedd_arm, &paged_arm, NULL};
static const struct arm *const beside_arms[] = {&beside_arm, &unloaded_arm, NULL};
static const struct arm *const read_arms[] = {&read_feedd_arm, &read_raw_arm, NULL};
static const struct arm *const publish_arms[] = {&publish_feedd_arm, &publish_raw_arm, NULL};

static const enum metric columns[] = {METRIC_PER_REDIS_CPU_S, METRIC_RATE, METRIC_PER_CPU_S, METRIC_CPU_S, METRIC_REDIS_CPU_S,
                                      METRIC_GENERATOR_CPU_S, METRICS};

static const enum metric beside_columns[] = {METRIC_P50_US, METRIC_P99_US, METRIC_MAX_US, METRIC_LISTED_P50_US,
                                             METRIC_LISTED_P99_US, METRIC_LISTED_MAX_US, METRIC_SAMPLES, METRICS};

#define RATIO(sentence, own, own_metric, other, other_metric, least) \
    {.name = sentence, .arm = own, .against = other, .metric = own_metric, .against_metric = other_metric, .sense = AT_LEAST, \
     .bar = least}

static const struct check apart_checks[] = {
    RATIO("pushes per Redis-CPU-second, of LPUSHX with the same pages", "feedd", METRIC_PER_REDIS_CPU_S, "lpushx-paged",
          METRIC_PER_REDIS_CPU_S, 0.95),
    RATIO("pushes per Redis-CPU-second, of sorted sets'", "feedd", METRIC_PER_REDIS_CPU_S, "sorted-sets",
          METRIC_PER_REDIS_CPU_S, 3.5),
};
static const struct check shared_checks[] = {
    RATIO("pushes by the clock, of LPUSHX with one id each", "feedd", METRIC_RATE, "lpushx", METRIC_RATE, 1.5),
};
static const struct check beside_checks[] = {
    {.name = "99th percentile of us until a small share is delivered to all online", .arm = "feedd", .metric = METRIC_P99_US,
     .sense = AT_MOST, .bar = 10000},
    {.name = "99th percentile of us until it stands in all 100 timelines", .arm = "feedd", .metric = METRIC_LISTED_P99_US,
     .sense = AT_MOST, .bar = 10000},
};
static const struct check read_checks[] = {
    RATIO("reads per CPU-second of feedd and Redis, of LRANGE and MGET per Redis-CPU-second", "feedd", METRIC_PER_CPU_S,
          "lrange-mget", METRIC_PER_REDIS_CPU_S, 2),
};
static const struct check publish_checks[] = {
    RATIO("shares by the clock, of the same commands alone", "feedd", METRIC_RATE, "commands", METRIC_RATE, 0.8),
};

static const struct scenario fanout_scenarios[] = {
    {.name = "apart", .title = "20 authors with 1,000 followers each, no two pushes to one timeline at once",
     .operation = "pushes", .shape = {.sources = 20, .followers = 1000, .window = 20, .prefill = 200},
     .quick = {.sources = 10, .followers = 100, .window = 10, .prefill = 20}, .arms = apart_arms, .checks = apart_checks,
     .check_count = 2, .columns = columns, .plotted = METRIC_PER_REDIS_CPU_S},
    {.name = "shared", .title = "100 authors with the same 20,000 followers, saturated", .operation = "pushes",
     .shape = {.sources = 100, .followers = 20000, .window = 100, .prefill = 200, .variant = FANOUT_SHARED},
     .quick = {.sources = 10, .followers = 500, .window = 10, .prefill = 20, .variant = FANOUT_SHARED}, .arms = shared_arms,
     .checks = shared_checks, .check_count = 1, .columns = columns, .plotted = METRIC_RATE},
    {.name = "beside", .title = "shares to 100 followers while one to 1,000,000 is being pushed", .operation = "shares",
     .shape = {.connections = 100, .sources = 10, .heard = 1, .followers = 100, .rate_per_s = 50, .prefill = 20,
               .beside = 1000000, .samples = 500},
     .quick = {.connections = 6, .sources = 2, .heard = 1, .followers = 10, .rate_per_s = 200, .prefill = 5, .beside = 50000,
               .samples = 20}, .arms = beside_arms, .checks = beside_checks, .check_count = 2, .columns = beside_columns,
     .plotted = METRIC_LISTED_P99_US, .once = true},
};

/* The cost of a share by itself, with a single push, is taken off the others'. */
#define GROWTH(label, words, authors, each, under_way)                                                                     \
    {.name = label, .title = words, .operation = "pushes",                                                                 \
     .shape = {.sources = authors, .followers = each, .window = under_way, .prefill = 20},                                 \
     .quick = {.sources = 4, .followers = each < 1000 ? each : 1000, .window = 4, .prefill = 20}, .arms = growth_arms,     \
     .columns = columns, .plotted = METRIC_PER_REDIS_CPU_S}

static const struct scenario growth_scenarios[] = {
    GROWTH("by-itself", "2,000 authors with 1 follower each", 2000, 1, 1000),
    GROWTH("growth-10", "2,000 authors with 10 followers each", 2000, 10, 1000),
    GROWTH("growth-100", "200 authors with 100 followers each", 200, 100, 100),
    GROWTH("growth-1000", "20 authors with 1,000 followers each", 20, 1000, 20),
    GROWTH("growth-10000", "20 authors with 10,000 followers each", 20, 10000, 20),
    GROWTH("growth-100000", "2 authors with 100,000 followers each", 2, 100000, 2),
    GROWTH("growth-1000000", "1 author with 1,000,000 followers", 1, 1000000, 1),
};

static const struct scenario read_scenario = {
    .name = "home-50", .title = "a page of 50 of a home timeline, hydrated, warm", .operation = "reads",
    .shape = {.connections = 1000, .window = 256, .prefill = 200, .page = 50},
    .quick = {.connections = 50, .window = 16, .prefill = 200, .page = 50}, .arms = read_arms, .checks = read_checks,
    .check_count = 1, .columns = columns, .plotted = METRIC_PER_CPU_S,
};

static const struct scenario publish_scenario = {
    .name = "alone", .title = "pipelined shares of an author whom nobody follows", .operation = "shares",
    .shape = {.sources = 1, .window = 256}, .quick = {.sources = 1, .window = 64}, .arms = publish_arms,
    .checks = publish_checks, .check_count = 1, .columns = columns, .plotted = METRIC_RATE,
};

static const struct check growth_check = {
    .name = "growth of cost per push with the number of followers, relative to LPUSHX with pages", .arm = "feedd",
    .against = "lpushx-paged", .metric = METRIC_PER_REDIS_CPU_S, .against_metric = METRIC_PER_REDIS_CPU_S, .sense = AT_MOST,
    .bar = 1.2,
};

static enum bench_exit run_fanout(const struct bench_command *command, int argc, char **argv)
{
    static struct measure measure;
    int r = measure_begin(&measure, command, argc, argv);

    if (r != 0)
        return r < 0 ? BENCH_USAGE : BENCH_DONE;
    for (size_t i = 0; measure.sweep && i < sizeof(growth_scenarios) / sizeof(growth_scenarios[0]); i++)
        measure_scenario(&measure, &growth_scenarios[i]);
    for (size_t i = 0; !measure.sweep && i < sizeof(fanout_scenarios) / sizeof(fanout_scenarios[0]); i++)
        measure_scenario(&measure, &fanout_scenarios[i]);
    if (measure.sweep)
        measure_flatness(&measure, &growth_check, "growth-", "by-itself");
    return measure_end(&measure);
}

static enum bench_exit run_one(const struct bench_command *command, int argc, char **argv, const struct scenario *scenario)
{
    static struct measure measure;
    int r = measure_begin(&measure, command, argc, argv);

    if (r != 0)
        return r < 0 ? BENCH_USAGE : BENCH_DONE;
    measure_scenario(&measure, scenario);
    return measure_end(&measure);
}

static enum bench_exit run_read(const struct bench_command *command, int argc, char **argv)
{
    return run_one(command, argc, argv, &read_scenario);
}

static enum bench_exit run_publish(const struct bench_command *command, int argc, char **argv)
{
    return run_one(command, argc, argv, &publish_scenario);
}

const struct bench_command fanout_command = {
    .name = "fanout",
    .summary = "measures pushes to timelines: feedd, pipelined LPUSHX, sorted sets",
    .run = run_fanout,
};
const struct bench_command read_command = {
    .name = "read",
    .summary = "measures reads of home timelines: feedd, pipelined LRANGE and MGET",
    .run = run_read,
};
const struct bench_command publish_command = {
    .name = "publish",
    .summary = "measures publishing: feedd, and the commands it sends alone",
    .run = run_publish,
};
