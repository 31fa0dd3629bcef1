/* Building a timeline that does not exist: of a new reader, or of one who was away for long.
 *
 * The list is created first, so that pushes land in it; only then are the following set and the profiles read, and one
 * script merges everything, if the list is still ours. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/metrics.h"
#include "feed/internal.h"

struct rebuild_waiter {
    rebuild_fn *fn;
    void *context;
    struct rebuild_waiter *next;
};

struct rebuild {
    struct feed *feed;
    struct reader *reader; /* pinned */
    struct rebuild_waiter *waiters;
    char *mark;
};

static void rebuild_end(struct rebuild *rebuild, Feed__ErrorCode error, bool somebody_else)
{
    struct feed *feed = rebuild->feed;
    struct reader *reader = rebuild->reader;

    reader->rebuild = NULL;
    if (error != FEED_OK && rebuild->mark)
        store_timeline_abandon(feed->store, subject_name(&feed->subjects, reader->slot),
                               (struct text){rebuild->mark, strlen(rebuild->mark)}, reply_ignore, NULL);
    for (struct rebuild_waiter *waiter = rebuild->waiters, *next; waiter; waiter = next) {
        next = waiter->next;
        waiter->fn(waiter->context, error, somebody_else);
        free(waiter);
    }
    free(rebuild->mark);
    free(rebuild);
    reader_unpin(feed, reader);
}

static struct text reader_name(const struct rebuild *rebuild)
{
    return subject_name(&rebuild->feed->subjects, rebuild->reader->slot);
}

static void on_finished(void *context, const struct reply *reply)
{
    struct rebuild *rebuild = context;
    Feed__ErrorCode error = error_of_reply(reply, false);

    if (error == FEED_OK && reply_number(reply) == 1)
        metrics.rebuilds++;
    rebuild_end(rebuild, error, error == FEED_OK && reply_number(reply) == 0);
}

static void on_collected(void *context, Feed__ErrorCode error, struct collected *collected)
{
    struct rebuild *rebuild = context;

    if (error != FEED_OK) {
        rebuild_end(rebuild, error, false);
        return;
    }
    struct text mark = {rebuild->mark, strlen(rebuild->mark)};
    int sent = store_timeline_finish(rebuild->feed->store, reader_name(rebuild), mark, collected_floor(collected), collected->ids,
                                     collected->count, on_finished, rebuild);
    free(collected->ids);
    if (sent < 0)
        rebuild_end(rebuild, FEED__ERROR_CODE__UNAVAILABLE, false);
}

static int add(struct collect *collect, struct feed *feed, const struct reply *name, uint64_t before)
{
    uint32_t subject = subject_intern(&feed->subjects, reply_text(name));

    if (subject == NO_SUBJECT)
        return -ENOMEM;
    collect_add(collect, subject, before);
    return 0;
}

/* Collects what the timeline is to hold. 0 or -ENOMEM. */
static int collect(struct rebuild *rebuild, const struct reply *names, const struct reply *kept)
{
    struct feed *feed = rebuild->feed;
    struct collect *collect = collect_new(feed, reply_count(names) + reply_count(kept) / 2 + 1, 0, (size_t)feed->settings->timeline_cap);

    if (!collect)
        return -ENOMEM;
    collect_add(collect, subject_ref(&feed->subjects, rebuild->reader->slot), 0);
    int error = 0;
    for (size_t i = 0; i < reply_count(names) && error == 0; i++)
        error = add(collect, feed, reply_at(names, i), 0);
    for (size_t i = 0; i + 1 < reply_count(kept) && error == 0; i += 2)
        error = add(collect, feed, reply_at(kept, i), reply_id(reply_at(kept, i + 1)) + 1);
    if (error < 0) {
        collect_free(collect);
        return error;
    }
    collect_run(collect, on_collected, rebuild);
    return 0;
}

static void on_begun(void *context, const struct reply *reply)
{
    struct rebuild *rebuild = context;
    Feed__ErrorCode error = error_of_reply(reply, false);
    int64_t answer = reply_number(reply_at(reply, 0));

    if (error != FEED_OK || answer != 1) {
        rebuild_end(rebuild, error, answer == 2);
        return;
    }
    struct text mark = reply_text(reply_at(reply, 1));
    rebuild->mark = strndup(mark.data, mark.size);
    if (!rebuild->mark) /* else rebuild_end() does it: what is begun is given up, so that the next call may begin */
        store_timeline_abandon(rebuild->feed->store, reader_name(rebuild), mark, reply_ignore, NULL);
    if (!rebuild->mark || collect(rebuild, reply_at(reply, 2), reply_at(reply, 3)) < 0)
        rebuild_end(rebuild, FEED__ERROR_CODE__UNAVAILABLE, false);
}

void timeline_rebuild(struct feed *feed, struct reader *reader, rebuild_fn *fn, void *context)
{
    struct rebuild_waiter *waiter = malloc(sizeof(*waiter));
    struct rebuild *rebuild = reader->rebuild;
    uint64_t nonce;

    if (!waiter) {
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, false);
        return;
    }
    *waiter = (struct rebuild_waiter){fn, context, rebuild ? rebuild->waiters : NULL};
    if (rebuild) {
        rebuild->waiters = waiter;
        return;
    }
    rebuild = calloc(1, sizeof(*rebuild));
    if (!rebuild || getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce) ||
        store_timeline_begin(feed->store, subject_name(&feed->subjects, reader->slot), nonce >> 1, on_begun, rebuild) < 0) {
        free(rebuild);
        free(waiter);
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, false);
        return;
    }
    *rebuild = (struct rebuild){.feed = feed, .reader = reader, .waiters = waiter};
    reader->rebuild = rebuild;
    reader_pin(feed, reader);
}
