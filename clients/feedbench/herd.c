#include "herd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "feed_wire.h"

#define SUBSCRIPTION 2
#define TOKEN_BYTES 320
#define BEFORE 200 /* shares while everybody is there, while nobody is, and when everybody is there again */
#define MISSED 100
#define AFTER 20
#define PATIENCE_NS (60 * NS_PER_S)
#define TURN_NS (10 * NS_PER_MS)

/* What a receiver remembers when its connection is lost. */
struct member {
    uint64_t last_id; /* of the log entry that it saw last: with one partition they come in the order of their ids */
    uint16_t token_bytes;
    uint8_t token[TOKEN_BYTES];
};

struct herd {
    struct live live; /* at the front, so that a wire's owner is both */
    struct shape shape;
    struct member *members;
};

static struct herd *herd_of(struct live *live)
{
    return (struct herd *)live;
}

/* -------------------------------------------------------------------------------------------------- receivers of feedd */

static void greet(struct live *live, struct wire *wire)
{
    const struct member *member = &herd_of(live)->members[wire->index];
    char name[LIVE_NAME_BYTES];

    live_reader_name(wire->index, name);
    feed_add_hello(&wire->out, 1);
    feed_add_subscribe(&wire->out, SUBSCRIPTION, true, name, (struct feed_text){member->token, member->token_bytes});
}

static void keep_token(struct herd *herd, struct member *member, struct feed_text message)
{
    struct feed_field token;

    if (!feed_find_field(message, 1, &token) || token.text.bytes == 0)
        return;
    if (token.text.bytes > TOKEN_BYTES)
        return audit_void(&herd->live.audit, "a resume token has %zu bytes", token.text.bytes);
    memcpy(member->token, token.text.data, token.text.bytes);
    member->token_bytes = (uint16_t)token.text.bytes;
}

/* What came after the latest token comes again, and is known by its id. */
static void take_share(struct herd *herd, struct wire *wire, struct feed_text message)
{
    struct member *member = &herd->members[wire->index];
    uint64_t id;
    struct feed_text title = feed_title_of_shared(message, &id);

    if (id <= member->last_id)
        return;
    member->last_id = id;
    audit_deliver(&herd->live.audit, wire->index, title.data, title.bytes, herd->live.wires.now_ns);
}

static size_t on_receiver(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct herd *herd = wire->owner;
    struct member *member = &herd->members[wire->index];
    struct feed_frame frame;
    size_t done = 0;
    size_t taken;

    while ((taken = feed_next_frame(data + done, bytes - done, &frame)) > 0) {
        done += taken;
        if (frame.body == FEED_SHARED)
            take_share(herd, wire, frame.message);
        else if (frame.body == FEED_CAUGHT_UP || frame.body == FEED_HEARTBEAT)
            keep_token(herd, member, frame.message);
        else if (frame.body == FEED_GAP || frame.body == FEED_ERROR || frame.body == FEED_CLOSING)
            live_void_frame(&herd->live, &frame, "receiver");
        if (frame.body == FEED_CAUGHT_UP)
            live_subscribed(&herd->live, wire);
    }
    return done;
}

static void greet_publisher(struct live *live)
{
    live_feedd_home.greet_publisher(live);
}

static size_t on_publisher(struct wire *wire, const uint8_t *data, size_t bytes)
{
    return live_feedd_home.on_publisher(wire, data, bytes);
}

static void publish(struct live *live, uint32_t source, unsigned count, uint64_t sent_ns)
{
    live_feedd_home.publish(live, source, count, sent_ns);
}

const struct live_protocol herd_feedd = {
    .server = &server_feedd, .greet = greet, .on_receiver = on_receiver, .greet_publisher = greet_publisher,
    .on_publisher = on_publisher, .publish = publish, .answers = true, .home = true,
};

/* ------------------------------------------------------------------------------------------------------ prepare, end */

int herd_prepare(struct run *run)
{
    struct herd *herd = calloc(1, sizeof(*herd));

    run->state = herd;
    if (!herd)
        return -ENOMEM;
    herd->members = calloc(run->shape->connections, sizeof(*herd->members));
    if (!herd->members)
        return -ENOMEM;
    herd->shape = *run->shape;
    if (run->arm->detail != &herd_feedd)
        herd->shape.sources = herd->shape.heard = 1; /* they have one topic */
    run->shape = &herd->shape;
    return live_open(&herd->live, run, run->arm->detail);
}

void herd_finish(struct run *run)
{
    struct herd *herd = run->state;

    if (!herd)
        return;
    if (herd->live.run)
        live_close(&herd->live);
    free(herd->members);
    free(herd);
    run->state = NULL;
}

/* ---------------------------------------------------------------------------------------------------------- a round */

