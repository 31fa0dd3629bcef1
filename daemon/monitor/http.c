/* See monitor.h. Each connection is answered once and closed, so that nobody keeps one; the ones that are there are held here as
 * well, since evhttp has no limit to their number nor to how long a request may take to come. */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/process.h"
#include "monitor/monitor.h"
#include "net/net.h"

#define CONNECTIONS_MAX 16
#define CONNECTION_MS 3000 /* from being accepted until the answer is taken */
#define HEAD_MAX_BYTES 8192
#define TICK_MS 100
#define LISTEN_AGAIN_MS 1000
#define MINUTE_TICKS (60 * 1000 / TICK_MS)

struct held {
    struct bufferevent *bufferevent; /* NULL: free */
    int64_t until_ms;
};

struct monitor {
    const struct monitor_hooks *hooks;
    void *context;
    struct evhttp *http;
    struct evhttp_bound_socket *bound; /* NULL: it does not listen */
    struct event *tick;
    int64_t due_us;    /* of the next tick */
    int64_t delays_us[2]; /* the longest one of this minute, and of the one before */
    unsigned ticks;    /* of this minute */
    struct held held[CONNECTIONS_MAX];
    const char *address; /* "" if it is not to listen */
    int64_t listen_at_ms;
    struct log_limit complaints;
};

/* ---- connections ---- */

static struct evconnlistener *listener_of(const struct monitor *monitor)
{
    return evhttp_bound_socket_get_listener(monitor->bound);
}

/* evhttp frees its bufferevents, and nobody hears of it; what shows is that they call nobody back any more. */
static bool has_ended(struct bufferevent *bufferevent)
{
    bufferevent_event_cb on_event;

    bufferevent_getcb(bufferevent, NULL, NULL, &on_event, NULL);
    return !on_event;
}

/* Lets go of what has ended, and ends what takes too long. Returns a free place, NULL if there is none. */
static struct held *sweep(struct monitor *monitor)
{
    struct held *place = NULL;

    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct held *held = &monitor->held[i];

        if (held->bufferevent && has_ended(held->bufferevent)) {
            bufferevent_decref(held->bufferevent);
            held->bufferevent = NULL;
        } else if (held->bufferevent && clock_now_ms() >= held->until_ms) {
            bufferevent_trigger_event(held->bufferevent, BEV_EVENT_READING | BEV_EVENT_TIMEOUT, 0);
        }
        if (!held->bufferevent)
            place = held;
    }
    return place;
}

/* Makes what evhttp speaks through on a connection that it has accepted. While all places are taken others wait to be accepted. */
static struct bufferevent *on_connection(struct event_base *base, void *context)
{
    struct monitor *monitor = context;
    struct bufferevent *bufferevent = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    struct held *place = sweep(monitor);

    if (!bufferevent || !place) /* without a place, evhttp's own time-outs are its limit: there is no more than one */
        return bufferevent;
    bufferevent_incref(bufferevent);
    *place = (struct held){bufferevent, clock_now_ms() + CONNECTION_MS};
    if (!sweep(monitor))
        evconnlistener_disable(listener_of(monitor));
    return bufferevent;
}

/* There are no descriptors: tried again at the next tick. */
static void on_accept_error(struct evconnlistener *listener, void *context)
{
    struct monitor *monitor = context;

    log_limited(&monitor->complaints, LOG_LEVEL_WARNING, "http-accept-failed", "error=%s", log_quote(strerror(errno)));
    evconnlistener_disable(listener);
}

/* ---- pages ---- */

static void answer(struct evhttp_request *request, int code, const char *reason, const char *type, const char *text, size_t size)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    struct evbuffer *body = evbuffer_new();

    if (body && evbuffer_add(body, text, size) == 0 && evhttp_add_header(headers, "Content-Type", type) == 0 &&
        evhttp_add_header(headers, "Cache-Control", "no-store") == 0 && evhttp_add_header(headers, "Connection", "close") == 0)
        evhttp_send_reply(request, code, reason, body);
    else
        evhttp_send_error(request, HTTP_INTERNAL, NULL);
    if (body)
        evbuffer_free(body);
}

static void answer_text(struct evhttp_request *request, int code, const char *reason, const char *text)
{
    answer(request, code, reason, "text/plain; charset=utf-8", text, strlen(text));
}

static void on_metrics(struct evhttp_request *request, void *context)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    bool whole = false;

    (void)context;
    if (out) {
        process_measure();
        metrics_print(out);
        whole = ferror(out) == 0;
        whole = fclose(out) == 0 && whole;
    }
    if (whole)
        answer(request, HTTP_OK, "OK", "text/plain; version=0.0.4; charset=utf-8", text, size);
    else
        evhttp_send_error(request, HTTP_INTERNAL, NULL);
    free(text);
}

static int64_t longest_delay_us(const struct monitor *monitor)
{
    int64_t longest_us = clock_now_us() - monitor->due_us; /* of the tick that is due, if one is */

    for (size_t i = 0; i < 2; i++)
        if (monitor->delays_us[i] > longest_us)
            longest_us = monitor->delays_us[i];
    return longest_us;
}

