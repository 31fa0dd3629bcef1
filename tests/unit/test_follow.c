/* Follows and other writes: each step's lost answer, the job that comes along, and batches. */
#include "feed_fixture.h"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)

#define VERSION UINT64_C(6400)
#define EDGE UINT64_C(6464)

/* Follows and answers up to a step, which is left to the test. */
enum step { COMMIT, EDGES, EXISTS, PROFILE, MERGE, DONE };

static const enum fake_op ops[] = {FAKE_FOLLOWS, FAKE_EDGES, FAKE_TIMELINE_EXISTS, FAKE_PROFILE_IDS, FAKE_TIMELINE_MERGE};

static void answer_step(struct world *world, enum step step)
{
    switch (step) {
    case COMMIT:
        FAKE_ANSWER(FAKE_FOLLOWS, "[# :0]", VERSION);
        feed_turn(world->feed);
        break;
    case EDGES:
        FAKE_ANSWER(FAKE_EDGES, "[# :1]", EDGE);
        break;
    case EXISTS:
        FAKE_ANSWER(FAKE_TIMELINE_EXISTS, ":1");
        break;
    case PROFILE:
        FAKE_ANSWER(FAKE_PROFILE_IDS, "[640 576]");
        break;
    case MERGE:
        FAKE_ANSWER(FAKE_TIMELINE_MERGE, ":1");
        break;
    case DONE:
        break;
    }
}

static void follow_until(struct world *world, enum step last, struct outcome *ret_outcome)
{
    *ret_outcome = (struct outcome){0};
    feed_follow(world->feed, true, text_of("ann"), text_of("bob"), on_write, ret_outcome);
    feed_turn(world->feed);
    for (enum step step = COMMIT; step < last; step++) {
        assert_int_equal(ret_outcome->count, 0);
        answer_step(world, step);
    }
}

static void a_follow_is_answered_when_the_backfill_is_merged(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    follow_until(world, MERGE, &outcome);
    struct fake_call *merge = fake_expect(FAKE_TIMELINE_MERGE);
    assert_string_equal(merge->name, "ann");
    assert_int_equal(merge->count, 2);
    fake_answer(merge, ":1");
    expect_outcome(&outcome, FEED_OK);
    assert_int_equal(outcome.position, EDGE);
}

static void a_timeline_is_built_anew_if_the_subject_has_more_than_is_backfilled(void **state)
{
    static const char *const profiles[] = {"[640 576 512]", "[640 capped]"};
    struct feed_settings settings = world_settings;
    struct outcome outcome;

    (void)state;
    settings.backfill = 2;
    for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
        struct world *world = world_new(&settings, 1);

        follow_until(world, PROFILE, &outcome);
        struct fake_call *profile = fake_expect(FAKE_PROFILE_IDS);
        assert_int_equal(profile->limit, 3); /* one more shows that there are more */
        fake_answer(profile, profiles[i]);
        assert_int_equal(outcome.count, 0);
        FAKE_ANSWER(FAKE_TIMELINE_DROP, ":1");
        expect_outcome(&outcome, FEED_OK);
        world_free(world);
    }
}

static void a_reader_without_a_timeline_needs_no_backfill(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    follow_until(world, EXISTS, &outcome);
    FAKE_ANSWER(FAKE_TIMELINE_EXISTS, ":0");
    expect_outcome(&outcome, FEED_OK);
}

static void a_lost_answer_at_each_step_leaves_the_outcome_unknown(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    for (enum step step = COMMIT; step < DONE; step++) {
        follow_until(world, step, &outcome);
        FAKE_ANSWER(ops[step], NULL);
        expect_outcome(&outcome, FEED__ERROR_CODE__OUTCOME_UNKNOWN);
        assert_true(fake_is_idle() || fake_waiting(ops[step]) == 0);
        assert_int_equal(world->feed->follows.count, 0); /* the job will do it */
    }
}

static void a_refusal_of_the_first_step_means_that_nothing_was_done(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    fake.refuses[FAKE_FOLLOWS] = true;
    follow_until(world, COMMIT, &outcome);
    expect_outcome(&outcome, FEED__ERROR_CODE__UNAVAILABLE);
    fake.refuses[FAKE_FOLLOWS] = false;
    follow_until(world, COMMIT, &outcome);
    FAKE_ANSWER(FAKE_FOLLOWS, "!LOADING");
    expect_outcome(&outcome, FEED__ERROR_CODE__UNAVAILABLE);
}

