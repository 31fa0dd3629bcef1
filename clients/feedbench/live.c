#include "live.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "seed.h"

#define CONNECT_PATIENCE_NS (60 * NS_PER_S)
#define DRAIN_PATIENCE_NS (40 * NS_PER_S)
#define CONNECT_BURST 64     /* connections that may be greeting at once */
#define WATCHED_RECEIVERS 16 /* whose segments are counted */

void live_author_name(uint32_t source, char ret_name[LIVE_NAME_BYTES])
{
    snprintf(ret_name, LIVE_NAME_BYTES, "author%" PRIu32, source);
}

void live_reader_name(uint32_t receiver, char ret_name[LIVE_NAME_BYTES])
{
    snprintf(ret_name, LIVE_NAME_BYTES, "reader%" PRIu32, receiver);
}

void live_subscribed(struct live *live, struct wire *wire)
{
    if (live->subscribed[wire->index])
        audit_void(&live->audit, "receiver %" PRIu32 " fell back to catching up", wire->index);
    else
        live->ready++;
    live->subscribed[wire->index] = true;
}

const char *live_message(struct live *live, uint32_t source, uint64_t sent_ns)
{
    struct marker marker = audit_publish(&live->audit, source, sent_ns);

    marker_write(live->payload, &marker);
    return live->payload;
}

static int fail(struct live *live, int error, const char *what)
{
    if (!live->run->trouble[0])
        snprintf(live->run->trouble, sizeof(live->run->trouble), "%s", what);
    return error;
}

/* Turns the loop until `done` of `wanted` are; gives up when nothing comes any more. */
static int wait_until_ready(struct live *live, const uint32_t *done, uint32_t wanted)
{
    uint64_t deadline = clock_ns() + CONNECT_PATIENCE_NS;

    while (*done < wanted && live->wires.error == 0 && clock_ns() < deadline)
        wires_turn(&live->wires, clock_ns() + 10 * NS_PER_MS);
    if (*done >= wanted)
        return 0;
    return fail(live, live->wires.error ? live->wires.error : -ETIMEDOUT, "not every receiver could subscribe");
}

int live_connect(struct live *live, uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++) {
        struct wire *wire = &live->receivers[i];
        int r;

        *wire = (struct wire){.fd = -1, .index = i, .owner = live, .on_input = live->protocol->on_receiver};
        r = wire_open(&live->wires, wire, &live->server.address, false);
        if (r < 0)
            return fail(live, r, "a receiver cannot connect");
        live->protocol->greet(live, wire);
        wire_flush(&live->wires, wire);
        r = i + 1 - live->ready >= CONNECT_BURST ? wait_until_ready(live, &live->ready, live->ready + 1) : 0;
        if (r < 0)
            return r;
    }
    return wait_until_ready(live, &live->ready, first + count);
}

int live_open_publisher(struct live *live)
{
    int r;

    live->publisher = (struct wire){.fd = -1, .owner = live, .on_input = live->protocol->on_publisher};
    r = wire_open(&live->wires, &live->publisher, &live->server.address, false);
    if (r < 0)
        return fail(live, r, "the publisher cannot connect");
    live->protocol->greet_publisher(live);
    wire_flush(&live->wires, &live->publisher);
    for (uint64_t deadline = clock_ns() + CONNECT_PATIENCE_NS; !live->publisher_ready && clock_ns() < deadline;)
        wires_turn(&live->wires, clock_ns() + 10 * NS_PER_MS);
    return live->publisher_ready ? 0 : fail(live, -ETIMEDOUT, "the publisher is not let in");
}

/* Whom the readers follow, written into Redis as feedd would have. */
static int seed_following(struct live *live)
{
    const struct audit *audit = &live->audit;
    struct seed seed;
    int r = seed_open(&seed, &live->server.redis_address);

    for (uint32_t receiver = 0; r == 0 && receiver < audit->receivers; receiver++) {
        char reader[LIVE_NAME_BYTES];

        live_reader_name(receiver, reader);
        for (uint32_t i = 0; r == 0 && i < audit->heard; i++) {
            char author[LIVE_NAME_BYTES];

            live_author_name(audit_source(audit, receiver, i), author);
            r = seed_follow(&seed, reader, author);
        }
        if (r == 0)
            r = seed_timeline(&seed, reader, NULL, 0);
    }
    if (r == 0)
        r = seed_flush(&seed);
    seed_close(&seed);
    return r < 0 ? fail(live, r, "the follows cannot be written") : 0;
}

