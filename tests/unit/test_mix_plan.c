/* The operations of `feedbench mix`: as often as published, the same ones each time, about follows as they are then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mix_plan.h"

#define PEOPLE 1000
#define FOLLOWS_EACH 10
#define DRAWN 100000

static struct mix_plan plan_of(enum mix_workload workload)
{
    struct mix_plan plan;

    assert_int_equal(mix_plan_init(&plan, workload, PEOPLE, FOLLOWS_EACH), 0);
    return plan;
}

static struct mix_operation next(struct mix_plan *plan)
{
    struct mix_operation operation;

    assert_int_equal(mix_plan_next(plan, &operation), 0);
    return operation;
}

/* How many of a workload's operations are of each kind. */
static void count_kinds(enum mix_workload workload, unsigned ret_counts[MIX_JOIN + 1])
{
    struct mix_plan plan = plan_of(workload);

    for (int i = 0; i < DRAWN; i++)
        ret_counts[next(&plan).kind]++;
    mix_plan_done(&plan);
}

static void assert_part(unsigned count, double part)
{
    assert_true(count > (part - 0.01) * DRAWN && count < (part + 0.01) * DRAWN);
}

static void twip_has_a_post_and_ten_subscriptions_to_a_hundred_checks(void **state)
{
    unsigned counts[MIX_JOIN + 1] = {0};

    (void)state;
    count_kinds(MIX_TWIP, counts);
    assert_part(counts[MIX_POST], 1.0 / 116);
    assert_part(counts[MIX_FOLLOW], 10.0 / 116);
    assert_part(counts[MIX_HOME], 105.0 / 116);
    assert_int_equal(counts[MIX_POST] + counts[MIX_FOLLOW] + counts[MIX_HOME], DRAWN);
}

static void social_network_has_six_reads_of_home_to_three_of_profiles_to_a_post(void **state)
{
    unsigned counts[MIX_JOIN + 1] = {0};

    (void)state;
    count_kinds(MIX_SOCIAL_NETWORK, counts);
    assert_part(counts[MIX_HOME], 0.6);
    assert_part(counts[MIX_PROFILE], 0.3);
    assert_part(counts[MIX_POST], 0.1);
}

static void retwis_has_half_reads_and_all_the_rest(void **state)
{
    unsigned counts[MIX_JOIN + 1] = {0};

    (void)state;
    count_kinds(MIX_RETWIS, counts);
    assert_part(counts[MIX_HOME], 0.5);
    assert_part(counts[MIX_POST], 0.3);
    assert_part(counts[MIX_FOLLOW] + counts[MIX_UNFOLLOW], 0.15);
    assert_part(counts[MIX_JOIN], 0.05);
    assert_true(counts[MIX_UNFOLLOW] > 0);
}

static void a_follow_is_of_somebody_who_was_not_followed_and_an_unfollow_of_somebody_who_was(void **state)
{
    struct mix_plan plan = plan_of(MIX_RETWIS);
    struct network network;

    (void)state;
    assert_int_equal(network_init(&network, PEOPLE, FOLLOWS_EACH), 0);
    for (int i = 0; i < DRAWN; i++) {
        struct mix_operation operation = next(&plan);

        if (operation.kind != MIX_FOLLOW && operation.kind != MIX_UNFOLLOW)
            continue;
        assert_int_not_equal(operation.user, operation.other);
        assert_int_equal(network_follows(&network, operation.user, operation.other), operation.kind == MIX_UNFOLLOW);
        assert_int_equal(network_set(&network, operation.user, operation.other, operation.kind == MIX_FOLLOW), 0);
    }
    network_done(&network);
    mix_plan_done(&plan);
}

static void drawing_ahead_changes_nothing(void **state)
{
    struct mix_plan one = plan_of(MIX_TWIP), other = plan_of(MIX_TWIP);

    (void)state;
    for (int i = 0; i < DRAWN; i++) {
        struct mix_operation a = next(&one), b;

        if (i % 5000 == 0)
            assert_int_equal(mix_plan_ahead(&other, 7000), 0);
        b = next(&other);
        assert_true(a.kind == b.kind && a.page == b.page && a.user == b.user && a.other == b.other);
    }
    mix_plan_done(&one);
    mix_plan_done(&other);
}

static void a_network_lists_as_many_follows_as_asked_of_each_reader_in_order(void **state)
{
    struct network network;
    size_t followers = 0;

    (void)state;
    assert_int_equal(network_init(&network, PEOPLE, FOLLOWS_EACH), 0);
    assert_int_equal(network.first[PEOPLE], PEOPLE * FOLLOWS_EACH);
    for (uint32_t reader = 0; reader < PEOPLE; reader++) {
        followers += network.followers[reader];
        for (size_t i = network.first[reader]; i < network.first[reader + 1]; i++) {
            assert_true(network_follows(&network, reader, network.subjects[i]));
            assert_true(i == network.first[reader] || network.subjects[i - 1] < network.subjects[i]);
        }
    }
    assert_int_equal(followers, PEOPLE * FOLLOWS_EACH);
    network_done(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twip_has_a_post_and_ten_subscriptions_to_a_hundred_checks),
        cmocka_unit_test(social_network_has_six_reads_of_home_to_three_of_profiles_to_a_post),
        cmocka_unit_test(retwis_has_half_reads_and_all_the_rest),
        cmocka_unit_test(a_follow_is_of_somebody_who_was_not_followed_and_an_unfollow_of_somebody_who_was),
        cmocka_unit_test(drawing_ahead_changes_nothing),
        cmocka_unit_test(a_network_lists_as_many_follows_as_asked_of_each_reader_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
