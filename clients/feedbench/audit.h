/* Whether every delivery arrives, once and in order. Every message carries a marker: its source, its place among that
 * source's messages, and its place among all, by which the time is found at which it was to be sent.
 *
 * Each receiver hears a fixed set of sources. A message that is missing, repeated or out of order voids the round, and so
 * does whatever else says audit_void(): the first reason is kept. */
#ifndef FEEDBENCH_AUDIT_H
#define FEEDBENCH_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"

#define MARKER_BYTES 17
#define VOID_BYTES 160

struct marker {
    uint32_t source;
    uint32_t place;  /* from 0, among the source's own */
    uint64_t number; /* from 0, among all */
};

void marker_write(char ret_text[MARKER_BYTES], const struct marker *marker);
/* False if these bytes are no marker. */
bool marker_read(const uint8_t *text, size_t bytes, struct marker *ret_marker);

struct audit {
    uint32_t receivers;
    uint32_t sources;
    uint32_t heard;       /* how many sources each receiver hears */
    uint32_t *heard_of;   /* [receivers * heard], ascending for each receiver */
    uint32_t *next;       /* likewise: the place expected next */
    uint32_t *published;  /* [sources] */
    uint32_t *audience;   /* [sources]: how many hear it */
    uint64_t *sent_ns;    /* when message number n was to be sent, at [n % AUDIT_REMEMBERED] */
    uint64_t total;       /* messages published */
    uint64_t expected;    /* deliveries that these make */
    uint64_t delivered;
    bool timed;           /* latencies are kept */
    uint64_t drop;        /* if not 0, the delivery of this number is overlooked: to see that losses are found */
    struct histogram *latency;
    char voided[VOID_BYTES]; /* empty: valid */
};

#define AUDIT_REMEMBERED 65536

/* Receiver r hears the sources r * stride, r * stride + 1, … (modulo `sources`), `heard` of them. Returns 0 or -ENOMEM. */
int audit_init(struct audit *audit, uint32_t receivers, uint32_t sources, uint32_t heard, uint32_t stride);
void audit_done(struct audit *audit);
/* The i-th source that a receiver hears. */
uint32_t audit_source(const struct audit *audit, uint32_t receiver, uint32_t i);

/* A message of `source` is about to be sent, its time being `sent_ns`. */
struct marker audit_publish(struct audit *audit, uint32_t source, uint64_t sent_ns);
/* A receiver got this message at `now_ns`. */
void audit_deliver(struct audit *audit, uint32_t receiver, const uint8_t *text, size_t bytes, uint64_t now_ns);
void audit_void(struct audit *audit, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Makes a fresh start after a voided round: what was published counts as heard. */
void audit_forgive(struct audit *audit);

#endif
