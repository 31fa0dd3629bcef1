/* Pushes that wait: what goes together, in which order, who goes first, what becomes of jobs whose pushes fail, and when a
 * timeline is cut. */
#include "feed_fixture.h"

#define FIRST_PAGE 128
#define LARGE_PAGE 2000

static struct world *begin(int64_t window)
{
    struct feed_settings settings = world_settings;
    struct world *world;

    settings.push_window = window;
    world = world_new(&settings, 1);
    fake.handlers->on_jobs_up(fake.context);
    fake_deal(fake_expect(FAKE_JOBS_OWN), NULL, 0);
    feed_turn(world->feed);
    return world;
}

static void deal(struct world *world, const char *author, uint64_t *ret_id)
{
    struct log_entry entry = fake_entry(LOG_SHARE, author, NULL, 0);

    fake_deal(fake_expect(FAKE_JOBS_NEW), &entry, 1);
    feed_turn(world->feed);
    *ret_id = entry.id;
}

static void answer_page(int first, int count)
{
    static char format[LARGE_PAGE * 24];
    size_t used = 1;

    format[0] = '[';
    for (int i = first; i < first + count; i++)
        used += (size_t)snprintf(format + used, 24, "r%d %d ", i, (i + 1) * 64);
    snprintf(format + used, 2, "]");
    FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, format);
}

/* The next push must be to this timeline, of these ids. */
static void expect_push(struct world *world, const char *name, const uint64_t *ids, size_t count, const char *answer)
{
    struct fake_call *push = fake_expect(FAKE_PUSH);

    assert_string_equal(push->name, name);
    assert_int_equal(push->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(push->ids[i], ids[i]);
    fake_answer(push, answer);
    feed_turn(world->feed);
}

static uint64_t acknowledged(void)
{
    struct fake_call *call = fake_expect(FAKE_JOBS_ACK);
    uint64_t count = call->count;

    fake_answer(call, ":1");
    return count;
}

static void what_waits_for_one_timeline_goes_in_one_command_oldest_first(void **state)
{
    struct world *world = begin(1);
    uint64_t ids[3];

    (void)state;
    deal(world, "bob", &ids[0]);
    deal(world, "carl", &ids[1]);
    deal(world, "dora", &ids[2]);
    struct fake_call *pages[3];
    for (int i = 0; i < 3; i++)
        pages[i] = fake_expect(FAKE_FOLLOWERS_PAGE);
    for (int i = 3; i-- > 0;) /* the latest share's names come first */
        fake_answer(pages[i], "[ann 64 ben 128]");
    feed_turn(world->feed);
    expect_push(world, "dora", &ids[2], 1, ":5");
    expect_push(world, "ann", ids, 3, ":5");
    expect_push(world, "ben", ids, 3, ":5");
    expect_push(world, "carl", &ids[1], 1, ":5");
    assert_int_equal(acknowledged(), 1);
    expect_push(world, "bob", &ids[0], 1, ":5");
    feed_turn(world->feed);
    while (fake_waiting(FAKE_JOBS_ACK) > 0)
        acknowledged();
    assert_int_equal(world->feed->jobs.map.count, 0);
    world_free(world);
}

static void a_command_that_fails_fails_every_share_that_it_carried(void **state)
{
    struct world *world = begin(1);
    uint64_t ids[2];

    (void)state;
    deal(world, "bob", &ids[0]);
    deal(world, "carl", &ids[1]);
    FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "[ann 64]");
    FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "[ann 64]");
    feed_turn(world->feed);
    expect_push(world, "bob", &ids[0], 1, ":5");
    expect_push(world, "ann", ids, 2, "!OOM");
    expect_push(world, "carl", &ids[1], 1, ":5");
    assert_int_equal(fake_waiting(FAKE_JOBS_ACK), 0);
    world_tick(world, 600);
    for (int i = 0; i < 2; i++)
        FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "[ann 64]");
    for (feed_turn(world->feed); fake_waiting(FAKE_PUSH) > 0; feed_turn(world->feed))
        FAKE_ANSWER(FAKE_PUSH, ":5");
    while (fake_waiting(FAKE_JOBS_ACK) > 0)
        acknowledged();
    assert_int_equal(world->feed->jobs.map.count, 0);
    world_free(world);
}

/* Of a share to thousands, whose pushes wait by the hundred, and one to two: how many of the former still come before. */
static void a_small_share_does_not_wait_behind_a_large_one(void **state)
{
    struct world *world = begin(4);
    uint64_t large, small;
    int before = 0;

    (void)state;
    deal(world, "star", &large);
    answer_page(0, FIRST_PAGE);
    for (feed_turn(world->feed); fake_waiting(FAKE_PUSH) > 0; feed_turn(world->feed))
        FAKE_ANSWER(FAKE_PUSH, ":5");
    answer_page(FIRST_PAGE, LARGE_PAGE);
    feed_turn(world->feed);
    for (int i = 0; i < 100; i++) {
        FAKE_ANSWER(FAKE_PUSH, ":5");
        feed_turn(world->feed);
    }
    deal(world, "bob", &small);
    FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "[ann 64 r1500 128]"); /* one of them waits for the large one, too */
    feed_turn(world->feed);
    for (int found = 0; found < 3; feed_turn(world->feed)) {
        struct fake_call *push = fake_expect(FAKE_PUSH);

        found += push->ids[push->count - 1] == small;
        before += found == 0;
        assert_int_equal(push->count, strcmp(push->name, "r1500") == 0 ? 2 : 1);
        fake_answer(push, ":5");
        assert_true(before < 20);
    }
    assert_int_equal(acknowledged(), 1);
    for (feed_turn(world->feed); fake_waiting(FAKE_PUSH) > 0; feed_turn(world->feed))
        FAKE_ANSWER(FAKE_PUSH, ":5");
    FAKE_ANSWER(FAKE_JOB_SAVE, ":1");
    FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "[]");
    FAKE_ANSWER(FAKE_JOB_FORGET, ":1");
    feed_turn(world->feed);
    assert_int_equal(acknowledged(), 1);
    world_free(world);
}

