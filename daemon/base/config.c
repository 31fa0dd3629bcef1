/* See config.h. Every value is set by one function, config_set(), whatever it comes from; then what depends on several
 * values is checked. */
#include "base/config.h"

#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config_internal.h"
#include "base/host_port.h"
#include "base/log.h"

int config_fail(struct config_loader *loader, const char *format, ...)
{
    va_list arguments;

    if (loader->result < 0)
        return loader->result;
    loader->result = -EINVAL;
    va_start(arguments, format);
    vsnprintf(loader->error, loader->error_bytes, format, arguments);
    va_end(arguments);
    return loader->result;
}

int config_fail_memory(struct config_loader *loader)
{
    (void)config_fail(loader, "out of memory");
    return loader->result = -ENOMEM;
}

int config_set(struct config_loader *loader, size_t row, const char *text, enum config_origin origin)
{
    const struct option *option = &config_options[row];
    struct config_source *source = &loader->config.sources[row];
    char *copy = strdup(text);
    const char *wrong;

    if (!copy)
        return config_fail_memory(loader);
    free(source->text);
    *source = (struct config_source){.origin = origin, .line = loader->line, .text = copy};
    wrong = config_set_member(option, copy, (char *)&loader->config + option->offset);
    if (wrong) {
        char where[CONFIG_SOURCE_BYTES];
        bool by_flag = origin == CONFIG_FROM_FLAG, is_secret = option->type == OPTION_REDIS_URL; /* it may hold a password */

        return config_fail(loader, "%s: %s%s%s %s", config_source_name(&loader->config, row, where), by_flag ? "" : option->key,
                           by_flag ? "" : ": ", is_secret ? "the address" : log_quote(text), wrong);
    }
    return 0;
}

static int set_defaults(struct config_loader *loader)
{
    int result = 0;

    for (size_t row = 0; row < OPTION_ROWS && result == 0; row++)
        result = config_set(loader, row, config_options[row].default_value, CONFIG_FROM_DEFAULT);
    return result;
}

/* The default of state_dir depends on who runs the daemon: systemd, or a person. */
static int resolve_state_dir(struct config_loader *loader)
{
    const char *systemd = getenv("STATE_DIRECTORY");
    const char *xdg = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    char path[CONFIG_TEXT_MAX_BYTES + 1];
    int length;

    if (loader->config.state_dir[0] != '\0')
        return 0;
    if (systemd && systemd[0] == '/')
        length = snprintf(path, sizeof(path), "%.*s", (int)strcspn(systemd, ":"), systemd);
    else if (xdg && xdg[0] == '/')
        length = snprintf(path, sizeof(path), "%s/feedd", xdg);
    else if (home && home[0] == '/')
        length = snprintf(path, sizeof(path), "%s/.local/state/feedd", home);
    else
        return config_fail(loader, "state_dir must be set: there is no $STATE_DIRECTORY, $XDG_STATE_HOME or $HOME");
    if (length < 0 || (size_t)length >= sizeof(path))
        return config_fail(loader, "state_dir must be set: the default is too long a path");
    return config_set(loader, OPTION_ROW_state_dir, path, CONFIG_FROM_DEFAULT);
}

/* So is the default of admin.path. */
static int resolve_admin_path(struct config_loader *loader)
{
    const char *systemd = getenv("RUNTIME_DIRECTORY");
    char path[SOCKET_PATH_MAX_BYTES + 1];
    int length;

    if (loader->config.admin_path[0] != '\0')
        return 0;
    if (systemd && systemd[0] == '/')
        length = snprintf(path, sizeof(path), "%.*s/admin.sock", (int)strcspn(systemd, ":"), systemd);
    else
        length = snprintf(path, sizeof(path), "%s/admin.sock", loader->config.state_dir);
    if (length < 0 || (size_t)length >= sizeof(path))
        return config_fail(loader, "admin.path must be set: the default is too long a path");
    return config_set(loader, OPTION_ROW_admin_path, path, CONFIG_FROM_DEFAULT);
}

/* And, under systemd, that of redis.password_file. */
static int resolve_password_file(struct config_loader *loader)
{
    const char *systemd = getenv("CREDENTIALS_DIRECTORY");
    char path[CONFIG_TEXT_MAX_BYTES + 1];
    int length;

    if (loader->config.redis_password_file[0] != '\0' || !systemd)
        return 0;
    length = snprintf(path, sizeof(path), "%s/feedd.redis-password", systemd);
    if (length < 0 || (size_t)length >= sizeof(path) || access(path, F_OK) < 0)
        return 0;
    return config_set(loader, OPTION_ROW_redis_password_file, path, CONFIG_FROM_DEFAULT);
}

/* ------------------------------------------------------------------------------------------------ checks */

/* The source of a row for an error: the file and line or the flag, with the key. */
static const char *describe(const struct config *config, size_t row, char out[CONFIG_SOURCE_BYTES + 64])
{
    char source[CONFIG_SOURCE_BYTES];

    snprintf(out, CONFIG_SOURCE_BYTES + 64, "%s (%s)", config_options[row].key,
             config_source_name(config, row, source));
    return out;
}

static void check_pair(struct config_loader *loader, bool holds, size_t row, const char *relation, size_t other)
{
    char first[CONFIG_SOURCE_BYTES + 64];
    char second[CONFIG_SOURCE_BYTES + 64];

    if (!holds)
        (void)config_fail(loader, "%s %s must be %s %s %s", describe(&loader->config, row, first),
                          log_quote(loader->config.sources[row].text), relation,
                          describe(&loader->config, other, second), log_quote(loader->config.sources[other].text));
}

