/* What --help, --print-config and --print-defaults show, out of the table of options. */
#include <string.h>

#include "base/config_internal.h"
#include "base/log.h"

#define TEXT_COLUMNS 92

/* Prints `text`, broken at spaces, with `indent` at the start of each line. */
static void print_wrapped(FILE *out, const char *indent, const char *text)
{
    size_t room = TEXT_COLUMNS - strlen(indent);

    while (*text != '\0') {
        size_t length = strlen(text);

        if (length > room) {
            length = room;
            while (length > 0 && text[length] != ' ')
                length--;
            if (length == 0)
                length = strcspn(text, " ");
        }
        fprintf(out, "%s%.*s\n", indent, (int)length, text);
        text += length;
        text += strspn(text, " ");
    }
}

/* The option's help with its range and default, and whether a reload applies it. */
static void describe(const struct option *option, char *out, size_t size)
{
    const char *value = option->default_value;
    const char *change = option->change == OPTION_RELOAD ? "reloadable" : "needs a restart";

    if (option->type == OPTION_NUMBER)
        snprintf(out, size, "%s (%lld to %lld; default %s; %s)", option->help, (long long)option->min,
                 (long long)option->max, value, change);
    else if (value[0] != '\0')
        snprintf(out, size, "%s (default %s; %s)", option->help, value, change);
    else
        snprintf(out, size, "%s (%s)", option->help, change);
}

static bool starts_section(size_t row)
{
    const char *key = config_options[row].key;
    size_t bytes = config_section_bytes(key);

    return row == 0 || bytes != config_section_bytes(config_options[row - 1].key) ||
           strncmp(key, config_options[row - 1].key, bytes) != 0;
}

void config_help(FILE *out)
{
    static const char *const placeholders[] = {
        [OPTION_BOOL] = "[=yes|no]",        [OPTION_NUMBER] = " NUMBER", [OPTION_TEXT] = " TEXT",
        [OPTION_HOST_PORT] = " ADDRESS",    [OPTION_SOCKET_PATH] = " PATH", [OPTION_REDIS_URL] = " URL",
        [OPTION_GROUP] = " GROUP",          [OPTION_FILE_MODE] = " MODE", [OPTION_LOG_LEVEL] = " LEVEL"};

    fputs("feedd " FEEDD_VERSION ", a feed daemon: shares, follows, home timelines and live streams\n\n"
          "Usage: feedd [--OPTION VALUE]...\n\n"
          "  --config FILE\n"
          "      read options from FILE, where --limits-max-page stands as `max_page = …` under `[limits]`;\n"
          "      flags win over it\n"
          "  --print-config\n"
          "      print every option with its value and where that came from, as a file for --config\n"
          "  --print-defaults\n"
          "      print a file for --config in which every option stands as a comment, with its default\n"
          "  --check-config\n"
          "      check the options and end\n"
          "  --help, --version\n",
          out);
    for (size_t row = 0; row < OPTION_ROWS; row++) {
        const struct option *option = &config_options[row];
        char flag[CONFIG_FLAG_BYTES];
        char text[512];

        if (starts_section(row)) {
            size_t bytes = config_section_bytes(option->key);

            if (bytes > 0)
                fprintf(out, "\n[%.*s]\n", (int)bytes, option->key);
            else
                fputs("\n[without a section]\n", out);
        }
        fprintf(out, "  %s%s\n", config_flag_name(option, flag), placeholders[option->type]);
        describe(option, text, sizeof(text));
        print_wrapped(out, "      ", text);
    }
}

void config_write_value(const struct config *config, size_t row, char *out, size_t size)
{
    const struct option *option = &config_options[row];
    const void *member = (const char *)config + option->offset;

    if (option->type == OPTION_BOOL)
        snprintf(out, size, "%s", *(const bool *)member ? "yes" : "no");
    else if (option->type == OPTION_NUMBER)
        snprintf(out, size, "%lld", (long long)*(const int64_t *)member);
    else
        snprintf(out, size, "%s", *(const char *const *)member);
}

void config_hide_password(char *url)
{
    char *begin = strstr(url, "password="), *end;

    if (begin) {
        begin += strlen("password=");
        end = begin + strcspn(begin, "&");
    } else {
        begin = strstr(url, "://");
        end = begin ? strrchr(begin, '@') : NULL;
        begin = end ? begin + 3 + strcspn(begin + 3, ":") : NULL;
        if (!begin || begin >= end)
            return;
        begin++;
    }
    if (end - begin >= 3) {
        memmove(begin + 3, end, strlen(end) + 1);
        memcpy(begin, "***", 3);
    } else {
        memset(begin, '*', (size_t)(end - begin));
    }
}

bool config_look(const struct config *config, size_t row, struct config_look *ret_look)
{
    if (row >= OPTION_ROWS)
        return false;
    ret_look->key = config_options[row].key;
    ret_look->default_value = config_options[row].default_value;
    ret_look->reloadable = config_options[row].change == OPTION_RELOAD;
    config_write_value(config, row, ret_look->value, sizeof(ret_look->value));
    if (config_options[row].type == OPTION_REDIS_URL)
        config_hide_password(ret_look->value);
    config_source_name(config, row, ret_look->origin);
    return true;
}

/* The lines of an option before its own: its section, if it begins one, and what it is. */
static void print_lead(size_t row, FILE *out)
{
    const struct option *option = &config_options[row];
    size_t section = config_section_bytes(option->key);
    char text[512];

    fputc('\n', out);
    if (starts_section(row) && section > 0)
        fprintf(out, "[%.*s]\n", (int)section, option->key);
    describe(option, text, sizeof(text));
    print_wrapped(out, "# ", text);
}

static const char *name_in_section(size_t row)
{
    size_t section = config_section_bytes(config_options[row].key);

    return config_options[row].key + (section > 0 ? section + 1 : 0);
}

void config_print(const struct config *config, FILE *out)
{
    fputs("# The configuration of feedd " FEEDD_VERSION ". `feedd --config FILE` reads it.\n", out);
    for (size_t row = 0; row < OPTION_ROWS; row++) {
        char origin[CONFIG_SOURCE_BYTES], value[CONFIG_TEXT_MAX_BYTES + 1];

        print_lead(row, out);
        config_source_name(config, row, origin);
        config_write_value(config, row, value, sizeof(value));
        /* Quoted, because a file's name may hold anything, and this must stay one comment. */
        fprintf(out, "# from: %s\n%s = %s\n", log_quote(origin), name_in_section(row), value);
    }
}

void config_print_defaults(FILE *out)
{
    fputs("# Options of feedd. What stands here as a comment is the default: remove the `#` to change it. Then\n"
          "# `feedd --config FILE --check-config` says whether all is well, and a reload applies what it can.\n"
          "# feedd.conf(5) describes the format.\n",
          out);
    for (size_t row = 0; row < OPTION_ROWS; row++) {
        print_lead(row, out);
        fprintf(out, "#%s =%s%s\n", name_in_section(row), config_options[row].default_value[0] != '\0' ? " " : "",
                config_options[row].default_value);
    }
}