static void a_later_step_that_cannot_be_sent_leaves_the_outcome_unknown(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    for (enum step step = EDGES; step < DONE; step++) {
        follow_until(world, step - 1, &outcome);
        fake.refuses[ops[step]] = true;
        answer_step(world, step - 1);
        fake.refuses[ops[step]] = false;
        expect_outcome(&outcome, FEED__ERROR_CODE__OUTCOME_UNKNOWN);
    }
}

static void a_refusal_of_a_later_step_does_not_say_that_nothing_was_done(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    for (enum step step = EDGES; step < DONE; step++) {
        follow_until(world, step, &outcome);
        FAKE_ANSWER(ops[step], "!OOM");
        expect_outcome(&outcome, FEED__ERROR_CODE__OUTCOME_UNKNOWN);
        assert_int_equal(world->feed->follows.count, 0); /* the job will do it */
    }
}

static void what_was_followed_already_and_what_is_too_many_are_said(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    follow_until(world, COMMIT, &outcome);
    FAKE_ANSWER(FAKE_FOLLOWS, "[# :1]", VERSION);
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_EDGES, "[# :1]", EDGE); /* it may have been left half done */
    expect_outcome(&outcome, FEED_OK);
    assert_true(outcome.repeated);
    assert_int_equal(outcome.position, EDGE);
    assert_int_equal(world->feed->follows.count, 0);
    follow_until(world, COMMIT, &outcome);
    FAKE_ANSWER(FAKE_FOLLOWS, "[0 :2]");
    expect_outcome(&outcome, FEED__ERROR_CODE__LIMIT_EXCEEDED);
    feed_turn(world->feed);
    assert_int_equal(fake_waiting(FAKE_EDGES), 0);
}

static void an_unfollow_has_an_edge_and_no_backfill(void **state)
{
    struct world *world = *state;
    struct outcome outcome = {0};

    feed_follow(world->feed, false, text_of("ann"), text_of("bob"), on_write, &outcome);
    feed_turn(world->feed);
    answer_step(world, COMMIT);
    struct fake_call *call = fake_expect(FAKE_EDGES);
    assert_false(call->follows[0].follow);
    assert_int_equal(call->follows[0].version, VERSION);
    fake_answer(call, "[# :0]", EDGE);
    assert_int_equal(outcome.count, 0);
    FAKE_ANSWER(FAKE_TIMELINE_UNFOLLOW, ":0"); /* a timeline that was cut is built anew */
    expect_outcome(&outcome, FEED_OK);
    assert_int_equal(outcome.position, EDGE);
}

static void an_unfollow_that_keeps_what_there_was_merges_it_and_drops_nothing(void **state)
{
    struct world *world = *state;
    struct outcome outcome = {0};
    uint64_t seen = tail_share("bob"), kept = seen + 640;

    feed_unfollow_keeping(world->feed, text_of("ann"), text_of("bob"), on_write, &outcome);
    feed_turn(world->feed);
    struct fake_call *call = fake_expect(FAKE_FOLLOWS);
    assert_false(call->follows[0].follow);
    assert_true(call->follows[0].kept >= seen); /* what this daemon has seen of the subject's log */
    fake_answer(call, "[# :0 #]", VERSION, kept);
    feed_turn(world->feed);
    call = fake_expect(FAKE_EDGES);
    assert_int_equal(call->follows[0].kept, kept);
    fake_answer(call, "[# :0]", EDGE);
    FAKE_ANSWER(FAKE_TIMELINE_EXISTS, ":1");
    call = fake_expect(FAKE_PROFILE_IDS);
    assert_int_equal(call->id, kept + 1);
    fake_answer(call, "[#]", seen);
    assert_int_equal(outcome.count, 0);
    FAKE_ANSWER(FAKE_TIMELINE_MERGE, ":1");
    expect_outcome(&outcome, FEED_OK);
    assert_int_equal(fake_waiting(FAKE_TIMELINE_UNFOLLOW), 0);
}

