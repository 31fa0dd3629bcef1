/* Dialogues over the fake store: who is told of comments, and what a store that fails in the middle does to catching up. */
#include "feed_fixture.h"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)

static const struct text no_token = {NULL, 0};

/* A comment that the tail sees as a part of a batch: what is counted are comments by carl. */
static uint64_t part_comment(uint64_t share, uint32_t count)
{
    struct log_entry entry = fake_entry(LOG_COMMENT, "bob", "carl", 0);

    entry.share = share;
    entry.counts = (struct share_counts){.at = entry.id, .comments = count};
    entry.body = text_of("\x12\x04" "carl" "\x2a\x02" "Hm");
    fake_tail_part(&entry);
    return entry.id;
}

static uint64_t tail_comment(uint64_t share, uint32_t count)
{
    uint64_t id = part_comment(share, count);

    fake_tail_end(1);
    return id;
}

static uint64_t tail_uncomment(uint64_t share, uint64_t comment)
{
    struct log_entry entry = fake_entry(LOG_UNCOMMENT, "bob", NULL, comment);

    entry.share = share;
    entry.counts = (struct share_counts){.at = entry.id, .comments = 0};
    fake_tail(&entry);
    fake_tail_end(1);
    return entry.id;
}

static void open_stream(struct world *world, uint64_t conn, uint32_t request_id, struct feed_stream of, struct text token)
{
    struct outcome outcome = {0};

    feed_subscribe(world->feed, &world->subscribers[conn], request_id, &of, token, on_outcome, &outcome);
    expect_outcome(&outcome, FEED_OK);
}

static void open_dialogue(struct world *world, uint64_t conn, uint32_t request_id, uint64_t share, struct text token)
{
    open_stream(world, conn, request_id, (struct feed_stream){.kind = STREAM_DIALOGUE, .subject = {"", 0}, .share = share}, token);
}

static void open_around(struct world *world, uint64_t conn, uint32_t request_id, struct text token)
{
    open_stream(world, conn, request_id, (struct feed_stream){.kind = STREAM_AROUND, .subject = text_of("bob")}, token);
}

static void expect_comment(struct world *world, uint64_t conn, uint32_t request_id, uint64_t id)
{
    const Feed__ServerFrame *frame = next_sent(world, conn, request_id);

    assert_int_equal(frame->body_case, FEED__SERVER_FRAME__BODY_COMMENTED);
    assert_int_equal(frame->commented->comment->id, id);
    assert_string_equal(frame->commented->comment->commenter, "carl");
    assert_string_equal(frame->commented->comment->text, "Hm");
    assert_string_equal(frame->commented->author, "bob");
}

static void expect_comment_deletion(struct world *world, uint64_t conn, uint32_t request_id, uint64_t comment)
{
    const Feed__ServerFrame *frame = next_sent(world, conn, request_id);

    assert_int_equal(frame->body_case, FEED__SERVER_FRAME__BODY_COMMENT_DELETED);
    assert_int_equal(frame->comment_deleted->comment_id, comment);
}

/* What the ring does not hold any more has to be asked for. */
static void empty_ring(struct world *world)
{
    world_applied(world);
    world->settings.ring_bytes = 0;
    tail_edge(true, "x", "y", 64);
    world->settings.ring_bytes = world_settings.ring_bytes;
}

/* ---- live ---- */

static void each_stream_is_told_of_what_concerns_it(void **state)
{
    struct world *world = *state;
    uint64_t share = tail_share("bob"), other = tail_share("bob");

    open_dialogue(world, 1, 10, share, no_token);
    expect_caught_up(world, 1, 10);
    open_around(world, 2, 20, no_token);
    expect_caught_up(world, 2, 20);
    open_home(world, 3, 30, "ann", "[bob]");
    uint64_t here = part_comment(share, 1), next = part_comment(other, 1);
    struct log_entry shared = fake_entry(LOG_SHARE, "bob", NULL, 0);
    fake_tail_part(&shared);
    uint64_t last = part_comment(share, 2);
    fake_tail_end(4); /* all of it is one run */
    expect_comment(world, 2, 20, here);
    expect_comment(world, 2, 20, next);
    expect_comment(world, 2, 20, last);
    expect_share(world, 3, 30, shared.id);
    expect_comment(world, 1, 10, here);
    expect_comment(world, 1, 10, last);
    expect_nothing(world);
}

