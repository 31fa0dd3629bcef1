/* See link.h. hiredis has no time-outs of its own: a timer looks at each link, eight times in the time after which it stalls. */
#include "store/link.h"

#include <errno.h>
#include <event2/event.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "store/redis_events.h"

#define BACKOFF_FIRST_MS 100u
#define BACKOFF_LAST_MS 2000u
#define BLOCK_ALLOWANCE_MS 1000u
#define RUN_ID_BYTES 41 /* 40 hexadecimal digits */
/* How often a link is looked at, and an idle one pinged, in the time after which it stalls. So a stall is noticed, at the
 * latest, after 1/4 + 1/8 + 1 + 1/8 of that time: a write that comes a second after Redis has stopped is refused at once. */
#define LOOKS 8
#define PINGS 4

enum link_state {
    LINK_STOPPED,
    LINK_AWAY,
    LINK_CONNECTING,
    LINK_GREETING,
    LINK_UP,
    LINK_STALLED, /* as up, but Redis does not answer: nothing more is sent */
};

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
    const struct link_times *times;
    struct log_limit complaints;
    uint32_t backoff_ms;
    uint64_t in_flight;
    int64_t progress_ms; /* when Redis last answered, or was last given something to answer */
    char run_id[RUN_ID_BYTES];
};

struct call {
    struct link *link;
    reply_fn *fn;
    void *context;
    struct call *next_spare;
    int64_t sent_us;
    unsigned kind; /* of the command */
};

static uint32_t stall_ms_of(const struct link *link)
{
    const struct link_times *times = link->times;

    return times->stall_ms < times->timeout_ms ? times->stall_ms : times->timeout_ms;
}

static void timer_after(struct link *link, uint32_t ms)
{
    struct timeval delay = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

    if (event_add(link->timer, &delay) < 0)
        event_active(link->timer, EV_TIMEOUT, 0); /* without memory there is no pause: else there might be no end to it */
}

static bool is_open(enum link_state state)
{
    return state == LINK_UP || state == LINK_STALLED;
}

/* How long Redis has answered nothing. */
static int64_t quiet_ms(const struct link *link)
{
    return clock_now_ms() - link->progress_ms;
}

/* The one function that changes the state. */
static void change_state(struct link *link, enum link_state state)
{
    enum link_state before = link->state;

    if (state == before)
        return;
    link->state = state;
    if (is_open(state) && is_open(before)) { /* the quiet goes on, or has just ended */
        metrics.redis_stalls += state == LINK_STALLED;
        log_limited(&link->complaints, LOG_LEVEL_WARNING, state == LINK_STALLED ? "redis-stalled" : "redis-answers",
                    "link=%s quiet_ms=%" PRId64 " unanswered=%" PRIu64, link->name, quiet_ms(link), link->in_flight);
        link->handlers->on_stall(link->context, link);
        return;
    }
    link->progress_ms = clock_now_ms();
    if (state == LINK_UP) {
        if (link->was_up)
            metrics.redis_reconnects++;
        link->was_up = true;
        link->handlers->on_up(link->context, link);
    }
    if (is_open(before))
        link->handlers->on_down(link->context, link);
}

/* Takes the connection down, after which the timer connects again. Not from within hiredis's connect and disconnect
 * callbacks, which free the context themselves. */
