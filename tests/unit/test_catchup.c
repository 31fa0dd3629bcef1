/* Catching up out of the store, and what happens meanwhile. */
#include "feed_fixture.h"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)
#define OLD 70 /* shares that left the ring: more than are fetched at once */

/* Shares by bob that left the ring, and of which no body is in memory, and one that is there. */
static void age(struct world *world, uint64_t ids[OLD])
{
    for (int i = 0; i < OLD; i++)
        ids[i] = tail_share("bob");
    world_applied(world);
    world->settings.ring_bytes = 0;
    tail_edge(true, "x", "y", 64);
    world->settings.ring_bytes = world_settings.ring_bytes;
    bodies_done(world->feed);
    assert_int_equal(world->feed->rings[0].count, 1);
}

/* The list of `ids[from]` and later with the header, newest first. */
static void answer_timeline(const uint64_t ids[OLD], int from, const char *header)
{
    char format[OLD * 24], *at = format;

    at += snprintf(at, 3, "[");
    for (int i = OLD - 1; i >= from; i--)
        at += snprintf(at, 24, "%llu ", (unsigned long long)ids[i]);
    snprintf(at, 24, "%s]", header);
    FAKE_ANSWER(FAKE_TIMELINE, format);
}

/* Answers the oldest question for bodies with all of them but `gone`. */
static void answer_bodies(uint64_t gone)
{
    struct fake_call *call = fake_expect(FAKE_BODIES);
    struct text body = fake_body("bob", "https://example.org/");
    char format[3 * 256 + 8], *at = format;

    at += snprintf(at, 3, "[");
    for (size_t i = 0; i < call->count; i++)
        at += snprintf(at, 8, call->ids[i] == gone ? "nil " : "b ");
    snprintf(at, 3, "]");
    /* The same body for each: its bytes hold no space or bracket. */
    char spelled[256 * 64 + 8], *out = spelled;
    assert_null(memchr(body.data, ' ', body.size));
    assert_null(memchr(body.data, '\0', body.size));
    assert_true(body.size < 60);
    for (const char *in = format; *in; in++) {
        if (*in == 'b') {
            memcpy(out, body.data, body.size);
            out += body.size;
        } else {
            *out++ = *in;
        }
    }
    *out = '\0';
    fake_answer(call, spelled);
}

static void resume_home(struct world *world, uint64_t position)
{
    struct outcome outcome;

    subscribe(world, 1, 10, false, "ann", token_of(world, &position), &outcome);
    FAKE_ANSWER(FAKE_READER_LOAD, "[# [bob]]", fake.last_id[0]);
    expect_outcome(&outcome, FEED_OK);
}

static void what_left_the_ring_comes_out_of_the_store_and_then_what_came_meanwhile(void **state)
{
    struct world *world = *state;
    uint64_t ids[OLD];

    age(world, ids);
    resume_home(world, ids[0]);
    answer_timeline(ids, 0, "0");
    uint64_t meanwhile = tail_share("bob");
    FAKE_ANSWER(FAKE_DELETIONS, "[0 []]");
    expect_nothing(world);
    answer_bodies(ids[5]); /* one is deleted */
    answer_bodies(0);
    for (int i = 1; i < OLD; i++)
        if (i != 5)
            expect_share(world, 1, 10, ids[i]);
    expect_share(world, 1, 10, meanwhile);
    expect_caught_up(world, 1, 10);
    expect_nothing(world);
    expect_share(world, 1, 10, tail_share("bob"));
}

static void deletions_of_shares_that_the_client_may_have_seen_come_in_their_place(void **state)
{
    struct world *world = *state;
    uint64_t ids[OLD];

    age(world, ids);
    resume_home(world, ids[67]);
    answer_timeline(ids, 60, "0");
    struct fake_call *call = fake_expect(FAKE_DELETIONS);
    assert_int_equal(call->id, ids[67]);
    assert_int_equal(call->until, world->feed->positions[0]);
    char format[256];
    snprintf(format, sizeof(format), "[0 [%llu:bob %llu %llu:bob %llu %llu:eve %llu]]", (unsigned long long)ids[10],
             (unsigned long long)ids[68] + 1, (unsigned long long)ids[68], (unsigned long long)ids[69] - 1,
             (unsigned long long)ids[11], (unsigned long long)ids[69] - 2);
    fake_answer(call, format);
    answer_bodies(ids[68]);
    expect_deletion(world, 1, 10, ids[10]);
    expect_deletion(world, 1, 10, ids[68]); /* which the client may have seen after its token; not that of a stranger */
    expect_share(world, 1, 10, ids[69]);
    expect_caught_up(world, 1, 10);
    expect_nothing(world);
}

