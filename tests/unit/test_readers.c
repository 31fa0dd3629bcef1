/* Readers in memory: what is loaded, and the edges that come along the log before, while and after. */
#include "feed_fixture.h"

/* What reader_get() answered. */
struct got {
    unsigned count;
    Feed__ErrorCode error;
    struct reader *reader;
    unsigned order; /* as the how-manieth */
};

static unsigned answers;

static void on_reader(void *context, Feed__ErrorCode error, struct reader *reader)
{
    struct got *got = context;

    *got = (struct got){got->count + 1, error, reader, ++answers};
}

static bool follows(const struct world *world, const struct got *got, const char *subject)
{
    uint32_t slot = subject_find(&world->feed->subjects, text_of(subject));

    return slot != NO_SUBJECT && idset_has(&got->reader->following, slot);
}

static void a_reader_is_loaded_once_for_all_who_ask_meanwhile(void **state)
{
    struct world *world = *state;
    struct got got[3] = {0};

    for (int i = 0; i < 3; i++)
        reader_get(world->feed, text_of("ann"), on_reader, &got[i]);
    assert_int_equal(fake_waiting(FAKE_READER_LOAD), 1);
    FAKE_ANSWER(FAKE_READER_LOAD, "[:0 [bob carl]]");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(got[i].count, 1);
        assert_int_equal(got[i].error, FEED_OK);
        assert_true(follows(world, &got[i], "bob"));
        assert_true(follows(world, &got[i], "carl"));
        assert_true(follows(world, &got[i], "ann")); /* own shares are part of the timeline */
        assert_false(follows(world, &got[i], "dan"));
    }
    for (int i = 0; i < 3; i++)
        reader_unpin(world->feed, got[i].reader);

    struct got again = {0};
    reader_get(world->feed, text_of("ann"), on_reader, &again);
    assert_int_equal(fake_waiting(FAKE_READER_LOAD), 0);
    assert_ptr_equal(again.reader, got[0].reader);
    reader_unpin(world->feed, again.reader);
}

static void those_who_asked_first_are_answered_first(void **state)
{
    struct world *world = *state;
    struct got got[4] = {0};

    answers = 0;
    for (int i = 0; i < 4; i++)
        reader_get(world->feed, text_of("ann"), on_reader, &got[i]);
    FAKE_ANSWER(FAKE_READER_LOAD, "[:0 []]");
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(got[i].order, i + 1);
    for (int i = 0; i < 4; i++)
        reader_unpin(world->feed, got[i].reader);
}

static void an_edge_that_comes_during_loading_counts_only_if_it_is_newer_than_what_was_loaded(void **state)
{
    struct world *world = *state;
    struct got got = {0};
    uint64_t old = 1000 * 64, loaded = 1001 * 64, later = 1002 * 64, latest = 1003 * 64;

    reader_get(world->feed, text_of("ann"), on_reader, &got);
    tail_edge(false, "ann", "bob", old);    /* followed again since: what was loaded says so */
    tail_edge(true, "ann", "carl", loaded); /* unfollowed at the very position of the load: not in the set */
    tail_edge(true, "ann", "dan", later);
    tail_edge(false, "ann", "eve", later);
    tail_edge(true, "ann", "fred", later);
    tail_edge(false, "ann", "fred", latest);
    FAKE_ANSWER(FAKE_READER_LOAD, "[# [bob eve]]", loaded);
    assert_true(follows(world, &got, "bob"));
    assert_false(follows(world, &got, "carl"));
    assert_true(follows(world, &got, "dan"));
    assert_false(follows(world, &got, "eve"));
    assert_false(follows(world, &got, "fred"));
    reader_unpin(world->feed, got.reader);
}

