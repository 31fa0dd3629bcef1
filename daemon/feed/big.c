/* Big subjects: those of whose shares some were not pushed, since they had more than fanout.push_limit followers.
 *
 * Whether a share is pushed is decided and written into its entry by the script that commits it, for good: so crossing the limit
 * loses and doubles nothing. The store remembers of each partition which subjects have such shares, and which one is the latest.
 * Every daemon knows that: it asks for it when it begins and when it may have missed entries, and hears of further ones along the
 * tail. A timeline whose floor lies below a followed subject's latest one is completed out of the subject's profile. */
#include <errno.h>
#include <stdlib.h>

#include "feed/internal.h"

int big_note(struct feed *feed, uint32_t slot, uint64_t id)
{
    struct subject *subject = feed->subjects.slots[slot];
    int added = idset_add(&feed->bigs.slots, slot);

    if (added < 0)
        return added;
    if (added == 1)
        subject_ref(&feed->subjects, slot);
    if (id > subject->unpushed_until)
        subject->unpushed_until = id;
    return 0;
}

/* ---- asking the store ---- */

struct question {
    struct feed *feed;
    unsigned partition;
};

/* [subject, id of its latest share that was not pushed, …] */
static int take_bigs(struct feed *feed, const struct reply *reply)
{
    int error = reply_error(reply);

    for (size_t i = 0; i + 1 < reply_count(reply) && error == 0; i += 2) {
        uint32_t slot = subject_intern(&feed->subjects, reply_text(reply_at(reply, i)));

        error = slot == NO_SUBJECT ? -ENOMEM : big_note(feed, slot, reply_id(reply_at(reply, i + 1)));
        subject_unref(&feed->subjects, slot);
    }
    return error;
}

static void on_bigs(void *context, const struct reply *reply)
{
    struct question question = *(struct question *)context;
    struct feed *feed = question.feed;
    uint64_t bit = UINT64_C(1) << question.partition;

    free(context);
    feed->bigs.asked &= ~bit;
    if (take_bigs(feed, reply) < 0) {
        feed->bigs.wanted |= bit; /* asked again at the next tick */
        return;
    }
    feed->bigs.known |= bit;
    feed_check_ready(feed);
}

bool bigs_are_known(const struct feed *feed)
{
    return feed->bigs.known == UINT64_MAX >> (64 - feed->partitions);
}

void bigs_want(struct feed *feed, unsigned partition)
{
    feed->bigs.wanted |= UINT64_C(1) << partition;
}

void bigs_reset(struct feed *feed)
{
    feed->bigs.known = 0;
    for (unsigned partition = 0; partition < feed->partitions; partition++)
        bigs_want(feed, partition);
}

void bigs_ask(struct feed *feed)
{
    for (unsigned partition = 0; partition < feed->partitions; partition++) {
        uint64_t bit = UINT64_C(1) << partition;
        struct question *question = feed->bigs.wanted & ~feed->bigs.asked & bit ? malloc(sizeof(*question)) : NULL;

        if (!question)
            continue;
        *question = (struct question){feed, partition};
        if (store_bigs(feed->store, partition, on_bigs, question) < 0) {
            free(question);
            continue;
        }
        feed->bigs.asked |= bit;
        feed->bigs.wanted &= ~bit;
    }
}

void bigs_done(struct feed *feed)
{
    for (uint32_t i = 0; i < feed->bigs.slots.count; i++)
        subject_unref(&feed->subjects, feed->bigs.slots.items[i]);
    idset_done(&feed->bigs.slots);
}

/* ---- reads ---- */

/* Adds a subject to the collection, which is made for it if there is none. */
static int add(struct feed *feed, const struct reader *reader, uint32_t slot, uint64_t floor, struct collect **collect)
{
    const struct idset *bigs = &feed->bigs.slots;

    if (!*collect)
        *collect = collect_new(feed, bigs->count, floor, (size_t)feed->settings->timeline_cap);
    if (!*collect)
        return -ENOMEM;
    uint64_t kept = idset_has(&reader->following, slot) ? 0 : kept_until(reader, slot);
    collect_add(*collect, subject_ref(&feed->subjects, slot), kept == 0 ? 0 : kept + 1);
    return 0;
}

static bool may_lack(const struct feed *feed, const struct reader *reader, uint32_t slot, uint64_t floor)
{
    return feed->subjects.slots[slot]->unpushed_until > floor && reader_sees_share(feed, reader, slot, floor + 1);
}

int big_collect(struct feed *feed, const struct reader *reader, uint64_t floor, struct collect **ret_collect)
{
    const struct idset *bigs = &feed->bigs.slots;
    struct collect *collect = NULL;
    int error = 0;

    for (uint32_t i = 0; i < bigs->count && error == 0; i++)
        if (may_lack(feed, reader, bigs->items[i], floor))
            error = add(feed, reader, bigs->items[i], floor, &collect);
    if (error == 0)
        *ret_collect = collect;
    else if (collect)
        collect_free(collect);
    return error;
}
