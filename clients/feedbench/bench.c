#include "bench.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void print_help(const struct bench_command *command, const struct bench_option *options, size_t count)
{
    printf("Usage: feedbench %s [OPTION]...\n\n%s\n\n", command->name, command->summary);
    for (size_t i = 0; i < count; i++) {
        const struct bench_option *option = &options[i];
        int width = printf("  --%s %s", option->name, option->type == BENCH_FLAG ? "" : option->placeholder);

        printf("%*s%s", width < 28 ? 28 - width : 1, "", option->help);
        if (option->type == BENCH_NUMBER)
            printf(" (%" PRIu64 ")", *(uint64_t *)option->ret);
        else if (option->type == BENCH_TEXT && *(const char **)option->ret)
            printf(" (%s)", *(const char **)option->ret);
        putchar('\n');
    }
    printf("  --help                    this text\n");
}

/* The option that the argument `--name` or `--name=value` names; *ret_value is the value behind the `=`, else NULL. */
static const struct bench_option *find_option(const struct bench_option *options, size_t count, const char *argument,
                                              const char **ret_value)
{
    size_t length;

    if (strncmp(argument, "--", 2) != 0)
        return NULL;
    argument += 2;
    length = strcspn(argument, "=");
    *ret_value = argument[length] ? argument + length + 1 : NULL;
    for (size_t i = 0; i < count; i++)
        if (strlen(options[i].name) == length && strncmp(options[i].name, argument, length) == 0)
            return &options[i];
    return NULL;
}

static int parse_value(const struct bench_option *option, const char *value)
{
    char *end;
    uint64_t number;

    if (option->type == BENCH_TEXT) {
        *(const char **)option->ret = value;
        return *value ? 0 : -EINVAL;
    }
    if (*value < '0' || *value > '9')
        return -EINVAL;
    errno = 0;
    number = strtoull(value, &end, 10);
    if (*end || errno || number < option->min || number > option->max)
        return -EINVAL;
    *(uint64_t *)option->ret = number;
    return 0;
}

int bench_parse_options(const struct bench_command *command, const struct bench_option *options, size_t count, int argc,
                        char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value;
        const struct bench_option *option;

        if (strcmp(argv[i], "--help") == 0) {
            print_help(command, options, count);
            return 1;
        }
        option = find_option(options, count, argv[i], &value);
        if (!option) {
            fprintf(stderr, "feedbench %s: there is no option \"%s\"; `feedbench %s --help` lists them\n", command->name,
                    argv[i], command->name);
            return -EINVAL;
        }
        if (option->type == BENCH_FLAG && !value) {
            *(bool *)option->ret = true;
            continue;
        }
        if (!value)
            value = i + 1 < argc ? argv[++i] : "";
        if (option->type != BENCH_FLAG && parse_value(option, value) == 0)
            continue;
        if (option->type == BENCH_NUMBER)
            fprintf(stderr, "feedbench %s: --%s takes a number from %" PRIu64 " to %" PRIu64 ", not \"%s\"\n",
                    command->name, option->name, option->min, option->max, value);
        else if (option->type == BENCH_FLAG)
            fprintf(stderr, "feedbench %s: --%s takes no value\n", command->name, option->name);
        else
            fprintf(stderr, "feedbench %s: --%s needs a %s\n", command->name, option->name, option->placeholder);
        return -EINVAL;
    }
    return 0;
}

int bench_create_file(const char *directory, const char *name, FILE **ret_file)
{
    char path[4096];
    FILE *file = NULL;
    int length = snprintf(path, sizeof(path), "%s/%s", directory, name);

    if (length < 0 || (size_t)length >= sizeof(path))
        errno = ENAMETOOLONG;
    else if (mkdir(directory, 0777) == 0 || errno == EEXIST)
        file = fopen(path, "we");
    if (!file) {
        int error = errno;

        fprintf(stderr, "feedbench: cannot write %s/%s: %s; choose another directory with --out\n", directory, name,
                strerror(error));
        return -error;
    }
    *ret_file = file;
    return 0;
}

int bench_close_file(FILE *file, const char *directory, const char *name, int result)
{
    if (fclose(file) != 0 && result == 0)
        result = -errno;
    if (result < 0)
        fprintf(stderr, "feedbench: writing %s/%s failed: %s\n", directory, name, strerror(-result));
    return result;
}
