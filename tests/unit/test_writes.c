/* Commits of shares and deletions: what the store's answers mean to the publisher. */
#include "base/metrics.h"
#include "feed_fixture.h"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)

static void share(struct world *world, struct outcome *ret_outcome)
{
    *ret_outcome = (struct outcome){0};
    ask_share(world, "bob", "https://example.org/", ret_outcome);
    feed_turn(world->feed);
}

static void delete(struct world *world, const char *author, uint64_t id, struct outcome *ret_outcome)
{
    *ret_outcome = (struct outcome){0};
    feed_delete(world->feed, text_of(author), id, on_write, ret_outcome);
}

static void a_committed_share_has_its_id_and_a_repeated_one_says_so(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    share(world, &outcome);
    FAKE_ANSWER(FAKE_SHARE, "[6400 :0]");
    expect_outcome(&outcome, FEED_OK);
    assert_int_equal(outcome.position, 6400);
    assert_false(outcome.repeated);
    share(world, &outcome);
    FAKE_ANSWER(FAKE_SHARE, "[6400 :1]");
    expect_outcome(&outcome, FEED_OK);
    assert_true(outcome.repeated);
}

static void a_lost_answer_is_unknown_and_a_refusal_is_not(void **state)
{
    static const struct {
        const char *answer;
        Feed__ErrorCode error;
    } cases[] = {
        {NULL, FEED__ERROR_CODE__OUTCOME_UNKNOWN},      {"!OOM", FEED__ERROR_CODE__UNAVAILABLE},
        {"!READONLY", FEED__ERROR_CODE__UNAVAILABLE},   {"!LOADING", FEED__ERROR_CODE__UNAVAILABLE},
        {"!MISCONF", FEED__ERROR_CODE__UNAVAILABLE},    {"!GHOST", FEED__ERROR_CODE__UNAVAILABLE},
        {"!CLOCK", FEED__ERROR_CODE__UNAVAILABLE},      {"!TRYAGAIN", FEED__ERROR_CODE__UNAVAILABLE},
        {"!NOSCRIPT", FEED__ERROR_CODE__UNAVAILABLE},   {"!WRONGTYPE", FEED__ERROR_CODE__INTERNAL},
        {"!NOPERM", FEED__ERROR_CODE__UNAVAILABLE},     {"!OOMPH", FEED__ERROR_CODE__INTERNAL},
    };
    struct world *world = *state;
    struct outcome outcome;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        share(world, &outcome);
        FAKE_ANSWER(FAKE_SHARE, cases[i].answer);
        expect_outcome(&outcome, cases[i].error);
        delete(world, "bob", 6400, &outcome);
        FAKE_ANSWER(FAKE_DELETE, cases[i].answer);
        expect_outcome(&outcome, cases[i].error);
    }
    fake.refuses[FAKE_SHARE] = fake.refuses[FAKE_DELETE] = true;
    share(world, &outcome);
    expect_outcome(&outcome, FEED__ERROR_CODE__UNAVAILABLE);
    delete(world, "bob", 6400, &outcome);
    expect_outcome(&outcome, FEED__ERROR_CODE__UNAVAILABLE);
}

static void shares_of_one_turn_travel_together_and_each_gets_its_own_answer(void **state)
{
    struct world *world = *state;
    struct outcome outcomes[18] = {0};

    for (size_t i = 0; i < 18; i++)
        ask_share(world, "bob", "https://example.org/", &outcomes[i]);
    assert_int_equal(fake_waiting(FAKE_SHARE), 0);
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_SHARE, "[64 :0 !WRONGTYPE :0 128 :0 !OOM :0 192 :1 256 :0 320 :0 384 :0 448 :0 512 :0 576 :0 640 :0 704 :0 768 :0 "
                            "832 :0 896 :0]");
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_SHARE, NULL);
    for (size_t i = 0; i < 18; i++) {
        Feed__ErrorCode error = i == 1 ? FEED__ERROR_CODE__INTERNAL : i == 3 ? FEED__ERROR_CODE__UNAVAILABLE : FEED_OK;

        expect_outcome(&outcomes[i], i < 16 ? error : FEED__ERROR_CODE__OUTCOME_UNKNOWN);
        assert_int_equal(outcomes[i].repeated, i == 4);
    }
    assert_int_equal(outcomes[0].position, 64);
    assert_int_equal(outcomes[2].position, 128);
    assert_int_equal(outcomes[15].position, 896);
}