int live_open(struct live *live, struct run *run, const struct live_protocol *protocol)
{
    const struct shape *shape = run->shape;
    uint32_t heard = shape->heard ? shape->heard : 1;
    uint32_t sources = shape->sources ? shape->sources : 1;
    int r;

    *live = (struct live){.run = run, .protocol = protocol, .publisher = {.fd = -1}, .wires = {.epoll = -1}};
    process_pin(run->settings->generator_cpu);
    process_raise_descriptors();
    memset(live->payload, 'x', sizeof(live->payload));
    live->receivers = calloc(shape->connections, sizeof(*live->receivers));
    live->subscribed = calloc(shape->connections, sizeof(*live->subscribed));
    r = live->receivers && live->subscribed ? 0 : -ENOMEM;
    for (uint32_t i = 0; r == 0 && i < shape->connections; i++)
        live->receivers[i].fd = -1;
    if (r == 0)
        r = audit_init(&live->audit, shape->connections, sources, heard, heard);
    if (r == 0)
        r = wires_init(&live->wires);
    if (r == 0)
        r = server_start(&live->server, protocol->server, run, run->settings->server_cpu);
    if (r == 0 && protocol->home)
        r = seed_following(live);
    return r;
}

int live_prepare(struct run *run)
{
    struct live *live = malloc(sizeof(*live));
    int r;

    run->state = live;
    if (!live)
        return -ENOMEM;
    r = live_open(live, run, run->arm->detail);
    if (r == 0)
        r = live_open_publisher(live);
    if (r == 0)
        r = live_connect(live, 0, run->shape->connections);
    return r;
}

void live_close(struct live *live)
{
    for (uint32_t i = 0; live->receivers && i < live->run->shape->connections; i++)
        wire_close(&live->receivers[i]);
    wire_close(&live->publisher);
    server_stop(&live->server);
    wires_done(&live->wires);
    audit_done(&live->audit);
    free(live->receivers);
    free(live->subscribed);
}

void live_finish(struct run *run)
{
    if (run->state)
        live_close(run->state);
    free(run->state);
    run->state = NULL;
}

/* ---------------------------------------------------------------------------------------------------------- a round */

/* The next source in turn. Neighbours are far apart in number, so that their followers differ. */
static uint32_t next_source(const struct live *live)
{
    return (uint32_t)(live->audit.total * 7919 % live->audit.sources);
}

static uint64_t under_way(const struct live *live)
{
    const struct audit *audit = &live->audit;

    return audit->total - audit->delivered / audit->receivers;
}

static void publish_due(struct live *live)
{
    const struct shape *shape = live->run->shape;
    uint64_t slower = live->protocol->slower ? live->protocol->slower : 1;
    uint64_t now = clock_ns();

    if (shape->rate_per_s > 0) {
        for (; live->next_ns <= now; live->next_ns += slower * NS_PER_S / shape->rate_per_s)
            live->protocol->publish(live, next_source(live), 1, live->next_ns);
    } else {
        uint32_t window = shape->window / (live->protocol->narrower ? live->protocol->narrower : 1);
        unsigned batch = (unsigned)(live->batch_due + live->batch);

        for (; under_way(live) + batch <= (window ? window : 1); batch = (unsigned)(live->batch_due + live->batch)) {
            live->protocol->publish(live, next_source(live), batch, now);
            live->batch_due += live->batch - batch;
        }
    }
    wire_flush(&live->wires, &live->publisher);
}

static void play_until(struct live *live, uint64_t until_ns)
{
    bool paced = live->run->shape->rate_per_s > 0;

    while (!live->audit.voided[0] && live->wires.error == 0 && clock_ns() < until_ns) {
        publish_due(live);
        wires_turn(&live->wires, paced && live->next_ns < until_ns ? live->next_ns : until_ns);
    }
}

/* How things stand at the beginning and the end of what is measured. */
struct mark {
    uint64_t wall_ns;
    struct server_cpu cpu;
    uint64_t own_cpu_ns;
    uint64_t machine_cpu_ns;
    uint64_t published;
    uint64_t delivered;
    uint64_t bytes_in;
    uint64_t segments;
    uint64_t segment_bytes;
};

static struct mark take_mark(const struct live *live)
{
    struct mark mark = {.cpu = server_cpu(&live->server), .own_cpu_ns = clock_own_cpu_ns(), .published = live->audit.total,
                        .machine_cpu_ns = process_machine_cpu_ns(), .delivered = live->audit.delivered, .bytes_in = live->wires.bytes_in, .wall_ns = clock_ns()};
    uint32_t receivers = live->audit.receivers;

    for (uint32_t i = 0; i < WATCHED_RECEIVERS && i < receivers; i++)
        wire_segments(&live->receivers[(uint64_t)i * receivers / WATCHED_RECEIVERS], &mark.segments, &mark.segment_bytes);
    return mark;
}

void live_wait_for_pushes(struct live *live)
{
    uint64_t deadline = clock_ns() + DRAIN_PATIENCE_NS;
    struct resp_link link;

    if (live->protocol->server != &server_feedd || resp_open(&link, &live->server.redis_address) < 0)
        return;
    while (!live->audit.voided[0] && !resp_group_is_idle(&link, "log:{0}")) {
        if (clock_ns() > deadline)
            audit_void(&live->audit, "pushes were not done");
        wires_turn(&live->wires, clock_ns() + 10 * NS_PER_MS);
    }
    resp_close(&link);
}

