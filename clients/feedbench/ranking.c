#include "ranking.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Weights are integers, so that their sums are exact. */
#define WEIGHT_SCALE 16777216.0

static uint64_t weigh_rank(uint32_t rank, enum ranking_tail tail)
{
    double root = sqrt((double)rank + 1);

    if (tail == RANKING_STEEP)
        root *= sqrt(root);
    return (uint64_t)(WEIGHT_SCALE / root);
}

int ranking_init(struct ranking *ret_ranking, uint32_t count, enum ranking_tail tail, struct random *random)
{
    struct ranking ranking = {.count = count};
    uint64_t sum = 0;

    ranking.subjects = calloc(count, sizeof(*ranking.subjects));
    ranking.weights = calloc(count, sizeof(*ranking.weights));
    if (!ranking.subjects || !ranking.weights) {
        ranking_done(&ranking);
        return -ENOMEM;
    }
    for (uint32_t rank = 0; rank < count; rank++) {
        uint32_t other = (uint32_t)random_below(random, (uint64_t)rank + 1);

        ranking.subjects[rank] = ranking.subjects[other];
        ranking.subjects[other] = rank;
        sum += weigh_rank(rank, tail);
        ranking.weights[rank] = sum;
    }
    *ret_ranking = ranking;
    return 0;
}

void ranking_done(struct ranking *ranking)
{
    free(ranking->subjects);
    free(ranking->weights);
    *ranking = (struct ranking){0};
}

uint32_t ranking_draw(const struct ranking *ranking, struct random *random)
{
    uint64_t drawn = random_below(random, ranking->weights[ranking->count - 1]);
    uint32_t low = 0;
    uint32_t high = ranking->count - 1;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (ranking->weights[middle] > drawn)
            high = middle;
        else
            low = middle + 1;
    }
    return ranking->subjects[low];
}

uint64_t ranking_part_before(const struct ranking *ranking, uint32_t rank, uint64_t total)
{
    if (rank == 0)
        return 0;
    return (uint64_t)((unsigned __int128)ranking->weights[rank - 1] * total / ranking->weights[ranking->count - 1]);
}
