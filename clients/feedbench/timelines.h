/* Memory of timelines in Redis: shape.connections of them with shape.prefill entries each. */
#ifndef FEEDBENCH_TIMELINES_H
#define FEEDBENCH_TIMELINES_H

#include "drive.h"

/* feedd pushes them; sorted sets of ids like those are written directly. */
extern const struct drive_work timelines_feedd, timelines_sorted;

void timelines_round(struct run *run, struct round *ret_round);

#define TIMELINES_ARM(id, label, work_row)                                                                              \
    static const struct arm id = {.name = label, .program = "redis-server", .detail = &work_row, .prepare = drive_prepare, \
                                  .round = timelines_round, .finish = drive_finish}

#endif
