/* Suspects: entries that were begun before are tried alone, counted, and parked when nobody can finish them. */
#include "feed_fixture.h"

#include "base/metrics.h"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)
#define RETRY_MS 500
#define TRIAL_PAGE 16 /* so that a suspect is soon cleared */
#define TRIAL_MS 1000

/* This daemon finds shares of these authors that it was given in an earlier life; ids in `ret_ids`. */
static void find_own(struct world *world, const char *const *authors, int count, uint64_t *ret_ids)
{
    struct log_entry entries[8];

    for (int i = 0; i < count; i++) {
        entries[i] = fake_entry(LOG_SHARE, authors[i], NULL, 0);
        ret_ids[i] = entries[i].id;
    }
    fake.handlers->on_jobs_up(fake.context);
    fake_deal(fake_expect(FAKE_JOBS_OWN), entries, count);
    feed_turn(world->feed);
    fake_deal(fake_expect(FAKE_JOBS_OWN), NULL, 0);
    feed_turn(world->feed);
}

static uint64_t find_one(struct world *world)
{
    static const char *const author[] = {"bob"};
    uint64_t id;

    find_own(world, author, 1, &id);
    return id;
}

/* The trial of this entry begins: it is counted. */
static void expect_trial(uint64_t id, const char *answer)
{
    struct fake_call *call = fake_expect(FAKE_JOB_TAKE);

    assert_int_equal(call->id, id);
    assert_int_equal(fake_waiting(FAKE_JOB_TAKE), 0);
    fake_answer(call, answer);
}

/* Answers the page of a share without followers, and the push to its author. */
static void do_share(struct world *world)
{
    FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "[]");
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_PUSH, ":5");
}

static void expect_acknowledged(struct world *world, uint64_t id)
{
    feed_turn(world->feed);
    struct fake_call *call = fake_expect(FAKE_JOBS_ACK);
    assert_int_equal(call->ids[0], id);
    fake_answer(call, ":1");
}

static void expect_no_job(const struct world *world)
{
    assert_int_equal(world->feed->jobs.map.count, 0);
    assert_int_equal(fake_waiting(FAKE_JOBS_ACK), 0);
    assert_null(world->feed->jobs.on_trial);
}

/* Answers the first page of a suspect, which is full, and its pushes. */
static void do_first_page(struct world *world)
{
    char format[TRIAL_PAGE * 24];
    size_t used = 1;
    struct fake_call *page = fake_expect(FAKE_FOLLOWERS_PAGE);

    assert_int_equal(page->limit, TRIAL_PAGE);
    format[0] = '[';
    for (int i = 0; i < TRIAL_PAGE; i++)
        used += (size_t)snprintf(format + used, 24, "r%d %d ", i, (i + 1) * 64);
    snprintf(format + used, 2, "]");
    fake_answer(page, format);
    feed_turn(world->feed);
    while (fake_waiting(FAKE_PUSH) > 0)
        FAKE_ANSWER(FAKE_PUSH, ":5");
}

static void suspects_are_tried_one_after_the_other(void **state)
{
    static const char *const authors[] = {"ann", "bob", "carl"};
    struct world *world = *state;
    uint64_t ids[3];

    find_own(world, authors, 3, ids);
    for (int i = 0; i < 3; i++) {
        expect_trial(ids[i], "[:1 nil]");
        feed_turn(world->feed);
        assert_int_equal(fake_waiting(FAKE_JOB_TAKE), 0);
        do_share(world);
        FAKE_ANSWER(FAKE_JOB_FORGET, ":1");
        expect_acknowledged(world, ids[i]);
    }
    expect_no_job(world);
}

static void the_next_suspect_is_tried_as_soon_as_one_has_got_on(void **state)
{
    static const char *const authors[] = {"ann", "bob"};
    struct world *world = *state;
    uint64_t ids[2];

    find_own(world, authors, 2, ids);
    expect_trial(ids[0], "[:2 nil]");
    do_first_page(world);
    FAKE_ANSWER(FAKE_JOB_SAVE, ":1"); /* and with that its count is gone */
    feed_turn(world->feed);
    expect_trial(ids[1], "[:1 nil]");
    fake_answer(fake_expect(FAKE_FOLLOWERS_PAGE), NULL); /* the first one goes on, and is tried again as any job is */
    do_share(world);
    FAKE_ANSWER(FAKE_JOB_FORGET, ":1");
    expect_acknowledged(world, ids[1]);
    world_tick(world, RETRY_MS + 50);
    assert_int_equal(fake_waiting(FAKE_JOB_TAKE), 0);
    assert_int_equal(fake_waiting(FAKE_JOB_HAND_BACK), 0);
    FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "[]");
    FAKE_ANSWER(FAKE_JOB_FORGET, ":1");
    expect_acknowledged(world, ids[0]);
}