static void drop(struct link *link, enum log_level level, const char *why)
{
    redisAsyncContext *redis = link->redis;

    if (link->was_up || link->state == LINK_GREETING)
        log_limited(&link->complaints, level, "redis-lost", "link=%s reason=%s", link->name, log_quote(why));
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
    int64_t now_us = clock_now_us();

    if (data && !link->blocking)
        histogram_add(&metrics.redis_us[call->kind], now_us - call->sent_us);
    call->next_spare = link->spare;
    link->spare = call;
    link->in_flight--;
    if (data && link->state == LINK_STALLED)
        change_state(link, LINK_UP);
    if (!data && link->redis == redis) { /* the connection broke: this is said before the calls are told */
        link->redis = NULL;
        drop(link, LOG_LEVEL_WARNING, redis->errstr);
    }
    link->progress_ms = now_us / 1000;
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
    *call = (struct call){
        .link = link, .fn = fn, .context = context, .sent_us = clock_now_us(), .kind = command_kind(command)};
    if (link->in_flight++ == 0)
        link->progress_ms = call->sent_us / 1000;
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

/* Of what INFO says. */
static void read_run_id(struct link *link, struct text info)
{
    static const char name[] = "run_id:";
    const char *found = info.size > 0 ? strstr(info.data, name) : NULL;
    size_t size = found ? strcspn(found + strlen(name), "\r\n") : 0;

    if (found)
        snprintf(link->run_id, sizeof(link->run_id), "%.*s", (int)size, found + strlen(name));
}

/* The answers to AUTH, SELECT and INFO: the last one ends the greeting. */
static void on_greeted(void *context, const struct reply *reply)
{
    struct link *link = context;

    if (link->state != LINK_GREETING)
        return;
    if (reply_error(reply) < 0) {
        log_limited(&link->complaints, LOG_LEVEL_WARNING, "redis-refused", "link=%s reason=%s advice=%s", link->name,
                    log_quote(reply_message(reply)), log_quote(reply_advice(reply)));
        change_state(link, LINK_CONNECTING); /* what is still to be answered does not count */
        if (link->redis)
            redisAsyncDisconnect(link->redis);
        return;
    }
    if (link->in_flight > 0)
        return;
    read_run_id(link, reply_text(reply));
    change_state(link, LINK_UP);
}

static void greet(struct link *link)
{
    const struct redis_address *address = link->address;
    struct command *command;
    int error = 0;

    change_state(link, LINK_GREETING);
    if (address->password) {
        command = command_begin("AUTH");
        if (address->user)
            command_add_string(command, address->user);
        command_add_string(command, address->password);
        error = send_call(link, command, on_greeted, link);
    }
    if (error == 0 && address->database != 0) {
        command = command_begin("SELECT");
        command_add_number(command, address->database);
        error = send_call(link, command, on_greeted, link);
    }
    if (error == 0) {
        command = command_begin("INFO");
        command_add_string(command, "server");
        error = send_call(link, command, on_greeted, link);
    }
    /* A link that skipped a word could be in another database. hiredis frees nothing in here: the time-out ends it. */
    if (error < 0)
        change_state(link, LINK_CONNECTING);
}

static void on_connect(const redisAsyncContext *redis, int status)
{
    struct link *link = redis->data;

    if (!link || link->redis != redis)
        return;
    if (status != REDIS_OK) {
        link->redis = NULL; /* hiredis frees it when this returns, and does not call on_disconnect */
        drop(link, LOG_LEVEL_WARNING, redis->errstr);
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
    drop(link, LOG_LEVEL_WARNING, status == REDIS_OK ? "closed" : redis->errstr);
}

static void connect_now(struct link *link)
{
    const struct redis_address *address = link->address;
    redisAsyncContext *redis =
        address->path ? redisAsyncConnectUnix(address->path) : redisAsyncConnect(address->host, address->port);

    if (!redis || redis->err || redis_events_attach(redis, link->base) < 0) {
        if (!link->was_up)
            log_debug("redis-away", "link=%s reason=%s", link->name, log_quote(redis ? redis->errstr : "memory"));
        if (redis)
            redisAsyncFree(redis);
        drop(link, LOG_LEVEL_WARNING, "cannot connect");
        return;
    }
    redis->data = link;
    link->redis = redis;
    link->in_flight = 0;
    change_state(link, LINK_CONNECTING);
    redisAsyncSetConnectCallback(redis, on_connect);
    redisAsyncSetDisconnectCallback(redis, on_disconnect);
    timer_after(link, stall_ms_of(link) / LOOKS);
}

/* Of a link that does not block: whether it stalls, and a sign of life where nothing else is asked for. */
static void look_for_stall(struct link *link)
{
    int64_t stall_ms = stall_ms_of(link);

    if (link->state != LINK_UP || link->blocking)
        return;
    if (link->in_flight > 0 && quiet_ms(link) >= stall_ms)
        change_state(link, LINK_STALLED);
    else if (link->in_flight == 0 && quiet_ms(link) >= stall_ms / PINGS)
        send_call(link, command_begin("PING"), reply_ignore, NULL);
}

static void on_timer(evutil_socket_t fd, short events, void *context)
{
    struct link *link = context;
    int64_t limit_ms = (int64_t)link->times->timeout_ms + (link->blocking && is_open(link->state) ? BLOCK_ALLOWANCE_MS : 0);

    (void)fd;
    (void)events;
    if (link->state == LINK_STOPPED)
        return;
    if (link->state == LINK_AWAY) {
        connect_now(link);
        return;
    }
    if ((link->in_flight > 0 || !is_open(link->state)) && quiet_ms(link) > limit_ms) {
        drop(link, LOG_LEVEL_WARNING, "no answer in time");
        return;
    }
    look_for_stall(link);
    timer_after(link, stall_ms_of(link) / LOOKS);
}

struct link *link_new(struct event_base *base, const char *name, const struct redis_address *address,
                      const struct link_times *times, bool blocking, const struct link_handlers *handlers, void *context)
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
                          .times = times,
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

void link_flush(struct link *link)
{
    if (link->redis)
        redis_events_flush(link->redis);
}

void link_restart(struct link *link)
{
    if (link->state > LINK_AWAY)
        drop(link, LOG_LEVEL_INFO, "given up"); /* who gives it up has said why */
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

void link_look(const struct link *link, struct link_look *ret_look)
{
    static const char *const states[] = {
        [LINK_STOPPED] = "stopped",   [LINK_AWAY] = "away", [LINK_CONNECTING] = "connecting",
        [LINK_GREETING] = "greeting", [LINK_UP] = "up",     [LINK_STALLED] = "stalled",
    };

    *ret_look = (struct link_look){.name = link->name,
                                   .state = states[link->state],
                                   .unanswered = link->in_flight,
                                   .quiet_ms = quiet_ms(link)};
}

bool link_is_up(const struct link *link)
{
    return link->state == LINK_UP;
}

const char *link_run_id(const struct link *link)
{
    return link->run_id;
}

const char *link_name(const struct link *link)
{
    return link->name;
}
