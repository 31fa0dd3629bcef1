/* Live streams: who gets what, falling back at the soft limit, opening and ending, and waiting for the tail. */
#include "feed_fixture.h"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)

static void a_share_reaches_each_stream_that_it_concerns_once(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    open_home(world, 1, 10, "ann", "[bob]");
    open_home(world, 2, 20, "ben", "[carl]");
    subscribe(world, 3, 30, true, "bob", (struct text){NULL, 0}, &outcome);
    expect_outcome(&outcome, FEED_OK);
    expect_caught_up(world, 3, 30);

    uint64_t share = tail_share("bob");
    expect_share(world, 3, 30, share); /* profiles first */
    expect_share(world, 1, 10, share);
    expect_nothing(world);
    share = tail_share("ann"); /* one's own */
    expect_share(world, 1, 10, share);
    tail_share("nobody");
    expect_nothing(world);
}

static void follows_and_unfollows_take_effect_between_the_shares_that_they_stand_between(void **state)
{
    struct world *world = *state;

    open_home(world, 1, 10, "ann", "[]");
    tail_share("bob");
    uint64_t version = fake.last_id[0] + 64;
    tail_edge(true, "ann", "bob", version);
    uint64_t seen = tail_share("bob");
    tail_edge(false, "ann", "bob", version + 64);
    tail_share("bob");
    expect_share(world, 1, 10, seen);
    expect_nothing(world);
}

static void a_deletion_follows_its_share(void **state)
{
    struct world *world = *state;

    open_home(world, 1, 10, "ann", "[bob]");
    uint64_t share = tail_share("bob");
    tail_delete("bob", share);
    expect_share(world, 1, 10, share);
    expect_deletion(world, 1, 10, share);
    expect_nothing(world);
}

static void an_entry_that_comes_twice_is_sent_once(void **state)
{
    struct world *world = *state;

    open_home(world, 1, 10, "ann", "[bob]");
    struct log_entry entry = fake_entry(LOG_SHARE, "bob", NULL, 0);
    fake_tail(&entry);
    fake_tail(&entry);
    expect_share(world, 1, 10, entry.id);
    expect_nothing(world);
}

static void a_stream_at_the_soft_limit_falls_back_and_goes_on_without_losing_or_doubling(void **state)
{
    struct world *world = *state;
    uint64_t shares[40];
    uint64_t demotions = 0;

    open_home(world, 1, 10, "ann", "[bob]");
    world->queued[1] = 0;
    world->outlet.soft_limit_bytes = 100; /* two or three shares */
    for (int i = 0; i < 40; i++) {
        shares[i] = tail_share("bob");
        if (i % 7 == 6)
            drain(world, 1);
        demotions += world->subscribers[1].first->state == SUBSCRIPTION_CATCHING_UP;
    }
    assert_true(demotions > 0);
    while (world->subscribers[1].first->state == SUBSCRIPTION_CATCHING_UP)
        drain(world, 1);
    for (int i = 0, found = 0; i < 40; found++) {
        assert_true(found < 80);
        const Feed__ServerFrame *frame = next_sent(world, 1, 10);
        if (frame->body_case == FEED__SERVER_FRAME__BODY_CAUGHT_UP)
            continue;
        assert_int_equal(frame->body_case, FEED__SERVER_FRAME__BODY_SHARED);
        assert_int_equal(frame->shared->share->id, shares[i]);
        i++;
    }
    expect_caught_up(world, 1, 10);
    expect_nothing(world);
}

static void a_stream_that_fell_back_holds_no_more_than_the_soft_limit_and_one_frame(void **state)
{
    struct world *world = *state;

    open_home(world, 1, 10, "ann", "[bob]");
    world->queued[1] = 0;
    world->outlet.soft_limit_bytes = 100;
    for (int i = 0; i < 40; i++)
        tail_share("bob");
    for (int drains = 0; drains < 20; drains++) {
        assert_true(world->queued[1] < 200);
        drain(world, 1);
    }
    assert_int_equal(world->subscribers[1].first->state, SUBSCRIPTION_LIVE);
}

static void at_least_every_250_events_a_token_says_how_far_the_stream_has_come(void **state)
{
    struct world *world = *state;
    struct token_place places[PARTITIONS_MAX];

    open_home(world, 1, 10, "ann", "[bob]");
    for (int i = 0; i < 250; i++) {
        uint64_t share = tail_share("bob");

        expect_share(world, 1, 10, share);
        if (i % 50 != 49) /* as the next 200 may come at once */
            continue;
        const Feed__ServerFrame *frame = next_sent(world, 1, 10);
        assert_int_equal(frame->body_case, FEED__SERVER_FRAME__BODY_HEARTBEAT);
        struct text token = {(const char *)frame->heartbeat->resume_token.data, frame->heartbeat->resume_token.len};
        assert_int_equal(token_read(token, fake.epoch, 1, places), FEED_OK);
        assert_int_equal(places[0].position, share);
        assert_false(frame->heartbeat->degraded);
    }
    expect_nothing(world);
}

