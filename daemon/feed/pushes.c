/* Pushes: which share goes to which timeline, until Redis has answered.
 *
 * A push is sent at once while there is room in the window; else it waits in a lane, and what comes for the same timeline
 * meanwhile goes with it: one command carries all ids, oldest first, so that the busier it is, the cheaper each push. The first
 * pages of jobs have a lane of their own, so that a small job never waits behind a large one; of every few pushes one is still
 * taken from the other lane. A lane holds a bounded number of timelines; whoever finds it full comes again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "feed/internal.h"

#define LANE_TIMELINES_MAX 16384
#define TABLE_SLOTS 32768 /* a power of two */
#define IDS_MAX 32        /* of one push: Redis serves nobody else meanwhile */
#define OTHER_LANE_EVERY 8
#define PUSHES_PER_CLOCK 32

struct push_id {
    uint64_t id;
    struct job *job;
};

struct push {
    struct feed *feed;
    struct push *next, *previous; /* in its lane */
    struct push *next_in_slot;    /* of the table, while it waits */
    struct push_id *more;         /* instead of `only` when there are several */
    struct push_id only;
    uint32_t count, capacity;     /* of ids */
    uint32_t hash;
    uint8_t lane;
    bool is_found;                /* in the table */
    uint8_t name_bytes;
    char name[];
};

static struct push_id *ids_of(struct push *push)
{
    return push->more ? push->more : &push->only;
}

static void push_free(struct push *push)
{
    free(push->more);
    free(push);
}

/* ---- lanes, and the table of what waits in them ---- */

static void lane_add(struct pushes *pushes, struct push *push, enum push_lane number)
{
    struct push_queue *lane = &pushes->lanes[number];

    push->lane = (uint8_t)number;
    push->next = NULL;
    push->previous = lane->last;
    *(lane->last ? &lane->last->next : &lane->first) = push;
    lane->last = push;
    lane->count++;
}

static void lane_remove(struct pushes *pushes, struct push *push)
{
    struct push_queue *lane = &pushes->lanes[push->lane];

    *(push->previous ? &push->previous->next : &lane->first) = push->next;
    *(push->next ? &push->next->previous : &lane->last) = push->previous;
    lane->count--;
}

static struct push **slot_of(const struct pushes *pushes, uint32_t hash)
{
    return &pushes->table[hash & (TABLE_SLOTS - 1)];
}

static struct push *find(const struct pushes *pushes, struct text name, uint32_t hash)
{
    struct push *push = pushes->table ? *slot_of(pushes, hash) : NULL;

    while (push &&
           (push->hash != hash || push->name_bytes != name.size || memcmp(push->name, name.data, name.size) != 0))
        push = push->next_in_slot;
    return push;
}

/* Without memory for the table nothing is found, and each push is sent by itself. */
static void table_add(struct pushes *pushes, struct push *push)
{
    if (!pushes->table)
        pushes->table = calloc(TABLE_SLOTS, sizeof(struct push *));
    if (!pushes->table)
        return;
    struct push **slot = slot_of(pushes, push->hash);
    push->next_in_slot = *slot;
    *slot = push;
    push->is_found = true;
}

static void table_remove(struct pushes *pushes, struct push *push)
{
    struct push **at;

    if (!push->is_found)
        return;
    for (at = slot_of(pushes, push->hash); *at != push;)
        at = &(*at)->next_in_slot;
    *at = push->next_in_slot;
    push->is_found = false;
}

/* ---- sending ---- */

/* Tells the jobs, the last of which may end with that. Takes the push. */
static void answer(struct push *push, int result)
{
    struct push_id *ids = ids_of(push);

    for (uint32_t i = 0; i < push->count; i++)
        fanout_pushed(push->feed, ids[i].job, result);
    push_free(push);
}

static void on_pushed(void *context, const struct reply *reply)
{
    struct push *push = context;
    const struct feed_settings *settings = push->feed->settings;
    struct text name = {push->name, push->name_bytes};
    int error = reply_error(reply);
    int64_t length = reply_number(reply);

    if (error < 0)
        trims_forget(push->feed, name);
    push->feed->jobs.pushes.in_flight -= push->count;
    if (error == -EPROTO) {
        metrics.pushes_failed += push->count; /* what stands there is no timeline, and will not be one by trying again */
        error = 0;
    } else if (error == 0 && length == 0) {
        metrics.pushes_away += push->count;
    } else if (error == 0) {
        metrics.pushes += push->count;
        if (length > settings->timeline_cap + settings->timeline_slack + 1)
            trims_cut(push->feed, name);
    }
    answer(push, error < 0 ? error : length > 0);
}

