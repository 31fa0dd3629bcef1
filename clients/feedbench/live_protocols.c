/* The protocols of live.h: what a subscriber and a publisher say to each server, and how a delivery looks. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feed_wire.h"
#include "live.h"

#define FEED_SUBSCRIPTION 2
#define TOPIC "bench"

static uint64_t now_of(const struct live *live)
{
    return live->wires.now_ns;
}

/* ----------------------------------------------------------------------------------------------------------- feedd */

static void greet_profile(struct live *live, struct wire *wire)
{
    char name[LIVE_NAME_BYTES];

    live_author_name(audit_source(&live->audit, wire->index, 0), name);
    feed_add_hello(&wire->out, 1);
    feed_add_subscribe(&wire->out, FEED_SUBSCRIPTION, false, name, (struct feed_text){NULL, 0});
}

static void greet_home(struct live *live, struct wire *wire)
{
    char name[LIVE_NAME_BYTES];

    (void)live;
    live_reader_name(wire->index, name);
    feed_add_hello(&wire->out, 1);
    feed_add_subscribe(&wire->out, FEED_SUBSCRIPTION, true, name, (struct feed_text){NULL, 0});
}

void live_void_frame(struct live *live, const struct feed_frame *frame, const char *who)
{
    struct feed_field code = {0};

    feed_find_field(frame->message, 1, &code);
    audit_void(&live->audit, "feedd told a %s %s %" PRIu64, who,
               frame->body == FEED_GAP       ? "of a Gap, reason"
               : frame->body == FEED_CLOSING ? "that it closes, reason"
                                             : "of an error, code",
               code.value);
}

static size_t on_feed_receiver(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct live *live = wire->owner;
    struct feed_frame frame;
    size_t done = 0;
    size_t taken;

    while ((taken = feed_next_frame(data + done, bytes - done, &frame)) > 0) {
        done += taken;
        if (frame.body == FEED_SHARED) {
            uint64_t id;
            struct feed_text title = feed_title_of_shared(frame.message, &id);

            audit_deliver(&live->audit, wire->index, title.data, title.bytes, now_of(live));
        } else if (frame.body == FEED_CAUGHT_UP) {
            live_subscribed(live, wire);
        } else if (frame.body == FEED_GAP || frame.body == FEED_ERROR || frame.body == FEED_CLOSING) {
            live_void_frame(live, &frame, "receiver");
        }
    }
    return done;
}

static void greet_feed_publisher(struct live *live)
{
    feed_add_hello(&live->publisher.out, 1);
}

static size_t on_feed_publisher(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct live *live = wire->owner;
    struct feed_frame frame;
    size_t done = 0;
    size_t taken;

    while ((taken = feed_next_frame(data + done, bytes - done, &frame)) > 0) {
        done += taken;
        if (frame.body == FEED_SHARE)
            live->acknowledged++;
        else if (frame.body == FEED_HELLO)
            live->publisher_ready = true;
        else if (frame.body == FEED_ERROR || frame.body == FEED_CLOSING)
            live_void_frame(live, &frame, "publisher");
    }
    return done;
}

/* Author, url and title together have as many bytes as the payload has elsewhere. */
static void publish_feed(struct live *live, uint32_t source, unsigned count, uint64_t sent_ns)
{
    size_t others = sizeof(FEED_URL) - 1;
    char author[LIVE_NAME_BYTES];

    (void)count;
    live_author_name(source, author);
    others += strlen(author);
    const char *message = live_message(live, source, sent_ns);
    size_t bytes = live->run->shape->payload_bytes - others;
    feed_add_share(&live->publisher.out, (uint32_t)(2 + (live->audit.total & 0xffffff)), author,
                   (struct feed_text){(const uint8_t *)message, bytes < MARKER_BYTES ? MARKER_BYTES : bytes});
}

const struct live_protocol live_feedd = {
    .server = &server_feedd, .greet = greet_profile, .on_receiver = on_feed_receiver,
    .greet_publisher = greet_feed_publisher, .on_publisher = on_feed_publisher, .publish = publish_feed, .answers = true,
};

const struct live_protocol live_feedd_home = {
    .server = &server_feedd, .greet = greet_home, .on_receiver = on_feed_receiver,
    .greet_publisher = greet_feed_publisher, .on_publisher = on_feed_publisher, .publish = publish_feed, .answers = true,
    .home = true,
};

const struct live_protocol live_feedd_home_unloaded = {
    .server = &server_feedd, .greet = greet_home, .on_receiver = on_feed_receiver,
    .greet_publisher = greet_feed_publisher, .on_publisher = on_feed_publisher, .publish = publish_feed, .answers = true,
    .home = true, .slower = 20,
};

/* ------------------------------------------------------------------------------------------------------- the floor */