static void a_heartbeat_goes_to_live_streams_only(void **state)
{
    struct world *world = *state;

    open_home(world, 1, 10, "ann", "[bob]");
    assert_int_equal(feed_subscriber_heartbeat(world->feed, &world->subscribers[1]), 1);
    assert_int_equal(next_sent(world, 1, 10)->body_case, FEED__SERVER_FRAME__BODY_HEARTBEAT);
    world->queued[1] = 0;
    world->outlet.soft_limit_bytes = 1;
    expect_share(world, 1, 10, tail_share("bob"));
    assert_int_equal(feed_subscriber_heartbeat(world->feed, &world->subscribers[1]), 0);
    expect_nothing(world);
}

static void heartbeats_say_that_the_store_is_away_and_that_it_is_back(void **state)
{
    struct world *world = *state;

    open_home(world, 1, 10, "ann", "[bob]");
    fake.ready = false;
    fake.handlers->on_away(fake.context);
    feed_subscriber_heartbeat(world->feed, &world->subscribers[1]);
    assert_true(next_sent(world, 1, 10)->heartbeat->degraded);
    fake.ready = true;
    fake.handlers->on_ready(fake.context);
    feed_subscriber_heartbeat(world->feed, &world->subscribers[1]);
    assert_false(next_sent(world, 1, 10)->heartbeat->degraded);
    expect_share(world, 1, 10, tail_share("bob"));
}

/* Redis restarts; the last id of the run before that is still there is `end`, and its epoch is `epoch`. */
static void restart_store(struct world *world, uint64_t epoch, uint64_t end)
{
    fake.ready = fake.bulk_up = fake.tail_up = fake.jobs_up = false;
    fake.handlers->on_away(fake.context);
    fake_lose_all();
    fake.earlier_mark = fake.mark++;
    fake.earlier_end = end;
    fake.epoch = epoch;
    fake.last_id[0] = end;
    fake.tail_handlers = NULL;
    fake.ready = fake.bulk_up = fake.tail_up = fake.jobs_up = true;
    fake.handlers->on_ready(fake.context);
    assert_false(feed_is_ready(world->feed));
}

/* What the feed asks before it goes on: how far the log is applied, what was not pushed, and whom the reader follows. */
static void serve_restart(struct world *world, const char *following)
{
    FAKE_ANSWER(FAKE_APPLIED, ":0");
    FAKE_ANSWER(FAKE_BIGS, "[]");
    if (following)
        FAKE_ANSWER(FAKE_READER_LOAD, following, fake.last_id[0]);
    fake_tail_end(0);
    assert_true(feed_is_ready(world->feed));
}

static void expect_range(struct world *world, uint64_t after, uint64_t until)
{
    const Feed__ServerFrame *frame = next_sent(world, 1, 10);

    assert_int_equal(frame->body_case, FEED__SERVER_FRAME__BODY_GAP);
    assert_int_equal(frame->gap->reason, FEED__GAP_REASON__GAP_LOST);
    assert_int_equal(frame->gap->n_ranges, 1);
    assert_int_equal(frame->gap->ranges[0]->after, after);
    assert_int_equal(frame->gap->ranges[0]->until, until);
}

static uint64_t tail_boundary(uint64_t after)
{
    struct log_entry boundary = fake_entry(LOG_BOUNDARY, "", NULL, after);

    fake_tail(&boundary);
    fake_tail_end(1);
    return boundary.id;
}

static void a_store_that_came_back_with_less_is_a_gap_for_every_stream(void **state)
{
    struct world *world = *state;

    open_home(world, 1, 10, "ann", "[bob]");
    uint64_t kept = tail_share("bob"), lost = tail_share("bob");
    expect_share(world, 1, 10, kept);
    expect_share(world, 1, 10, lost);
    assert_int_equal(fake.saw[0], lost);
    restart_store(world, fake.epoch, kept);
    serve_restart(world, "[# [bob]]");
    fake.now_ms += 1000;
    expect_range(world, kept, tail_boundary(kept));
    expect_share(world, 1, 10, tail_share("bob"));
    expect_nothing(world);
}

static void a_restart_that_lost_nothing_is_not_noticed_by_a_stream(void **state)
{
    struct world *world = *state;

    open_home(world, 1, 10, "ann", "[bob]");
    uint64_t before = tail_share("bob");
    expect_share(world, 1, 10, before);
    restart_store(world, fake.epoch, before);
    serve_restart(world, NULL);
    expect_share(world, 1, 10, tail_share("bob"));
    expect_nothing(world);
}

