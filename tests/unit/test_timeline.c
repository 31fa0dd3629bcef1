/* Home timelines: the list merged with what is not fanned out yet, paging, and building one that does not exist. */
#include "feed_fixture.h"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)
#define PAGE_MAX 16

struct page {
    unsigned count;
    Feed__ErrorCode error;
    Feed__PageEnd end;
    uint64_t ids[PAGE_MAX];
    size_t items;
};

static void on_page(void *context, Feed__ErrorCode error, const struct feed_page *read)
{
    struct page *page = context;

    page->count++;
    page->error = error;
    if (error != FEED_OK)
        return;
    page->end = read->end;
    page->items = read->count;
    assert_true(read->count <= PAGE_MAX);
    for (size_t i = 0; i < read->count; i++)
        page->ids[i] = read->items[i].id;
}

/* Reads the first page of ann's, who follows bob; the list is left to the test. */
static void read_home(struct world *world, size_t limit, struct page *ret_page)
{
    *ret_page = (struct page){0};
    feed_read_timeline(world->feed, text_of("ann"), 0, limit, on_page, ret_page);
    if (fake_waiting(FAKE_READER_LOAD) > 0)
        FAKE_ANSWER(FAKE_READER_LOAD, "[# [bob]]", fake.last_id[0]);
}

#define EXPECT_PAGE(page, how, ...) expect_page(page, how, (uint64_t[]){__VA_ARGS__ 0})

/* `ids` end with 0. */
static void expect_page(const struct page *page, Feed__PageEnd end, const uint64_t *ids)
{
    size_t count = 0;

    assert_int_equal(page->count, 1);
    assert_int_equal(page->error, FEED_OK);
    for (; ids[count] != 0; count++) {
        assert_true(count < page->items);
        assert_int_equal(page->ids[count], ids[count]);
    }
    assert_int_equal(page->items, count);
    assert_int_equal(page->end, end);
}

static void shares_above_the_mark_are_merged_and_repeats_dropped(void **state)
{
    struct world *world = *state;
    struct page page;
    uint64_t first = tail_share("bob"), second = tail_share("bob");

    world_applied(world);
    uint64_t third = tail_share("bob"), fourth = tail_share("bob");
    tail_share("stranger");
    uint64_t own = tail_share("ann");
    read_home(world, 10, &page);
    FAKE_ANSWER(FAKE_TIMELINE, "[# # # # 0]", third, second, first, second); /* pushed twice, and the third already */
    EXPECT_PAGE(&page, FEED__PAGE_END__END, own, fourth, third, second, first, );
}

static void a_list_in_any_order_is_read_newest_first(void **state)
{
    struct world *world = *state;
    struct page page;
    uint64_t ids[4];

    for (int i = 0; i < 4; i++)
        ids[i] = tail_share("bob");
    world_applied(world);
    read_home(world, 10, &page);
    FAKE_ANSWER(FAKE_TIMELINE, "[# # # # 0]", ids[1], ids[3], ids[0], ids[2]);
    EXPECT_PAGE(&page, FEED__PAGE_END__END, ids[3], ids[2], ids[1], ids[0], );
}

static void an_unapplied_share_from_before_the_follow_is_left_to_the_backfill(void **state)
{
    struct world *world = *state;
    struct page page;

    read_home(world, 10, &page);
    FAKE_ANSWER(FAKE_TIMELINE, "[0]");
    page.count = 0;
    tail_share("carl");
    tail_edge(true, "ann", "carl", fake.last_id[0] + 64);
    uint64_t after = tail_share("carl");
    read_home(world, 10, &page);
    FAKE_ANSWER(FAKE_TIMELINE, "[0]");
    EXPECT_PAGE(&page, FEED__PAGE_END__END, after, );
}

static void shares_of_those_no_longer_followed_are_not_shown(void **state)
{
    struct world *world = *state;
    struct page page;
    uint64_t bobs = tail_share("bob"), carls = tail_share("carl");

    world_applied(world);
    read_home(world, 10, &page);
    FAKE_ANSWER(FAKE_TIMELINE, "[# # 0]", carls, bobs); /* carl was followed once */
    EXPECT_PAGE(&page, FEED__PAGE_END__END, bobs, );
}