static void greet_floor(struct live *live, struct wire *wire)
{
    buffer_add(&wire->out, "S", 1);
    buffer_add(&wire->out, &live->audit.heard, sizeof(live->audit.heard));
    for (uint32_t i = 0; i < live->audit.heard; i++) {
        uint32_t source = audit_source(&live->audit, wire->index, i);

        buffer_add(&wire->out, &source, sizeof(source));
    }
}

/* A message holds any number of ours, each of the same length; an empty one says that the subscription stands. */
static size_t on_floor_receiver(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct live *live = wire->owner;
    size_t done = 0;
    uint32_t length;

    while (bytes - done >= sizeof(length)) {
        memcpy(&length, data + done, sizeof(length));
        if (bytes - done < sizeof(length) + length)
            break;
        done += sizeof(length);
        if (length == 0)
            live_subscribed(live, wire);
        /* The first of them gives its length in front, and so do the others. */
        for (size_t at = 0; at + sizeof(uint32_t) <= length;) {
            uint32_t one;

            memcpy(&one, data + done + at, sizeof(one));
            at += sizeof(one);
            audit_deliver(&live->audit, wire->index, data + done + at, one <= length - at ? one : 0, now_of(live));
            at += one;
        }
        done += length;
    }
    return done;
}

static void greet_floor_publisher(struct live *live)
{
    buffer_add(&live->publisher.out, "P", 1);
    live->publisher_ready = true;
}

static size_t ignore_input(struct wire *wire, const uint8_t *data, size_t bytes)
{
    (void)wire;
    (void)data;
    return bytes;
}

static void publish_floor(struct live *live, uint32_t source, unsigned count, uint64_t sent_ns)
{
    uint32_t one = (uint32_t)(live->message_bytes - sizeof(uint32_t));
    uint32_t all = (uint32_t)(count * live->message_bytes);

    all -= all > sizeof(uint32_t) ? (uint32_t)sizeof(uint32_t) : 0; /* the head counts among the bytes of a send */
    buffer_add(&live->publisher.out, &source, sizeof(source));
    buffer_add(&live->publisher.out, &all, sizeof(all));
    for (unsigned i = 0; i < count; i++) {
        uint32_t shorter = i == 0 ? one - (uint32_t)sizeof(uint32_t) : one;

        buffer_add(&live->publisher.out, &shorter, sizeof(shorter));
        buffer_add(&live->publisher.out, live_message(live, source, sent_ns), shorter);
    }
}

const struct live_protocol live_floor = {
    .server = &server_floor, .greet = greet_floor, .on_receiver = on_floor_receiver,
    .greet_publisher = greet_floor_publisher, .on_publisher = ignore_input, .publish = publish_floor, .batches = true,
};

/* --------------------------------------------------------------------------------------------------- Redis Pub/Sub */

static void greet_redis(struct live *live, struct wire *wire)
{
    (void)live;
    resp_command(&wire->out, "SUBSCRIBE", TOPIC, NULL);
}

/* Arrays of three: what it is, the channel, and the payload or a count. */
static size_t on_redis_receiver(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct live *live = wire->owner;
    size_t done = 0;

    for (;;) {
        struct resp_item items[4];
        size_t at = done;

        for (int i = 0; i < 4; i++) {
            size_t taken = resp_item(data + at, bytes - at, &items[i]);

            if (taken == 0)
                return done;
            at += taken;
        }
        done = at;
        if (items[1].number == 9 && memcmp(items[1].text, "subscribe", 9) == 0)
            live_subscribed(live, wire);
        else if (items[1].number == 7 && memcmp(items[1].text, "message", 7) == 0)
            audit_deliver(&live->audit, wire->index, items[3].text, (size_t)items[3].number, now_of(live));
        else
            audit_void(&live->audit, "Redis sent something that is no message");
    }
}

static void greet_redis_publisher(struct live *live)
{
    live->publisher_ready = true;
}

static size_t on_redis_publisher(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct live *live = wire->owner;
    struct resp_item item;
    size_t done = 0;
    size_t taken;

    while ((taken = resp_item(data + done, bytes - done, &item)) > 0) {
        done += taken;
        live->acknowledged++;
        if (item.type != ':' || item.number != live->audit.receivers)
            audit_void(&live->audit, "Redis did not publish to every receiver");
    }
    return done;
}

static void publish_redis(struct live *live, uint32_t source, unsigned count, uint64_t sent_ns)
{
    (void)count;
    resp_begin(&live->publisher.out, 3);
    resp_word(&live->publisher.out, "PUBLISH", 7);
    resp_text(&live->publisher.out, TOPIC);
    resp_word(&live->publisher.out, live_message(live, source, sent_ns), live->run->shape->payload_bytes);
}

