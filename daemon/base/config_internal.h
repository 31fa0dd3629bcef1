/* What the files of the configuration share: the rows of options.def as a table. */
#ifndef FEED_BASE_CONFIG_INTERNAL_H
#define FEED_BASE_CONFIG_INTERNAL_H

#include "base/config.h"

/* Longest line of a configuration file, without its end, and longest text value: what --print-config prints, --config
 * must read. */
#define CONFIG_LINE_MAX_BYTES 1000
#define CONFIG_TEXT_MAX_BYTES 900

/* Room for a flag's name ("--section-name") or a source ("file:line"). */
#define CONFIG_FLAG_BYTES 64
#define CONFIG_SOURCE_BYTES 600

/* From OPTION_TEXT on they are texts. */
enum option_type {
    OPTION_BOOL,
    OPTION_NUMBER,
    OPTION_TEXT,
    OPTION_HOST_PORT,
    OPTION_SOCKET_PATH,
    OPTION_REDIS_URL,
    OPTION_GROUP,
    OPTION_FILE_MODE,
    OPTION_LOG_LEVEL
};
enum option_change { OPTION_RELOAD, OPTION_RESTART };

struct option {
    const char *key;
    enum option_type type;
    enum option_change change;
    size_t offset; /* in struct config */
    const char *default_value;
    int64_t min, max;
    const char *help;
};

enum {
#define OPTION(member, key, type, change, default_value, min, max, help) OPTION_ROW_##member,
#include "base/options.def"
#undef OPTION
    OPTION_ROWS
};

extern const struct option config_options[OPTION_ROWS];

enum config_origin { CONFIG_FROM_DEFAULT, CONFIG_FROM_FILE, CONFIG_FROM_FLAG };

struct config_source {
    enum config_origin origin;
    unsigned line; /* CONFIG_FROM_FILE */
    char *text;    /* the value as it was written; what the member of a text points to */
};

/* The table of sources has a row more than there are options: its text is the file's name. */
#define CONFIG_SOURCE_FILE OPTION_ROWS
#define CONFIG_SOURCES (OPTION_ROWS + 1)

/* The section of `key`, which ends before its dot: its length, 0 for a key without a section. */
size_t config_section_bytes(const char *key);

/* The flag of an option, "--limits-max-page". Returns `flag`. */
const char *config_flag_name(const struct option *option, char flag[CONFIG_FLAG_BYTES]);

/* Where a value came from: "FILE:LINE", the flag, or "default". Returns `out`. */
const char *config_source_name(const struct config *config, size_t row, char out[CONFIG_SOURCE_BYTES]);

/* 0, or -ENOENT. */
int config_find_key(const char *key, size_t *ret_row);
int config_find_flag(const char *flag, size_t *ret_row);

/* What to do about an unknown key or flag: "did you mean …?", or where to look if none is near. Returns `out`. */
#define CONFIG_HINT_BYTES (CONFIG_FLAG_BYTES + 16)
const char *config_hint(const char *name, bool is_flag, char out[CONFIG_HINT_BYTES]);

/* Reads `text` into the member, as the option's type wants it. Returns NULL, or what is wrong with the text ("is neither yes nor
 * no"). The member of a text points to `text` from then on. */
const char *config_set_member(const struct option *option, const char *text, void *member);

/* The value of a row as it would be written in a file. */
void config_write_value(const struct config *config, size_t row, char *out, size_t size);

/* An address of Redis may hold a password: stars it out. */
void config_hide_password(char *url);

struct config_loader {
    struct config config;
    const char *file_path; /* of --config */
    FILE *file;
    unsigned line; /* being read */
    enum config_action action;
    int result; /* the first failure */
    char *error;
    size_t error_bytes;
};

/* The first failure is the one that is reported. Both return loader->result. */
int config_fail(struct config_loader *loader, const char *format, ...) __attribute__((format(printf, 2, 3)));
int config_fail_memory(struct config_loader *loader);

/* Sets one option and remembers where from. */
int config_set(struct config_loader *loader, size_t row, const char *text, enum config_origin origin);

/* Whether the values go together. */
int config_check(struct config_loader *loader);

/* Reads loader->file_path. */
int config_read_file(struct config_loader *loader);

/* Walks over the command line: first for --config and the action, then, after the file was read, to `apply` the
 * flags. */
int config_read_flags(struct config_loader *loader, int argc, char **argv, bool apply);

#endif
