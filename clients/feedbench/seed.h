/* Writes follows and timelines straight into feedd's Redis (one partition), as docs/design.md lays its keys out: a million of
 * them through feedd would take longer than all that is measured. feedd must have opened the store, and must not have
 * looked at these readers yet. */
#ifndef FEEDBENCH_SEED_H
#define FEEDBENCH_SEED_H

#include "resp.h"

struct seed {
    struct resp_link link;
    size_t pending; /* commands not yet answered */
    uint64_t last_id;
};

int seed_open(struct seed *seed, const struct wire_address *redis);
void seed_close(struct seed *seed);
/* All of these return 0 or a negative errno, of earlier calls too. */
int seed_follow(struct seed *seed, const char *reader, const char *subject);
/* Only the subject's side: a follower whose timeline is pushed to and who never comes online. */
int seed_follower(struct seed *seed, const char *reader, const char *subject);
/* A complete timeline that holds these ids, newest first. */
int seed_timeline(struct seed *seed, const char *reader, const uint64_t *ids, size_t count);
/* A command is in seed->link.out. */
int seed_sent(struct seed *seed);
int seed_flush(struct seed *seed);

#endif