static void what_the_timeline_no_longer_holds_is_a_gap(void **state)
{
    struct world *world = *state;
    uint64_t ids[OLD];
    char header[32];

    age(world, ids);
    resume_home(world, ids[0]);
    snprintf(header, sizeof(header), "-%llu", (unsigned long long)ids[65]);
    answer_timeline(ids, 60, header);
    FAKE_ANSWER(FAKE_DELETIONS, "[0 []]");
    answer_bodies(0);
    expect_gap(world, 1, 10, FEED__GAP_REASON__GAP_CAPPED);
    for (int i = 66; i < OLD; i++)
        expect_share(world, 1, 10, ids[i]);
    expect_caught_up(world, 1, 10);
    expect_nothing(world);
}

static void deletions_that_the_store_has_forgotten_are_a_gap(void **state)
{
    struct world *world = *state;
    uint64_t ids[OLD];

    age(world, ids);
    resume_home(world, ids[66]);
    answer_timeline(ids, 60, "0");
    FAKE_ANSWER(FAKE_DELETIONS, "[# []]", ids[67]);
    answer_bodies(0);
    const Feed__ServerFrame *frame = next_sent(world, 1, 10);
    assert_int_equal(frame->body_case, FEED__SERVER_FRAME__BODY_GAP);
    assert_int_equal(frame->gap->reason, FEED__GAP_REASON__GAP_TOO_OLD);
    assert_int_equal(frame->gap->n_ranges, 1);
    assert_int_equal(frame->gap->ranges[0]->after, ids[66]);
    assert_int_equal(frame->gap->ranges[0]->until, ids[67]);
    for (int i = 67; i < OLD; i++)
        expect_share(world, 1, 10, ids[i]);
    expect_caught_up(world, 1, 10);
}

static void what_a_profile_no_longer_holds_is_a_gap(void **state)
{
    struct world *world = *state;
    struct outcome outcome;
    uint64_t ids[OLD];

    age(world, ids);
    subscribe(world, 1, 10, true, "bob", token_of(world, &ids[0]), &outcome);
    expect_outcome(&outcome, FEED_OK);
    FAKE_ANSWER(FAKE_PROFILE, "[y # x # capped 0]", ids[69], ids[68]); /* 1 to 67 were dropped */
    FAKE_ANSWER(FAKE_DELETIONS, "[0 []]");
    answer_bodies(0);
    expect_gap(world, 1, 10, FEED__GAP_REASON__GAP_CAPPED);
    expect_share(world, 1, 10, ids[68]);
    expect_share(world, 1, 10, ids[69]);
    expect_caught_up(world, 1, 10);
}

static void a_profile_that_reaches_back_far_enough_is_no_gap_though_it_is_capped(void **state)
{
    struct world *world = *state;
    struct outcome outcome;
    uint64_t ids[OLD];

    age(world, ids);
    subscribe(world, 1, 10, true, "bob", token_of(world, &ids[68]), &outcome);
    FAKE_ANSWER(FAKE_PROFILE, "[y # x # capped 0]", ids[69], ids[68]);
    FAKE_ANSWER(FAKE_DELETIONS, "[0 []]");
    answer_bodies(0);
    expect_share(world, 1, 10, ids[69]);
    expect_caught_up(world, 1, 10);
}