static void a_dialogue_ends_with_its_share_and_its_streams_say_so(void **state)
{
    struct world *world = *state;
    uint64_t share = tail_share("bob");

    open_dialogue(world, 1, 10, share, no_token);
    expect_caught_up(world, 1, 10);
    open_dialogue(world, 1, 11, share, no_token); /* two of one share */
    expect_caught_up(world, 1, 11);
    uint64_t comment = tail_comment(share, 1);
    expect_comment(world, 1, 11, comment);
    expect_comment(world, 1, 10, comment);
    assert_true(feed_unsubscribe(world->feed, &world->subscribers[1], 11));
    tail_uncomment(share, comment);
    expect_comment_deletion(world, 1, 10, comment);
    tail_delete("bob", share);
    expect_deletion(world, 1, 10, share);
    assert_true(feed_unsubscribe(world->feed, &world->subscribers[1], 10));
    assert_int_equal(world->feed->shares_streamed.count, 0);
    tail_comment(share, 1); /* which nobody hears */
    expect_nothing(world);
}

static void who_comes_back_is_not_told_of_what_is_gone(void **state)
{
    struct world *world = *state;
    uint64_t share = tail_share("bob"), positions[1] = {share};
    uint64_t seen = tail_comment(share, 1);

    positions[0] = seen;
    uint64_t brief = tail_comment(share, 2), kept = tail_comment(share, 3);
    tail_uncomment(share, brief);
    open_dialogue(world, 1, 10, share, token_of(world, positions));
    expect_comment(world, 1, 10, kept);
    expect_comment_deletion(world, 1, 10, brief); /* it may have come after the token */
    expect_caught_up(world, 1, 10);
    expect_nothing(world);
}

static void a_share_that_is_not_there_has_no_stream(void **state)
{
    struct world *world = *state;
    struct outcome outcome = {0};
    struct feed_stream of = {.kind = STREAM_DIALOGUE, .subject = {"", 0}, .share = 6400};

    feed_subscribe(world->feed, &world->subscribers[1], 10, &of, no_token, on_outcome, &outcome);
    FAKE_ANSWER(FAKE_BODIES, "[nil nil]");
    expect_outcome(&outcome, FEED__ERROR_CODE__NOT_FOUND);
    assert_int_equal(world->subscribers[1].count, 0);
}

/* ---- out of the store ---- */

/* Up to two comments, one after the other. */
static void answer_dialogue(uint64_t first, int count)
{
    struct text held = text_of("0 \x12\x04" "carl" "\x2a\x02" "Hm");

    if (count == 1)
        FAKE_ANSWER(FAKE_DIALOGUE, "[:1 nil [# $]]", first, held);
    else
        FAKE_ANSWER(FAKE_DIALOGUE, "[:1 nil [# $ # $]]", first, held, first + 64, held);
}

static void a_store_that_fails_in_the_middle_is_asked_again_and_nothing_is_doubled(void **state)
{
    struct world *world = *state;
    uint64_t share = tail_share("bob"), positions[1] = {share};
    uint64_t first = tail_comment(share, 1);

    tail_comment(share, 2);
    empty_ring(world);
    open_dialogue(world, 1, 10, share, token_of(world, positions));
    FAKE_ANSWER(FAKE_DIALOGUE, NULL);
    world_tick(world, 50);
    answer_dialogue(first, 2);
    FAKE_ANSWER(FAKE_DELETIONS, "!LOADING");
    world_tick(world, 50);
    answer_dialogue(first, 2);
    FAKE_ANSWER(FAKE_DELETIONS, "[0 []]");
    expect_comment(world, 1, 10, first);
    expect_comment(world, 1, 10, first + 64);
    expect_caught_up(world, 1, 10);
    expect_nothing(world);
}