static void a_page_is_refilled_when_shares_are_gone_and_ends_as_it_says(void **state)
{
    struct world *world = *state;
    struct page page;
    uint64_t ids[5];

    for (int i = 0; i < 5; i++)
        ids[i] = tail_share("bob");
    world_applied(world);
    tail_delete("bob", ids[4]);
    tail_delete("bob", ids[2]);
    read_home(world, 2, &page);
    FAKE_ANSWER(FAKE_TIMELINE, "[# # # # # 0]", ids[4], ids[3], ids[2], ids[1], ids[0]);
    EXPECT_PAGE(&page, FEED__PAGE_END__MORE, ids[3], ids[1], );
    read_home(world, 3, &page);
    FAKE_ANSWER(FAKE_TIMELINE, "[# # # # # 0]", ids[4], ids[3], ids[2], ids[1], ids[0]);
    EXPECT_PAGE(&page, FEED__PAGE_END__END, ids[3], ids[1], ids[0], );
}

/* Answers for the profiles of ann and bob. */
static void answer_profiles(const char *anns, const char *bobs, uint64_t first, uint64_t second)
{
    assert_int_equal(fake_waiting(FAKE_PROFILE_IDS), 2);
    for (int i = 0; i < 2; i++) {
        struct fake_call *call = fake_expect(FAKE_PROFILE_IDS);

        fake_answer(call, strcmp(call->name, "bob") == 0 ? bobs : anns, first, second);
    }
}

static void what_lies_below_the_floor_or_beyond_the_cap_is_read_out_of_the_profiles(void **state)
{
    struct feed_settings settings = world_settings;
    struct world *world;
    struct page page;
    uint64_t ids[5];

    (void)state;
    settings.timeline_cap = 3;
    world = world_new(&settings, 1);
    for (int i = 0; i < 5; i++)
        ids[i] = tail_share("bob");
    world_applied(world);
    read_home(world, 10, &page);
    FAKE_ANSWER(FAKE_TIMELINE, "[# # # # # 0]", ids[4], ids[3], ids[2], ids[1], ids[0]);
    assert_int_equal(page.count, 0);
    answer_profiles("[]", "[# #]", ids[1], ids[0]);
    EXPECT_PAGE(&page, FEED__PAGE_END__END, ids[4], ids[3], ids[2], ids[1], ids[0], );
    char format[64];
    world->feed->recent_generation++; /* what is in memory counts no more */
    snprintf(format, sizeof(format), "[# # # -%llu]", (unsigned long long)ids[3]);
    read_home(world, 3, &page);
    FAKE_ANSWER(FAKE_TIMELINE, format, ids[4], ids[3], ids[2]);
    answer_profiles("[capped]", "[# #]", ids[3], ids[2]);
    EXPECT_PAGE(&page, FEED__PAGE_END__CAPPED, ids[4], ids[3], ids[2], );
    page = (struct page){0};
    feed_read_timeline(world->feed, text_of("ann"), ids[3], 1, on_page, &page); /* from within the profiles */
    answer_profiles("[]", "[# #]", ids[2], ids[1]);
    EXPECT_PAGE(&page, FEED__PAGE_END__MORE, ids[2], );
    page = (struct page){0};
    feed_read_timeline(world->feed, text_of("ann"), ids[1], 3, on_page, &page);
    answer_profiles("!OOM", "[#]", ids[0], 0);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.error, FEED__ERROR_CODE__UNAVAILABLE);
    world_free(world);
}

