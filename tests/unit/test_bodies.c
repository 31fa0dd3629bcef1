/* Shares in memory, least recently used out first, and fetching those that are not there. */
#include "feed_fixture.h"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)

static bool holds(struct world *world, uint64_t id)
{
    return idmap_get(&world->feed->bodies.map, id) != NULL; /* which is no use of it */
}

static void touch(struct world *world, uint64_t id)
{
    struct feed_item item;

    assert_true(bodies_get(world->feed, id, &item));
    items_done(world->feed, &item, 1);
}

static void the_longest_unused_goes_first_and_the_bytes_are_kept_to(void **state)
{
    struct world *world = *state;
    struct bodies *bodies = &world->feed->bodies;
    uint64_t ids[5];

    ids[0] = tail_share("bob");
    size_t each = bodies->bytes;
    assert_true(each > 50);
    world->settings.body_bytes = 4 * each + each / 2;
    for (int i = 1; i < 4; i++)
        ids[i] = tail_share("bob");
    touch(world, ids[0]);
    ids[4] = tail_share("bob");
    assert_true(holds(world, ids[0]));
    assert_false(holds(world, ids[1]));
    for (int i = 2; i < 5; i++)
        assert_true(holds(world, ids[i]));
    assert_int_equal(bodies->bytes, 4 * each);
    bodies_drop(world->feed, ids[3]);
    bodies_drop(world->feed, ids[3]); /* it is not there any more */
    assert_int_equal(bodies->bytes, 3 * each);
    tail_share("bob");
    assert_true(holds(world, ids[2]));
}

static void it_behaves_like_a_plain_list(void **state)
{
    struct world *world = *state;
    uint64_t ids[64], order[64];
    uint32_t seed = 17;
    size_t count = 0, capacity = 10, each;

    for (int i = 0; i < 64; i++)
        ids[i] = (uint64_t)(i + 1) << 13;
    struct feed_item item = {.author = subject_intern(&world->feed->subjects, text_of("bob"))};
    item.frame = frame_of_share(ids[63], fake_body("bob", "https://example.org/"), NULL, text_of(""), &item.share_bytes);
    item.id = ids[63];
    assert_int_equal(name_set(world->feed, item.author, text_of("")), 0);
    item.name_stamp = name_stamp(world->feed, item.author);
    name_hold(world->feed, item.author);
    bodies_put(world->feed, &item);
    each = world->feed->bodies.bytes;
    bodies_drop(world->feed, ids[63]);
    world->settings.body_bytes = capacity * each;
    for (int step = 0; step < 5000; step++) {
        uint64_t id = ids[unit_random(&seed) % 32];
        size_t at = 0;

        while (at < count && order[at] != id)
            at++;
        bool there = at < count, put = unit_random(&seed) % 2;
        assert_int_equal(holds(world, id), there);
        if (put && !there) {
            if (count == capacity)
                memmove(order, order + 1, --count * sizeof(order[0]));
            order[count++] = id;
        } else if (!put && there) {
            memmove(order + at, order + at + 1, (count - at - 1) * sizeof(order[0]));
            order[count - 1] = id;
        }
        if (put) {
            item.id = id;
            bodies_put(world->feed, &item);
        } else if (there) {
            touch(world, id);
        }
        assert_int_equal(world->feed->bodies.bytes, count * each);
        assert_int_equal(world->feed->bodies.map.count, count);
    }
    items_done(world->feed, &item, 1);
}

static void a_body_larger_than_all_the_room_is_not_kept_but_delivered(void **state)
{
    struct world *world = *state;

    world->settings.body_bytes = 10;
    open_home(world, 1, 10, "ann", "[bob]");
    uint64_t id = tail_share("bob");
    expect_share(world, 1, 10, id);
    assert_false(holds(world, id));
    assert_int_equal(world->feed->bodies.bytes, 0);
}

/* ---- fetching ---- */

