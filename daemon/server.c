/* See server.h. */
#include "server.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/process.h"
#include "commands/commands.h"
#include "feed/feed.h"
#include "listen.h"
#include "monitor/monitor.h"
#include "net/net.h"
#include "service.h"
#include "settings.h"
#include "store/private_redis.h"
#include "store/seen.h"
#include "store/store.h"

#define LOCK_WAIT_MS 10000
#define PRIVATE_REDIS_STOP_MS 30000
#define FIRST_COMPLAINT_MS 500
#define COMPLAIN_S 5
#define LOADING_SHOWS_MS 3000 /* by then a private Redis that reads its file has said so, and says so again and again */
#define CLOSING_MS 1500 /* at least this long for the clients to be told */

enum server_state {
    SERVER_RUNNING,
    SERVER_DRAINING, /* no new requests; what is in progress is answered */
    SERVER_CLOSING,  /* every client is told */
    SERVER_STOPPED,
};

struct server {
    struct config *config;
    struct settings settings;
    struct event_base *base;
    struct event *terminate;
    struct event *interrupt;
    struct event *hangup;
    struct event *complain;
    struct event *look; /* the next word to the service manager; NULL: there is none */
    struct service service;
    struct private_redis *redis;
    struct seen *seen;
    struct redis_address address;
    struct commands *commands;
    struct feed *feed;
    struct net *net;
    struct admin *admin;
    struct monitor *monitor;
    struct feed_outlet outlet;
    enum server_state state;
    int64_t deadline_ms; /* of the state, when draining or closing */
    int lock_fd;
    int status;
    bool was_ready;
    int64_t started_ms;
    char daemon_id[DAEMON_ID_BYTES];
};

/* ---- what the service manager is told ---- */

/* Whether the start is not over yet, as the private Redis reads its file. With one that does not come up it is over: that may
 * take any time, and clients are told. */
static bool is_starting(const struct server *server)
{
    return !server->was_ready && server->redis && private_redis_is_running(server->redis) &&
           (clock_now_ms() - server->started_ms < LOADING_SHOWS_MS || feed_is_loading(server->feed));
}

static void tell_manager(struct server *server)
{
    struct service_look look = {.state = SERVICE_WAITING,
                                .redis = server->redis ? private_redis_socket(server->redis)
                                         : server->address.path ? server->address.path : server->address.host,
                                .connections = net_connections(server->net),
                                .shares = metrics.shares,
                                .lag_ms = feed_lag_ms(server->feed)};

    if (!server->look)
        return;
    if (server->state != SERVER_RUNNING)
        look.state = SERVICE_STOPPING;
    else if (feed_is_ready(server->feed))
        look.state = SERVICE_SERVING;
    else if (is_starting(server))
        look.state = SERVICE_STARTING;
    service_tell(&server->service, &look);
}

static void on_look(evutil_socket_t fd, short events, void *context)
{
    (void)fd;
    (void)events;
    tell_manager(context);
}

/* Without a manager nothing wakes the loop up. */
static int begin_to_tell(struct server *server)
{
    uint32_t ms = service_interval_ms();
    struct timeval interval = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

    if (ms == 0)
        return 0;
    server->look = event_new(server->base, -1, EV_PERSIST, on_look, server);
    if (!server->look)
        return -ENOMEM;
    event_add(server->look, &interval);
    tell_manager(server);
    return 0;
}

/* ---- stopping ---- */

static void change_state(struct server *server, enum server_state state)
{
    server->state = state;
    server->deadline_ms = clock_now_ms() + server->config->drain_timeout_ms;
    switch (state) {
    case SERVER_RUNNING:
        break;
    case SERVER_DRAINING:
        tell_manager(server);
        net_stop_listening(server->net);
        commands_stop(server->commands);
        feed_stop_jobs(server->feed);
        break;
    case SERVER_CLOSING:
        if (server->config->drain_timeout_ms < CLOSING_MS)
            server->deadline_ms = clock_now_ms() + CLOSING_MS;
        feed_leave(server->feed);
        net_close_all(server->net, NET_CLOSE_SHUTDOWN);
        break;
    case SERVER_STOPPED:
        break;
    }
}

