/* Jobs: entries dealt to this daemon, their pushes in pages, what happens when some fail, and when they are acknowledged. */
#include "feed_fixture.h"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)
#define FIRST_PAGE 128  /* is small, so that small jobs are soon done */
#define LARGE_PAGE 2000
#define RETRY_MS 500

/* The daemon has nothing left of its own and asks for new entries. */
static void begin_jobs(struct world *world)
{
    fake.handlers->on_jobs_up(fake.context);
    for (unsigned partition = 0; partition < world->feed->partitions; partition++) {
        fake_deal(fake_expect(FAKE_JOBS_OWN), NULL, 0);
        feed_turn(world->feed);
    }
}

static struct log_entry deal_share(const char *author)
{
    struct log_entry entry = fake_entry(LOG_SHARE, author, NULL, 0);

    fake_deal(fake_expect(FAKE_JOBS_NEW), &entry, 1);
    return entry;
}

/* A page of followers named by numbers, with their edges. */
static void answer_page(int first, int count)
{
    static char format[LARGE_PAGE * 24];
    size_t used = 1;

    assert_true(count <= LARGE_PAGE);
    format[0] = '[';
    for (int i = first; i < first + count; i++)
        used += (size_t)snprintf(format + used, 24, "r%d %d ", i, (i + 1) * 64);
    snprintf(format + used, 2, "]");
    FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, format);
}

/* Answers pushes until the turns make no more. Answers how many. */
static int answer_pushes(struct world *world, const char *answer)
{
    int count = 0;

    for (feed_turn(world->feed); fake_waiting(FAKE_PUSH) > 0; feed_turn(world->feed))
        while (fake_waiting(FAKE_PUSH) > 0) {
            FAKE_ANSWER(FAKE_PUSH, answer);
            count++;
        }
    return count;
}

static void answer_all(enum fake_op op, const char *answer)
{
    while (fake_waiting(op) > 0)
        FAKE_ANSWER(op, answer);
}

static void expect_acknowledged(struct world *world, uint64_t id)
{
    feed_turn(world->feed);
    struct fake_call *call = fake_expect(FAKE_JOBS_ACK);
    assert_int_equal(call->count, 1);
    assert_int_equal(call->ids[0], id);
    fake_answer(call, ":1");
    assert_int_equal(world->feed->jobs.map.count, 0);
}

static void expect_unacknowledged(struct world *world)
{
    feed_turn(world->feed);
    assert_int_equal(fake_waiting(FAKE_JOBS_ACK), 0);
    assert_int_equal(world->feed->jobs.map.count, 1);
}

static void a_share_is_pushed_to_its_author_and_to_each_follower_and_then_acknowledged(void **state)
{
    struct world *world = *state;

    begin_jobs(world);
    struct log_entry share = deal_share("bob");
    struct fake_call *page = fake_expect(FAKE_FOLLOWERS_PAGE);
    assert_string_equal(page->name, "bob");
    assert_int_equal(page->id, 0);
    assert_int_equal(page->until, share.id); /* whoever follows later gets it with the backfill */
    fake_answer(page, "[ann 64 ben 128]");
    feed_turn(world->feed);
    static const char *const readers[] = {"bob", "ann", "ben"};
    for (int i = 0; i < 3; i++) {
        expect_unacknowledged(world);
        struct fake_call *push = fake_expect(FAKE_PUSH);
        assert_string_equal(push->name, readers[i]);
        assert_int_equal(push->id, share.id);
        fake_answer(push, i == 1 ? ":0" : ":5"); /* ann is away: as good as done */
    }
    expect_acknowledged(world, share.id);
}

