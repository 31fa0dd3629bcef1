/* Timelines in memory: when one is kept, what keeps it true, and what drops it. That a read asks the store for nothing shows
 * that it came out of memory. */
#include "feed_fixture.h"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)
#define PAGE_MAX 32

struct page {
    unsigned count;
    Feed__ErrorCode error;
    Feed__PageEnd end;
    uint64_t ids[PAGE_MAX];
    size_t items;
    struct frame *encoded; /* the one that it was kept as */
};

static struct world *the_world;
static struct frame *to_keep; /* as how a page is encoded */

static void on_page(void *context, Feed__ErrorCode error, const struct feed_page *read)
{
    struct page *page = context;

    page->count++;
    page->error = error;
    page->end = read->end;
    page->items = read->count;
    page->encoded = read->encoded;
    for (size_t i = 0; i < read->count; i++)
        page->ids[i] = read->items[i].id;
    if (to_keep && !read->encoded)
        feed_keep_page(the_world->feed, read, to_keep);
}

static struct page begin_read(struct world *world, size_t limit)
{
    static struct page page;

    page = (struct page){0};
    the_world = world;
    feed_read_timeline(world->feed, text_of("ann"), 0, limit, on_page, &page);
    if (fake_waiting(FAKE_READER_LOAD) > 0)
        FAKE_ANSWER(FAKE_READER_LOAD, "[# [bob carl]]", fake.last_id[0]);
    while (fake_waiting(FAKE_PROFILE_IDS) > 0)
        FAKE_ANSWER(FAKE_PROFILE_IDS, "[capped]");
    return page;
}

/* Whether a read asks for the list; it is answered with these ids. */
static bool is_fetched(struct world *world, uint64_t first, uint64_t second)
{
    begin_read(world, 10);
    if (fake_waiting(FAKE_TIMELINE) == 0)
        return false;
    FAKE_ANSWER(FAKE_TIMELINE, "[# # 0]", first, second);
    return true;
}