static void a_full_queue_pauses_it_and_draining_goes_on_where_it_stopped(void **state)
{
    struct world *world = *state;
    uint64_t ids[OLD];

    age(world, ids);
    resume_home(world, ids[0]);
    world->outlet.soft_limit_bytes = 1;
    for (int i = 1; i < OLD; i++) {
        assert_non_null(world->subscribers[1].first->catchup);
        answer_timeline(ids, 0, "0");
        FAKE_ANSWER(FAKE_DELETIONS, "[0 []]");
        if (fake_waiting(FAKE_BODIES) > 0)
            answer_bodies(0);
        expect_share(world, 1, 10, ids[i]);
        expect_nothing(world); /* each is as much as the queue takes */
        assert_null(world->subscribers[1].first->catchup); /* what was collected is forgotten */
        drain(world, 1);
    }
    expect_caught_up(world, 1, 10);
    expect_nothing(world);
}

static void lost_answers_are_asked_for_again_and_nothing_is_doubled(void **state)
{
    struct world *world = *state;
    uint64_t ids[OLD];

    age(world, ids);
    resume_home(world, ids[0]);
    FAKE_ANSWER(FAKE_TIMELINE, NULL);
    world_tick(world, 50);
    answer_timeline(ids, 0, "0");
    FAKE_ANSWER(FAKE_DELETIONS, "!LOADING");
    world_tick(world, 50);
    answer_timeline(ids, 0, "0");
    FAKE_ANSWER(FAKE_DELETIONS, "[0 []]");
    FAKE_ANSWER(FAKE_BODIES, NULL);
    world_tick(world, 50);
    answer_timeline(ids, 0, "0");
    FAKE_ANSWER(FAKE_DELETIONS, "[0 []]");
    answer_bodies(0);
    for (int i = 1; i <= 64; i++)
        expect_share(world, 1, 10, ids[i]);
    FAKE_ANSWER(FAKE_BODIES, NULL); /* after the first 64 were sent */
    world_tick(world, 50);
    answer_timeline(ids, 0, "0");
    FAKE_ANSWER(FAKE_DELETIONS, "[0 []]");
    if (fake_waiting(FAKE_BODIES) > 0)
        answer_bodies(0);
    for (int i = 65; i < OLD; i++)
        expect_share(world, 1, 10, ids[i]);
    expect_caught_up(world, 1, 10);
    expect_nothing(world);
}

/* How many answers to give before the subscriber ends. */
static void end_after(int answers)
{
    struct world *world = world_new(&world_settings, 1);
    uint64_t ids[OLD];

    age(world, ids);
    resume_home(world, ids[0]);
    world->outlet.soft_limit_bytes = 100;
    for (int i = 0; i <= 4; i++) {
        if (i == answers)
            feed_subscriber_done(world->feed, &world->subscribers[1]);
        if (i == 0)
            answer_timeline(ids, 0, "0");
        else if (i == 1)
            FAKE_ANSWER(FAKE_DELETIONS, "[0 [7:bob 8]]");
        else if (fake_waiting(FAKE_BODIES) > 0)
            answer_bodies(0);
        if (i >= answers && fake_waiting(FAKE_DELETIONS) + fake_waiting(FAKE_BODIES) == 0)
            break;
    }
    size_t sent = world->sent_count;
    tail_share("bob");
    assert_int_equal(world->sent_count, sent);
    assert_int_equal(world->feed->streams.count, 0);
    assert_int_equal(world->feed->readers.oldest->pins, 0);
    world_free(world);
}

static void a_subscriber_may_end_at_each_step_of_it(void **state)
{
    (void)state;
    for (int answers = 0; answers <= 3; answers++)
        end_after(answers);
}

static void a_deletion_that_arrives_while_the_body_is_fetched_wins(void **state)
{
    struct world *world = *state;
    uint64_t ids[OLD];

    age(world, ids);
    resume_home(world, ids[67]);
    answer_timeline(ids, 60, "0");
    FAKE_ANSWER(FAKE_DELETIONS, "[0 []]");
    tail_delete("bob", ids[68]);
    answer_bodies(0); /* read before the deletion */
    expect_share(world, 1, 10, ids[69]);
    expect_deletion(world, 1, 10, ids[68]);
    expect_caught_up(world, 1, 10);
    expect_nothing(world);
}

