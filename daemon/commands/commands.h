/* The commands: what clients may ask, and the sessions in which they ask it.
 *
 * A session runs the requests of one order class at a time, any number of them; a request of another class waits until
 * those before it are answered. So requests that depend on each other (follow, then share, then read) see each other's
 * effects in the order sent, and those that do not need not wait. */
#ifndef FEED_COMMANDS_COMMANDS_H
#define FEED_COMMANDS_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "net/net.h"

struct commands;
struct config;
struct config_change;
struct feed;

/* `config` is borrowed. NULL when memory ends. */
struct commands *commands_new(const struct config *config);
void commands_free(struct commands *commands);
/* Whom to ask and whom to answer: both outlive the last request. */
void commands_attach(struct commands *commands, struct feed *feed, struct net *net);

/* Remembers the connections that ended last, for operators. 0 or -ENOMEM. */
int commands_keep_closed(struct commands *commands);

/* What net hands up; its context is the commands. */
extern const struct net_handlers commands_net_handlers;

/* From here on requests are refused, with a time to retry: another daemon, or the next life of this one, takes them. */
void commands_stop(struct commands *commands);
/* Requests that are being worked on. */
size_t commands_in_progress(const struct commands *commands);

/* ---- operators: see admin.h ---- */

struct admin;
struct event_base;

/* What operators may have done that is the upper room's to do. */
struct admin_hooks {
    /* The daemon stops in good order. */
    void (*drain)(void *context);
    /* Reads the configuration anew, as config_reload() does; every room goes by it from then on. */
    int (*reload)(void *context, void (*on_change)(void *context, const struct config_change *change), void *change_context,
                  char *ret_error, size_t error_bytes);
};

/* The admin socket, with connections of its own. `clients` are those whose sessions are looked at; it, `config`, `limits`
 * and `hooks` are borrowed. NULL when memory ends. */
struct admin *admin_new(struct event_base *base, const struct config *config, const struct net_limits *limits,
                        struct commands *clients, const struct admin_hooks *hooks, void *context);
/* NULL is allowed. */
void admin_free(struct admin *admin);
/* 0, or a negative errno that has been logged. */
int admin_listen(struct admin *admin);
/* Ends the turn of the loop, as net_turn() does. */
void admin_turn(struct admin *admin);

#endif
