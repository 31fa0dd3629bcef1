/* Building a timeline that does not exist: of a new reader, or of one who was away for long.
 *
 * The list is created first, so that pushes land in it; only then are the following set and the profiles read, and one
 * script merges everything, if the list is still ours. Profiles are read in rounds, newest shares first: a profile whose
 * last share read is older than the cap-th newest of all has nothing more to give. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/metrics.h"
#include "feed/internal.h"

#define READS_IN_FLIGHT 64 /* so that other commands wait no longer than for these */
#define READ_MIN 16

struct source {
    uint32_t subject;
    uint64_t before; /* the oldest share read, 0: none yet */
    bool exhausted;
};

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
    struct source *sources;
    size_t source_count;
    size_t next_source; /* of this round */
    size_t in_flight;
    int64_t read_limit;
    uint64_t *ids;
    size_t id_count;
    size_t id_capacity;
    bool failed;
};

struct profile_read {
    struct rebuild *rebuild;
    size_t source;
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
    for (size_t i = 0; i < rebuild->source_count; i++)
        subject_unref(&feed->subjects, rebuild->sources[i].subject);
    free(rebuild->mark);
    free(rebuild->sources);
    free(rebuild->ids);
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

static void finish(struct rebuild *rebuild)
{
    size_t cap = (size_t)rebuild->feed->settings.timeline_cap;
    size_t count = rebuild->id_count < cap ? rebuild->id_count : cap;
    bool complete = rebuild->id_count <= cap;

    for (size_t i = 0; i < rebuild->source_count && complete; i++)
        complete = rebuild->sources[i].exhausted;
    uint64_t floor = complete || count == 0 ? 0 : rebuild->ids[count - 1] - 1;
    struct text mark = {rebuild->mark, strlen(rebuild->mark)};
    if (store_timeline_finish(rebuild->feed->store, reader_name(rebuild), mark, floor, rebuild->ids, count, on_finished,
                              rebuild) < 0)
        rebuild_end(rebuild, FEED__ERROR_CODE__UNAVAILABLE, false);
}

/* Whether a source may still hold one of the newest. */
static bool wanted(const struct rebuild *rebuild, const struct source *source)
{
    size_t cap = (size_t)rebuild->feed->settings.timeline_cap;

    return !source->exhausted &&
           (source->before == 0 || rebuild->id_count < cap || source->before > rebuild->ids[cap - 1]);
}

static void read_on(struct rebuild *rebuild);

static void round_end(struct rebuild *rebuild)
{
    bool more = false;

    if (rebuild->id_count > 1)
        qsort(rebuild->ids, rebuild->id_count, sizeof(uint64_t), newest_first);
    for (size_t i = 0; i < rebuild->source_count && !more; i++)
        more = wanted(rebuild, &rebuild->sources[i]);
    if (rebuild->failed) {
        rebuild_end(rebuild, FEED__ERROR_CODE__UNAVAILABLE, false);
    } else if (more) {
        rebuild->next_source = 0;
        rebuild->read_limit *= 4;
        read_on(rebuild);
    } else {
        finish(rebuild);
    }
}

static int take_ids(struct rebuild *rebuild, const struct reply *reply)
{
    size_t count = reply_count(reply);

    if (rebuild->id_count + count > rebuild->id_capacity) {
        size_t capacity = (rebuild->id_count + count) * 2;
        uint64_t *ids = realloc(rebuild->ids, capacity * sizeof(*ids));

        if (!ids)
            return -ENOMEM;
        rebuild->ids = ids;
        rebuild->id_capacity = capacity;
    }
    for (size_t i = 0; i < count; i++)
        rebuild->ids[rebuild->id_count++] = reply_id(reply_at(reply, i));
    return 0;
}

static void on_profile(void *context, const struct reply *reply)
{
    struct profile_read *read = context;
    struct rebuild *rebuild = read->rebuild;
    struct source *source = &rebuild->sources[read->source];
    size_t count = reply_count(reply);

    free(read);
    rebuild->in_flight--;
    if (reply_error(reply) < 0 || take_ids(rebuild, reply) < 0) {
        rebuild->failed = true;
    } else {
        source->exhausted = count < (size_t)rebuild->read_limit;
        if (count > 0)
            source->before = rebuild->ids[rebuild->id_count - 1];
    }
    read_on(rebuild);
}

/* Reads profiles of this round, as many at once as may be. Ends the round when all are answered. */
static void read_on(struct rebuild *rebuild)
{
    struct feed *feed = rebuild->feed;

    while (!rebuild->failed && rebuild->next_source < rebuild->source_count && rebuild->in_flight < READS_IN_FLIGHT) {
        size_t index = rebuild->next_source++;
        struct source *source = &rebuild->sources[index];

        if (source->exhausted || (source->before != 0 && !wanted(rebuild, source)))
            continue;
        struct profile_read *read = malloc(sizeof(*read));
        if (read)
            *read = (struct profile_read){rebuild, index};
        if (!read || store_profile_ids(feed->store, subject_name(&feed->subjects, source->subject), source->before,
                                       rebuild->read_limit, on_profile, read) < 0) {
            free(read);
            rebuild->failed = true;
            break;
        }
        rebuild->in_flight++;
    }
    if (rebuild->in_flight == 0)
        round_end(rebuild);
}

static int take_sources(struct rebuild *rebuild, const struct reply *names)
{
    struct subjects *subjects = &rebuild->feed->subjects;

    rebuild->sources = calloc(reply_count(names) + 1, sizeof(*rebuild->sources));
    if (!rebuild->sources)
        return -ENOMEM;
    rebuild->sources[rebuild->source_count++].subject = subject_ref(subjects, rebuild->reader->slot);
    for (size_t i = 0; i < reply_count(names); i++) {
        uint32_t subject = subject_intern(subjects, reply_text(reply_at(names, i)));

        if (subject == NO_SUBJECT)
            return -ENOMEM;
        rebuild->sources[rebuild->source_count++].subject = subject;
    }
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
    if (!rebuild->mark || take_sources(rebuild, reply_at(reply, 2)) < 0) {
        rebuild_end(rebuild, FEED__ERROR_CODE__UNAVAILABLE, false);
        return;
    }
    rebuild->read_limit = rebuild->feed->settings.timeline_cap / (int64_t)rebuild->source_count + READ_MIN;
    read_on(rebuild);
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
