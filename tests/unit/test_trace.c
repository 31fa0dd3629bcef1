/* The story of a share, step by step, as operators are told it; and how the feed is looked at. */
#include "feed_fixture.h"

#include "base/clock.h"
#include "feed/look.h"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)
#define REMEMBERED 8192

static struct feed_trace trace_of(const struct world *world, uint64_t id)
{
    struct feed_trace trace;

    assert_true(feed_look_at_trace(world->feed, id, &trace));
    assert_int_equal(trace.id, id);
    return trace;
}

static void begin_jobs(struct world *world)
{
    fake.handlers->on_jobs_up(fake.context);
    fake_deal(fake_expect(FAKE_JOBS_OWN), NULL, 0);
    feed_turn(world->feed);
}

static void a_share_that_this_daemon_was_asked_for_is_followed_through_every_step(void **state)
{
    struct world *world = *state;
    struct outcome outcome = {0};
    uint64_t id;
    int64_t began_us;

    begin_jobs(world);
    open_home(world, 1, 10, "ann", "[bob]");
    open_home(world, 2, 20, "ben", "[bob]");
    began_us = clock_now_us();
    ask_share(world, "bob", "http://x/", &outcome);
    feed_turn(world->feed);
    struct log_entry entry = fake_entry(LOG_SHARE, "bob", NULL, 0);
    id = entry.id;
    fake.now_ms += 2;
    FAKE_ANSWER(FAKE_SHARE, "[# :0]", entry.id);
    expect_outcome(&outcome, FEED_OK);
    fake.now_ms += 1;
    fake_tail(&entry);
    fake.now_ms += 1;
    feed_turn(world->feed);
    struct feed_trace trace = trace_of(world, id);
    assert_int_equal(trace.asked_us - began_us, 0);
    assert_int_equal(trace.committed_us - began_us, 2000);
    assert_int_equal(trace.read_us - began_us, 3000);
    assert_int_equal(trace.delivered_us - began_us, 3000);
    assert_int_equal(trace.sent_us - began_us, 4000);
    assert_int_equal(trace.streams, 2);
    assert_int_equal(trace.behind, 0);
    assert_int_equal(trace.begun_us, 0);

    fake.now_ms += 6;
    fake_deal(fake_expect(FAKE_JOBS_NEW), &entry, 1);
    FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "[ann 64 ben 128]");
    feed_turn(world->feed);
    fake.now_ms += 10;
    FAKE_ANSWER(FAKE_PUSH, ":5");
    FAKE_ANSWER(FAKE_PUSH, ":0");
    assert_int_equal(trace_of(world, id).done_us, 0);
    FAKE_ANSWER(FAKE_PUSH, ":7");
    trace = trace_of(world, id);
    assert_int_equal(trace.begun_us - began_us, 10000);
    assert_int_equal(trace.done_us - began_us, 20000);
    assert_int_equal(trace.pushed, 2);
    assert_int_equal(trace.away, 1);
    assert_false(trace.in_part);

    struct feed_latency latency;
    feed_look_at_latency(world->feed, &latency);
    assert_int_equal(latency.delivered.shares, 1);
    assert_int_equal(latency.delivered.p50_us, 4000);
    assert_int_equal(latency.fanned_out.max_us, 20000);
    fake.now_ms += 61000;
    feed_look_at_latency(world->feed, &latency);
    assert_int_equal(latency.delivered.shares, 0);
    feed_turn(world->feed);
    fake_lose_all();
}

static void a_page_that_is_done_again_counts_once(void **state)
{
    struct world *world = *state;

    begin_jobs(world);
    struct log_entry entry = fake_entry(LOG_SHARE, "bob", NULL, 0);
    fake_deal(fake_expect(FAKE_JOBS_NEW), &entry, 1);
    FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "[ann 64]");
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_PUSH, ":5");
    FAKE_ANSWER(FAKE_PUSH, "!OOM");
    world_tick(world, 1000);
    FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "[ann 64]");
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_PUSH, ":5");
    FAKE_ANSWER(FAKE_PUSH, ":5");
    assert_int_equal(trace_of(world, entry.id).pushed, 2);
    fake_lose_all();
}

static void streams_that_catch_up_are_told_apart_from_those_that_had_it_at_once(void **state)
{
    struct world *world = *state;

    open_home(world, 1, 10, "ann", "[bob]");
    open_home(world, 2, 20, "ben", "[bob]");
    world->queued[2] = world->outlet.soft_limit_bytes;
    uint64_t id = tail_share("bob");
    assert_int_equal(trace_of(world, id).streams, 1);
    assert_int_equal(trace_of(world, id).behind, 1);
    assert_int_equal(trace_of(world, id).asked_us, 0); /* another daemon was */
    id = tail_share("nobody knows");
    assert_int_equal(trace_of(world, id).streams, 0);
    assert_int_equal(trace_of(world, id).delivered_us, 0);
}