static void an_entry_that_says_how_many_follow_spares_asking_for_more(void **state)
{
    static const struct { uint64_t followers; int pages[2]; } cases[] = {
        {0, {0}}, {FIRST_PAGE, {FIRST_PAGE}}, {FIRST_PAGE + 1, {FIRST_PAGE, 1}}};
    struct world *world = *state;

    begin_jobs(world);
    for (size_t i = 0; i < 3; i++) {
        struct log_entry entry = fake_entry(LOG_SHARE, "carl", NULL, 0);

        entry.followers = cases[i].followers;
        fake_deal(fake_expect(FAKE_JOBS_NEW), &entry, 1);
        for (int page = 0; page < 2 && cases[i].pages[page] > 0; page++) {
            answer_page(page * FIRST_PAGE, cases[i].pages[page]);
            assert_int_equal(answer_pushes(world, ":1"), cases[i].pages[page] + (page == 0));
        }
        assert_int_equal(answer_pushes(world, ":1"), cases[i].pages[0] == 0);
        expect_acknowledged(world, entry.id);
    }
}

static void a_page_in_which_one_push_fails_is_done_again_as_a_whole(void **state)
{
    struct world *world = *state;

    begin_jobs(world);
    struct log_entry share = deal_share("bob");
    answer_page(0, 3);
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_PUSH, ":5");
    FAKE_ANSWER(FAKE_PUSH, "!OOM");
    FAKE_ANSWER(FAKE_PUSH, ":5");
    FAKE_ANSWER(FAKE_PUSH, ":5");
    expect_unacknowledged(world);
    world_tick(world, RETRY_MS - 50);
    assert_int_equal(fake_waiting(FAKE_FOLLOWERS_PAGE), 0); /* not in a tight loop */
    world_tick(world, 100);
    answer_page(0, 3);
    assert_int_equal(answer_pushes(world, ":5"), 4);
    expect_acknowledged(world, share.id);
}

static void a_push_that_could_not_be_sent_is_sent_later(void **state)
{
    struct world *world = *state;

    begin_jobs(world);
    struct log_entry share = deal_share("bob");
    answer_page(0, 3);
    fake.refuses[FAKE_PUSH] = true;
    feed_turn(world->feed);
    expect_unacknowledged(world);
    fake.refuses[FAKE_PUSH] = false;
    world_tick(world, RETRY_MS + 50);
    answer_page(0, 3);
    assert_int_equal(answer_pushes(world, ":5"), 4);
    expect_acknowledged(world, share.id);
}

static void a_lost_link_leaves_the_entry_unacknowledged_until_all_is_done(void **state)
{
    struct world *world = *state;

    begin_jobs(world);
    struct log_entry share = deal_share("bob");
    answer_page(0, 3);
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_PUSH, ":5");
    for (int i = 0; i < 3; i++)
        FAKE_ANSWER(FAKE_PUSH, NULL);
    fake.bulk_up = false;
    world_tick(world, RETRY_MS + 50);
    expect_unacknowledged(world);
    fake.bulk_up = true;
    world_tick(world, 50);
    FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, NULL);
    world_tick(world, RETRY_MS + 50);
    answer_page(0, 3);
    assert_int_equal(answer_pushes(world, ":5"), 4);
    expect_acknowledged(world, share.id);
}

static void after_each_large_page_but_the_last_the_place_is_saved_and_at_the_end_forgotten(void **state)
{
    static const int sizes[] = {FIRST_PAGE, LARGE_PAGE, LARGE_PAGE, 1};
    struct world *world = *state;
    int done = 0;

    begin_jobs(world);
    struct log_entry share = deal_share("bob");
    for (int page = 0; page < 4; page++) {
        answer_page(done, sizes[page]);
        assert_int_equal(answer_pushes(world, ":5"), sizes[page] + (page == 0));
        done += sizes[page];
        if (page == 0)
            continue; /* it is done again more cheaply */
        if (page == 3)
            break;
        struct fake_call *save = fake_expect(FAKE_JOB_SAVE);
        assert_int_equal(save->until, done * 64);
        fake_answer(save, ":1");
        expect_unacknowledged(world);
    }
    FAKE_ANSWER(FAKE_JOB_FORGET, ":1");
    expect_acknowledged(world, share.id);
}

