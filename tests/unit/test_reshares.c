/* Re-shares: their frames, one entry for an origin and all that is re-shared of it, on streams and in pages, and what becomes of
 * them when the origin is deleted. */
#include "feed_fixture.h"

#include "feed/frames.h"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)

/* The body of a re-share of carl's share; valid until a few more were made. */
static struct text reshare_body(const char *author, uint64_t origin)
{
    static uint8_t bytes[8][256];
    static unsigned turn;
    char name[64], url[] = "http://example.org/", origin_author[] = "carl", comment[] = "Mine.";
    Feed__Share share = FEED__SHARE__INIT, named = FEED__SHARE__INIT;

    snprintf(name, sizeof(name), "%s", author);
    named.id = origin;
    named.author = origin_author;
    share.author = name;
    share.url = url;
    share.comment = comment;
    share.origin = &named;
    turn = (turn + 1) % 8;
    return (struct text){(const char *)bytes[turn], feed__share__pack(&share, bytes[turn])};
}

static struct log_entry reshare_entry(const char *author, uint64_t origin)
{
    struct log_entry entry = fake_entry(LOG_SHARE, author, NULL, 0);

    entry.body = reshare_body(author, origin);
    entry.origin = text_of("\x08\x05\x12\x04" "carl" "\x22\x06" "before"); /* its title, when it was re-shared */
    return entry;
}

static uint64_t tail_reshare(const char *author, uint64_t origin)
{
    struct log_entry entry = reshare_entry(author, origin);

    fake_tail(&entry);
    return entry.id;
}

static void expect_reshare(struct world *world, uint64_t conn, uint64_t id, bool joining)
{
    const Feed__ServerFrame *frame = next_sent(world, conn, 2);

    assert_int_equal(frame->body_case, joining ? FEED__SERVER_FRAME__BODY_RESHARED : FEED__SERVER_FRAME__BODY_SHARED);
    const Feed__Share *share = joining ? frame->reshared->share : frame->shared->share;
    assert_int_equal(share->id, id);
    assert_string_equal(share->comment, "Mine.");
    assert_non_null(share->origin);
    assert_string_equal(share->origin->author, "carl");
}

static void a_frame_keeps_its_origin_under_another_name_and_with_other_counts(void **state)
{
    struct text origin = text_of("\x08\x05\x12\x04" "carl" "\x22\x01" "T");
    struct share_counts counts = {.comments = 3, .reshares = 300};
    uint32_t bytes;

    (void)state;
    for (int named = 0; named < 2; named++) {
        struct frame *plain = frame_of_share(7, reshare_body("bob", 5), NULL, text_of(named ? "Bob" : ""), &bytes);
        struct frame *whole = frame_of_reshare(plain, origin), *joining = frame_of_joining(whole);
        struct frame *renamed = frame_of_share_renamed(whole, text_of("Robert"), &bytes);
        struct frame *revised = frame_of_share_revised(renamed, &counts, (struct text){NULL, 0}, &bytes);
        struct frame *again = frame_of_share_revised(revised, &(struct share_counts){.reshares = 2}, (struct text){NULL, 0}, &bytes);
        Feed__ServerFrame *message = feed__server_frame__unpack(NULL, again->size, again->bytes);
        Feed__ServerFrame *small = feed__server_frame__unpack(NULL, joining->size, joining->bytes);

        assert_non_null(message);
        const Feed__Share *share = message->shared->share;
        assert_int_equal(share->id, 7);
        assert_string_equal(share->author_name, "Robert");
        assert_int_equal(share->comment_count, 0);
        assert_int_equal(share->reshare_count, 2);
        assert_string_equal(share->comment, "Mine.");
        assert_int_equal(share->origin->id, 5);
        assert_string_equal(share->origin->title, "T");
        assert_non_null(small);
        assert_string_equal(small->reshared->share->author_name, named ? "Bob" : "");
        assert_string_equal(small->reshared->share->origin->title, "");
        assert_int_equal(joining->position, 7);
        assert_false(origin_in_frame(plain).data);
        feed__server_frame__free_unpacked(message, NULL);
        feed__server_frame__free_unpacked(small, NULL);
        frame_unref(plain), frame_unref(whole), frame_unref(joining), frame_unref(renamed), frame_unref(revised), frame_unref(again);
    }
}