static void check_one(struct config_loader *loader, bool holds, size_t row, const char *right)
{
    char where[CONFIG_SOURCE_BYTES + 64];

    if (!holds)
        (void)config_fail(loader, "%s: %s must be %s", describe(&loader->config, row, where),
                          log_quote(loader->config.sources[row].text), right);
}

/* There is no authentication: beyond loopback only who says so listens. */
static bool may_listen_on(const struct config *config, const char *address)
{
    struct addrinfo *info;
    bool is_loopback = false;

    if (config->insecure || address[0] == '\0')
        return true;
    if (host_port_parse(address, &info) == 0) {
        is_loopback = host_port_is_loopback(info->ai_addr);
        freeaddrinfo(info);
    }
    return is_loopback;
}

int config_check(struct config_loader *loader)
{
    static const char loopback[] = "a loopback address, as there is no authentication, unless insecure is set";
    const struct config *config = &loader->config;

    check_one(loader, (config->store_partitions & (config->store_partitions - 1)) == 0, OPTION_ROW_store_partitions,
              "a power of two");
    check_one(loader, may_listen_on(config, config->listen), OPTION_ROW_listen, loopback);
    check_one(loader, may_listen_on(config, config->http_listen), OPTION_ROW_http_listen, loopback);
    check_one(loader, config->listen[0] != '\0' || config->unix_path[0] != '\0', OPTION_ROW_listen,
              "set, unless there is a unix socket to listen on");
    check_pair(loader, strcmp(config->unix_path, config->admin_path) != 0, OPTION_ROW_unix_path, "another than",
               OPTION_ROW_admin_path);
    check_one(loader, config->redis_url[0] != '\0' || config->redis_server[0] != '\0', OPTION_ROW_redis_url,
              "set, as an empty redis.server allows no private Redis");
    check_one(loader, config->redis_url[0] != '\0' || strlen(config->state_dir) + strlen("/redis.sock") <= SOCKET_PATH_MAX_BYTES,
              OPTION_ROW_state_dir, "at most 96 bytes long, as the private Redis has its socket in it");
    check_pair(loader, config->silence_limit_ms > config->heartbeat_interval_ms, OPTION_ROW_silence_limit_ms, "above",
               OPTION_ROW_heartbeat_interval_ms);
    check_pair(loader, config->profile_cap >= config->timeline_cap, OPTION_ROW_profile_cap, "at least", OPTION_ROW_timeline_cap);
    return loader->result;
}

int config_file_mode(const char *word, unsigned *ret_mode)
{
    size_t digits = strspn(word, "01234567");

    if (digits == 0 || digits > 4 || word[digits] != '\0' || strtoul(word, NULL, 8) > 0777)
        return -EINVAL;
    *ret_mode = (unsigned)strtoul(word, NULL, 8);
    return 0;
}

int config_group(const char *word, gid_t *ret_group)
{
    const struct group *group = getgrnam(word);
    char *end;
    unsigned long number = strtoul(word, &end, 10);

    if (group)
        *ret_group = group->gr_gid;
    else if (word[0] >= '0' && word[0] <= '9' && *end == '\0' && number < (gid_t)-1)
        *ret_group = (gid_t)number;
    else
        return -EINVAL;
    return 0;
}

int config_log_level(const char *word, enum log_level *ret_level)
{
    for (enum log_level level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        if (strcmp(word, log_level_name(level)) == 0) {
            *ret_level = level;
            return 0;
        }
    }
    return -EINVAL;
}

/* -------------------------------------------------------------------------------------------------- load */

/* --help, --version and --print-defaults need no configuration; what they would read is not even looked at. */
static int load(struct config_loader *loader, int argc, char **argv)
{
    if (set_defaults(loader) < 0 || config_read_flags(loader, argc, argv, false) < 0)
        return loader->result;
    if (loader->action == CONFIG_HELP || loader->action == CONFIG_VERSION || loader->action == CONFIG_DEFAULTS)
        return 0;
    if (loader->file_path && config_read_file(loader) < 0)
        return loader->result;
    if (config_read_flags(loader, argc, argv, true) < 0 || resolve_state_dir(loader) < 0 || resolve_admin_path(loader) < 0 ||
        resolve_password_file(loader) < 0)
        return loader->result;
    return config_check(loader);
}

int config_load(int argc, char **argv, struct config *ret_config, enum config_action *ret_action, char *ret_error,
                size_t error_bytes)
{
    struct config_loader loader = {
        .config = {.argc = argc, .argv = argv}, .action = CONFIG_RUN, .error = ret_error, .error_bytes = error_bytes};

    loader.config.sources = calloc(CONFIG_SOURCES, sizeof(*loader.config.sources));
    if (!loader.config.sources)
        return config_fail_memory(&loader);
    if (load(&loader, argc, argv) < 0) {
        config_done(&loader.config);
        return loader.result;
    }
    *ret_config = loader.config;
    *ret_action = loader.action;
    return 0;
}

void config_done(struct config *config)
{
    if (config->sources) {
        for (size_t row = 0; row < CONFIG_SOURCES; row++)
            free(config->sources[row].text);
        free(config->sources);
    }
    *config = (struct config){0};
}
