#include "server.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_PATIENCE_MS 60000

int server_start_redis(struct server *server, const struct run *run, int cpu)
{
    char port[16];
    int r;

    server->redis_address = (struct wire_address){server->redis_path, process_free_port()};
    snprintf(port, sizeof(port), "%" PRIu16, server->redis_address.port);
    snprintf(server->redis_path, sizeof(server->redis_path), "%.400s/redis.sock", run->directory);
    const char *const argv[] = {
        "redis-server", "--port", port, "--bind", "127.0.0.1", "--unixsocket", server->redis_path, "--dir", run->directory,
        "--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0",
        "--list-max-listpack-size", "138", /* as feedd's private Redis has it */
        "--maxclients", "19000", "--tcp-backlog", "4096", "--client-output-buffer-limit", "pubsub", "0", "0", "0",
        "--logfile", "", NULL,
    };
    r = process_start(&server->redis, "redis", run->directory, cpu, argv);
    return r < 0 ? r : process_wait_for(&server->redis, "eady to accept connections", START_PATIENCE_MS, NULL, 0);
}

int server_start_feedd(struct server *server, const struct run *run, int cpu)
{
    char url[PROCESS_PATH_BYTES + 8];
    char state[PROCESS_PATH_BYTES + 8];
    char port[16];
    int r;

    snprintf(url, sizeof(url), "unix:%s", server->redis_path);
    snprintf(state, sizeof(state), "%.400s/state", run->directory);
    const char *const argv[] = {
        run->settings->feedd, "--listen", "127.0.0.1:0", "--state-dir", state, "--redis-url", url,
        "--limits-max-connections", "19000", "--timing-heartbeat-interval-ms", "900000", "--timing-silence-limit-ms",
        "3600000", "--timing-reconnect-spread-ms", "0", "--timing-hello-timeout-ms", "60000", NULL,
    };
    r = process_start(&server->main, "feedd", run->directory, cpu, argv);
    if (r == 0)
        r = process_wait_for(&server->main, "event=ready", START_PATIENCE_MS, NULL, 0);
    if (r == 0)
        r = process_wait_for(&server->main, "address=127.0.0.1:", START_PATIENCE_MS, port, sizeof(port));
    if (r == 0)
        server->address = (struct wire_address){NULL, (uint16_t)atoi(port)};
    return r;
}

static int start_feedd(struct server *server, const struct run *run, int cpu)
{
    int r = server_start_redis(server, run, cpu);

    return r < 0 ? r : server_start_feedd(server, run, cpu);
}

static int start_redis(struct server *server, const struct run *run, int cpu)
{
    int r = server_start_redis(server, run, cpu);

    server->address = (struct wire_address){NULL, server->redis_address.port};
    return r;
}

static int start_floor(struct server *server, const struct run *run, int cpu)
{
    const char *const argv[] = {"/proc/self/exe", "floor", NULL};
    char port[16];
    int r = process_start(&server->main, "floor", run->directory, cpu, argv);

    if (r == 0)
        r = process_wait_for(&server->main, "port=", START_PATIENCE_MS, port, sizeof(port));
    if (r == 0)
        server->address = (struct wire_address){NULL, (uint16_t)atoi(port)};
    return r;
}

/* Writes a server's configuration, `format` with the port in it. */
static int write_configuration(struct server *server, const struct run *run, const char *format,
                               char ret_path[PROCESS_PATH_BYTES])
{
    FILE *file;

    server->address = (struct wire_address){NULL, process_free_port()};
    snprintf(ret_path, PROCESS_PATH_BYTES, "%.400s/server.conf", run->directory);
    file = fopen(ret_path, "we");
    if (!file)
        return -errno;
    for (const char *text = format; *text; text++) {
        if (*text == '@')
            fprintf(file, "%" PRIu16, server->address.port);
        else
            putc(*text, file);
    }
    return fclose(file) == 0 ? 0 : -errno;
}