const struct live_protocol live_redis = {
    .server = &server_redis, .greet = greet_redis, .on_receiver = on_redis_receiver,
    .greet_publisher = greet_redis_publisher, .on_publisher = on_redis_publisher, .publish = publish_redis, .answers = true,
};

/* A PING of Redis's, which echoes what it is given: the round trip that everything in Redis takes at least. Its one receiver
 * is the publisher. */
static void greet_ping(struct live *live, struct wire *wire)
{
    (void)live;
    resp_command(&wire->out, "PING", NULL);
}

static size_t on_ping_receiver(struct wire *wire, const uint8_t *data, size_t bytes)
{
    (void)data;
    live_subscribed(wire->owner, wire);
    return bytes;
}

static size_t on_ping(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct live *live = wire->owner;
    struct resp_item item;
    size_t done = 0;
    size_t taken;

    while ((taken = resp_item(data + done, bytes - done, &item)) > 0) {
        done += taken;
        audit_deliver(&live->audit, 0, item.text, (size_t)item.number, now_of(live));
    }
    return done;
}

static void publish_ping(struct live *live, uint32_t source, unsigned count, uint64_t sent_ns)
{
    (void)count;
    resp_begin(&live->publisher.out, 2);
    resp_word(&live->publisher.out, "PING", 4);
    resp_word(&live->publisher.out, live_message(live, source, sent_ns), MARKER_BYTES);
}

const struct live_protocol live_ping = {
    .server = &server_redis, .greet = greet_ping, .on_receiver = on_ping_receiver, .greet_publisher = greet_redis_publisher,
    .on_publisher = on_ping, .publish = publish_ping,
};

/* ------------------------------------------------------------------------------------------------------------ NATS */

#define NATS_CONNECT "CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false}\r\n"

static void greet_nats(struct live *live, struct wire *wire)
{
    static const char greeting[] = NATS_CONNECT "SUB " TOPIC " 1\r\nPING\r\n";

    (void)live;
    buffer_add(&wire->out, greeting, sizeof(greeting) - 1);
}

/* Lines; MSG is followed by as many bytes as its last word says. */
static size_t on_nats(struct wire *wire, const uint8_t *data, size_t bytes, void (*on_pong)(struct live *, struct wire *))
{
    struct live *live = wire->owner;
    size_t done = 0;

    for (;;) {
        const uint8_t *line = data + done;
        const uint8_t *end = memchr(line, '\n', bytes - done);
        size_t next = end ? (size_t)(end - data) + 1 : 0;

        if (!end)
            return done;
        if (memcmp(line, "MSG ", 4) == 0) {
            const uint8_t *word = end - 1;
            size_t length = 0;

            while (word[-1] != ' ')
                word--;
            for (; *word >= '0' && *word <= '9'; word++)
                length = length * 10 + (*word - (unsigned)'0');
            if (bytes - next < length + 2)
                return done;
            audit_deliver(&live->audit, wire->index, data + next, length, now_of(live));
            next += length + 2;
        } else if (memcmp(line, "PONG", 4) == 0) {
            on_pong(live, wire);
        } else if (memcmp(line, "PING", 4) == 0) {
            buffer_add(&wire->out, "PONG\r\n", 6);
            wire_flush(&live->wires, wire);
        } else if (line[0] == '-') {
            audit_void(&live->audit, "NATS sent an error: %.*s", (int)(end - line - 1), (const char *)line);
        }
        done = next;
    }
}

static size_t on_nats_receiver(struct wire *wire, const uint8_t *data, size_t bytes)
{
    return on_nats(wire, data, bytes, live_subscribed);
}

static void on_nats_publisher_ready(struct live *live, struct wire *wire)
{
    (void)wire;
    live->publisher_ready = true;
}

static size_t on_nats_publisher(struct wire *wire, const uint8_t *data, size_t bytes)
{
    return on_nats(wire, data, bytes, on_nats_publisher_ready);
}

static void greet_nats_publisher(struct live *live)
{
    static const char greeting[] = NATS_CONNECT "PING\r\n";

    buffer_add(&live->publisher.out, greeting, sizeof(greeting) - 1);
}

static void publish_nats(struct live *live, uint32_t source, unsigned count, uint64_t sent_ns)
{
    char head[64];
    int length = snprintf(head, sizeof(head), "PUB " TOPIC " %" PRIu32 "\r\n", live->run->shape->payload_bytes);

    (void)count;
    buffer_add(&live->publisher.out, head, (size_t)length);
    buffer_add(&live->publisher.out, live_message(live, source, sent_ns), live->run->shape->payload_bytes);
    buffer_add(&live->publisher.out, "\r\n", 2);
}

const struct live_protocol live_nats = {
    .server = &server_nats, .greet = greet_nats, .on_receiver = on_nats_receiver,
    .greet_publisher = greet_nats_publisher, .on_publisher = on_nats_publisher, .publish = publish_nats,
};