/* Asks for as many shares, one in each turn. */
static void share_in_turns(struct world *world, struct outcome *outcomes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        share(world, &outcomes[i]);
}

static void shares_gather_while_one_is_under_way_until_they_fill_a_script(void **state)
{
    struct world *world = *state;
    struct outcome outcomes[20];

    share_in_turns(world, outcomes, 20);
    assert_int_equal(fake_waiting(FAKE_SHARE), 2); /* the first, and the next sixteen */
    FAKE_ANSWER(FAKE_SHARE, "[64 :0]");
    FAKE_ANSWER(FAKE_SHARE, "[128 :0 192 :0 256 :0 320 :0 384 :0 448 :0 512 :0 576 :0 640 :0 704 :0 768 :0 832 :0 896 :0 960 :0 "
                            "1024 :0 1088 :0]");
    assert_int_equal(fake_waiting(FAKE_SHARE), 0);
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_SHARE, "[1152 :0 1216 :0 1280 :0]");
    for (size_t i = 0; i < 20; i++) {
        expect_outcome(&outcomes[i], FEED_OK);
        assert_int_equal(outcomes[i].position, 64 * (i + 1));
    }
}

static void a_share_that_waits_when_the_store_goes_is_refused_and_one_under_way_is_unknown(void **state)
{
    struct world *world = *state;
    struct outcome outcomes[3];

    share_in_turns(world, outcomes, 3);
    fake.ready = false;
    feed_turn(world->feed);
    expect_outcome(&outcomes[1], FEED__ERROR_CODE__UNAVAILABLE);
    expect_outcome(&outcomes[2], FEED__ERROR_CODE__UNAVAILABLE);
    fake_lose_all();
    expect_outcome(&outcomes[0], FEED__ERROR_CODE__OUTCOME_UNKNOWN);
}

static void publishers_are_refused_while_the_fan_out_lags(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    tail_share("bob");
    fake.now_ms += world_settings.lag_limit_ms;
    share(world, &outcome);
    FAKE_ANSWER(FAKE_SHARE, "[6400 :0]");
    expect_outcome(&outcome, FEED_OK);
    fake.now_ms += 1;
    share(world, &outcome);
    expect_outcome(&outcome, FEED__ERROR_CODE__BUSY);
    assert_int_equal(fake_waiting(FAKE_SHARE), 0);
    world_applied(world);
    share(world, &outcome);
    FAKE_ANSWER(FAKE_SHARE, "[6400 :0]");
    expect_outcome(&outcome, FEED_OK);
}

