#include "audit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Six bits a character, so that it is text everywhere; characters from '0' on need no escape in any protocol. */
static void write_digits(char *text, size_t digits, uint64_t value)
{
    for (size_t i = digits; i > 0; i--, value >>= 6)
        text[i - 1] = (char)('0' + (value & 63));
}

static uint64_t read_digits(const uint8_t *text, size_t digits)
{
    uint64_t value = 0;

    for (size_t i = 0; i < digits; i++)
        value = value << 6 | ((text[i] - (unsigned)'0') & 63);
    return value;
}

void marker_write(char ret_text[MARKER_BYTES], const struct marker *marker)
{
    write_digits(ret_text, 5, marker->source);
    write_digits(ret_text + 5, 5, marker->place);
    write_digits(ret_text + 10, 7, marker->number);
}

bool marker_read(const uint8_t *text, size_t bytes, struct marker *ret_marker)
{
    if (bytes < MARKER_BYTES)
        return false;
    ret_marker->source = (uint32_t)read_digits(text, 5);
    ret_marker->place = (uint32_t)read_digits(text + 5, 5);
    ret_marker->number = read_digits(text + 10, 7);
    return true;
}

static int compare_numbers(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;

    return (a > b) - (a < b);
}

int audit_init(struct audit *audit, uint32_t receivers, uint32_t sources, uint32_t heard, uint32_t stride)
{
    size_t pairs = (size_t)receivers * heard;

    *audit = (struct audit){.receivers = receivers, .sources = sources, .heard = heard};
    audit->heard_of = calloc(pairs, sizeof(*audit->heard_of));
    audit->next = calloc(pairs, sizeof(*audit->next));
    audit->published = calloc(sources, sizeof(*audit->published));
    audit->audience = calloc(sources, sizeof(*audit->audience));
    audit->sent_ns = calloc(AUDIT_REMEMBERED, sizeof(*audit->sent_ns));
    audit->latency = calloc(1, sizeof(*audit->latency));
    if (!audit->heard_of || !audit->next || !audit->published || !audit->audience || !audit->sent_ns || !audit->latency) {
        audit_done(audit);
        return -ENOMEM;
    }
    for (uint32_t receiver = 0; receiver < receivers; receiver++) {
        uint32_t *mine = audit->heard_of + (size_t)receiver * heard;

        for (uint32_t i = 0; i < heard; i++) {
            mine[i] = (uint32_t)(((uint64_t)receiver * stride + i) % sources);
            audit->audience[mine[i]]++;
        }
        qsort(mine, heard, sizeof(*mine), compare_numbers);
    }
    return 0;
}

void audit_done(struct audit *audit)
{
    free(audit->heard_of);
    free(audit->next);
    free(audit->published);
    free(audit->audience);
    free(audit->sent_ns);
    free(audit->latency);
    *audit = (struct audit){0};
}

uint32_t audit_source(const struct audit *audit, uint32_t receiver, uint32_t i)
{
    return audit->heard_of[(size_t)receiver * audit->heard + i];
}

struct marker audit_publish(struct audit *audit, uint32_t source, uint64_t sent_ns)
{
    struct marker marker = {source, audit->published[source]++, audit->total++};

    audit->sent_ns[marker.number % AUDIT_REMEMBERED] = sent_ns;
    audit->expected += audit->audience[source];
    return marker;
}

/* Where a source stands among those that a receiver hears; `heard` if it does not. */
static uint32_t find_source(const uint32_t *mine, uint32_t heard, uint32_t source)
{
    uint32_t low = 0;
    uint32_t high = heard;

    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (mine[middle] < source)
            low = middle + 1;
        else
            high = middle;
    }
    return low < heard && mine[low] == source ? low : heard;
}

void audit_deliver(struct audit *audit, uint32_t receiver, const uint8_t *text, size_t bytes, uint64_t now_ns)
{
    size_t first = (size_t)receiver * audit->heard;
    struct marker marker;
    uint32_t slot;

    if (!marker_read(text, bytes, &marker)) {
        audit_void(audit, "receiver %" PRIu32 " got a message without a marker", receiver);
        return;
    }
    if (audit->drop > 0 && --audit->drop == 0)
        return;
    slot = find_source(audit->heard_of + first, audit->heard, marker.source);
    if (slot == audit->heard) {
        audit_void(audit, "receiver %" PRIu32 " got a message of source %" PRIu32 ", which it does not hear", receiver,
                   marker.source);
        return;
    }
    if (marker.place != audit->next[first + slot])
        audit_void(audit, "receiver %" PRIu32 " got message %" PRIu32 " of source %" PRIu32 " instead of %" PRIu32, receiver,
                   marker.place, marker.source, audit->next[first + slot]);
    audit->next[first + slot] = marker.place + 1;
    audit->delivered++;
    if (audit->timed)
        histogram_add(audit->latency, now_ns - audit->sent_ns[marker.number % AUDIT_REMEMBERED]);
}

void audit_void(struct audit *audit, const char *format, ...)
{
    va_list arguments;

    if (audit->voided[0])
        return;
    va_start(arguments, format);
    vsnprintf(audit->voided, sizeof(audit->voided), format, arguments);
    va_end(arguments);
}

void audit_forgive(struct audit *audit)
{
    for (size_t i = 0; i < (size_t)audit->receivers * audit->heard; i++)
        audit->next[i] = audit->published[audit->heard_of[i]];
    audit->delivered = audit->expected;
    audit->voided[0] = '\0';
}
