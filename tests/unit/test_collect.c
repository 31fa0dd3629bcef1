/* Collecting the newest shares out of profiles: what is asked, how much of it at a time, and what comes out. */
#include "feed_fixture.h"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)
#define AUTHORS 200
#define SHARES 300 /* of each author */
#define WINDOW 64  /* commands under way: see collect.c */

struct outcome_of_collect {
    unsigned count;
    Feed__ErrorCode error;
    struct collected collected;
};

static void on_collected(void *context, Feed__ErrorCode error, struct collected *collected)
{
    struct outcome_of_collect *outcome = context;

    outcome->count++;
    outcome->error = error;
    if (error == FEED_OK)
        outcome->collected = *collected;
}

static char names[AUTHORS][16];

/* An author's shares by age: all times differ, and some authors share more often. */
static uint64_t share_of(int author, int age)
{
    return UINT64_C(64) * (uint64_t)(1 + (SHARES - age) * (1 + author % 7) * AUTHORS + author);
}

static struct collect *begin(struct world *world, int authors, uint64_t before, uint64_t floor, size_t limit)
{
    struct collect *collect = collect_new(world->feed, (size_t)authors, floor, limit);

    for (int i = 0; i < authors; i++) {
        snprintf(names[i], sizeof(names[i]), "a%d", i);
        collect_add(collect, subject_intern(&world->feed->subjects, text_of(names[i])), before);
    }
    return collect;
}

/* Answers the oldest call as a profile would. Returns how many ids that was. */
static size_t answer_one(bool marked)
{
    static char shape[16384];
    struct fake_call *call = fake_expect(FAKE_PROFILE_IDS);
    int author = atoi(call->name + 1);
    size_t at = (size_t)snprintf(shape, sizeof(shape), "["), count = 0;

    for (int age = 0; age < SHARES && count < (size_t)call->limit; age++) {
        uint64_t id = share_of(author, age);

        if ((call->id != 0 && id >= call->id) || id < call->until)
            continue;
        at += (size_t)snprintf(shape + at, sizeof(shape) - at, " %llu", (unsigned long long)id);
        count++;
    }
    if (marked && call->until == 0 && count < (size_t)call->limit)
        at += (size_t)snprintf(shape + at, sizeof(shape) - at, " capped");
    snprintf(shape + at, sizeof(shape) - at, "]");
    fake_answer(call, shape);
    return count;
}

/* What must come out: the ids of all, newest first. */
static size_t expected_of(int authors, uint64_t before, uint64_t floor, uint64_t *out)
{
    size_t count = 0;

    for (int author = 0; author < authors; author++)
        for (int age = 0; age < SHARES; age++) {
            uint64_t id = share_of(author, age);

            if (id > floor && (before == 0 || id < before))
                out[count++] = id;
        }
    qsort(out, count, sizeof(*out), newest_first);
    return count;
}

static void expect_collected(const struct outcome_of_collect *outcome, const uint64_t *ids, size_t count, bool more, bool cut)
{
    assert_int_equal(outcome->count, 1);
    assert_int_equal(outcome->error, FEED_OK);
    assert_int_equal(outcome->collected.count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(outcome->collected.ids[i], ids[i]);
    assert_int_equal(outcome->collected.more, more);
    if (!more)
        assert_int_equal(outcome->collected.cut, cut);
    free(outcome->collected.ids);
}

static void the_newest_of_all_come_out_in_order_whatever_is_asked_for(void **state)
{
    static const struct {
        int authors;
        size_t limit;
        uint64_t before, floor;
        bool marked;
    } cases[] = {
        {1, 10, 0, 0, false},      {1, SHARES, 0, 0, false},       {1, SHARES, 0, 0, true},
        {1, SHARES - 1, 0, 0, true}, {AUTHORS, 800, 0, 0, false},  {AUTHORS, 51, 64 * 90000, 0, false},
        {7, 800, 64 * 30000, 0, true}, {AUTHORS, 800, 0, 64 * 419000, false}, {AUTHORS, 1, 0, 0, false},
        {3, 5000, 0, 0, true},     {3, 50, 128, 0, true},
    };
    static uint64_t expected[AUTHORS * SHARES];
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct outcome_of_collect outcome = {0};
        size_t count = expected_of(cases[i].authors, cases[i].before, cases[i].floor, expected), answered = 0;
        bool more = count > cases[i].limit;

        collect_run(begin(world, cases[i].authors, cases[i].before, cases[i].floor, cases[i].limit), on_collected, &outcome);
        while (fake_waiting(FAKE_PROFILE_IDS) > 0) {
            assert_true(fake_waiting(FAKE_PROFILE_IDS) <= WINDOW);
            answered += answer_one(cases[i].marked);
        }
        expect_collected(&outcome, expected, more ? cases[i].limit : count, more, cases[i].marked);
        /* Little more is read than is wanted: what all under way at once may bring, and some for each author. */
        assert_true(answered <= 4 * cases[i].limit + WINDOW * 32 + 4u * (size_t)cases[i].authors);
    }
}

