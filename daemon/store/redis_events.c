/* See redis_events.h. */
#include "store/redis_events.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <hiredis/async.h>
#include <stdbool.h>
#include <stdlib.h>

struct redis_events {
    redisAsyncContext *redis;
    struct event read;  /* persistent: it is not taken off and put on again for each answer */
    struct event write; /* only while connecting, and while the socket is full */
    bool wants_write;   /* there is something to be sent at the end of the turn */
};

static const struct redis_events *sending; /* whose context is being written to; it may be freed meanwhile */

/* Where there is no memory to wait, the socket is looked at now: hiredis then asks to wait again. */
static void wait_for(struct event *event, short what)
{
    if (event_add(event, NULL) < 0)
        event_active(event, what, 0);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    redisAsyncHandleRead(((struct redis_events *)context)->redis);
}

static void send_now(struct redis_events *events)
{
    events->wants_write = false;
    sending = events;
    redisAsyncHandleWrite(events->redis);
    sending = NULL;
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    send_now(context);
}

static void add_read(void *context)
{
    wait_for(&((struct redis_events *)context)->read, EV_READ);
}

static void del_read(void *context)
{
    event_del(&((struct redis_events *)context)->read);
}

static void add_write(void *context)
{
    struct redis_events *events = context;

    if (sending == events || !(events->redis->c.flags & REDIS_CONNECTED))
        wait_for(&events->write, EV_WRITE);
    else
        events->wants_write = true;
}

static void del_write(void *context)
{
    event_del(&((struct redis_events *)context)->write);
}

static void cleanup(void *context)
{
    struct redis_events *events = context;

    event_del(&events->read);
    event_del(&events->write);
    free(events);
}

int redis_events_attach(redisAsyncContext *redis, struct event_base *base)
{
    struct redis_events *events = calloc(1, sizeof(*events));

    if (!events)
        return -ENOMEM;
    events->redis = redis;
    if (event_assign(&events->read, base, redis->c.fd, EV_READ | EV_PERSIST, on_readable, events) < 0 ||
        event_assign(&events->write, base, redis->c.fd, EV_WRITE, on_writable, events) < 0) {
        free(events);
        return -ENOMEM;
    }
    redis->ev.addRead = add_read;
    redis->ev.delRead = del_read;
    redis->ev.addWrite = add_write;
    redis->ev.delWrite = del_write;
    redis->ev.cleanup = cleanup;
    redis->ev.data = events;
    add_write(events); /* that it is connected shows when it can be written to */
    return 0;
}

void redis_events_flush(redisAsyncContext *redis)
{
    struct redis_events *events = redis->ev.data;

    if (events->wants_write)
        send_now(events);
}