static void edges_that_come_afterwards_are_judged_by_the_same_rule(void **state)
{
    struct world *world = *state;
    struct got got = {0};

    reader_get(world->feed, text_of("ann"), on_reader, &got);
    FAKE_ANSWER(FAKE_READER_LOAD, "[# [bob]]", UINT64_C(64064));
    tail_edge(false, "ann", "bob", 64000);
    assert_true(follows(world, &got, "bob"));
    tail_edge(false, "ann", "bob", 64128);
    assert_false(follows(world, &got, "bob"));
    tail_edge(true, "ann", "bob", 64192);
    assert_true(follows(world, &got, "bob"));
    tail_edge(true, "ann", "bob", 64192); /* seen twice */
    assert_true(follows(world, &got, "bob"));
    tail_edge(true, "zoe", "bob", 64256); /* nobody asked for zoe */
    reader_unpin(world->feed, got.reader);
}

static uint64_t kept(const struct world *world, const struct got *got, const char *subject)
{
    uint32_t slot = subject_find(&world->feed->subjects, text_of(subject));

    return slot == NO_SUBJECT ? 0 : kept_until(got->reader, slot);
}

static void tail_unedge(const char *reader, const char *subject, uint64_t version, uint64_t until)
{
    struct log_entry entry = fake_entry(LOG_UNEDGE, subject, reader, version);

    entry.kept = until;
    fake_tail(&entry);
}

static void what_is_kept_is_loaded_and_changed_by_edges_of_either_kind(void **state)
{
    struct world *world = *state;
    struct got got = {0};
    uint64_t loaded = 64064;

    reader_get(world->feed, text_of("ann"), on_reader, &got);
    tail_unedge("ann", "eve", loaded, 6400);       /* what was loaded says more */
    tail_unedge("ann", "fred", loaded + 64, 6464);
    FAKE_ANSWER(FAKE_READER_LOAD, "[# [bob carl fred] [] [] [] [dan 640 eve 704]]", loaded);
    assert_int_equal(kept(world, &got, "dan"), 640);
    assert_int_equal(kept(world, &got, "eve"), 704);
    assert_int_equal(kept(world, &got, "fred"), 6464);
    assert_false(follows(world, &got, "fred"));
    assert_int_equal(kept(world, &got, "bob"), 0);

    uint32_t dan = subject_find(&world->feed->subjects, text_of("dan"));
    assert_true(reader_sees_share(world->feed, got.reader, dan, 640));
    assert_false(reader_sees_share(world->feed, got.reader, dan, 704));
    tail_edge(true, "ann", "dan", loaded + 128); /* followed again: all of it shows */
    assert_true(reader_sees_share(world->feed, got.reader, dan, 704));
    assert_int_equal(kept(world, &got, "dan"), 0);
    for (uint64_t i = 2; i < 40; i++) { /* many, and the same again */
        char name[16];

        snprintf(name, sizeof(name), "s%u", (unsigned)i % 20);
        tail_unedge("ann", name, loaded + 64 * (i + 1), 640 * i);
        assert_int_equal(kept(world, &got, name), 640 * i);
    }
    tail_unedge("ann", "dan", loaded + 64 * 50, 0);
    assert_false(reader_sees_share(world->feed, got.reader, dan, 640));
    tail_unedge("ann", "s7", loaded + 64 * 51, 0); /* kept no longer */
    assert_int_equal(kept(world, &got, "s7"), 0);
    assert_int_equal(kept(world, &got, "s8"), 640 * 28);
    reader_unpin(world->feed, got.reader);
}

static void an_edge_of_a_reader_without_streams_keeps_him_off_the_live_index(void **state)
{
    struct world *world = *state;
    struct got got = {0};

    reader_get(world->feed, text_of("ann"), on_reader, &got);
    FAKE_ANSWER(FAKE_READER_LOAD, "[:0 []]");
    tail_edge(true, "ann", "bob", 64128);
    uint32_t bob = subject_find(&world->feed->subjects, text_of("bob"));
    assert_int_equal(world->feed->subjects.slots[bob]->online.count, 0);
    reader_unpin(world->feed, got.reader);
}