static void a_trial_in_which_nothing_happens_ends_and_is_not_counted(void **state)
{
    static const char *const authors[] = {"ann", "bob"};
    struct world *world = *state;
    uint64_t ids[2];

    find_own(world, authors, 2, ids);
    expect_trial(ids[0], "[:1 nil]");
    world_tick(world, TRIAL_MS - 50);
    assert_int_equal(fake_waiting(FAKE_JOB_HAND_BACK), 0);
    world_tick(world, 50);
    FAKE_ANSWER(FAKE_JOB_HAND_BACK, ":1");
    expect_trial(ids[1], "[:1 nil]");
    do_share(world); /* the first one's, after all */
    FAKE_ANSWER(FAKE_JOB_FORGET, ":1");
    expect_acknowledged(world, ids[0]);
    do_share(world);
    FAKE_ANSWER(FAKE_JOB_FORGET, ":1");
    expect_acknowledged(world, ids[1]);
    expect_no_job(world);
}

static void a_fresh_entry_and_one_without_effects_wait_for_no_suspect(void **state)
{
    struct world *world = *state;
    uint64_t suspect = find_one(world);
    struct log_entry fresh = fake_entry(LOG_SHARE, "carl", NULL, 0), edge = fake_entry(LOG_EDGE, "bob", "ann", 64);

    fake_deal(fake_expect(FAKE_JOBS_NEW), &fresh, 1);
    do_share(world);
    expect_acknowledged(world, fresh.id);
    fake.handlers->on_jobs_up(fake.context);
    fake_deal(fake_expect(FAKE_JOBS_OWN), &edge, 1);
    expect_acknowledged(world, edge.id);
    expect_trial(suspect, "[:1 nil]");
}

static void a_third_try_is_not_made_but_the_entry_is_parked(void **state)
{
    struct world *world = *state;
    uint64_t before = metrics.jobs_parked, id = find_one(world);

    expect_trial(id, "[:3 nil]");
    assert_int_equal(fake_waiting(FAKE_FOLLOWERS_PAGE), 0);
    FAKE_ANSWER(FAKE_JOB_PARK, "!OOM"); /* it is done when there is room */
    world_tick(world, RETRY_MS + 50);
    expect_trial(id, "[:3 nil]");
    struct fake_call *park = fake_expect(FAKE_JOB_PARK);
    assert_int_equal(park->id, id);
    assert_int_equal(park->limit, 2);
    assert_int_equal(metrics.jobs_parked, before);
    fake_answer(park, ":1");
    assert_int_equal(metrics.jobs_parked, before + 1);
    feed_turn(world->feed);
    expect_no_job(world);
}

static void what_another_daemon_has_by_now_is_left_to_it(void **state)
{
    struct world *world = *state;
    uint64_t before = metrics.jobs_parked;

    expect_trial(find_one(world), "[:0 nil]"); /* before the trial */
    feed_turn(world->feed);
    expect_no_job(world);
    expect_trial(find_one(world), "[:3 nil]"); /* before it is parked */
    FAKE_ANSWER(FAKE_JOB_PARK, ":0");
    feed_turn(world->feed);
    expect_no_job(world);
    expect_trial(find_one(world), "[:1 nil]"); /* in the middle */
    do_first_page(world);
    FAKE_ANSWER(FAKE_JOB_SAVE, ":0");
    FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "[last 1280064]");
    feed_turn(world->feed);
    expect_no_job(world);
    expect_trial(find_one(world), "[:1 64]"); /* at the end */
    FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "[last 1280064]");
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_PUSH, ":5");
    FAKE_ANSWER(FAKE_JOB_FORGET, ":0");
    feed_turn(world->feed);
    expect_no_job(world);
    assert_int_equal(world->feed->jobs.large_pages, 0);
    assert_int_equal(metrics.jobs_parked, before);
}

static void an_error_that_passes_never_parks_and_its_try_is_not_counted(void **state)
{
    static const char *const answers[] = {NULL, "!OOM", "!READONLY", "!MISCONF"};
    struct world *world = *state;
    uint64_t id = find_one(world);

    for (int i = 0; i < 20; i++) {
        expect_trial(id, "[:1 nil]");
        FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, answers[i % 4]);
        FAKE_ANSWER(FAKE_JOB_HAND_BACK, ":1");
        world_tick(world, RETRY_MS + 50);
    }
    expect_trial(id, "[:1 nil]");
    do_share(world);
    FAKE_ANSWER(FAKE_JOB_FORGET, ":1");
    expect_acknowledged(world, id);
}