static void a_profile_page_ends_as_it_says(void **state)
{
    struct world *world = *state;
    struct page page = {0};
    uint64_t ids[3];

    for (int i = 0; i < 3; i++)
        ids[i] = tail_share("bob");
    feed_read_profile(world->feed, text_of("bob"), 0, 2, on_page, &page);
    FAKE_ANSWER(FAKE_PROFILE, "[c # b # a #]", ids[2], ids[1], ids[0]);
    EXPECT_PAGE(&page, FEED__PAGE_END__MORE, ids[2], ids[1], );
    page = (struct page){0};
    feed_read_profile(world->feed, text_of("bob"), ids[1], 2, on_page, &page);
    FAKE_ANSWER(FAKE_PROFILE, "[a #]", ids[0]);
    EXPECT_PAGE(&page, FEED__PAGE_END__END, ids[0], );
    page = (struct page){0};
    feed_read_profile(world->feed, text_of("bob"), ids[1], 2, on_page, &page);
    FAKE_ANSWER(FAKE_PROFILE, "[a # capped 0]", ids[0]);
    EXPECT_PAGE(&page, FEED__PAGE_END__CAPPED, ids[0], );
}

static void a_profile_page_whose_shares_vanish_meanwhile_does_not_say_that_it_is_the_end(void **state)
{
    struct world *world = *state;
    struct page page = {0};

    feed_read_profile(world->feed, text_of("bob"), 0, 2, on_page, &page);
    assert_int_equal(fake_waiting(FAKE_PROFILE), 1);
    FAKE_ANSWER(FAKE_PROFILE, "[d 6400 c 6336 b 6272 a 6208]"); /* the store may hold more: it was asked for four */
    FAKE_ANSWER(FAKE_BODIES, "[nil nil $]", fake_body("bob", "https://example.org/"));
    while (page.count == 0 && fake_waiting(FAKE_BODIES) > 0)
        FAKE_ANSWER(FAKE_BODIES, "[nil]");
    if (page.count == 0) { /* asking for more is as good as saying that there may be more */
        FAKE_ANSWER(FAKE_PROFILE, "[]");
        EXPECT_PAGE(&page, FEED__PAGE_END__END, 6272, );
        return;
    }
    EXPECT_PAGE(&page, FEED__PAGE_END__MORE, 6272, );
}

static void lost_answers_are_unavailable(void **state)
{
    struct world *world = *state;
    struct page page;

    read_home(world, 10, &page);
    FAKE_ANSWER(FAKE_TIMELINE, NULL);
    assert_int_equal(page.error, FEED__ERROR_CODE__UNAVAILABLE);
    read_home(world, 10, &page);
    FAKE_ANSWER(FAKE_TIMELINE, "[64 0]");
    FAKE_ANSWER(FAKE_BODIES, NULL);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.error, FEED__ERROR_CODE__UNAVAILABLE);
    world->feed->recent_generation++;
    page = (struct page){0};
    feed_read_profile(world->feed, text_of("bob"), 0, 2, on_page, &page);
    FAKE_ANSWER(FAKE_PROFILE, NULL);
    assert_int_equal(page.error, FEED__ERROR_CODE__UNAVAILABLE);
    fake.refuses[FAKE_TIMELINE] = true;
    read_home(world, 10, &page);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.error, FEED__ERROR_CODE__UNAVAILABLE);
}

/* ---- building ---- */

static void a_timeline_that_does_not_exist_is_built_from_all_profiles(void **state)
{
    struct world *world = *state;
    struct page pages[2];
    uint64_t bobs = tail_share("bob"), own = tail_share("ann");

    world_applied(world);
    read_home(world, 10, &pages[0]);
    read_home(world, 10, &pages[1]);
    FAKE_ANSWER(FAKE_TIMELINE, "[]");
    FAKE_ANSWER(FAKE_TIMELINE, "[]");
    assert_int_equal(fake_waiting(FAKE_TIMELINE_BEGIN), 1); /* both share the work */
    FAKE_ANSWER(FAKE_TIMELINE_BEGIN, "[:1 B1-1 [bob]]");
    assert_int_equal(fake_waiting(FAKE_PROFILE_IDS), 2);
    for (int i = 0; i < 2; i++) {
        struct fake_call *call = fake_expect(FAKE_PROFILE_IDS);

        fake_answer(call, "[#]", strcmp(call->name, "bob") == 0 ? bobs : own);
    }
    struct fake_call *call = fake_expect(FAKE_TIMELINE_FINISH);
    assert_int_equal(call->id, 0); /* complete */
    assert_int_equal(call->count, 2);
    assert_int_equal(call->ids[0], own);
    assert_int_equal(call->ids[1], bobs);
    fake_answer(call, ":1");
    FAKE_ANSWER(FAKE_TIMELINE, "[# # 0]", own, bobs);
    FAKE_ANSWER(FAKE_TIMELINE, "[# # 0]", own, bobs);
    EXPECT_PAGE(&pages[0], FEED__PAGE_END__END, own, bobs, );
    EXPECT_PAGE(&pages[1], FEED__PAGE_END__END, own, bobs, );
}

