/* See feed_fixture.h. */
#include "feed_fixture.h"

#include <event2/event.h>

#include "framing.h"

#define DAEMON_ID "00000000000000aa"

const struct feed_settings world_settings = {
    .backfill = 100,
    .timeline_cap = 800,
    .timeline_slack = 200,
    .timeline_idle_ttl_s = 2592000,
    .push_window = 1024,
    .push_quantum = 512,
    .claim_after_ms = 60000,
    .lag_limit_ms = 60000,
    .ring_bytes = 1 << 20,
    .body_bytes = 1 << 20,
    .reader_bytes = 1 << 20,
};

static void write_down(struct world *world, struct sent sent, const uint8_t *bytes, size_t size)
{
    assert_true(sent.conn < CONNS && world->sent_count < SENT_MAX);
    sent.frame = feed__server_frame__unpack(NULL, size, bytes);
    assert_non_null(sent.frame);
    world->sent[world->sent_count++] = sent;
}

/* Each frame of a whole one by itself; they state the request id themselves. */
static void write_down_whole(struct world *world, struct sent sent, const struct frame *frame)
{
    size_t header, body;

    for (size_t at = 0; at < frame->size; at += header + body) {
        assert_int_equal(framing_read_length(frame->bytes + at, frame->size - at, frame->size, &header, &body), 1);
        write_down(world, sent, frame->bytes + at + header, body);
        assert_int_equal(world->sent[world->sent_count - 1].frame->request_id, sent.request_id);
    }
}

static size_t outlet_send(void *context, uint64_t conn, uint32_t request_id, uint32_t stream, struct frame *frame)
{
    struct world *world = context;
    struct sent sent = {.conn = conn, .request_id = request_id, .stream = stream, .position = frame->position};

    if (frame->is_whole)
        write_down_whole(world, sent, frame);
    else
        write_down(world, sent, frame->bytes, frame->size);
    world->sends++;
    world->queued[conn] += frame->size;
    return world->queued[conn];
}

static size_t outlet_queued(void *context, uint64_t conn)
{
    return ((struct world *)context)->queued[conn];
}

static void on_ready(void *context)
{
    ((struct world *)context)->ready++;
}

static void on_refused(void *context, const char *explanation)
{
    (void)context;
    fail_msg("the store was refused: %s", explanation);
}

static const struct feed_events events = {on_ready, on_refused};

struct world *world_new(const struct feed_settings *settings, unsigned partitions)
{
    struct world *world = calloc(1, sizeof(*world));
    struct store_settings store_settings = {.partitions = partitions, .daemon_id = DAEMON_ID};

    assert_non_null(world);
    fake = (struct fake_store){.ready = true, .bulk_up = true, .tail_up = true, .jobs_up = true, .epoch = 77, .mark = 1001};
    world->outlet = (struct feed_outlet){outlet_send, outlet_queued, SIZE_MAX};
    for (uint64_t conn = 0; conn < CONNS; conn++)
        world->subscribers[conn].conn = conn;
    world->base = event_base_new();
    world->settings = *settings;
    world->feed = feed_new(world->base, &world->settings, &store_settings, &world->outlet, &events, world);
    assert_non_null(world->feed);
    fake.handlers->on_ready(fake.context);
    for (unsigned partition = 0; partition < partitions; partition++)
        FAKE_ANSWER(FAKE_APPLIED, ":0");
    for (unsigned partition = 0; partition < partitions; partition++)
        FAKE_ANSWER(FAKE_BIGS, "[]");
    fake_tail_end(0);
    assert_int_equal(world->ready, 1);
    return world;
}

void world_free(struct world *world)
{
    for (uint64_t conn = 0; conn < CONNS; conn++)
        feed_subscriber_done(world->feed, &world->subscribers[conn]);
    feed_stop(world->feed);
    feed_free(world->feed);
    event_base_free(world->base);
    for (size_t i = 0; i < world->sent_count; i++)
        feed__server_frame__free_unpacked(world->sent[i].frame, NULL);
    free(world);
}

int world_set_up(void **state)
{
    *state = world_new(&world_settings, 1);
    return 0;
}

int world_tear_down(void **state)
{
    world_free(*state);
    return 0;
}

struct text text_of(const char *string)
{
    return (struct text){string, strlen(string)};
}

void world_tick(struct world *world, int64_t after_ms)
{
    fake.now_ms += after_ms;
    event_active(world->feed->tick, EV_TIMEOUT, 1);
    event_base_loop(world->base, EVLOOP_NONBLOCK);
    feed_turn(world->feed);
}

void world_applied(struct world *world)
{
    while (fake_waiting(FAKE_APPLIED) > 0)
        FAKE_ANSWER(FAKE_APPLIED, NULL);
    tail_sample_applied(world->feed);
    for (unsigned partition = 0; partition < world->feed->partitions; partition++) {
        struct fake_call *call = fake_expect(FAKE_APPLIED);

        fake_answer(call, "#", fake.last_id[call->partition]);
    }
}

/* ---- the log ---- */

static uint64_t tail(enum log_kind kind, const char *subject, const char *reader, uint64_t other)
{
    struct log_entry entry = fake_entry(kind, subject, reader, other);

    fake_tail(&entry);
    fake_tail_end(1);
    return entry.id;
}

