/* For those who watch the daemon: pages over HTTP, on a loopback address.
 *
 *     /metrics  every metric, as Prometheus reads it
 *     /healthz  200 as long as the loop turns, which serves it: no answer means that it does not
 *     /readyz   200 if a share would get through and be delivered, else 503; the body says why not
 *
 * It works while the daemon drains and while Redis is away. What it may cost is bounded: connections, the time of each, the size
 * of what is read. libevent's evhttp speaks HTTP. */
#ifndef FEED_MONITOR_MONITOR_H
#define FEED_MONITOR_MONITOR_H

struct event_base;
struct monitor;

struct monitor_hooks {
    /* Why a share would not get through or not be delivered, in words; NULL if it would. */
    const char *(*trouble)(void *context);
};

/* Measures how late the loop is from here on. `hooks` are borrowed. NULL when memory ends. */
struct monitor *monitor_new(struct event_base *base, const struct monitor_hooks *hooks, void *context);
/* NULL is allowed. */
void monitor_free(struct monitor *monitor);

/* Serves the pages on "HOST:PORT" (as net_listen_tcp() has it; "": not at all), which is borrowed. An address that somebody else
 * has is not worth a feed: it is tried for again, once a second. 0, or a negative errno that has been logged. */
int monitor_listen(struct monitor *monitor, const char *address);

#endif
