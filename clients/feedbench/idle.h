/* Memory of a server for connections that do nothing: what its resident set grows by while they subscribe. */
#ifndef FEEDBENCH_IDLE_H
#define FEEDBENCH_IDLE_H

#include "live.h"

/* An arm's detail. */
struct idle_work {
    const struct live_protocol *protocol;
    uint32_t divisor; /* each receiver hears shape.heard divided by this */
};

int idle_prepare(struct run *run);
void idle_round(struct run *run, struct round *ret_round);
void idle_finish(struct run *run);

#define IDLE_ARM(id, label, needs, protocol_row, part)                                                             \
    static const struct arm id = {.name = label, .program = needs,                                                 \
                                  .detail = &(const struct idle_work){.protocol = &protocol_row, .divisor = part}, \
                                  .prepare = idle_prepare, .round = idle_round, .finish = idle_finish}

#endif
