/* See feed.h: the feed as a whole, its commits and its clockwork. */
#include "feed/feed.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "feed/internal.h"

#define TICK_MS 50

/* ---- ready or not ---- */

void feed_check_ready(struct feed *feed)
{
    bool ready = store_is_ready(feed->store) && feed->placed && feed->caught_up && feed->reloads == 0 &&
                 bigs_are_known(feed);

    if (ready == feed->ready)
        return;
    feed->ready = ready;
    feed->token_generation++; /* heartbeats say whether the feed is degraded */
    live_tell_ready(feed);
    if (ready) {
        feed->events->on_ready(feed->context);
        ready_waiters_wake(feed, clock_now_ms());
        catchup_run_all(feed);
    } else {
        waiters_fail(feed);
    }
}

static void on_store_ready(void *context)
{
    struct feed *feed = context;

    feed_reopen(feed);
    feed_check_ready(feed);
}

static void on_store_away(void *context)
{
    feed_check_ready(context);
}

static void on_store_stall(void *context)
{
    feed_check_ready(context);
}

static void on_store_refused(void *context, const char *explanation)
{
    struct feed *feed = context;

    feed->events->on_refused(feed->context, explanation);
}

static void on_bulk_up(void *context)
{
    (void)context; /* waiting jobs find it at the next turn */
}

static void on_tail_up(void *context)
{
    tail_read(context);
}

static void on_jobs_up(void *context)
{
    jobs_link_up(context);
}

static const struct store_handlers store_handlers = {on_store_ready, on_store_away, on_store_refused,
                                                     on_bulk_up,     on_tail_up,    on_jobs_up,       on_store_stall};

bool feed_is_loading(const struct feed *feed)
{
    return store_is_loading(feed->store);
}

bool feed_is_ready(const struct feed *feed)
{
    return feed->ready;
}

unsigned feed_partitions(const struct feed *feed)
{
    return feed->partitions;
}

/* ---- clockwork ---- */

static void on_tick(evutil_socket_t fd, short events, void *context)
{
    struct feed *feed = context;

    (void)fd;
    (void)events;
    feed_call_again(feed);
    live_tell_ready(feed);
    ready_waiters_wake(feed, clock_now_ms());
    bool reach_back = feed->placed;
    for (unsigned partition = 0; partition < feed->partitions; partition++)
        reach_back = reach_back && ring_reaches_back(feed, partition);
    if (store_is_ready(feed->store))
        bigs_ask(feed); /* first: reads wait for the other answer while a ring does not reach back */
    if (store_is_ready(feed->store) && (!reach_back || feed_lag_ms(feed) > 0))
        tail_sample_applied(feed);
    store_settle(feed->store, clock_now_ms());
    jobs_tick(feed, clock_now_ms());
    pressure_tick(feed, clock_now_ms());
    hot_tick(&feed->hot, clock_now_ms());
    presence_tick(feed, clock_now_ms());
    health_tick(feed);
}

void feed_turn(struct feed *feed)
{
    traces_sent(feed);
    jobs_turn(feed);
    batches_turn(feed);
}

void feed_flush(struct feed *feed)
{
    store_turn(feed->store);
}

void feed_start(struct feed *feed)
{
    struct timeval interval = {.tv_usec = TICK_MS * 1000};

    feed->heard_ms = clock_now_ms();
    event_add(feed->tick, &interval);
    store_start(feed->store);
}

void feed_leave(struct feed *feed)
{
    store_leave(feed->store);
}

bool feed_has_left(const struct feed *feed)
{
    return store_has_left(feed->store);
}

void feed_stop_jobs(struct feed *feed)
{
    feed->jobs.stopped = true;
    store_stop_jobs(feed->store);
    ready_waiters_wake(feed, INT64_MAX);
    suspects_hand_back(feed);
}

bool feed_jobs_are_handed_back(const struct feed *feed)
{
    return feed->jobs.counting == 0;
}

struct feed *feed_new(struct event_base *base, const struct feed_settings *settings,
                      const struct store_settings *store_settings, const struct feed_outlet *outlet,
                      const struct feed_events *events, void *context)
{
    struct feed *feed = calloc(1, sizeof(*feed));

    if (!feed)
        return NULL;
    health_init();
    feed->settings = settings;
    feed->outlet = outlet;
    feed->events = events;
    feed->context = context;
    feed->base = base;
    feed->partitions = store_settings->partitions;
    feed->tick = event_new(base, -1, EV_PERSIST, on_tick, feed);
    feed->store = store_new(base, store_settings, &store_handlers, feed);
    if (!feed->tick || !feed->store) {
        feed_free(feed);
        return NULL;
    }
    return feed;
}

