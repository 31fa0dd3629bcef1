/* See parse.h. */
#include "parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_MAX ((UINT64_C(1) << 53) - 1)

static char no_text[] = "";

struct parser {
    struct run *run;
    char *message;
    size_t message_size;
    bool help, version;
};

__attribute__((format(printf, 2, 3))) static bool parse_fail(struct parser *parser, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(parser->message, parser->message_size, format, arguments);
    va_end(arguments);
    return false;
}

/* The row of the option; that of the list's end if there is none. */
static size_t option_find(const struct command_option *options, const char *name, size_t length)
{
    size_t i = 0;

    while (options[i].name != NULL && (strncmp(options[i].name, name, length) != 0 || options[i].name[length] != '\0'))
        i++;
    return i;
}

static void parse_global(struct parser *parser, const char *name, const char *value)
{
    if (strcmp(name, "server") == 0)
        parser->run->server = value;
    else if (strcmp(name, "json") == 0)
        parser->run->json = true;
    else if (strcmp(name, "help") == 0)
        parser->help = true;
    else
        parser->version = true;
}

/* Handles the option at argv[*index], and takes its value from there or from the next word. */
static bool parse_option(struct parser *parser, int argc, char **argv, int *index)
{
    static const struct command_option none[] = { { 0 } };
    char help[] = "--help";
    char *word = strcmp(argv[*index], "-h") == 0 ? help : argv[*index];
    char *name = word + 2;
    char *equals = strchr(name, '=');
    size_t length = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const struct command_option *local = parser->run->command != NULL ? parser->run->command->options : none;
    char *value = equals != NULL ? equals + 1 : NULL;
    size_t row = option_find(local, name, length);
    bool global = local[row].name == NULL;
    const struct command_option *option = &local[row];

    if (global)
        option = &global_options[option_find(global_options, name, length)];
    if (word[1] != '-' || option->name == NULL)
        return parse_fail(parser, "unknown option %s", word);
    if (option->value == NULL && value != NULL)
        return parse_fail(parser, "--%s takes no value", option->name);
    if (option->value != NULL && value == NULL) {
        if (*index + 1 >= argc)
            return parse_fail(parser, "--%s needs a value", option->name);
        value = argv[++*index];
    }
    if (global)
        parse_global(parser, option->name, value);
    else
        parser->run->values[row] = value != NULL ? value : no_text;
    return true;
}

/* Takes a word that names a command, or is a half of such a name. */
static bool parse_name(struct parser *parser, const char *word)
{
    struct run *run = parser->run;
    bool is_group = false;

    for (size_t i = 0; commands[i] != NULL; i++) {
        const char *name = commands[i]->name;

        if ((run->group == NULL || command_is_of_group(commands[i], run->group, &name)) && strcmp(name, word) == 0)
            run->command = commands[i];
        is_group = is_group || command_is_of_group(commands[i], word, NULL);
    }
    if (run->command != NULL)
        return true;
    if (run->group != NULL)
        return parse_fail(parser, "unknown command %s %s", run->group, word);
    if (is_group)
        run->group = word;
    else if (strcmp(word, "help") == 0)
        parser->help = true;
    else
        return parse_fail(parser, "unknown command %s", word);
    return true;
}

/* Compares the number of arguments with the usage line. */
static bool parse_check_count(struct parser *parser, size_t count)
{
    size_t least = 0, most = 0;
    const char *spec = parser->run->command->arguments;

    while (*spec != '\0') {
        size_t length = strcspn(spec, " ");

        least += spec[0] != '[';
        most++;
        if (length > 3 && strncmp(spec + length - 3, "...", 3) == 0)
            most = SIZE_MAX - 1;
        spec += length;
        spec += strspn(spec, " ");
    }
    if (count < least)
        return parse_fail(parser, "something is missing: needs %s", parser->run->command->arguments);
    if (count > most)
        return parse_fail(parser, "too many arguments for %s", parser->run->command->name);
    return true;
}

static bool parse_check_required(struct parser *parser)
{
    const struct command_option *options = parser->run->command->options;

    for (size_t i = 0; i < OPTIONS_MAX && options[i].name != NULL; i++)
        if (options[i].required && parser->run->values[i] == NULL)
            return parse_fail(parser, "--%s is missing", options[i].name);
    return true;
}

static bool parse_words(struct parser *parser, int argc, char **argv)
{
    int kept = 0;
    bool options_end = false;

    for (int i = 1; i < argc; i++) {
        if (!options_end && argv[i][0] == '-' && argv[i][1] != '\0') {
            options_end = strcmp(argv[i], "--") == 0;
            if (!options_end && !parse_option(parser, argc, argv, &i))
                return false;
        } else if (parser->run->command == NULL) {
            if (!parse_name(parser, argv[i]))
                return false;
        } else {
            argv[kept++] = argv[i];
        }
    }
    parser->run->arguments = argv;
    parser->run->argument_count = (size_t)kept;
    return true;
}

enum parse_result parse_command_line(int argc, char **argv, struct run *ret_run, char *message, size_t message_size)
{
    struct parser parser = { .run = ret_run, .message = message, .message_size = message_size };

    *ret_run = (struct run){ 0 };
    if (!parse_words(&parser, argc, argv))
        return PARSE_WRONG;
    if (parser.help)
        return PARSE_HELP;
    if (parser.version)
        return PARSE_VERSION;
    if (ret_run->command == NULL) {
        if (ret_run->group != NULL)
            parse_fail(&parser, "%s what?", ret_run->group);
        else
            parse_fail(&parser, "no command given");
        return PARSE_WRONG;
    }
    if (!parse_check_count(&parser, ret_run->argument_count) || !parse_check_required(&parser))
        return PARSE_WRONG;
    return PARSE_RUN;
}

char *run_option(const struct run *run, const char *name)
{
    return run->values[option_find(run->command->options, name, strlen(name))];
}

char *run_text(const struct run *run, const char *name)
{
    char *value = run_option(run, name);

    return value != NULL ? value : no_text;
}

bool run_option_number(const struct run *run, const char *name, unsigned long least, unsigned long most,
                       unsigned long standard, unsigned long *ret_number)
{
    const char *value = run_option(run, name);
    unsigned long number = standard;
    char *end;

    if (value != NULL) {
        errno = 0;
        number = strtoul(value, &end, 10);
        if (errno != 0 || *end != '\0' || value[0] < '0' || value[0] > '9' || number < least || number > most) {
            fprintf(stderr, "feedctl: --%s needs a number from %lu to %lu, not %s\n", name, least, most, value);
            return false;
        }
    }
    *ret_number = number;
    return true;
}

bool id_read(const char *text, uint64_t *ret_id)
{
    const char *digits = text[0] == '#' ? text + 1 : text;
    char *end;

    *ret_id = strtoull(digits, &end, 10); /* what is too large for it is too large for an id */
    return *end == '\0' && digits[0] >= '0' && digits[0] <= '9' && *ret_id > 0 && *ret_id <= ID_MAX;
}

bool run_id(const char *text, uint64_t *ret_id)
{
    if (id_read(text, ret_id))
        return true;
    fprintf(stderr, "feedctl: %s is no id: they are numbers from 1 to %" PRIu64 "\n", text, ID_MAX);
    return false;
}