static bool is_well(const struct live *live)
{
    return !live->audit.voided[0] && live->wires.error == 0;
}

/* Shares of sources far apart, all acknowledged when this returns. The publisher's connection is opened for them. */
static void publish_some(struct live *live, uint32_t count)
{
    uint64_t deadline = clock_ns() + PATIENCE_NS;

    wire_close(&live->publisher);
    live->publisher_ready = false;
    if (is_well(live) && live_open_publisher(live) < 0)
        return audit_void(&live->audit, "%s", live->run->trouble);
    for (uint32_t i = 0; i < count && is_well(live); i++)
        live->protocol->publish(live, (uint32_t)(live->audit.total * 7919 % live->audit.sources), 1, clock_ns());
    wire_flush(&live->wires, &live->publisher);
    while (is_well(live) && live->protocol->answers && live->acknowledged < live->audit.total && clock_ns() < deadline)
        wires_turn(&live->wires, clock_ns() + TURN_NS);
    if (live->protocol->answers && live->acknowledged < live->audit.total)
        audit_void(&live->audit, "a share was not acknowledged");
}

static void forget_subscriptions(struct live *live)
{
    live->wires.error = 0;
    memset(live->subscribed, 0, live->audit.receivers * sizeof(*live->subscribed));
    live->ready = 0;
}

static void start_again(struct live *live)
{
    if (server_restart(&live->server, live->protocol->server, live->run, live->run->settings->server_cpu) < 0)
        audit_void(&live->audit, "%s", live->run->trouble);
}

/* Everybody subscribes anew, whatever became of the round before. So their tokens are as young as heartbeats would keep
 * them, which are turned off; and the log holds something, which an old one does and an empty one's tokens would not know. */
static void begin(struct herd *herd)
{
    struct live *live = &herd->live;

    for (uint32_t i = 0; i < live->audit.receivers; i++)
        wire_close(&live->receivers[i]);
    memset(herd->members, 0, live->audit.receivers * sizeof(*herd->members));
    forget_subscriptions(live);
    live->audit.voided[0] = '\0';
    live->run->trouble[0] = '\0';
    if (server_process(&live->server)->pid == 0)
        start_again(live);
    publish_some(live, 1);
    live->acknowledged = live->audit.total;
    audit_forgive(&live->audit);
    live->audit.drop = live->run->settings->drop;
    if (live_connect(live, 0, live->audit.receivers) < 0)
        audit_void(&live->audit, "%s", live->run->trouble);
}

/* Everybody's connection ends, by the server's hand. */
static void lose_server(struct live *live)
{
    uint64_t deadline = clock_ns() + PATIENCE_NS;
    uint32_t left = live->audit.receivers;

    wire_close(&live->publisher);
    server_kill(&live->server);
    while (left > 0 && clock_ns() < deadline) {
        wires_turn(&live->wires, clock_ns() + TURN_NS);
        left = 0;
        for (uint32_t i = 0; i < live->audit.receivers; i++)
            left += live->receivers[i].fd >= 0;
    }
    if (left > 0)
        audit_void(&live->audit, "%" PRIu32 " connections outlived their server", left);
    forget_subscriptions(live); /* that they ended is what was wanted */
}

/* All connections are begun before anything that comes of them is looked at. */
static void come_back(struct live *live)
{
    uint64_t deadline = clock_ns() + PATIENCE_NS;
    uint32_t receivers = live->audit.receivers;

    for (uint32_t i = 0; i < receivers && is_well(live); i++) {
        struct wire *wire = &live->receivers[i];
        int r;

        *wire = (struct wire){.fd = -1, .index = i, .owner = live, .on_input = live->protocol->on_receiver};
        r = wire_open(&live->wires, wire, &live->server.address, true);
        if (r < 0)
            return audit_void(&live->audit, "receiver %" PRIu32 " cannot connect: %s", i, strerror(-r));
        live->protocol->greet(live, wire);
    }
    while (live->ready < receivers && is_well(live) && clock_ns() < deadline)
        wires_turn(&live->wires, clock_ns() + TURN_NS);
    if (live->ready < receivers)
        audit_void(&live->audit, "%" PRIu32 " of %" PRIu32 " came back", live->ready, receivers);
}

/* What Redis has carried out until now. */
struct commands {
    uint64_t all;
    uint64_t by_clock; /* not because of any subscriber */
    uint64_t scripts;
    uint64_t hget;
    uint64_t zrange;
};