uint64_t tail_share(const char *author)
{
    return tail(LOG_SHARE, author, NULL, 0);
}

uint64_t tail_delete(const char *author, uint64_t share)
{
    return tail(LOG_DELETE, author, NULL, share);
}

uint64_t tail_edge(bool follow, const char *reader, const char *subject, uint64_t version)
{
    return tail(follow ? LOG_EDGE : LOG_UNEDGE, subject, reader, version);
}

/* ---- streams ---- */

void on_outcome(void *context, Feed__ErrorCode error)
{
    struct outcome *outcome = context;

    outcome->count++;
    outcome->error = error;
}

void on_write(void *context, Feed__ErrorCode error, uint64_t position, bool repeated)
{
    struct outcome *outcome = context;

    *outcome = (struct outcome){outcome->count + 1, error, position, repeated};
}

void ask_share(struct world *world, const char *author, const char *url, struct outcome *outcome)
{
    const struct store_share share = {.author = text_of(author), .body = fake_body(author, url)};

    feed_share(world->feed, &share, on_write, outcome);
}

void expect_outcome(const struct outcome *outcome, Feed__ErrorCode error)
{
    assert_int_equal(outcome->count, 1);
    assert_int_equal(outcome->error, error);
}

void subscribe(struct world *world, uint64_t conn, uint32_t request_id, bool profile, const char *subject, struct text token,
               struct outcome *ret_outcome)
{
    *ret_outcome = (struct outcome){0};
    const struct feed_stream of = {.kind = profile ? STREAM_PROFILE : STREAM_HOME, .subject = text_of(subject)};

    feed_subscribe(world->feed, &world->subscribers[conn], request_id, &of, token, on_outcome, ret_outcome);
}

void open_home(struct world *world, uint64_t conn, uint32_t request_id, const char *reader, const char *following)
{
    struct outcome outcome;
    char format[256];

    subscribe(world, conn, request_id, false, reader, (struct text){NULL, 0}, &outcome);
    snprintf(format, sizeof(format), "[# %s]", following);
    FAKE_ANSWER(FAKE_READER_LOAD, format, fake.last_id[partition_of_subject(text_of(reader))]);
    expect_outcome(&outcome, FEED_OK);
    expect_caught_up(world, conn, request_id);
}

void drain(struct world *world, uint64_t conn)
{
    world->queued[conn] = 0;
    feed_subscriber_drained(world->feed, &world->subscribers[conn]);
}

struct text token_of(struct world *world, const uint64_t *positions)
{
    static uint8_t token[TOKEN_BYTES_MAX];
    struct token_place places[PARTITIONS_MAX];

    for (unsigned partition = 0; partition < world->feed->partitions; partition++)
        places[partition] = (struct token_place){positions[partition], fake.mark};
    return (struct text){(const char *)token, token_write(token, fake.epoch, places, world->feed->partitions)};
}

/* ---- what was sent ---- */

const Feed__ServerFrame *next_sent(struct world *world, uint64_t conn, uint32_t request_id)
{
    if (world->sent_at == world->sent_count)
        fail_msg("nothing more was sent");
    const struct sent *sent = &world->sent[world->sent_at++];
    assert_int_equal(sent->conn, conn);
    assert_int_equal(sent->request_id, request_id);
    return sent->frame;
}

void expect_share(struct world *world, uint64_t conn, uint32_t request_id, uint64_t id)
{
    const Feed__ServerFrame *frame = next_sent(world, conn, request_id);

    assert_int_equal(frame->body_case, FEED__SERVER_FRAME__BODY_SHARED);
    assert_int_equal(frame->shared->share->id, id);
}

void expect_deletion(struct world *world, uint64_t conn, uint32_t request_id, uint64_t share)
{
    const Feed__ServerFrame *frame = next_sent(world, conn, request_id);

    assert_int_equal(frame->body_case, FEED__SERVER_FRAME__BODY_DELETED);
    assert_int_equal(frame->deleted->share_id, share);
}

/* The token covers everything that the tail has seen. */
void expect_caught_up(struct world *world, uint64_t conn, uint32_t request_id)
{
    const Feed__ServerFrame *frame = next_sent(world, conn, request_id);
    struct token_place places[PARTITIONS_MAX];

    assert_int_equal(frame->body_case, FEED__SERVER_FRAME__BODY_CAUGHT_UP);
    struct text token = {(const char *)frame->caught_up->resume_token.data, frame->caught_up->resume_token.len};
    assert_int_equal(token_read(token, fake.epoch, world->feed->partitions, places), FEED_OK);
    for (unsigned partition = 0; partition < world->feed->partitions; partition++) {
        assert_int_equal(places[partition].position, world->feed->positions[partition]);
        assert_int_equal(places[partition].mark, fake.mark);
    }
}

void expect_gap(struct world *world, uint64_t conn, uint32_t request_id, Feed__GapReason reason)
{
    const Feed__ServerFrame *frame = next_sent(world, conn, request_id);

    assert_int_equal(frame->body_case, FEED__SERVER_FRAME__BODY_GAP);
    assert_int_equal(frame->gap->reason, reason);
}

void expect_nothing(const struct world *world)
{
    assert_int_equal(world->sent_at, world->sent_count);
}
