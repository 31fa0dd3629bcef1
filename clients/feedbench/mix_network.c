#include "mix_network.h"

#include <errno.h>
#include <stdlib.h>

#include "generate.h"

#define SEED 1
#define FIRST_SLOTS 4096

/* A pair as the table holds it: reader, subject, and in the last bit whether the one follows the other. As nobody follows
 * themselves, no pair is 0. */
static uint64_t pair_of(uint32_t reader, uint32_t subject)
{
    return ((uint64_t)reader << 32 | subject) << 1;
}

static size_t slot_of(const struct network *network, uint64_t pair)
{
    size_t slot = (size_t)(((pair >> 1) * 0x9e3779b97f4a7c15) >> 20) & (network->slots - 1);

    while (network->pairs[slot] != 0 && (network->pairs[slot] | 1) != (pair | 1))
        slot = (slot + 1) & (network->slots - 1);
    return slot;
}

bool network_follows(const struct network *network, uint32_t reader, uint32_t subject)
{
    return network->pairs[slot_of(network, pair_of(reader, subject))] & 1;
}

static int grow(struct network *network)
{
    struct network larger = *network;

    larger.slots = network->slots * 2;
    larger.pairs = calloc(larger.slots, sizeof(*larger.pairs));
    if (!larger.pairs)
        return -ENOMEM;
    for (size_t i = 0; i < network->slots; i++)
        if (network->pairs[i] != 0)
            larger.pairs[slot_of(&larger, network->pairs[i])] = network->pairs[i];
    free(network->pairs);
    *network = larger;
    return 0;
}

int network_set(struct network *network, uint32_t reader, uint32_t subject, bool follows)
{
    uint64_t pair = pair_of(reader, subject);
    size_t slot;

    if (2 * network->used >= network->slots && grow(network) < 0)
        return -ENOMEM;
    slot = slot_of(network, pair);
    network->used += network->pairs[slot] == 0;
    network->pairs[slot] = pair | follows;
    return 0;
}

/* What is handed over while the network is made. */
struct making {
    struct network *network;
    uint64_t *pairs; /* in the order in which they come */
    size_t count;
    int result;
};

static void take_follow(void *context, uint32_t reader, uint32_t subject)
{
    struct making *making = context;

    making->pairs[making->count++] = pair_of(reader, subject);
    making->network->followers[subject]++;
    if (making->result == 0)
        making->result = network_set(making->network, reader, subject, true);
}

static int compare_pairs(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

static void list_by_reader(struct network *network, struct making *making)
{
    qsort(making->pairs, making->count, sizeof(*making->pairs), compare_pairs);
    for (size_t i = 0; i < making->count; i++) {
        network->first[(making->pairs[i] >> 33) + 1]++;
        network->subjects[i] = (uint32_t)(making->pairs[i] >> 1);
    }
    for (uint32_t i = 0; i < network->people; i++)
        network->first[i + 1] += network->first[i];
}

int network_init(struct network *ret_network, uint32_t people, uint32_t follows_each)
{
    const struct generate_options options = {.seed = SEED, .subjects = people, .follows_per_reader = follows_each};
    size_t follows = (size_t)people * follows_each;
    struct network network = {.people = people, .slots = FIRST_SLOTS};
    struct making making = {.network = &network, .pairs = calloc(follows + 1, sizeof(*making.pairs))};
    int r = -ENOMEM;

    network.first = calloc((size_t)people + 1, sizeof(*network.first));
    network.subjects = calloc(follows + 1, sizeof(*network.subjects));
    network.followers = calloc(people, sizeof(*network.followers));
    network.pairs = calloc(network.slots, sizeof(*network.pairs));
    if (making.pairs && network.first && network.subjects && network.followers && network.pairs)
        r = generate_follows(&options, take_follow, &making);
    if (r == 0)
        r = making.result;
    if (r == 0) {
        list_by_reader(&network, &making);
        *ret_network = network;
    } else {
        network_done(&network);
    }
    free(making.pairs);
    return r;
}

void network_done(struct network *network)
{
    free(network->first);
    free(network->subjects);
    free(network->followers);
    free(network->pairs);
    *network = (struct network){0};
}
