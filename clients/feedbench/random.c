#include "random.h"

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t mixed = (*state += 0x9e3779b97f4a7c15);

    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
}

static uint64_t rotate_left(uint64_t value, int bits)
{
    return (value << bits) | (value >> (64 - bits));
}

void random_init(struct random *ret_random, uint64_t seed, enum random_stream stream, uint64_t index)
{
    uint64_t state = seed;

    state = splitmix64(&state) ^ (uint64_t)stream;
    state = splitmix64(&state) ^ index;
    for (int i = 0; i < 4; i++)
        ret_random->state[i] = splitmix64(&state);
}

uint64_t random_next(struct random *random)
{
    uint64_t *state = random->state;
    uint64_t result = rotate_left(state[1] * 5, 7) * 9;
    uint64_t shifted = state[1] << 17;

    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate_left(state[3], 45);
    return result;
}

uint64_t random_below(struct random *random, uint64_t limit)
{
    unsigned __int128 product = (unsigned __int128)random_next(random) * limit;

    if ((uint64_t)product < limit) {
        uint64_t unfair = -limit % limit;

        while ((uint64_t)product < unfair)
            product = (unsigned __int128)random_next(random) * limit;
    }
    return (uint64_t)(product >> 64);
}

bool random_chance(struct random *random, uint64_t times, uint64_t in)
{
    return random_below(random, in) < times;
}