static void a_lost_answer_fails_everybody_who_waited_and_the_next_one_loads_anew(void **state)
{
    static const struct {
        const char *answer;
        Feed__ErrorCode error;
    } cases[] = {
        {NULL, FEED__ERROR_CODE__UNAVAILABLE},
        {"!LOADING", FEED__ERROR_CODE__UNAVAILABLE},
        {"!ERR", FEED__ERROR_CODE__INTERNAL},
    };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct got got[2] = {0};

        reader_get(world->feed, text_of("ann"), on_reader, &got[0]);
        reader_get(world->feed, text_of("ann"), on_reader, &got[1]);
        tail_edge(true, "ann", "bob", 64128);
        FAKE_ANSWER(FAKE_READER_LOAD, cases[i].answer);
        for (int each = 0; each < 2; each++) {
            assert_int_equal(got[each].count, 1);
            assert_int_equal(got[each].error, cases[i].error);
            assert_null(got[each].reader);
        }
    }
    struct got got = {0};
    reader_get(world->feed, text_of("ann"), on_reader, &got);
    FAKE_ANSWER(FAKE_READER_LOAD, "[:0 [carl]]");
    assert_true(follows(world, &got, "carl"));
    assert_false(follows(world, &got, "bob"));
    reader_unpin(world->feed, got.reader);
}

static void a_store_that_takes_no_questions_is_said_at_once(void **state)
{
    struct world *world = *state;
    struct got got = {0};

    fake.refuses[FAKE_READER_LOAD] = true;
    reader_get(world->feed, text_of("ann"), on_reader, &got);
    assert_int_equal(got.count, 1);
    assert_int_equal(got.error, FEED__ERROR_CODE__UNAVAILABLE);
    assert_int_equal(subject_find(&world->feed->subjects, text_of("ann")), NO_SUBJECT);
}

static struct reader *load(struct world *world, const char *name)
{
    struct got got = {0};

    reader_get(world->feed, text_of(name), on_reader, &got);
    if (got.count == 0)
        FAKE_ANSWER(FAKE_READER_LOAD, "[:0 [x y z]]");
    assert_int_equal(got.error, FEED_OK);
    return got.reader;
}

static void readers_nobody_uses_go_longest_unused_first(void **state)
{
    struct feed_settings settings = world_settings;
    struct world *world;

    (void)state;
    world = world_new(&settings, 1);
    struct reader *pinned = load(world, "pinned");
    reader_unpin(world->feed, load(world, "a"));
    settings.reader_bytes = 3 * world->feed->readers.idle_bytes; /* they are all alike */
    world->settings.reader_bytes = settings.reader_bytes;
    reader_unpin(world->feed, load(world, "b"));
    reader_unpin(world->feed, load(world, "c"));
    reader_unpin(world->feed, load(world, "a")); /* used again: now b is the oldest */
    reader_unpin(world->feed, load(world, "d"));
    assert_int_not_equal(subject_find(&world->feed->subjects, text_of("a")), NO_SUBJECT);
    assert_int_equal(subject_find(&world->feed->subjects, text_of("b")), NO_SUBJECT);
    assert_int_not_equal(subject_find(&world->feed->subjects, text_of("c")), NO_SUBJECT);
    assert_int_not_equal(subject_find(&world->feed->subjects, text_of("d")), NO_SUBJECT);
    assert_true(world->feed->readers.idle_bytes <= settings.reader_bytes);
    reader_unpin(world->feed, pinned);
    world_free(world);
}

static void names_are_forgotten_with_the_last_reader_that_follows_them(void **state)
{
    struct feed_settings settings = world_settings;
    struct world *world;

    (void)state;
    settings.reader_bytes = 0;
    world = world_new(&settings, 1);
    struct reader *ann = load(world, "ann"), *ben = load(world, "ben");
    reader_unpin(world->feed, ann);
    assert_int_not_equal(subject_find(&world->feed->subjects, text_of("x")), NO_SUBJECT);
    reader_unpin(world->feed, ben);
    assert_int_equal(world->feed->subjects.count, 0);
    world_free(world);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)

static bool sees(const struct world *world, const struct got *got, const char *subject)
{
    uint32_t slot = subject_find(&world->feed->subjects, text_of(subject));

    return slot != NO_SUBJECT && reader_sees(world->feed, got->reader, slot);
}

static uint64_t tail_hiding(enum log_kind kind, const char *reader, const char *subject)
{
    struct log_entry entry = fake_entry(kind, subject, reader, 0);

    fake_tail(&entry);
    return entry.id;
}

