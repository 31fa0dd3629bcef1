/* Records of who shared what: written beside the fan-out, taken back if the share is gone, and never in its way. */
#include "feed_fixture.h"

#include "base/metrics.h"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)
#define RETRY_MS 500

static void begin_jobs(struct world *world)
{
    fake.handlers->on_jobs_up(fake.context);
    fake_deal(fake_expect(FAKE_JOBS_OWN), NULL, 0);
    feed_turn(world->feed);
}

/* Deals shares of one url, one of each author, and answers their pages and pushes. */
static void deal_shares(struct world *world, struct log_entry *entries, int count)
{
    static const char *const authors[] = {"ann", "bob", "carl", "dora"};

    for (int i = 0; i < count; i++) {
        entries[i] = fake_entry(LOG_SHARE, authors[i], NULL, 0);
        entries[i].body = fake_body(authors[i], "https://www.example.org/a");
    }
    fake_deal(fake_expect(FAKE_JOBS_NEW), entries, count);
    for (int i = 0; i < count; i++)
        FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "[]");
    feed_turn(world->feed);
    for (int i = 0; i < count; i++)
        FAKE_ANSWER(FAKE_PUSH, ":5");
    feed_turn(world->feed);
}

static void expect_acknowledged(struct world *world, size_t count)
{
    feed_turn(world->feed);
    struct fake_call *call = fake_expect(FAKE_JOBS_ACK);
    assert_int_equal(call->count, count);
    fake_answer(call, ":1");
    assert_int_equal(world->feed->jobs.map.count, 0);
}

static void expect_unacknowledged(struct world *world)
{
    feed_turn(world->feed);
    assert_int_equal(fake_waiting(FAKE_JOBS_ACK), 0);
}

static void a_share_is_acknowledged_when_it_is_recorded_and_known_to_be_there(void **state)
{
    struct world *world = *state;
    struct log_entry share;

    begin_jobs(world);
    deal_shares(world, &share, 1);
    expect_unacknowledged(world);
    struct fake_call *records = fake_expect(FAKE_RECORDS);
    assert_int_equal(records->count, 2); /* the destination and the site */
    assert_int_equal(records->id, share.id);
    assert_true(records->limit);
    fake_answer(records, "[:1 :1]");
    expect_unacknowledged(world);
    struct fake_call *exist = fake_expect(FAKE_SHARES_EXIST);
    assert_int_equal(exist->ids[0], share.id);
    fake_answer(exist, ":1");
    expect_acknowledged(world, 1);
}

static void what_comes_together_is_recorded_together(void **state)
{
    struct world *world = *state;
    struct log_entry shares[4];

    begin_jobs(world);
    deal_shares(world, shares, 4);
    assert_int_equal(fake_waiting(FAKE_RECORDS), 1);
    FAKE_ANSWER(FAKE_RECORDS, "[:1 :1 :1 :1 :1 :1 :1 :1]");
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_SHARES_EXIST, ":4");
    expect_acknowledged(world, 4);
}

static void a_share_that_is_gone_by_then_is_taken_back(void **state)
{
    struct world *world = *state;
    struct log_entry shares[2];

    begin_jobs(world);
    deal_shares(world, shares, 2);
    FAKE_ANSWER(FAKE_RECORDS, "[:1 :1 :1 :1]");
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_SHARES_EXIST, ":1"); /* one of the two: each is looked for by itself */
    feed_turn(world->feed);
    for (int i = 0; i < 2; i++) {
        struct fake_call *exist = fake_expect(FAKE_SHARES_EXIST);
        assert_int_equal(exist->count, 1);
        fake_answer(exist, exist->ids[0] == shares[0].id ? ":0" : ":1");
    }
    feed_turn(world->feed);
    struct fake_call *records = fake_expect(FAKE_RECORDS);
    assert_int_equal(records->id, shares[0].id);
    assert_false(records->limit);
    fake_answer(records, "[:1 :1]");
    feed_turn(world->feed);
    assert_int_equal(world->feed->jobs.map.count, 0);
    assert_int_equal(fake_waiting(FAKE_SHARES_EXIST), 0);
}

static void a_record_that_fails_is_written_again(void **state)
{
    static const char *const failures[] = {"!OOM", NULL};
    struct world *world = *state;
    struct log_entry share;

    for (int i = 0; i < 2; i++) {
        if (i == 0)
            begin_jobs(world);
        deal_shares(world, &share, 1);
        fake_answer(fake_expect(FAKE_RECORDS), failures[i]);
        expect_unacknowledged(world);
        world_tick(world, RETRY_MS);
        FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "[]");
        feed_turn(world->feed);
        FAKE_ANSWER(FAKE_PUSH, ":5");
        FAKE_ANSWER(FAKE_RECORDS, "[:1 :1]");
        feed_turn(world->feed);
        FAKE_ANSWER(FAKE_SHARES_EXIST, ":1");
        expect_acknowledged(world, 1);
    }
}

static void a_key_of_another_kind_holds_nothing_up(void **state)
{
    struct world *world = *state;
    struct log_entry share;
    uint64_t failed = metrics.records_failed;

    begin_jobs(world);
    deal_shares(world, &share, 1);
    FAKE_ANSWER(FAKE_RECORDS, "[!WRONGTYPE :1]");
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_SHARES_EXIST, ":1");
    expect_acknowledged(world, 1);
    assert_int_equal(metrics.records_failed, failed + 1);
}

static void a_deletion_takes_its_share_back_and_is_acknowledged_then(void **state)
{
    struct world *world = *state;
    struct log_entry deletion = fake_entry(LOG_DELETE, "bob", NULL, 640);

    begin_jobs(world);
    deletion.body = fake_body("bob", "https://www.example.org/a");
    fake_deal(fake_expect(FAKE_JOBS_NEW), &deletion, 1);
    expect_unacknowledged(world);
    struct fake_call *records = fake_expect(FAKE_RECORDS);
    assert_int_equal(records->id, 640);
    assert_false(records->limit);
    fake_answer(records, "!OOM");
    expect_unacknowledged(world);
    world_tick(world, RETRY_MS);
    FAKE_ANSWER(FAKE_RECORDS, "[:1 :1]");
    expect_acknowledged(world, 1);
}

static void a_record_waits_for_the_link_to_come_back(void **state)
{
    struct world *world = *state;
    struct log_entry share;

    begin_jobs(world);
    deal_shares(world, &share, 1);
    fake.refuses[FAKE_SHARES_EXIST] = true;
    FAKE_ANSWER(FAKE_RECORDS, "[:1 :1]");
    expect_unacknowledged(world);
    fake.refuses[FAKE_SHARES_EXIST] = false;
    assert_int_equal(world->feed->jobs.map.count, 1);
    fake_lose_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_share_is_acknowledged_when_it_is_recorded_and_known_to_be_there),
        WITH_WORLD(what_comes_together_is_recorded_together),
        WITH_WORLD(a_share_that_is_gone_by_then_is_taken_back),
        WITH_WORLD(a_record_that_fails_is_written_again),
        WITH_WORLD(a_key_of_another_kind_holds_nothing_up),
        WITH_WORLD(a_deletion_takes_its_share_back_and_is_acknowledged_then),
        WITH_WORLD(a_record_waits_for_the_link_to_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