static void a_stream_that_ends_while_it_collects_leaves_nothing(void **state)
{
    struct world *world = *state;
    uint64_t share = tail_share("bob"), positions[1] = {share};
    uint64_t first = tail_comment(share, 1);

    empty_ring(world);
    open_dialogue(world, 1, 10, share, token_of(world, positions));
    open_around(world, 1, 11, token_of(world, positions));
    feed_subscriber_done(world->feed, &world->subscribers[1]);
    answer_dialogue(first, 1);
    FAKE_ANSWER(FAKE_AROUND, NULL);
    expect_nothing(world);
}

static void what_was_dropped_around_a_subject_is_a_gap(void **state)
{
    struct world *world = *state;
    uint64_t share = tail_share("bob"), positions[1] = {share};
    uint64_t dropped = tail_comment(share, 1), kept = tail_comment(share, 2), gone = tail_comment(share, 3);
    char member[48], brief[48];

    snprintf(member, sizeof(member), "%llu:%llu", (unsigned long long)kept, (unsigned long long)share);
    snprintf(brief, sizeof(brief), "%llu:%llu", (unsigned long long)gone, (unsigned long long)share);
    empty_ring(world);
    open_around(world, 1, 10, token_of(world, positions));
    FAKE_ANSWER(FAKE_AROUND, "[capped # nil $ # $ $ # nil]", dropped, text_of(member), kept,
                text_of("0 \x12\x04" "carl" "\x2a\x02" "Hm"), text_of(brief), gone);
    FAKE_ANSWER(FAKE_DELETIONS, "[0 []]");
    expect_gap(world, 1, 10, FEED__GAP_REASON__GAP_CAPPED);
    expect_comment(world, 1, 10, kept);
    expect_caught_up(world, 1, 10);
    expect_nothing(world);
}

/* ---- saying and taking back ---- */

static void a_comment_is_answered_once_whatever_becomes_of_it(void **state)
{
    struct world *world = *state;
    struct feed_comment comment = {.commenter = text_of("carl"), .share = tail_share("bob"), .body = text_of("body")};
    static const struct {
        const char *answer;
        Feed__ErrorCode error;
    } answers[] = {
        {"[6400 :0]", FEED_OK},
        {"[6400 :1]", FEED_OK},
        {"[0 :2]", FEED__ERROR_CODE__NOT_FOUND},
        {"[0 :3]", FEED__ERROR_CODE__FORBIDDEN},
        {"[0 :4]", FEED__ERROR_CODE__LIMIT_EXCEEDED},
        {"[0 :5]", FEED__ERROR_CODE__INVALID},
        {"!OOM", FEED__ERROR_CODE__UNAVAILABLE},
        {NULL, FEED__ERROR_CODE__OUTCOME_UNKNOWN},
    };
    struct outcome outcome;

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        outcome = (struct outcome){0};
        feed_comment(world->feed, &comment, on_write, &outcome);
        fake_answer(fake_expect(FAKE_COMMENT), answers[i].answer);
        if (answers[i].error == FEED_OK)
            FAKE_ANSWER(FAKE_COMMENTED, ":1");
        expect_outcome(&outcome, answers[i].error);
        assert_int_equal(outcome.repeated, i == 1);
    }
    outcome = (struct outcome){0};
    feed_comment(world->feed, &comment, on_write, &outcome);
    FAKE_ANSWER(FAKE_COMMENT, "[6400 :0]");
    FAKE_ANSWER(FAKE_COMMENTED, "!OOM"); /* the comment is there all the same */
    expect_outcome(&outcome, FEED__ERROR_CODE__OUTCOME_UNKNOWN);
    outcome = (struct outcome){0};
    feed_delete_comment(world->feed, text_of("eve"), comment.share, 6400, on_write, &outcome);
    FAKE_ANSWER(FAKE_UNCOMMENT, "[0 :3]");
    expect_outcome(&outcome, FEED__ERROR_CODE__FORBIDDEN);
    fake.refuses[FAKE_COMMENT] = true;
    outcome = (struct outcome){0};
    feed_comment(world->feed, &comment, on_write, &outcome);
    expect_outcome(&outcome, FEED__ERROR_CODE__UNAVAILABLE);
    comment.share = 6400; /* which nobody made */
    outcome = (struct outcome){0};
    feed_comment(world->feed, &comment, on_write, &outcome);
    FAKE_ANSWER(FAKE_BODIES, "[nil nil]");
    expect_outcome(&outcome, FEED__ERROR_CODE__NOT_FOUND);
}

