/* Requests that take the same step, each a part of one script: those of one partition travel together. The first one goes at
 * the end of the turn; what comes while it is under way gathers until it is answered, or fills a script. So a request that
 * comes alone waits for nobody, and the batches grow with the load. */
#include <stdlib.h>

#include "feed/internal.h"

#define UNDER_WAY_MAX 16 /* scripts of one kind: what other commands may have to wait for */

/* Of several steps the later one comes first: what has begun ends before more begins. */
static const struct batch_kind *const kinds[BATCH_STEPS] = {
    [BATCH_EDGES] = &batch_edges,
    [BATCH_FOLLOWS] = &batch_follows,
    [BATCH_SHARES] = &batch_shares,
    [BATCH_CHECKS] = &batch_checks,
    [BATCH_RECORDS] = &batch_records,
};

struct batch {
    struct feed *feed;
    enum batch_step step;
    unsigned partition;
    size_t count;
    struct batched *requests[BATCHED_MAX];
};

void batch_add(struct feed *feed, enum batch_step step, unsigned partition, struct batched *request)
{
    struct batch_queue *waiting = &feed->batches.queues[step][partition];

    request->next = NULL;
    *(waiting->last ? &waiting->last->next : &waiting->first) = request;
    waiting->last = request;
    waiting->count++;
}

static void on_batch(void *context, const struct reply *reply)
{
    struct batch *batch = context;
    const struct batch_kind *kind = kinds[batch->step];
    Feed__ErrorCode error = error_of_reply(reply, true);

    batch->feed->batches.under_way[batch->step]--;
    batch->feed->batches.queues[batch->step][batch->partition].under_way--;
    for (size_t i = 0; i < batch->count; i++) {
        const struct reply *values[BATCH_VALUES_MAX] = {reply};

        for (size_t value = 0; value < kind->values; value++)
            values[value] = reply_at(reply, kind->values * i + value);
        if (error == FEED_OK && values[0] && reply_error(values[0]) < 0)
            store_note_error(batch->feed->store, values[0]);
        kind->answered(batch->requests[i], error == FEED_OK ? error_of_reply(values[0], true) : error, values);
    }
    free(batch);
}

/* It could not even be sent. */
static void refuse(const struct batch_kind *kind, struct batched *request)
{
    static const struct reply *const none[BATCH_VALUES_MAX];

    kind->answered(request, kind->unsent, none);
}

static void send_batch(struct feed *feed, struct batch *batch)
{
    const struct batch_kind *kind = kinds[batch->step];

    if (kind->send(feed, batch->requests, batch->count, on_batch, batch) == 0) {
        feed->batches.under_way[batch->step]++;
        feed->batches.queues[batch->step][batch->partition].under_way++;
        return;
    }
    for (size_t i = 0; i < batch->count; i++)
        refuse(kind, batch->requests[i]);
    free(batch);
}

/* Takes up to a batch from a queue. NULL if it is empty, or memory ended: then it is tried again at the next turn. */
static struct batch *take_batch(struct feed *feed, enum batch_step step, unsigned partition)
{
    struct batch_queue *waiting = &feed->batches.queues[step][partition];
    struct batch *batch = waiting->first ? malloc(sizeof(*batch)) : NULL;

    if (!batch)
        return NULL;
    batch->feed = feed;
    batch->step = step;
    batch->partition = partition;
    batch->count = 0;
    while (waiting->first && batch->count < kinds[step]->max) {
        batch->requests[batch->count++] = waiting->first;
        waiting->first = waiting->first->next;
    }
    waiting->count -= batch->count;
    if (!waiting->first)
        waiting->last = NULL;
    return batch;
}

/* What cannot begin is not kept waiting for what may never be answered. */
static bool may_send(const struct feed *feed, enum batch_step step, unsigned partition)
{
    const struct batch_queue *waiting = &feed->batches.queues[step][partition];

    if (kinds[step]->unsent == FEED__ERROR_CODE__UNAVAILABLE && !store_is_ready(feed->store))
        return true;
    return feed->batches.under_way[step] < UNDER_WAY_MAX && (waiting->under_way == 0 || waiting->count >= kinds[step]->max);
}

void batches_turn(struct feed *feed)
{
    for (unsigned step = 0; step < BATCH_STEPS; step++)
        for (unsigned partition = 0; partition < feed->partitions; partition++) {
            struct batch *batch;

            while (may_send(feed, step, partition) && (batch = take_batch(feed, step, partition)))
                send_batch(feed, batch);
        }
}

/* Empties a queue. Returns what was in it. */
static struct batched *take_all(struct batch_queue *waiting)
{
    struct batched *first = waiting->first;

    *waiting = (struct batch_queue){.under_way = waiting->under_way};
    return first;
}

void batches_clear(struct feed *feed, enum batch_step step)
{
    for (unsigned partition = 0; partition < feed->partitions; partition++)
        take_all(&feed->batches.queues[step][partition]);
}

void batches_stop(struct feed *feed)
{
    for (unsigned step = 0; step < BATCH_STEPS; step++)
        for (unsigned partition = 0; partition < feed->partitions; partition++)
            for (struct batched *request = take_all(&feed->batches.queues[step][partition]), *next; request; request = next) {
                next = request->next;
                refuse(kinds[step], request);
            }
}
