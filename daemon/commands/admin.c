/* See admin.h: the admin request, its table of commands, and the socket that takes it. */
#include "commands/admin.h"

#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "base/clock.h"
#include "base/log.h"

#define REPLY_HEAD_BYTES 64 /* around the JSON in its frame */

enum admin_options { NONE, LIMIT, SORT, CHECK, WORDS };

static const struct admin_row {
    const char *word;
    const char *arguments;
    enum admin_options options;
    void (*run)(struct admin_call *call);
} rows[] = {
#define ADMIN(name, word, arguments, options, help) {word, arguments, options, admin_run_##name},
#include "admin.def"
#undef ADMIN
};

/* ---- answers ---- */

void admin_reply(struct admin_call *call, json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

    json_decref(object);
    admin_reply_text(call, text);
}

void admin_reply_text(struct admin_call *call, char *text)
{
    Feed__AdminReply reply = FEED__ADMIN_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;
    int64_t limit = call->admin->config->max_frame_bytes;

    if (!text) {
        request_fail_memory(call->request);
        return;
    }
    if (strlen(text) + REPLY_HEAD_BYTES > (size_t)limit) {
        request_fail(call->request, FEED__ERROR_CODE__LIMIT_EXCEEDED, "max_frame_bytes", (uint64_t)limit,
                     "the answer is longer than a frame may be: ask for less");
    } else {
        reply.json = text;
        frame.body_case = FEED__SERVER_FRAME__BODY_ADMIN;
        frame.admin = &reply;
        request_reply(call->request, &frame);
    }
    free(text);
}

void admin_refuse(struct admin_call *call, Feed__ErrorCode code, const char *field, const char *format, ...)
{
    char message[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    request_fail(call->request, code, field, 0, "%s", message);
}

void admin_append(json_t **list, json_t *row)
{
    if (!*list) {
        json_decref(row);
    } else if (json_array_append_new(*list, row) < 0) {
        json_decref(*list);
        *list = NULL;
    }
}

json_t *admin_id(uint64_t id)
{
    return json_sprintf("%llu", (unsigned long long)id);
}

json_t *admin_text(struct text text)
{
    if (text.size == 0)
        return json_string("");
    return u8_check((const uint8_t *)text.data, text.size) ? json_string("\xef\xbf\xbd") : json_stringn(text.data, text.size);
}

json_t *admin_number(bool known, int64_t number)
{
    return known ? json_integer((json_int_t)number) : json_null();
}

/* ---- requests ---- */

static const struct admin_row *row_of(const char *word)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].word, word) == 0)
            return &rows[i];
    return NULL;
}

bool admin_is_option(const char *text, const char *name, const char **ret_value)
{
    size_t size = strlen(name);

    if (strncmp(text, name, size) != 0 || text[size] != '=')
        return false;
    *ret_value = text + size + 1;
    return true;
}

static bool read_limit(struct admin_call *call, const char *value)
{
    char *end;
    unsigned long limit = strtoul(value, &end, 10);

    if (value[0] < '0' || value[0] > '9' || *end != '\0' || limit < 1 || limit > ADMIN_LIMIT_MAX) {
        request_fail(call->request, FEED__ERROR_CODE__INVALID, "limit", ADMIN_LIMIT_MAX, "limit must be a number from 1 to %d",
                     ADMIN_LIMIT_MAX);
        return false;
    }
    call->limit = limit;
    return true;
}