static void the_place_is_forgotten_also_when_the_last_page_is_empty(void **state)
{
    struct world *world = *state;

    begin_jobs(world);
    struct log_entry share = deal_share("bob");
    answer_page(0, FIRST_PAGE);
    answer_pushes(world, ":5");
    answer_page(FIRST_PAGE, LARGE_PAGE);
    answer_pushes(world, ":5");
    FAKE_ANSWER(FAKE_JOB_SAVE, ":1");
    FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "[]");
    FAKE_ANSWER(FAKE_JOB_FORGET, ":1");
    expect_acknowledged(world, share.id);
    assert_int_equal(world->feed->jobs.large_pages, 0);
}

static void an_empty_page_behind_the_first_gives_its_turn_back(void **state)
{
    struct world *world = *state;

    begin_jobs(world);
    struct log_entry share = deal_share("bob");
    answer_page(0, FIRST_PAGE);
    answer_pushes(world, ":5");
    FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "[]");
    expect_acknowledged(world, share.id);
    assert_int_equal(world->feed->jobs.large_pages, 0);
}

static void a_failed_page_is_done_again_from_its_own_beginning(void **state)
{
    struct world *world = *state;

    begin_jobs(world);
    deal_share("bob");
    answer_page(0, FIRST_PAGE);
    answer_pushes(world, ":5");
    FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "[last 1280064]");
    assert_int_equal(answer_pushes(world, "!READONLY"), 1);
    world_tick(world, RETRY_MS + 50);
    struct fake_call *page = fake_expect(FAKE_FOLLOWERS_PAGE);
    assert_int_equal(page->id, FIRST_PAGE * 64);
    fake_answer(page, "[last 1280064]");
    assert_int_equal(answer_pushes(world, ":5"), 1);
}

static void a_push_that_can_never_succeed_does_not_hold_up_the_others(void **state)
{
    struct world *world = *state;

    begin_jobs(world);
    struct log_entry share = deal_share("bob");
    answer_page(0, 2);
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_PUSH, ":5");
    FAKE_ANSWER(FAKE_PUSH, "!WRONGTYPE");
    FAKE_ANSWER(FAKE_PUSH, ":5");
    expect_acknowledged(world, share.id);
}

static void an_acknowledgement_that_is_lost_is_said_again(void **state)
{
    struct world *world = *state;

    begin_jobs(world);
    struct log_entry share = deal_share("bob");
    answer_page(0, 0);
    assert_int_equal(answer_pushes(world, ":5"), 1);
    FAKE_ANSWER(FAKE_JOBS_ACK, NULL);
    fake.refuses[FAKE_JOBS_ACK] = true;
    feed_turn(world->feed);
    fake.refuses[FAKE_JOBS_ACK] = false;
    expect_acknowledged(world, share.id);
    feed_turn(world->feed);
    assert_int_equal(fake_waiting(FAKE_JOBS_ACK), 0);
}

static void only_a_few_large_pages_are_held_and_every_job_has_its_turn(void **state)
{
    struct world *world = *state;
    struct log_entry entries[20];
    int acknowledged = 0;

    begin_jobs(world);
    for (int i = 0; i < 20; i++)
        entries[i] = fake_entry(LOG_SHARE, "bob", NULL, 0);
    fake_deal(fake_expect(FAKE_JOBS_NEW), entries, 20);
    for (int i = 0; i < 20; i++)
        answer_page(0, FIRST_PAGE);
    answer_pushes(world, ":5");
    answer_all(FAKE_JOB_SAVE, ":1");
    for (int pages = 0; acknowledged < 20; pages++) {
        assert_true(pages < 40);
        assert_in_range(fake_waiting(FAKE_FOLLOWERS_PAGE), 1, 8);
        FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, pages % 3 == 1 ? NULL : "[last 1280064]"); /* some are lost */
        answer_pushes(world, ":5");
        answer_all(FAKE_JOB_SAVE, ":1");
        answer_all(FAKE_JOB_FORGET, ":1");
        feed_turn(world->feed);
        while (fake_waiting(FAKE_JOBS_ACK) > 0) {
            struct fake_call *call = fake_expect(FAKE_JOBS_ACK);

            acknowledged += (int)call->count;
            fake_answer(call, ":1");
        }
        if (fake_waiting(FAKE_FOLLOWERS_PAGE) == 0)
            world_tick(world, RETRY_MS + 50);
    }
    assert_int_equal(world->feed->jobs.large_pages, 0);
}

