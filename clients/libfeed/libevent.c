/* The libevent adapter: a client and its socket on somebody else's loop. */
#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>

#include "link.h"

struct feed_libevent {
    struct event_base *base;
    struct link link;
    struct event *timer;  /* the client's deadline, and work to be done at once */
    struct event *socket; /* NULL while there is no socket */
    short socket_events;
};

static void adapter_watch(struct feed_libevent *adapter);

static void on_socket(evutil_socket_t fd, short events, void *context)
{
    struct feed_libevent *adapter = context;

    (void)fd;
    link_turn(&adapter->link, (events & EV_READ) != 0, (events & EV_WRITE) != 0);
    adapter_watch(adapter);
}

static void on_timer(evutil_socket_t fd, short events, void *context)
{
    struct feed_libevent *adapter = context;

    (void)fd;
    (void)events;
    link_turn(&adapter->link, false, false);
    adapter_watch(adapter);
}

static void adapter_drop_socket_event(void *context)
{
    struct feed_libevent *adapter = context;

    if (adapter->socket != NULL)
        event_free(adapter->socket);
    adapter->socket = NULL;
    adapter->socket_events = 0;
}

/* Waits for what the link waits for. Where that fails for want of memory, the timer tries again soon. */
static int adapter_watch_socket(struct feed_libevent *adapter, short events)
{
    if (adapter->socket != NULL && adapter->socket_events == events)
        return 0;
    adapter_drop_socket_event(adapter);
    if (adapter->link.fd < 0)
        return 0;
    adapter->socket = event_new(adapter->base, adapter->link.fd, events, on_socket, adapter);
    if (adapter->socket == NULL || event_add(adapter->socket, NULL) < 0) {
        adapter_drop_socket_event(adapter);
        return -ENOMEM;
    }
    adapter->socket_events = events;
    return 0;
}

static void adapter_watch(struct feed_libevent *adapter)
{
    const uint64_t retry_ms = 100, longest_ms = 3600000;
    struct feed_next next;
    struct timeval timeout;
    uint64_t now, wait_ms;

    link_follow(&adapter->link, &next);
    now = feed_client_now_ms(adapter->link.client);
    wait_ms = next.deadline_ms > now ? next.deadline_ms - now : 0;
    if (wait_ms > longest_ms)
        wait_ms = longest_ms;
    if (adapter_watch_socket(adapter, (short)(EV_READ | EV_PERSIST |
                                              (link_wants_write(&adapter->link, &next) ? EV_WRITE : 0))) < 0 &&
        wait_ms > retry_ms)
        wait_ms = retry_ms;
    timeout = (struct timeval){ .tv_sec = (time_t)(wait_ms / 1000), .tv_usec = (suseconds_t)(wait_ms % 1000) * 1000 };
    if (evtimer_add(adapter->timer, &timeout) < 0)
        event_active(adapter->timer, EV_TIMEOUT, 0); /* without memory it goes round at once: else it might never */
}

static void on_wake(void *context)
{
    struct feed_libevent *adapter = context;

    event_active(adapter->timer, EV_TIMEOUT, 0);
}

int feed_libevent_attach(struct feed_client *client, struct event_base *base, const char *address,
                         struct feed_libevent **ret_adapter)
{
    struct feed_libevent *adapter = calloc(1, sizeof *adapter);
    int error;

    if (adapter == NULL)
        return -ENOMEM;
    adapter->base = base;
    error = link_init(&adapter->link, client, address);
    if (error == 0) {
        adapter->timer = evtimer_new(base, on_timer, adapter);
        if (adapter->timer == NULL)
            error = -ENOMEM;
    }
    if (error < 0) {
        link_done(&adapter->link);
        free(adapter);
        return error;
    }
    adapter->link.before_close = adapter_drop_socket_event;
    adapter->link.context = adapter;
    feed_client_set_wake(client, on_wake, adapter);
    on_wake(adapter);
    *ret_adapter = adapter;
    return 0;
}

void feed_libevent_free(struct feed_libevent *adapter)
{
    if (adapter == NULL)
        return;
    feed_client_set_wake(adapter->link.client, NULL, NULL);
    link_done(&adapter->link);
    event_free(adapter->timer);
    free(adapter);
}
