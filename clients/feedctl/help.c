/* See help.h. */
#include "help.h"

static void print_usage(FILE *out, const struct command *command)
{
    fprintf(out, "%s", command->name);
    for (const struct command_option *option = command->options; option->name != NULL; option++) {
        if (!option->required)
            continue;
        fprintf(out, " --%s %s", option->name, option->value);
    }
    if (command->arguments[0] != '\0')
        fprintf(out, " %s", command->arguments);
    for (const struct command_option *option = command->options; option->name != NULL; option++) {
        if (option->required)
            continue;
        fprintf(out, " [--%s%s%s]", option->name, option->value != NULL ? " " : "",
                option->value != NULL ? option->value : "");
    }
}

static void print_options(FILE *out, const struct command_option *options)
{
    for (; options->name != NULL; options++) {
        char left[64];

        snprintf(left, sizeof left, "--%s%s%s", options->name, options->value != NULL ? " " : "",
                 options->value != NULL ? options->value : "");
        fprintf(out, "  %-20s  %s\n", left, options->help);
    }
}

static void print_command(FILE *out, const struct command *command)
{
    fprintf(out, "Usage: feedctl [--server ADDRESS] [--json] ");
    print_usage(out, command);
    fprintf(out, "\n\n%s.\n", command->summary);
    if (command->details != NULL)
        fprintf(out, "%s\n", command->details);
    fputs("\n", out);
    print_options(out, command->options);
    print_options(out, global_options);
}

void help_print(FILE *out, const struct run *run)
{
    if (run->command != NULL) {
        print_command(out, run->command);
        return;
    }
    fprintf(out, "Usage: feedctl [--server ADDRESS] [--json] %s%sCOMMAND\n\nTalks to feedd, the feed daemon.\n\nCommands:\n",
            run->group != NULL ? run->group : "", run->group != NULL ? " " : "");
    for (size_t i = 0; commands[i] != NULL; i++) {
        char left[80];

        if (commands[i]->hidden || (run->group != NULL && !command_is_of_group(commands[i], run->group, NULL)))
            continue;
        snprintf(left, sizeof left, "%s%s%s", commands[i]->name, commands[i]->arguments[0] != '\0' ? " " : "",
                 commands[i]->arguments);
        fprintf(out, "  %-26s  %s\n", left, commands[i]->summary);
    }
    fputs("\nOptions:\n", out);
    print_options(out, global_options);
    fputs("\nfeedctl COMMAND --help says more about a command.\n"
          "Exit codes: 0 done, 1 refused, 2 usage, 3 cannot connect.\n",
          out);
}

/* "Usage: feedctl import graph|shares" */
static void print_group(FILE *out, const char *group)
{
    const char *between = " ", *word;

    fprintf(out, "Usage: feedctl %s", group);
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (commands[i]->hidden || !command_is_of_group(commands[i], group, &word))
            continue;
        fprintf(out, "%s%s", between, word);
        between = "|";
    }
    fputc('\n', out);
}

void help_print_wrong(FILE *out, const struct run *run, const char *message)
{
    fprintf(out, "feedctl: %s\n", message);
    if (run->command != NULL) {
        fputs("Usage: feedctl ", out);
        print_usage(out, run->command);
        fputc('\n', out);
    } else if (run->group != NULL) {
        print_group(out, run->group);
    } else {
        fputs("Try: feedctl --help\n", out);
    }
}