static void an_entry_of_an_earlier_life_goes_on_at_its_saved_place(void **state)
{
    struct world *world = *state;
    struct log_entry entries[2];

    fake.handlers->on_jobs_up(fake.context);
    entries[0] = fake_entry(LOG_SHARE, "bob", NULL, 0);
    entries[1] = fake_entry(LOG_EDGE, "bob", "ann", 64);
    fake_deal(fake_expect(FAKE_JOBS_OWN), entries, 2);
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_JOB_TAKE, "[:1 640]");
    struct fake_call *page = fake_expect(FAKE_FOLLOWERS_PAGE);
    assert_int_equal(page->id, 640);
    fake_answer(page, "[ann 704]");
    feed_turn(world->feed);
    struct fake_call *push = fake_expect(FAKE_PUSH);
    assert_string_equal(push->name, "ann"); /* and not the author again */
    fake_answer(push, ":5");
    struct fake_call *own = fake_expect(FAKE_JOBS_OWN); /* until nothing of its own is left */
    assert_int_equal(own->id, entries[1].id);
    fake_deal(own, NULL, 0);
    feed_turn(world->feed);
    assert_int_equal(fake_waiting(FAKE_JOBS_NEW), 1);
}

static void an_entry_given_out_again_while_it_is_worked_on_is_not_begun_twice(void **state)
{
    struct world *world = *state;

    begin_jobs(world);
    struct log_entry share = deal_share("bob");
    fake.handlers->on_jobs_up(fake.context);
    fake_deal(fake_expect(FAKE_JOBS_OWN), &share, 1);
    assert_int_equal(fake_waiting(FAKE_FOLLOWERS_PAGE), 1);
    feed_turn(world->feed);
    assert_int_equal(fake_waiting(FAKE_JOB_TAKE), 0);
}

/* Redis may be slow: what it has not answered is not asked again. */
static void redis_is_asked_to_renew_and_for_what_others_left_once_at_a_time(void **state)
{
    struct world *world = *state;
    struct log_entry entries[100];

    begin_jobs(world);
    for (int i = 0; i < 100; i++)
        entries[i] = fake_entry(LOG_SHARE, "bob", NULL, 0);
    fake_deal(fake_expect(FAKE_JOBS_NEW), entries, 100);
    for (int i = 0; i < 5; i++) {
        world_tick(world, world_settings.claim_after_ms);
        assert_int_equal(fake_waiting(FAKE_JOBS_RENEW), 1);
        assert_int_equal(fake_waiting(FAKE_JOBS_CLAIM), 1);
    }
    struct fake_call *renew = fake_expect(FAKE_JOBS_RENEW);
    assert_int_equal(renew->count, 64); /* nor is it asked for very much */
    fake_answer(renew, ":64");
    fake_deal(fake_expect(FAKE_JOBS_CLAIM), NULL, 0);
    world_tick(world, 50);
    renew = fake_expect(FAKE_JOBS_RENEW); /* for the others, and those whose time has come again */
    fake_answer(renew, NULL);
    assert_int_equal(fake_waiting(FAKE_JOBS_RENEW), 0);
    fake_lose_all();
}

static void what_another_daemon_left_is_taken_over(void **state)
{
    struct world *world = *state;

    begin_jobs(world);
    world_tick(world, world_settings.claim_after_ms);
    struct log_entry share = fake_entry(LOG_SHARE, "bob", NULL, 0);
    fake_deal(fake_expect(FAKE_JOBS_CLAIM), &share, 1);
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_JOB_TAKE, "[:1 nil]");
    answer_page(0, 1);
    assert_int_equal(answer_pushes(world, ":5"), 2);
    FAKE_ANSWER(FAKE_JOB_FORGET, ":1"); /* its count of tries */
    expect_acknowledged(world, share.id);
}