static void the_origin_is_read_out_of_a_body_and_of_nothing_else(void **state)
{
    static const struct text none[] = {{"", 0},
                                       {"\x5a", 1},
                                       {"\x5a\x00", 2},
                                       {"\x5a\x02\x08\x05", 4},
                                       {"\x5a\x05\x12\x03" "bob", 7},
                                       {"\x5a\x07\x08\x00\x12\x03" "bob", 9},
                                       {"\x5a\x02\x08\xff", 4}};
    struct origin origin;

    (void)state;
    assert_true(origin_of_body(reshare_body("bob", 12345), &origin));
    assert_int_equal(origin.id, 12345);
    assert_memory_equal(origin.author.data, "carl", 4);
    assert_false(origin_of_body(fake_body("bob", "http://example.org/"), &origin));
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_false(origin_of_body(none[i], &origin));
}

static void the_first_one_that_a_stream_is_told_of_is_the_entry(void **state)
{
    struct world *world = *state;
    uint64_t origin = tail_share("carl"), first, second;

    open_home(world, 1, 2, "ann", "[bob dora]");
    open_home(world, 2, 2, "ben", "[dora]");
    open_home(world, 3, 2, "carl", "[bob]");
    first = tail_reshare("bob", origin);
    expect_reshare(world, 3, first, true); /* carl sees his own share */
    expect_reshare(world, 1, first, false);
    second = tail_reshare("dora", origin);
    expect_reshare(world, 1, second, true);
    expect_reshare(world, 2, second, false);
    expect_nothing(world);
    tail_delete("bob", first);
    expect_deletion(world, 3, 2, first);
    expect_deletion(world, 1, 2, first);
    tail_delete("dora", second);
    expect_deletion(world, 1, 2, second);
    expect_deletion(world, 2, 2, second);
    first = tail_reshare("dora", origin);
    expect_reshare(world, 1, first, false);
    expect_reshare(world, 2, first, false);
}

static void who_resumes_out_of_the_ring_is_told_of_one_entry_and_who_joined_it(void **state)
{
    struct world *world = *state;
    uint64_t origin = tail_share("carl"), other = tail_share("carl"), ids[4];
    struct outcome outcome;

    ids[0] = tail_reshare("bob", origin);
    ids[1] = tail_reshare("dora", other);
    ids[2] = tail_reshare("dora", origin);
    ids[3] = tail_reshare("bob", other);
    subscribe(world, 1, 2, false, "ann", token_of(world, &ids[0]), &outcome);
    FAKE_ANSWER(FAKE_READER_LOAD, "[# [bob dora]]", fake.last_id[0]);
    expect_reshare(world, 1, ids[1], false);
    expect_reshare(world, 1, ids[2], true); /* what the token has seen counts */
    expect_reshare(world, 1, ids[3], true);
    expect_caught_up(world, 1, 2);
    tail_delete("carl", origin);
    subscribe(world, 2, 2, false, "ann", token_of(world, &other), &outcome);
    expect_reshare(world, 2, ids[1], false);
    expect_reshare(world, 2, ids[3], true);
    expect_caught_up(world, 2, 2);
}

static void what_a_stream_is_told_of_an_origin_is_what_is_known_of_it_by_then(void **state)
{
    struct world *world = *state;
    struct log_entry shared = fake_entry(LOG_SHARE, "carl", NULL, 0), edit;
    uint64_t before = shared.id, far;
    struct outcome outcome;
    static const char *const titles[] = {"", "T"};

    fake_tail(&shared);
    far = tail_reshare("bob", 6400); /* this daemon has never seen that one */
    tail_reshare("bob", shared.id);
    for (int i = 0; i < 2; i++) {
        subscribe(world, 1, 2, false, "ann", token_of(world, &before), &outcome);
        if (i == 0)
            FAKE_ANSWER(FAKE_READER_LOAD, "[# [bob]]", fake.last_id[0]);
        const Feed__ServerFrame *frame = next_sent(world, 1, 2);
        assert_int_equal(frame->shared->share->id, far);
        assert_string_equal(frame->shared->share->origin->title, "before");
        frame = next_sent(world, 1, 2);
        assert_string_equal(frame->shared->share->origin->title, titles[i]);
        expect_caught_up(world, 1, 2);
        feed_unsubscribe(world->feed, &world->subscribers[1], 2);
        edit = fake_entry(LOG_EDIT, "carl", NULL, shared.id);
        edit.share = shared.id;
        edit.counts.at = edit.id;
        edit.body = text_of("\x12\x04" "carl" "\x22\x01" "T");
        fake_tail(&edit);
    }
}

/* ---- pages ---- */

