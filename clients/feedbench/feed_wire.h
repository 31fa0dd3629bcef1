/* feedd's protocol (proto/PROTOCOL.md), as little of it as the benchmarks need and by hand: receivers decode every frame, and
 * what that costs is not what is measured. */
#ifndef FEEDBENCH_FEED_WIRE_H
#define FEEDBENCH_FEED_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

/* The bodies of ServerFrame that are looked at, by their field numbers. */
enum feed_body {
    FEED_HELLO = 2,
    FEED_PING = 3,
    FEED_SHARE = 4,
    FEED_FOLLOW = 7,
    FEED_UNFOLLOW = 8,
    FEED_FOLLOW_MANY = 9,
    FEED_TIMELINE = 12,
    FEED_PROFILE = 13,
    FEED_SUBSCRIBE = 14,
    FEED_ERROR = 31,
    FEED_SHARED = 32,
    FEED_CAUGHT_UP = 34,
    FEED_HEARTBEAT = 35,
    FEED_GAP = 36,
    FEED_CLOSING = 37,
};

struct feed_text {
    const uint8_t *data;
    size_t bytes;
};

/* One field of a message: a varint or bytes. */
struct feed_field {
    uint32_t number;
    uint64_t value;
    struct feed_text text;
};

struct feed_frame {
    uint32_t request_id;
    uint32_t body; /* 0: none */
    struct feed_text message;
};

/* Takes the next field off `message`. False at its end, or where it is broken. */
bool feed_next_field(struct feed_text *message, struct feed_field *ret_field);
/* The first field with this number; false if there is none. */
bool feed_find_field(struct feed_text message, uint32_t number, struct feed_field *ret_field);
/* Reads a frame off the front of `data`. Returns its bytes, 0 if it has not come as a whole. */
size_t feed_next_frame(const uint8_t *data, size_t bytes, struct feed_frame *ret_frame);
/* The title of the share in a Shared, in which feedbench keeps the marker; every field up to it is decoded. */
struct feed_text feed_title_of_shared(struct feed_text message, uint64_t *ret_id);

#define FEED_URL "https://example.com/bench"

void feed_add_hello(struct buffer *buffer, uint32_t request_id);
void feed_add_subscribe(struct buffer *buffer, uint32_t request_id, bool home, const char *name, struct feed_text token);
void feed_add_share(struct buffer *buffer, uint32_t request_id, const char *author, struct feed_text title);
/* GetTimeline or GetProfile (FEED_TIMELINE, FEED_PROFILE). */
void feed_add_read(struct buffer *buffer, uint32_t request_id, enum feed_body which, const char *name, uint32_t limit);
/* Follow or Unfollow (FEED_FOLLOW, FEED_UNFOLLOW). */
void feed_add_follow(struct buffer *buffer, uint32_t request_id, enum feed_body which, const char *reader, const char *subject);

#endif
