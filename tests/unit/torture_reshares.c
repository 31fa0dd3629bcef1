/* Re-shares when memory ends: whatever fails is refused, or done when it is asked for again. A page has one entry for an origin and
 * tells who re-shared it, and a stream is told of each re-share, or of a Gap; a job ends when all that it is to do is done. */
#include "feed_fixture.h"
#include "torture.h"

#include "feed/frames.h"

#define RESHARES 3

static const char *const authors[RESHARES] = {"bob", "dora", "emil"};

static struct {
    uint64_t origin;
    uint64_t ids[RESHARES];
    bool fetches; /* bodies are asked for, and the store knows who has re-shared */
    unsigned deleted;
} scene;

static struct text body_of(uint64_t id)
{
    static uint8_t bytes[4][256];
    static unsigned turn;
    char name[64] = "carl", url[] = "http://example.org/", origin_author[] = "carl";
    Feed__Share share = FEED__SHARE__INIT, named = FEED__SHARE__INIT;

    for (int i = 0; i < RESHARES; i++)
        if (scene.ids[i] == id)
            snprintf(name, sizeof(name), "%s", authors[i]);
    named.id = scene.origin;
    named.author = origin_author;
    share.author = name;
    share.url = url;
    if (id != scene.origin)
        share.origin = &named;
    turn = (turn + 1) % 4;
    return (struct text){(const char *)bytes[turn], feed__share__pack(&share, bytes[turn])};
}

static struct log_entry entry_of(int index)
{
    struct log_entry entry = fake_entry(LOG_SHARE, authors[index], NULL, 0);

    scene.ids[index] = entry.id;
    entry.body = body_of(entry.id);
    entry.origin = body_of(scene.origin);
    return entry;
}

/* ---- a store that answers ---- */

static void answer_bodies(struct fake_call *call)
{
    struct text bodies[4] = {{"", 0}, {"", 0}, {"", 0}, {"", 0}};
    char shape[64] = "[";

    assert_true(call->count <= 4);
    for (size_t i = 0; i < call->count; i++) {
        bodies[i] = body_of(call->ids[i]);
        strncat(shape, " $", sizeof(shape) - strlen(shape) - 1);
    }
    for (size_t i = 0; i < call->count; i++)
        strncat(shape, " nil", sizeof(shape) - strlen(shape) - 1);
    strncat(shape, "]", sizeof(shape) - strlen(shape) - 1);
    fake_answer(call, shape, bodies[0], bodies[1], bodies[2], bodies[3]);
}

/* Of each entry that is asked for, all of them are of the one origin. */
static void answer_sharers(struct fake_call *call)
{
    char shape[256] = "[";

    for (size_t i = 0; i < call->count; i++)
        strncat(shape, scene.fetches ? "[:3 [emil # dora # bob #]]" : "[:0 []]", sizeof(shape) - strlen(shape) - 1);
    strncat(shape, "]", sizeof(shape) - strlen(shape) - 1);
    assert_true(call->count <= 4);
    const uint64_t *ids = scene.ids;
    fake_answer(call, shape, ids[2], ids[1], ids[0], ids[2], ids[1], ids[0], ids[2], ids[1], ids[0], ids[2], ids[1], ids[0]);
}

static void answer_reader(struct fake_call *call)
{
    fake_answer(call, "[# [bob dora emil]]", fake.last_id[0]);
}

static void answer_timeline(struct fake_call *call)
{
    fake_answer(call, "[# # # 0]", scene.ids[2], scene.ids[1], scene.ids[0]);
}

static void answer_delete(struct fake_call *call)
{
    scene.deleted++;
    fake_answer(call, "[# :0]", call->id + 64);
}

static void answer_reshares(struct fake_call *call)
{
    if (scene.deleted >= RESHARES)
        fake_answer(call, "[]");
    else
        fake_answer(call, "[bob # dora # emil #]", scene.ids[0], scene.ids[1], scene.ids[2]);
}

