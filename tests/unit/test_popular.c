/* What is popular and whom to follow: answers of many put together. */
#include "feed_fixture.h"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)

static const struct text nobody = {"", 0};

struct told {
    unsigned calls;
    Feed__ErrorCode error;
    uint64_t bound;
    size_t count;
    char names[8][32];
    uint64_t counts[8];
};

static void on_popular(void *context, Feed__ErrorCode error, const struct feed_popular *popular)
{
    struct told *told = context;

    told->calls++;
    told->error = error;
    told->bound = popular->error;
    for (size_t i = 0; error == FEED_OK && i < popular->count; i++, told->count++) {
        const struct feed_popular_item *item = &popular->items[i];
        struct text name = item->share ? feed_destination_of(item->share) : item->subject;

        told->counts[i] = item->count;
        snprintf(told->names[i], sizeof(told->names[i]), "%.*s", (int)name.size, name.data);
    }
}

static void the_partitions_are_put_together_the_most_first(void **state)
{
    struct world *world = world_new(&world_settings, 2);
    struct told told = {0};

    (void)state;
    feed_read_popular(world->feed, nobody, FEED__POPULAR_KIND__POPULAR_SUBJECTS, FEED__POPULAR_WINDOW__ALL_TIME, 3, on_popular, &told);
    FAKE_ANSWER(FAKE_POPULAR, "[:2 [ann :7 64 bob :3 128]]");
    assert_int_equal(told.calls, 0);
    FAKE_ANSWER(FAKE_POPULAR, "[:5 [carl :9 65 dora :6 129]]");
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.error, FEED_OK);
    assert_int_equal(told.count, 3);
    assert_int_equal(told.bound, 5);
    assert_string_equal(told.names[0], "carl");
    assert_string_equal(told.names[1], "ann");
    assert_string_equal(told.names[2], "dora");
    assert_int_equal(told.counts[2], 6);
    world_free(world);
}

static void a_destination_is_told_of_by_its_latest_share_and_not_if_that_is_gone(void **state)
{
    struct world *world = *state;
    struct told told = {0};

    feed_read_popular(world->feed, nobody, FEED__POPULAR_KIND__POPULAR_DESTINATIONS, FEED__POPULAR_WINDOW__LAST_DAY, 3, on_popular, &told);
    FAKE_ANSWER(FAKE_POPULAR, "[:0 [aa :7 640 bb :3 1280]]");
    struct fake_call *bodies = fake_expect(FAKE_BODIES);
    assert_int_equal(bodies->count, 2);
    assert_int_equal(bodies->ids[0], 640);
    fake_answer(bodies, "[nil $]", fake_body("bob", "http://example.org/b"));
    while (fake_waiting(FAKE_BODIES) > 0)
        FAKE_ANSWER(FAKE_BODIES, "[nil]");
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.count, 1);
    assert_string_equal(told.names[0], "http://example.org/b");
    assert_int_equal(told.counts[0], 3);
}

static void an_error_of_one_partition_is_the_answers(void **state)
{
    struct world *world = world_new(&world_settings, 2);
    struct told told = {0};

    (void)state;
    feed_read_popular(world->feed, nobody, FEED__POPULAR_KIND__POPULAR_SUBJECTS, FEED__POPULAR_WINDOW__ALL_TIME, 3, on_popular, &told);
    FAKE_ANSWER(FAKE_POPULAR, "[:0 [ann :7 64]]");
    FAKE_ANSWER(FAKE_POPULAR, "!LOADING");
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.error, FEED__ERROR_CODE__UNAVAILABLE);
    world_free(world);
}

static void on_suggestions(void *context, Feed__ErrorCode error, const struct feed_suggestions *suggestions)
{
    struct told *told = context;

    told->calls++;
    told->error = error;
    for (size_t i = 0; error == FEED_OK && i < suggestions->count; i++, told->count++) {
        told->counts[i] = suggestions->items[i].count;
        snprintf(told->names[i], sizeof(told->names[i]), "%.*s", (int)suggestions->items[i].subject.size,
                 suggestions->items[i].subject.data);
    }
}

static void those_whom_most_of_those_followed_follow_are_suggested(void **state)
{
    struct world *world = *state;
    struct told told = {0};

    feed_read_suggestions(world->feed, text_of("ann"), 2, on_suggestions, &told);
    FAKE_ANSWER(FAKE_READER_LOAD, "[64 [bob carl]]");
    assert_int_equal(fake_waiting(FAKE_FOLLOWED_LATEST), 2);
    FAKE_ANSWER(FAKE_FOLLOWED_LATEST, "[dora emil ann carl fritz]");
    FAKE_ANSWER(FAKE_FOLLOWED_LATEST, "[emil dora bob]");
    assert_int_equal(fake_waiting(FAKE_SHARED_BY), 2); /* fritz is not looked up */
    FAKE_ANSWER(FAKE_SHARED_BY, "[128 nil]");
    FAKE_ANSWER(FAKE_SHARED_BY, "[128 192]");
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.count, 2);
    assert_int_equal(told.counts[0], 2);
    assert_int_equal(told.counts[1], 1);
}

static void suggestions_fail_when_a_question_does(void **state)
{
    struct world *world = *state;
    struct told told = {0};

    feed_read_suggestions(world->feed, text_of("ann"), 2, on_suggestions, &told);
    FAKE_ANSWER(FAKE_READER_LOAD, "[64 [bob carl]]");
    FAKE_ANSWER(FAKE_FOLLOWED_LATEST, NULL);
    FAKE_ANSWER(FAKE_FOLLOWED_LATEST, "[emil]");
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.error, FEED__ERROR_CODE__UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_partitions_are_put_together_the_most_first),
        WITH_WORLD(a_destination_is_told_of_by_its_latest_share_and_not_if_that_is_gone),
        cmocka_unit_test(an_error_of_one_partition_is_the_answers),
        WITH_WORLD(those_whom_most_of_those_followed_follow_are_suggested),
        WITH_WORLD(suggestions_fail_when_a_question_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
