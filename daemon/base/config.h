/* The configuration: every option, out of options.def, from defaults, a file and flags (later ones win). A reload reads them
 * again and applies what may change while the daemon runs: all of it, or nothing where anything is wrong. */
#ifndef FEED_BASE_CONFIG_H
#define FEED_BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/log.h"

typedef bool config_type_BOOL;
typedef int64_t config_type_NUMBER;
typedef const char *config_type_TEXT, *config_type_HOST_PORT, *config_type_SOCKET_PATH, *config_type_REDIS_URL, *config_type_GROUP,
    *config_type_FILE_MODE, *config_type_LOG_LEVEL;

struct config {
#define OPTION(member, key, type, change, default_value, min, max, help) config_type_##type member;
#include "options.def"
#undef OPTION
    struct config_source *sources; /* config.c's: where each value came from; NULL in a configuration made by hand */
    int argc;                      /* the command line, borrowed, which a reload reads again */
    char **argv;
};

/* What the command line asks for beside running. */
enum config_action { CONFIG_RUN, CONFIG_HELP, CONFIG_VERSION, CONFIG_PRINT, CONFIG_DEFAULTS, CONFIG_CHECK };

/* Fills *ret_config from the defaults, then from the file that --config names, then from the flags. Returns 0, or a
 * negative errno with a message for the operator in `ret_error` (file and line where there is one, the option's key,
 * what would be right, and for an unknown key the nearest one). Strings live until config_done(), those of options that a
 * reload applies until the reload. */
int config_load(int argc, char **argv, struct config *ret_config, enum config_action *ret_action, char *ret_error,
                size_t error_bytes);
void config_done(struct config *config);

/* An option whose value is another than before. Texts live until the function that is told of it returns. */
struct config_change {
    const char *key;
    const char *from, *to; /* without passwords */
    bool needs_restart;    /* it is not applied */
};

/* Reads the file and the flags again. Tells of each change, when all are made. Returns 0, or a negative errno with a message as
 * config_load() does; then nothing has changed. */
int config_reload(struct config *config, void (*on_change)(void *context, const struct config_change *change), void *context,
                  char *ret_error, size_t error_bytes);

/* The mode that admin.mode spells, in octal. 0, or -EINVAL for anything else. */
int config_file_mode(const char *word, unsigned *ret_mode);

/* The group that admin.group names, or gives the number of. 0, or -EINVAL if there is none. */
int config_group(const char *word, gid_t *ret_group);

/* The level that log_level names. 0, or -EINVAL for another word. */
int config_log_level(const char *word, enum log_level *ret_level);

/* An option as it stands. */
struct config_look {
    const char *key;
    const char *default_value;
    bool reloadable;
    char value[1024];  /* without passwords */
    char origin[1024]; /* "default", "FILE:LINE", or the flag */
};

/* Looks at the option in a row of the table; false behind the last one. */
bool config_look(const struct config *config, size_t row, struct config_look *ret_look);

/* For --help, --print-config and --print-defaults. The second prints a file that --config reads back, with each value's origin;
 * the third one in which every option is a comment. */
void config_help(FILE *out);
void config_print(const struct config *config, FILE *out);
void config_print_defaults(FILE *out);

#endif
