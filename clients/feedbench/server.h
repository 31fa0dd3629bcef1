/* The servers that are measured: one row each. All listen on loopback or a Unix socket, keep their data in the directory of
 * their arm, and are set up so that nothing but their work shows: no limits that a flood would meet, no heartbeats. */
#ifndef FEEDBENCH_SERVER_H
#define FEEDBENCH_SERVER_H

#include "process.h"
#include "scenario.h"
#include "wire.h"

struct server {
    struct process main;  /* feedd or the peer; pid 0 where Redis alone is driven */
    struct process redis; /* feedd's, or the one that is driven; pid 0 if none */
    struct wire_address address;
    struct wire_address redis_address;
    char redis_path[PROCESS_PATH_BYTES];
};

/* How to start one, each thing on its CPU. */
struct server_row {
    const char *name;
    const char *program; /* NULL: a part of feedbench */
    const char *const *version; /* what prints its version */
    int (*start)(struct server *server, const struct run *run, int cpu);
};

/* Redis stands in `redis` alone for the raw rows; feedd's own Redis has the same settings. */
extern const struct server_row server_feedd, server_floor, server_redis, server_nats, server_mosquitto;
/* All of them; NULL at the end. */
extern const struct server_row *const server_rows[];

/* Starts redis-server: append-only file, fsync every second, never rewritten. Returns 0 or a negative errno. */
int server_start_redis(struct server *server, const struct run *run, int cpu);
/* Starts feedd on that Redis, which runs already. Returns when it is ready. */
int server_start_feedd(struct server *server, const struct run *run, int cpu);
/* Starts a row; on failure `run->trouble` says why, with the end of the log. */
int server_start(struct server *server, const struct server_row *row, struct run *run, int cpu);
void server_stop(struct server *server);
/* The process that clients are connected to. */
struct process *server_process(struct server *server);
/* Kills that process at once; feedd's Redis lives on. */
void server_kill(struct server *server);
/* Starts again what was killed, on another port; feedd on the same store. As server_start(). */
int server_restart(struct server *server, const struct server_row *row, struct run *run, int cpu);

/* CPU time until now of everything on the server's side, and of its Redis alone. */
struct server_cpu {
    uint64_t all_ns;
    uint64_t redis_ns;
};
struct server_cpu server_cpu(const struct server *server);

#endif