static void on_health(struct evhttp_request *request, void *context)
{
    char text[128];

    snprintf(text, sizeof(text), "ok: the loop turns; in the last minute or two it was %.1f ms late at most\n",
             (double)longest_delay_us(context) / 1000);
    answer_text(request, HTTP_OK, "OK", text);
}

static void on_readiness(struct evhttp_request *request, void *context)
{
    struct monitor *monitor = context;
    const char *trouble = monitor->hooks->trouble(monitor->context);
    char text[512];

    snprintf(text, sizeof(text), "%s%s\n", trouble ? "not ready: " : "ready", trouble ? trouble : "");
    answer_text(request, trouble ? HTTP_SERVUNAVAIL : HTTP_OK, trouble ? "Service Unavailable" : "OK", text);
}

static void on_other(struct evhttp_request *request, void *context)
{
    (void)context;
    answer_text(request, HTTP_NOTFOUND, "Not Found", "there are /metrics, /healthz and /readyz\n");
}

/* ---- listening ---- */

static int begin_to_listen(struct monitor *monitor)
{
    const char *address = monitor->address;
    uint16_t port;
    int fd, error = net_bind_tcp(address, &fd, &port);

    if (error < 0)
        return error;
    monitor->bound = evhttp_accept_socket_with_handle(monitor->http, fd);
    if (!monitor->bound) {
        close(fd);
        return -ENOMEM;
    }
    evconnlistener_set_error_cb(listener_of(monitor), on_accept_error);
    log_info("listening-for-http", "address=%.*s:%u", (int)(strrchr(address, ':') - address), address, port);
    return 0;
}

int monitor_listen(struct monitor *monitor, const char *address)
{
    int error;

    monitor->address = address;
    if (address[0] == '\0')
        return 0;
    error = begin_to_listen(monitor);
    if (error == -EADDRINUSE) {
        log_warning("http-not-listening", "address=%s reason=%s advice=\"it is tried for again; give this daemon another http.listen "
                    "if it shares the host\"", log_quote(address), log_quote(strerror(-error)));
        return 0;
    }
    if (error < 0)
        log_error("listen-failed", "http=%s reason=%s", log_quote(address), log_quote(strerror(-error)));
    return error;
}

/* ---- the clock ---- */

static void note_delay(struct monitor *monitor, int64_t delay_us)
{
    histogram_add(&metrics.loop_delay_us, delay_us);
    if (++monitor->ticks == MINUTE_TICKS) {
        monitor->delays_us[1] = monitor->delays_us[0];
        monitor->delays_us[0] = 0;
        monitor->ticks = 0;
    }
    if (delay_us > monitor->delays_us[0])
        monitor->delays_us[0] = delay_us;
}

/* The time is taken before the loop can be late. */
static void next_tick(struct monitor *monitor)
{
    const struct timeval interval = {.tv_usec = TICK_MS * 1000};

    monitor->due_us = clock_now_us() + TICK_MS * 1000;
    event_add(monitor->tick, &interval);
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    struct monitor *monitor = context;
    int64_t now_ms = clock_now_ms();

    (void)fd;
    (void)what;
    note_delay(monitor, clock_now_us() - monitor->due_us);
    metrics.ready = !monitor->hooks->trouble(monitor->context);
    if (monitor->bound && sweep(monitor)) {
        evconnlistener_enable(listener_of(monitor));
    } else if (!monitor->bound && monitor->address[0] != '\0' && now_ms >= monitor->listen_at_ms) {
        monitor->listen_at_ms = now_ms + LISTEN_AGAIN_MS;
        (void)begin_to_listen(monitor);
    }
    next_tick(monitor);
}

/* ---- as a whole ---- */

struct monitor *monitor_new(struct event_base *base, const struct monitor_hooks *hooks, void *context)
{
    struct monitor *monitor = calloc(1, sizeof(*monitor));

    if (!monitor)
        return NULL;
    monitor->hooks = hooks;
    monitor->context = context;
    monitor->address = "";
    monitor->http = evhttp_new(base);
    monitor->tick = event_new(base, -1, 0, on_tick, monitor);
    if (!monitor->http || !monitor->tick) {
        monitor_free(monitor);
        return NULL;
    }
    evhttp_set_allowed_methods(monitor->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_max_headers_size(monitor->http, HEAD_MAX_BYTES);
    evhttp_set_max_body_size(monitor->http, 0);
    evhttp_set_timeout(monitor->http, CONNECTION_MS / 1000);
    evhttp_set_bevcb(monitor->http, on_connection, monitor);
    evhttp_set_cb(monitor->http, "/metrics", on_metrics, monitor);
    evhttp_set_cb(monitor->http, "/healthz", on_health, monitor);
    evhttp_set_cb(monitor->http, "/readyz", on_readiness, monitor);
    evhttp_set_gencb(monitor->http, on_other, monitor);
    next_tick(monitor);
    return monitor;
}

void monitor_free(struct monitor *monitor)
{
    if (!monitor)
        return;
    if (monitor->http)
        evhttp_free(monitor->http);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (monitor->held[i].bufferevent)
            bufferevent_decref(monitor->held[i].bufferevent);
    if (monitor->tick)
        event_free(monitor->tick);
    free(monitor);
}
