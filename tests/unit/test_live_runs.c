/* Events of one subject that come together: they go out as one frame to streams of the same request id, in the order of the
 * log among all else, and a stream whose queue fills in the middle misses none of them. */
#include "feed_fixture.h"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)

static uint64_t part_share(const char *author)
{
    struct log_entry entry = fake_entry(LOG_SHARE, author, NULL, 0);

    fake_tail_part(&entry);
    return entry.id;
}

static uint64_t part(enum log_kind kind, const char *subject, const char *reader, uint64_t other)
{
    struct log_entry entry = fake_entry(kind, subject, reader, other);

    fake_tail_part(&entry);
    return entry.id;
}

/* The token behind a run, which covers it. */
static void expect_token(struct world *world, uint64_t conn, uint32_t request_id, uint64_t position)
{
    const Feed__ServerFrame *frame = next_sent(world, conn, request_id);
    struct token_place places[PARTITIONS_MAX];

    assert_int_equal(frame->body_case, FEED__SERVER_FRAME__BODY_HEARTBEAT);
    struct text token = {(const char *)frame->heartbeat->resume_token.data, frame->heartbeat->resume_token.len};
    assert_int_equal(token_read(token, fake.epoch, 1, places), FEED_OK);
    assert_int_equal(places[0].position, position);
}

static void what_one_author_shares_at_once_is_one_frame_for_each_stream(void **state)
{
    struct world *world = *state;
    uint64_t shares[10];

    open_home(world, 1, 2, "ann", "[bob]");
    open_home(world, 2, 2, "ben", "[bob]");
    world->sends = 0;
    for (int i = 0; i < 10; i++)
        shares[i] = part_share("bob");
    expect_nothing(world); /* until the reading ends */
    fake_tail_end(10);
    assert_int_equal(world->sends, 2);
    for (uint64_t conn = 1; conn <= 2; conn++) {
        for (int i = 0; i < 10; i++)
            expect_share(world, conn, 2, shares[i]);
        expect_token(world, conn, 2, shares[9]);
    }
    expect_nothing(world);
}

static void streams_of_other_request_ids_get_the_same_under_theirs(void **state)
{
    struct world *world = *state;
    static const char *const readers[] = {"ann", "ben", "carl", "dora", "emil", "fred"};
    uint64_t shares[3];

    for (uint32_t i = 0; i < 6; i++)
        open_home(world, 1 + i % 3, 10 + i, readers[i], "[bob]");
    for (int i = 0; i < 3; i++)
        shares[i] = part_share("bob");
    fake_tail_end(3);
    for (uint32_t i = 0; i < 6; i++) {
        for (int j = 0; j < 3; j++)
            expect_share(world, 1 + i % 3, 10 + i, shares[j]);
        if (i < RUN_REQUEST_IDS)
            expect_token(world, 1 + i % 3, 10 + i, shares[2]);
    }
    expect_nothing(world);
}

static void what_stands_between_them_comes_between_them(void **state)
{
    struct world *world = *state;

    open_home(world, 1, 10, "ann", "[bob]");
    uint64_t first = part_share("bob"), second = part_share("bob");
    uint64_t deletion = part(LOG_DELETE, "bob", NULL, first);
    uint64_t own = part_share("ann"), third = part_share("bob");
    part(LOG_UNEDGE, "bob", "ann", third + 64);
    part_share("bob"); /* is not for ann any more */
    fake_tail_end(7);
    expect_share(world, 1, 10, first);
    expect_share(world, 1, 10, second);
    expect_deletion(world, 1, 10, first);
    expect_token(world, 1, 10, deletion);
    expect_share(world, 1, 10, own);
    expect_share(world, 1, 10, third);
    expect_nothing(world);
}

static void a_follow_between_them_brings_those_that_stand_behind_it(void **state)
{
    struct world *world = *state;

    open_home(world, 1, 10, "ann", "[]");
    subscribe(world, 2, 20, true, "bob", (struct text){NULL, 0}, &(struct outcome){0});
    expect_caught_up(world, 2, 20);
    uint64_t before = part_share("bob");
    part(LOG_EDGE, "bob", "ann", before + 1);
    uint64_t behind = part_share("bob");
    fake_tail_end(3);
    expect_share(world, 2, 20, before);
    expect_share(world, 2, 20, behind);
    expect_share(world, 1, 10, behind);
    expect_nothing(world);
}

/* Every size of a run against every limit: whatever goes out together, nothing is lost, doubled or out of order. */
static void a_queue_that_fills_in_the_middle_of_a_run_loses_nothing(void **state)
{
    struct world *world = *state;

    open_home(world, 1, 10, "ann", "[bob]");
    world->queued[1] = 0;
    for (size_t limit = 50; limit < 1000; limit += 150) {
        world->outlet.soft_limit_bytes = limit;
        for (int size = 1; size < 20; size += 3) {
            uint64_t shares[20];

            for (int i = 0; i < size; i++)
                shares[i] = part_share("bob");
            fake_tail_end((size_t)size);
            for (int drains = 0; world->subscribers[1].first->state != SUBSCRIPTION_LIVE; drains++) {
                assert_true(drains < 100);
                drain(world, 1);
            }
            drain(world, 1);
            for (int i = 0; i < size;) {
                const Feed__ServerFrame *frame = next_sent(world, 1, 10);

                if (frame->body_case != FEED__SERVER_FRAME__BODY_SHARED)
                    continue;
                assert_int_equal(frame->shared->share->id, shares[i]);
                i++;
            }
            world->sent_at = world->sent_count; /* CaughtUp, tokens */
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(what_one_author_shares_at_once_is_one_frame_for_each_stream),
        WITH_WORLD(streams_of_other_request_ids_get_the_same_under_theirs),
        WITH_WORLD(what_stands_between_them_comes_between_them),
        WITH_WORLD(a_follow_between_them_brings_those_that_stand_behind_it),
        WITH_WORLD(a_queue_that_fills_in_the_middle_of_a_run_loses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
