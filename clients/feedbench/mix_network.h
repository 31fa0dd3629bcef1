/* Who follows whom in a made network, at first and as it changes. */
#ifndef FEEDBENCH_MIX_NETWORK_H
#define FEEDBENCH_MIX_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct network {
    uint32_t people;
    /* At first: the subjects that reader r follows stand at subjects[first[r]] up to subjects[first[r + 1]], ascending. */
    size_t *first;
    uint32_t *subjects;
    uint32_t *followers; /* [people]: how many each had at first */
    /* Now: every pair that follows or did, in a table of open addresses. */
    uint64_t *pairs;
    size_t slots; /* a power of two */
    size_t used;
};

/* Makes the network that `feedbench generate --seed 1` makes of so many. Returns 0 or a negative errno. */
int network_init(struct network *ret_network, uint32_t people, uint32_t follows_each);
void network_done(struct network *network);

bool network_follows(const struct network *network, uint32_t reader, uint32_t subject);
/* Returns 0 or -ENOMEM. */
int network_set(struct network *network, uint32_t reader, uint32_t subject, bool follows);

#endif
