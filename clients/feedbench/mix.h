/* Workloads from the literature in a closed loop of clients, each with a connection and one operation under way: through feedd,
 * and as an application does the same by itself on Redis. A round begins and ends with nothing under way, pushes to timelines
 * included, so that all that its operations cost is counted. */
#ifndef FEEDBENCH_MIX_H
#define FEEDBENCH_MIX_H

#include "drive.h"
#include "histogram.h"
#include "mix_plan.h"

#define MIX_NAME_BYTES 24
#define MIX_POSTS_EACH 10       /* in each profile at first: a page of any kind is never short */
#define MIX_RECENT_POSTS 1024   /* of which a sample is looked for afterwards */
#define MIX_CAP 800             /* entries of a timeline: as feedd (timeline.cap) and Mastodon (FeedManager::MAX_ITEMS) */
#define MIX_BACKFILL 100        /* shares that a follow brings: as feedd (follow.backfill) */

extern const struct drive_work mix_feedd, mix_redis;

/* A client. Its wire's index is its place. */
struct mix_client {
    struct wire wire;
    struct mix_operation operation;
    uint64_t begun_ns;
    bool busy;
    /* Redis: */
    unsigned step;
    unsigned awaited; /* replies to come of this step */
    uint64_t id;      /* of a post */
};

struct mix_post {
    uint32_t author;
    uint64_t id;
};

enum mix_family { MIX_ALL, MIX_READS, MIX_POSTS, MIX_FOLLOWS, MIX_FAMILIES };

/* The beginning of the state of both arms. */
struct mix {
    struct mix_plan plan;
    struct mix_client *clients; /* [shape.window] */
    uint32_t *idle;
    uint32_t idle_count;
    uint64_t *first_ids;        /* [people * MIX_POSTS_EACH]: of the posts made at first, everybody's first ones first */
    struct mix_post recent[MIX_RECENT_POSTS];
    uint64_t posted;            /* in this round */
    bool measuring;
    struct histogram latencies[MIX_FAMILIES];
};

void mix_name(uint32_t user, char ret_name[MIX_NAME_BYTES]);
/* Draws the network and connects the clients. Returns 0 or a negative errno. */
int mix_open(struct drive *drive, const struct wire_address *address,
             size_t (*on_input)(struct wire *wire, const uint8_t *data, size_t bytes));
void mix_close(struct drive *drive);
/* The ids that a user's timeline holds at first, newest first. Returns how many, at most shape.prefill. */
size_t mix_first_timeline(const struct drive *drive, uint32_t user, uint64_t *ret_ids);

/* Has the next operation begin in a client that is idle. NULL if it cannot. */
struct mix_client *mix_begin(struct drive *drive);
/* Its answer has come, at the time of the input that is being handed over. */
void mix_end(struct drive *drive, struct mix_client *client);
/* A post was acknowledged. */
void mix_note_post(struct drive *drive, uint32_t author, uint64_t id);

/* For drive_work: before a round; when nothing is under way; afterwards. */
int mix_reset(struct drive *drive);
void mix_settled(struct drive *drive);
void mix_tell(struct drive *drive, struct round *round);

/* How a store is asked whether a post is in the timelines of those who follow its author. */
struct mix_evidence {
    /* Adds a command that is answered with all followers. */
    void (*ask_followers)(struct buffer *out, uint32_t author);
    /* Adds two: one that is answered with null if the post is not in this timeline, and one about its oldest entry. */
    void (*ask_timeline)(struct buffer *out, uint32_t user, uint64_t id);
    /* Whether the answer about the oldest entry says why it need not be there: there is no such timeline, or it no longer
     * reaches back so far. */
    bool (*excuses)(const uint8_t *reply, size_t bytes, uint64_t id);
};

/* Looks for a sample of the latest posts; one that is missing voids the round. */
void mix_verify(struct drive *drive, const struct mix_evidence *evidence);

#endif
