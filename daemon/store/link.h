/* One connection to Redis that keeps itself up.
 *
 * It connects, authenticates, selects the database and calls on_up(). When the connection breaks, or Redis answers nothing
 * for the time-out, on_down() is called, then every call that is still unanswered gets its callback with no reply, and after
 * a pause (100 ms doubling to 2 s) it connects again. Long before the time-out, when something has been unanswered for
 * `stall_ms`, the link is stalled: nothing more is sent, what was sent may still be answered, and the first answer ends it. An
 * idle link sees a stall as well: it asks for a sign of life four times per `stall_ms`. Calls made while a link is not up, or is
 * stalled, are refused, never queued. */
#ifndef FEED_STORE_LINK_H
#define FEED_STORE_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/redis_address.h"
#include "store/command.h"
#include "store/reply.h"

struct event_base;
struct link;

/* `reply` is NULL if the connection ended first. Called exactly once for each accepted call. May call link_call(). */
typedef void reply_fn(void *context, const struct reply *reply);
/* For calls whose answer nobody needs. */
void reply_ignore(void *context, const struct reply *reply);

struct link_handlers {
    void (*on_up)(void *context, struct link *link);
    void (*on_down)(void *context, struct link *link);
    /* The link stalled, or has got over it: link_is_up() says which. Never of a blocking link. */
    void (*on_stall)(void *context, struct link *link);
    /* Redis answered a call with an error; the call's own callback comes next. */
    void (*on_error)(void *context, struct link *link, const struct reply *reply);
};

struct link_times {
    uint32_t timeout_ms;
    uint32_t stall_ms; /* no longer than the time-out: a longer one counts as that */
};

/* `blocking` links carry commands that wait in Redis for up to a second: the time-out is longer by that, they are not pinged
 * and do not stall. `name`, `address`, `handlers` and `times` are borrowed; the latter may change between turns of the loop.
 * NULL when memory ends. */
struct link *link_new(struct event_base *base, const char *name, const struct redis_address *address,
                      const struct link_times *times, bool blocking, const struct link_handlers *handlers, void *context);
/* Calls pending callbacks with no reply. NULL is allowed. */
void link_free(struct link *link);

/* Connects, now and after each loss. Does nothing if it is started. */
void link_start(struct link *link);
/* Sends what was asked for in this turn of the loop. */
void link_flush(struct link *link);
/* Disconnects and stays so. */
void link_stop(struct link *link);
/* Gives the connection up as if it had broken; it is made again. Not from within on_down. */
void link_restart(struct link *link);
/* All is well: the next pause is the shortest again. */
void link_settled(struct link *link);

/* Whether calls are taken: it is connected and does not stall. */
bool link_is_up(const struct link *link);
/* Redis's name for the process at the other end, which changes when it restarts or another takes its place. While it is up. */
const char *link_run_id(const struct link *link);
const char *link_name(const struct link *link);

/* What a link looks like from outside. */
struct link_look {
    const char *name;
    const char *state;   /* "stopped", "away", "connecting", "greeting", "up", "stalled" */
    uint64_t unanswered; /* calls */
    int64_t quiet_ms;    /* since Redis last answered, or was last asked when it had nothing to answer */
};
void link_look(const struct link *link, struct link_look *ret_look);

/* Sends the command. 0, -ENOTCONN if the link is not up or stalls, -ENOMEM: then nothing was sent and `fn` is not called. */
int link_call(struct link *link, struct command *command, reply_fn *fn, void *context);

#endif
