/* The operations of a workload, one after the other: which they are depends on the seed alone and on no reply, so that every
 * arm plays the same ones, as far as it comes. They are drawn ahead of the round that plays them, as whoever does the work
 * of these workloads in earnest need not draw lots. */
#ifndef FEEDBENCH_MIX_PLAN_H
#define FEEDBENCH_MIX_PLAN_H

#include "mix_network.h"
#include "random.h"
#include "ranking.h"

/* shape.variant */
enum mix_workload { MIX_TWIP, MIX_SOCIAL_NETWORK, MIX_RETWIS };

enum mix_kind { MIX_HOME, MIX_PROFILE, MIX_POST, MIX_FOLLOW, MIX_UNFOLLOW, MIX_JOIN };

struct mix_operation {
    uint8_t kind;
    uint8_t page;   /* of a read */
    uint32_t user;  /* who reads, posts, follows, joins; of a profile: whose it is */
    uint32_t other; /* who is followed */
};

#define MIX_PAGE 10
/* Follows that are remembered: a pair among them is left alone, as of two changes under way at once either may come last. */
#define MIX_RECENT_PAIRS 256

struct mix_plan {
    enum mix_workload workload;
    struct network network;
    struct random random;
    struct ranking ranking; /* retwis: who does something, or is followed */
    uint64_t *post_weights; /* twip: [people], the sum of the weights up to each */
    uint32_t *online;       /* twip: who is logged in */
    uint32_t online_count;
    uint32_t *offline;      /* twip: who logged out, and will come back */
    uint32_t offline_count;
    uint32_t joined;        /* retwis: people who were not there at first */
    uint64_t recent[MIX_RECENT_PAIRS];
    uint64_t followed;
    struct mix_operation *operations; /* those ahead stand from `next` to `count` */
    size_t next;
    size_t count;
    size_t capacity;
};

/* Returns 0 or a negative errno. */
int mix_plan_init(struct mix_plan *ret_plan, enum mix_workload workload, uint32_t people, uint32_t follows_each);
void mix_plan_done(struct mix_plan *plan);
/* Draws until so many are ahead. Returns 0 or -ENOMEM. */
int mix_plan_ahead(struct mix_plan *plan, size_t count);
/* Takes the next one; draws a few more if none is ahead. Returns 0 or -ENOMEM. */
int mix_plan_next(struct mix_plan *plan, struct mix_operation *ret_operation);

#endif