static void every_share_of_a_run_has_its_own_story(void **state)
{
    struct world *world = *state;
    struct log_entry entries[3];

    open_home(world, 1, 10, "ann", "[bob]");
    for (int i = 0; i < 3; i++) {
        entries[i] = fake_entry(i == 1 ? LOG_DELETE : LOG_SHARE, "bob", NULL, i == 1 ? entries[0].id : 0);
        fake_tail_part(&entries[i]);
    }
    fake_tail_end(3);
    assert_int_equal(trace_of(world, entries[0].id).streams, 1);
    assert_int_equal(trace_of(world, entries[2].id).streams, 1);
    struct feed_trace trace;
    assert_false(feed_look_at_trace(world->feed, entries[1].id, &trace)); /* no share */
}

static void the_oldest_stories_make_room_for_new_ones(void **state)
{
    struct world *world = *state;
    struct feed_trace trace;
    uint64_t first, second = 0, last = 0;

    first = tail_share("bob");
    for (int i = 0; i < REMEMBERED; i++) {
        last = tail_share("bob");
        if (i == 0)
            second = last;
    }
    assert_false(feed_look_at_trace(world->feed, first, &trace));
    trace_of(world, second);
    trace_of(world, last);
}

/* ---- the rest of what is looked at ---- */

static void a_stream_that_catches_up_is_as_far_behind_as_what_it_has_not_come_to(void **state)
{
    struct world *world = *state;
    struct feed_subscriber_look look;

    open_home(world, 1, 10, "ann", "[bob]");
    feed_look_at_subscriber(world->feed, &world->subscribers[1], &look);
    assert_int_equal(look.streams, 1);
    assert_int_equal(look.catching_up, 0);
    assert_int_equal(look.lag_ms, 0);
    world->queued[1] = world->outlet.soft_limit_bytes;
    tail_share("bob");
    fake.now_ms += 700;
    tail_share("bob");
    fake.now_ms += 300;
    feed_look_at_subscriber(world->feed, &world->subscribers[1], &look);
    assert_int_equal(look.catching_up, 1);
    assert_in_range(look.lag_ms, 1000, 1001);
    drain(world, 1);
    feed_look_at_subscriber(world->feed, &world->subscribers[1], &look);
    assert_int_equal(look.catching_up, 0);
}

static void the_oldest_jobs_are_shown_with_what_they_wait_for(void **state)
{
    struct world *world = *state;
    struct feed_job_look rows[2];
    struct feed_jobs_look look;
    struct log_entry entries[3];

    begin_jobs(world);
    for (int i = 0; i < 3; i++)
        entries[i] = fake_entry(LOG_SHARE, i == 0 ? "ann" : "bob", NULL, 0);
    fake_deal(fake_expect(FAKE_JOBS_NEW), entries, 3);
    FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "[carl 64]");
    feed_turn(world->feed);
    assert_int_equal(feed_look_at_jobs(world->feed, rows, 2, &look), 2);
    assert_int_equal(look.running, 3);
    assert_int_equal(look.pushes_in_flight, 2);
    assert_int_equal(rows[0].id, entries[0].id);
    assert_string_equal(rows[0].state, "pushing");
    assert_int_equal(rows[0].subject.size, 3);
    assert_memory_equal(rows[0].subject.data, "ann", 3);
    assert_int_equal(rows[1].id, entries[1].id);
    assert_string_equal(rows[1].state, "reading");
    FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "!OOM");
    assert_int_equal(feed_look_at_jobs(world->feed, rows, 2, &look), 2);
    assert_string_equal(rows[1].state, "retrying");
    assert_int_equal(look.running, 2);
    assert_int_equal(look.retrying, 1);
    fake_lose_all();
}

static void a_subject_is_shown_with_who_listens_to_it(void **state)
{
    struct world *world = *state;
    struct feed_subject_look look;
    struct outcome outcome;

    open_home(world, 1, 10, "ann", "[bob]");
    subscribe(world, 3, 30, true, "bob", (struct text){NULL, 0}, &outcome);
    feed_look_at_subject(world->feed, text_of("bob"), &look);
    assert_int_equal(look.online, 1);
    assert_int_equal(look.profile_streams, 1);
    assert_int_equal(look.home_streams, 0);
    feed_look_at_subject(world->feed, text_of("ann"), &look);
    assert_int_equal(look.home_streams, 1);
    assert_true(look.following_in_memory);
    feed_look_at_subject(world->feed, text_of("nobody"), &look);
    assert_int_equal(look.online + look.profile_streams + look.home_streams, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_share_that_this_daemon_was_asked_for_is_followed_through_every_step),
        WITH_WORLD(a_page_that_is_done_again_counts_once),
        WITH_WORLD(streams_that_catch_up_are_told_apart_from_those_that_had_it_at_once),
        WITH_WORLD(every_share_of_a_run_has_its_own_story),
        WITH_WORLD(the_oldest_stories_make_room_for_new_ones),
        WITH_WORLD(a_stream_that_catches_up_is_as_far_behind_as_what_it_has_not_come_to),
        WITH_WORLD(the_oldest_jobs_are_shown_with_what_they_wait_for),
        WITH_WORLD(a_subject_is_shown_with_who_listens_to_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