/* A share of bob's is pushed to his own timeline, with this answer. */
static void no_more_pushes_are_under_way_than_the_window_and_small_jobs_have_their_turns(void **state)
{
    struct feed_settings settings = world_settings;
    size_t small = 0;

    (void)state;
    settings.push_window = 60;
    settings.push_quantum = 20;
    struct world *world = world_new(&settings, 1);
    begin_jobs(world);
    struct log_entry entries[2] = {fake_entry(LOG_SHARE, "big", NULL, 0), fake_entry(LOG_SHARE, "small", NULL, 0)};
    fake_deal(fake_expect(FAKE_JOBS_NEW), entries, 2);
    answer_page(0, FIRST_PAGE);
    answer_page(0, 5);
    feed_turn(world->feed);
    assert_int_equal(fake_waiting(FAKE_PUSH), 60);
    for (int i = 0; i < 60; i++) {
        struct fake_call *push = fake_expect(FAKE_PUSH);

        small += push->id == entries[1].id;
        fake_answer(push, ":5");
    }
    assert_int_equal(small, 6); /* all of it, in the first window */
    world_free(world);
}

static void entries_without_effects_are_acknowledged_together(void **state)
{
    struct world *world = *state;
    struct log_entry entries[3];

    begin_jobs(world);
    entries[0] = fake_entry(LOG_DELETE, "bob", NULL, 64);
    entries[1] = fake_entry(LOG_EDGE, "bob", "ann", 64);
    entries[2] = fake_entry(LOG_UNKNOWN, "bob", NULL, 0);
    fake_deal(fake_expect(FAKE_JOBS_NEW), entries, 3);
    feed_turn(world->feed);
    struct fake_call *call = fake_expect(FAKE_JOBS_ACK);
    assert_int_equal(call->count, 3);
    fake_answer(call, ":3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_share_is_pushed_to_its_author_and_to_each_follower_and_then_acknowledged),
        WITH_WORLD(an_entry_that_says_how_many_follow_spares_asking_for_more),
        WITH_WORLD(a_page_in_which_one_push_fails_is_done_again_as_a_whole),
        WITH_WORLD(a_push_that_could_not_be_sent_is_sent_later),
        WITH_WORLD(a_lost_link_leaves_the_entry_unacknowledged_until_all_is_done),
        WITH_WORLD(after_each_large_page_but_the_last_the_place_is_saved_and_at_the_end_forgotten),
        WITH_WORLD(the_place_is_forgotten_also_when_the_last_page_is_empty),
        WITH_WORLD(an_empty_page_behind_the_first_gives_its_turn_back),
        WITH_WORLD(a_failed_page_is_done_again_from_its_own_beginning),
        WITH_WORLD(a_push_that_can_never_succeed_does_not_hold_up_the_others),
        WITH_WORLD(an_acknowledgement_that_is_lost_is_said_again),
        WITH_WORLD(only_a_few_large_pages_are_held_and_every_job_has_its_turn),
        WITH_WORLD(an_entry_of_an_earlier_life_goes_on_at_its_saved_place),
        WITH_WORLD(an_entry_given_out_again_while_it_is_worked_on_is_not_begun_twice),
        WITH_WORLD(redis_is_asked_to_renew_and_for_what_others_left_once_at_a_time),
        WITH_WORLD(what_another_daemon_left_is_taken_over),
        cmocka_unit_test(no_more_pushes_are_under_way_than_the_window_and_small_jobs_have_their_turns),
        WITH_WORLD(entries_without_effects_are_acknowledged_together),
    };

    return cmocka_run_group_tests_name("fanout", tests, NULL, NULL);
}
