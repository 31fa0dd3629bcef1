/* feedbench live: from a publisher to its subscribers. */
#include <math.h>
#include <stdio.h>

#include "drive.h"
#include "fanout.h"
#include "live.h"
#include "measure.h"

#define LIVE_ARM(id, label, needs, protocol)                                                                     \
    static const struct arm id = {.name = label, .program = needs, .detail = &protocol, .prepare = live_prepare, \
                                  .round = live_round, .finish = live_finish}

LIVE_ARM(feedd_arm, "feedd", "redis-server", live_feedd);
LIVE_ARM(home_arm, "feedd-home", "redis-server", live_feedd_home);
LIVE_ARM(unloaded_arm, "feedd-unloaded", "redis-server", live_feedd_home_unloaded);
LIVE_ARM(floor_arm, "floor", NULL, live_floor);
LIVE_ARM(redis_arm, "redis", "redis-server", live_redis);
LIVE_ARM(nats_arm, "nats", "nats-server", live_nats);
LIVE_ARM(mosquitto_arm, "mosquitto", "mosquitto", live_mosquitto);
LIVE_ARM(ping_arm, "redis-ping", "redis-server", live_ping);
DRIVE_ARM(lpushx_arm, "lpushx", "redis-server", fanout_lists_beside);

static const struct arm *const flood_arms[] = {&feedd_arm, &floor_arm, &redis_arm, &nats_arm, &mosquitto_arm, NULL};
static const struct arm *const home_arms[] = {&feedd_arm, &home_arm, &lpushx_arm, NULL};
static const struct arm *const paced_arms[] = {&feedd_arm, &floor_arm, NULL};
static const struct arm *const single_arms[] = {&feedd_arm, &floor_arm, &ping_arm, NULL};
static const struct arm *const sparse_arms[] = {&home_arm, &unloaded_arm, &floor_arm, NULL};
static const struct arm *const growth_arms[] = {&feedd_arm, &floor_arm, NULL};

static const enum metric flood_columns[] = {METRIC_PER_CPU_S, METRIC_RATE, METRIC_CPU_S, METRIC_REDIS_CPU_S,
                                            METRIC_GENERATOR_CPU_S, METRIC_BYTES_PER_SEND, METRICS};
static const enum metric paced_columns[] = {METRIC_PER_CPU_S, METRIC_CPU_S, METRIC_P50_US, METRIC_P99_US, METRIC_MAX_US,
                                            METRIC_SAMPLES, METRICS};

/* ---------------------------------------------------------------------------------------------------------- checks */

#define RATIO(sentence, own, other, of, how, limit) \
    {.name = sentence, .arm = own, .against = other, .metric = of, .against_metric = of, .sense = how, .bar = limit}

static const struct check flood_checks[] = {
    RATIO("deliveries per CPU-second, of the floor's", "feedd", "floor", METRIC_PER_CPU_S, AT_LEAST, 0.65),
    RATIO("deliveries per CPU-second, of Redis Pub/Sub's", "feedd", "redis", METRIC_PER_CPU_S, AT_LEAST, 2.5),
    RATIO("deliveries per CPU-second, of NATS's", "feedd", "nats", METRIC_PER_CPU_S, AT_LEAST, 5),
    RATIO("deliveries per CPU-second, of Mosquitto's", "feedd", "mosquitto", METRIC_PER_CPU_S, AT_LEAST, 30),
};

/* CPU for each delivery with its push, by what the delivery alone and the push alone cost. */
static double derive_home(const struct round *arms, const struct check *check)
{
    double delivery = 1 / arms[0].values[METRIC_PER_CPU_S];
    double both = 1 / arms[1].values[METRIC_PER_CPU_S];
    double push = 1 / arms[2].values[METRIC_PER_REDIS_CPU_S];

    (void)check;
    return both / (delivery + push);
}

static const struct check home_checks[] = {
    {.name = "CPU of a delivery with its push, of a delivery to a profile and a push by LPUSHX with 8 ids",
     .arm = "feedd-home", .derive = derive_home, .sense = AT_MOST, .bar = 1.15},
};

static const struct check paced_checks[] = {
    RATIO("deliveries per CPU-second, of the floor's", "feedd", "floor", METRIC_PER_CPU_S, AT_LEAST, 0.9),
    RATIO("median latency, of the floor's", "feedd", "floor", METRIC_P50_US, AT_MOST, 1.25),
    RATIO("99th percentile of latency, of the floor's", "feedd", "floor", METRIC_P99_US, AT_MOST, 1.25),
};

static double derive_single(const struct round *arms, const struct check *check)
{
    (void)check;
    return (arms[0].values[METRIC_P50_US] - arms[1].values[METRIC_P50_US]) / arms[2].values[METRIC_P50_US];
}

static const struct check single_checks[] = {
    {.name = "median latency above the floor's, in round trips of a PING", .arm = "feedd", .derive = derive_single,
     .sense = AT_MOST, .bar = 3},
};

/* On a noisy machine an unloaded run says what noise alone does. */
static double derive_sparse(const struct round *arms, const struct check *check)
{
    double p99_us = arms[0].values[METRIC_P99_US];

    (void)check;
    return fmin(p99_us / 5000, p99_us / (1.5 * arms[1].values[METRIC_P99_US]));
}

static const struct check sparse_checks[] = {
    {.name = "99th percentile of latency, of the larger of 5 ms and 1.5 times an unloaded run's", .arm = "feedd-home",
     .derive = derive_sparse, .sense = AT_MOST, .bar = 1},
};

