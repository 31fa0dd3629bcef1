/* Closing: what a client is told when the server ends its connection, and when it may come back.
 *
 * At shutdown each of the n clients gets a slot of its own in timing.reconnect_spread_ms: the i-th begins at i / n of it, and
 * which client gets which is random, so that those who came together do not come back together. Those that are refused because
 * the server is full come one after the other and nobody knows how many there will be: each gets the point of a sequence that
 * fills the spread evenly however long it goes on. */
#include <stdlib.h>

#include "commands/internal.h"

/* The golden ratio's share of 2^32: the multiples of no other number lie as evenly. */
#define GOLDEN_STEP UINT32_C(2654435769)

/* Long enough for who ended it to see that it is gone. */
#define KILLED_RETRY_MS 1000

static struct closing {
    Feed__ClosingReason reason; /* 0: nothing is said */
    bool retry;
    char message[56];
} closings[NET_CLOSE_REASONS] = {
    [NET_CLOSE_PROTOCOL] = {FEED__CLOSING_REASON__PROTOCOL_ERROR, false, "a frame's length is malformed"},
    [NET_CLOSE_TOO_LARGE] = {FEED__CLOSING_REASON__PROTOCOL_ERROR, false, "a frame is longer than max_frame_bytes"},
    [NET_CLOSE_SILENT] = {FEED__CLOSING_REASON__SILENT, true, "nothing was received for silence_limit_ms"},
    [NET_CLOSE_STALLED] = {FEED__CLOSING_REASON__STALLED, true, "nothing could be sent for the configured time"},
    [NET_CLOSE_NO_HELLO] = {FEED__CLOSING_REASON__NO_HELLO, true, "Hello did not come in time"},
    [NET_CLOSE_FULL] = {FEED__CLOSING_REASON__SERVER_FULL, true, "max_connections is reached"},
    [NET_CLOSE_KILLED] = {FEED__CLOSING_REASON__KILLED, true, "an operator ended this connection"},
    [NET_CLOSE_SHUTDOWN] = {FEED__CLOSING_REASON__SHUTDOWN, true, "the server stops"},
};

static uint64_t greatest_common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

/* As many slots as there are clients. They are taken in steps of a random width that has no divisor in common with their
 * number, so that each comes once. */
static void lay_out(struct closing_slots *slots, uint64_t count)
{
    slots->count = count > 0 ? count : 1;
    slots->next = (uint64_t)random() % slots->count;
    do {
        slots->step = slots->count / 4 + (uint64_t)random() % (slots->count / 2 + 1); /* neighbours are far apart */
    } while (greatest_common_divisor(slots->step, slots->count) != 1);
}

static uint32_t shutdown_retry_ms(struct commands *commands)
{
    struct closing_slots *slots = &commands->slots;
    uint64_t spread_ms = (uint64_t)commands->config->reconnect_spread_ms, slot;

    if (slots->count == 0)
        lay_out(slots, net_connections(commands->net));
    slot = slots->next;
    slots->next = (slots->next + slots->step) % slots->count;
    return (uint32_t)(slot * spread_ms / slots->count);
}

static uint32_t full_retry_ms(struct commands *commands)
{
    uint64_t spread_ms = (uint64_t)commands->config->reconnect_spread_ms;

    commands->refused += GOLDEN_STEP;
    return RETRY_AFTER_MS * 2 + (uint32_t)(commands->refused * spread_ms >> 32);
}

static uint32_t retry_after_ms(struct commands *commands, enum net_close_reason reason)
{
    if (reason == NET_CLOSE_SHUTDOWN)
        return shutdown_retry_ms(commands);
    if (reason == NET_CLOSE_KILLED)
        return KILLED_RETRY_MS;
    return reason == NET_CLOSE_FULL ? full_retry_ms(commands) : 0;
}

struct frame *closing_frame(struct commands *commands, enum net_close_reason reason)
{
    struct closing *closing = &closings[reason];
    Feed__Closing body = FEED__CLOSING__INIT;
    Feed__ServerFrame message = FEED__SERVER_FRAME__INIT;

    if (closing->reason == FEED__CLOSING_REASON__CLOSING_UNSPECIFIED)
        return NULL;
    body.reason = closing->reason;
    body.retry = closing->retry;
    body.retry_after_ms = retry_after_ms(commands, reason);
    body.message = closing->message;
    message.body_case = FEED__SERVER_FRAME__BODY_CLOSING;
    message.closing = &body;
    return frame_pack(&message);
}