static void shares_that_two_profiles_hold_come_out_once(void **state)
{
    struct world *world = *state;
    struct outcome_of_collect outcome = {0};

    collect_run(begin(world, 2, 0, 0, 10), on_collected, &outcome);
    FAKE_ANSWER(FAKE_PROFILE_IDS, "[640 576 512]");
    FAKE_ANSWER(FAKE_PROFILE_IDS, "[704 576 64]");
    expect_collected(&outcome, (uint64_t[]){704, 640, 576, 512, 64}, 5, false, false);
}

static void a_small_collection_is_not_held_up_by_a_large_one(void **state)
{
    struct world *world = *state;
    struct outcome_of_collect large = {0}, small = {0};
    int answered = 0;

    collect_run(begin(world, AUTHORS, 0, 0, 800), on_collected, &large);
    collect_run(begin(world, 3, 0, 0, 10), on_collected, &small);
    assert_int_equal(fake_waiting(FAKE_PROFILE_IDS), WINDOW);
    for (; small.count == 0; answered++)
        answer_one(false);
    assert_true(answered <= WINDOW + 3 * 4);
    assert_int_equal(large.count, 0);
    while (fake_waiting(FAKE_PROFILE_IDS) > 0)
        answer_one(false);
    assert_int_equal(large.count, 1);
    free(large.collected.ids);
    free(small.collected.ids);
}

static void an_answer_that_is_lost_fails_it_when_all_others_are_there(void **state)
{
    struct world *world = *state;
    struct outcome_of_collect outcome = {0}, other = {0};

    collect_run(begin(world, 3, 0, 0, 10), on_collected, &outcome);
    FAKE_ANSWER(FAKE_PROFILE_IDS, NULL);
    answer_one(false);
    assert_int_equal(outcome.count, 0);
    answer_one(false);
    assert_int_equal(outcome.count, 1);
    assert_int_equal(outcome.error, FEED__ERROR_CODE__UNAVAILABLE);
    fake.refuses[FAKE_PROFILE_IDS] = true;
    collect_run(begin(world, 3, 0, 0, 10), on_collected, &other);
    assert_int_equal(other.count, 1);
    assert_int_equal(other.error, FEED__ERROR_CODE__UNAVAILABLE);
}

static void nothing_comes_out_of_no_profiles(void **state)
{
    struct world *world = *state;
    struct outcome_of_collect outcome = {0};

    collect_run(begin(world, 0, 0, 0, 10), on_collected, &outcome);
    expect_collected(&outcome, NULL, 0, false, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(the_newest_of_all_come_out_in_order_whatever_is_asked_for),
        WITH_WORLD(shares_that_two_profiles_hold_come_out_once),
        WITH_WORLD(a_small_collection_is_not_held_up_by_a_large_one),
        WITH_WORLD(an_answer_that_is_lost_fails_it_when_all_others_are_there),
        WITH_WORLD(nothing_comes_out_of_no_profiles),
    };

    return cmocka_run_group_tests_name("collect", tests, NULL, NULL);
}