static void what_was_applied_and_then_lost_is_read_again_without_being_delivered_again(void **state)
{
    struct world *world = *state;

    open_home(world, 1, 10, "ann", "[bob]");
    struct log_entry first = fake_entry(LOG_SHARE, "bob", NULL, 0);
    first.body = fake_body("bob", "http://example.org/");
    fake_tail(&first);
    fake_tail_end(1);
    expect_share(world, 1, 10, first.id);
    ring_done(world->feed, 0); /* as if memory had been needed */
    world->feed->rings[0].floor = first.id;
    restart_store(world, fake.epoch, first.id);
    FAKE_ANSWER(FAKE_APPLIED, ":0");
    FAKE_ANSWER(FAKE_BIGS, "[]");
    assert_false(feed_is_ready(world->feed));
    fake_tail(&first);
    fake_tail_end(1);
    assert_true(feed_is_ready(world->feed));
    expect_nothing(world);
    assert_int_equal(world->feed->rings[0].count, 1);
    expect_share(world, 1, 10, tail_share("bob"));
}

static void a_backlog_that_is_met_at_the_start_is_as_old_as_its_ids_say(void **state)
{
    struct world *world = *state;
    struct log_entry entries[2];

    for (int i = 0; i < 2; i++) {
        entries[i] = fake_entry(LOG_SHARE, "bob", NULL, 0);
        entries[i].body = fake_body("bob", "http://example.org/");
        fake.last_id[0] += UINT64_C(61000) << 13; /* the next one is made 61 seconds later */
    }
    entries[1].previous = entries[0].id;
    world->feed->rings[0].floor = 1; /* it holds nothing of what is not applied */
    restart_store(world, fake.epoch, entries[1].id);
    FAKE_ANSWER(FAKE_APPLIED, ":0");
    FAKE_ANSWER(FAKE_BIGS, "[]");
    for (int i = 0; i < 2; i++)
        fake_tail(&entries[i]);
    fake_tail_end(2);
    assert_true(feed_is_ready(world->feed));
    assert_in_range(feed_lag_ms(world->feed), 61000, 61100);
    assert_true(feed_is_busy(world->feed, true));
    assert_false(feed_is_busy(world->feed, false));
    world_applied(world);
    assert_false(feed_is_busy(world->feed, true));
}

static void another_store_is_a_gap_over_all_that_was_seen(void **state)
{
    struct world *world = *state;

    open_home(world, 1, 10, "ann", "[bob]");
    uint64_t seen = tail_share("bob");
    expect_share(world, 1, 10, seen);
    restart_store(world, 78, 0);
    expect_range(world, 0, seen);
    serve_restart(world, "[# [carl]]");
    tail_share("bob"); /* in this store nobody follows bob */
    expect_share(world, 1, 10, tail_share("carl"));
    expect_nothing(world);
}

static void an_entry_that_was_trimmed_before_the_tail_came_to_it_is_a_gap(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    open_home(world, 1, 10, "ann", "[bob]");
    uint64_t before = tail_share("bob");
    expect_share(world, 1, 10, before);
    struct log_entry missed = fake_entry(LOG_SHARE, "bob", NULL, 0);
    uint64_t after = tail_share("bob");
    const Feed__ServerFrame *frame = next_sent(world, 1, 10);
    assert_int_equal(frame->body_case, FEED__SERVER_FRAME__BODY_GAP);
    assert_int_equal(frame->gap->reason, FEED__GAP_REASON__GAP_LOST);
    assert_int_equal(frame->gap->ranges[0]->after, before);
    assert_int_equal(frame->gap->ranges[0]->until, missed.id);
    expect_share(world, 1, 10, after);
    /* The ring cannot vouch for what is missing either. */
    subscribe(world, 2, 20, true, "bob", token_of(world, &before), &outcome);
    expect_outcome(&outcome, FEED_OK);
    assert_int_equal(fake_waiting(FAKE_PROFILE), 1);
}

static void a_subscriber_that_ends_while_its_stream_is_opened_is_told_nothing_more(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    subscribe(world, 1, 10, false, "ann", (struct text){NULL, 0}, &outcome);
    feed_subscriber_done(world->feed, &world->subscribers[1]);
    FAKE_ANSWER(FAKE_READER_LOAD, "[:0 [bob]]");
    assert_int_equal(outcome.count, 1);
    tail_share("bob");
    expect_nothing(world);
    assert_int_equal(world->feed->streams.count, 0);
}

static void a_request_id_opens_one_stream_only(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    open_home(world, 1, 10, "ann", "[bob]");
    subscribe(world, 1, 10, true, "carl", (struct text){NULL, 0}, &outcome);
    expect_outcome(&outcome, FEED__ERROR_CODE__INVALID);
    open_home(world, 2, 10, "ben", "[bob]"); /* another connection's own */
    assert_int_equal(world->feed->streams.count, 2);
}

