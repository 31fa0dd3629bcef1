#include "measure.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUICK_ROUNDS 1
#define QUICK_WARM_UP_MS 50
#define QUICK_MEASURE_MS 200

/* feedd lies beside feedbench in a build, and in sbin where it is installed. */
static void find_feedd(struct measure *measure)
{
    char own[PROCESS_PATH_BYTES - 32];
    ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);
    char *slash;

    own[length > 0 ? length : 0] = '\0';
    slash = strrchr(own, '/');
    if (slash)
        *slash = '\0';
    snprintf(measure->feedd, sizeof(measure->feedd), "%s/feedd", own);
    if (access(measure->feedd, X_OK) < 0)
        snprintf(measure->feedd, sizeof(measure->feedd), "%s/../sbin/feedd", own);
    if (access(measure->feedd, X_OK) < 0)
        snprintf(measure->feedd, sizeof(measure->feedd), "feedd");
}

int measure_begin(struct measure *measure, const struct bench_command *command, int argc, char **argv)
{
    uint64_t server_cpu = 0;
    uint64_t generator_cpu = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 1 : 0;
    struct settings *settings = &measure->settings;

    *measure = (struct measure){.command = command, .argc = argc, .argv = argv,
                                .settings = {.rounds = 5, .warm_up_ms = 1000, .measure_ms = 3000}};
    const struct bench_option options[] = {
        {"scenario", "NAME", BENCH_TEXT, "play only this one", &measure->only, 0, 0},
        {"rounds", "N", BENCH_NUMBER, "interleaved rounds", &settings->rounds, 1, SCENARIO_ROUNDS},
        {"warm-up-ms", "N", BENCH_NUMBER, "how long each round runs before it is measured", &settings->warm_up_ms, 0, 60000},
        {"measure-ms", "N", BENCH_NUMBER, "how long it is measured", &settings->measure_ms, 10, 60000},
        {"json", "FILE", BENCH_TEXT, "write a record of every round, with the environment", &measure->json, 0, 0},
        {"plot", "FILE", BENCH_TEXT, "draw the medians as SVG, with gnuplot", &measure->plot, 0, 0},
        {"sweep", NULL, BENCH_FLAG, "instead, show how cost grows with size (live, fanout)", &measure->sweep, 0, 0},
        {"quick", NULL, BENCH_FLAG, "small and short: to see that it works", &measure->quick, 0, 0},
        {"check", NULL, BENCH_FLAG, "exit status 3 if a bar is missed or was not measured", &measure->check, 0, 0},
        {"feedd", "PATH", BENCH_TEXT, "the feedd to measure (the one beside this program)", &measure->feedd_option, 0, 0},
        {"server-cpu", "N", BENCH_NUMBER, "the first CPU: where live's servers run", &server_cpu, 0, 1023},
        {"generator-cpu", "N", BENCH_NUMBER, "the second CPU: where live's receivers run", &generator_cpu, 0, 1023},
        {"drop", "N", BENCH_NUMBER, "overlook the n-th delivery of each round, to see that it is void", &settings->drop, 0,
         UINT32_MAX},
    };
    int r = bench_parse_options(command, options, sizeof(options) / sizeof(options[0]), argc, argv);

    if (r != 0)
        return r;
    find_feedd(measure);
    settings->feedd = measure->feedd_option ? measure->feedd_option : measure->feedd;
    settings->server_cpu = (int)server_cpu;
    settings->generator_cpu = (int)generator_cpu;
    settings->is_terminal = isatty(STDERR_FILENO);
    if (measure->quick) {
        settings->rounds = QUICK_ROUNDS;
        settings->warm_up_ms = QUICK_WARM_UP_MS;
        settings->measure_ms = QUICK_MEASURE_MS;
    }
    signal(SIGPIPE, SIG_IGN);
    process_raise_descriptors();
    return 0;
}

