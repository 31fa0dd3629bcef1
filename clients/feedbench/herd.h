/* A herd: all receivers lose their server, which is killed, and come back to it at once when it has been started again.
 * Those of feedd resume, and must get exactly what was shared while they were away. */
#ifndef FEEDBENCH_HERD_H
#define FEEDBENCH_HERD_H

#include "live.h"

extern const struct live_protocol herd_feedd;

int herd_prepare(struct run *run);
void herd_round(struct run *run, struct round *ret_round);
void herd_finish(struct run *run);

/* `protocol_row`: herd_feedd, or one whose receivers only subscribe again. */
#define HERD_ARM(id, label, needs, protocol_row)                                                                     \
    static const struct arm id = {.name = label, .program = needs, .detail = &protocol_row, .prepare = herd_prepare, \
                                  .round = herd_round, .finish = herd_finish}

#endif
