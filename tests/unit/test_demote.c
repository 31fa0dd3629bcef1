/* Falling back: what is dropped from a queue comes again, exactly that, and what streams of one connection hold is bounded. */
#include "feed_fixture.h"

/* Drops what was sent on a stream from `from` on, as far as it may be. Returns how many frames. */
static size_t drop_from(struct world *world, size_t from, uint64_t conn)
{
    size_t dropped = 0;

    for (size_t i = from; i < world->sent_count; i++) {
        const struct sent *sent = &world->sent[i];

        if (sent->conn == conn && sent->position != 0)
            dropped += feed_subscriber_drop(world->feed, &world->subscribers[conn], sent->request_id, sent->stream, sent->position);
    }
    return dropped;
}

static void what_is_dropped_from_a_live_streams_queue_comes_again_and_nothing_else_does(void **state)
{
    struct world *world = *state;
    uint64_t shares[20];

    for (int kept = 0; kept <= 20; kept++) {
        open_home(world, 1, 10 + (uint32_t)kept, "ann", "[bob]");
        size_t first = world->sent_count;
        for (int i = 0; i < 20; i++) {
            shares[i] = tail_share("bob");
            expect_share(world, 1, 10 + (uint32_t)kept, shares[i]);
        }
        assert_int_equal(drop_from(world, first + (size_t)kept, 1), 20 - kept);
        expect_nothing(world);
        if (kept < 20)
            tail_share("bob"); /* while it waits */
        drain(world, 1);
        for (int i = kept; i < 20; i++)
            expect_share(world, 1, 10 + (uint32_t)kept, shares[i]);
        if (kept < 20) {
            next_sent(world, 1, 10 + (uint32_t)kept);
            expect_caught_up(world, 1, 10 + (uint32_t)kept);
        }
        expect_nothing(world);
        assert_true(feed_unsubscribe(world->feed, &world->subscribers[1], 10 + (uint32_t)kept));
        world_applied(world);
        readers_done(world->feed);
    }
}

static void each_partition_goes_on_from_its_own_first_that_was_dropped(void **state)
{
    struct world *world = world_new(&world_settings, 4);
    const char *authors[] = {"bob", "carl", "dora", "emil", "finn", "gina"};
    uint64_t shares[30];

    (void)state;
    open_home(world, 1, 10, "ann", "[bob carl dora emil finn gina]");
    size_t first = world->sent_count;
    for (size_t i = 0; i < 30; i++) {
        shares[i] = tail_share(authors[(i * i + i / 7) % 6]);
        expect_share(world, 1, 10, shares[i]);
    }
    assert_int_equal(drop_from(world, first + 11, 1), 19);
    drain(world, 1);
    bool again[30] = {false};
    for (size_t n = 11; n < 30; n++) {
        uint64_t id = next_sent(world, 1, 10)->shared->share->id;
        size_t i = 11;

        while (shares[i] != id)
            assert_true(++i < 30); /* nothing that was kept comes */
        assert_false(again[i]);
        again[i] = true;
    }
    expect_caught_up(world, 1, 10);
    expect_nothing(world);
    world_free(world);
}

static void a_token_goes_only_with_the_events_before_it(void **state)
{
    struct world *world = *state;
    struct feed_subscriber *subscriber = &world->subscribers[1];

    open_home(world, 1, 10, "ann", "[bob]"); /* CaughtUp */
    size_t first = world->sent_count;
    feed_subscriber_heartbeat(world->feed, subscriber);
    assert_int_equal(drop_from(world, 0, 1), 0);
    uint64_t share = tail_share("bob");
    feed_subscriber_heartbeat(world->feed, subscriber);
    assert_int_equal(drop_from(world, first, 1), 2); /* the first heartbeat stays */
    world->sent_at = world->sent_count;
    drain(world, 1);
    expect_share(world, 1, 10, share);
    expect_caught_up(world, 1, 10);
    expect_nothing(world);
}

static void frames_of_an_ended_stream_do_not_touch_a_new_one_of_the_same_id(void **state)
{
    struct world *world = *state;

    open_home(world, 1, 10, "ann", "[bob]");
    tail_share("bob");
    size_t end = world->sent_count;
    feed_unsubscribe(world->feed, &world->subscribers[1], 10);
    struct outcome outcome;
    subscribe(world, 1, 10, false, "ann", (struct text){NULL, 0}, &outcome);
    expect_outcome(&outcome, FEED_OK);
    world->sent_count--; /* its CaughtUp is not asked for */
    feed__server_frame__free_unpacked(world->sent[world->sent_count].frame, NULL);
    world->sent_at = world->sent_count;
    assert_int_equal(end, world->sent_count);
    assert_int_equal(drop_from(world, 0, 1), end);
    drain(world, 1);
    expect_nothing(world);
    expect_share(world, 1, 10, tail_share("bob"));
}

