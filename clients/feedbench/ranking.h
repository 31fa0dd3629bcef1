/* A heavy tail: subjects in a random order of rank, the one of rank k (from 1) weighing k^-exponent.
 *
 * Drawing by weight gives counts that follow Zipf's law with that exponent s, which is a power law with exponent 1 + 1/s
 * for how many subjects have a given count. The two exponents on offer need square roots only, which every machine rounds
 * alike. */
#ifndef FEEDBENCH_RANKING_H
#define FEEDBENCH_RANKING_H

#include <stdint.h>

#include "random.h"

enum ranking_tail {
    RANKING_STEEP, /* s = 3/4: power law 2.33. The followers of Twitter's accounts measured 2.276 up to 100,000 of them
                      (Kwak, Lee, Park, Moon: "What is Twitter, a Social Network or a News Media?", WWW 2010) */
    RANKING_FLAT,  /* s = 1/2: power law 3. The heaviest of n weighs about half the square root of n times the average */
};

struct ranking {
    uint32_t count;
    uint32_t *subjects; /* by rank, heaviest first */
    uint64_t *weights;  /* the sum of the weights of ranks 0 to k */
};

/* Ranks the subjects 0 to `count` - 1 (`count` above 0) in an order drawn from `random`. Returns 0 or -ENOMEM. */
int ranking_init(struct ranking *ret_ranking, uint32_t count, enum ranking_tail tail, struct random *random);
void ranking_done(struct ranking *ranking);

/* A subject, drawn by weight. */
uint32_t ranking_draw(const struct ranking *ranking, struct random *random);

/* The part of `total` that falls to the ranks before `rank` (0 to count): parts of neighbours differ by what the rank in
 * between gets, and that of `count` is `total`. */
uint64_t ranking_part_before(const struct ranking *ranking, uint32_t rank, uint64_t total);

#endif
