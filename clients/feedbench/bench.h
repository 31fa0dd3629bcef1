/* What the subcommands of feedbench share: the table that they stand in, and their options. */
#ifndef FEEDBENCH_BENCH_H
#define FEEDBENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Exit codes. */
enum bench_exit { BENCH_DONE = 0, BENCH_FAILED = 1, BENCH_USAGE = 2, BENCH_MISSED = 3 };

enum bench_option_type { BENCH_NUMBER, BENCH_TEXT, BENCH_FLAG };

struct bench_option {
    const char *name;        /* without the dashes */
    const char *placeholder; /* what stands for the value in --help; a flag has none */
    enum bench_option_type type;
    const char *help;
    void *ret;    /* uint64_t, const char * or bool, holding the default */
    uint64_t min; /* of a number */
    uint64_t max;
};

struct bench_command {
    const char *name;
    const char *summary;
    bool hidden; /* from --help */
    /* `argv[0]` is the command's name. Returns an exit code; whatever went wrong was said on standard error. */
    enum bench_exit (*run)(const struct bench_command *command, int argc, char **argv);
};

extern const struct bench_command generate_command, sample_command;
extern const struct bench_command live_command, floor_command, fanout_command, read_command, publish_command, idle_command,
    herd_command, mix_command;

/* Reads `--name value` and `--name=value` into the options. Returns 0, 1 if --help was asked for and printed, -EINVAL after
 * saying on standard error what is wrong and what would be right. */
int bench_parse_options(const struct bench_command *command, const struct bench_option *options, size_t count, int argc,
                        char **argv);

/* Opens DIR/NAME for writing, after making DIR. Returns 0 or a negative errno after saying what to do about it. */
int bench_create_file(const char *directory, const char *name, FILE **ret_file);

/* Closes a file whose writing gave `result` (0 or a negative errno). Returns the first error, after saying it. */
int bench_close_file(FILE *file, const char *directory, const char *name, int result);

#endif