/* Oldest first: a list stays in the order of the ids if pushes come in that order. */
static void sort_ids(struct push *push)
{
    struct push_id *ids = ids_of(push);

    for (uint32_t i = 1; i < push->count; i++) {
        struct push_id moved = ids[i];
        uint32_t at = i;

        for (; at > 0 && ids[at - 1].id > moved.id; at--)
            ids[at] = ids[at - 1];
        ids[at] = moved;
    }
}

/* Takes the push. False if it could not be sent: its jobs know. */
static bool send(struct feed *feed, struct push *push)
{
    uint64_t numbers[IDS_MAX];
    const struct push_id *ids = ids_of(push);
    struct text name = {push->name, push->name_bytes};
    int error;

    sort_ids(push);
    for (uint32_t i = 0; i < push->count; i++)
        numbers[i] = ids[i].id;
    error = store_push(feed->store, name, numbers, push->count, on_pushed, push);
    if (error == 0) {
        trims_note(feed, name, numbers, push->count);
        metrics.push_commands++;
        feed->jobs.pushes.in_flight += push->count;
        return true;
    }
    answer(push, error);
    return false;
}

static bool has_room(const struct feed *feed)
{
    return feed->jobs.pushes.in_flight < feed->settings->push_window;
}

/* The next one to be sent; NULL if none waits. */
static struct push *take_next(struct pushes *pushes)
{
    bool other = pushes->taken++ % OTHER_LANE_EVERY == 0;
    enum push_lane lane = other ? PUSH_FURTHER : PUSH_FIRST;
    struct push *push = pushes->lanes[lane].first;

    if (!push)
        push = pushes->lanes[other ? PUSH_FIRST : PUSH_FURTHER].first;
    if (push) {
        lane_remove(pushes, push);
        table_remove(pushes, push);
    }
    return push;
}

void pushes_send(struct feed *feed, int64_t deadline_ms)
{
    for (unsigned sent = 1; has_room(feed); sent++) {
        struct push *push = take_next(&feed->jobs.pushes);

        if (!push || !send(feed, push) || (sent % PUSHES_PER_CLOCK == 0 && clock_now_ms() > deadline_ms))
            return;
    }
}

/* ---- adding ---- */

/* Goes with what waits for the same timeline. 0 or -ENOMEM. */
static int add_id(struct pushes *pushes, struct push *push, struct push_id id, enum push_lane lane)
{
    if (push->count == push->capacity) {
        uint32_t capacity = push->capacity * 4 < IDS_MAX ? push->capacity * 4 : IDS_MAX;
        struct push_id *larger = realloc(push->more, capacity * sizeof(*larger));

        if (!larger)
            return -ENOMEM;
        if (!push->more)
            larger[0] = push->only;
        push->more = larger;
        push->capacity = capacity;
    }
    ids_of(push)[push->count++] = id;
    if (push->count == IDS_MAX)
        table_remove(pushes, push);
    if (lane < push->lane) { /* for one that is urgent, so are the others */
        lane_remove(pushes, push);
        lane_add(pushes, push, lane);
    }
    return 0;
}

int push_add(struct feed *feed, struct job *job, struct text name, enum push_lane lane)
{
    struct pushes *pushes = &feed->jobs.pushes;
    bool at_once = has_room(feed) && !pushes->lanes[PUSH_FIRST].first && !pushes->lanes[PUSH_FURTHER].first;
    uint32_t hash = at_once ? 0 : name_hash(name);
    struct push *push = at_once ? NULL : find(pushes, name, hash);

    if (push)
        return add_id(pushes, push, (struct push_id){job->id, job}, lane);
    if (pushes->lanes[lane].count >= LANE_TIMELINES_MAX)
        return -EAGAIN;
    push = malloc(sizeof(*push) + name.size);
    if (!push)
        return -ENOMEM;
    *push = (struct push){.feed = feed, .only = {job->id, job}, .count = 1, .capacity = 1, .hash = hash,
                          .name_bytes = (uint8_t)name.size};
    memcpy(push->name, name.data, name.size);
    if (at_once) {
        send(feed, push); /* if it cannot be, its job hears of that as of an answer */
        return 0;
    }
    lane_add(pushes, push, lane);
    table_add(pushes, push);
    return 0;
}

void pushes_clear(struct feed *feed)
{
    struct pushes *pushes = &feed->jobs.pushes;

    for (unsigned lane = 0; lane < PUSH_LANES; lane++)
        for (struct push *push = pushes->lanes[lane].first, *next; push; push = next) {
            next = push->next;
            push_free(push);
        }
    free(pushes->table);
    free(pushes->trims);
    *pushes = (struct pushes){.in_flight = pushes->in_flight};
}
