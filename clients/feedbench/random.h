/* Random numbers that are the same everywhere for the same seed: integers only, no libm, no state outside the struct.
 *
 * The generator is xoshiro256**, seeded through splitmix64, both by David Blackman and Sebastiano Vigna, who put them in
 * the public domain (prng.di.unimi.it). Bounded numbers are Daniel Lemire's "Fast Random Integer Generation in an
 * Interval" (2019): exact, with almost never a second draw. Not for secrets. */
#ifndef FEEDBENCH_RANDOM_H
#define FEEDBENCH_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state[4];
};

/* What each stream of numbers is used for, so that asking for more of one thing leaves the others as they were. */
enum random_stream {
    RANDOM_POPULARITY,
    RANDOM_READERS,
    RANDOM_FOLLOWS,
    RANDOM_ACTIVITY,
    RANDOM_SHARES,
    RANDOM_LINKS,
    RANDOM_OPERATIONS,
};

/* Starts a sequence of its own for each seed, stream and index. */
void random_init(struct random *ret_random, uint64_t seed, enum random_stream stream, uint64_t index);

uint64_t random_next(struct random *random);

/* A number from 0 to `limit` - 1; `limit` is above 0. */
uint64_t random_below(struct random *random, uint64_t limit);

/* True `times` times `in` a number. */
bool random_chance(struct random *random, uint64_t times, uint64_t in);

#endif