static void a_reply_is_said_when_it_is_known_whether_the_two_may_talk(void **state)
{
    struct world *world = *state;
    struct feed_comment reply = {
        .commenter = text_of("carl"), .share = tail_share("bob"), .parent = 6400, .body = text_of("body")};
    static const struct {
        const char *answer;
        bool is_barred;
    } answers[] = {{":0", false}, {":1", true}};
    struct outcome outcome;

    for (size_t i = 0; i < 2; i++) {
        outcome = (struct outcome){0};
        feed_comment(world->feed, &reply, on_write, &outcome);
        FAKE_ANSWER(FAKE_ASK_COMMENT, "0_\x12\x03" "eve");
        struct fake_call *bars = fake_expect(FAKE_BARS);
        assert_string_equal(bars->name, "carl");
        fake_answer(bars, answers[i].answer);
        struct fake_call *committed = fake_expect(FAKE_COMMENT);
        assert_int_equal(committed->limit, answers[i].is_barred);
        fake_answer(committed, "[6464 :0]");
        struct fake_call *noted = fake_expect(FAKE_COMMENTED);
        assert_true(noted->id == 6464 && noted->until == reply.share && noted->limit == 1);
        fake_answer(noted, ":1");
        expect_outcome(&outcome, FEED_OK);
    }
    outcome = (struct outcome){0};
    feed_comment(world->feed, &reply, on_write, &outcome);
    FAKE_ANSWER(FAKE_ASK_COMMENT, "nil");
    FAKE_ANSWER(FAKE_COMMENT, "[0 :5]");
    expect_outcome(&outcome, FEED__ERROR_CODE__INVALID);
    outcome = (struct outcome){0};
    feed_comment(world->feed, &reply, on_write, &outcome);
    FAKE_ANSWER(FAKE_ASK_COMMENT, "0_\x12\x03" "eve");
    FAKE_ANSWER(FAKE_BARS, NULL);
    expect_outcome(&outcome, FEED__ERROR_CODE__UNAVAILABLE);
    expect_nothing(world);
}

static void a_deletion_is_forgotten_where_whoever_commented_is_at_home(void **state)
{
    static const struct {
        const char *answer, *name;
        Feed__ErrorCode error;
    } answers[] = {
        {"[6464 :0 \x12\x04" "carl]", "carl", FEED_OK}, /* the share's author deletes it */
        {"[6464 :1]", "bob", FEED_OK},
        {"[0 :2]", "bob", FEED__ERROR_CODE__NOT_FOUND},
    };
    struct world *world = *state;
    uint64_t share = tail_share("bob");

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct outcome outcome = {0};

        feed_delete_comment(world->feed, text_of("bob"), share, 6400, on_write, &outcome);
        fake_answer(fake_expect(FAKE_UNCOMMENT), answers[i].answer);
        struct fake_call *forgotten = fake_expect(FAKE_COMMENTED);
        assert_string_equal(forgotten->name, answers[i].name);
        assert_true(forgotten->id == 6400 && forgotten->limit == 0);
        fake_answer(forgotten, ":1");
        expect_outcome(&outcome, answers[i].error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(each_stream_is_told_of_what_concerns_it),
        WITH_WORLD(a_dialogue_ends_with_its_share_and_its_streams_say_so),
        WITH_WORLD(who_comes_back_is_not_told_of_what_is_gone),
        WITH_WORLD(a_share_that_is_not_there_has_no_stream),
        WITH_WORLD(a_store_that_fails_in_the_middle_is_asked_again_and_nothing_is_doubled),
        WITH_WORLD(a_stream_that_ends_while_it_collects_leaves_nothing),
        WITH_WORLD(what_was_dropped_around_a_subject_is_a_gap),
        WITH_WORLD(a_comment_is_answered_once_whatever_becomes_of_it),
        WITH_WORLD(a_deletion_is_forgotten_where_whoever_commented_is_at_home),
        WITH_WORLD(a_reply_is_said_when_it_is_known_whether_the_two_may_talk),
    };

    return cmocka_run_group_tests_name("dialogue", tests, NULL, NULL);
}
