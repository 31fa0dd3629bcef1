/* What the service manager is told of this daemon, and what it hands over: systemd's side of a Type=notify service with a
 * watchdog and with socket activation. Without one nothing happens.
 *
 *     STARTING ──────────────────▶ SERVING ◀──▶ WAITING
 *         │  Redis reads its file     │            │
 *         └───────────▶ WAITING ──────┴────────────┴──▶ STOPPING
 *
 * Out of STARTING the daemon is READY for systemd; in it, and in STOPPING, it asks for more time as long as it gets on. */
#ifndef FEED_SERVICE_H
#define FEED_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum service_state {
    SERVICE_STARTING, /* a private Redis reads its append-only file */
    SERVICE_WAITING,  /* it listens, and cannot reach Redis */
    SERVICE_SERVING,
    SERVICE_STOPPING,
};

/* How the daemon is. */
struct service_look {
    enum service_state state;
    const char *redis; /* where Redis is */
    size_t connections;
    uint64_t shares; /* committed so far */
    int64_t lag_ms;  /* of fan-out */
};

/* All zero is one of which nothing was told. */
struct service {
    int64_t told_ms;
    uint64_t told_shares;
    bool is_ready, is_stopping;
};

/* How often service_tell() wants to be called: often enough for the watchdog and for people who look. 0: nobody listens. */
uint32_t service_interval_ms(void);

/* Feeds the watchdog: to be called from the loop, so that one that hangs is noticed. Tells what has changed. */
void service_tell(struct service *service, const struct service_look *look);

/* Around a reload. */
void service_reloading(void);
void service_reloaded(void);

/* The sockets that were handed over, as *ret_first and those after it; how many, 0 if none, or a negative errno. They are the
 * caller's, once: nothing that is started later takes them for its own. */
int service_sockets(int *ret_first);

#endif
