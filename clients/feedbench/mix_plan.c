#include "mix_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SEED 1
#define DRAW_MORE 1024
#define ACTIVE_PERCENT 70

/* Twip, by "Easy Freshness with Pequod Cache Joins" (Kate and others, NSDI 2014), with the weights of its authors' experiments
 * (scripts/exp/paperexperiments.py: --pactive=70 --ppost=1 --pread=100 --psubscribe=10 --plogin=5 --plogout=5) and the draws
 * of their client (src/pqtwitternew): who posts is drawn by followers, all else alike. Its checks read what came since the last
 * one, for which feedd has no request: here they read the newest ten. */
enum { TWIP_POST = 1, TWIP_SUBSCRIBE = 10, TWIP_LOGIN = 5, TWIP_LOGOUT = 5, TWIP_CHECK = 100, TWIP_ALL = 121 };

/* socialNetwork of DeathStarBench (Gan and others, ASPLOS 2019): wrk2/scripts/social-network/mixed-workload.lua; the rest are
 * posts. Its pages of ten begin at a random place, which feedd's cursors cannot name: here they are the newest ten. */
enum { SOCIAL_HOME = 60, SOCIAL_PROFILE = 30, SOCIAL_ALL = 100 };

/* Retwis, by "Building Consistent Transactions with Inconsistent Replication" (Zhang and others, SOSP 2015), the mix and the
 * sizes as in its authors' store/benchmark/retwisClient.cc: adding a user, following or unfollowing, posting; the rest loads
 * a timeline of 1 to 10. Their client draws users alike unless it is given an exponent; RANKING_STEEP is 0.75, which Domino's
 * repeat of the workload has as its default (benchmark/workload/constants.go). */
enum { RETWIS_JOIN = 5, RETWIS_FOLLOW = 15, RETWIS_POST = 30, RETWIS_ALL = 100, RETWIS_GETS = 10 };

static uint32_t draw_user(struct mix_plan *plan)
{
    return (uint32_t)random_below(&plan->random, plan->network.people);
}

static bool is_recent(const struct mix_plan *plan, uint64_t pair)
{
    for (size_t i = 0; i < MIX_RECENT_PAIRS; i++)
        if (plan->recent[i] == pair)
            return true;
    return false;
}

/* Whether this pair may be changed now; if so that is noted. */
static bool may_change(struct mix_plan *plan, uint32_t reader, uint32_t subject)
{
    uint64_t pair = ((uint64_t)reader << 32 | subject) + 1;

    if (reader == subject || is_recent(plan, pair))
        return false;
    plan->recent[plan->followed++ % MIX_RECENT_PAIRS] = pair;
    return true;
}

static int set_follow(struct mix_plan *plan, struct mix_operation *operation, bool follows)
{
    operation->kind = follows ? MIX_FOLLOW : MIX_UNFOLLOW;
    return network_set(&plan->network, operation->user, operation->other, follows);
}

/* ----------------------------------------------------------------------------------------------------------- twip */

/* The weights that Pequod's client gives, times ten: next to nothing for few followers, else 1 to 2 log10 of them. */
static uint64_t draw_post_weight(struct mix_plan *plan, uint32_t user)
{
    uint64_t followers = plan->network.followers[user];
    uint64_t most = 0;

    if (followers < 10)
        return followers > 0;
    for (uint64_t square = followers * followers; square >= 10; square /= 10)
        most++;
    return 10 * (random_below(&plan->random, most) + 1);
}

