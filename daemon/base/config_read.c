/* Reading the configuration's two sources: the file, through inih, and the command line. */
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "base/config_internal.h"
#include "base/log.h"

/* One line for inih, which would cut a long one silently. Ends the file where something is wrong. */
static char *read_line(char *line, int size, void *context)
{
    struct config_loader *loader = context;
    size_t length = 0;
    int c;

    (void)size;
    if (loader->result < 0)
        return NULL;
    loader->line++;
    while ((c = getc(loader->file)) != EOF && c != '\n') {
        if (length == CONFIG_LINE_MAX_BYTES || c == '\0') {
            (void)config_fail(loader, "%s:%u: %s", loader->file_path, loader->line,
                              c == '\0' ? "a NUL byte" : "the line is longer than 1000 bytes");
            return NULL;
        }
        line[length++] = (char)c;
    }
    line[length] = '\0';
    return c == EOF && length == 0 ? NULL : line;
}

static int on_file_value(void *context, const char *section, const char *name, const char *text)
{
    struct config_loader *loader = context;
    char key[128], hint[CONFIG_HINT_BYTES];
    size_t row;

    if (loader->result < 0)
        return 1;
    snprintf(key, sizeof(key), "%s%s%s", section, section[0] != '\0' ? "." : "", name);
    if (config_find_key(key, &row) < 0) {
        (void)config_fail(loader, "%s:%u: %s is no option; %s", loader->file_path, loader->line, log_quote(key),
                          config_hint(key, false, hint));
        return 1;
    }
    if (loader->config.sources[row].origin == CONFIG_FROM_FILE) {
        (void)config_fail(loader, "%s:%u: %s was set in line %u already", loader->file_path, loader->line, key,
                          loader->config.sources[row].line);
        return 1;
    }
    (void)config_set(loader, row, text, CONFIG_FROM_FILE);
    return 1;
}

int config_read_file(struct config_loader *loader)
{
    int bad_line;

    loader->config.sources[CONFIG_SOURCE_FILE].text = strdup(loader->file_path);
    if (!loader->config.sources[CONFIG_SOURCE_FILE].text)
        return config_fail_memory(loader);
    loader->file = fopen(loader->file_path, "re");
    if (!loader->file) {
        int error = errno;

        (void)config_fail(loader, "--config: %s: %s", loader->file_path, strerror(error));
        return loader->result = -error;
    }
    ini_use_stack = false;
    ini_max_line = CONFIG_LINE_MAX_BYTES + 3;
    ini_initial_alloc = CONFIG_LINE_MAX_BYTES + 3;
    ini_stop_on_first_error = true;
    ini_allow_multiline = false;
    ini_allow_inline_comments = false; /* a password may contain any character */
    bad_line = ini_parse_stream(read_line, loader, on_file_value, loader);
    if (bad_line == -2)
        (void)config_fail_memory(loader);
    else if (bad_line > 0)
        (void)config_fail(loader, "%s:%d: expected `key = value`, `[section]` or a comment", loader->file_path,
                          bad_line);
    if (ferror(loader->file))
        (void)config_fail(loader, "--config: %s: cannot be read", loader->file_path);
    fclose(loader->file);
    return loader->result;
}

struct argument {
    char name[CONFIG_FLAG_BYTES];
    const char *value; /* what follows `=`, or NULL */
};

static int split_argument(struct config_loader *loader, const char *text, struct argument *ret_argument)
{
    const char *equals = strchr(text, '=');
    size_t length = equals ? (size_t)(equals - text) : strlen(text);

    if (strncmp(text, "--", 2) != 0 || length >= sizeof(ret_argument->name))
        return config_fail(loader, "%s: expected a flag; see --help", log_quote(text));
    memcpy(ret_argument->name, text, length);
    ret_argument->name[length] = '\0';
    ret_argument->value = equals ? equals + 1 : NULL;
    return 0;
}

static bool is_action(struct config_loader *loader, const struct argument *argument)
{
    static const struct {
        const char *name;
        enum config_action action;
    } actions[] = {
        {"--help", CONFIG_HELP},
        {"--version", CONFIG_VERSION},
        {"--print-config", CONFIG_PRINT},
        {"--print-defaults", CONFIG_DEFAULTS},
        {"--check-config", CONFIG_CHECK},
    };

    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(argument->name, actions[i].name) == 0) {
            if (argument->value)
                (void)config_fail(loader, "%s takes no value", argument->name);
            if (loader->action == CONFIG_RUN || actions[i].action < loader->action)
                loader->action = actions[i].action;
            return true;
        }
    }
    return false;
}

/* Takes the next argument as the value if there was no `=`. */
static int take_value(struct config_loader *loader, struct argument *argument, char **argv, int argc, int *index)
{
    if (argument->value)
        return 0;
    if (*index + 1 >= argc || strncmp(argv[*index + 1], "--", 2) == 0)
        return config_fail(loader, "%s needs a value", argument->name);
    argument->value = argv[++*index];
    return 0;
}

int config_read_flags(struct config_loader *loader, int argc, char **argv, bool apply)
{
    for (int i = 1; i < argc && loader->result == 0; i++) {
        struct argument argument;
        size_t row;

        if (split_argument(loader, argv[i], &argument) < 0 || is_action(loader, &argument))
            continue;
        if (strcmp(argument.name, "--config") == 0) {
            if (take_value(loader, &argument, argv, argc, &i) == 0)
                loader->file_path = argument.value;
            continue;
        }
        if (config_find_flag(argument.name, &row) < 0) {
            char hint[CONFIG_HINT_BYTES];

            return config_fail(loader, "%s is no flag; %s", log_quote(argument.name), config_hint(argument.name, true, hint));
        }
        if (config_options[row].type == OPTION_BOOL && !argument.value)
            argument.value = "yes";
        if (take_value(loader, &argument, argv, argc, &i) == 0 && apply)
            (void)config_set(loader, row, argument.value, CONFIG_FROM_FLAG);
    }
    return loader->result;
}