static void the_job_of_an_unfollow_keeps_what_its_entry_says(void **state)
{
    struct world *world = *state;
    struct log_entry entry = fake_entry(LOG_UNFOLLOW, "bob", "ann", 0);

    entry.kept = entry.id + 128;
    fake.handlers->on_jobs_up(fake.context);
    fake_deal(fake_expect(FAKE_JOBS_OWN), NULL, 0);
    world_tick(world, 0);
    fake_deal(fake_expect(FAKE_JOBS_NEW), &entry, 1);
    FAKE_ANSWER(FAKE_FOLLOWING_ID, "nil");
    feed_turn(world->feed);
    struct fake_call *call = fake_expect(FAKE_EDGES);
    assert_int_equal(call->follows[0].kept, entry.kept);
    fake_answer(call, "[# :0]", EDGE);
    FAKE_ANSWER(FAKE_TIMELINE_EXISTS, ":0");
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_JOBS_ACK, ":1");
}

static void an_unfollow_of_what_is_not_followed_still_sees_to_its_edge(void **state)
{
    struct world *world = *state;
    struct outcome outcome = {0};

    feed_follow(world->feed, false, text_of("ann"), text_of("bob"), on_write, &outcome);
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_FOLLOWS, "[# :1]", VERSION + 64);
    feed_turn(world->feed);
    struct fake_call *call = fake_expect(FAKE_EDGES); /* the earlier one may have been left half done */
    assert_true(call->follows[0].repeated);
    assert_int_equal(call->follows[0].version, VERSION + 64);
    fake_answer(call, "[# :0]", EDGE);
    assert_int_equal(outcome.count, 0);
    FAKE_ANSWER(FAKE_TIMELINE_UNFOLLOW, ":0");
    expect_outcome(&outcome, FEED_OK);
    assert_true(outcome.repeated);
    assert_int_equal(outcome.position, EDGE);
    assert_int_equal(world->feed->follows.count, 0);
}

static void follows_of_one_turn_travel_together_and_each_gets_its_own_answer(void **state)
{
    struct world *world = *state;
    struct outcome outcomes[40] = {0};
    size_t answered = 0;

    for (int i = 0; i < 40; i++) {
        char name[16];

        snprintf(name, sizeof(name), "s%d", i);
        feed_follow(world->feed, false, text_of("ann"), text_of(name), on_write, &outcomes[i]);
    }
    assert_true(fake_waiting(FAKE_FOLLOWS) == 0);
    feed_turn(world->feed);
    while (fake_waiting(FAKE_FOLLOWS) > 0) {
        struct fake_call *call = fake_expect(FAKE_FOLLOWS);
        char format[1024], *at = format;

        at += snprintf(at, 2, "[");
        for (size_t i = 0; i < call->count; i++, answered++) {
            char name[16];

            snprintf(name, sizeof(name), "s%zu", answered);
            assert_string_equal(call->follows[i].subject, name); /* in order */
            at += snprintf(at, 16, "0 :%d 0 ", answered % 2 == 0 ? 1 : 2);
        }
        snprintf(at, 2, "]");
        fake_answer(call, format);
        feed_turn(world->feed); /* what did not fill a script has waited for this */
    }
    assert_int_equal(answered, 40);
    FAKE_ANSWER(FAKE_EDGES, "[64 :0 64 :0 64 :0 64 :0 64 :0 64 :0 64 :0 64 :0 64 :0 64 :0 "
                            "64 :0 64 :0 64 :0 64 :0 64 :0 64 :0]");
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_EDGES, "[64 :0 64 :0 64 :0 64 :0]");
    while (fake_waiting(FAKE_TIMELINE_UNFOLLOW) > 0)
        FAKE_ANSWER(FAKE_TIMELINE_UNFOLLOW, ":0");
    for (size_t i = 0; i < 40; i++) {
        expect_outcome(&outcomes[i], i % 2 == 0 ? FEED_OK : FEED__ERROR_CODE__LIMIT_EXCEEDED);
        assert_int_equal(outcomes[i].repeated, i % 2 == 0);
    }
}