static int start_nats(struct server *server, const struct run *run, int cpu)
{
    char path[PROCESS_PATH_BYTES];
    const char *const argv[] = {"nats-server", "-c", path, NULL};
    int r = write_configuration(server, run,
                                "listen: \"127.0.0.1:@\"\nmax_connections: 19000\nmax_pending: 1GB\nwrite_deadline: \"60s\"\n"
                                "ping_interval: \"60m\"\n",
                                path);

    if (r == 0)
        r = process_start(&server->main, "nats", run->directory, cpu, argv);
    return r < 0 ? r : process_wait_for(&server->main, "Server is ready", START_PATIENCE_MS, NULL, 0);
}

static int start_mosquitto(struct server *server, const struct run *run, int cpu)
{
    char path[PROCESS_PATH_BYTES];
    const char *const argv[] = {"mosquitto", "-c", path, NULL};
    int r = write_configuration(server, run,
                                "listener @ 127.0.0.1\nallow_anonymous true\nmax_connections -1\nmax_queued_messages 0\n"
                                "max_inflight_messages 0\npersistence false\nset_tcp_nodelay true\nuser root\n"
                                "log_dest stderr\nlog_type error\nlog_type notice\nlog_type information\n"
                                "connection_messages false\n",
                                path);

    if (r == 0)
        r = process_start(&server->main, "mosquitto", run->directory, cpu, argv);
    return r < 0 ? r : process_wait_for(&server->main, " running", START_PATIENCE_MS, NULL, 0);
}

static const char *const redis_version[] = {"redis-server", "--version", NULL};
static const char *const nats_version[] = {"nats-server", "--version", NULL};
static const char *const mosquitto_version[] = {"mosquitto", "-h", NULL};

const struct server_row server_feedd = {"feedd", "redis-server", NULL, start_feedd};
const struct server_row server_floor = {"floor", NULL, NULL, start_floor};
const struct server_row server_redis = {"redis", "redis-server", redis_version, start_redis};
const struct server_row server_nats = {"nats", "nats-server", nats_version, start_nats};
const struct server_row server_mosquitto = {"mosquitto", "mosquitto", mosquitto_version, start_mosquitto};

const struct server_row *const server_rows[] = {&server_feedd, &server_floor,     &server_redis,
                                                &server_nats,  &server_mosquitto, NULL};

/* The last line of a log, which tells why a server would not start. */
static void last_line(const char *path, char ret_line[110])
{
    FILE *file = fopen(path, "re");
    char line[1024];

    while (file && fgets(line, sizeof(line), file))
        snprintf(ret_line, 110, "%.*s", (int)strcspn(line, "\n"), line);
    if (file)
        fclose(file);
}

/* Tells why a server did not start, if it did not, and ends what did. Returns `r`. */
static int judge_start(struct server *server, const struct server_row *row, struct run *run, int r)
{
    char line[110] = "";

    if (r == 0)
        return 0;
    last_line(server->main.log[0] ? server->main.log : server->redis.log, line);
    snprintf(run->trouble, sizeof(run->trouble), "%s does not start: %s", row->name, line);
    server_stop(server);
    return r;
}

int server_start(struct server *server, const struct server_row *row, struct run *run, int cpu)
{
    *server = (struct server){0};
    return judge_start(server, row, run, row->start(server, run, cpu));
}

void server_stop(struct server *server)
{
    process_stop(&server->main);
    process_stop(&server->redis);
}

struct process *server_process(struct server *server)
{
    return server->main.pid > 0 ? &server->main : &server->redis;
}

void server_kill(struct server *server)
{
    process_kill(server_process(server));
}

int server_restart(struct server *server, const struct server_row *row, struct run *run, int cpu)
{
    if (row == &server_feedd)
        return judge_start(server, row, run, server_start_feedd(server, run, cpu));
    return server_start(server, row, run, cpu);
}

struct server_cpu server_cpu(const struct server *server)
{
    struct server_cpu cpu = {0};

    if (server->redis.pid > 0)
        cpu.redis_ns = process_cpu_ns(server->redis.pid);
    if (server->main.pid > 0)
        cpu.all_ns = process_cpu_ns(server->main.pid);
    cpu.all_ns += cpu.redis_ns;
    return cpu;
}