static void a_deletion_is_dropped_and_comes_again(void **state)
{
    struct world *world = *state;

    open_home(world, 1, 10, "ann", "[bob]");
    uint64_t kept = tail_share("bob");
    size_t first = world->sent_count;
    uint64_t dropped = tail_share("bob");
    tail_delete("bob", kept);
    tail_delete("bob", dropped);
    uint64_t last = tail_share("bob");
    assert_int_equal(drop_from(world, first, 1), 4);
    world->sent_at = world->sent_count;
    drain(world, 1);
    expect_deletion(world, 1, 10, kept); /* and no word of what never came */
    expect_share(world, 1, 10, last);
    expect_caught_up(world, 1, 10);
    expect_nothing(world);
}

static void a_resumed_stream_hears_again_of_deletions_of_what_came_after_its_token(void **state)
{
    struct world *world = *state;
    struct outcome outcome;
    uint64_t before = tail_share("bob");
    uint64_t seen = tail_share("bob"); /* by the client, after its token */

    tail_delete("bob", seen);
    subscribe(world, 1, 10, true, "bob", token_of(world, &before), &outcome);
    expect_outcome(&outcome, FEED_OK);
    expect_deletion(world, 1, 10, seen);
    expect_caught_up(world, 1, 10);
    assert_int_equal(drop_from(world, 0, 1), 2);
    drain(world, 1);
    expect_deletion(world, 1, 10, seen);
    expect_caught_up(world, 1, 10);
    expect_nothing(world);
}

static void a_full_connection_gets_no_frame_more_on_any_of_its_streams(void **state)
{
    struct world *world = *state;
    uint64_t shares[3];

    open_home(world, 1, 10, "ann", "[bob]");
    for (uint32_t stream = 11; stream < 30; stream++) {
        struct outcome outcome;

        subscribe(world, 1, stream, false, "ann", (struct text){NULL, 0}, &outcome);
        expect_outcome(&outcome, FEED_OK);
    }
    world->queued[1] = 0;
    world->outlet.soft_limit_bytes = 100; /* two or three shares */
    for (int i = 0; i < 3; i++)
        shares[i] = tail_share("bob");
    assert_true(world->queued[1] < 200);
    assert_int_equal(feed_subscriber_heartbeat(world->feed, &world->subscribers[1]), 0);
    assert_true(world->queued[1] < 200);
    world->outlet.soft_limit_bytes = SIZE_MAX;
    drain(world, 1);
    for (uint32_t stream = 10; stream < 30; stream++) {
        int found = 0;

        for (size_t i = 20; i < world->sent_count; i++) {
            const struct sent *sent = &world->sent[i];

            if (sent->request_id == stream && sent->frame->body_case == FEED__SERVER_FRAME__BODY_SHARED)
                assert_int_equal(sent->frame->shared->share->id, shares[found++]);
        }
        assert_int_equal(found, 3);
    }
    world->sent_at = world->sent_count;
}

/* ---- any order of events, reading and dropping ---- */

#define AUTHORS 6
#define SHARES 60
#define STREAMS 3 /* one on each of two connections, and a second one on the second */

static const struct {
    uint64_t conn;
    uint32_t request_id;
} streams[STREAMS] = {{1, 10}, {2, 10}, {2, 11}};

/* What waits for one connection: the frames sent to it, less what was taken or dropped. */
struct waiting {
    size_t items[SENT_MAX];
    size_t count;
    size_t known; /* frames of world->sent that were looked at */
};

struct seen {
    uint64_t ids[SENT_MAX];
    size_t count;
};

static void look(struct world *world, uint64_t conn, struct waiting *waiting)
{
    size_t bytes = 0;

    for (; waiting->known < world->sent_count; waiting->known++)
        if (world->sent[waiting->known].conn == conn)
            waiting->items[waiting->count++] = waiting->known;
    for (size_t i = 0; i < waiting->count; i++)
        bytes += feed__server_frame__get_packed_size(world->sent[waiting->items[i]].frame);
    world->queued[conn] = bytes;
}

/* The client reads the first few frames. */
static void take(struct world *world, uint64_t conn, struct waiting *waiting, size_t count, struct seen *seen)
{
    count = count < waiting->count ? count : waiting->count;
    for (size_t i = 0; i < count; i++) {
        const struct sent *sent = &world->sent[waiting->items[i]];

        for (size_t s = 0; s < STREAMS; s++) {
            if (streams[s].conn != conn || streams[s].request_id != sent->request_id)
                continue;
            if (sent->frame->body_case == FEED__SERVER_FRAME__BODY_SHARED)
                seen[s].ids[seen[s].count++] = sent->frame->shared->share->id;
        }
    }
    memmove(waiting->items, waiting->items + count, (waiting->count - count) * sizeof(size_t));
    waiting->count -= count;
    look(world, conn, waiting);
}