static struct commands count_commands(struct resp_link *link)
{
    /* Ours; signs of life; waiting for the log and for jobs, and looking for those that others left or that were parked: a
     * script with one HRANDFIELD. */
    static const char *const by_clock[] = {"cmdstat_info:calls=", "cmdstat_ping:calls=", "cmdstat_xread:calls=",
                                           "cmdstat_xreadgroup:calls=", "cmdstat_xautoclaim:calls=",
                                           "cmdstat_hrandfield:calls=", "cmdstat_hrandfield:calls="};
    struct commands commands = {
        .all = resp_ask_info(link, "stats", "total_commands_processed:"),
        .scripts = resp_ask_info(link, "commandstats", "cmdstat_evalsha:calls="),
        .hget = resp_ask_info(link, "commandstats", "cmdstat_hget:calls="),
        .zrange = resp_ask_info(link, "commandstats", "cmdstat_zrange:calls="),
    };

    for (size_t i = 0; i < sizeof(by_clock) / sizeof(by_clock[0]); i++)
        commands.by_clock += resp_ask_info(link, "commandstats", by_clock[i]);
    return commands;
}

static uint64_t lesser(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

/* Commands that were sent to Redis for the subscribers. Redis counts those of a script as well: the one that loads whom a
 * reader follows and does not see has one HGET and five ZRANGE (reader_load.lua), so as many for each script were not sent. */
static double commands_sent(const struct commands *from, const struct commands *to)
{
    uint64_t scripts = to->scripts - from->scripts;
    uint64_t within = lesser(to->hget - from->hget, scripts) + lesser(to->zrange - from->zrange, 5 * scripts);

    return (double)(to->all - from->all) - (double)(to->by_clock - from->by_clock) - (double)within;
}

/* A SYN that finds the listen queue full is sent again after a second, then after two more: the herd waits for that. */
static void remark_resent(const struct live *live, struct round *round)
{
    uint32_t resent = 0;

    for (uint32_t i = 0; i < live->audit.receivers; i++)
        resent += wire_resent(&live->receivers[i]) > 0;
    if (resent > 0)
        snprintf(round->remark, sizeof(round->remark), "%" PRIu32 " had to send their SYN again", resent);
}

static void measure(struct live *live, struct resp_link *link, struct round *round)
{
    struct server_cpu cpu = server_cpu(&live->server), cpu_after;
    uint64_t own_cpu_ns = clock_own_cpu_ns();
    uint64_t machine_cpu_ns = process_machine_cpu_ns();
    struct commands before = {0}, after = {0};
    uint64_t start;

    if (link)
        before = count_commands(link);
    start = clock_ns();
    come_back(live);
    round->values[METRIC_SECONDS] = round->values[METRIC_WALL_S] = (double)(clock_ns() - start) / 1e9;
    round->values[METRIC_OPERATIONS] = live->ready;
    cpu_after = server_cpu(&live->server);
    round->values[METRIC_CPU_S] = (double)(cpu_after.all_ns - cpu.all_ns) / 1e9;
    round->values[METRIC_REDIS_CPU_S] = (double)(cpu_after.redis_ns - cpu.redis_ns) / 1e9;
    round->values[METRIC_GENERATOR_CPU_S] = (double)(clock_own_cpu_ns() - own_cpu_ns) / 1e9;
    round->values[METRIC_OTHERS_CPU_S] = (double)(process_machine_cpu_ns() - machine_cpu_ns) / 1e9 -
                                         round->values[METRIC_GENERATOR_CPU_S] - round->values[METRIC_CPU_S];
    remark_resent(live, round);
    if (!link)
        return;
    after = count_commands(link);
    round->values[METRIC_COMMANDS_EACH] = commands_sent(&before, &after) / live->audit.receivers;
}

/* Another life of the daemon takes what nobody is there to hear, and is killed as well. */
static void share_unheard(struct live *live)
{
    start_again(live);
    publish_some(live, MISSED);
    live_wait_for_pushes(live);
    wire_close(&live->publisher);
    server_kill(&live->server);
    live->wires.error = 0;
}

void herd_round(struct run *run, struct round *ret_round)
{
    struct herd *herd = run->state;
    struct live *live = &herd->live;
    bool resumes = live->protocol == &herd_feedd;
    struct resp_link link = {.fd = -1};

    live->message_bytes = run->shape->payload_bytes;
    begin(herd);
    publish_some(live, BEFORE);
    live_drain(live);
    live_wait_for_pushes(live);
    lose_server(live);
    if (resumes)
        share_unheard(live);
    start_again(live);
    if (resumes && resp_open(&link, &live->server.redis_address) < 0)
        audit_void(&live->audit, "Redis does not answer");
    if (!live->audit.voided[0])
        measure(live, resumes ? &link : NULL, ret_round);
    live_drain(live);
    publish_some(live, AFTER);
    live_drain(live);
    resp_close(&link);
    snprintf(ret_round->voided, sizeof(ret_round->voided), "%s", live->audit.voided);
}
