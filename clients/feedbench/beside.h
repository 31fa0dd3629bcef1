/* Small shares while a big one is being pushed: shape.sources authors with shape.followers timelines each share by turns, at
 * shape.rate_per_s, and an author with shape.beside followers shares whenever its last share has been pushed. */
#ifndef FEEDBENCH_BESIDE_H
#define FEEDBENCH_BESIDE_H

#include "drive.h"

/* The same small shares without the big one, to see what the machine does by itself. */
extern const struct drive_work beside_feedd, beside_unloaded;

void beside_round(struct run *run, struct round *ret_round);

#define BESIDE_ARM(id, label, work_row)                                                                                    \
    static const struct arm id = {.name = label, .program = "redis-server", .detail = &work_row, .prepare = drive_prepare, \
                                  .round = beside_round, .finish = drive_finish}

#endif
