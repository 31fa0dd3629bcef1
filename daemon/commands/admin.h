/* What the admin commands share. They answer on the admin socket, which has connections of its own: so it works when the port
 * for clients is full, while the daemon drains, and when Redis is away. What they answer is one JSON object each.
 *
 *     admin.c          the request, the table of commands, the socket
 *     admin_clients.c  clients, slow, kill
 *     admin_feed.c     jobs, subject, hot
 *     admin_trace.c    trace
 *     admin_redis.c    redis
 *     admin_server.c   stats, config, log-level, drain
 *     admin_check.c    check
 *     admin_transfer.c export, import
 *     closed.c         closed
 */
#ifndef FEED_COMMANDS_ADMIN_H
#define FEED_COMMANDS_ADMIN_H

#include <event2/util.h>
#include <jansson.h>

#include "commands/internal.h"

#define ADMIN_ARGUMENTS_MAX 1
#define ADMIN_LIMIT 20      /* rows of a list, unless the request says otherwise, … */
#define ADMIN_LIMIT_MAX 1000 /* … and at most */

struct scan;

struct admin {
    const struct config *config;
    struct commands *clients;  /* whose sessions are looked at */
    struct commands *commands; /* its own sessions */
    struct net *net;           /* and connections */
    const struct admin_hooks *hooks;
    void *hooks_context;
    struct event_base *base;
    struct event *slice; /* the next slice of the scans */
    struct scan *scans;
    int64_t started_ms;
};

/* An admin request as it was understood; it lives as long as the request. */
struct admin_call {
    struct admin *admin;
    struct request *request;
    const char *argument; /* NULL: none */
    const char *sort;     /* NULL: as the command likes */
    const char *act;      /* what is to be done; NULL: nothing, it is only looked */
    size_t limit;
    char *const *words; /* all arguments, of commands that read them themselves */
    size_t word_count;
    void *state; /* the command's own, in the request's memory */
};

/* The answer: an object, which is taken; NULL: memory ended. Ends the request. */
void admin_reply(struct admin_call *call, json_t *object);
/* The same for an object that is written out already; of malloc(), and taken. */
void admin_reply_text(struct admin_call *call, char *text);
/* The same for a request that cannot be carried out. */
void admin_refuse(struct admin_call *call, Feed__ErrorCode code, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Whether `text` is `name=value`; *ret_value is the value then. */
bool admin_is_option(const char *text, const char *name, const char **ret_value);

/* Appends a row, which is taken; without memory for it *list is NULL from then on. */
void admin_append(json_t **list, json_t *row);
/* The id of a connection: a string, as it may not fit what JSON's readers take for a number. */
json_t *admin_id(uint64_t id);
/* Text that need not be UTF-8. */
json_t *admin_text(struct text text);
/* A number; null if it is not `known`. */
json_t *admin_number(bool known, int64_t number);

/* admin_clients.c: answers UNAVAILABLE to whom it has no answer yet. */
void admin_scans_end(struct admin *admin);
void admin_on_slice(evutil_socket_t fd, short what, void *context);

#define ADMIN(name, word, arguments, options, help) void admin_run_##name(struct admin_call *call);
#include "admin.def"
#undef ADMIN

#endif
