/* Collecting: the newest shares out of the profiles of many subjects. So is built a timeline that does not exist, so pages go on below
 * what a timeline holds, and so is found what was not pushed.
 *
 * Profiles are read in rounds, newest shares first. As soon as there are as many ids as are wanted, and one more that shows that
 * there are older ones, only what is newer than the oldest of these is asked for, so that memory is bounded by what is wanted and
 * most profiles answer little. Profiles that gave all they were asked for are read on in the next round, until none can hold one of
 * the newest. All collections take turns, command by command, and have a bounded number of commands under way together: other
 * commands wait no longer than for these, and a reader who follows thousands holds up nobody who follows few. */
#include <errno.h>
#include <stdlib.h>

#include "base/metrics.h"
#include "feed/internal.h"

#define READS_IN_FLIGHT 64
#define READ_MIN 16

struct source {
    struct collect *collect;
    uint64_t before; /* its shares below this are still to be read; 0: all */
    uint32_t subject;
    bool is_done; /* it has nothing more to give */
};

struct collect {
    struct feed *feed;
    struct collect *next; /* among those that wait for their turn */
    bool waits;
    bool failed;
    bool cut;
    size_t limit;
    uint64_t bound; /* ids up to here are not wanted */
    collect_fn *fn;
    void *context;
    int64_t read_limit;
    size_t in_flight;
    uint64_t *ids;
    size_t id_count;
    size_t id_capacity;
    size_t at; /* the source whose turn is next in this round */
    size_t source_count;
    struct source sources[];
};

struct collect *collect_new(struct feed *feed, size_t sources, uint64_t floor, size_t limit)
{
    struct collect *collect = calloc(1, sizeof(*collect) + sources * sizeof(struct source));

    if (!collect)
        return NULL;
    collect->feed = feed;
    collect->bound = floor;
    collect->limit = limit;
    return collect;
}

void collect_add(struct collect *collect, uint32_t subject, uint64_t before)
{
    collect->sources[collect->source_count++] = (struct source){.collect = collect, .before = before, .subject = subject};
}

struct collect *collect_of_reader(struct feed *feed, const struct reader *reader, uint64_t before, size_t limit)
{
    const struct idset *following = &reader->following;
    struct collect *collect = collect_new(feed, following->count + reader->kept_count, 0, limit);

    for (uint32_t i = 0; collect && i < following->count; i++)
        if (reader_sees(feed, reader, following->items[i]))
            collect_add(collect, subject_ref(&feed->subjects, following->items[i]), before);
    if (collect)
        kept_collect(feed, reader, collect, before);
    return collect;
}

void collect_free(struct collect *collect)
{
    for (size_t i = 0; i < collect->source_count; i++)
        subject_unref(&collect->feed->subjects, collect->sources[i].subject);
    free(collect->ids);
    free(collect);
}

/* Sorts, drops repeats, and keeps no more than are wanted and one. */
static void compact(struct collect *collect)
{
    size_t kept = 0;

    if (collect->id_count > 1)
        qsort(collect->ids, collect->id_count, sizeof(uint64_t), newest_first);
    for (size_t i = 0; i < collect->id_count && kept <= collect->limit; i++)
        if (kept == 0 || collect->ids[kept - 1] != collect->ids[i])
            collect->ids[kept++] = collect->ids[i];
    collect->id_count = kept;
    if (kept > collect->limit)
        collect->bound = collect->ids[collect->limit];
}

static void collect_end(struct collect *collect)
{
    bool more = collect->id_count > collect->limit;
    struct collected collected = {
        .ids = collect->ids, .count = more ? collect->limit : collect->id_count, .more = more, .cut = collect->cut};
    Feed__ErrorCode error = collect->failed ? FEED__ERROR_CODE__UNAVAILABLE : FEED_OK;
    collect_fn *fn = collect->fn;
    void *context = collect->context;

    if (error == FEED_OK)
        collect->ids = NULL;
    collect_free(collect);
    fn(context, error, error == FEED_OK ? &collected : NULL);
}

/* Whether a profile may still hold one of the newest. */
static bool is_wanted(const struct collect *collect, const struct source *source)
{
    return !source->is_done && (source->before == 0 || source->before > collect->bound + 1);
}