static void serve(struct world *world)
{
    static const struct {
        enum fake_op op;
        void (*answer)(struct fake_call *call);
        const char *constant;
    } rows[] = {
        {FAKE_BODIES, answer_bodies, NULL},       {FAKE_SHARERS, answer_sharers, NULL},
        {FAKE_READER_LOAD, answer_reader, NULL},  {FAKE_TIMELINE, answer_timeline, NULL},
        {FAKE_DELETE, answer_delete, NULL},       {FAKE_RESHARES, answer_reshares, NULL},
        {FAKE_RECORDS, NULL, "[:1 :1]"},          {FAKE_SHARES_EXIST, NULL, ":1"},
        {FAKE_NOTE_RESHARE, NULL, "[6464 :0]"},   {FAKE_FORGET_RESHARES, NULL, ":3"},
        {FAKE_FOLLOWERS_PAGE, NULL, "[]"},        {FAKE_PUSH, NULL, ":5"},
        {FAKE_JOBS_ACK, NULL, ":1"},              {FAKE_DELETIONS, NULL, "[0 []]"},
        {FAKE_JOB_FORGET, NULL, ":1"},
    };

    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
            while (fake_waiting(rows[i].op) > 0) {
                if (rows[i].answer)
                    rows[i].answer(fake_expect(rows[i].op));
                else
                    FAKE_ANSWER(rows[i].op, rows[i].constant);
            }
        feed_turn(world->feed);
    }
}

static void settle(struct world *world)
{
    for (int tick = 0; tick < 8; tick++) {
        serve(world);
        for (uint64_t conn = 0; conn < CONNS; conn++) {
            drain(world, conn);
            feed_subscriber_heartbeat(world->feed, &world->subscribers[conn]);
        }
        world_tick(world, 200);
    }
    serve(world);
}

/* ---- what is there ---- */

struct page {
    struct outcome outcome;
    size_t count;
    uint64_t id;
    size_t names, bytes;
};

static void on_page(void *context, Feed__ErrorCode error, const struct feed_page *read)
{
    struct page *page = context;

    on_outcome(&page->outcome, error);
    page->count = error == FEED_OK ? read->count : 0;
    for (size_t i = 0; i < page->count; i++) {
        uint8_t bytes[1024];
        Feed__Share *share;

        item_write(&read->items[i], bytes);
        share = feed__share__unpack(NULL, item_bytes(&read->items[i]), bytes);
        assert_non_null(share);
        page->id = share->id;
        page->names = share->n_reshared_by;
        assert_non_null(share->origin);
        assert_string_equal(share->origin->url, "http://example.org/");
        feed__share__free_unpacked(share, NULL);
    }
}

/* One entry, with all three names. */
static void must_read(struct world *world, bool also)
{
    struct page page;

    do {
        page = (struct page){0};
        (also ? feed_read_timeline_also : feed_read_timeline)(world->feed, text_of("ann"), 0, 8, on_page, &page);
        settle(world);
        assert_int_equal(page.outcome.count, 1);
        if (page.outcome.error != FEED_OK) {
            assert_true(torture_struck());
            assert_int_equal(page.outcome.error, FEED__ERROR_CODE__UNAVAILABLE);
        }
    } while (page.outcome.error != FEED_OK);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.id, scene.ids[0]);
    assert_int_equal(page.names, RESHARES);
}

static struct world *begin(size_t ring_bytes)
{
    struct feed_settings settings = world_settings;
    struct log_entry origin;
    struct world *world;

    torture_pause();
    memset(&scene, 0, sizeof(scene));
    settings.ring_bytes = ring_bytes;
    world = world_new(&settings, 1);
    origin = fake_entry(LOG_SHARE, "carl", NULL, 0);
    scene.origin = origin.id;
    origin.body = body_of(origin.id);
    fake_tail(&origin);
    torture_resume();
    return world;
}

