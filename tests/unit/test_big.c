/* Shares that are not pushed: what daemons know of their authors, and what reads make of that. */
#include "feed_fixture.h"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)
#define PAGE_MAX 32

struct page {
    unsigned count;
    Feed__ErrorCode error;
    Feed__PageEnd end;
    uint64_t ids[PAGE_MAX];
    size_t items;
};

static struct page page;

static void on_page(void *context, Feed__ErrorCode error, const struct feed_page *read)
{
    (void)context;
    page = (struct page){.count = page.count + 1, .error = error};
    if (error != FEED_OK)
        return;
    page.end = read->end;
    page.items = read->count;
    for (size_t i = 0; i < read->count; i++)
        page.ids[i] = read->items[i].id;
}

/* Begins to read the timeline of ann, who follows bob and the star. */
static void begin_read(struct world *world)
{
    page = (struct page){0};
    feed_read_timeline(world->feed, text_of("ann"), 0, 20, on_page, NULL);
    if (fake_waiting(FAKE_READER_LOAD) > 0)
        FAKE_ANSWER(FAKE_READER_LOAD, "[# [bob star]]", fake.last_id[0]);
}

#define EXPECT_PAGE(how, ...) expect_page(how, (uint64_t[]){__VA_ARGS__ 0})

static void expect_page(Feed__PageEnd end, const uint64_t *ids)
{
    size_t count = 0;

    assert_int_equal(page.count, 1);
    assert_int_equal(page.error, FEED_OK);
    for (; ids[count] != 0; count++) {
        assert_true(count < page.items);
        assert_int_equal(page.ids[count], ids[count]);
    }
    assert_int_equal(page.items, count);
    assert_int_equal(page.end, end);
}

/* A share that the tail sees and that nobody pushes. */
static uint64_t tail_merged(const char *author)
{
    struct log_entry entry = fake_entry(LOG_SHARE, author, NULL, 0);

    entry.is_merged = true;
    fake_tail(&entry);
    return entry.id;
}

static void what_was_not_pushed_is_merged_out_of_the_profile(void **state)
{
    struct world *world = *state;
    uint64_t pushed = tail_share("star"), merged = tail_merged("star"), bobs = tail_share("bob");

    tail_merged("stranger");
    world_applied(world);
    begin_read(world);
    FAKE_ANSWER(FAKE_TIMELINE, "[# # 0]", bobs, pushed);
    struct fake_call *profile = fake_expect(FAKE_PROFILE_IDS);
    assert_string_equal(profile->name, "star");
    fake_answer(profile, "[# #]", merged, pushed);
    EXPECT_PAGE(FEED__PAGE_END__END, bobs, merged, pushed, );
    begin_read(world); /* out of memory */
    EXPECT_PAGE(FEED__PAGE_END__END, bobs, merged, pushed, );
    uint64_t next = tail_merged("star");
    begin_read(world);
    EXPECT_PAGE(FEED__PAGE_END__END, next, bobs, merged, pushed, );
}

static void a_timeline_whose_floor_is_above_all_that_was_not_pushed_needs_no_profile(void **state)
{
    struct world *world = *state;
    char list[64];
    uint64_t merged = tail_merged("star"), pushed = tail_share("star");

    world_applied(world);
    begin_read(world);
    snprintf(list, sizeof(list), "[# -%llu]", (unsigned long long)merged);
    FAKE_ANSWER(FAKE_TIMELINE, list, pushed);
    /* What lies below is read like that of everybody else: of ann, bob and the star. */
    assert_int_equal(fake_waiting(FAKE_PROFILE_IDS), 3);
    for (int i = 0; i < 3; i++) {
        struct fake_call *profile = fake_expect(FAKE_PROFILE_IDS);

        assert_true(profile->id == merged + 1);
        fake_answer(profile, strcmp(profile->name, "star") == 0 ? "[#]" : "[]", merged);
    }
    EXPECT_PAGE(FEED__PAGE_END__END, pushed, merged, );
}

static void more_than_the_timeline_holds_moves_its_floor(void **state)
{
    struct feed_settings settings = world_settings;
    uint64_t ids[5];

    (void)state;
    settings.timeline_cap = 3;
    struct world *world = world_new(&settings, 1);
    for (int i = 0; i < 5; i++)
        ids[i] = tail_merged("star");
    world_applied(world);
    begin_read(world);
    FAKE_ANSWER(FAKE_TIMELINE, "[0]");
    FAKE_ANSWER(FAKE_PROFILE_IDS, "[# # # #]", ids[4], ids[3], ids[2], ids[1]);
    assert_int_equal(page.count, 0); /* the timeline is not complete although its list says so */
    assert_int_equal(fake_waiting(FAKE_PROFILE_IDS), 3);
    while (fake_waiting(FAKE_PROFILE_IDS) > 0) {
        struct fake_call *profile = fake_expect(FAKE_PROFILE_IDS);

        assert_true(profile->id == ids[2]);
        fake_answer(profile, strcmp(profile->name, "star") == 0 ? "[# #]" : "[]", ids[1], ids[0]);
    }
    EXPECT_PAGE(FEED__PAGE_END__END, ids[4], ids[3], ids[2], ids[1], ids[0], );
    world_free(world);
}