static void what_is_hidden_is_loaded_with_the_reader_and_changed_by_later_entries_alone(void **state)
{
    struct world *world = *state;
    struct got got = {0};
    uint64_t unmute, last;

    reader_get(world->feed, text_of("ann"), on_reader, &got);
    unmute = tail_hiding(LOG_UNMUTE, "ann", "bob"); /* before what is loaded: bob was muted again since */
    last = fake.last_id[0];
    tail_hiding(LOG_MUTE, "ann", "carl");
    tail_hiding(LOG_BAR, "ed", "ann");
    FAKE_ANSWER(FAKE_READER_LOAD, "[# [bob carl dan ed fay gil] [bob] [dan] [fay]]", last);
    assert_true(unmute <= last);
    const char *hidden[] = {"bob", "carl", "dan", "ed", "fay"};
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
        assert_true(follows(world, &got, hidden[i]));
        assert_false(sees(world, &got, hidden[i]));
    }
    assert_true(sees(world, &got, "gil"));
    assert_true(sees(world, &got, "ann"));
    tail_hiding(LOG_UNMUTE, "ann", "bob");
    tail_hiding(LOG_UNBLOCK, "ann", "dan");
    tail_hiding(LOG_UNBAR, "fay", "ann");
    tail_hiding(LOG_UNMUTE, "ann", "ed");
    assert_true(sees(world, &got, "bob"));
    assert_true(sees(world, &got, "dan"));
    assert_true(sees(world, &got, "fay"));
    assert_false(sees(world, &got, "ed"));
    reader_unpin(world->feed, got.reader);
}

static void who_is_not_seen_does_not_list_the_reader(void **state)
{
    struct world *world = *state;
    struct got got = {0};

    reader_get(world->feed, text_of("ann"), on_reader, &got);
    FAKE_ANSWER(FAKE_READER_LOAD, "[:0 [bob carl] [bob]]");
    assert_int_equal(reader_join(world->feed, got.reader), 0);
    const struct subject *bob = world->feed->subjects.slots[subject_find(&world->feed->subjects, text_of("bob"))];
    const struct subject *carl = world->feed->subjects.slots[subject_find(&world->feed->subjects, text_of("carl"))];
    assert_int_equal(bob->online.count, 0);
    assert_int_equal(carl->online.count, 1);
    tail_hiding(LOG_UNMUTE, "ann", "bob");
    tail_hiding(LOG_BLOCK, "ann", "carl");
    assert_int_equal(bob->online.count, 1);
    assert_int_equal(carl->online.count, 0);
    tail_hiding(LOG_UNBLOCK, "ann", "carl");
    assert_int_equal(carl->online.count, 1);
    reader_leave(world->feed, got.reader);
    assert_int_equal(bob->online.count + carl->online.count, 0);
    reader_unpin(world->feed, got.reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_reader_is_loaded_once_for_all_who_ask_meanwhile),
        WITH_WORLD(those_who_asked_first_are_answered_first),
        WITH_WORLD(an_edge_that_comes_during_loading_counts_only_if_it_is_newer_than_what_was_loaded),
        WITH_WORLD(edges_that_come_afterwards_are_judged_by_the_same_rule),
        WITH_WORLD(what_is_kept_is_loaded_and_changed_by_edges_of_either_kind),
        WITH_WORLD(an_edge_of_a_reader_without_streams_keeps_him_off_the_live_index),
        WITH_WORLD(a_lost_answer_fails_everybody_who_waited_and_the_next_one_loads_anew),
        WITH_WORLD(a_store_that_takes_no_questions_is_said_at_once),
        cmocka_unit_test(readers_nobody_uses_go_longest_unused_first),
        cmocka_unit_test(names_are_forgotten_with_the_last_reader_that_follows_them),
        WITH_WORLD(what_is_hidden_is_loaded_with_the_reader_and_changed_by_later_entries_alone),
        WITH_WORLD(who_is_not_seen_does_not_list_the_reader),
    };

    return cmocka_run_group_tests_name("readers", tests, NULL, NULL);
}
