/* What is measured: a scenario is a row of arms that do the same work, each by means of another server; a round has every arm
 * do it once, one after the other, so that what drifts drifts for all; a check compares two of them.
 *
 * Each arm lives in a process of its own (worker.h), which keeps its servers and connections from round to round. */
#ifndef FEEDBENCH_SCENARIO_H
#define FEEDBENCH_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit.h"
#include "process.h"

/* METRIC(enumerator, name in the record, heading of its column, decimals, help) */
#define METRICS_TABLE(METRIC)                                                                                               \
    METRIC(WALL_S, "wall_s", "seconds", 2, "how long was measured")                                                         \
    METRIC(OPERATIONS, "operations", "count", 0, "operations in that time")                                                 \
    METRIC(RATE, "operations_per_s", "per second", 0, "operations by the clock")                                            \
    METRIC(PER_CPU_S, "operations_per_cpu_s", "per CPU s", 0, "operations per second of all server-side CPU time")          \
    METRIC(PER_ANY_CPU_S, "operations_per_any_cpu_s", "with client", 0, "operations per CPU second, the generator's too")   \
    METRIC(PER_REDIS_CPU_S, "operations_per_redis_cpu_s", "per Redis CPU s", 0, "operations per second of Redis's CPU time") \
    METRIC(CPU_S, "server_cpu_s", "server CPU", 2, "CPU time of the server and its Redis, user and system")                 \
    METRIC(REDIS_CPU_S, "redis_cpu_s", "Redis CPU", 2, "of that, Redis")                                                    \
    METRIC(GENERATOR_CPU_S, "generator_cpu_s", "generator CPU", 2, "CPU time of the generator and its receivers")           \
    METRIC(OTHERS_CPU_S, "others_cpu_s", "others' CPU", 2, "CPU time of everything else on the machine")                      \
    METRIC(PUBLISHED, "published", "published", 0, "messages published in that time")                                      \
    METRIC(BYTES_PER_SEND, "bytes_per_send", "bytes/send", 0, "bytes that the server sent in one go, on average")           \
    METRIC(BYTES_PER_OPERATION, "bytes_per_operation", "bytes each", 0, "bytes received for each operation")                \
    METRIC(P50_US, "p50_us", "p50 us", 0, "median latency from the intended send time")                                     \
    METRIC(P99_US, "p99_us", "p99 us", 0, "99th percentile of it")                                                          \
    METRIC(MAX_US, "max_us", "max us", 0, "the worst")                                                                      \
    METRIC(READ_P50_US, "read_p50_us", "read p50 us", 0, "median latency of the reads")                                     \
    METRIC(READ_P99_US, "read_p99_us", "read p99 us", 0, "99th percentile of it")                                           \
    METRIC(POST_P50_US, "post_p50_us", "post p50 us", 0, "median latency of the posts")                                     \
    METRIC(POST_P99_US, "post_p99_us", "post p99 us", 0, "99th percentile of it")                                           \
    METRIC(FOLLOW_P50_US, "follow_p50_us", "follow p50 us", 0, "median latency of the follows and unfollows")               \
    METRIC(FOLLOW_P99_US, "follow_p99_us", "follow p99 us", 0, "99th percentile of it")                                     \
    METRIC(SAMPLES, "samples", "samples", 0, "latencies measured")                                                          \
    METRIC(LISTED_P50_US, "listed_p50_us", "p50 us listed", 0, "the same until the last timeline in Redis has it: median")   \
    METRIC(LISTED_P99_US, "listed_p99_us", "p99 us listed", 0, "99th percentile of that")                                   \
    METRIC(LISTED_MAX_US, "listed_max_us", "max us listed", 0, "the worst of that")                                         \
    METRIC(IDS_PER_PUSH, "ids_per_push", "ids/LPUSHX", 2, "ids in one LPUSHX, on average")                                  \
    METRIC(COMMANDS_EACH, "redis_commands_each", "commands each", 3, "Redis commands for each operation")                   \
    METRIC(MEMORY, "memory_bytes", "memory", 0, "bytes of memory that all of it takes")                                     \
    METRIC(BYTES_EACH, "memory_bytes_each", "bytes each", 1, "memory for each")                                             \
    METRIC(USAGE_EACH, "memory_usage_bytes_each", "MEMORY USAGE", 1, "the same, as Redis reckons it for a key")              \
    METRIC(SECONDS, "seconds", "seconds", 3, "from the first SYN until the last is subscribed again")

