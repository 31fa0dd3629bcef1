/* See link.h. hiredis has no time-outs of its own: a timer looks at each link four times per time-out. */
#include "store/link.h"

#include <errno.h>
#include <event2/event.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <hiredis/adapters/libevent.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"

#define BACKOFF_FIRST_MS 100u
#define BACKOFF_LAST_MS 2000u
#define BLOCK_ALLOWANCE_MS 1000u

enum link_state { LINK_STOPPED, LINK_AWAY, LINK_CONNECTING, LINK_GREETING, LINK_UP };

struct link {
    struct event_base *base;
    const char *name;
    const struct redis_address *address;
    const struct link_handlers *handlers;
    void *context;
    redisAsyncContext *redis; /* NULL when away */
    struct event *timer;
    struct call *spare; /* calls to be used again */
    enum link_state state;
    bool blocking;
    bool was_up;
    uint32_t timeout_ms;
    uint32_t backoff_ms;
    uint64_t in_flight;
    int64_t progress_ms; /* when Redis last answered, or was last given something to answer */
};

struct call {
    struct link *link;
    reply_fn *fn;
    void *context;
    struct call *next_spare;
};

static void timer_after(struct link *link, uint32_t ms)
{
    struct timeval delay = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

    event_add(link->timer, &delay);
}

/* The one function that changes the state. */
static void change_state(struct link *link, enum link_state state)
{
    enum link_state before = link->state;

    if (state == before)
        return;
    link->state = state;
    link->progress_ms = clock_now_ms();
    if (state == LINK_UP) {
        if (link->was_up)
            metrics.redis_reconnects++;
        link->was_up = true;
        link->handlers->on_up(link->context, link);
    }
    if (before == LINK_UP)
        link->handlers->on_down(link->context, link);
}

/* Takes the connection down, after which the timer connects again. Not from within hiredis's connect and disconnect
 * callbacks, which free the context themselves. */
static void drop(struct link *link, const char *why)
{
    redisAsyncContext *redis = link->redis;

    if (link->was_up || link->state == LINK_GREETING)
        log_warning("redis-lost", "link=%s reason=%s", link->name, log_quote(why));
    link->redis = NULL;
    change_state(link, LINK_AWAY);
    if (redis)
        redisAsyncFree(redis);
    timer_after(link, link->backoff_ms);
    link->backoff_ms = link->backoff_ms * 2 > BACKOFF_LAST_MS ? BACKOFF_LAST_MS : link->backoff_ms * 2;
}

void reply_ignore(void *context, const struct reply *reply)
{
    (void)context;
    (void)reply;
}

static void on_reply(redisAsyncContext *redis, void *data, void *private_data)
{
    struct call *call = private_data;
    struct link *link = call->link;
    reply_fn *fn = call->fn;
    void *context = call->context;

    (void)redis;
    call->next_spare = link->spare;
    link->spare = call;
    link->in_flight--;
    link->progress_ms = clock_now_ms();
    if (data && reply_error(data) < 0)
        link->handlers->on_error(link->context, link, data);
    fn(context, data);
}

static int send_call(struct link *link, struct command *command, reply_fn *fn, void *context)
{
    size_t size;
    const char *data = command_data(command, &size);
    struct call *call = link->spare;

    if (!data)
        return -ENOMEM;
    if (call)
        link->spare = call->next_spare;
    else
        call = malloc(sizeof(*call));
    if (!call)
        return -ENOMEM;
    *call = (struct call){.link = link, .fn = fn, .context = context};
    if (link->in_flight++ == 0)
        link->progress_ms = clock_now_ms();
    if (redisAsyncFormattedCommand(link->redis, on_reply, call, data, size) != REDIS_OK) {
        link->in_flight--;
        call->next_spare = link->spare;
        link->spare = call;
        return -ENOTCONN;
    }
    return 0;
}

int link_call(struct link *link, struct command *command, reply_fn *fn, void *context)
{
    return link->state == LINK_UP ? send_call(link, command, fn, context) : -ENOTCONN;
}

/* The answers to AUTH, SELECT and PING: the last one ends the greeting. */
static void on_greeted(void *context, const struct reply *reply)
{
    struct link *link = context;

    if (link->state != LINK_GREETING)
        return;
    if (reply_error(reply) < 0) {
        log_warning("redis-refused", "link=%s reason=%s", link->name, log_quote(reply_message(reply)));
        change_state(link, LINK_CONNECTING); /* what is still to be answered does not count */
        if (link->redis)
            redisAsyncDisconnect(link->redis);
        return;
    }
    if (link->in_flight == 0)
        change_state(link, LINK_UP);
}

