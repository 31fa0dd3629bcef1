/* The feed when memory ends, over a store that answers: following, sharing, reading, fan-out, rebuilding, streams. Whatever
 * fails is refused, or done; asked for again it is done, and what is read is right. A stream shows each event exactly once and
 * in order, or says Gap. */
#include "feed_fixture.h"
#include "model_store.h"
#include "torture.h"

#include <event2/event.h>

#define SHARES 5
#define HEARTBEATS 6

/* ---- driving ---- */

/* Time passes until everything is answered, caught up and fanned out. */
static void settle(struct world *world)
{
    for (int round = 0; round < HEARTBEATS; round++) {
        model_serve();
        for (uint64_t conn = 0; conn < CONNS; conn++) {
            drain(world, conn);
            feed_subscriber_heartbeat(world->feed, &world->subscribers[conn]);
        }
        model_serve();
        world_tick(world, 100);
        model_serve();
    }
    /* What was lost to a lack of memory is claimed when it has lain for long enough. */
    for (int round = 0; round < 3 && !model_is_applied(); round++) {
        world_tick(world, world_settings.claim_after_ms);
        model_serve();
        world_tick(world, 100);
        model_serve();
    }
    assert_true(model_is_applied());
}

/* One that is not answered at once is answered when the store and the turns of the loop have done their part. */
static void wait_for(struct world *world, const struct outcome *outcome)
{
    for (int turn = 0; turn < 100 && outcome->count == 0; turn++) {
        feed_turn(world->feed);
        model_serve();
        world_tick(world, 50);
        model_serve();
    }
    assert_int_equal(outcome->count, 1);
}

/* Whether it was done. Refusals need a reason, and are those that say "again". */
static bool was_done(const struct outcome *outcome)
{
    if (outcome->error == FEED_OK)
        return true;
    assert_true(torture_struck());
    assert_true(outcome->error == FEED__ERROR_CODE__UNAVAILABLE || outcome->error == FEED__ERROR_CODE__OUTCOME_UNKNOWN);
    return false;
}

static void must_follow(struct world *world, bool follow, const char *reader, const char *subject)
{
    struct outcome outcome;

    do {
        outcome = (struct outcome){0};
        feed_follow(world->feed, follow, text_of(reader), text_of(subject), on_write, &outcome);
        wait_for(world, &outcome);
    } while (!was_done(&outcome));
}

static uint64_t must_share(struct world *world, const char *author)
{
    struct outcome outcome;

    do {
        outcome = (struct outcome){0};
        ask_share(world, author, "https://example.org/", &outcome);
        wait_for(world, &outcome);
    } while (!was_done(&outcome));
    return outcome.position;
}

static void must_delete(struct world *world, const char *author, uint64_t id)
{
    struct outcome outcome;

    do {
        outcome = (struct outcome){0};
        feed_delete(world->feed, text_of(author), id, on_write, &outcome);
        wait_for(world, &outcome);
    } while (!was_done(&outcome));
}

static void must_subscribe(struct world *world, uint64_t conn, bool profile, const char *subject, struct text token)
{
    struct outcome outcome;

    do {
        subscribe(world, conn, 7, profile, subject, token, &outcome);
        wait_for(world, &outcome);
    } while (!was_done(&outcome));
}

/* ---- reading ---- */

struct page {
    struct outcome outcome;
    Feed__PageEnd end;
    uint64_t ids[16];
    size_t count;
};

static void on_page(void *context, Feed__ErrorCode error, const struct feed_page *read)
{
    struct page *page = context;

    on_outcome(&page->outcome, error);
    page->count = 0;
    for (size_t i = 0; error == FEED_OK && i < read->count; i++)
        page->ids[page->count++] = read->items[i].id;
    page->end = error == FEED_OK ? read->end : FEED__PAGE_END__PAGE_END_UNSPECIFIED;
}