static void few_streams_of_one_connection_collect_at_once_and_all_have_their_turn(void **state)
{
    struct world *world = *state;
    static const char *const readers[] = {"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9"};
    struct feed_subscriber *subscriber = &world->subscribers[1];
    struct outcome outcome;
    uint64_t ids[OLD];

    age(world, ids);
    for (uint32_t i = 0; i < 10; i++) {
        subscribe(world, 1, 10 + i, false, readers[i], token_of(world, &ids[OLD - 2]), &outcome);
        FAKE_ANSWER(FAKE_READER_LOAD, "[# [bob]]", fake.last_id[0]);
        expect_outcome(&outcome, FEED_OK);
    }
    assert_int_equal(fake_waiting(FAKE_TIMELINE), 4);
    feed_unsubscribe(world->feed, subscriber, 10); /* one that is at it */
    for (unsigned live = 0; live < 9;) {
        assert_true(fake_waiting(FAKE_TIMELINE) <= 4);
        answer_timeline(ids, OLD - 2, "0");
        if (fake_waiting(FAKE_DELETIONS) > 0)
            FAKE_ANSWER(FAKE_DELETIONS, "[0 []]");
        if (fake_waiting(FAKE_BODIES) > 0)
            answer_bodies(0);
        live = 0;
        for (const struct subscription *stream = subscriber->first; stream; stream = stream->next_of_subscriber)
            live += stream->state == SUBSCRIPTION_LIVE;
    }
    assert_int_equal(subscriber->collecting, 0);
    assert_int_equal(world->sent_count, 9 * 2); /* a share and CaughtUp on each */
    world->sent_at = world->sent_count;
}

static void a_stream_that_loses_its_queue_while_it_collects_begins_again_from_what_was_sent(void **state)
{
    struct world *world = *state;
    uint64_t ids[OLD];

    age(world, ids);
    resume_home(world, ids[0]);
    answer_timeline(ids, 0, "0");
    FAKE_ANSWER(FAKE_DELETIONS, "[0 []]");
    answer_bodies(0);
    assert_int_equal(fake_waiting(FAKE_BODIES), 1); /* of the rest */
    assert_int_equal(world->sent_count, 64);
    for (size_t i = 40; i < 64; i++)
        assert_true(feed_subscriber_drop(world->feed, &world->subscribers[1], 10, world->sent[i].stream, world->sent[i].position));
    for (int i = 1; i <= 64; i++)
        expect_share(world, 1, 10, ids[i]);
    drain(world, 1);
    answer_bodies(0); /* comes late */
    expect_nothing(world);
    answer_timeline(ids, 0, "0");
    FAKE_ANSWER(FAKE_DELETIONS, "[0 []]");
    if (fake_waiting(FAKE_BODIES) > 0)
        answer_bodies(0);
    for (int i = 41; i < OLD; i++)
        expect_share(world, 1, 10, ids[i]);
    expect_caught_up(world, 1, 10);
    expect_nothing(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(what_left_the_ring_comes_out_of_the_store_and_then_what_came_meanwhile),
        WITH_WORLD(deletions_of_shares_that_the_client_may_have_seen_come_in_their_place),
        WITH_WORLD(what_the_timeline_no_longer_holds_is_a_gap),
        WITH_WORLD(deletions_that_the_store_has_forgotten_are_a_gap),
        WITH_WORLD(what_a_profile_no_longer_holds_is_a_gap),
        WITH_WORLD(a_profile_that_reaches_back_far_enough_is_no_gap_though_it_is_capped),
        WITH_WORLD(a_full_queue_pauses_it_and_draining_goes_on_where_it_stopped),
        WITH_WORLD(lost_answers_are_asked_for_again_and_nothing_is_doubled),
        cmocka_unit_test(a_subscriber_may_end_at_each_step_of_it),
        WITH_WORLD(a_deletion_that_arrives_while_the_body_is_fetched_wins),
        WITH_WORLD(few_streams_of_one_connection_collect_at_once_and_all_have_their_turn),
        WITH_WORLD(a_stream_that_loses_its_queue_while_it_collects_begins_again_from_what_was_sent),
    };

    return cmocka_run_group_tests_name("catchup", tests, NULL, NULL);
}
