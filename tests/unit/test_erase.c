/* The deletion of a subject: what hides at once, and a slice of the work. */
#include "feed_fixture.h"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)

static struct log_entry deal(struct world *world, enum log_kind kind, uint64_t other)
{
    struct log_entry entry = fake_entry(kind, "bob", NULL, other);

    if (fake_waiting(FAKE_JOBS_NEW) == 0) {
        fake.handlers->on_jobs_up(fake.context);
        fake_deal(fake_expect(FAKE_JOBS_OWN), NULL, 0);
        feed_turn(world->feed);
    }
    fake_deal(fake_expect(FAKE_JOBS_NEW), &entry, 1);
    return entry;
}

/* A slice of this kind of piece is asked for. */
static struct fake_call *expect_slice(enum key_kind kind, uint64_t below)
{
    struct fake_call *call = fake_expect(FAKE_ERASE_SLICE);

    assert_string_equal(call->name, "bob");
    assert_int_equal(call->id, kind);
    assert_true(call->until == below);
    return call;
}

/* There are no follows: the shares are next. */
static struct fake_call *expect_shares(uint64_t below)
{
    fake_answer(expect_slice(KEY_FOLLOWERS, below), "[ ]");
    fake_answer(expect_slice(KEY_FOLLOWING, below), "[ ]");
    fake_answer(expect_slice(KEY_KEPT, below), "[ ]");
    return expect_slice(KEY_PROFILE, below);
}

static void expect_acknowledged(struct world *world, uint64_t id)
{
    feed_turn(world->feed);
    struct fake_call *call = fake_expect(FAKE_JOBS_ACK);
    assert_int_equal(call->count, 1);
    assert_true(call->ids[0] == id);
    fake_answer(call, ":1");
}

static void a_slice_takes_away_what_it_finds_and_hands_on_to_the_next_one(void **state)
{
    struct world *world = *state;
    struct log_entry entry = deal(world, LOG_ERASE, 0);

    fake_answer(expect_shares(entry.id), "[64 128]");
    for (uint64_t id = 64; id <= 128; id += 64) {
        struct fake_call *call = fake_expect(FAKE_DELETE);

        assert_true(call->id == id);
        assert_int_equal(fake_waiting(FAKE_ERASE_ON), 0);
        fake_answer(call, "[# :0]", id + 640);
    }
    struct fake_call *on = fake_expect(FAKE_ERASE_ON);
    assert_true(on->id == entry.id);
    fake_answer(on, ":1");
    expect_acknowledged(world, entry.id);
}

static void when_nothing_is_left_of_any_kind_it_ends(void **state)
{
    static const enum key_kind kinds[] = {KEY_FOLLOWERS, KEY_FOLLOWING, KEY_KEPT, KEY_PROFILE, KEY_COMMENTED,
                                          KEY_BLOCKED, KEY_MUTED};
    struct world *world = *state;
    struct log_entry entry = deal(world, LOG_ERASING, 6400);

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        fake_answer(expect_slice(kinds[i], 6400), "[ ]");
    struct fake_call *end = fake_expect(FAKE_ERASE_END);
    assert_true(end->id == 6400);
    fake_answer(end, ":1");
    expect_acknowledged(world, entry.id);
}

static void comments_are_taken_away_wherever_they_are_and_forgotten_if_they_are_gone(void **state)
{
    struct world *world = *state;
    uint64_t share = tail_share("ann");
    struct log_entry entry = deal(world, LOG_ERASE, 0);
    char pieces[80];

    snprintf(pieces, sizeof(pieces), "[6400:%llu 6464:%llu]", (unsigned long long)share, (unsigned long long)share);
    fake_answer(expect_shares(entry.id), "[ ]");
    fake_answer(expect_slice(KEY_COMMENTED, entry.id), pieces);
    for (uint64_t id = 6400; id <= 6464; id += 64) {
        struct fake_call *call = fake_expect(FAKE_UNCOMMENT);

        assert_true(call->id == share && call->until == id);
        fake_answer(call, id == 6400 ? "[6528 :0]" : "[0 :2]");
        FAKE_ANSWER(FAKE_COMMENTED, ":1");
    }
    FAKE_ANSWER(FAKE_ERASE_ON, ":1");
    expect_acknowledged(world, entry.id);
}

