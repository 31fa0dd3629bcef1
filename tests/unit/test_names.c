/* What authors call themselves: when it is asked for, what is newer, and how frames get another name. */
#include "feed_fixture.h"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, names_set_up, world_tear_down)

static int names_set_up(void **state)
{
    int error = world_set_up(state);

    fake.tells_names = true;
    return error;
}

static uint64_t tail_named(enum log_kind kind, const char *subject, const char *name)
{
    struct log_entry entry = fake_entry(kind, subject, NULL, 0);

    entry.name = text_of(name);
    if (kind == LOG_SHARE)
        entry.body = fake_body(subject, "https://example.org/");
    fake_tail(&entry);
    return entry.id;
}

static void assert_named(const struct feed_item *item, const char *name)
{
    const uint8_t *share = item->frame->bytes + item->frame->size - item->share_bytes;
    Feed__Share *read = feed__share__unpack(NULL, item->share_bytes, share);

    assert_non_null(read);
    assert_string_equal(read->author_name, name);
    assert_string_equal(read->url, "https://example.org/");
    assert_true(read->id == item->id);
    feed__share__free_unpacked(read, NULL);
}

static void assert_in_memory_as(struct world *world, uint64_t id, const char *name)
{
    struct feed_item item;

    assert_true(bodies_get(world->feed, id, &item));
    assert_named(&item, name);
    items_done(world->feed, &item, 1);
}

static void fetch(struct world *world, struct feed_item *items, size_t count, struct outcome *outcome)
{
    hydrate(world->feed, items, count, on_outcome, outcome);
    fake_answer(fake_expect(FAKE_BODIES), count == 1 ? "[$]" : "[$ $]", fake_body("bob", "https://example.org/"),
                fake_body("bob", "https://example.org/"));
}

static void a_name_is_asked_for_once_for_all_shares_and_not_again_while_one_is_in_memory(void **state)
{
    struct world *world = *state;
    struct feed_item items[2] = {{.id = 6400}, {.id = 6464}}, another = {.id = 6528};
    struct outcome outcome = {0};

    fetch(world, items, 2, &outcome);
    assert_int_equal(outcome.count, 0);
    struct fake_call *call = fake_expect(FAKE_DESCRIBED);
    assert_string_equal(call->name, "bob");
    assert_int_equal(call->limit, 1);
    fake_answer(call, "[Bob]");
    expect_outcome(&outcome, FEED_OK);
    assert_named(&items[0], "Bob");
    assert_named(&items[1], "Bob");
    items_done(world->feed, items, 2);
    outcome = (struct outcome){0};
    fetch(world, &another, 1, &outcome);
    expect_outcome(&outcome, FEED_OK);
    assert_named(&another, "Bob");
    items_done(world->feed, &another, 1);
}

static void what_the_log_says_is_newer_than_an_answer_that_was_under_way(void **state)
{
    struct world *world = *state;
    struct feed_item item = {.id = 6400};
    struct outcome outcome = {0};

    fetch(world, &item, 1, &outcome);
    tail_named(LOG_SUBJECT, "bob", "Robert");
    FAKE_ANSWER(FAKE_DESCRIBED, "[Bob]");
    expect_outcome(&outcome, FEED_OK);
    assert_named(&item, "Robert");
    items_done(world->feed, &item, 1);
}

static void a_renaming_reaches_every_frame_when_it_is_asked_for(void **state)
{
    struct world *world = *state;
    uint64_t id = tail_named(LOG_SHARE, "bob", "Bob"), revisions = world->feed->revisions;
    size_t bytes = world->feed->bodies.bytes;

    assert_in_memory_as(world, id, "Bob");
    tail_named(LOG_SUBJECT, "bob", "Bob");
    assert_int_equal(world->feed->revisions, revisions);
    tail_named(LOG_SUBJECT, "bob", "A much longer name than before");
    assert_true(world->feed->revisions > revisions);
    assert_in_memory_as(world, id, "A much longer name than before");
    assert_int_equal(world->feed->bodies.bytes, bytes + strlen("A much longer name than before") - strlen("Bob"));
    tail_named(LOG_SUBJECT, "bob", "");
    assert_in_memory_as(world, id, "");
}

static void nobody_s_name_is_kept_whose_shares_are_not_in_memory(void **state)
{
    struct world *world = *state;
    struct feed_item item = {.id = 6400};
    struct outcome outcome = {0};
    uint32_t bob;

    fetch(world, &item, 1, &outcome);
    FAKE_ANSWER(FAKE_DESCRIBED, "[Bob]");
    bob = subject_ref(&world->feed->subjects, item.author);
    items_done(world->feed, &item, 1);
    assert_int_not_equal(name_stamp(world->feed, bob), 0);
    bodies_drop(world->feed, 6400);
    assert_int_equal(name_stamp(world->feed, bob), 0);
    tail_named(LOG_SUBJECT, "bob", "Robert");
    assert_int_equal(name_stamp(world->feed, bob), 0);
    subject_unref(&world->feed->subjects, bob);
}

static void a_share_that_is_deleted_while_its_authors_name_is_asked_for_is_none(void **state)
{
    struct world *world = *state;
    struct feed_item item = {.id = 6400};
    struct outcome outcome = {0};

    fetch(world, &item, 1, &outcome);
    tail_delete("bob", 6400);
    FAKE_ANSWER(FAKE_DESCRIBED, "[Bob]");
    expect_outcome(&outcome, FEED_OK);
    assert_null(item.frame);
    assert_false(bodies_get(world->feed, 6400, &item));
}

static void a_name_that_cannot_be_told_is_no_empty_name(void **state)
{
    struct world *world = *state;
    struct feed_item item = {.id = 6400};
    struct outcome outcome = {0};

    fetch(world, &item, 1, &outcome);
    FAKE_ANSWER(FAKE_DESCRIBED, NULL);
    expect_outcome(&outcome, FEED__ERROR_CODE__UNAVAILABLE);
    items_done(world->feed, &item, 1);
    item.id = 6464;
    outcome = (struct outcome){0};
    fake.refuses[FAKE_DESCRIBED] = true;
    fetch(world, &item, 1, &outcome);
    expect_outcome(&outcome, FEED__ERROR_CODE__UNAVAILABLE);
    items_done(world->feed, &item, 1);
}

static void a_body_without_a_name_that_is_known_is_not_kept(void **state)
{
    struct world *world = *state;
    struct log_entry entry = fake_entry(LOG_SHARE, "bob", NULL, 0);
    struct feed_item item;

    entry.name = (struct text){NULL, 0}; /* as an earlier version wrote it */
    fake_tail(&entry);
    assert_false(bodies_get(world->feed, entry.id, &item));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_name_is_asked_for_once_for_all_shares_and_not_again_while_one_is_in_memory),
        WITH_WORLD(what_the_log_says_is_newer_than_an_answer_that_was_under_way),
        WITH_WORLD(a_renaming_reaches_every_frame_when_it_is_asked_for),
        WITH_WORLD(nobody_s_name_is_kept_whose_shares_are_not_in_memory),
        WITH_WORLD(a_share_that_is_deleted_while_its_authors_name_is_asked_for_is_none),
        WITH_WORLD(a_name_that_cannot_be_told_is_no_empty_name),
        WITH_WORLD(a_body_without_a_name_that_is_known_is_not_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