static void what_waits_behind_scripts_that_are_not_answered_is_refused_when_the_store_stalls(void **state)
{
    struct world *world = *state;
    static struct outcome outcomes[700];
    size_t refused = 0;

    memset(outcomes, 0, sizeof(outcomes));
    for (int i = 0; i < 700; i++)
        feed_follow(world->feed, true, text_of("ann"), text_of("bob"), on_write, &outcomes[i]);
    feed_turn(world->feed);
    size_t scripts = fake_waiting(FAKE_FOLLOWS);
    fake.ready = false;
    fake.refuses[FAKE_FOLLOWS] = true;
    fake.handlers->on_stall(fake.context);
    feed_turn(world->feed);
    assert_int_equal(fake_waiting(FAKE_FOLLOWS), scripts);
    for (int i = 0; i < 700; i++) {
        refused += outcomes[i].count;
        assert_true(outcomes[i].count == 0 || outcomes[i].error == FEED__ERROR_CODE__UNAVAILABLE);
    }
    assert_true(refused > 0 && refused < 700);
    fake_lose_all();
    for (int i = 0; i < 700; i++)
        assert_int_equal(outcomes[i].count, 1);
}

/* ---- as a job ---- */

/* The follow entry is dealt to this daemon. */
static void deal_follow(struct world *world, enum log_kind kind, uint64_t id)
{
    struct log_entry entry = fake_entry(kind, "bob", "ann", 0);

    entry.id = id;
    if (fake_waiting(FAKE_JOBS_NEW) == 0) {
        fake.handlers->on_jobs_up(fake.context);
        fake_deal(fake_expect(FAKE_JOBS_OWN), NULL, 0);
        feed_turn(world->feed);
    }
    fake_deal(fake_expect(FAKE_JOBS_NEW), &entry, 1);
}

static void expect_acknowledged(struct world *world)
{
    feed_turn(world->feed);
    struct fake_call *call = fake_expect(FAKE_JOBS_ACK);
    assert_int_equal(call->count, 1);
    assert_int_equal(call->ids[0], VERSION);
    fake_answer(call, ":1");
    assert_int_equal(world->feed->jobs.map.count, 0);
    assert_int_equal(world->feed->follows.count, 0);
}

static void the_job_of_a_follow_that_was_done_here_is_done_at_once(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    follow_until(world, DONE, &outcome);
    expect_outcome(&outcome, FEED_OK);
    deal_follow(world, LOG_FOLLOW, VERSION);
    assert_int_equal(fake_waiting(FAKE_FOLLOWING_ID), 0);
    expect_acknowledged(world);
}

static void the_job_of_a_follow_that_is_under_way_here_waits_for_it(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    for (enum step step = EDGES; step < DONE; step++) {
        follow_until(world, step, &outcome);
        deal_follow(world, LOG_FOLLOW, VERSION);
        for (enum step rest = step; rest < DONE; rest++) {
            feed_turn(world->feed);
            assert_int_equal(fake_waiting(FAKE_JOBS_ACK), 0);
            answer_step(world, rest);
        }
        expect_outcome(&outcome, FEED_OK);
        expect_acknowledged(world);
    }
}

static void the_job_of_a_follow_that_failed_here_does_it_again(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    follow_until(world, MERGE, &outcome);
    deal_follow(world, LOG_FOLLOW, VERSION);
    FAKE_ANSWER(FAKE_TIMELINE_MERGE, NULL);
    expect_outcome(&outcome, FEED__ERROR_CODE__OUTCOME_UNKNOWN);
    world_tick(world, 600);
    FAKE_ANSWER(FAKE_FOLLOWING_ID, "#", VERSION);
    feed_turn(world->feed);
    for (enum step step = EDGES; step < DONE; step++)
        answer_step(world, step);
    expect_acknowledged(world);
    assert_int_equal(outcome.count, 1);
}

static void a_follow_whose_job_comes_before_its_answer_is_done_and_answered(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    follow_until(world, COMMIT, &outcome);
    deal_follow(world, LOG_FOLLOW, VERSION);
    answer_step(world, COMMIT); /* the edge of the request is on its way */
    FAKE_ANSWER(FAKE_FOLLOWING_ID, "#", VERSION);
    for (int i = 0; i < 2; i++) { /* the job's edge waits for the request's */
        feed_turn(world->feed);
        for (enum step step = EDGES; step < DONE; step++)
            while (fake_waiting(ops[step]) > 0)
                answer_step(world, step);
    }
    expect_outcome(&outcome, FEED_OK);
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_JOBS_ACK, ":1");
    assert_int_equal(world->feed->jobs.map.count, 0);
}

