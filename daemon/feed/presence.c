/* Who is connected: how many streams there are of a subject's profile, and how many home streams in which it is heard, on all
 * daemons together. Numbers only, of streams and not of people: one who is connected twice counts twice.
 *
 * Each daemon knows its own. Somebody who asks leaves the question in the store; daemons that have streams look there once in
 * an interval and write down what they have of the subjects asked for. So whoever asks again within half a minute gets an
 * answer at once, that is no older than PRESENCE_STALE_MS; the first one waits until every daemon had its turn, unless there is
 * no other. A daemon that dies is forgotten when what it wrote last is that old. */
#include "feed/presence.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "feed/internal.h"
#include "store/presence.h"

#define EXACT_MAX 10000    /* of more online followers so many are looked at, evenly spread */
#define REPORTS_MAX 64     /* in one command */
#define SLICE_US 2000      /* of counting for other daemons, in one partition */

/* ---- counting ---- */

static uint32_t home_streams(const struct reader *reader)
{
    uint32_t count = 0;

    for (const struct subscription *stream = reader ? reader->subscriptions : NULL; stream; stream = stream->next)
        count += stream->kind == STREAM_HOME;
    return count;
}

static struct store_presence count_here(const struct feed *feed, struct text name)
{
    uint32_t slot = subject_find(&feed->subjects, name);
    const struct subject *subject = slot == NO_SUBJECT ? NULL : feed->subjects.slots[slot];
    struct store_presence found = {.subject = name};
    uint64_t listening = 0;
    uint32_t looked_at;

    if (!subject)
        return found;
    found.watching = subject->watched;
    found.home = home_streams(subject->reader);
    looked_at = subject->online.count < EXACT_MAX ? subject->online.count : EXACT_MAX;
    for (uint32_t i = 0; i < looked_at; i++) {
        uint32_t reader = subject->online.items[(uint64_t)i * subject->online.count / looked_at];

        if (reader != slot)
            listening += home_streams(feed->subjects.slots[reader]->reader);
    }
    if (looked_at > 0)
        found.listening = (uint32_t)(listening * subject->online.count / looked_at);
    return found;
}

/* ---- asking ---- */

struct question {
    struct feed *feed;
    int64_t ask_at_ms; /* 0: it was asked and nothing is to be waited for */
    feed_presence_fn *fn;
    void *context;
    size_t name_bytes;
    char name[];
};

static void ask(struct question *question);

static void question_end(struct question *question, Feed__ErrorCode error, const struct feed_presence *found)
{
    question->fn(question->context, error, found);
    free(question);
}

/* Every daemon has had its turn, or not yet. */
static void on_time(void *context)
{
    struct question *question = context;
    bool waits = clock_now_ms() < question->ask_at_ms && question->feed->ready;

    if (waits && feed_call_later(question->feed, on_time, question))
        return;
    ask(question);
}

/* [ms to wait, [what another daemon has, …]] */
static void on_reports(void *context, const struct reply *reply)
{
    struct question *question = context;
    struct feed *feed = question->feed;
    Feed__ErrorCode error = error_of_reply(reply, false);
    int64_t wait_ms = reply_number(reply_at(reply, 0));
    const struct reply *reports = reply_at(reply, 1);
    struct store_presence sum;

    if (error == FEED_OK && wait_ms > 0 && question->ask_at_ms == 0) {
        question->ask_at_ms = clock_now_ms() + wait_ms;
        if (feed_call_later(feed, on_time, question))
            return;
        error = FEED__ERROR_CODE__UNAVAILABLE;
    }
    sum = count_here(feed, (struct text){question->name, question->name_bytes});
    for (size_t i = 0; i < reply_count(reports); i++) {
        struct store_presence one = store_read_presence(reply_text(reply_at(reports, i)));

        sum.watching += one.watching;
        sum.listening += one.listening;
        sum.home += one.home;
    }
    question_end(question, error, &(struct feed_presence){sum.watching, sum.listening, sum.home > 0});
}

static void ask(struct question *question)
{
    const struct text name = {question->name, question->name_bytes};

    if (store_presence_ask(question->feed->store, name, on_reports, question) < 0)
        question_end(question, FEED__ERROR_CODE__UNAVAILABLE, NULL);
}

void feed_read_presence(struct feed *feed, struct text subject, feed_presence_fn *fn, void *context)
{
    struct question *question = malloc(sizeof(*question) + subject.size);

    if (!question) {
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, NULL);
        return;
    }
    *question = (struct question){.feed = feed, .fn = fn, .context = context, .name_bytes = subject.size};
    memcpy(question->name, subject.data, subject.size);
    ask(question);
}

/* ---- telling others ---- */

struct inspection {
    struct feed *feed;
    unsigned partition;
};

static void report(struct feed *feed, const struct store_presence *reports, size_t *count)
{
    if (*count > 0)
        store_presence_report(feed->store, reports, *count, reply_ignore, NULL);
    *count = 0;
}

/* [subject, …]. What there is no time for is asked for again at once, and has its turn first. */
static void on_asked(void *context, const struct reply *reply)
{
    struct inspection inspection = *(struct inspection *)context;
    struct feed *feed = inspection.feed;
    struct store_presence reports[REPORTS_MAX];
    uint32_t *first = &feed->presence.first[inspection.partition];
    size_t asked = reply_count(reply), count = 0, at = 0;
    int64_t begun_us = clock_now_us();

    free(context);
    feed->presence.asking &= ~(UINT64_C(1) << inspection.partition);
    for (; at < asked && clock_now_us() - begun_us < SLICE_US; at++) {
        reports[count] = count_here(feed, reply_text(reply_at(reply, (*first + at) % asked)));
        count += reports[count].watching > 0 || reports[count].listening > 0 || reports[count].home > 0;
        if (count == REPORTS_MAX)
            report(feed, reports, &count);
    }
    report(feed, reports, &count);
    *first = at < asked ? (uint32_t)((*first + at) % asked) : 0;
    if (at < asked)
        feed->presence.ask_at_ms = 0;
}

/* One question of a partition at a time, and none by a daemon that has nothing to tell. */
void presence_tick(struct feed *feed, int64_t now_ms)
{
    struct presence *presence = &feed->presence;

    if (feed->streams.count == 0 || !feed->ready || now_ms < presence->ask_at_ms)
        return;
    presence->ask_at_ms = now_ms + PRESENCE_INTERVAL_MS;
    for (unsigned partition = 0; partition < feed->partitions; partition++) {
        struct inspection *inspection = presence->asking >> partition & 1 ? NULL : malloc(sizeof(*inspection));

        if (!inspection)
            continue;
        *inspection = (struct inspection){feed, partition};
        if (store_presence_asked(feed->store, partition, on_asked, inspection) < 0)
            free(inspection);
        else
            presence->asking |= UINT64_C(1) << partition;
    }
}
