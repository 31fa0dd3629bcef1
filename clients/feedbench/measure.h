/* What every measuring subcommand does around its scenarios: the options that they share, the tables, the record. */
#ifndef FEEDBENCH_MEASURE_H
#define FEEDBENCH_MEASURE_H

#include <jansson.h>

#include "bench.h"
#include "scenario.h"

#define MEASURE_RESULTS 64

struct measure {
    const struct bench_command *command;
    struct settings settings;
    char feedd[PROCESS_PATH_BYTES];
    const char *feedd_option;
    const char *json;     /* file for the record, NULL: none */
    const char *plot;
    const char *only;     /* the scenario that is wanted; NULL: all */
    bool quick;
    bool sweep;
    bool check;
    int argc;
    char **argv;
    struct result results[MEASURE_RESULTS];
    size_t result_count;
    bool failed;
    /* Checks that compare scenarios. */
    struct verdict across[4];
    size_t across_count;
};

/* Reads the options. Returns 0, or what bench_parse_options() does. */
int measure_begin(struct measure *measure, const struct bench_command *command, int argc, char **argv);
/* Plays the scenario if it is wanted, with its small shape if --quick was given, and prints what came out. */
void measure_scenario(struct measure *measure, const struct scenario *scenario);
/* Whether the cost of two arms (1 / the check's metric) keeps its ratio over the scenarios whose name begins thus: the highest
 * divided by the lowest, at most the check's bar. What each message costs its server by itself, shown by the first arm of the
 * scenario `apart`, is taken off the first arm's cost. */
void measure_flatness(struct measure *measure, const struct check *check, const char *prefix, const char *apart);
/* Writes record and plot. Returns the exit code. */
enum bench_exit measure_end(struct measure *measure);

/* The parts of it: a table for people, the record, the plot. */
void report_print(const struct result *result, FILE *out);
void report_verdict(const struct verdict *verdict, FILE *out);
json_t *record_make(const struct measure *measure);
/* Draws a panel for each result. Returns 0 or a negative errno after saying why. */
int plot_write(const struct measure *measure, const char *path);
/* The machine, the programs' versions, the commit. */
json_t *environment_describe(const struct measure *measure);

#endif