static void the_job_of_a_follow_of_another_daemon_is_carried_out_unless_it_is_void(void **state)
{
    struct world *world = *state;

    deal_follow(world, LOG_FOLLOW, VERSION);
    FAKE_ANSWER(FAKE_FOLLOWING_ID, "#", VERSION + 64); /* followed anew since */
    expect_acknowledged(world);
    deal_follow(world, LOG_FOLLOW, VERSION);
    FAKE_ANSWER(FAKE_FOLLOWING_ID, "nil"); /* unfollowed since */
    expect_acknowledged(world);
    deal_follow(world, LOG_UNFOLLOW, VERSION);
    FAKE_ANSWER(FAKE_FOLLOWING_ID, "#", VERSION + 64); /* followed again since */
    expect_acknowledged(world);
    deal_follow(world, LOG_UNFOLLOW, VERSION);
    FAKE_ANSWER(FAKE_FOLLOWING_ID, "nil");
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_EDGES, "[# :0]", EDGE);
    FAKE_ANSWER(FAKE_TIMELINE_UNFOLLOW, ":0");
    expect_acknowledged(world);
}

static void a_job_is_retried_after_a_loss_at_each_step(void **state)
{
    struct world *world = *state;

    deal_follow(world, LOG_FOLLOW, VERSION);
    for (enum step lost = COMMIT; lost < DONE; lost++) { /* its first step is to ask what stands */
        if (lost > COMMIT) {
            FAKE_ANSWER(FAKE_FOLLOWING_ID, "#", VERSION);
            feed_turn(world->feed);
        }
        for (enum step step = EDGES; step < lost; step++)
            answer_step(world, step);
        FAKE_ANSWER(lost == COMMIT ? FAKE_FOLLOWING_ID : ops[lost], NULL);
        feed_turn(world->feed);
        assert_int_equal(fake_waiting(FAKE_JOBS_ACK), 0);
        world_tick(world, 600);
    }
    FAKE_ANSWER(FAKE_FOLLOWING_ID, "nil");
    expect_acknowledged(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_follow_is_answered_when_the_backfill_is_merged),
        cmocka_unit_test(a_timeline_is_built_anew_if_the_subject_has_more_than_is_backfilled),
        WITH_WORLD(a_reader_without_a_timeline_needs_no_backfill),
        WITH_WORLD(a_lost_answer_at_each_step_leaves_the_outcome_unknown),
        WITH_WORLD(a_refusal_of_the_first_step_means_that_nothing_was_done),
        WITH_WORLD(a_later_step_that_cannot_be_sent_leaves_the_outcome_unknown),
        WITH_WORLD(a_refusal_of_a_later_step_does_not_say_that_nothing_was_done),
        WITH_WORLD(what_was_followed_already_and_what_is_too_many_are_said),
        WITH_WORLD(an_unfollow_has_an_edge_and_no_backfill),
        WITH_WORLD(an_unfollow_that_keeps_what_there_was_merges_it_and_drops_nothing),
        WITH_WORLD(the_job_of_an_unfollow_keeps_what_its_entry_says),
        WITH_WORLD(an_unfollow_of_what_is_not_followed_still_sees_to_its_edge),
        WITH_WORLD(follows_of_one_turn_travel_together_and_each_gets_its_own_answer),
        WITH_WORLD(what_waits_behind_scripts_that_are_not_answered_is_refused_when_the_store_stalls),
        WITH_WORLD(the_job_of_a_follow_that_was_done_here_is_done_at_once),
        WITH_WORLD(the_job_of_a_follow_that_is_under_way_here_waits_for_it),
        WITH_WORLD(the_job_of_a_follow_that_failed_here_does_it_again),
        WITH_WORLD(a_follow_whose_job_comes_before_its_answer_is_done_and_answered),
        WITH_WORLD(the_job_of_a_follow_of_another_daemon_is_carried_out_unless_it_is_void),
        WITH_WORLD(a_job_is_retried_after_a_loss_at_each_step),
    };

    return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