struct page {
    unsigned count;
    Feed__ErrorCode error;
    size_t items;
    uint64_t ids[8];
    char names[8][64]; /* of those who re-shared it */
};

static void on_page(void *context, Feed__ErrorCode error, const struct feed_page *page)
{
    struct page *read = context;

    read->count++;
    read->error = error;
    read->items = error == FEED_OK ? page->count : 0;
    for (size_t i = 0; i < read->items; i++) {
        uint8_t bytes[1024];
        Feed__Share *share;

        assert_true(item_bytes(&page->items[i]) <= sizeof(bytes));
        item_write(&page->items[i], bytes);
        share = feed__share__unpack(NULL, item_bytes(&page->items[i]), bytes);
        assert_non_null(share);
        read->ids[i] = share->id;
        for (size_t j = 0, used = 0; j < share->n_reshared_by; j++)
            used += (size_t)snprintf(read->names[i] + used, sizeof(read->names[i]) - used, " %s", share->reshared_by[j]);
        feed__share__free_unpacked(share, NULL);
    }
}

static void begin_page(struct world *world, struct page *page, const char *following)
{
    char format[64];

    *page = (struct page){0};
    snprintf(format, sizeof(format), "[# %s]", following);
    feed_read_timeline(world->feed, text_of("ann"), 0, 8, on_page, page);
    FAKE_ANSWER(FAKE_READER_LOAD, format, fake.last_id[0]);
}

static void a_page_folds_re_shares_into_the_entry_that_is_there(void **state)
{
    struct world *world = *state;
    uint64_t origin = tail_share("carl"), gone = 64, first, second;
    struct page page;

    first = tail_reshare("bob", origin);
    second = tail_reshare("dora", origin);
    begin_page(world, &page, "[bob dora emil]");
    FAKE_ANSWER(FAKE_TIMELINE, "[# # 0]", second, first);
    struct fake_call *call = fake_expect(FAKE_SHARERS);
    assert_int_equal(call->count, 1); /* of one origin */
    /* The store knows of one whose profile has dropped it, and of nobody else yet. */
    fake_answer(call, "[[:1 [emil #]]]", gone);
    call = fake_expect(FAKE_BODIES);
    assert_int_equal(call->ids[0], gone);
    fake_answer(call, "[nil nil nil nil]");
    assert_int_equal(page.count, 1);
    assert_int_equal(page.items, 1);
    assert_int_equal(page.ids[0], first);
    assert_string_equal(page.names[0], " emil bob dora");
}

static void who_sees_the_origin_has_the_entry_there(void **state)
{
    struct world *world = *state;
    uint64_t origin = tail_share("carl"), reshare = tail_reshare("bob", origin);
    struct page page;

    begin_page(world, &page, "[bob carl]");
    FAKE_ANSWER(FAKE_TIMELINE, "[# # 0]", reshare, origin);
    FAKE_ANSWER(FAKE_SHARERS, "[[:0 []]]");
    assert_int_equal(page.items, 1);
    assert_int_equal(page.ids[0], origin);
    assert_string_equal(page.names[0], " bob");
}

static void a_page_that_cannot_be_told_who_re_shared_is_no_page(void **state)
{
    struct world *world = *state;
    uint64_t origin = tail_share("carl"), reshare = tail_reshare("bob", origin);
    struct page page;

    begin_page(world, &page, "[bob]");
    FAKE_ANSWER(FAKE_TIMELINE, "[# 0]", reshare);
    FAKE_ANSWER(FAKE_SHARERS, NULL);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.error, FEED__ERROR_CODE__UNAVAILABLE);
}

/* ---- effects ---- */

static void begin_jobs(struct world *world)
{
    fake.handlers->on_jobs_up(fake.context);
    fake_deal(fake_expect(FAKE_JOBS_OWN), NULL, 0);
    feed_turn(world->feed);
}

static void expect_acknowledged(struct world *world)
{
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_JOBS_ACK, ":1");
    assert_int_equal(world->feed->jobs.map.count, 0);
}

/* Deals a share whose author nobody follows, and answers its page and its push. */
static void deal_to_nobody(struct world *world, const struct log_entry *entry)
{
    fake_deal(fake_expect(FAKE_JOBS_NEW), entry, 1);
    FAKE_ANSWER(FAKE_FOLLOWERS_PAGE, "[]");
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_PUSH, ":5");
}

