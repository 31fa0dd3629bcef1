/* The small shares of beside.h, one by one: when each is sent, delivered, and seen to stand in its timelines. */
#ifndef FEEDBENCH_BESIDE_SAMPLES_H
#define FEEDBENCH_BESIDE_SAMPLES_H

#include "drive.h"

#define BESIDE_KEPT 1024 /* small shares that may be under way */

/* A small share. It counts if one and the same big share was being pushed from when it was to be sent until everybody had
 * it. */
struct sample {
    uint64_t sent_ns;
    uint64_t delivered_ns; /* to the last of its online followers */
    uint64_t listed_ns;    /* when all its timelines were seen to have it */
    uint64_t length;       /* of these timelines then */
    uint64_t big;          /* the big share that was under way, 0: none */
    uint32_t author;
    uint32_t waiting;      /* online followers who have not got it */
    bool timed;
    bool open;
};

enum big_state { BIG_NONE, BIG_SENT, BIG_UNDER_WAY };

/* What Redis was asked: first and last timeline of the big author and the last one of the oldest small share, by which it is
 * seen whether all of them are worth a look; or all of them, and the last one of the big author. */
enum look { LOOK_NONE, LOOK_AROUND, LOOK_CLOSELY };

struct beside {
    bool loaded;           /* there is a big author */
    bool sharing;
    bool timed;
    struct wire *online;   /* [connections] followers of the small authors */
    uint32_t ready;
    struct sample samples[BESIDE_KEPT]; /* by number */
    uint64_t oldest;       /* number of the first that is not listed */
    uint64_t next_ns;
    uint64_t *lengths;     /* [sources] of the timelines when all is pushed */
    enum big_state big;
    uint64_t big_shares;
    uint64_t big_length;
    uint64_t asked;        /* shares, big ones too */
    uint64_t acknowledged;
    struct wire look;
    enum look looking;
    uint64_t looked_ns;
    uint32_t look_count;
    uint32_t look_answered;
    uint64_t *look_replies; /* [followers + 3] */
    struct histogram delivered;
    struct histogram listed;
    uint8_t title[220];
};

/* The number of the timeline of an author's follower. The big author comes after the small ones. */
uint32_t beside_timeline_of(const struct drive *drive, uint32_t author, uint32_t follower);
/* Whether any small share is not known to stand in its timelines. */
bool beside_is_pending(const struct drive *drive);
void beside_share_big(struct drive *drive);
void beside_share_small(struct drive *drive, uint64_t sent_ns);
/* Asks Redis; the answer is worked on as it comes. Nothing else may be asked meanwhile (beside->looking). */
void beside_look(struct drive *drive, enum look how);

/* For the wires of the online followers, of who shares, and of `look`. */
size_t beside_on_online(struct wire *wire, const uint8_t *data, size_t bytes);
size_t beside_on_share_reply(struct wire *wire, const uint8_t *data, size_t bytes);
size_t beside_on_look(struct wire *wire, const uint8_t *data, size_t bytes);

#endif