static void expect_ids(const struct page *page, const uint64_t *ids, size_t count)
{
    assert_int_equal(page->count, 1);
    assert_int_equal(page->error, FEED_OK);
    assert_int_equal(page->items, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(page->ids[i], ids[i]);
}

#define EXPECT_IN_MEMORY(world, ...)                                                        \
    do {                                                                                    \
        struct page read_page = begin_read(world, 10);                                      \
        const uint64_t expected[] = {__VA_ARGS__};                                          \
        expect_ids(&read_page, expected, sizeof(expected) / sizeof(expected[0]));           \
        assert_true(fake_waiting(FAKE_TIMELINE) == 0);                                      \
    } while (0)

static void a_second_read_asks_for_nothing_and_sees_what_was_shared_since(void **state)
{
    struct world *world = *state;
    uint64_t first = tail_share("bob"), second = tail_share("carl");

    world_applied(world);
    assert_true(is_fetched(world, second, first));
    EXPECT_IN_MEMORY(world, second, first);
    uint64_t third = tail_share("bob");
    tail_share("nobody");
    uint64_t own = tail_share("ann");
    EXPECT_IN_MEMORY(world, own, third, second, first);
    tail_delete("carl", second);
    EXPECT_IN_MEMORY(world, own, third, first);
}

static void it_is_not_kept_before_what_it_may_lack_is_applied(void **state)
{
    struct world *world = *state;
    uint64_t first = tail_share("bob"), second = tail_share("carl");

    /* The reader was loaded at a position up to which follows may still be on their way into the list. */
    assert_true(is_fetched(world, second, first));
    assert_true(is_fetched(world, second, first));
    world_applied(world);
    assert_true(is_fetched(world, second, first));
    assert_false(is_fetched(world, second, first));
}

static void an_edge_drops_it_until_the_follow_is_applied(void **state)
{
    struct world *world = *state;
    uint64_t first = tail_share("bob"), second = tail_share("carl");

    world_applied(world);
    assert_true(is_fetched(world, second, first));
    struct log_entry follow = fake_entry(LOG_FOLLOW, "dora", "ann", 0);
    fake_tail(&follow);
    tail_edge(true, "ann", "dora", follow.id);
    assert_true(is_fetched(world, second, first));
    assert_true(is_fetched(world, second, first)); /* its backfill may not be in the list yet */
    world_applied(world);
    assert_true(is_fetched(world, second, first));
    uint64_t third = tail_share("dora");
    EXPECT_IN_MEMORY(world, third, second, first);
    tail_edge(false, "ann", "dora", follow.id + 64);
    assert_true(is_fetched(world, second, first));
}

static void an_edge_that_comes_while_it_is_fetched_keeps_it_from_being_kept(void **state)
{
    struct world *world = *state;
    uint64_t first = tail_share("bob"), second = tail_share("carl");

    world_applied(world);
    begin_read(world, 10);
    tail_edge(true, "ann", "dora", fake.last_id[0] + 64);
    FAKE_ANSWER(FAKE_TIMELINE, "[# # 0]", second, first);
    world_applied(world);
    assert_true(is_fetched(world, second, first));
}

static void what_makes_the_daemon_forget_a_ring_drops_it(void **state)
{
    struct world *world = *state;
    uint64_t first = tail_share("bob"), second = tail_share("carl");

    world_applied(world);
    assert_true(is_fetched(world, second, first));
    struct log_entry behind_a_hole = fake_entry(LOG_SHARE, "nobody", NULL, 0);
    behind_a_hole.previous -= 64;
    fake_tail(&behind_a_hole);
    world_applied(world);
    assert_true(is_fetched(world, second, first));
}

static void a_retry_drops_it_until_that_is_applied(void **state)
{
    struct world *world = *state;
    uint64_t first = tail_share("bob"), second = tail_share("carl");

    world_applied(world);
    assert_true(is_fetched(world, second, first));
    struct log_entry retry = fake_entry(LOG_RETRY, "", NULL, 0);
    fake_tail(&retry);
    assert_true(is_fetched(world, second, first));
    assert_true(is_fetched(world, second, first));
    world_applied(world);
    assert_true(is_fetched(world, second, first));
    assert_false(is_fetched(world, second, first));
}

static void beyond_the_cap_the_oldest_go_and_the_page_says_so(void **state)
{
    struct feed_settings settings = world_settings;
    struct world *world;
    uint64_t ids[200];

    (void)state;
    settings.timeline_cap = 5;
    world = world_new(&settings, 1);
    for (int i = 0; i < 2; i++)
        ids[i] = tail_share("bob");
    world_applied(world);
    assert_true(is_fetched(world, ids[1], ids[0]));
    for (int i = 2; i < 200; i++) {
        ids[i] = tail_share(i % 3 == 0 ? "carl" : "bob");
        struct page page = begin_read(world, 10);
        uint64_t expected[5];
        size_t count = i + 1 < 5 ? (size_t)i + 1 : 5;

        for (size_t j = 0; j < count; j++)
            expected[j] = ids[(size_t)i - j];
        expect_ids(&page, expected, count);
        assert_int_equal(page.end, count == 5 && i >= 5 ? FEED__PAGE_END__CAPPED : FEED__PAGE_END__END);
        assert_true(fake_waiting(FAKE_TIMELINE) == 0);
    }
    world_free(world);
}

static void a_reader_is_listed_while_anything_of_it_listens_and_not_longer(void **state)
{
    struct world *world = *state;
    uint64_t first = tail_share("bob"), second = tail_share("carl");

    world_applied(world);
    assert_true(is_fetched(world, second, first));
    struct outcome outcome;
    subscribe(world, 1, 10, false, "ann", (struct text){NULL, 0}, &outcome);
    expect_caught_up(world, 1, 10);
    feed_unsubscribe(world->feed, &world->subscribers[1], 10);
    uint64_t third = tail_share("bob");
    EXPECT_IN_MEMORY(world, third, second, first); /* the stream's end did not take it off */
    expect_nothing(world);
    subscribe(world, 1, 11, false, "ann", (struct text){NULL, 0}, &outcome);
    expect_caught_up(world, 1, 11);
    world->feed->recent_generation++; /* the next read drops and fetches it */
    assert_true(is_fetched(world, third, second));
    uint64_t fourth = tail_share("bob");
    expect_share(world, 1, 11, fourth);
}

/* ---- pages ---- */

static void a_page_is_kept_as_it_was_encoded_until_something_changes(void **state)
{
    struct world *world = *state;
    uint64_t first = tail_share("bob"), second = tail_share("carl");

    world_applied(world);
    to_keep = frame_new(10);
    assert_true(is_fetched(world, second, first));
    assert_ptr_equal(begin_read(world, 10).encoded, to_keep);
    assert_null(begin_read(world, 9).encoded); /* of another limit */
    assert_ptr_equal(begin_read(world, 9).encoded, to_keep);
    tail_share("nobody");
    assert_ptr_equal(begin_read(world, 9).encoded, to_keep);
    tail_share("bob");
    assert_null(begin_read(world, 9).encoded);
    assert_ptr_equal(begin_read(world, 9).encoded, to_keep);
    tail_delete("nobody", first + 1);
    assert_ptr_equal(begin_read(world, 9).encoded, to_keep);
    tail_delete("carl", second);
    assert_null(begin_read(world, 9).encoded);
    assert_ptr_equal(begin_read(world, 9).encoded, to_keep);
    tail_edge(false, "ann", "carl", fake.last_id[0] + 64);
    assert_null(begin_read(world, 9).encoded);
    FAKE_ANSWER(FAKE_TIMELINE, "[# # 0]", second, first);
    frame_unref(to_keep);
    to_keep = NULL;
}

/* How many of ten reads cost nothing, while each time a share of somebody is commented on. */
static unsigned kept_beside_comments(struct world *world, uint64_t share)
{
    unsigned kept = 0;

    for (uint32_t i = 0; i < 10; i++) {
        struct log_entry entry = fake_entry(LOG_COMMENT, "bob", "eve", 0);

        entry.share = share;
        entry.counts = (struct share_counts){.at = entry.id, .comments = i + 1};
        entry.body = text_of("\x12\x03" "eve");
        fake_tail(&entry);
        kept += begin_read(world, 10).encoded != NULL;
    }
    return kept;
}

static void a_page_is_kept_while_only_shares_elsewhere_change(void **state)
{
    struct world *world = *state;
    uint64_t elsewhere = tail_share("dora"), below = tail_share("bob"), shown = tail_share("bob");

    world_applied(world);
    to_keep = frame_new(10);
    assert_true(is_fetched(world, shown, below));
    assert_int_equal(kept_beside_comments(world, elsewhere), 10);
    assert_int_equal(kept_beside_comments(world, shown), 0);
    begin_read(world, 1);
    assert_ptr_equal(begin_read(world, 1).encoded, to_keep);
    tail_delete("bob", below); /* which was what showed that there are more */
    assert_null(begin_read(world, 1).encoded);
    assert_ptr_equal(begin_read(world, 1).encoded, to_keep);
    bodies_done(world->feed);
    assert_ptr_equal(begin_read(world, 1).encoded, to_keep); /* nothing has changed */
    tail_delete("nobody", 64);
    begin_read(world, 1); /* that of what is not in memory is not known */
    fake_answer(fake_expect(FAKE_BODIES), "[$]", fake_body("bob", "http://example.org/"));
    frame_unref(to_keep);
    to_keep = NULL;
}

/* The page waits for a body; what is shared meanwhile is not on it. */
static void a_page_that_has_become_old_while_it_was_read_is_not_kept(void **state)
{
    struct world *world = *state;
    uint64_t first = tail_share("bob");

    world_applied(world);
    bodies_done(world->feed);
    to_keep = frame_new(10);
    begin_read(world, 10);
    FAKE_ANSWER(FAKE_TIMELINE, "[# 0]", first);
    struct fake_call *bodies = fake_expect(FAKE_BODIES);
    tail_share("bob");
    fake_answer(bodies, "[$]", fake_body("bob", "http://example.org/"));
    assert_null(begin_read(world, 10).encoded);
    frame_unref(to_keep);
    to_keep = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_second_read_asks_for_nothing_and_sees_what_was_shared_since),
        WITH_WORLD(it_is_not_kept_before_what_it_may_lack_is_applied),
        WITH_WORLD(an_edge_drops_it_until_the_follow_is_applied),
        WITH_WORLD(an_edge_that_comes_while_it_is_fetched_keeps_it_from_being_kept),
        WITH_WORLD(what_makes_the_daemon_forget_a_ring_drops_it),
        WITH_WORLD(a_retry_drops_it_until_that_is_applied),
        cmocka_unit_test(beyond_the_cap_the_oldest_go_and_the_page_says_so),
        WITH_WORLD(a_reader_is_listed_while_anything_of_it_listens_and_not_longer),
        WITH_WORLD(a_page_is_kept_as_it_was_encoded_until_something_changes),
        WITH_WORLD(a_page_is_kept_while_only_shares_elsewhere_change),
        WITH_WORLD(a_page_that_has_become_old_while_it_was_read_is_not_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