static void a_re_share_is_noted_at_its_origin_and_deleted_if_that_is_gone(void **state)
{
    struct world *world = *state;

    begin_jobs(world);
    for (int is_late = 0; is_late < 2; is_late++) {
        struct log_entry entry = reshare_entry("bob", 6400);

        deal_to_nobody(world, &entry);
        assert_int_equal(fake_waiting(FAKE_NOTE_RESHARE), 0);
        FAKE_ANSWER(FAKE_SHARES_EXIST, ":1");
        feed_turn(world->feed);
        FAKE_ANSWER(FAKE_RECORDS, "[:1 :1]");
        struct fake_call *note = fake_expect(FAKE_NOTE_RESHARE);
        assert_int_equal(note->id, entry.id);
        assert_int_equal(note->until, 6400);
        assert_true(note->limit);
        fake_answer(note, is_late ? "[0 :2]" : "[6464 :0]");
        if (is_late) {
            struct fake_call *deletion = fake_expect(FAKE_DELETE);
            assert_int_equal(deletion->id, entry.id);
            fake_answer(deletion, "[# :0]", entry.id + 64);
        }
        feed_turn(world->feed);
        FAKE_ANSWER(FAKE_SHARES_EXIST, is_late ? ":0" : ":1");
        feed_turn(world->feed);
        if (is_late) {
            FAKE_ANSWER(FAKE_RECORDS, "[:1 :1]");
            note = fake_expect(FAKE_NOTE_RESHARE);
            assert_false(note->limit);
            fake_answer(note, "[0 :2]");
        }
        expect_acknowledged(world);
    }
}

static void a_re_share_that_is_gone_is_not_told_of_again_but_taken_back(void **state)
{
    struct world *world = *state;
    struct log_entry entry = reshare_entry("bob", 6400);

    begin_jobs(world);
    deal_to_nobody(world, &entry);
    FAKE_ANSWER(FAKE_SHARES_EXIST, ":0");
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_RECORDS, "[:1 :1]");
    struct fake_call *note = fake_expect(FAKE_NOTE_RESHARE);
    assert_false(note->limit);
    fake_answer(note, "[0 :1]");
    expect_acknowledged(world);
}

static void a_deleted_share_takes_its_re_shares_along_slice_by_slice(void **state)
{
    struct world *world = *state;
    struct log_entry entry = fake_entry(LOG_DELETE, "carl", NULL, 6400);

    fake.tells_reshares = true;
    entry.body = fake_body("carl", "http://example.org/");
    begin_jobs(world);
    fake_deal(fake_expect(FAKE_JOBS_NEW), &entry, 1);
    feed_turn(world->feed);
    FAKE_ANSWER(FAKE_RECORDS, "[:1 :1]");
    for (int failed = 0; failed < 2; failed++) {
        FAKE_ANSWER(FAKE_RESHARES, "[bob 6464 dora 6528]");
        FAKE_ANSWER(FAKE_DELETE, "[6592 :0]");
        FAKE_ANSWER(FAKE_DELETE, failed ? "[0 :2]" : "!OOM");
        if (failed)
            break;
        assert_int_equal(fake_waiting(FAKE_FORGET_RESHARES), 0); /* it begins again */
        world_tick(world, 500);
        FAKE_ANSWER(FAKE_RECORDS, "[:1 :1]");
    }
    struct fake_call *forget = fake_expect(FAKE_FORGET_RESHARES);
    assert_int_equal(forget->until, 6528);
    fake_answer(forget, ":2");
    FAKE_ANSWER(FAKE_RESHARES, "[]");
    expect_acknowledged(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_keeps_its_origin_under_another_name_and_with_other_counts),
        cmocka_unit_test(the_origin_is_read_out_of_a_body_and_of_nothing_else),
        WITH_WORLD(the_first_one_that_a_stream_is_told_of_is_the_entry),
        WITH_WORLD(who_resumes_out_of_the_ring_is_told_of_one_entry_and_who_joined_it),
        WITH_WORLD(what_a_stream_is_told_of_an_origin_is_what_is_known_of_it_by_then),
        WITH_WORLD(a_page_folds_re_shares_into_the_entry_that_is_there),
        WITH_WORLD(who_sees_the_origin_has_the_entry_there),
        WITH_WORLD(a_page_that_cannot_be_told_who_re_shared_is_no_page),
        WITH_WORLD(a_re_share_is_noted_at_its_origin_and_deleted_if_that_is_gone),
        WITH_WORLD(a_re_share_that_is_gone_is_not_told_of_again_but_taken_back),
        WITH_WORLD(a_deleted_share_takes_its_re_shares_along_slice_by_slice),
    };

    return cmocka_run_group_tests_name("reshares", tests, NULL, NULL);
}
