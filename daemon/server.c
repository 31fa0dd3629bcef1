/* See server.h. */
#include "server.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/metrics.h"
#include "commands/commands.h"
#include "feed/feed.h"
#include "monitor/monitor.h"
#include "net/net.h"
#include "store/private_redis.h"
#include "store/seen.h"
#include "store/store.h"

#define LOCK_WAIT_MS 10000
#define PRIVATE_REDIS_STOP_MS 30000
#define FIRST_COMPLAINT_MS 500
#define COMPLAIN_S 5
#define CLOSING_MS 1500 /* at least this long for the clients to be told */
#define SPARE_DESCRIPTORS 64 /* links, listeners, files */

enum server_state {
    SERVER_RUNNING,
    SERVER_DRAINING, /* no new requests; what is in progress is answered */
    SERVER_CLOSING,  /* every client is told */
    SERVER_STOPPED,
};

struct server {
    const struct config *config;
    struct event_base *base;
    struct event *terminate;
    struct event *interrupt;
    struct event *complain;
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
    size_t max_connections;
    int lock_fd;
    int status;
    bool was_ready;
    char daemon_id[DAEMON_ID_BYTES];
};

/* ---- stopping ---- */

static void change_state(struct server *server, enum server_state state)
{
    server->state = state;
    server->deadline_ms = clock_now_ms() + server->config->drain_timeout_ms;
    switch (state) {
    case SERVER_RUNNING:
        break;
    case SERVER_DRAINING:
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

static const struct admin_hooks admin_hooks = {on_admin_drain};

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

    (void)fd;
    (void)events;
    event_add(server->complain, &again);
    if (feed_is_ready(server->feed))
        return;
    if (server->redis)
        log_warning("waiting-for-redis", "socket=%s log=%s/redis.log", log_quote(private_redis_socket(server->redis)),
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

/* The daemon's name among those on its store: made once, kept in the state directory. */
static int load_daemon_id(struct server *server)
{
    char path[4096];
    uint64_t number;
    int fd;

    snprintf(path, sizeof(path), "%s/daemon-id", server->config->state_dir);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    ssize_t got = read(fd, server->daemon_id, DAEMON_ID_BYTES - 1);
    if (got != DAEMON_ID_BYTES - 1) {
        if (getrandom(&number, sizeof(number), 0) != sizeof(number)) {
            close(fd);
            return -EIO;
        }
        snprintf(server->daemon_id, sizeof(server->daemon_id), "%016" PRIx64, number);
        if (pwrite(fd, server->daemon_id, DAEMON_ID_BYTES - 1, 0) != DAEMON_ID_BYTES - 1 || fsync(fd) < 0) {
            close(fd);
            return -EIO;
        }
    }
    close(fd);
    return 0;
}

static int find_redis(struct server *server)
{
    const struct config *config = server->config;
    char error[256];

    if (config->redis_url[0] != '\0') {
        int result = redis_address_parse(config->redis_url, &server->address, error, sizeof(error));

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
    const struct store_settings store = {.address = server->address,
                                         .times = {.timeout_ms = (uint32_t)config->redis_timeout_ms,
                                                   .stall_ms = (uint32_t)config->redis_stall_ms},
                                         .partitions = (unsigned)config->store_partitions,
                                         .daemon_id = server->daemon_id,
                                         .seen = server->seen,
                                         .vouch_patience_ms = (uint32_t)config->vouch_patience_ms,
                                         .idempotency_ttl_s = config->idempotency_ttl_s,
                                         .profile_cap = config->profile_cap,
                                         .push_limit = config->push_limit,
                                           .retention_s = config->log_retention_s,
                                         .max_following = config->max_following,
                                         .max_comments = config->max_comments,
                                         .max_blocked = config->max_blocked,
                                         .timeline_cap = config->timeline_cap,
                                         .timeline_slack = config->timeline_slack,
                                         .timeline_idle_ttl_s = config->timeline_idle_ttl_s};
    const struct feed_settings feed = {.backfill = config->backfill,
                                       .timeline_cap = config->timeline_cap,
                                       .timeline_slack = config->timeline_slack,
                                       .timeline_idle_ttl_s = config->timeline_idle_ttl_s,
                                       .push_window = config->push_window,
                                       .push_quantum = config->push_quantum,
                                       .claim_after_ms = config->claim_after_ms,
                                       .retry_parked_s = config->retry_parked_s,
                                       .lag_limit_ms = config->lag_limit_ms,
                                       .ring_bytes = (size_t)config->ring_bytes,
                                       .body_bytes = (size_t)config->body_bytes,
                                       .reader_bytes = (size_t)config->reader_bytes};
    const struct net_limits limits = {.max_connections = server->max_connections,
                                      .max_frame_bytes = (size_t)config->max_frame_bytes,
                                      .queue_soft_limit_bytes = (size_t)config->queue_soft_limit_bytes,
                                      .queue_budget_bytes = (size_t)config->queue_budget_bytes,
                                      .hello_timeout_ms = (uint32_t)config->hello_timeout_ms,
                                      .silence_limit_ms = (uint32_t)config->silence_limit_ms,
                                      .stall_limit_ms = (uint32_t)config->stall_limit_ms,
                                      .heartbeat_interval_ms = (uint32_t)config->heartbeat_interval_ms};

    server->outlet = (struct feed_outlet){outlet_send, outlet_queued, limits.queue_soft_limit_bytes};
    server->commands = commands_new(config);
    server->feed = feed_new(server->base, &feed, &store, &server->outlet, &feed_events, server);
    if (!server->commands || !server->feed)
        return -ENOMEM;
    server->net = net_new(server->base, &limits, &commands_net_handlers, server->commands);
    if (!server->net)
        return -ENOMEM;
    commands_attach(server->commands, server->feed, server->net);
    server->admin = admin_new(server->base, config, server->commands, &admin_hooks, server);
    server->monitor = monitor_new(server->base, &monitor_hooks, server);
    metrics.connections_max = limits.max_connections;
    return server->admin && server->monitor && commands_keep_closed(server->commands) == 0 ? 0 : -ENOMEM;
}

static int listen_on(struct server *server)
{
    const struct config *config = server->config;
    uint16_t port = 0;

    if (config->listen[0] != '\0') {
        int error = net_listen_tcp(server->net, config->listen, config->insecure, &port);

        if (error == -EPERM) {
            log_error("listen-refused",
                      "address=%s reason=\"beyond loopback, and there is no authentication: use a loopback address, or "
                      "--insecure where the network is yours\"",
                      log_quote(config->listen));
            return error;
        }
        if (error < 0) {
            log_error("listen-failed", "address=%s reason=%s", log_quote(config->listen), log_quote(strerror(-error)));
            return error;
        }
        log_info("listening", "address=%.*s:%u", (int)(strrchr(config->listen, ':') - config->listen), config->listen, port);
    }
    if (config->unix_path[0] != '\0') {
        int error = net_listen_unix(server->net, config->unix_path, 0660, NET_OWN_GROUP);

        if (error < 0) {
            log_error("listen-failed", "unix=%s reason=%s", log_quote(config->unix_path), log_quote(strerror(-error)));
            return error;
        }
        log_info("listening", "unix=%s", log_quote(config->unix_path));
    }
    int error = admin_listen(server->admin);
    return error < 0 ? error : monitor_listen(server->monitor, config->http_listen, config->insecure);
}

/* As many descriptors as may be; too few for what is configured is worth a word. Clients beyond them are told that the server
 * is full: the daemon's own links need theirs. Returns how many connections there may be. */
static size_t raise_descriptors(const struct config *config)
{
    size_t wanted = (size_t)config->max_connections, possible;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return wanted;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    possible = limit.rlim_cur > 2 * SPARE_DESCRIPTORS ? limit.rlim_cur - SPARE_DESCRIPTORS : limit.rlim_cur / 2;
    if (wanted <= possible)
        return wanted;
    log_warning("few-descriptors", "limit=%llu needed=%zu connections=%zu advice=\"raise the limit of open files "
                "(LimitNOFILE= of the unit), or lower limits.max_connections\"",
                (unsigned long long)limit.rlim_cur, wanted + SPARE_DESCRIPTORS, possible);
    return possible;
}

static int start(struct server *server)
{
    struct timeval complain = {.tv_usec = FIRST_COMPLAINT_MS * 1000};
    int error;

    server->max_connections = raise_descriptors(server->config);
    error = state_lock(server->config->state_dir, LOCK_WAIT_MS, &server->lock_fd);
    if (error < 0)
        return error;
    error = load_daemon_id(server);
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
    server->complain = event_new(server->base, -1, 0, on_complain, server);
    if (!server->terminate || !server->interrupt || !server->complain)
        return -ENOMEM;
    error = find_redis(server);
    if (error == 0)
        error = make_rooms(server);
    if (error == 0)
        error = listen_on(server);
    if (error < 0)
        return error;
    event_add(server->terminate, NULL);
    event_add(server->interrupt, NULL);
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
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
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
    if (server->base)
        event_base_free(server->base);
    if (server->lock_fd >= 0)
        close(server->lock_fd);
}

static void log_counters(void)
{
    char line[2000];
    size_t used = 0;

    for (enum metric metric = 0; metric < METRIC_COUNT && used < sizeof(line); metric++)
        if (metric_rows[metric].type != METRIC_TYPE_HISTOGRAM)
            used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%s=%" PRIu64, used > 0 ? " " : "",
                                     metric_rows[metric].name, metric_total(metric));
    log_info("stopped", "%s", line);
}

int server_run(const struct config *config)
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
