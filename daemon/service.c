/* See service.h. */
#include "service.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>

#include "base/clock.h"

#define LOOK_MS 1000
#define MORE_TIME_MS 40000 /* asked for at each look; the last step of a stop, in which the loop does not turn, takes 30 s at most */
#define STATUS_BYTES 400

uint32_t service_interval_ms(void)
{
    uint64_t watchdog_us = 0;

    if (!getenv("NOTIFY_SOCKET"))
        return 0;
    if (sd_watchdog_enabled(0, &watchdog_us) > 0 && watchdog_us / 3000 < LOOK_MS)
        return watchdog_us >= 6000 ? (uint32_t)(watchdog_us / 3000) : 2;
    return LOOK_MS;
}

static uint64_t shares_per_second(struct service *service, const struct service_look *look, int64_t now_ms)
{
    uint64_t made = look->shares - service->told_shares;
    int64_t passed_ms = now_ms - service->told_ms;

    return passed_ms > 0 ? (made * 1000 + (uint64_t)passed_ms / 2) / (uint64_t)passed_ms : 0;
}

/* For people: `systemctl status` shows it. */
static void describe(struct service *service, const struct service_look *look, int64_t now_ms, char status[STATUS_BYTES])
{
    switch (look->state) {
    case SERVICE_STARTING:
        snprintf(status, STATUS_BYTES, "Starting: the private Redis reads its file");
        return;
    case SERVICE_WAITING:
        snprintf(status, STATUS_BYTES, "Redis is away (%.200s); %zu connections", look->redis, look->connections);
        return;
    case SERVICE_SERVING:
        snprintf(status, STATUS_BYTES, "%zu connections, %" PRIu64 " shares/s, fan-out lag %" PRId64 " ms", look->connections,
                 shares_per_second(service, look, now_ms), look->lag_ms);
        return;
    case SERVICE_STOPPING:
        snprintf(status, STATUS_BYTES, "Stopping: %zu connections left", look->connections);
        return;
    }
}

void service_tell(struct service *service, const struct service_look *look)
{
    bool becomes_ready = !service->is_ready && look->state != SERVICE_STARTING;
    bool begins_to_stop = !service->is_stopping && look->state == SERVICE_STOPPING;
    bool needs_time = look->state == SERVICE_STARTING || look->state == SERVICE_STOPPING;
    int64_t now_ms = clock_now_ms();
    char status[STATUS_BYTES], more_time[64] = "";

    describe(service, look, now_ms, status);
    if (needs_time)
        snprintf(more_time, sizeof(more_time), "EXTEND_TIMEOUT_USEC=%d\n", MORE_TIME_MS * 1000);
    /* One that is stopped before it was ready never says that it is. */
    (void)sd_notifyf(0, "WATCHDOG=1\n%s%s%sSTATUS=%s", more_time, becomes_ready && !begins_to_stop ? "READY=1\n" : "",
                     begins_to_stop ? "STOPPING=1\n" : "", status);
    service->is_ready |= becomes_ready;
    service->is_stopping |= begins_to_stop;
    service->told_ms = now_ms;
    service->told_shares = look->shares;
}

void service_reloading(void)
{
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_now_ms() * 1000);
}

void service_reloaded(void)
{
    (void)sd_notify(0, "READY=1");
}

int service_sockets(int *ret_first)
{
    *ret_first = SD_LISTEN_FDS_START;
    return sd_listen_fds(1);
}
