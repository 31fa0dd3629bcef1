/* What this daemon has seen of its store: for each partition the highest id, and the mark of the run of Redis that it was
 * seen in (see lua/open.lua). It lies in a mapped file of the state directory, so that it costs a store to memory and survives
 * the end of the process, however that comes. Not that of the machine: after a boot it is no longer certain. */
#ifndef FEED_STORE_SEEN_H
#define FEED_STORE_SEEN_H

#include <stdbool.h>
#include <stdint.h>

struct seen;

/* Opens or makes `<state_dir>/seen`. 0 or a negative errno: -ENOSPC if the disk is full. */
int seen_open(const char *state_dir, struct seen **ret_seen);
/* NULL is allowed. */
void seen_close(struct seen *seen);

/* The store that it tells of; another one makes it forget. */
void seen_set_epoch(struct seen *seen, uint64_t epoch);

/* Under which mark (0: nothing was seen), and up to which id. */
uint32_t seen_mark(const struct seen *seen, unsigned partition);
uint64_t seen_id(const struct seen *seen, unsigned partition);
/* Whether nothing beyond was seen: not so if the machine has booted since. */
bool seen_is_certain(const struct seen *seen, unsigned partition);

/* The partition was opened: it stands at `id`, in the run of this mark. */
void seen_begin(struct seen *seen, unsigned partition, uint32_t mark, uint64_t id);
/* An id was seen. */
void seen_add(struct seen *seen, uint64_t id);

#endif