static void what_is_shared_while_the_profile_is_read_is_in_the_timeline_that_is_kept(void **state)
{
    struct world *world = *state;
    uint64_t merged = tail_merged("star");

    world_applied(world);
    begin_read(world);
    FAKE_ANSWER(FAKE_TIMELINE, "[0]");
    struct fake_call *profile = fake_expect(FAKE_PROFILE_IDS);
    uint64_t pushed = tail_share("bob"), next = tail_merged("star");
    world_applied(world);
    fake_answer(profile, "[#]", merged);
    EXPECT_PAGE(FEED__PAGE_END__END, next, pushed, merged, );
    begin_read(world);
    assert_int_equal(fake_waiting(FAKE_TIMELINE), 0);
    EXPECT_PAGE(FEED__PAGE_END__END, next, pushed, merged, );
}

static void an_edge_while_the_profile_is_read_keeps_the_timeline_from_being_kept(void **state)
{
    struct world *world = *state;
    uint64_t merged = tail_merged("star");

    world_applied(world);
    begin_read(world);
    FAKE_ANSWER(FAKE_TIMELINE, "[0]");
    struct fake_call *profile = fake_expect(FAKE_PROFILE_IDS);
    tail_edge(false, "ann", "star", fake.last_id[0] + 64);
    fake_answer(profile, "[#]", merged);
    EXPECT_PAGE(FEED__PAGE_END__END, );
    begin_read(world);
    assert_int_equal(fake_waiting(FAKE_TIMELINE), 1);
}

static void a_lost_profile_fails_the_read(void **state)
{
    struct world *world = *state;

    tail_merged("star");
    world_applied(world);
    begin_read(world);
    FAKE_ANSWER(FAKE_TIMELINE, "[0]");
    FAKE_ANSWER(FAKE_PROFILE_IDS, NULL);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.error, FEED__ERROR_CODE__UNAVAILABLE);
}

static void nothing_is_pushed_of_a_share_that_is_merged(void **state)
{
    struct world *world = *state;
    struct log_entry entry = fake_entry(LOG_SHARE, "star", NULL, 0);

    entry.is_merged = true;
    fake.handlers->on_jobs_up(fake.context);
    fake_deal(fake_expect(FAKE_JOBS_OWN), NULL, 0);
    world_tick(world, 0);
    fake_deal(fake_expect(FAKE_JOBS_NEW), &entry, 1);
    world_tick(world, 0);
    assert_int_equal(fake_waiting(FAKE_FOLLOWERS_PAGE), 0);
    assert_int_equal(fake_waiting(FAKE_PUSH), 0);
    struct fake_call *ack = fake_expect(FAKE_JOBS_ACK);
    assert_int_equal(ack->count, 1);
    assert_int_equal(ack->ids[0], entry.id);
    fake_answer(ack, ":1");
}

static void the_store_is_asked_again_where_entries_may_have_been_missed(void **state)
{
    struct world *world = *state;
    struct log_entry behind_a_hole = fake_entry(LOG_SHARE, "bob", NULL, 0);
    uint64_t bobs = behind_a_hole.id;

    tail_share("bob");
    behind_a_hole = fake_entry(LOG_SHARE, "bob", NULL, 0);
    behind_a_hole.previous -= 64;
    fake_tail(&behind_a_hole);
    world_tick(world, 50);
    FAKE_ANSWER(FAKE_BIGS, NULL); /* asked until it answers */
    world_tick(world, 50);
    FAKE_ANSWER(FAKE_BIGS, "[star #]", bobs);
    world_applied(world);
    begin_read(world);
    FAKE_ANSWER(FAKE_TIMELINE, "[0]");
    FAKE_ANSWER(FAKE_PROFILE_IDS, "[]");
    EXPECT_PAGE(FEED__PAGE_END__END, );
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(what_was_not_pushed_is_merged_out_of_the_profile),
        WITH_WORLD(a_timeline_whose_floor_is_above_all_that_was_not_pushed_needs_no_profile),
        cmocka_unit_test(more_than_the_timeline_holds_moves_its_floor),
        WITH_WORLD(what_is_shared_while_the_profile_is_read_is_in_the_timeline_that_is_kept),
        WITH_WORLD(an_edge_while_the_profile_is_read_keeps_the_timeline_from_being_kept),
        WITH_WORLD(a_lost_profile_fails_the_read),
        WITH_WORLD(nothing_is_pushed_of_a_share_that_is_merged),
        WITH_WORLD(the_store_is_asked_again_where_entries_may_have_been_missed),
    };

    return cmocka_run_group_tests_name("big", tests, NULL, NULL);
}
