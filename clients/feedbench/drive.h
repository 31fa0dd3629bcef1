/* A closed loop against feedd or Redis: so many operations under way at once, the next begun when one is done.
 *
 * Redis stands alone on the second CPU, whatever drives it on the first: a raw pipeline, or feedd and the one who asks it. */
#ifndef FEEDBENCH_DRIVE_H
#define FEEDBENCH_DRIVE_H

#include "resp.h"
#include "scenario.h"
#include "seed.h"
#include "server.h"
#include "wire.h"

struct drive;

struct drive_work {
    bool feedd;          /* the work is done by feedd; else by Redis alone */
    bool beside;         /* feedd and Redis on the first CPU, their driver on the second: as in live */
    uint32_t window;     /* operations under way; 0: the shape's */
    size_t state_bytes;  /* of the work's own state, zeroed */
    /* Fills Redis, when feedd has opened it. */
    int (*fill)(struct drive *drive);
    /* Before each round; its cost is not measured. */
    int (*reset)(struct drive *drive);
    /* Begins one more operation, whose requests go to drive->wire.out. False: none can be begun now. */
    bool (*issue)(struct drive *drive);
    /* Takes replies; adds to `done`. */
    size_t (*on_input)(struct wire *wire, const uint8_t *data, size_t bytes);
    /* Every turn of the loop; NULL: nothing. */
    void (*turn)(struct drive *drive);
    /* How many operations are done; NULL: `done`. */
    uint64_t (*count)(struct drive *drive);
    /* When all operations are answered: waits until what they began is done, too. A round is then measured from such a
     * moment to such a moment. NULL: while it flows. */
    void (*settle)(struct drive *drive);
    /* After everything is done: whether it was done right. NULL: it was. */
    void (*verify)(struct drive *drive);
    void (*finish)(struct drive *drive);
    /* Adds metrics of its own. */
    void (*tell)(struct drive *drive, struct round *round);
};

struct drive {
    struct run *run;
    const struct drive_work *work;
    struct server server;
    struct wires wires;
    struct wire wire;
    struct seed seed;      /* a connection to Redis that waits */
    uint64_t issued;
    uint64_t completed;    /* of those that were issued */
    uint64_t done;         /* operations as they are counted: an issue may make many */
    bool stopping;         /* nothing more is begun */
    struct buffer *out;    /* = &wire.out */
    void *state;
    struct audit audit;    /* only its verdict is used */
};

/* How things stand at the beginning and the end of what is measured. */
struct drive_mark {
    uint64_t wall_ns;
    struct server_cpu cpu;
    uint64_t own_cpu_ns;
    uint64_t machine_cpu_ns;
    uint64_t done;
    uint64_t issued;
    uint64_t bytes_in;
};

int drive_prepare(struct run *run);
void drive_round(struct run *run, struct round *ret_round);
void drive_finish(struct run *run);

/* The parts of a round, for work that has one of its own. */
/* Waits until every push of every share that was acknowledged is answered, and the share recorded. */
void drive_await_fanout(struct drive *drive);
struct drive_mark drive_take_mark(struct drive *drive);
void drive_tell(const struct drive_mark *start, const struct drive_mark *end, struct round *round);

/* One reply of Redis to one command each: for work whose replies need no look. Adds to `done` and `completed`; an error voids. */
size_t drive_count_replies(struct wire *wire, const uint8_t *data, size_t bytes);

#define DRIVE_ARM(id, label, needs, work_row)                                                                             \
    static const struct arm id = {.name = label, .program = needs, .detail = &work_row, .prepare = drive_prepare,         \
                                  .round = drive_round, .finish = drive_finish}

#endif