static void greet(struct link *link)
{
    const struct redis_address *address = link->address;
    struct command *command;

    change_state(link, LINK_GREETING);
    if (address->password) {
        command = command_begin("AUTH");
        if (address->user)
            command_add_string(command, address->user);
        command_add_string(command, address->password);
        send_call(link, command, on_greeted, link);
    }
    if (address->database != 0) {
        command = command_begin("SELECT");
        command_add_number(command, address->database);
        send_call(link, command, on_greeted, link);
    }
    send_call(link, command_begin("PING"), on_greeted, link);
}

static void on_connect(const redisAsyncContext *redis, int status)
{
    struct link *link = redis->data;

    if (!link || link->redis != redis)
        return;
    if (status != REDIS_OK) {
        link->redis = NULL; /* hiredis frees it when this returns, and does not call on_disconnect */
        drop(link, redis->errstr);
        return;
    }
    greet(link);
}

static void on_disconnect(const redisAsyncContext *redis, int status)
{
    struct link *link = redis->data;

    if (!link || link->redis != redis)
        return;
    link->redis = NULL;
    drop(link, status == REDIS_OK ? "closed" : redis->errstr);
}

static void connect_now(struct link *link)
{
    const struct redis_address *address = link->address;
    redisAsyncContext *redis =
        address->path ? redisAsyncConnectUnix(address->path) : redisAsyncConnect(address->host, address->port);

    if (!redis || redis->err) {
        if (!link->was_up)
            log_debug("redis-away", "link=%s reason=%s", link->name, log_quote(redis ? redis->errstr : "memory"));
        if (redis)
            redisAsyncFree(redis);
        drop(link, "cannot connect");
        return;
    }
    redis->data = link;
    link->redis = redis;
    link->in_flight = 0;
    change_state(link, LINK_CONNECTING);
    redisLibeventAttach(redis, link->base);
    redisAsyncSetConnectCallback(redis, on_connect);
    redisAsyncSetDisconnectCallback(redis, on_disconnect);
    timer_after(link, link->timeout_ms / 4);
}

static void on_timer(evutil_socket_t fd, short events, void *context)
{
    struct link *link = context;
    int64_t quiet_ms = clock_now_ms() - link->progress_ms;
    int64_t limit_ms = (int64_t)link->timeout_ms + (link->blocking ? BLOCK_ALLOWANCE_MS : 0);

    (void)fd;
    (void)events;
    if (link->state == LINK_STOPPED)
        return;
    if (link->state == LINK_AWAY) {
        connect_now(link);
        return;
    }
    if ((link->in_flight > 0 || link->state == LINK_CONNECTING) && quiet_ms > limit_ms) {
        drop(link, "no answer in time");
        return;
    }
    if (link->state == LINK_UP && link->in_flight == 0 && !link->blocking && quiet_ms >= limit_ms / 2)
        send_call(link, command_begin("PING"), reply_ignore, NULL);
    timer_after(link, link->timeout_ms / 4);
}

struct link *link_new(struct event_base *base, const char *name, const struct redis_address *address, uint32_t timeout_ms,
                      bool blocking, const struct link_handlers *handlers, void *context)
{
    struct link *link = malloc(sizeof(*link));

    if (!link)
        return NULL;
    *link = (struct link){.base = base,
                          .name = name,
                          .address = address,
                          .handlers = handlers,
                          .context = context,
                          .state = LINK_STOPPED,
                          .blocking = blocking,
                          .timeout_ms = timeout_ms,
                          .backoff_ms = BACKOFF_FIRST_MS};
    link->timer = event_new(base, -1, 0, on_timer, link);
    if (!link->timer) {
        free(link);
        return NULL;
    }
    return link;
}

void link_start(struct link *link)
{
    if (link->state == LINK_STOPPED) {
        change_state(link, LINK_AWAY);
        timer_after(link, 0);
    }
}

void link_stop(struct link *link)
{
    redisAsyncContext *redis = link->redis;

    event_del(link->timer);
    link->redis = NULL;
    change_state(link, LINK_STOPPED);
    if (redis)
        redisAsyncFree(redis);
}

void link_restart(struct link *link)
{
    if (link->state > LINK_AWAY)
        drop(link, "given up");
}

void link_free(struct link *link)
{
    if (!link)
        return;
    link_stop(link);
    event_free(link->timer);
    while (link->spare) {
        struct call *call = link->spare;
        link->spare = call->next_spare;
        free(call);
    }
    free(link);
}

void link_settled(struct link *link)
{
    link->backoff_ms = BACKOFF_FIRST_MS;
}

bool link_is_up(const struct link *link)
{
    return link->state == LINK_UP;
}

const char *link_name(const struct link *link)
{
    return link->name;
}
