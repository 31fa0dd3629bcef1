#include "scenario.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "worker.h"

#define MAX_LEFT_IDLE 0.03 /* a CPU that was idle for less than this part of the time was the bottleneck */
#define MAX_OTHERS 0.1     /* of a CPU: what the rest of the machine may use before it is told */

const struct metric_row metric_rows[METRICS] = {
#define METRIC(id, name, heading, decimals, help) [METRIC_##id] = {name, heading, decimals, help},
    METRICS_TABLE(METRIC)
#undef METRIC
};

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

double median_of(double *values, size_t count)
{
    if (count == 0)
        return NAN;
    qsort(values, count, sizeof(*values), compare_doubles);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

double result_median(const struct result *result, size_t arm, enum metric metric)
{
    double values[SCENARIO_ROUNDS];
    size_t count = 0;

    for (size_t i = 0; i < result->round_count; i++) {
        const struct round *round = &result->arms[arm].rounds[i];

        if (!result->arms[arm].skipped[0] && !round->voided[0] && !isnan(round->values[metric]))
            values[count++] = round->values[metric];
    }
    return median_of(values, count);
}

size_t result_valid_rounds(const struct result *result, size_t arm)
{
    size_t count = 0;

    for (size_t i = 0; i < result->round_count; i++)
        count += !result->arms[arm].skipped[0] && !result->arms[arm].rounds[i].voided[0];
    return count;
}

static const struct round *round_of(const struct result *result, const char *arm, size_t round)
{
    for (size_t i = 0; i < result->arm_count; i++)
        if (strcmp(result->arms[i].arm->name, arm) == 0)
            return result->arms[i].skipped[0] || result->arms[i].rounds[round].voided[0] ? NULL
                                                                                        : &result->arms[i].rounds[round];
    return NULL;
}

/* What a check says of one round; NAN if it says nothing. */
static double value_in_round(const struct result *result, const struct check *check, size_t round)
{
    const struct round *own = round_of(result, check->arm, round);
    const struct round *other = check->against ? round_of(result, check->against, round) : NULL;

    if (!own || (check->against && !other))
        return NAN;
    if (check->derive) {
        struct round all[SCENARIO_ARMS];

        for (size_t i = 0; i < result->arm_count; i++) {
            const struct round *one = round_of(result, result->arms[i].arm->name, round);

            if (!one)
                return NAN;
            all[i] = *one;
        }
        return check->derive(all, check);
    }
    return own->values[check->metric] / (other ? other->values[check->against_metric] : 1);
}

static void judge(struct result *result)
{
    for (size_t i = 0; i < result->scenario->check_count; i++) {
        const struct check *check = &result->scenario->checks[i];
        double values[SCENARIO_ROUNDS];
        struct verdict verdict = {.check = check};

        for (size_t round = 0; round < result->round_count; round++) {
            double value = value_in_round(result, check, round);

            if (!isnan(value))
                values[verdict.rounds++] = value;
        }
        verdict.median = median_of(values, verdict.rounds);
        verdict.lowest = verdict.rounds > 0 ? values[0] : NAN;
        verdict.highest = verdict.rounds > 0 ? values[verdict.rounds - 1] : NAN;
        verdict.met = verdict.rounds > 0 &&
                      (check->sense == AT_LEAST ? verdict.median >= check->bar : verdict.median <= check->bar);
        result->verdicts[i] = verdict;
    }
}

/* Says what stood in the way, where it was not the server that was saturated. */
static void remark_bottleneck(struct round *round, bool saturates)
{
    double wall = round->values[METRIC_WALL_S];
    double generator = round->values[METRIC_GENERATOR_CPU_S] / wall;
    double others = round->values[METRIC_OTHERS_CPU_S] / wall;

    if (round->voided[0] || round->remark[0])
        return;
    if (others > MAX_OTHERS)
        snprintf(round->remark, sizeof(round->remark), "other programs used %.0f %% of a CPU", 100 * others);
    else if (saturates && generator > 1 - MAX_LEFT_IDLE)
        snprintf(round->remark, sizeof(round->remark), "the generator's CPU was the bottleneck");
}

static void tell_progress(const struct settings *settings, const char *scenario, const char *arm, const char *what)
{
    if (settings->is_terminal)
        fprintf(stderr, "\r\033[K%s: %s, %s", scenario, arm, what);
}

static void prepare_arms(struct result *result, struct worker *workers, const struct settings *settings, const char *root)
{
    for (size_t i = 0; i < result->arm_count; i++) {
        struct arm_result *arm = &result->arms[i];
        char directory[PROCESS_PATH_BYTES];

        tell_progress(settings, result->scenario->name, arm->arm->name, "preparing");
        if (arm->arm->program && !process_exists_program(arm->arm->program)) {
            snprintf(arm->skipped, sizeof(arm->skipped), "%s is not installed", arm->arm->program);
            continue;
        }
        snprintf(directory, sizeof(directory), "%.400s/%zu", root, i);
        if (mkdir(directory, 0700) < 0)
            snprintf(arm->skipped, sizeof(arm->skipped), "no directory: %s", strerror(errno));
        else if (worker_start(&workers[i], arm->arm, &arm->shape, settings, directory, arm->skipped) < 0)
            fprintf(stderr, "%sfeedbench: %s, %s: %s\n", settings->is_terminal ? "\r\033[K" : "", result->scenario->name,
                    arm->arm->name, arm->skipped);
    }
}

static void play_rounds(struct result *result, struct worker *workers, const struct settings *settings)
{
    for (size_t round = 0; round < result->round_count; round++) {
        const struct round *lead = NULL;

        for (size_t i = 0; i < result->arm_count; i++) {
            struct arm_result *arm = &result->arms[i];
            char what[64];

            if (arm->skipped[0])
                continue;
            snprintf(what, sizeof(what), "round %zu of %zu", round + 1, result->round_count);
            tell_progress(settings, result->scenario->name, arm->arm->name, what);
            worker_round(&workers[i], lead, settings, &arm->rounds[round]);
            remark_bottleneck(&arm->rounds[round], arm->shape.rate_per_s == 0);
            if (i == 0 && !arm->rounds[round].voided[0])
                lead = &arm->rounds[round];
            if (arm->rounds[round].voided[0])
                fprintf(stderr, "%sfeedbench: %s, %s: round %zu is void: %s\n", settings->is_terminal ? "\r\033[K" : "",
                        result->scenario->name, arm->arm->name, round + 1, arm->rounds[round].voided);
        }
    }
    if (settings->is_terminal)
        fputs("\r\033[K", stderr);
}

int scenario_play(const struct scenario *scenario, const struct settings *settings, struct result *ret_result)
{
    struct result result = {.scenario = scenario};
    struct worker workers[SCENARIO_ARMS];
    char root[PROCESS_PATH_BYTES];
    int r;

    while (scenario->arms[result.arm_count])
        result.arm_count++;
    result.round_count = scenario->once ? 1 : settings->rounds;
    result.arms = calloc(result.arm_count, sizeof(*result.arms));
    result.verdicts = calloc(scenario->check_count + 1, sizeof(*result.verdicts));
    r = result.arms && result.verdicts ? process_make_directory(root) : -ENOMEM;
    if (r < 0) {
        fprintf(stderr, "feedbench: no directory to work in: %s\n", strerror(-r));
        result_done(&result);
        return r;
    }
    for (size_t i = 0; i < result.arm_count; i++) {
        result.arms[i].arm = scenario->arms[i];
        result.arms[i].shape = scenario->shape;
    }
    prepare_arms(&result, workers, settings, root);
    play_rounds(&result, workers, settings);
    for (size_t i = 0; i < result.arm_count; i++)
        if (!result.arms[i].skipped[0])
            worker_stop(&workers[i]);
    process_remove_directory(root);
    judge(&result);
    *ret_result = result;
    return 0;
}

void result_done(struct result *result)
{
    free(result->arms);
    free(result->verdicts);
}