/* Reads the arguments as the row wants them. False: the request is answered. */
static bool read_arguments(struct admin_call *call, const struct admin_row *row, const Feed__AdminRequest *asked)
{
    const char *value;

    call->words = asked->arguments;
    call->word_count = asked->n_arguments;
    if (row->options == WORDS)
        return true;
    for (size_t i = 0; i < asked->n_arguments; i++) {
        if (i == 0 && row->arguments[0] != '\0' && (row->arguments[0] != '[' || row->options == NONE ||
                                                    !strchr(asked->arguments[0], '='))) {
            call->argument = asked->arguments[0];
        } else if (row->options >= LIMIT && admin_is_option(asked->arguments[i], "limit", &value)) {
            if (!read_limit(call, value))
                return false;
        } else if ((row->options != SORT || !admin_is_option(asked->arguments[i], "sort", &call->sort)) &&
                   (row->options != CHECK || !admin_is_option(asked->arguments[i], "do", &call->act))) {
            admin_refuse(call, FEED__ERROR_CODE__INVALID, "arguments", "%s does not take %s", row->word,
                         log_quote(asked->arguments[i]));
            return false;
        }
    }
    if (row->arguments[0] == '\0' || row->arguments[0] == '[' || call->argument)
        return true;
    admin_refuse(call, FEED__ERROR_CODE__INVALID, "arguments", "%s needs %s", row->word, row->arguments);
    return false;
}

static void run_admin(struct request *request)
{
    const Feed__AdminRequest *asked = request->frame->admin;
    const struct admin_row *row = row_of(asked->command);
    struct admin_call *call = request_allocate(request, sizeof(*call));

    if (!call) {
        request_fail_memory(request);
        return;
    }
    *call = (struct admin_call){.admin = request->commands->admin, .request = request, .limit = ADMIN_LIMIT};
    if (!row)
        admin_refuse(call, FEED__ERROR_CODE__INVALID, "command", "there is no admin command %s", log_quote(asked->command));
    else if (read_arguments(call, row, asked))
        row->run(call);
}

const struct command_row command_admin = {
    .kind = FEED__CLIENT_FRAME__REQUEST_ADMIN,
    .order = ORDER_ADMIN,
    .audience = FOR_OPERATORS,
    .without_store = true,
    .run = run_admin,
};

/* ---- the socket ---- */

struct admin *admin_new(struct event_base *base, const struct config *config, const struct net_limits *limits,
                        struct commands *clients, const struct admin_hooks *hooks, void *context)
{
    struct admin *admin = calloc(1, sizeof(*admin));

    if (!admin)
        return NULL;
    admin->config = config;
    admin->clients = clients;
    admin->hooks = hooks;
    admin->hooks_context = context;
    admin->base = base;
    admin->started_ms = clock_now_ms();
    admin->commands = commands_new(config);
    admin->slice = event_new(base, -1, 0, admin_on_slice, admin);
    admin->net = admin->commands ? net_new(base, limits, &commands_net_handlers, admin->commands) : NULL;
    if (!admin->net || !admin->slice) {
        admin_free(admin);
        return NULL;
    }
    admin->commands->admin = admin;
    commands_attach(admin->commands, clients->feed, admin->net);
    return admin;
}

void admin_free(struct admin *admin)
{
    if (!admin)
        return;
    admin_scans_end(admin);
    if (admin->net)
        net_turn(admin->net); /* the last answers */
    net_free(admin->net);
    commands_free(admin->commands);
    if (admin->slice)
        event_free(admin->slice);
    free(admin);
}

int admin_listen(struct admin *admin)
{
    const struct config *config = admin->config;
    gid_t group = NET_OWN_GROUP;
    unsigned mode = 0600;
    int error;

    (void)config_file_mode(config->admin_mode, &mode);
    if (config->admin_group[0] != '\0')
        (void)config_group(config->admin_group, &group);
    error = net_listen_unix(admin->net, config->admin_path, (mode_t)mode, group);
    if (error < 0)
        log_error("listen-failed", "admin=%s mode=%s group=%s reason=%s", log_quote(config->admin_path), config->admin_mode,
                  log_quote(config->admin_group), log_quote(strerror(-error)));
    else
        log_info("listening-for-operators", "admin=%s", log_quote(config->admin_path));
    return error;
}

void admin_turn(struct admin *admin)
{
    net_turn(admin->net);
}