static void what_fails_is_tried_again(void **state)
{
    struct world *world = *state;
    struct log_entry entry = deal(world, LOG_ERASE, 0);

    fake_answer(expect_shares(entry.id), "[64]");
    FAKE_ANSWER(FAKE_DELETE, NULL);
    assert_int_equal(fake_waiting(FAKE_ERASE_ON), 0);
    world_tick(world, 600);
    fake_answer(expect_shares(entry.id), "[64]");
    FAKE_ANSWER(FAKE_DELETE, "[:6464 :1]"); /* the first attempt had come through */
    FAKE_ANSWER(FAKE_ERASE_ON, NULL);
    world_tick(world, 600);
    fake_answer(expect_slice(KEY_FOLLOWERS, entry.id), NULL);
    world_tick(world, 600);
    fake_answer(expect_shares(entry.id), "[64]");
    fake_lose_all();
}

static void a_slice_of_which_nothing_can_be_taken_away_is_given_up_after_some_tries(void **state)
{
    struct world *world = *state;
    struct log_entry entry = deal(world, LOG_ERASE, 0);

    for (int tries = 0; tries < 5; tries++) {
        fake_answer(expect_shares(entry.id), "[64]");
        FAKE_ANSWER(FAKE_DELETE, "[:0 :2]");
        if (tries < 4)
            world_tick(world, 600);
    }
    assert_int_equal(fake_waiting(FAKE_ERASE_ON), 0);
    struct fake_call *park = fake_expect(FAKE_JOB_PARK);
    assert_true(park->id == entry.id);
    fake_answer(park, ":1");
}

static bool is_in_memory(struct world *world, uint64_t id)
{
    struct feed_item item;
    bool found = bodies_get(world->feed, id, &item);

    if (found)
        items_done(world->feed, &item, 1);
    return found;
}

static void earlier_shares_are_gone_at_once_and_streams_are_told_of_all_together(void **state)
{
    struct world *world = *state;
    uint64_t before, after;

    open_home(world, 1, 10, "ann", "[bob]");
    before = tail_share("bob");
    expect_share(world, 1, 10, before);
    assert_true(is_in_memory(world, before));
    struct log_entry erase = fake_entry(LOG_ERASE, "bob", NULL, 0);
    fake_tail(&erase);
    const Feed__ServerFrame *told = next_sent(world, 1, 10);
    assert_int_equal(told->body_case, FEED__SERVER_FRAME__BODY_SUBJECT_DELETED);
    assert_string_equal(told->subject_deleted->subject, "bob");
    assert_true(told->subject_deleted->id == erase.id);
    assert_false(is_in_memory(world, before));
    expect_nothing(world);
    after = tail_share("bob");
    expect_share(world, 1, 10, after);
    assert_true(is_in_memory(world, after));
}

static void a_daemon_that_only_sees_a_later_slice_hides_the_same(void **state)
{
    struct world *world = *state;
    uint64_t before = tail_share("bob"), after;

    struct log_entry position = fake_entry(LOG_ERASE, "bob", NULL, 0);
    after = tail_share("bob");
    struct log_entry erasing = fake_entry(LOG_ERASING, "bob", NULL, position.id);
    fake_tail(&erasing);
    assert_false(is_in_memory(world, before));
    assert_true(is_in_memory(world, after));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_slice_takes_away_what_it_finds_and_hands_on_to_the_next_one),
        WITH_WORLD(when_nothing_is_left_of_any_kind_it_ends),
        WITH_WORLD(comments_are_taken_away_wherever_they_are_and_forgotten_if_they_are_gone),
        WITH_WORLD(what_fails_is_tried_again),
        WITH_WORLD(a_slice_of_which_nothing_can_be_taken_away_is_given_up_after_some_tries),
        WITH_WORLD(earlier_shares_are_gone_at_once_and_streams_are_told_of_all_together),
        WITH_WORLD(a_daemon_that_only_sees_a_later_slice_hides_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
