/* feedbench generate: a made-up network, as large as wanted. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "bench.h"
#include "generate.h"

static int write_file(const struct generate_options *options, const char *directory, const char *name,
                      int (*generate)(const struct generate_options *options, FILE *out))
{
    FILE *file;
    int r = bench_create_file(directory, name, &file);

    return r < 0 ? r : bench_close_file(file, directory, name, generate(options, file));
}

static enum bench_exit run_generate(const struct bench_command *command, int argc, char **argv)
{
    uint64_t subjects = 1000;
    uint64_t follows_per_reader = 20;
    uint64_t shares = 10000;
    uint64_t seed = 1;
    const char *directory = ".";
    const struct bench_option options[] = {
        {"subjects", "N", BENCH_NUMBER, "how many subjects there are", &subjects, 2, GENERATE_MAX_SUBJECTS},
        {"follows-per-reader", "N", BENCH_NUMBER, "how many of them each follows, on average", &follows_per_reader, 0,
         GENERATE_MAX_SUBJECTS - 1},
        {"shares", "N", BENCH_NUMBER, "how many shares they make", &shares, 0, GENERATE_MAX_SHARES},
        {"seed", "N", BENCH_NUMBER, "the same seed gives the same files", &seed, 0, UINT64_MAX},
        {"out", "DIR", BENCH_TEXT, "where graph.txt and shares.csv are written", &directory, 0, 0},
    };
    struct generate_options wanted;
    int r = bench_parse_options(command, options, sizeof(options) / sizeof(options[0]), argc, argv);

    if (r != 0)
        return r < 0 ? BENCH_USAGE : BENCH_DONE;
    if (follows_per_reader >= subjects) {
        fprintf(stderr,
                "feedbench generate: --follows-per-reader %" PRIu64 " needs more subjects: nobody follows themselves, so "
                "give --subjects %" PRIu64 " or more\n",
                follows_per_reader, follows_per_reader + 1);
        return BENCH_USAGE;
    }
    wanted = (struct generate_options){seed, (uint32_t)subjects, (uint32_t)follows_per_reader, (uint32_t)shares};
    if (write_file(&wanted, directory, "graph.txt", generate_graph) < 0 ||
        write_file(&wanted, directory, "shares.csv", generate_shares) < 0)
        return BENCH_FAILED;
    printf("%s/graph.txt: %" PRIu64 " follows\n%s/shares.csv: %" PRIu64 " shares\n", directory,
           subjects * follows_per_reader, directory, shares);
    return BENCH_DONE;
}

const struct bench_command generate_command = {
    .name = "generate",
    .summary = "writes a made-up follower graph and shares, to be imported with feedctl",
    .run = run_generate,
};