void feed_stop(struct feed *feed)
{
    feed->jobs.stopped = true;
    event_del(feed->tick);
    store_stop(feed->store);
    batches_stop(feed);
    feed->ready = false;
    waiters_fail(feed);
    ready_waiters_wake(feed, INT64_MAX);
    feed_call_again(feed); /* with the store gone, whoever waits there is answered */
}

void feed_free(struct feed *feed)
{
    if (!feed)
        return;
    feed_call_again(feed); /* with the store gone and no streams left, each ends */
    store_free(feed->store);
    if (feed->tick)
        event_free(feed->tick);
    check_free(feed);
    jobs_done(feed);
    traces_done(feed);
    for (unsigned partition = 0; partition < feed->partitions; partition++)
        ring_done(feed, partition);
    bodies_done(feed);
    readers_done(feed);
    bigs_done(feed);
    idmap_done(&feed->streams);
    idmap_done(&feed->shares_streamed);
    idmap_done(&feed->deleted);
    idmap_done(&feed->reshares);
    idmap_done(&feed->follows);
    frame_unref(feed->token_frame);
    subjects_done(&feed->subjects);
    free(feed);
}

/* ---- commits ---- */

struct write *write_new(struct feed *feed, uint64_t *metric, feed_write_fn *fn, void *context)
{
    struct write *write = malloc(sizeof(*write));

    if (write)
        *write = (struct write){feed, metric, fn, context};
    return write;
}

void write_end(const struct write *write, Feed__ErrorCode error, uint64_t position, int64_t outcome)
{
    static const Feed__ErrorCode outcomes[] = {FEED_OK, FEED_OK, FEED__ERROR_CODE__NOT_FOUND, FEED__ERROR_CODE__FORBIDDEN,
                                               FEED__ERROR_CODE__LIMIT_EXCEEDED};

    if (error == FEED_OK)
        store_saw(write->feed->store, position);
    if (error == FEED_OK && outcome >= 0 && outcome < 5)
        error = outcomes[outcome];
    if (error == FEED_OK && outcome == 0)
        *write->metric += 1;
    write->fn(write->context, error, position, outcome == 1);
}

void on_written(void *context, const struct reply *reply)
{
    struct write write = *(struct write *)context;

    free(context);
    write_end(&write, error_of_reply(reply, true), reply_id(reply_at(reply, 0)), reply_number(reply_at(reply, 1)));
}

/* The share is not in the author's partition: whoever's it is, it is not theirs. */
static void on_stranger(void *context, const struct reply *reply)
{
    struct write write = *(struct write *)context;
    Feed__ErrorCode error = error_of_reply(reply, false);

    free(context);
    if (error == FEED_OK)
        error = reply_is_null(reply_at(reply, 0)) ? FEED__ERROR_CODE__NOT_FOUND : FEED__ERROR_CODE__FORBIDDEN;
    write.fn(write.context, error, 0, false);
}

void feed_delete(struct feed *feed, struct text author, uint64_t id, feed_write_fn *fn, void *context)
{
    struct write *write = write_new(feed, &metrics.deletes, fn, context);
    unsigned partition = partition_of_id(id);
    int error = -ENOMEM;

    if (partition >= feed->partitions || feed_is_busy(feed, false)) {
        free(write);
        fn(context, partition >= feed->partitions ? FEED__ERROR_CODE__NOT_FOUND : FEED__ERROR_CODE__BUSY, 0, false);
        return;
    }
    if (write && partition_of_subject(author) == partition)
        error = store_delete(feed->store, author, id, on_written, write);
    else if (write)
        error = store_bodies(feed->store, &id, 1, on_stranger, write);
    if (error < 0) {
        free(write);
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, 0, false);
    }
}

void feed_edit(struct feed *feed, struct text author, uint64_t id, struct text body, struct text mark, int64_t window_ms,
               feed_write_fn *fn, void *context)
{
    struct write *write;

    if (feed_is_busy(feed, false)) {
        fn(context, FEED__ERROR_CODE__BUSY, 0, false);
        return;
    }
    write = write_new(feed, &metrics.edits, fn, context);
    if (!write || store_edit(feed->store, author, id, body, mark, window_ms, on_written, write) < 0) {
        free(write);
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, 0, false);
    }
}
