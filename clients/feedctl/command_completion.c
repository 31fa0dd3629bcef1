/* feedctl completion: scripts for shells, made from the table of commands. Arguments are completed as files where
 * the usage says FILE; subjects are not known here. */
#include <stdio.h>
#include <string.h>

#include "command.h"

static bool takes_file(const char *arguments)
{
    return strncmp(arguments, "FILE", strlen("FILE")) == 0;
}

typedef void word_fn(const char *word, size_t length, const struct command *command);

/* What commands of two words begin with, and what that is for. */
static const struct group {
    const char *word, *summary;
} groups[] = {
    { "import", "Import from a file" },
    { "admin", "Operate feedd" },
};
#define GROUPS (sizeof groups / sizeof *groups)

/* Calls `each` for every word that can follow `first` ("" for the first word of a command), once. */
static void for_each_word(const char *first, word_fn *each)
{
    for (size_t i = 0; commands[i] != NULL; i++) {
        const char *name = commands[i]->name;
        const char *space = strchr(name, ' ');
        size_t length = space != NULL ? (size_t)(space - name) : strlen(name);
        bool again = i > 0 && strncmp(commands[i - 1]->name, name, length + (space != NULL)) == 0;

        if (commands[i]->hidden)
            continue;
        if (first[0] == '\0' && !again)
            each(name, length, commands[i]);
        else if (command_is_of_group(commands[i], first, &name))
            each(name, strlen(name), commands[i]);
    }
}

static void print_word(const char *word, size_t length, const struct command *command)
{
    (void)command;
    printf(" %.*s", (int)length, word);
}

static void print_option_words(const struct command_option *options)
{
    for (; options->name != NULL; options++)
        printf(" --%s", options->name);
}

/* ------------------------------------------------------------------------------------------------------------- bash */

/* A branch of the case over "command words so far". */
static void print_bash_branch(const struct command *command)
{
    printf("    '%s')\n        words='", command->name);
    print_option_words(command->options);
    print_option_words(global_options);
    printf("'\n        files=%d ;;\n", takes_file(command->arguments));
}

static void print_bash_values(const struct command_option *options)
{
    for (; options->name != NULL; options++) {
        if (options->value == NULL)
            continue;
        printf("    --%s)\n", options->name);
        if (strcmp(options->value, "FILE") == 0)
            printf("        COMPREPLY=($(compgen -f -- \"$current\"))\n");
        printf("        return ;;\n");
    }
}

static void print_bash(void)
{
    fputs("# bash completion for feedctl; made by: feedctl completion bash\n"
          "_feedctl() {\n"
          "    local current=${COMP_WORDS[COMP_CWORD]} command= words= files=0 i\n"
          "    COMPREPLY=()\n"
          "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
          "        case ${COMP_WORDS[i]} in\n"
          "        --server) ((i++)) ;;\n"
          "        -*) ;;\n"
          "        *)\n"
          "            case $command in\n"
          "            '') command=${COMP_WORDS[i]} ;;\n",
          stdout);
    for (size_t i = 0; i < GROUPS; i++)
        printf("            %s) command+=\" ${COMP_WORDS[i]}\" ;;\n", groups[i].word);
    fputs("            esac ;;\n"
          "        esac\n"
          "    done\n"
          "    case ${COMP_WORDS[COMP_CWORD - 1]} in\n",
          stdout);
    for (size_t i = 0; commands[i] != NULL; i++)
        print_bash_values(commands[i]->options);
    print_bash_values(global_options);
    fputs("    esac\n"
          "    case $command in\n"
          "    '') words='",
          stdout);
    for_each_word("", print_word);
    print_option_words(global_options);
    fputs("' ;;\n", stdout);
    for (size_t i = 0; i < GROUPS; i++) {
        printf("    %s) words='", groups[i].word);
        for_each_word(groups[i].word, print_word);
        fputs("' ;;\n", stdout);
    }
    for (size_t i = 0; commands[i] != NULL; i++)
        if (!commands[i]->hidden)
            print_bash_branch(commands[i]);
    fputs("    esac\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
          "    ((files)) && [[ $current != -* ]] && COMPREPLY+=($(compgen -f -- \"$current\"))\n"
          "}\n"
          "complete -o filenames -F _feedctl feedctl\n",
          stdout);
}

