/* feedbench idle, herd: what it costs to be there, and to come back. */
#include <math.h>
#include <stdio.h>

#include "herd.h"
#include "idle.h"
#include "measure.h"
#include "timelines.h"

IDLE_ARM(feedd_arm, "feedd", "redis-server", live_feedd, 1);
IDLE_ARM(floor_arm, "floor", NULL, live_floor, 1);
IDLE_ARM(redis_arm, "redis", "redis-server", live_redis, 1);
IDLE_ARM(nats_arm, "nats", "nats-server", live_nats, 1);
IDLE_ARM(mosquitto_arm, "mosquitto", "mosquitto", live_mosquitto, 1);
IDLE_ARM(all_arm, "feedd", "redis-server", live_feedd_home, 1);
IDLE_ARM(half_arm, "feedd-half", "redis-server", live_feedd_home, 2);
TIMELINES_ARM(lists_arm, "feedd", timelines_feedd);
TIMELINES_ARM(sorted_arm, "sorted-sets", timelines_sorted);
HERD_ARM(herd_feedd_arm, "feedd", "redis-server", herd_feedd);
HERD_ARM(herd_redis_arm, "redis", "redis-server", live_redis);
HERD_ARM(herd_nats_arm, "nats", "nats-server", live_nats);

static const struct arm *const subscriber_arms[] = {&feedd_arm, &floor_arm, &redis_arm, &nats_arm, &mosquitto_arm, NULL};
static const struct arm *const followed_arms[] = {&all_arm, &half_arm, NULL};
static const struct arm *const timeline_arms[] = {&lists_arm, &sorted_arm, NULL};
static const struct arm *const herd_arms[] = {&herd_feedd_arm, &herd_redis_arm, &herd_nats_arm, NULL};

static const enum metric memory_columns[] = {METRIC_BYTES_EACH, METRIC_MEMORY, METRIC_OPERATIONS, METRICS};
static const enum metric timeline_columns[] = {METRIC_BYTES_EACH, METRIC_USAGE_EACH, METRIC_MEMORY, METRIC_OPERATIONS,
                                               METRICS};
static const enum metric herd_columns[] = {METRIC_SECONDS, METRIC_COMMANDS_EACH, METRIC_CPU_S, METRIC_REDIS_CPU_S,
                                           METRIC_GENERATOR_CPU_S, METRICS};

/* ---------------------------------------------------------------------------------------------------------- checks */

static const struct check subscriber_checks[] = {
    {.name = "bytes of feedd's memory for each idle subscriber", .arm = "feedd", .metric = METRIC_BYTES_EACH, .sense = AT_MOST,
     .bar = 512},
};

/* What the same readers take more when they follow twice as many of the same authors: what the authors, the readers and
 * their connections take is in both. */
static double derive_followed(const struct round *arms, const struct check *check)
{
    (void)check;
    return (arms[0].values[METRIC_MEMORY] - arms[1].values[METRIC_MEMORY]) /
           (arms[0].values[METRIC_OPERATIONS] - arms[1].values[METRIC_OPERATIONS]);
}

static const struct check followed_checks[] = {
    {.name = "bytes for each subject that an online reader follows, authors apart", .arm = "feedd", .derive = derive_followed,
     .sense = AT_MOST, .bar = 16},
};

static const struct check timeline_checks[] = {
    {.name = "bytes of Redis's memory for each entry of a timeline, everything counted", .arm = "feedd",
     .metric = METRIC_BYTES_EACH, .sense = AT_MOST, .bar = 12},
};

static const struct check herd_checks[] = {
    {.name = "seconds from the first SYN to the last CaughtUp", .arm = "feedd", .metric = METRIC_SECONDS, .sense = AT_MOST,
     .bar = 3},
    {.name = "Redis commands for each subscriber that comes back, with the few that the daemon sends for itself",
     .arm = "feedd", .metric = METRIC_COMMANDS_EACH, .sense = AT_MOST, .bar = 1.001},
};

/* ------------------------------------------------------------------------------------------------------- scenarios */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PAYLOAD 256

static const struct scenario idle_scenarios[] = {
    {.name = "subscribers", .title = "10,000 connections, each subscribed to the profile of one author",
     .operation = "connections", .shape = {.connections = 10001, .heard = 1, .payload_bytes = PAYLOAD},
     .quick = {.connections = 201, .heard = 1, .payload_bytes = PAYLOAD}, .arms = subscriber_arms,
     .checks = subscriber_checks, .check_count = COUNT(subscriber_checks), .columns = memory_columns,
     .plotted = METRIC_BYTES_EACH, .once = true},
    {.name = "followed", .title = "10,000 readers online who each follow 50 of 20,000 authors, or 25 of them",
     .operation = "pairs of reader and author",
     .shape = {.connections = 10001, .sources = 20000, .heard = 50, .payload_bytes = PAYLOAD},
     .quick = {.connections = 201, .sources = 400, .heard = 50, .payload_bytes = PAYLOAD}, .arms = followed_arms,
     .checks = followed_checks, .check_count = COUNT(followed_checks), .columns = memory_columns, .plotted = METRIC_BYTES_EACH,
     .once = true},
    {.name = "timeline", .title = "2,000 timelines of 800 entries in Redis", .operation = "entries",
     .shape = {.connections = 2000, .sources = 1, .window = 64, .prefill = 800},
     .quick = {.connections = 50, .sources = 1, .window = 64, .prefill = 800}, .arms = timeline_arms,
     .checks = timeline_checks, .check_count = COUNT(timeline_checks), .columns = timeline_columns,
     .plotted = METRIC_BYTES_EACH, .once = true},
};

static const struct scenario herd_scenario = {
    .name = "killed", .title = "10,000 readers come back at once to a server that was killed", .operation = "subscribers",
    .shape = {.connections = 10000, .sources = 1000, .heard = 5, .payload_bytes = PAYLOAD},
    .quick = {.connections = 200, .sources = 20, .heard = 5, .payload_bytes = PAYLOAD}, .arms = herd_arms,
    .checks = herd_checks, .check_count = COUNT(herd_checks), .columns = herd_columns, .plotted = METRIC_SECONDS,
};

static enum bench_exit run(const struct bench_command *command, int argc, char **argv, const struct scenario *scenarios,
                           size_t count)
{
    static struct measure measure;
    int r = measure_begin(&measure, command, argc, argv);

    if (r != 0)
        return r < 0 ? BENCH_USAGE : BENCH_DONE;
    for (size_t i = 0; i < count; i++)
        measure_scenario(&measure, &scenarios[i]);
    return measure_end(&measure);
}

static enum bench_exit run_idle(const struct bench_command *command, int argc, char **argv)
{
    return run(command, argc, argv, idle_scenarios, COUNT(idle_scenarios));
}

static enum bench_exit run_herd(const struct bench_command *command, int argc, char **argv)
{
    return run(command, argc, argv, &herd_scenario, 1);
}

const struct bench_command idle_command = {
    .name = "idle",
    .summary = "measures memory: idle subscribers, followed subjects, timelines",
    .run = run_idle,
};
const struct bench_command herd_command = {
    .name = "herd",
    .summary = "measures coming back: everybody at once, after the server was killed",
    .run = run_herd,
};