void live_drain(struct live *live)
{
    uint64_t deadline = clock_ns() + DRAIN_PATIENCE_NS;
    const struct audit *audit = &live->audit;

    while (!audit->voided[0] && live->wires.error == 0 && clock_ns() < deadline &&
           (audit->delivered < audit->expected || (live->protocol->answers && live->acknowledged < audit->total)))
        wires_turn(&live->wires, clock_ns() + 10 * NS_PER_MS);
    if (live->wires.error != 0)
        audit_void(&live->audit, "a connection was lost: %s", strerror(-live->wires.error));
    if (audit->delivered < audit->expected)
        audit_void(&live->audit, "%" PRIu64 " deliveries were lost", audit->expected - audit->delivered);
    if (live->protocol->answers && live->acknowledged < audit->total)
        audit_void(&live->audit, "%" PRIu64 " messages were not acknowledged", audit->total - live->acknowledged);
}

static void tell(const struct live *live, const struct mark *start, const struct mark *end, struct round *round)
{
    const struct histogram *latency = live->audit.latency;
    double wall = (double)(end->wall_ns - start->wall_ns) / 1e9;
    double delivered = (double)(end->delivered - start->delivered);
    double cpu = (double)(end->cpu.all_ns - start->cpu.all_ns) / 1e9;

    round->values[METRIC_WALL_S] = wall;
    round->values[METRIC_OPERATIONS] = delivered;
    round->values[METRIC_RATE] = delivered / wall;
    round->values[METRIC_CPU_S] = cpu;
    round->values[METRIC_PER_CPU_S] = delivered / cpu;
    round->values[METRIC_REDIS_CPU_S] = (double)(end->cpu.redis_ns - start->cpu.redis_ns) / 1e9;
    round->values[METRIC_GENERATOR_CPU_S] = (double)(end->own_cpu_ns - start->own_cpu_ns) / 1e9;
    round->values[METRIC_OTHERS_CPU_S] = (double)(end->machine_cpu_ns - start->machine_cpu_ns) / 1e9 -
                                         round->values[METRIC_GENERATOR_CPU_S] - cpu;
    round->values[METRIC_PUBLISHED] = (double)(end->published - start->published);
    round->values[METRIC_BYTES_PER_OPERATION] = (double)(end->bytes_in - start->bytes_in) / delivered;
    if (end->segments > start->segments)
        round->values[METRIC_BYTES_PER_SEND] =
            (double)(end->segment_bytes - start->segment_bytes) / (double)(end->segments - start->segments);
    if (live->run->shape->rate_per_s > 0) {
        round->values[METRIC_SAMPLES] = (double)latency->total;
        round->values[METRIC_P50_US] = (double)histogram_at(latency, 0.5) / 1e3;
        round->values[METRIC_P99_US] = (double)histogram_at(latency, 0.99) / 1e3;
        round->values[METRIC_MAX_US] = (double)latency->highest_ns / 1e3;
    }
}

/* One message in one go of as many bytes as feedd's frame, or as many messages as feedd sent in one go. */
static void follow_the_lead(struct live *live)
{
    const struct round *lead = live->run->lead;

    live->batch = 1;
    live->message_bytes = live->run->shape->payload_bytes + 36;
    if (!live->protocol->batches)
        return;
    if (!lead || isnan(lead->values[METRIC_BYTES_PER_OPERATION]) || isnan(lead->values[METRIC_BYTES_PER_SEND])) {
        audit_void(&live->audit, "it takes the size of its sends from the first arm, which has none to show");
        return;
    }
    live->message_bytes = (size_t)lround(lead->values[METRIC_BYTES_PER_OPERATION]);
    live->batch = lead->values[METRIC_BYTES_PER_SEND] / (double)live->message_bytes;
    if (live->batch < 1 || live->run->shape->rate_per_s > 0)
        live->batch = 1;
    if (live->batch > live->run->shape->window && live->run->shape->window > 0)
        live->batch = live->run->shape->window;
}

void live_round(struct run *run, struct round *ret_round)
{
    struct live *live = run->state;
    const struct settings *settings = run->settings;
    bool whole = run->shape->variant == LIVE_WHOLE;
    struct mark start, end;
    uint64_t begin = clock_ns();

    follow_the_lead(live);
    live->next_ns = begin;
    live->audit.timed = false;
    live->audit.drop = settings->drop;
    play_until(live, begin + settings->warm_up_ms * NS_PER_MS);
    if (whole) {
        live_drain(live);
        live_wait_for_pushes(live);
    }
    histogram_clear(live->audit.latency);
    live->audit.timed = true;
    start = take_mark(live);
    live->next_ns = start.wall_ns;
    play_until(live, start.wall_ns + settings->measure_ms * NS_PER_MS);
    if (!whole)
        end = take_mark(live);
    live_drain(live);
    live_wait_for_pushes(live);
    if (whole)
        end = take_mark(live);
    tell(live, &start, &end, ret_round);
    snprintf(ret_round->voided, sizeof(ret_round->voided), "%s", live->audit.voided);
    live->audit.drop = 0;
    if (live->audit.voided[0] && live->wires.error == 0)
        audit_forgive(&live->audit);
}