/* Moves on when what a state waits for is done, or its time is up. */
static void advance(struct server *server)
{
    if (server->state == SERVER_DRAINING &&
        (clock_now_ms() >= server->deadline_ms ||
         (commands_in_progress(server->commands) == 0 && feed_jobs_are_handed_back(server->feed))))
        change_state(server, SERVER_CLOSING);
    if (server->state == SERVER_CLOSING && (clock_now_ms() >= server->deadline_ms ||
                                            (net_connections(server->net) == 0 && feed_has_left(server->feed))))
        change_state(server, SERVER_STOPPED);
}

/* The stop in good order, however it is asked for. Asked twice, what is in progress is waited for no longer. */
static void drain(struct server *server)
{
    if (server->state == SERVER_RUNNING)
        change_state(server, SERVER_DRAINING);
    else if (server->state == SERVER_DRAINING)
        server->deadline_ms = clock_now_ms();
}

static void on_signal(evutil_socket_t number, short events, void *context)
{
    struct server *server = context;

    (void)events;
    log_info("stopping", "signal=%d connections=%zu", (int)number, net_connections(server->net));
    drain(server);
}

static void on_admin_drain(void *context)
{
    struct server *server = context;

    log_info("stopping", "asked=admin connections=%zu", net_connections(server->net));
    drain(server);
}

/* ---- reloading ---- */

/* Whom to tell of each change, beside the log. */
struct reload_audience {
    void (*on_change)(void *context, const struct config_change *change);
    void *context;
    unsigned changed, needs_restart;
};

static void on_option_changed(void *context, const struct config_change *change)
{
    struct reload_audience *audience = context;

    if (change->needs_restart) {
        audience->needs_restart++;
        log_warning("option-needs-restart", "option=%s from=%s to=%s", change->key, log_quote(change->from),
                    log_quote(change->to));
    } else {
        audience->changed++;
        log_info("option-changed", "option=%s from=%s to=%s", change->key, log_quote(change->from), log_quote(change->to));
    }
    audience->on_change(audience->context, change);
}

static int reload(void *context, void (*on_change)(void *context, const struct config_change *change), void *change_context,
                  char *ret_error, size_t error_bytes)
{
    struct server *server = context;
    struct reload_audience audience = {on_change, change_context, 0, 0};
    enum log_level before = LOG_LEVEL_INFO, after = LOG_LEVEL_INFO;
    int error;

    (void)config_log_level(server->config->log_level, &before);
    service_reloading();
    error = config_reload(server->config, on_option_changed, &audience, ret_error, error_bytes);
    if (error < 0) {
        service_reloaded();
        log_error("reload-refused", "reason=%s advice=\"nothing has changed: mend it and reload again\"", log_quote(ret_error));
        return error;
    }
    settings_fill(&server->settings, server->config);
    server->outlet.soft_limit_bytes = server->settings.net.queue_soft_limit_bytes;
    metrics.connections_max = server->settings.net.max_connections;
    (void)config_log_level(server->config->log_level, &after);
    if (after != before)
        log_set_level(after); /* else an operator's choice stands */
    service_reloaded();
    log_info("reloaded", "changed=%u needs_restart=%u", audience.changed, audience.needs_restart);
    return 0;
}

static void ignore_change(void *context, const struct config_change *change)
{
    (void)context;
    (void)change; /* it is in the log */
}

static void on_hangup(evutil_socket_t number, short events, void *context)
{
    char error[1024];

    (void)number;
    (void)events;
    (void)reload(context, ignore_change, NULL, error, sizeof(error));
}

static const struct admin_hooks admin_hooks = {on_admin_drain, reload};

static const char *trouble(void *context)
{
    const struct server *server = context;

    return server->state == SERVER_RUNNING ? feed_trouble(server->feed) : "the daemon stops";
}