static void only_what_is_missing_is_asked_for_partition_by_partition(void **state)
{
    struct world *world = world_new(&world_settings, 2);
    struct feed_item items[5] = {{.id = 0}};
    struct outcome outcome = {0};

    (void)state;
    items[0].id = tail_share("bob");
    items[1].id = 6400;
    items[2].id = 6401;
    items[3].id = 6528;
    items[4].id = 6403; /* no such partition: no such share */
    hydrate(world->feed, items, 5, on_outcome, &outcome);
    struct fake_call *call = fake_expect(FAKE_BODIES);
    assert_int_equal(call->count, 2);
    assert_int_equal(call->ids[0], 6400);
    assert_int_equal(call->ids[1], 6528);
    fake_answer(call, "[$ nil]", fake_body("bob", "https://example.org/"));
    assert_int_equal(outcome.count, 0);
    FAKE_ANSWER(FAKE_BODIES, "[$]", fake_body("carl", "https://example.org/"));
    expect_outcome(&outcome, FEED_OK);
    assert_non_null(items[0].frame);
    assert_non_null(items[1].frame);
    assert_non_null(items[2].frame);
    assert_null(items[3].frame);
    assert_null(items[4].frame);
    assert_int_equal(items[2].author, subject_find(&world->feed->subjects, text_of("carl")));
    assert_true(holds(world, 6401)); /* from now on */
    items_done(world->feed, items, 5);
    world_free(world);
}

static void many_are_fetched_in_several_questions(void **state)
{
    struct world *world = *state;
    struct feed_item items[600];
    struct outcome outcome = {0};
    size_t asked = 0;

    for (size_t i = 0; i < 600; i++)
        items[i] = (struct feed_item){.id = (i + 1) * 64};
    hydrate(world->feed, items, 600, on_outcome, &outcome);
    while (fake_waiting(FAKE_BODIES) > 0) {
        struct fake_call *call = fake_expect(FAKE_BODIES);

        assert_true(call->count <= 256);
        asked += call->count;
        fake_answer(call, "[]");
    }
    assert_int_equal(asked, 600);
    expect_outcome(&outcome, FEED_OK);
    items_done(world->feed, items, 600);
}

static void a_deletion_that_arrives_while_a_body_is_fetched_wins(void **state)
{
    struct world *world = *state;
    struct feed_item item = {.id = 6400};
    struct outcome outcome = {0};

    hydrate(world->feed, &item, 1, on_outcome, &outcome);
    tail_delete("bob", 6400);
    FAKE_ANSWER(FAKE_BODIES, "[$]", fake_body("bob", "https://example.org/"));
    expect_outcome(&outcome, FEED_OK);
    assert_null(item.frame);
    assert_false(holds(world, 6400));
    outcome = (struct outcome){0};
    hydrate(world->feed, &item, 1, on_outcome, &outcome); /* and the store is not asked any more */
    expect_outcome(&outcome, FEED_OK);
    assert_int_equal(fake_waiting(FAKE_BODIES), 0);
}

/* Another commit's counts arrive while the answer is under way, and the answer is from before it. */
static void a_comment_that_arrives_while_a_body_is_fetched_is_not_forgotten(void **state)
{
    struct world *world = *state;
    struct feed_item item = {.id = 6400};
    struct outcome outcome = {0};
    struct log_entry comment = fake_entry(LOG_COMMENT, "bob", "carl", 0);

    comment.share = 6400;
    comment.counts = (struct share_counts){.at = comment.id, .comments = 1};
    comment.body = text_of("\x12\x04" "carl");
    hydrate(world->feed, &item, 1, on_outcome, &outcome);
    fake_tail(&comment);
    fake_tail_end(1);
    FAKE_ANSWER(FAKE_BODIES, "[$ nil]", fake_body("bob", "https://example.org/"));
    expect_outcome(&outcome, FEED_OK);
    assert_non_null(item.frame);
    assert_false(holds(world, 6400)); /* it is fetched again */
    items_done(world->feed, &item, 1);
}