static const struct check growth_check = RATIO("growth of cost per delivery with the number of connections, relative to the floor",
                                               "feedd", "floor", METRIC_PER_CPU_S, AT_MOST, 1.2);

/* ------------------------------------------------------------------------------------------------------- scenarios */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PAYLOAD 256
#define HOME_SHAPE(people, under_way)                                                                                       \
    {.connections = people, .sources = 1, .followers = people, .window = under_way, .payload_bytes = PAYLOAD, .prefill = 20, \
     .coalesce = 8, .variant = LIVE_WHOLE}

static const struct scenario scenarios[] = {
    {.name = "flood-1000", .title = "one author, 1,000 subscribers of the profile, closed loop", .operation = "deliveries",
     .shape = {.connections = 1000, .window = 512, .payload_bytes = PAYLOAD},
     .quick = {.connections = 50, .window = 8, .payload_bytes = PAYLOAD}, .arms = flood_arms, .checks = flood_checks,
     .check_count = COUNT(flood_checks), .columns = flood_columns, .plotted = METRIC_PER_CPU_S},
    {.name = "flood-10000", .title = "one author, 10,000 subscribers of the profile, closed loop", .operation = "deliveries",
     .shape = {.connections = 10000, .window = 128, .payload_bytes = PAYLOAD},
     .quick = {.connections = 100, .window = 4, .payload_bytes = PAYLOAD}, .arms = flood_arms, .checks = flood_checks,
     .check_count = COUNT(flood_checks), .columns = flood_columns, .plotted = METRIC_PER_CPU_S},
    {.name = "home-1000", .title = "one author, 1,000 followers online, closed loop, until everything is pushed",
     .operation = "deliveries", .shape = HOME_SHAPE(1000, 128), .quick = HOME_SHAPE(50, 8), .arms = home_arms,
     .checks = home_checks, .check_count = COUNT(home_checks), .columns = flood_columns, .plotted = METRIC_PER_CPU_S},
    {.name = "home-10000", .title = "one author, 10,000 followers online, closed loop, until everything is pushed",
     .operation = "deliveries", .shape = HOME_SHAPE(10000, 32), .quick = HOME_SHAPE(100, 4), .arms = home_arms,
     .checks = home_checks, .check_count = COUNT(home_checks), .columns = flood_columns, .plotted = METRIC_PER_CPU_S},
    {.name = "paced", .title = "50 shares a second to 1,000 subscribers of the profile", .operation = "deliveries",
     .shape = {.connections = 1000, .rate_per_s = 50, .payload_bytes = PAYLOAD},
     .quick = {.connections = 50, .rate_per_s = 100, .payload_bytes = PAYLOAD}, .arms = paced_arms, .checks = paced_checks,
     .check_count = COUNT(paced_checks), .columns = paced_columns, .plotted = METRIC_P99_US},
    {.name = "single", .title = "one subscriber, 200 shares a second", .operation = "deliveries",
     .shape = {.connections = 1, .rate_per_s = 200, .payload_bytes = PAYLOAD},
     .quick = {.connections = 1, .rate_per_s = 200, .payload_bytes = PAYLOAD}, .arms = single_arms, .checks = single_checks,
     .check_count = COUNT(single_checks), .columns = paced_columns, .plotted = METRIC_P50_US},
    {.name = "sparse", .title = "10,000 readers online who each follow 50 of 20,000 authors, 2,000 shares a second",
     .operation = "deliveries",
     .shape = {.connections = 10000, .sources = 20000, .heard = 50, .rate_per_s = 2000, .payload_bytes = PAYLOAD},
     .quick = {.connections = 50, .sources = 100, .heard = 20, .rate_per_s = 200, .payload_bytes = PAYLOAD},
     .arms = sparse_arms, .checks = sparse_checks, .check_count = COUNT(sparse_checks), .columns = paced_columns,
     .plotted = METRIC_P99_US},
};

#define GROWTH(label, words, people, under_way)                                                                               \
    {.name = label, .title = words, .operation = "deliveries",                                                               \
     .shape = {.connections = people, .window = under_way, .payload_bytes = PAYLOAD},                                        \
     .quick = {.connections = people < 100 ? people : 100, .window = 8, .payload_bytes = PAYLOAD}, .arms = growth_arms,       \
     .columns = flood_columns, .plotted = METRIC_PER_CPU_S}

/* The same window everywhere, so that as much goes into one send. */
static const struct scenario growth_scenarios[] = {
    GROWTH("by-itself", "1 subscriber", 1, 32),
    GROWTH("growth-100", "100 subscribers", 100, 32),
    GROWTH("growth-1000", "1,000 subscribers", 1000, 32),
    GROWTH("growth-5000", "5,000 subscribers", 5000, 32),
    GROWTH("growth-18000", "18,000 subscribers", 18000, 32),
};

static enum bench_exit run_live(const struct bench_command *command, int argc, char **argv)
{
    static struct measure measure;
    int r = measure_begin(&measure, command, argc, argv);

    if (r != 0)
        return r < 0 ? BENCH_USAGE : BENCH_DONE;
    for (size_t i = 0; measure.sweep && i < COUNT(growth_scenarios); i++)
        measure_scenario(&measure, &growth_scenarios[i]);
    for (size_t i = 0; !measure.sweep && i < COUNT(scenarios); i++)
        measure_scenario(&measure, &scenarios[i]);
    if (measure.sweep)
        measure_flatness(&measure, &growth_check, "growth-", "by-itself");
    return measure_end(&measure);
}

const struct bench_command live_command = {
    .name = "live",
    .summary = "measures live delivery: feedd, a bare copy loop, Redis Pub/Sub, NATS, Mosquitto",
    .run = run_live,
};