static const struct monitor_hooks monitor_hooks = {trouble};

/* ---- what the feed says ---- */

static void on_ready(void *context)
{
    struct server *server = context;

    server->was_ready = true;
    tell_manager(server);
    log_info("ready", "daemon=%s partitions=%u", server->daemon_id, feed_partitions(server->feed));
}

static void on_refused(void *context, const char *explanation)
{
    struct server *server = context;

    (void)explanation; /* it is in the log */
    if (server->was_ready || server->state != SERVER_RUNNING)
        return;
    server->status = 1;
    change_state(server, SERVER_DRAINING);
}

static const struct feed_events feed_events = {on_ready, on_refused};

static void on_complain(evutil_socket_t fd, short events, void *context)
{
    struct server *server = context;
    struct timeval again = {.tv_sec = COMPLAIN_S};
    enum log_level level = is_starting(server) ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING;

    (void)fd;
    (void)events;
    event_add(server->complain, &again);
    if (feed_is_ready(server->feed))
        return;
    if (server->redis)
        log_event(level, "waiting-for-redis", "socket=%s log=%s/redis.log", log_quote(private_redis_socket(server->redis)),
                  server->config->state_dir);
    else if (server->address.path)
        log_warning("waiting-for-redis", "socket=%s", log_quote(server->address.path));
    else
        log_warning("waiting-for-redis", "address=%s:%d", server->address.host, server->address.port);
}

static size_t outlet_send(void *context, uint64_t conn, uint32_t request_id, uint32_t stream, struct frame *frame)
{
    return net_send_event(((struct server *)context)->net, conn, request_id, stream, frame);
}

static size_t outlet_queued(void *context, uint64_t conn)
{
    return net_queued_bytes(((struct server *)context)->net, conn);
}

/* ---- starting ---- */

static int find_redis(struct server *server)
{
    const struct config *config = server->config;
    char error[1024] = "out of memory";

    if (config->redis_url[0] != '\0') {
        int result = redis_address_parse(config->redis_url, &server->address);

        if (result == 0)
            result = redis_address_resolve(&server->address, error, sizeof(error));
        if (result == 0 && config->redis_password_file[0] != '\0')
            result = redis_address_read_password(config->redis_password_file, &server->address, error, sizeof(error));
        if (result < 0)
            log_error("bad-option", "reason=%s", log_quote(error));
        return result;
    }
    server->redis = private_redis_new(server->base, config->redis_server, config->state_dir, server->lock_fd);
    return server->redis ? redis_address_of_socket(private_redis_socket(server->redis), &server->address) : -EIO;
}

static int make_rooms(struct server *server)
{
    const struct config *config = server->config;
    struct settings *settings = &server->settings;

    settings->store.address = server->address;
    settings->store.daemon_id = server->daemon_id;
    settings->store.seen = server->seen;
    server->outlet = (struct feed_outlet){outlet_send, outlet_queued, settings->net.queue_soft_limit_bytes};
    server->commands = commands_new(config);
    server->feed = feed_new(server->base, &settings->feed, &settings->store, &server->outlet, &feed_events, server);
    if (!server->commands || !server->feed)
        return -ENOMEM;
    server->net = net_new(server->base, &settings->net, &commands_net_handlers, server->commands);
    if (!server->net)
        return -ENOMEM;
    commands_attach(server->commands, server->feed, server->net);
    server->admin = admin_new(server->base, config, &settings->admin, server->commands, &admin_hooks, server);
    server->monitor = monitor_new(server->base, &monitor_hooks, server);
    metrics.connections_max = settings->net.max_connections;
    return server->admin && server->monitor && commands_keep_closed(server->commands) == 0 ? 0 : -ENOMEM;
}