/* `ids` in the order of the shares; a page is newest first, and ends. */
static void expect_page(const struct page *page, const uint64_t *ids, size_t count)
{
    assert_int_equal(page->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(page->ids[i], ids[count - 1 - i]);
    assert_int_equal(page->end, FEED__PAGE_END__END);
}

static void must_read(struct world *world, bool profile, const char *name, const uint64_t *ids, size_t count)
{
    struct page page;

    do {
        page = (struct page){0};
        if (profile)
            feed_read_profile(world->feed, text_of(name), 0, 10, on_page, &page);
        else
            feed_read_timeline(world->feed, text_of(name), 0, 10, on_page, &page);
        wait_for(world, &page.outcome);
    } while (!was_done(&page.outcome));
    expect_page(&page, ids, count);
}

static void must_read_one(struct world *world, uint64_t id, bool exists)
{
    struct page page;

    do {
        page = (struct page){0};
        feed_read_share(world->feed, id, on_page, &page);
        wait_for(world, &page.outcome);
        if (!exists && page.outcome.error == FEED__ERROR_CODE__NOT_FOUND)
            return;
    } while (!was_done(&page.outcome));
    assert_true(exists);
    expect_page(&page, &id, 1);
}

static void on_names(void *context, Feed__ErrorCode error, const struct feed_names *names)
{
    struct outcome *outcome = context;

    on_outcome(outcome, error);
    outcome->position = error == FEED_OK ? names->count : 0;
}

static void must_read_followers(struct world *world, const char *name, size_t count)
{
    struct outcome outcome;

    do {
        outcome = (struct outcome){0};
        feed_read_names(world->feed, true, text_of(name), 0, 10, on_names, &outcome);
        wait_for(world, &outcome);
    } while (!was_done(&outcome));
    assert_int_equal(outcome.position, count);
}

/* ---- streams ---- */

/* What a connection was sent: its shares exactly these, in order, and all of them, unless it was told of a Gap. */
static void expect_stream(const struct world *world, uint64_t conn, const uint64_t *ids, size_t count, bool catches_up)
{
    size_t seen = 0, gaps = 0, caught_up = 0;

    for (size_t i = 0; i < world->sent_count; i++) {
        const Feed__ServerFrame *frame = world->sent[i].frame;

        if (world->sent[i].conn != conn)
            continue;
        gaps += frame->body_case == FEED__SERVER_FRAME__BODY_GAP;
        caught_up += frame->body_case == FEED__SERVER_FRAME__BODY_CAUGHT_UP;
        if (frame->body_case != FEED__SERVER_FRAME__BODY_SHARED)
            continue;
        while (gaps > 0 && seen < count && ids[seen] != frame->shared->share->id)
            seen++;
        assert_true(seen < count);
        assert_int_equal(frame->shared->share->id, ids[seen]);
        seen++;
    }
    assert_true(gaps == 0 || torture_struck());
    assert_true(seen == count || gaps > 0);
    assert_true(caught_up > 0 || !catches_up);
}

static size_t deletions_sent(const struct world *world, uint64_t conn)
{
    size_t count = 0;

    for (size_t i = 0; i < world->sent_count; i++)
        count += world->sent[i].conn == conn && world->sent[i].frame->body_case == FEED__SERVER_FRAME__BODY_DELETED;
    return count;
}

static size_t gaps_sent(const struct world *world, uint64_t conn)
{
    size_t count = 0;

    for (size_t i = 0; i < world->sent_count; i++)
        count += world->sent[i].conn == conn && world->sent[i].frame->body_case == FEED__SERVER_FRAME__BODY_GAP;
    return count;
}

/* ---- scenarios ---- */

static struct world *begin(const struct feed_settings *settings)
{
    struct world *world;

    torture_pause();
    model_begin();
    world = world_new(settings, 1);
    model_serve();
    torture_resume();
    return world;
}

static void end(struct world *world)
{
    world_free(world);
}

/* A new follower reads and is fanned out to; the timeline is built, pushed to, and read again. */
static void follow_and_read(void)
{
    struct world *world = begin(&world_settings);
    uint64_t ids[SHARES];

    ids[0] = must_share(world, "bob");
    must_follow(world, true, "ann", "bob");
    must_read(world, false, "ann", ids, 1);
    for (size_t i = 1; i < SHARES; i++)
        ids[i] = must_share(world, "bob");
    must_read(world, false, "ann", ids, SHARES);
    settle(world);
    assert_true(model.subjects[0].has_timeline);
    assert_true(model.subjects[0].timeline_count >= SHARES);
    bodies_done(world->feed);
    must_read(world, false, "ann", ids, SHARES);
    bodies_done(world->feed);
    must_read(world, true, "bob", ids, SHARES);
    bodies_done(world->feed);
    must_read_one(world, ids[2], true);
    must_read_followers(world, "bob", 1);
    must_delete(world, "bob", ids[SHARES - 1]);
    must_read_one(world, ids[SHARES - 1], false);
    must_read(world, false, "ann", ids, SHARES - 1);
    must_follow(world, false, "ann", "bob");
    settle(world);
    must_read(world, false, "ann", NULL, 0);
    must_read_followers(world, "bob", 0);
    end(world);
}

static void timelines_are_right_or_refused(void **state)
{
    (void)state;
    torture("a follower reads", follow_and_read, 60);
}

/* One that is live, one that falls behind, one on the profile. */
static void stream_live(void)
{
    struct world *world = begin(&world_settings);
    const struct text no_token = {NULL, 0};
    uint64_t ids[SHARES];

    torture_pause();
    must_follow(world, true, "ann", "bob");
    settle(world);
    torture_resume();
    must_subscribe(world, 1, false, "ann", no_token);
    must_subscribe(world, 2, true, "bob", no_token);
    must_subscribe(world, 3, false, "ann", no_token);
    settle(world);
    for (size_t i = 0; i < SHARES; i++) {
        if (i == 2)
            world->outlet.soft_limit_bytes = 1; /* from here on each falls behind */
        ids[i] = must_share(world, "bob");
    }
    world->outlet.soft_limit_bytes = SIZE_MAX;
    settle(world);
    must_delete(world, "bob", ids[0]);
    settle(world);
    for (uint64_t conn = 1; conn <= 3; conn++) {
        expect_stream(world, conn, ids, SHARES, true);
        assert_true(deletions_sent(world, conn) == 1 || gaps_sent(world, conn) > 0);
    }
    must_read(world, false, "ann", ids + 1, SHARES - 1);
    end(world);
}

static void live_streams_miss_nothing_or_say_gap(void **state)
{
    (void)state;
    torture("streams are live", stream_live, 60);
}

/* The ring holds nothing that is applied: what was missed comes out of the store. */
static void catch_up(void)
{
    struct feed_settings settings = world_settings;
    uint64_t ids[SHARES + 1], start;
    struct world *world;

    settings.ring_bytes = 1;
    settings.body_bytes = 1;
    world = begin(&settings);
    torture_pause();
    must_follow(world, true, "ann", "bob");
    must_read(world, false, "ann", NULL, 0);
    settle(world);
    start = world->feed->positions[0];
    for (size_t i = 0; i < SHARES; i++) {
        ids[i] = must_share(world, "bob");
        settle(world); /* while a byte is not applied, so small a ring has no room for more */
    }
    must_delete(world, "bob", ids[2]);
    settle(world);
    ids[SHARES] = must_share(world, "bob"); /* pushes the others out of the ring */
    settle(world);
    assert_true(world->feed->rings[0].floor > start);
    torture_resume();
    memmove(ids + 2, ids + 3, (SHARES - 2) * sizeof(ids[0]));
    must_subscribe(world, 1, false, "ann", token_of(world, &start));
    must_subscribe(world, 2, true, "bob", token_of(world, &start));
    settle(world);
    for (uint64_t conn = 1; conn <= 2; conn++) {
        expect_stream(world, conn, ids, SHARES, true);
        assert_true(deletions_sent(world, conn) == 1 || gaps_sent(world, conn) > 0);
    }
    end(world);
}

static void catching_up_misses_nothing_or_says_gap(void **state)
{
    (void)state;
    torture("streams catch up out of the store", catch_up, 30);
}

/* ---- starting and stopping ---- */

static size_t send_nothing(void *context, uint64_t conn, uint32_t request_id, uint32_t stream, struct frame *frame)
{
    (void)context;
    (void)conn;
    (void)request_id;
    (void)stream;
    (void)frame;
    return 0;
}

static size_t queue_nothing(void *context, uint64_t conn)
{
    (void)context;
    (void)conn;
    return 0;
}

static void count_ready(void *context)
{
    ++*(unsigned *)context;
}

static void tick(struct event_base *base, struct feed *feed)
{
    fake.now_ms += 50;
    event_active(feed->tick, EV_TIMEOUT, 1);
    event_base_loop(base, EVLOOP_NONBLOCK);
}

/* A feed comes up over what another one has left, and goes down in the middle of a follow, which is answered all the same. */
static void start_and_stop(void)
{
    static const struct feed_outlet outlet = {send_nothing, queue_nothing, SIZE_MAX};
    static const struct feed_events events = {count_ready, NULL};
    const struct store_settings settings = {.partitions = 1, .daemon_id = "00000000000000aa"};
    struct event_base *base = event_base_new();
    struct world *before = begin(&world_settings);
    struct outcome outcome = {0};
    unsigned ready = 0;
    struct feed *feed;

    torture_pause();
    must_follow(before, true, "ann", "bob");
    must_share(before, "bob");
    end(before);
    fake.ready = fake.bulk_up = fake.tail_up = fake.jobs_up = true;
    for (size_t i = 0; i < model.log_count; i++)
        model.log[i].dealt = model.log[i].acknowledged; /* what nobody was given yet is new */
    model.tailed = 0;
    torture_resume();
    while (!(feed = feed_new(base, &world_settings, &settings, &outlet, &events, &ready)))
        assert_true(torture_struck());
    fake.handlers->on_ready(fake.context);
    for (int turn = 0; turn < 100 && (ready == 0 || !model_is_applied()); turn++) {
        model_serve();
        if (fake.tail_handlers && model.tailed == model.log_count)
            fake_tail_end(0);
        tick(base, feed);
        feed_turn(feed);
        if (turn == 50)
            fake.now_ms += world_settings.claim_after_ms;
    }
    assert_int_equal(ready, 1);
    assert_true(model_is_applied());
    feed_follow(feed, true, text_of("ann"), text_of("carl"), on_write, &outcome);
    feed_stop(feed);
    assert_int_equal(outcome.count, 1);
    assert_int_equal(outcome.error, FEED__ERROR_CODE__UNAVAILABLE);
    feed_free(feed);
    event_base_free(base);
}

static void a_feed_comes_up_and_goes_down_whatever_fails(void **state)
{
    (void)state;
    torture("a feed comes up and goes down", start_and_stop, 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TORTURE(timelines_are_right_or_refused),
        TORTURE(live_streams_miss_nothing_or_say_gap),
        TORTURE(catching_up_misses_nothing_or_says_gap),
        TORTURE(a_feed_comes_up_and_goes_down_whatever_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