/* As net does it: oldest first, what may go goes. */
static void shed(struct world *world, uint64_t conn, struct waiting *waiting, bool head_is_partly_sent)
{
    size_t kept = 0;

    for (size_t i = 0; i < waiting->count; i++) {
        const struct sent *sent = &world->sent[waiting->items[i]];

        if ((i == 0 && head_is_partly_sent) || sent->position == 0 ||
            !feed_subscriber_drop(world->feed, &world->subscribers[conn], sent->request_id, sent->stream, sent->position))
            waiting->items[kept++] = waiting->items[i];
    }
    waiting->count = kept;
    look(world, conn, waiting);
}

static void check_seen(const struct seen *seen, const uint64_t *shares, size_t count)
{
    uint64_t last[4] = {0};

    assert_int_equal(seen->count, count);
    for (size_t i = 0; i < count; i++) {
        unsigned partition = partition_of_id(seen->ids[i]);
        bool is_one = false;

        assert_true(seen->ids[i] > last[partition]); /* so each comes once, and in order */
        last[partition] = seen->ids[i];
        for (size_t j = 0; j < count; j++)
            is_one = is_one || shares[j] == seen->ids[i];
        assert_true(is_one);
    }
}

static void whatever_is_dropped_when_each_stream_sees_each_share_once_and_in_order(void **state)
{
    static const char *const authors[AUTHORS] = {"bob", "carl", "dora", "emil", "finn", "gina"};
    static struct waiting waiting[3];
    static struct seen seen[STREAMS];
    uint64_t shares[SHARES];

    (void)state;
    for (uint32_t round = 1; round <= 200; round++) {
        struct world *world = world_new(&world_settings, 4);
        uint32_t random = round * 7919;

        memset(waiting, 0, sizeof(waiting));
        memset(seen, 0, sizeof(seen));
        for (size_t s = 0; s < STREAMS; s++) {
            struct outcome outcome;

            subscribe(world, streams[s].conn, streams[s].request_id, false, "ann", (struct text){NULL, 0}, &outcome);
            if (s == 0)
                FAKE_ANSWER(FAKE_READER_LOAD, "[# [bob carl dora emil finn gina]]", fake.last_id[partition_of_subject(text_of("ann"))]);
            expect_outcome(&outcome, FEED_OK);
        }
        world->outlet.soft_limit_bytes = 200 + unit_random(&random) % 2000;
        for (size_t count = 0; count < SHARES;) {
            uint64_t conn = 1 + unit_random(&random) % 2;
            uint32_t what = unit_random(&random) % 16;

            if (what < 8)
                shares[count++] = tail_share(authors[unit_random(&random) % AUTHORS]);
            else if (what < 12)
                take(world, conn, &waiting[conn], unit_random(&random) % 8, seen);
            else if (what < 14)
                shed(world, conn, &waiting[conn], unit_random(&random) % 2);
            else if (what == 14 && world->queued[conn] < world->outlet.soft_limit_bytes / 2)
                feed_subscriber_drained(world->feed, &world->subscribers[conn]);
            else
                feed_subscriber_heartbeat(world->feed, &world->subscribers[conn]);
            look(world, 1, &waiting[1]);
            look(world, 2, &waiting[2]);
        }
        for (uint64_t conn = 1; conn <= 2; conn++) {
            do {
                take(world, conn, &waiting[conn], SIZE_MAX, seen);
                feed_subscriber_drained(world->feed, &world->subscribers[conn]);
                look(world, conn, &waiting[conn]);
            } while (waiting[conn].count > 0);
        }
        for (size_t s = 0; s < STREAMS; s++)
            check_seen(&seen[s], shares, SHARES);
        world_free(world);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_dropped_from_a_live_streams_queue_comes_again_and_nothing_else_does),
        cmocka_unit_test(each_partition_goes_on_from_its_own_first_that_was_dropped),
        TEST(a_token_goes_only_with_the_events_before_it),
        TEST(frames_of_an_ended_stream_do_not_touch_a_new_one_of_the_same_id),
        TEST(a_deletion_is_dropped_and_comes_again),
        TEST(a_resumed_stream_hears_again_of_deletions_of_what_came_after_its_token),
        TEST(a_full_connection_gets_no_frame_more_on_any_of_its_streams),
        cmocka_unit_test(whatever_is_dropped_when_each_stream_sees_each_share_once_and_in_order),
    };

    return cmocka_run_group_tests_name("demote", tests, NULL, NULL);
}
