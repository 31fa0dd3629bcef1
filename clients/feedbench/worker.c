#include "worker.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

#define PREPARE_PATIENCE_MS 180000
#define ROUND_PATIENCE_MS 120000

/* What the worker is told of its next round. */
struct order {
    bool has_lead;
    struct round lead;
};

static void clear_round(struct round *round)
{
    *round = (struct round){.voided = ""};
    for (size_t i = 0; i < METRICS; i++)
        round->values[i] = NAN;
}

/* The worker's own life: until the controller closes the socket. */
static int serve(struct run *run, int socket)
{
    struct order order;
    struct round round;
    int r = run->arm->prepare(run);

    clear_round(&round);
    if (r < 0)
        snprintf(round.voided, sizeof(round.voided), "%.120s (%.30s)", run->trouble[0] ? run->trouble : "cannot be prepared",
                 strerror(-r));
    if (write(socket, &round, sizeof(round)) == (ssize_t)sizeof(round) && r == 0) {
        while (recv(socket, &order, sizeof(order), MSG_WAITALL) == (ssize_t)sizeof(order)) {
            clear_round(&round);
            run->lead = order.has_lead ? &order.lead : NULL;
            run->arm->round(run, &round);
            if (write(socket, &round, sizeof(round)) != (ssize_t)sizeof(round))
                break;
        }
    }
    run->arm->finish(run);
    return 0;
}

/* Reads a whole round. Returns 0 or a negative errno. */
static int read_round(int socket, int timeout_ms, struct round *ret_round)
{
    struct pollfd waiting = {.fd = socket, .events = POLLIN};
    uint64_t deadline = clock_ns() + (uint64_t)timeout_ms * NS_PER_MS;
    int count;

    do {
        uint64_t now = clock_ns();

        count = poll(&waiting, 1, now < deadline ? (int)((deadline - now) / NS_PER_MS) + 1 : 0);
    } while (count < 0 && errno == EINTR);
    if (count == 0)
        return -ETIMEDOUT;
    return recv(socket, ret_round, sizeof(*ret_round), MSG_WAITALL) == (ssize_t)sizeof(*ret_round) ? 0 : -EPIPE;
}

int worker_start(struct worker *ret_worker, const struct arm *arm, const struct shape *shape, const struct settings *settings,
                 const char *directory, char ret_trouble[VOID_BYTES])
{
    struct worker worker;
    struct round round;
    int sockets[2];
    int r;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
        return -errno;
    fflush(stdout);
    fflush(stderr);
    worker.pid = fork();
    if (worker.pid == 0) {
        struct run run = {.settings = settings, .shape = shape, .arm = arm, .directory = directory};

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGINT, SIG_DFL);
        signal(SIGPIPE, SIG_IGN);
        close(sockets[0]);
        _exit(serve(&run, sockets[1]));
    }
    close(sockets[1]);
    worker.socket = sockets[0];
    if (worker.pid < 0) {
        close(worker.socket);
        return -errno;
    }
    r = read_round(worker.socket, PREPARE_PATIENCE_MS, &round);
    if (r == 0 && !round.voided[0]) {
        *ret_worker = worker;
        return 0;
    }
    snprintf(ret_trouble, VOID_BYTES, "%s", r == 0 ? round.voided : r == -ETIMEDOUT ? "took too long to prepare" : "it died");
    worker_stop(&worker);
    return r < 0 ? r : -EIO;
}

void worker_round(struct worker *worker, const struct round *lead, const struct settings *settings, struct round *ret_round)
{
    struct order order = {.has_lead = lead};
    int patience_ms = (int)(settings->warm_up_ms + settings->measure_ms) + ROUND_PATIENCE_MS;

    if (lead)
        order.lead = *lead;
    clear_round(ret_round);
    if (write(worker->socket, &order, sizeof(order)) != (ssize_t)sizeof(order) ||
        read_round(worker->socket, patience_ms, ret_round) < 0) {
        clear_round(ret_round);
        snprintf(ret_round->voided, sizeof(ret_round->voided), "the generator's process gave no answer");
    }
}

void worker_stop(struct worker *worker)
{
    uint64_t deadline = clock_ns() + 30 * NS_PER_S;
    struct pollfd end = {.fd = worker->socket};

    /* It ends when its socket does, and its own end of it closes when it is gone. */
    shutdown(worker->socket, SHUT_WR);
    while (poll(&end, 1, 100) == 0 && clock_ns() < deadline)
        continue;
    close(worker->socket);
    if (clock_ns() >= deadline)
        kill(worker->pid, SIGKILL);
    while (waitpid(worker->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    worker->pid = 0;
}
