/* feedbench: what feedd is fed with and measured by. One file per subcommand, each with a row in this table. */
#include <stdio.h>
#include <string.h>

#include "bench.h"

static const struct bench_command *const commands[] = {
    &live_command, &fanout_command, &read_command,     &publish_command, &idle_command,
    &herd_command, &mix_command,    &generate_command, &sample_command,  &floor_command,
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *out)
{
    fputs("Usage: feedbench COMMAND [OPTION]...\n\n", out);
    for (size_t i = 0; i < COMMANDS; i++)
        if (!commands[i]->hidden)
            fprintf(out, "  %-10s  %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n`feedbench COMMAND --help` lists a command's options.\n", out);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return BENCH_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0) {
        print_help(stdout);
        return BENCH_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("feedbench " FEEDD_VERSION);
        return BENCH_DONE;
    }
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i]->name) == 0)
            return (int)commands[i]->run(commands[i], argc - 1, argv + 1);
    fprintf(stderr, "feedbench: there is no command \"%s\"\n\n", argv[1]);
    print_help(stderr);
    return BENCH_USAGE;
}