/* -------------------------------------------------------------------------------------------------------------- zsh */

/* Text inside single quotes and brackets. */
static void print_zsh_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (strchr("[]:\\", *text) != NULL)
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void print_zsh_options(const struct command_option *options)
{
    for (; options->name != NULL; options++) {
        printf(" \\\n            '--%s[", options->name);
        print_zsh_text(options->help);
        putchar(']');
        if (options->value != NULL)
            printf(":%s:%s", options->value, strcmp(options->value, "FILE") == 0 ? "_files" : "");
        putchar('\'');
    }
}

static void print_zsh_word(const char *word, size_t length, const struct command *command)
{
    bool two_words = strchr(command->name, ' ') != NULL && word == command->name;
    size_t group = 0;

    while (two_words && (strlen(groups[group].word) != length || strncmp(groups[group].word, word, length) != 0))
        group++;
    printf("            '%.*s:", (int)length, word);
    print_zsh_text(two_words ? groups[group].summary : command->summary);
    fputs("'\n", stdout);
}

static void print_zsh_branch(const struct command *command)
{
    printf("        '%s')\n            _arguments -S", command->name);
    print_zsh_options(command->options);
    print_zsh_options(global_options);
    if (command->arguments[0] != '\0')
        printf(" \\\n            '*::%s:%s'", takes_file(command->arguments) ? "file" : "argument",
               takes_file(command->arguments) ? "_files" : "");
    fputs(" ;;\n", stdout);
}

/* Its second words, then what belongs to the two together. */
static void print_zsh_group(const struct group *group)
{
    printf("        if [[ $command == %s ]]; then\n"
           "            if ((CURRENT == 2)); then\n"
           "                names=(\n",
           group->word);
    for_each_word(group->word, print_zsh_word);
    printf("                )\n"
           "                _describe what names\n"
           "                return\n"
           "            fi\n"
           "            command=\"%s $words[2]\"\n"
           "            shift words\n"
           "            ((CURRENT--))\n"
           "        fi\n",
           group->word);
}

static void print_zsh(void)
{
    fputs("#compdef feedctl\n"
          "# zsh completion for feedctl; made by: feedctl completion zsh\n"
          "_feedctl() {\n"
          "    local state line command context\n"
          "    local -a names\n"
          "    _arguments -C -S",
          stdout);
    print_zsh_options(global_options);
    fputs(" \\\n"
          "            '1:command:->command' '*::argument:->rest' && return\n"
          "    case $state in\n"
          "    command)\n"
          "        names=(\n",
          stdout);
    for_each_word("", print_zsh_word);
    fputs("        )\n"
          "        _describe command names ;;\n"
          "    rest)\n"
          "        command=$words[1]\n",
          stdout);
    for (size_t i = 0; i < GROUPS; i++)
        print_zsh_group(&groups[i]);
    fputs("        case $command in\n", stdout);
    for (size_t i = 0; commands[i] != NULL; i++)
        if (!commands[i]->hidden)
            print_zsh_branch(commands[i]);
    fputs("        esac ;;\n"
          "    esac\n"
          "}\n"
          "_feedctl \"$@\"\n",
          stdout);
}

static int run_completion(const struct run *run)
{
    if (strcmp(run->arguments[0], "bash") == 0) {
        print_bash();
    } else if (strcmp(run->arguments[0], "zsh") == 0) {
        print_zsh();
    } else {
        fprintf(stderr, "feedctl: completion is there for bash and zsh, not for %s\n", run->arguments[0]);
        return USAGE;
    }
    return DONE;
}

const struct command command_completion = {
    .name = "completion",
    .arguments = "SHELL",
    .summary = "Print the completion script for bash or zsh",
    .hidden = true,
    .run = run_completion,
};