static void all_writes_are_refused_while_what_is_not_applied_takes_too_much(void **state)
{
    struct world *world = *state;
    struct outcome outcome;
    uint64_t busy = metrics.writes_busy;

    world->settings.ring_bytes = 2000;
    while (feed_unapplied_bytes(world->feed) <= 2000) {
        share(world, &outcome);
        FAKE_ANSWER(FAKE_SHARE, "[6400 :0]");
        expect_outcome(&outcome, FEED_OK);
        tail_share("bob");
    }
    share(world, &outcome);
    expect_outcome(&outcome, FEED__ERROR_CODE__BUSY);
    delete(world, "bob", 6400, &outcome);
    expect_outcome(&outcome, FEED__ERROR_CODE__BUSY);
    outcome = (struct outcome){0};
    feed_follow(world->feed, true, text_of("ann"), text_of("bob"), on_write, &outcome);
    expect_outcome(&outcome, FEED__ERROR_CODE__BUSY);
    assert_int_equal(fake_waiting(FAKE_SHARE) + fake_waiting(FAKE_DELETE), 0);
    assert_int_equal(metrics.writes_busy - busy, 3);
    assert_int_equal(world->feed->pressure.refused, 3);
    world_applied(world);
    assert_int_equal(feed_unapplied_bytes(world->feed), 0);
    share(world, &outcome);
    FAKE_ANSWER(FAKE_SHARE, "[6400 :0]");
    expect_outcome(&outcome, FEED_OK);
    world_tick(world, 500);
    assert_int_equal(world->feed->pressure.refused, 3); /* it may go on */
    world_tick(world, 500);
    assert_int_equal(world->feed->pressure.refused, 0);
    assert_true(metrics.unapplied_peak_bytes <= 4000);
}

static void each_outcome_of_a_deletion_is_said(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    delete(world, "bob", 6400, &outcome);
    FAKE_ANSWER(FAKE_DELETE, "[6464 :0]");
    expect_outcome(&outcome, FEED_OK);
    assert_int_equal(outcome.position, 6464);
    delete(world, "bob", 6400, &outcome);
    FAKE_ANSWER(FAKE_DELETE, "[6464 :1]");
    expect_outcome(&outcome, FEED_OK);
    assert_true(outcome.repeated);
    delete(world, "bob", 6400, &outcome);
    FAKE_ANSWER(FAKE_DELETE, "[0 :2]");
    expect_outcome(&outcome, FEED__ERROR_CODE__NOT_FOUND);
    delete(world, "bob", 6400, &outcome);
    FAKE_ANSWER(FAKE_DELETE, "[0 :3]");
    expect_outcome(&outcome, FEED__ERROR_CODE__FORBIDDEN);
    delete(world, "bob", 6401, &outcome); /* there is one partition */
    expect_outcome(&outcome, FEED__ERROR_CODE__NOT_FOUND);
}

static void a_share_of_another_partition_is_somebody_elses_or_nobodys(void **state)
{
    struct world *world = world_new(&world_settings, 2);
    uint64_t elsewhere = 6400 + !partition_of_subject(text_of("bob"));
    struct outcome outcome;

    (void)state;
    delete(world, "bob", elsewhere, &outcome);
    FAKE_ANSWER(FAKE_BODIES, "[$]", fake_body("carl", "https://example.org/"));
    expect_outcome(&outcome, FEED__ERROR_CODE__FORBIDDEN);
    delete(world, "bob", elsewhere, &outcome);
    FAKE_ANSWER(FAKE_BODIES, "[nil]");
    expect_outcome(&outcome, FEED__ERROR_CODE__NOT_FOUND);
    delete(world, "bob", elsewhere, &outcome);
    FAKE_ANSWER(FAKE_BODIES, NULL);
    expect_outcome(&outcome, FEED__ERROR_CODE__UNAVAILABLE); /* nothing was to be written */
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_committed_share_has_its_id_and_a_repeated_one_says_so),
        WITH_WORLD(a_lost_answer_is_unknown_and_a_refusal_is_not),
        WITH_WORLD(shares_of_one_turn_travel_together_and_each_gets_its_own_answer),
        WITH_WORLD(shares_gather_while_one_is_under_way_until_they_fill_a_script),
        WITH_WORLD(a_share_that_waits_when_the_store_goes_is_refused_and_one_under_way_is_unknown),
        WITH_WORLD(publishers_are_refused_while_the_fan_out_lags),
        WITH_WORLD(all_writes_are_refused_while_what_is_not_applied_takes_too_much),
        WITH_WORLD(each_outcome_of_a_deletion_is_said),
        WITH_WORLD(a_share_of_another_partition_is_somebody_elses_or_nobodys),
    };

    return cmocka_run_group_tests_name("writes", tests, NULL, NULL);
}