static void ending_a_stream_leaves_the_others(void **state)
{
    struct world *world = *state;

    struct outcome outcome;

    open_home(world, 1, 10, "ann", "[bob]");
    subscribe(world, 1, 11, false, "ann", (struct text){NULL, 0}, &outcome);
    expect_outcome(&outcome, FEED_OK);
    expect_caught_up(world, 1, 11);
    assert_true(feed_unsubscribe(world->feed, &world->subscribers[1], 10));
    assert_false(feed_unsubscribe(world->feed, &world->subscribers[1], 10));
    expect_share(world, 1, 11, tail_share("bob"));
    expect_nothing(world);
    assert_true(feed_unsubscribe(world->feed, &world->subscribers[1], 11));
    tail_share("bob");
    expect_nothing(world);
    uint32_t bob = subject_find(&world->feed->subjects, text_of("bob"));
    assert_int_equal(world->feed->subjects.slots[bob]->online.count, 0);
}

/* ---- waiting ---- */

struct wait {
    unsigned order;
    Feed__ErrorCode error;
};

static unsigned woken;

static void on_woken(void *context, Feed__ErrorCode error)
{
    *(struct wait *)context = (struct wait){++woken, error};
}

static void those_who_wait_for_the_tail_are_woken_in_order_once_it_has_passed(void **state)
{
    struct world *world = *state;
    struct wait waits[5] = {0};

    woken = 0;
    struct log_entry first = fake_entry(LOG_SHARE, "bob", NULL, 0), second = fake_entry(LOG_SHARE, "bob", NULL, 0);
    for (int i = 0; i < 5; i++)
        feed_wait(world->feed, i % 2 == 0 ? first.id : second.id, on_woken, &waits[i]);
    fake_tail(&first);
    fake_tail_end(1);
    assert_int_equal(woken, 3);
    for (unsigned i = 0; i < 5; i += 2)
        assert_int_equal(waits[i].order, i / 2 + 1);
    fake_tail(&second);
    fake_tail_end(1);
    assert_int_equal(waits[1].order, 4);
    assert_int_equal(waits[3].order, 5);
    assert_int_equal(waits[3].error, FEED_OK);
}

static void those_who_wait_are_told_when_the_store_goes_away(void **state)
{
    struct world *world = *state;
    struct wait waits[2] = {0};

    woken = 0;
    feed_wait(world->feed, UINT64_C(1) << 50, on_woken, &waits[0]);
    fake.ready = false;
    fake.handlers->on_away(fake.context);
    feed_wait(world->feed, UINT64_C(1) << 50, on_woken, &waits[1]);
    assert_int_equal(waits[0].error, FEED__ERROR_CODE__UNAVAILABLE);
    assert_int_equal(waits[1].error, FEED__ERROR_CODE__UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_share_reaches_each_stream_that_it_concerns_once),
        WITH_WORLD(follows_and_unfollows_take_effect_between_the_shares_that_they_stand_between),
        WITH_WORLD(a_deletion_follows_its_share),
        WITH_WORLD(an_entry_that_comes_twice_is_sent_once),
        WITH_WORLD(a_stream_at_the_soft_limit_falls_back_and_goes_on_without_losing_or_doubling),
        WITH_WORLD(a_stream_that_fell_back_holds_no_more_than_the_soft_limit_and_one_frame),
        WITH_WORLD(at_least_every_250_events_a_token_says_how_far_the_stream_has_come),
        WITH_WORLD(a_heartbeat_goes_to_live_streams_only),
        WITH_WORLD(heartbeats_say_that_the_store_is_away_and_that_it_is_back),
        WITH_WORLD(a_store_that_came_back_with_less_is_a_gap_for_every_stream),
        WITH_WORLD(a_restart_that_lost_nothing_is_not_noticed_by_a_stream),
        WITH_WORLD(what_was_applied_and_then_lost_is_read_again_without_being_delivered_again),
        WITH_WORLD(a_backlog_that_is_met_at_the_start_is_as_old_as_its_ids_say),
        WITH_WORLD(another_store_is_a_gap_over_all_that_was_seen),
        WITH_WORLD(an_entry_that_was_trimmed_before_the_tail_came_to_it_is_a_gap),
        WITH_WORLD(a_subscriber_that_ends_while_its_stream_is_opened_is_told_nothing_more),
        WITH_WORLD(a_request_id_opens_one_stream_only),
        WITH_WORLD(ending_a_stream_leaves_the_others),
        WITH_WORLD(those_who_wait_for_the_tail_are_woken_in_order_once_it_has_passed),
        WITH_WORLD(those_who_wait_are_told_when_the_store_goes_away),
    };

    return cmocka_run_group_tests_name("live", tests, NULL, NULL);
}