static void a_timeline_that_somebody_else_builds_is_waited_for_and_at_last_said_to_be_rebuilding(void **state)
{
    struct world *world = *state;
    struct page page;

    read_home(world, 10, &page);
    for (int waited_ms = 0; page.count == 0; waited_ms += 1000) {
        assert_true(waited_ms < 10000);
        FAKE_ANSWER(FAKE_TIMELINE, "[B17-5]");
        FAKE_ANSWER(FAKE_TIMELINE_BEGIN, "[:2]");
        world_tick(world, 1000);
    }
    assert_int_equal(page.end, FEED__PAGE_END__REBUILDING);
    assert_int_equal(page.items, 0);
    read_home(world, 10, &page);
    FAKE_ANSWER(FAKE_TIMELINE, "[B17-5]");
    FAKE_ANSWER(FAKE_TIMELINE_BEGIN, "[:0]"); /* just finished */
    FAKE_ANSWER(FAKE_TIMELINE, "[0]");
    EXPECT_PAGE(&page, FEED__PAGE_END__END, );
}

static void a_profile_that_could_not_be_read_fails_the_building(void **state)
{
    struct world *world = *state;
    struct page page;

    read_home(world, 10, &page);
    FAKE_ANSWER(FAKE_TIMELINE, "[]");
    FAKE_ANSWER(FAKE_TIMELINE_BEGIN, "[:1 B1-1 [bob]]");
    FAKE_ANSWER(FAKE_PROFILE_IDS, NULL);
    assert_int_equal(page.count, 0); /* the other is still to be answered */
    FAKE_ANSWER(FAKE_PROFILE_IDS, "[]");
    assert_int_equal(page.count, 1);
    assert_int_equal(page.error, FEED__ERROR_CODE__UNAVAILABLE);
    assert_int_equal(fake_waiting(FAKE_TIMELINE_FINISH), 0);
    FAKE_ANSWER(FAKE_TIMELINE_ABANDON, ":1"); /* so that the next read need not wait for a builder that is gone */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(shares_above_the_mark_are_merged_and_repeats_dropped),
        WITH_WORLD(a_list_in_any_order_is_read_newest_first),
        WITH_WORLD(an_unapplied_share_from_before_the_follow_is_left_to_the_backfill),
        WITH_WORLD(shares_of_those_no_longer_followed_are_not_shown),
        WITH_WORLD(a_page_is_refilled_when_shares_are_gone_and_ends_as_it_says),
        cmocka_unit_test(what_lies_below_the_floor_or_beyond_the_cap_is_read_out_of_the_profiles),
        WITH_WORLD(a_profile_page_ends_as_it_says),
        WITH_WORLD(a_profile_page_whose_shares_vanish_meanwhile_does_not_say_that_it_is_the_end),
        WITH_WORLD(lost_answers_are_unavailable),
        WITH_WORLD(a_timeline_that_does_not_exist_is_built_from_all_profiles),
        WITH_WORLD(a_timeline_that_somebody_else_builds_is_waited_for_and_at_last_said_to_be_rebuilding),
        WITH_WORLD(a_profile_that_could_not_be_read_fails_the_building),
    };

    return cmocka_run_group_tests_name("timeline", tests, NULL, NULL);
}