static void wait_for_turn(struct collect *collect)
{
    struct collects *collects = &collect->feed->collects;

    collect->next = NULL;
    collect->waits = true;
    *(collects->last ? &collects->last->next : &collects->first) = collect;
    collects->last = collect;
}

static struct collect *take_turn(struct collects *collects)
{
    struct collect *collect = collects->first;

    collects->first = collect->next;
    if (!collects->first)
        collects->last = NULL;
    collect->waits = false;
    return collect;
}

/* Every answer of this round is there. */
static void round_end(struct collect *collect)
{
    bool more = false;

    compact(collect);
    for (size_t i = 0; i < collect->source_count && !more; i++)
        more = is_wanted(collect, &collect->sources[i]);
    if (collect->failed || !more) {
        collect_end(collect);
        return;
    }
    collect->at = 0;
    collect->read_limit *= 4;
    if (collect->read_limit > (int64_t)collect->limit + 1)
        collect->read_limit = (int64_t)collect->limit + 1;
    wait_for_turn(collect);
}

static int take_ids(struct collect *collect, struct source *source, const struct reply *reply)
{
    size_t count = reply_count(reply);

    if (collect->id_count + count > collect->id_capacity)
        compact(collect);
    if (collect->id_count + count > collect->id_capacity) {
        size_t capacity = (collect->id_count + count) * 2;
        uint64_t *ids = realloc(collect->ids, capacity * sizeof(*ids));

        if (!ids)
            return -ENOMEM;
        collect->ids = ids;
        collect->id_capacity = capacity;
    }
    source->is_done = count < (size_t)collect->read_limit;
    for (size_t i = 0; i < count; i++) {
        uint64_t id = reply_id(reply_at(reply, i));

        if (id == 0) {
            collect->cut = source->is_done = true; /* the marker that older ones were dropped */
        } else {
            collect->ids[collect->id_count++] = id;
            source->before = id;
        }
    }
    return 0;
}

static void take_turns(struct feed *feed);

static void on_profile(void *context, const struct reply *reply)
{
    struct source *source = context;
    struct collect *collect = source->collect;
    struct feed *feed = collect->feed;

    feed->collects.in_flight--;
    collect->in_flight--;
    if (reply_error(reply) < 0 || take_ids(collect, source, reply) < 0)
        collect->failed = true;
    if (collect->in_flight == 0 && !collect->waits)
        round_end(collect);
    take_turns(feed);
}

static int read_profile(struct collect *collect, struct source *source)
{
    struct feed *feed = collect->feed;
    int error = store_profile_ids(feed->store, subject_name(&feed->subjects, source->subject), source->before,
                                  collect->bound == 0 ? 0 : collect->bound + 1, collect->read_limit, on_profile, source);

    if (error < 0)
        return error;
    collect->in_flight++;
    feed->collects.in_flight++;
    metrics.profiles_collected++;
    return 0;
}

/* One turn: one command. */
static void turn(struct collect *collect)
{
    while (collect->at < collect->source_count && !is_wanted(collect, &collect->sources[collect->at]))
        collect->at++;
    if (collect->at < collect->source_count && !collect->failed)
        collect->failed = read_profile(collect, &collect->sources[collect->at++]) < 0;
    if (collect->at < collect->source_count && !collect->failed)
        wait_for_turn(collect);
    else if (collect->in_flight == 0)
        round_end(collect);
}

static void take_turns(struct feed *feed)
{
    while (feed->collects.first && feed->collects.in_flight < READS_IN_FLIGHT)
        turn(take_turn(&feed->collects));
}

void collect_run(struct collect *collect, collect_fn *fn, void *context)
{
    size_t sources = collect->source_count > 0 ? collect->source_count : 1;

    collect->fn = fn;
    collect->context = context;
    collect->read_limit = (int64_t)(collect->limit / sources) + READ_MIN;
    if (collect->read_limit > (int64_t)collect->limit + 1)
        collect->read_limit = (int64_t)collect->limit + 1;
    wait_for_turn(collect);
    take_turns(collect->feed);
}