static uint32_t draw_poster(struct mix_plan *plan)
{
    uint32_t low = 0;
    uint32_t high = plan->network.people - 1;
    uint64_t drawn = random_below(&plan->random, plan->post_weights[high]);

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (plan->post_weights[middle] > drawn)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void move_user(uint32_t *from, uint32_t *from_count, uint32_t at, uint32_t *to, uint32_t *to_count)
{
    to[(*to_count)++] = from[at];
    from[at] = from[--*from_count];
}

static void log_out(struct mix_plan *plan)
{
    if (plan->online_count > 0)
        move_user(plan->online, &plan->online_count, (uint32_t)random_below(&plan->random, plan->online_count), plan->offline,
                  &plan->offline_count);
}

static void check(struct mix_plan *plan, bool login, struct mix_operation *operation)
{
    operation->kind = MIX_HOME;
    if (plan->offline_count > 0 && (login || plan->online_count == 0)) {
        move_user(plan->offline, &plan->offline_count, (uint32_t)random_below(&plan->random, plan->offline_count), plan->online,
                  &plan->online_count);
        operation->user = plan->online[plan->online_count - 1];
    } else {
        operation->user = plan->online[random_below(&plan->random, plan->online_count)];
    }
}

static int draw_twip(struct mix_plan *plan, struct mix_operation *operation)
{
    uint64_t drawn = random_below(&plan->random, TWIP_ALL);

    /* Who logs out asks nothing of anybody: it is no operation, and the next one is drawn. */
    for (; drawn < TWIP_LOGOUT; drawn = random_below(&plan->random, TWIP_ALL))
        log_out(plan);
    drawn -= TWIP_LOGOUT;
    if (drawn < TWIP_POST) {
        operation->kind = MIX_POST;
        operation->user = draw_poster(plan);
    } else if (drawn < TWIP_POST + TWIP_SUBSCRIBE) {
        do {
            operation->user = draw_user(plan);
            operation->other = draw_user(plan);
        } while (network_follows(&plan->network, operation->user, operation->other) ||
                 !may_change(plan, operation->user, operation->other));
        return set_follow(plan, operation, true);
    } else {
        check(plan, drawn < TWIP_POST + TWIP_SUBSCRIBE + TWIP_LOGIN, operation);
    }
    return 0;
}

static int init_twip(struct mix_plan *plan)
{
    uint32_t people = plan->network.people;
    uint64_t sum = 0;

    plan->post_weights = calloc(people, sizeof(*plan->post_weights));
    plan->online = calloc(people, sizeof(*plan->online));
    plan->offline = calloc(people, sizeof(*plan->offline));
    if (!plan->post_weights || !plan->online || !plan->offline)
        return -ENOMEM;
    for (uint32_t i = 0; i < people; i++) {
        sum += draw_post_weight(plan, i);
        plan->post_weights[i] = sum;
        if (random_chance(&plan->random, ACTIVE_PERCENT, 100))
            plan->online[plan->online_count++] = i;
    }
    return plan->online_count > 0 ? 0 : -EINVAL;
}

/* --------------------------------------------------------------------------------------------------------- others */

static int draw_social_network(struct mix_plan *plan, struct mix_operation *operation)
{
    uint64_t drawn = random_below(&plan->random, SOCIAL_ALL);

    operation->kind = drawn < SOCIAL_HOME ? MIX_HOME : drawn < SOCIAL_HOME + SOCIAL_PROFILE ? MIX_PROFILE : MIX_POST;
    operation->user = draw_user(plan);
    return 0;
}

static int draw_retwis(struct mix_plan *plan, struct mix_operation *operation)
{
    uint64_t drawn = random_below(&plan->random, RETWIS_ALL);

    operation->user = ranking_draw(&plan->ranking, &plan->random);
    if (drawn < RETWIS_JOIN) {
        operation->kind = MIX_JOIN;
        operation->user = plan->network.people + plan->joined++;
    } else if (drawn < RETWIS_JOIN + RETWIS_FOLLOW) {
        operation->other = ranking_draw(&plan->ranking, &plan->random);
        while (!may_change(plan, operation->user, operation->other)) {
            operation->user = ranking_draw(&plan->ranking, &plan->random);
            operation->other = ranking_draw(&plan->ranking, &plan->random);
        }
        return set_follow(plan, operation, !network_follows(&plan->network, operation->user, operation->other));
    } else if (drawn < RETWIS_JOIN + RETWIS_FOLLOW + RETWIS_POST) {
        operation->kind = MIX_POST;
    } else {
        operation->kind = MIX_HOME;
        operation->page = (uint8_t)(1 + random_below(&plan->random, RETWIS_GETS));
    }
    return 0;
}

/* ----------------------------------------------------------------------------------------------------------- plan */

static int (*const draws[])(struct mix_plan *plan, struct mix_operation *operation) = {
    [MIX_TWIP] = draw_twip,
    [MIX_SOCIAL_NETWORK] = draw_social_network,
    [MIX_RETWIS] = draw_retwis,
};

int mix_plan_init(struct mix_plan *ret_plan, enum mix_workload workload, uint32_t people, uint32_t follows_each)
{
    int r;

    *ret_plan = (struct mix_plan){.workload = workload};
    random_init(&ret_plan->random, SEED, RANDOM_OPERATIONS, workload);
    r = network_init(&ret_plan->network, people, follows_each);
    if (r == 0 && workload == MIX_TWIP)
        r = init_twip(ret_plan);
    if (r == 0 && workload == MIX_RETWIS)
        r = ranking_init(&ret_plan->ranking, people, RANKING_STEEP, &ret_plan->random);
    if (r < 0)
        mix_plan_done(ret_plan);
    return r;
}

void mix_plan_done(struct mix_plan *plan)
{
    network_done(&plan->network);
    ranking_done(&plan->ranking);
    free(plan->post_weights);
    free(plan->online);
    free(plan->offline);
    free(plan->operations);
    *plan = (struct mix_plan){0};
}

int mix_plan_ahead(struct mix_plan *plan, size_t count)
{
    size_t ahead = plan->count - plan->next;

    if (plan->next > 0)
        memmove(plan->operations, plan->operations + plan->next, ahead * sizeof(*plan->operations));
    plan->next = 0;
    plan->count = ahead;
    if (plan->capacity < count) {
        struct mix_operation *larger = realloc(plan->operations, count * sizeof(*larger));

        if (!larger)
            return -ENOMEM;
        plan->operations = larger;
        plan->capacity = count;
    }
    while (plan->count < count) {
        struct mix_operation operation = {.page = MIX_PAGE};

        if (draws[plan->workload](plan, &operation) < 0)
            return -ENOMEM;
        plan->operations[plan->count++] = operation;
    }
    return 0;
}

int mix_plan_next(struct mix_plan *plan, struct mix_operation *ret_operation)
{
    if (plan->next == plan->count && mix_plan_ahead(plan, DRAW_MORE) < 0)
        return -ENOMEM;
    *ret_operation = plan->operations[plan->next++];
    return 0;
}
