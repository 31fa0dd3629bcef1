/* The options as a table: their names, the name that was probably meant, and how each type is read. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/config_internal.h"
#include "base/host_port.h"
#include "base/redis_address.h"

/* A name is near another one if they differ in a letter, and in one more for each so many that it has. */
#define NEAR 1
#define LETTERS_PER_MISTAKE 5

const struct option config_options[OPTION_ROWS] = {
#define OPTION(member, key, type, change, default_value, min, max, help)                                                       \
    {key, OPTION_##type, OPTION_##change, offsetof(struct config, member), default_value, min, max, help},
#include "base/options.def"
#undef OPTION
};

size_t config_section_bytes(const char *key)
{
    const char *dot = strchr(key, '.');

    return dot ? (size_t)(dot - key) : 0;
}

const char *config_flag_name(const struct option *option, char flag[CONFIG_FLAG_BYTES])
{
    snprintf(flag, CONFIG_FLAG_BYTES, "--%s", option->key);
    for (char *c = flag; *c != '\0'; c++) {
        if (*c == '.' || *c == '_')
            *c = '-';
    }
    return flag;
}

const char *config_source_name(const struct config *config, size_t row, char out[CONFIG_SOURCE_BYTES])
{
    const struct config_source *source = config->sources ? &config->sources[row] : NULL;

    if (source && source->origin == CONFIG_FROM_FILE)
        snprintf(out, CONFIG_SOURCE_BYTES, "%s:%u", config->sources[CONFIG_SOURCE_FILE].text, source->line);
    else if (source && source->origin == CONFIG_FROM_FLAG)
        config_flag_name(&config_options[row], out);
    else
        snprintf(out, CONFIG_SOURCE_BYTES, "default");
    return out;
}

/* How many characters must be added, removed or changed to get from `a` to `b`; both are cut at 63. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[64];
    size_t a_length = strnlen(a, 63);
    size_t b_length = strnlen(b, 63);

    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            size_t add_or_remove = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

            diagonal = row[j];
            row[j] = change < add_or_remove ? change : add_or_remove;
        }
    }
    return row[b_length];
}

const char *config_hint(const char *name, bool is_flag, char out[CONFIG_HINT_BYTES])
{
    size_t nearest = 0;
    size_t nearest_distance = SIZE_MAX;
    size_t section = config_section_bytes(name);
    const char *tail = section > 0 ? name + section + 1 : name;
    char flag[CONFIG_FLAG_BYTES];

    for (size_t row = 0; row < OPTION_ROWS; row++) {
        const char *key = config_options[row].key;
        size_t key_section = config_section_bytes(key);
        const char *candidate = is_flag ? config_flag_name(&config_options[row], flag) : key;
        const char *candidate_tail = key_section > 0 ? candidate + (is_flag ? 2 : 0) + key_section + 1 : candidate;
        size_t distance = edit_distance(name, candidate);

        if (strcmp(is_flag ? name + 2 : tail, candidate_tail) == 0)
            distance = 0;
        if (distance < nearest_distance) {
            nearest = row;
            nearest_distance = distance;
        }
    }
    if (nearest_distance > NEAR + strlen(name) / LETTERS_PER_MISTAKE)
        snprintf(out, CONFIG_HINT_BYTES, "feedd --help lists them");
    else
        snprintf(out, CONFIG_HINT_BYTES, "did you mean %s?",
                 is_flag ? config_flag_name(&config_options[nearest], flag) : config_options[nearest].key);
    return out;
}

int config_find_key(const char *key, size_t *ret_row)
{
    for (size_t row = 0; row < OPTION_ROWS; row++) {
        if (strcmp(config_options[row].key, key) == 0) {
            *ret_row = row;
            return 0;
        }
    }
    return -ENOENT;
}

int config_find_flag(const char *flag, size_t *ret_row)
{
    for (size_t row = 0; row < OPTION_ROWS; row++) {
        char name[CONFIG_FLAG_BYTES];

        if (strcmp(config_flag_name(&config_options[row], name), flag) == 0) {
            *ret_row = row;
            return 0;
        }
    }
    return -ENOENT;
}

/* ----------------------------------------------------------------------------------------- the forms of texts */

static bool is_host_port(const char *text)
{
    struct addrinfo *info;

    if (text[0] == '\0')
        return true;
    if (host_port_parse(text, &info) < 0)
        return false;
    freeaddrinfo(info);
    return true;
}

static bool is_socket_path(const char *text)
{
    return strlen(text) <= SOCKET_PATH_MAX_BYTES;
}

/* Also where memory ends: that is no fault of the text's, and shows at the start. */
static bool is_redis_url(const char *text)
{
    struct redis_address address;
    int result = text[0] == '\0' ? -ENOMEM : redis_address_parse(text, &address);

    if (result == 0)
        redis_address_done(&address);
    return result != -EINVAL;
}

static bool is_group(const char *text)
{
    gid_t group;

    return text[0] == '\0' || config_group(text, &group) == 0;
}

static bool is_file_mode(const char *text)
{
    unsigned mode;

    return config_file_mode(text, &mode) == 0;
}

static bool is_log_level(const char *text)
{
    enum log_level level;

    return config_log_level(text, &level) == 0;
}

static const struct {
    bool (*holds)(const char *text);
    const char *otherwise;
} forms[] = {
    [OPTION_HOST_PORT] = {is_host_port, "is not " HOST_PORT_FORM},
    [OPTION_SOCKET_PATH] = {is_socket_path, "is longer than 107 bytes, which is all that a Unix socket's path may have"},
    [OPTION_REDIS_URL] = {is_redis_url, "is not " REDIS_ADDRESS_FORM},
    [OPTION_GROUP] = {is_group, "is no group of this system"},
    [OPTION_FILE_MODE] = {is_file_mode, "is not an octal number up to 0777"},
    [OPTION_LOG_LEVEL] = {is_log_level, "is not error, warning, info or debug"},
};

/* ----------------------------------------------------------------------------------------------------- setting */

static const char *set_text(const struct option *option, const char *text, void *member)
{
    size_t length = strlen(text);

    if (length > CONFIG_TEXT_MAX_BYTES)
        return "is longer than 900 bytes";
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return "contains a control character";
    }
    if (length > 0 && (text[0] == ' ' || text[length - 1] == ' '))
        return "starts or ends with a space";
    if (option->type != OPTION_TEXT && !forms[option->type].holds(text))
        return forms[option->type].otherwise;
    *(const char **)member = text;
    return NULL;
}

static const char *set_bool(const char *text, void *member)
{
    static const char *const words[][2] = {{"no", "yes"}, {"false", "true"}, {"off", "on"}, {"0", "1"}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        for (int value = 0; value < 2; value++) {
            if (strcmp(text, words[i][value]) == 0) {
                *(bool *)member = value == 1;
                return NULL;
            }
        }
    }
    return "is neither yes nor no";
}

static const char *set_number(const struct option *option, const char *text, void *member)
{
    static char complaint[96];
    char *end;
    long long value;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (text[strspn(text, "-0123456789")] != '\0' || end == text || *end != '\0' || errno != 0 || value < option->min ||
        value > option->max) {
        snprintf(complaint, sizeof(complaint), "is not a number between %lld and %lld", (long long)option->min,
                 (long long)option->max);
        return complaint;
    }
    *(int64_t *)member = value;
    return NULL;
}

const char *config_set_member(const struct option *option, const char *text, void *member)
{
    if (option->type == OPTION_BOOL)
        return set_bool(text, member);
    return option->type == OPTION_NUMBER ? set_number(option, text, member) : set_text(option, text, member);
}