/* Names beyond what a lane holds wait in their jobs; every one comes in the end, once for each share. */
static void more_than_a_lane_holds_is_pushed_in_the_end(void **state)
{
    enum { AUTHORS = 300 };
    struct world *world = begin(16);
    static unsigned pushed[AUTHORS];
    uint64_t ids[AUTHORS], first = 0;

    (void)state;
    for (int i = 0; i < AUTHORS; i++) {
        char author[24];

        snprintf(author, sizeof(author), "author%d", i);
        deal(world, author, &ids[i]);
        answer_page(i * 100, 100);
        feed_turn(world->feed);
    }
    first = ids[0];
    for (feed_turn(world->feed); fake_waiting(FAKE_PUSH) > 0; feed_turn(world->feed)) {
        struct fake_call *push = fake_expect(FAKE_PUSH);

        for (size_t i = 0; i < push->count; i++)
            for (int author = 0; author < AUTHORS; author++)
                pushed[author] += ids[author] == push->ids[i];
        fake_answer(push, ":5");
    }
    assert_true(first > 0);
    for (int i = 0; i < AUTHORS; i++)
        assert_int_equal(pushed[i], 101);
    while (fake_waiting(FAKE_JOBS_ACK) > 0)
        acknowledged();
    assert_int_equal(world->feed->jobs.map.count, 0);
    world_free(world);
}

static void what_waits_is_forgotten_when_redis_was_restarted_and_done_again(void **state)
{
    struct world *world = begin(1);
    uint64_t id;

    (void)state;
    deal(world, "bob", &id);
    FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "[ann 64 ben 128]");
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_PUSH, NULL); /* under way when Redis ended */
    jobs_reset(world->feed);
    feed_turn(world->feed);
    while (fake_waiting(FAKE_PUSH) > 0)
        FAKE_ANSWER(FAKE_PUSH, NULL);
    jobs_reset(world->feed);
    assert_int_equal(world->feed->jobs.pushes.in_flight, 0);
    world_tick(world, 600);
    FAKE_ANSWER(FAKE_JOB_TAKE, "[:1 nil]");
    FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "[ann 64 ben 128]");
    feed_turn(world->feed);
    expect_push(world, "bob", &id, 1, ":5");
    expect_push(world, "ann", &id, 1, ":5");
    expect_push(world, "ben", &id, 1, ":5");
    assert_int_equal(acknowledged(), 1);
    world_free(world);
}

static void push_to_bob(struct world *world, const char *answer)
{
    uint64_t id;

    deal(world, "bob", &id);
    FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "[]");
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_PUSH, answer);
    feed_turn(world->feed);
}

static void expect_trim(uint64_t mark, uint64_t pushed, const char *answer)
{
    struct fake_call *trim = fake_expect(FAKE_TRIM);

    assert_string_equal(trim->name, "bob");
    assert_int_equal(trim->id, mark);
    assert_int_equal(trim->until, pushed);
    fake_answer(trim, answer);
}

#define AT_CAP ":801"
#define BEYOND_CAP_AND_SLACK ":1002" /* with the header */

static void a_long_timeline_is_trimmed_by_what_is_known_of_it(void **state)
{
    struct world *world = begin(1);

    (void)state;
    push_to_bob(world, AT_CAP);
    push_to_bob(world, BEYOND_CAP_AND_SLACK);
    expect_trim(0, 2, ":77");
    for (int i = 0; i < 3; i++)
        push_to_bob(world, AT_CAP);
    push_to_bob(world, BEYOND_CAP_AND_SLACK);
    expect_trim(77, 4, ":78");
    push_to_bob(world, "!OOM"); /* who knows what stands there now */
    push_to_bob(world, BEYOND_CAP_AND_SLACK);
    expect_trim(0, 1, NULL);
    push_to_bob(world, BEYOND_CAP_AND_SLACK);
    expect_trim(0, 1, ":79");
    push_to_bob(world, BEYOND_CAP_AND_SLACK);
    expect_trim(79, 1, ":80");
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_for_one_timeline_goes_in_one_command_oldest_first),
        cmocka_unit_test(a_command_that_fails_fails_every_share_that_it_carried),
        cmocka_unit_test(a_small_share_does_not_wait_behind_a_large_one),
        cmocka_unit_test(more_than_a_lane_holds_is_pushed_in_the_end),
        cmocka_unit_test(what_waits_is_forgotten_when_redis_was_restarted_and_done_again),
        cmocka_unit_test(a_long_timeline_is_trimmed_by_what_is_known_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
