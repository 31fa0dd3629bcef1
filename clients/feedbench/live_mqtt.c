/* MQTT 3.1.1 at QoS 0, as far as a subscriber and a publisher of one topic need it (OASIS standard, 2014). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "live.h"

#define TOPIC "bench"

enum packet { CONNACK = 2, PUBLISH = 3, SUBACK = 9 };

/* Client ids have eight letters: the lengths count on it. */
static void add_connect(struct buffer *buffer, char kind, uint32_t number)
{
    static const uint8_t head[] = {0x10, 20, 0, 4, 'M', 'Q', 'T', 'T', 4, 2 /* a clean session */, 0, 0 /* no keep-alive */};
    char client[16];
    uint8_t length[2] = {0, 8};

    snprintf(client, sizeof(client), "%c%07" PRIu32, kind, number % 10000000);
    buffer_add(buffer, head, sizeof(head));
    buffer_add(buffer, length, sizeof(length));
    buffer_add(buffer, client, 8);
}

static void greet_mosquitto(struct live *live, struct wire *wire)
{
    static const uint8_t subscribe[] = {0x82, 10, 0, 1, 0, 5, 'b', 'e', 'n', 'c', 'h', 0};

    (void)live;
    add_connect(&wire->out, 's', wire->index);
    buffer_add(&wire->out, subscribe, sizeof(subscribe));
}

/* The packet at the front: its type and what follows its length. Returns its bytes, 0 if it has not come as a whole. */
static size_t next_packet(const uint8_t *data, size_t bytes, unsigned *ret_type, const uint8_t **ret_rest, size_t *ret_length)
{
    size_t length = 0;

    for (size_t i = 1; i < bytes && i <= 4; i++) {
        length |= (size_t)(data[i] & 0x7f) << (7 * (i - 1));
        if (data[i] & 0x80)
            continue;
        if (bytes - i - 1 < length)
            return 0;
        *ret_type = data[0] >> 4;
        *ret_rest = data + i + 1;
        *ret_length = length;
        return i + 1 + length;
    }
    return 0;
}

static size_t on_mosquitto_receiver(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct live *live = wire->owner;
    const uint8_t *rest;
    size_t done = 0;
    size_t length;
    size_t taken;
    unsigned type;

    while ((taken = next_packet(data + done, bytes - done, &type, &rest, &length)) > 0) {
        done += taken;
        if (type == PUBLISH && length >= 2) {
            size_t topic = 2 + ((size_t)rest[0] << 8 | rest[1]);

            audit_deliver(&live->audit, wire->index, rest + topic, topic < length ? length - topic : 0, live->wires.now_ns);
        } else if (type == SUBACK) {
            live_subscribed(live, wire);
        } else if (type != CONNACK || length < 2 || rest[1] != 0) {
            audit_void(&live->audit, "Mosquitto refused a receiver");
        }
    }
    return done;
}

static void greet_mosquitto_publisher(struct live *live)
{
    add_connect(&live->publisher.out, 'p', 0);
}

static size_t on_mosquitto_publisher(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct live *live = wire->owner;

    if (bytes < 4)
        return 0;
    live->publisher_ready = data[0] >> 4 == CONNACK && data[3] == 0;
    return bytes;
}

static void publish_mosquitto(struct live *live, uint32_t source, unsigned count, uint64_t sent_ns)
{
    size_t length = 2 + strlen(TOPIC) + live->run->shape->payload_bytes;
    uint8_t head[8] = {0x30};
    size_t bytes = 1;

    (void)count;
    for (; length > 0x7f; length >>= 7)
        head[bytes++] = (uint8_t)(length | 0x80);
    head[bytes++] = (uint8_t)length;
    head[bytes++] = 0;
    head[bytes++] = (uint8_t)strlen(TOPIC);
    buffer_add(&live->publisher.out, head, bytes);
    buffer_add(&live->publisher.out, TOPIC, strlen(TOPIC));
    buffer_add(&live->publisher.out, live_message(live, source, sent_ns), live->run->shape->payload_bytes);
}

const struct live_protocol live_mosquitto = {
    .server = &server_mosquitto, .greet = greet_mosquitto, .on_receiver = on_mosquitto_receiver,
    .greet_publisher = greet_mosquitto_publisher, .on_publisher = on_mosquitto_publisher, .publish = publish_mosquitto,
    .narrower = 16,
};