static int start(struct server *server)
{
    struct timeval complain = {.tv_usec = FIRST_COMPLAINT_MS * 1000};
    int error;

    server->started_ms = clock_now_ms();
    process_started();
    settings_fill(&server->settings, server->config);
    error = state_lock(server->config->state_dir, LOCK_WAIT_MS, &server->lock_fd);
    if (error < 0)
        return error;
    error = state_daemon_id(server->config->state_dir, server->daemon_id);
    if (error < 0) {
        log_error("no-identity", "file=%s/daemon-id reason=%s", server->config->state_dir, log_quote(strerror(-error)));
        return error;
    }
    error = seen_open(server->config->state_dir, &server->seen);
    if (error < 0) {
        log_error("state-not-usable", "file=%s/seen reason=%s", server->config->state_dir, log_quote(strerror(-error)));
        return error;
    }
    server->base = event_base_new();
    if (!server->base)
        return -ENOMEM;
    server->terminate = evsignal_new(server->base, SIGTERM, on_signal, server);
    server->interrupt = evsignal_new(server->base, SIGINT, on_signal, server);
    server->hangup = evsignal_new(server->base, SIGHUP, on_hangup, server);
    server->complain = event_new(server->base, -1, 0, on_complain, server);
    if (!server->terminate || !server->interrupt || !server->hangup || !server->complain)
        return -ENOMEM;
    error = find_redis(server);
    if (error == 0)
        error = make_rooms(server);
    if (error == 0)
        error = listen_for_clients(server->net, server->config);
    if (error == 0)
        error = admin_listen(server->admin);
    if (error == 0)
        error = monitor_listen(server->monitor, server->config->http_listen);
    if (error == 0)
        error = begin_to_tell(server);
    if (error < 0)
        return error;
    event_add(server->terminate, NULL);
    event_add(server->interrupt, NULL);
    event_add(server->hangup, NULL);
    event_add(server->complain, &complain);
    feed_start(server->feed);
    return 0;
}

/* Rooms end from the store upwards: answers that are under way find their sessions, and then the sessions end. */
static void finish(struct server *server)
{
    /* A signal that comes now is late: what it asks for is being done. */
    if (server->terminate)
        event_free(server->terminate);
    if (server->interrupt)
        event_free(server->interrupt);
    if (server->hangup)
        event_free(server->hangup);
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    if (server->net)
        feed_stop(server->feed);
    monitor_free(server->monitor);
    admin_free(server->admin);
    net_free(server->net);
    feed_free(server->feed);
    commands_free(server->commands);
    if (server->redis && private_redis_stop(server->redis, PRIVATE_REDIS_STOP_MS) < 0)
        log_error("redis-killed", "reason=\"it did not end in time\"");
    private_redis_free(server->redis);
    redis_address_done(&server->address);
    seen_close(server->seen);
    if (server->complain)
        event_free(server->complain);
    if (server->look)
        event_free(server->look);
    if (server->base)
        event_base_free(server->base);
    if (server->lock_fd >= 0)
        close(server->lock_fd);
}

static void log_counters(void)
{
    char line[2000];
    size_t used = 0;

    process_measure();
    for (enum metric metric = 0; metric < METRIC_COUNT && used < sizeof(line); metric++)
        if (metric_rows[metric].type != METRIC_TYPE_HISTOGRAM)
            used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%s=%" PRIu64, used > 0 ? " " : "",
                                     metric_rows[metric].name, metric_total(metric));
    log_info("stopped", "%s", line);
}

int server_run(struct config *config)
{
    struct server server = {.config = config, .lock_fd = -1};

    signal(SIGPIPE, SIG_IGN);
    srandom((unsigned)clock_wall_ms() ^ (unsigned)getpid());
    log_info("starting", "version=" FEEDD_VERSION " pid=%d state_dir=%s", (int)getpid(), log_quote(config->state_dir));
    if (start(&server) < 0) {
        finish(&server);
        return 1;
    }
    while (server.state != SERVER_STOPPED) {
        event_base_loop(server.base, EVLOOP_ONCE);
        net_turn(server.net);
        admin_turn(server.admin);
        feed_turn(server.feed); /* after net, which may have handed up requests that were held back */
        advance(&server);
        feed_flush(server.feed);
    }
    finish(&server);
    log_counters();
    return server.status;
}
