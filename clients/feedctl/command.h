/* What a command of feedctl is: one row of a table, from which the parser, --help, the completion and the error
 * messages are made. Each command has a file of its own, or shares it with its twin. */
#ifndef FEEDCTL_COMMAND_H
#define FEEDCTL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The exit codes. */
enum {
    DONE = 0,
    REFUSED = 1,   /* the server said no, or something else went wrong */
    USAGE = 2,     /* the command line, or a file that it names */
    NO_SERVER = 3, /* it cannot be reached */
};

#define OPTIONS_MAX 8

struct command_option {
    const char *name;  /* without the dashes; NULL ends a list */
    const char *value; /* the word for its value in the help; NULL: a flag. FILE is completed as one */
    const char *help;
    bool required;
};

struct run;

struct command {
    const char *name;      /* one word, or two as in "import graph" */
    const char *arguments; /* as in the usage line: "READER SUBJECT...", "[READER]"; "" for none */
    const char *summary;   /* one line */
    const char *details;   /* for its own --help; NULL: there is no more to say */
    struct command_option options[OPTIONS_MAX];
    bool hidden; /* not listed */
    bool for_operators; /* it talks to the admin socket */
    int (*run)(const struct run *run); /* returns the exit code */
};

/* One command line. */
struct run {
    const struct command *command;
    const char *group; /* the first word, where commands have two; else NULL */
    const char *server; /* NULL: the default */
    bool json;
    char *values[OPTIONS_MAX]; /* of command->options; NULL: not given; "" for a flag that is */
    char *const *arguments;
    size_t argument_count;
};

extern const struct command command_share, command_reshare, command_edit, command_delete, command_show, command_follow,
    command_unfollow, command_following, command_followers, command_timeline, command_profile, command_comment, command_delete_comment,
    command_dialogue, command_watch, command_import_graph, command_import_shares, command_ping, command_top, command_completion,
    command_describe, command_subjects, command_find, command_destination, command_site, command_block, command_unblock,
    command_mute, command_unmute, command_blocked, command_delete_subject, command_popular, command_suggest,
    command_mark_read, command_unread, command_presence, command_inbox;
#define ADMIN(id, word, arguments, options, help) extern const struct command command_admin_##id;
#include "admin.def"
#undef ADMIN

/* Every command, ended by NULL. */
extern const struct command *const commands[];

/* Whether the command has two words, and `group` is the first one. *ret_word, if not NULL, is the second one then. */
bool command_is_of_group(const struct command *command, const char *group, const char **ret_word);

/* The options that stand before or after any command; a row without a name ends the list. */
extern const struct command_option global_options[];

/* The value of the option `name` of the running command, NULL if it was not given. Not const only because the fields of
 * protobuf-c's messages are not. */
char *run_option(const struct run *run, const char *name);
/* The same, "" if it was not given. */
char *run_text(const struct run *run, const char *name);
/* Reads the id of a share, comment or notice, with or without the # that the human output puts before it. False: it is none. */
bool id_read(const char *text, uint64_t *ret_id);
/* The same, and that it is none has been said on standard error. */
bool run_id(const char *text, uint64_t *ret_id);
/* That value as a number from `least` to `most`, or `standard` if it was not given. False: it is no such number,
 * which has been said on standard error. */
bool run_option_number(const struct run *run, const char *name, unsigned long least, unsigned long most,
                       unsigned long standard, unsigned long *ret_number);

#endif