void measure_scenario(struct measure *measure, const struct scenario *scenario)
{
    struct scenario small = *scenario;
    struct result *result = &measure->results[measure->result_count];

    if ((measure->only && strcmp(measure->only, scenario->name) != 0) || measure->result_count == MEASURE_RESULTS)
        return;
    if (measure->quick)
        small.shape = scenario->quick;
    if (scenario_play(&small, &measure->settings, result) < 0) {
        measure->failed = true;
        return;
    }
    result->scenario = scenario;
    measure->result_count++;
    report_print(result, stdout);
    fflush(stdout);
}

static size_t arm_named(const struct result *result, const char *name)
{
    size_t arm = 0;

    while (arm + 1 < result->arm_count && strcmp(result->arms[arm].arm->name, name) != 0)
        arm++;
    return arm;
}

/* What a message costs by itself: the median cost of one where there is next to nothing else to do. */
static double cost_apart(const struct measure *measure, const struct check *check, const char *apart)
{
    for (size_t i = 0; i < measure->result_count; i++)
        if (strcmp(measure->results[i].scenario->name, apart) == 0)
            return 1 / result_median(&measure->results[i], arm_named(&measure->results[i], check->arm), check->metric);
    return NAN;
}

static double cost_ratio(const struct result *result, const struct check *check, double apart)
{
    size_t own = arm_named(result, check->arm);
    size_t other = arm_named(result, check->against);
    double messages = result_median(result, own, METRIC_PUBLISHED) / result_median(result, own, METRIC_OPERATIONS);
    double cost = 1 / result_median(result, own, check->metric) - apart * messages;

    return cost * result_median(result, other, check->against_metric);
}

void measure_flatness(struct measure *measure, const struct check *check, const char *prefix, const char *apart)
{
    struct verdict verdict = {.check = check, .lowest = INFINITY, .highest = -INFINITY};
    double cost = cost_apart(measure, check, apart);
    bool whole = true;

    for (size_t i = 0; i < measure->result_count; i++) {
        double ratio = cost_ratio(&measure->results[i], check, cost);

        if (strncmp(measure->results[i].scenario->name, prefix, strlen(prefix)) != 0)
            continue;
        verdict.rounds++;
        verdict.lowest = fmin(verdict.lowest, ratio);
        verdict.highest = fmax(verdict.highest, ratio);
        whole = whole && ratio > 0;
        printf("  %s: %.2f times the cost of %s\n", measure->results[i].scenario->title, ratio, check->against);
    }
    if (verdict.rounds < 2 || !whole)
        verdict.rounds = 0;
    verdict.median = verdict.rounds > 0 ? verdict.highest / verdict.lowest : NAN;
    verdict.met = verdict.rounds > 0 && verdict.median <= check->bar;
    measure->across[measure->across_count++] = verdict;
    printf("  each message by itself: %.1f us of CPU, taken off\n\n", cost * 1e6);
    report_verdict(&verdict, stdout);
}

static int write_record(const struct measure *measure)
{
    json_t *record = record_make(measure);
    int r = record && json_dump_file(record, measure->json, JSON_INDENT(1) | JSON_REAL_PRECISION(8)) == 0 ? 0 : -EIO;

    if (r < 0)
        fprintf(stderr, "feedbench: cannot write %s\n", measure->json);
    json_decref(record);
    return r;
}

static bool all_met(const struct measure *measure)
{
    bool met = true;

    for (size_t i = 0; i < measure->result_count; i++)
        for (size_t j = 0; j < measure->results[i].scenario->check_count; j++)
            met = met && measure->results[i].verdicts[j].met;
    for (size_t i = 0; i < measure->across_count; i++)
        met = met && measure->across[i].met;
    return met;
}

enum bench_exit measure_end(struct measure *measure)
{
    enum bench_exit code = BENCH_DONE;

    if (measure->result_count == 0 && !measure->failed) {
        fprintf(stderr, "feedbench %s: there is no scenario \"%s\"\n", measure->command->name, measure->only);
        return BENCH_USAGE;
    }
    if (measure->check && !all_met(measure))
        code = BENCH_MISSED;
    if (measure->failed || (measure->json && write_record(measure) < 0) ||
        (measure->plot && plot_write(measure, measure->plot) < 0))
        code = BENCH_FAILED;
    for (size_t i = 0; i < measure->result_count; i++)
        result_done(&measure->results[i]);
    return code;
}