static void a_count_that_cannot_be_made_is_made_later(void **state)
{
    static const char *const answers[] = {NULL, "!OOM"};
    struct world *world = *state;
    uint64_t id = find_one(world);

    for (int i = 0; i < 20; i++) {
        expect_trial(id, answers[i % 2]);
        world_tick(world, RETRY_MS + 50);
    }
    fake_answer(fake_expect(FAKE_JOB_TAKE), NULL);
    fake.refuses[FAKE_JOB_TAKE] = true;
    world_tick(world, RETRY_MS + 50);
    fake.refuses[FAKE_JOB_TAKE] = false;
    world_tick(world, RETRY_MS + 50);
    expect_trial(id, "[:1 nil]");
    assert_int_equal(world->feed->jobs.counting, 0);
}

static void what_redis_refuses_for_good_is_parked_after_some_tries(void **state)
{
    struct world *world = *state;
    struct log_entry fresh;

    find_one(world);
    FAKE_ANSWER(FAKE_JOB_TAKE, NULL); /* it waits */
    fresh = fake_entry(LOG_SHARE, "carl", NULL, 0);
    fake_deal(fake_expect(FAKE_JOBS_NEW), &fresh, 1);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(fake_waiting(FAKE_JOB_PARK), 0);
        FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "!WRONGTYPE");
        if (fake_waiting(FAKE_JOB_TAKE) > 0)
            FAKE_ANSWER(FAKE_JOB_TAKE, NULL);
        world_tick(world, RETRY_MS + 50);
    }
    struct fake_call *park = fake_expect(FAKE_JOB_PARK);
    assert_int_equal(park->id, fresh.id);
    assert_int_equal(park->limit, 5);
    assert_string_equal(park->name, "WRONGTYPE");
    fake_answer(park, ":1");
    assert_int_equal(world->feed->jobs.map.count, 1);
}

static void an_orderly_stop_takes_the_count_back_and_begins_no_other_trial(void **state)
{
    static const char *const authors[] = {"ann", "bob"};
    struct world *world = *state;
    uint64_t ids[2];

    find_own(world, authors, 2, ids);
    expect_trial(ids[0], "[:1 nil]");
    assert_true(feed_jobs_are_handed_back(world->feed));
    feed_stop_jobs(world->feed);
    assert_false(feed_jobs_are_handed_back(world->feed));
    struct fake_call *call = fake_expect(FAKE_JOB_HAND_BACK);
    assert_int_equal(call->id, ids[0]);
    fake_answer(call, ":1");
    assert_true(feed_jobs_are_handed_back(world->feed));
    do_share(world);
    expect_acknowledged(world, ids[0]);
    assert_int_equal(fake_waiting(FAKE_JOB_TAKE), 0);
}

static void a_stop_while_a_try_is_being_counted_takes_that_back_too(void **state)
{
    struct world *world = *state;
    uint64_t id = find_one(world);

    feed_stop_jobs(world->feed);
    assert_false(feed_jobs_are_handed_back(world->feed));
    expect_trial(id, "[:1 nil]");
    assert_int_equal(fake_waiting(FAKE_FOLLOWERS_PAGE), 0);
    assert_false(feed_jobs_are_handed_back(world->feed));
    FAKE_ANSWER(FAKE_JOB_HAND_BACK, ":1");
    assert_true(feed_jobs_are_handed_back(world->feed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(suspects_are_tried_one_after_the_other),
        WITH_WORLD(the_next_suspect_is_tried_as_soon_as_one_has_got_on),
        WITH_WORLD(a_trial_in_which_nothing_happens_ends_and_is_not_counted),
        WITH_WORLD(a_fresh_entry_and_one_without_effects_wait_for_no_suspect),
        WITH_WORLD(a_third_try_is_not_made_but_the_entry_is_parked),
        WITH_WORLD(what_another_daemon_has_by_now_is_left_to_it),
        WITH_WORLD(an_error_that_passes_never_parks_and_its_try_is_not_counted),
        WITH_WORLD(a_count_that_cannot_be_made_is_made_later),
        WITH_WORLD(what_redis_refuses_for_good_is_parked_after_some_tries),
        WITH_WORLD(an_orderly_stop_takes_the_count_back_and_begins_no_other_trial),
        WITH_WORLD(a_stop_while_a_try_is_being_counted_takes_that_back_too),
    };

    return cmocka_run_group_tests_name("parking", tests, NULL, NULL);
}