static void tail_all(void)
{
    for (int i = 0; i < RESHARES; i++) {
        struct log_entry entry = entry_of(i);

        fake_tail(&entry);
    }
}

static void read_pages(void)
{
    struct world *world = begin(1 << 20);

    torture_pause();
    tail_all();
    torture_resume();
    must_read(world, false);
    must_read(world, true);
    scene.fetches = true;
    bodies_done(world->feed);
    must_read(world, false);
    world_free(world);
}

static void pages_are_right_or_refused(void **state)
{
    (void)state;
    torture("a page folds re-shares", read_pages, 20);
}

/* What stream 1 was told of each re-share, and of Gaps. */
static void expect_told(struct world *world, uint64_t conn)
{
    unsigned entries = 0, told = 0, gaps = 0;

    for (size_t i = 0; i < world->sent_count; i++) {
        const struct sent *sent = &world->sent[i];

        if (sent->conn != conn)
            continue;
        entries += sent->frame->body_case == FEED__SERVER_FRAME__BODY_SHARED;
        told += sent->frame->body_case == FEED__SERVER_FRAME__BODY_SHARED || sent->frame->body_case == FEED__SERVER_FRAME__BODY_RESHARED;
        gaps += sent->frame->body_case == FEED__SERVER_FRAME__BODY_GAP;
    }
    assert_true(gaps > 0 || told == RESHARES);
    assert_true(gaps > 0 || entries == 1 || torture_struck());
}

static void watch(void)
{
    struct world *world = begin(1 << 20);

    torture_pause();
    open_home(world, 1, 2, "ann", "[bob dora emil]");
    torture_resume();
    tail_all();
    settle(world);
    expect_told(world, 1);
    world_free(world);
}

static void live_streams_are_told_or_say_gap(void **state)
{
    (void)state;
    torture("re-shares are told live", watch, 15);
}

static void come_back(void)
{
    struct world *world = begin(1);
    struct outcome outcome;

    torture_pause();
    tail_all();
    world_applied(world);
    tail_share("zoe"); /* and the ring forgets */
    scene.fetches = true;
    bodies_done(world->feed);
    torture_resume();
    do {
        subscribe(world, 1, 2, false, "ann", token_of(world, &scene.origin), &outcome);
        settle(world);
        assert_true(outcome.error == FEED_OK || torture_struck());
    } while (outcome.error != FEED_OK);
    settle(world);
    expect_told(world, 1);
    world_free(world);
}

static void who_comes_back_is_told_out_of_the_store(void **state)
{
    (void)state;
    torture("re-shares are caught up with", come_back, 20);
}

/* The share job of a re-share, and the deletion of an origin. */
static void carry_out(void)
{
    struct world *world = begin(1 << 20);
    struct log_entry entries[2];

    torture_pause();
    fake.tells_reshares = true;
    fake.handlers->on_jobs_up(fake.context);
    fake_deal(fake_expect(FAKE_JOBS_OWN), NULL, 0);
    feed_turn(world->feed);
    entries[0] = entry_of(0);
    entries[1] = fake_entry(LOG_DELETE, "carl", NULL, scene.origin);
    entries[1].body = body_of(scene.origin);
    torture_resume();
    fake_deal(fake_expect(FAKE_JOBS_NEW), entries, 2);
    settle(world);
    assert_int_equal(world->feed->jobs.map.count, 0);
    assert_true(scene.deleted >= RESHARES || torture_struck());
    world_free(world);
}

static void jobs_end_when_all_is_done(void **state)
{
    (void)state;
    torture("re-shares are noted and deleted", carry_out, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TORTURE(pages_are_right_or_refused),
        TORTURE(live_streams_are_told_or_say_gap),
        TORTURE(who_comes_back_is_told_out_of_the_store),
        TORTURE(jobs_end_when_all_is_done),
    };

    return cmocka_run_group_tests_name("torture of re-shares", tests, NULL, NULL);
}