enum metric {
#define METRIC(id, name, heading, decimals, help) METRIC_##id,
    METRICS_TABLE(METRIC)
#undef METRIC
        METRICS
};

struct metric_row {
    const char *name;
    const char *heading;
    int decimals;
    const char *help;
};
extern const struct metric_row metric_rows[METRICS];

/* How much of what a scenario does. What an arm does not need is 0. */
struct shape {
    uint32_t connections;
    uint32_t sources;      /* authors, topics */
    uint32_t heard;        /* by each receiver */
    uint32_t followers;    /* of each author */
    uint32_t window;       /* operations under way at once: closed loop */
    uint32_t rate_per_s;   /* instead: paced */
    uint32_t payload_bytes;
    uint32_t prefill;      /* entries in each timeline before */
    uint32_t page;
    uint32_t coalesce;     /* ids in one push */
    uint32_t beside;       /* followers of an author whose share is being pushed meanwhile */
    uint32_t samples;      /* at least so many in a round */
    uint32_t variant;      /* what it means is the command's */
};

struct settings {
    uint64_t rounds;
    uint64_t warm_up_ms;
    uint64_t measure_ms;
    int server_cpu;
    int generator_cpu;
    const char *feedd;     /* the program */
    uint64_t drop;         /* testing: overlook one delivery, so that the round is void */
    bool is_terminal;
};

/* One round of one arm. What was not measured is NAN. Crosses from the worker as it is. */
struct round {
    double values[METRICS];
    char voided[VOID_BYTES];  /* why it does not count; empty: it does */
    char remark[VOID_BYTES];
};

struct arm;

/* An arm at work, in its own process. */
struct run {
    const struct settings *settings;
    const struct shape *shape;
    const struct arm *arm;
    const char *directory; /* its own, empty at first */
    const struct round *lead; /* what the first arm measured in this round, where it counts; in the first arm NULL */
    void *state;           /* the arm's own */
    char trouble[VOID_BYTES]; /* why prepare failed */
};

struct arm {
    const char *name;
    const char *program;  /* skipped where it is not installed; NULL: none needed */
    const void *detail;   /* for its functions */
    /* Starts the servers, connects, fills. Returns 0 or a negative errno after writing `trouble`. */
    int (*prepare)(struct run *run);
    void (*round)(struct run *run, struct round *ret_round);
    void (*finish)(struct run *run);
};

enum sense { AT_LEAST, AT_MOST };

/* A bar: the median over the rounds of `arm`'s value divided by `against`'s in the same round (by `scale` alone if there is
 * none), or of what `derive` makes of a round's arms. */
struct check {
    const char *name;
    const char *arm;
    const char *against;
    enum metric metric;
    enum metric against_metric;
    enum sense sense;
    double bar;
    double (*derive)(const struct round *rounds_of_arms, const struct check *check);
};

#define SCENARIO_ARMS 10
#define SCENARIO_ROUNDS 32

struct scenario {
    const char *name;
    const char *title;
    const char *operation;   /* in the plural */
    struct shape shape;
    struct shape quick;      /* instead, with --quick */
    const struct arm *const *arms; /* NULL at the end */
    const struct check *checks;
    size_t check_count;
    const enum metric *columns; /* METRICS at the end */
    enum metric plotted;
    bool once;               /* one round says it all */
};

/* What came out. */
struct arm_result {
    const struct arm *arm;
    struct shape shape;
    char skipped[VOID_BYTES]; /* why there are no rounds */
    struct round rounds[SCENARIO_ROUNDS];
};

struct verdict {
    const struct check *check;
    size_t rounds;  /* that count; 0: not measured */
    double median;
    double lowest;
    double highest;
    bool met;
};

struct result {
    const struct scenario *scenario;
    size_t arm_count;
    size_t round_count;
    struct arm_result *arms;
    struct verdict *verdicts; /* [check_count] */
};

/* Plays a scenario. Returns 0 or a negative errno after saying why. */
int scenario_play(const struct scenario *scenario, const struct settings *settings, struct result *ret_result);
void result_done(struct result *result);
/* The median of an arm's metric over the rounds that count; NAN if none does. */
double result_median(const struct result *result, size_t arm, enum metric metric);
/* The rounds that count, of an arm. */
size_t result_valid_rounds(const struct result *result, size_t arm);
double median_of(double *values, size_t count);

#endif
