/* What --help and --print-config show, out of the table of options. */
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

/* The option's help with its range and default. */
static void describe(const struct option *option, char *out, size_t size)
{
    const char *value = option->default_value;

    if (option->type == OPTION_NUMBER)
        snprintf(out, size, "%s (%lld to %lld; default %s)", option->help, (long long)option->min,
                 (long long)option->max, value);
    else if (value[0] != '\0')
        snprintf(out, size, "%s (default %s)", option->help, value);
    else
        snprintf(out, size, "%s", option->help);
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
        [OPTION_STRING] = " TEXT", [OPTION_BOOL] = "[=yes|no]", [OPTION_NUMBER] = " NUMBER"};

    fputs("feedd " FEEDD_VERSION ", a feed daemon: shares, follows, home timelines and live streams\n\n"
          "Usage: feedd [--OPTION VALUE]...\n\n"
          "  --config FILE\n"
          "      read options from FILE, where --limits-max-page stands as `max_page = …` under `[limits]`;\n"
          "      flags win over it\n"
          "  --print-config\n"
          "      print every option with its value and where that came from, as a file for --config\n"
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

static void write_value(const struct config *config, size_t row, char *out, size_t size)
{
    const struct option *option = &config_options[row];
    const void *member = (const char *)config + option->offset;

    switch (option->type) {
    case OPTION_STRING:
        snprintf(out, size, "%s", *(const char *const *)member);
        return;
    case OPTION_BOOL:
        snprintf(out, size, "%s", *(const bool *)member ? "yes" : "no");
        return;
    case OPTION_NUMBER:
        snprintf(out, size, "%lld", (long long)*(const int64_t *)member);
        return;
    }
}

bool config_look(const struct config *config, size_t row, struct config_look *ret_look)
{
    if (row >= OPTION_ROWS)
        return false;
    ret_look->key = config_options[row].key;
    ret_look->default_value = config_options[row].default_value;
    write_value(config, row, ret_look->value, sizeof(ret_look->value));
    config_source_name(config, row, ret_look->origin);
    return true;
}

void config_print(const struct config *config, FILE *out)
{
    fputs("# The configuration of feedd " FEEDD_VERSION ". `feedd --config FILE` reads it.\n", out);
    for (size_t row = 0; row < OPTION_ROWS; row++) {
        const struct option *option = &config_options[row];
        size_t section = config_section_bytes(option->key);
        char text[512];
        struct config_look look;

        fputc('\n', out);
        if (starts_section(row) && section > 0)
            fprintf(out, "[%.*s]\n", (int)section, option->key);
        describe(option, text, sizeof(text));
        print_wrapped(out, "# ", text);
        /* Quoted, because a file's name may hold anything, and this must stay one comment. */
        config_look(config, row, &look);
        fprintf(out, "# from: %s\n", log_quote(look.origin));
        fprintf(out, "%s = %s\n", option->key + (section > 0 ? section + 1 : 0), look.value);
    }
}
