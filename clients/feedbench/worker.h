/* An arm's process. The controller tells it what to do next and waits; nothing else runs meanwhile. */
#ifndef FEEDBENCH_WORKER_H
#define FEEDBENCH_WORKER_H

#include "scenario.h"

struct worker {
    pid_t pid;
    int socket;
};

/* Starts the process and has it prepare. Returns 0, or a negative errno after writing why. */
int worker_start(struct worker *ret_worker, const struct arm *arm, const struct shape *shape, const struct settings *settings,
                 const char *directory, char ret_trouble[VOID_BYTES]);
/* One round; `lead` (NULL: none) is what the first arm measured in it. A worker that does not answer in time voids it. */
void worker_round(struct worker *worker, const struct round *lead, const struct settings *settings, struct round *ret_round);
void worker_stop(struct worker *worker);

#endif