/* The number of comments that a frame states. */
static uint32_t count_in(const struct frame *frame)
{
    Feed__ServerFrame *message = feed__server_frame__unpack(NULL, frame->size, frame->bytes);
    uint32_t count;

    assert_non_null(message);
    count = message->shared->share->comment_count;
    assert_string_equal(message->shared->share->author, "bob");
    feed__server_frame__free_unpacked(message, NULL);
    return count;
}

/* In memory and in the ring, whatever was fetched ahead of the tail. */
static void a_share_is_counted_as_of_the_latest_entry(void **state)
{
    struct world *world = *state;
    uint64_t share = tail_share("bob");
    struct feed_item item;

    assert_int_equal(share_revise(world->feed, share, &(struct share_counts){.at = share + 64, .comments = 1}, (struct text){NULL, 0}), 0);
    assert_int_equal(share_revise(world->feed, share, &(struct share_counts){.at = share + 192, .comments = 3}, (struct text){NULL, 0}), 0);
    assert_int_equal(share_revise(world->feed, share, &(struct share_counts){.at = share + 128, .comments = 2}, (struct text){NULL, 0}), 0);
    assert_true(bodies_get(world->feed, share, &item));
    assert_int_equal(count_in(item.frame), 3);
    items_done(world->feed, &item, 1);
    assert_int_equal(count_in(ring_find(&world->feed->rings[0], share)->frame), 3);
    bodies_drop(world->feed, share);
    assert_int_equal(share_revise(world->feed, share, &(struct share_counts){.at = share + 256, .comments = 0}, (struct text){NULL, 0}), 0);
    assert_int_equal(count_in(ring_find(&world->feed->rings[0], share)->frame), 0);
}

static void one_lost_answer_fails_it_once_all_are_answered(void **state)
{
    struct world *world = world_new(&world_settings, 2);
    struct feed_item items[2] = {{.id = 6400}, {.id = 6401}};
    struct outcome outcome = {0};

    (void)state;
    hydrate(world->feed, items, 2, on_outcome, &outcome);
    FAKE_ANSWER(FAKE_BODIES, NULL);
    assert_int_equal(outcome.count, 0);
    FAKE_ANSWER(FAKE_BODIES, "[$]", fake_body("bob", "https://example.org/"));
    expect_outcome(&outcome, FEED__ERROR_CODE__UNAVAILABLE);
    items_done(world->feed, items, 2);
    fake.refuses[FAKE_BODIES] = true;
    items[0].id = 6400;
    outcome = (struct outcome){0};
    hydrate(world->feed, items, 1, on_outcome, &outcome);
    expect_outcome(&outcome, FEED__ERROR_CODE__UNAVAILABLE);
    world_free(world);
}

static void what_is_no_body_is_no_share(void **state)
{
    struct world *world = *state;
    struct feed_item item = {.id = 6400};
    struct outcome outcome = {0};

    hydrate(world->feed, &item, 1, on_outcome, &outcome);
    FAKE_ANSWER(FAKE_BODIES, "[nonsense]");
    expect_outcome(&outcome, FEED_OK);
    assert_null(item.frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(the_longest_unused_goes_first_and_the_bytes_are_kept_to),
        WITH_WORLD(it_behaves_like_a_plain_list),
        WITH_WORLD(a_body_larger_than_all_the_room_is_not_kept_but_delivered),
        cmocka_unit_test(only_what_is_missing_is_asked_for_partition_by_partition),
        WITH_WORLD(many_are_fetched_in_several_questions),
        WITH_WORLD(a_deletion_that_arrives_while_a_body_is_fetched_wins),
        WITH_WORLD(a_comment_that_arrives_while_a_body_is_fetched_is_not_forgotten),
        WITH_WORLD(a_share_is_counted_as_of_the_latest_entry),
        cmocka_unit_test(one_lost_answer_fails_it_once_all_are_answered),
        WITH_WORLD(what_is_no_body_is_no_share),
    };

    return cmocka_run_group_tests_name("bodies", tests, NULL, NULL);
}
