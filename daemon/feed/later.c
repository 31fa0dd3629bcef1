/* Calls that are made later: at the next tick, or when the feed is ready again. */
#include <stdlib.h>

#include "feed/internal.h"

struct again {
    void (*fn)(void *context);
    void *context;
    struct again *next;
};

bool feed_call_later(struct feed *feed, void (*fn)(void *context), void *context)
{
    struct again *again = malloc(sizeof(*again));

    if (!again)
        return false;
    *again = (struct again){fn, context, feed->again};
    feed->again = again;
    return true;
}

void feed_call_again(struct feed *feed)
{
    struct again *again = feed->again;

    feed->again = NULL;
    while (again) {
        struct again *next = again->next;

        again->fn(again->context);
        free(again);
        again = next;
    }
}

/* ---- until the feed is ready ---- */

struct ready_waiter {
    int64_t deadline_ms;
    feed_wait_fn *fn;
    void *context;
    struct ready_waiter *next;
};

static void add(struct ready_queue *queue, struct ready_waiter *waiter)
{
    waiter->next = NULL;
    *(queue->last ? &queue->last->next : &queue->first) = waiter;
    queue->last = waiter;
}

static struct ready_waiter *take(struct ready_queue *queue)
{
    struct ready_waiter *waiter = queue->first;

    queue->first = waiter->next;
    if (!queue->first)
        queue->last = NULL;
    return waiter;
}

void feed_wait_ready(struct feed *feed, int64_t deadline_ms, feed_wait_fn *fn, void *context)
{
    struct ready_waiter *waiter;

    if (feed->ready) {
        fn(context, FEED_OK);
        return;
    }
    waiter = feed->jobs.stopped ? NULL : malloc(sizeof(*waiter));
    if (!waiter) {
        fn(context, FEED__ERROR_CODE__UNAVAILABLE);
        return;
    }
    *waiter = (struct ready_waiter){.deadline_ms = deadline_ms, .fn = fn, .context = context};
    add(&feed->ready_waiters, waiter);
}

void ready_waiters_wake(struct feed *feed, int64_t now_ms)
{
    struct ready_queue all = feed->ready_waiters, woken = {0};

    feed->ready_waiters = (struct ready_queue){0};
    while (all.first) {
        struct ready_waiter *waiter = take(&all);

        add(feed->ready || waiter->deadline_ms <= now_ms ? &woken : &feed->ready_waiters, waiter);
    }
    while (woken.first) { /* in the order in which they came; a call may wait again */
        struct ready_waiter *waiter = take(&woken);

        waiter->fn(waiter->context, feed->ready ? FEED_OK : FEED__ERROR_CODE__UNAVAILABLE);
        free(waiter);
    }
}
