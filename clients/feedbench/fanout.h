/* Fan-out: from shares to timelines in Redis, by feedd and by those who do it directly. Timelines are many authors' followers,
 * each author's own (shape.variant FANOUT_APART) or the same for all (FANOUT_SHARED). */
#ifndef FEEDBENCH_FANOUT_H
#define FEEDBENCH_FANOUT_H

#include "drive.h"

enum fanout_variant { FANOUT_APART, FANOUT_SHARED };

/* feedd; LPUSHX and the pages of followers that feedd reads; LPUSHX alone; sorted sets. */
extern const struct drive_work fanout_feedd, fanout_paged, fanout_lists, fanout_sorted, fanout_lists_beside;

/* Asks for the length of a timeline, by its reader's number. */
void fanout_add_length(struct buffer *out, uint32_t timeline);
/* Every push has arrived at these timelines, and none twice: voids what is not so long. */
void fanout_check_lengths(struct drive *drive, uint32_t first, uint32_t count, uint64_t expected);

#endif
