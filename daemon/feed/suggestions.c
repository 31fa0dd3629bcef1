/* Whom to follow: subjects that many of those follow whom the reader follows.
 *
 * A sample of those followed is asked whom they have followed latest; whoever is named most often is suggested. The sample is
 * another one each day, and the same all day, so that suggestions do not flicker and yet everybody's turn comes. Of each one
 * suggested it is looked up how many of those followed do follow it, by the authoritative side of it: up to ASKED_MAX of them,
 * the sample first. So a read costs the same whomever the reader follows, and finds, of a subject that a share p of those
 * followed have followed lately, all but one in 1 / (1 - p) ^ SAMPLE. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/clock.h"
#include "feed/internal.h"

#define SAMPLE 128    /* of those followed: how many are asked whom they follow, … */
#define LATEST 100    /* … and how many each may name */
#define ASKED_MAX 500 /* how many are looked up among a subject's followers */
#define AT_ONCE 16    /* questions under way */
#define NAMES_MAX 3   /* told of each */
#define DAY_MS 86400000

/* One of those followed, in the order of the day. */
struct asked {
    uint64_t order;
    uint32_t slot; /* a reference */
};

struct candidate {
    uint32_t slot; /* a reference */
    uint32_t count;
    uint32_t name_count;
    uint32_t names[NAMES_MAX]; /* indexes into those asked, who followed it latest first */
    uint64_t followed_at[NAMES_MAX];
};

struct suggestions_read {
    struct feed *feed;
    struct reader *reader; /* pinned, once it is there */
    size_t limit;
    struct asked *asked;
    size_t asked_count;
    struct candidate *candidates;
    size_t count, capacity;
    struct idmap tally; /* by slot + 1: index + 1 into the candidates */
    size_t next;        /* of those asked, or of the candidates, to be asked about next */
    unsigned pending;
    Feed__ErrorCode error;
    feed_suggestions_fn *fn;
    void *context;
};

/* ---- the end ---- */

static void answer(struct suggestions_read *read)
{
    struct subjects *subjects = &read->feed->subjects;
    struct feed_suggestion *items = calloc(read->count + 1, sizeof(*items));
    struct feed_suggestions suggestions = {.items = items};

    if (!items)
        read->error = FEED__ERROR_CODE__UNAVAILABLE;
    for (size_t i = 0; i < read->count && read->error == FEED_OK; i++) {
        const struct candidate *candidate = &read->candidates[i];
        struct feed_suggestion *item = &items[suggestions.count];

        item->subject = subject_name(subjects, candidate->slot);
        if (candidate->count == 0 || idset_has(&read->reader->following, candidate->slot) ||
            hidden_has(&read->reader->hidden, item->subject))
            continue;
        item->count = candidate->count;
        item->name_count = candidate->name_count;
        for (size_t k = 0; k < candidate->name_count; k++)
            item->names[k] = subject_name(subjects, read->asked[candidate->names[k]].slot);
        suggestions.count++;
    }
    read->fn(read->context, read->error, &suggestions);
    free(items);
}

static void read_end(struct suggestions_read *read)
{
    struct feed *feed = read->feed;

    answer(read);
    for (size_t i = 0; i < read->count; i++)
        subject_unref(&feed->subjects, read->candidates[i].slot);
    for (size_t i = 0; i < read->asked_count; i++)
        subject_unref(&feed->subjects, read->asked[i].slot);
    idmap_done(&read->tally);
    if (read->reader)
        reader_unpin(feed, read->reader);
    free(read->candidates);
    free(read->asked);
    free(read);
}

static int most_first(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return x->slot < y->slot ? -1 : x->slot > y->slot ? 1 : 0;
}

/* ---- how many of those followed follow a candidate ---- */

struct look_up {
    struct suggestions_read *read;
    size_t candidate;
};

static void look_up_more(struct suggestions_read *read);

/* Keeps who followed it latest. */
static void add_name(struct candidate *candidate, uint32_t asked, uint64_t followed_at)
{
    size_t at = candidate->name_count < NAMES_MAX ? candidate->name_count : NAMES_MAX;

    for (; at > 0 && candidate->followed_at[at - 1] < followed_at; at--)
        if (at < NAMES_MAX) {
            candidate->names[at] = candidate->names[at - 1];
            candidate->followed_at[at] = candidate->followed_at[at - 1];
        }
    if (at == NAMES_MAX)
        return;
    candidate->names[at] = asked;
    candidate->followed_at[at] = followed_at;
    if (candidate->name_count < NAMES_MAX)
        candidate->name_count++;
}

static void on_looked_up(void *context, const struct reply *reply)
{
    struct look_up look_up = *(struct look_up *)context;
    struct candidate *candidate = &look_up.read->candidates[look_up.candidate];
    Feed__ErrorCode error = error_of_reply(reply, false);

    free(context);
    candidate->count = 0;
    for (size_t i = 0; i < reply_count(reply); i++)
        if (reply_id(reply_at(reply, i)) != 0) {
            candidate->count++;
            add_name(candidate, (uint32_t)i, reply_id(reply_at(reply, i)));
        }
    if (error != FEED_OK)
        look_up.read->error = error;
    look_up.read->pending--;
    look_up_more(look_up.read);
}

static int look_up(struct suggestions_read *read, size_t candidate)
{
    struct subjects *subjects = &read->feed->subjects;
    struct look_up *context = malloc(sizeof(*context));
    struct text names[ASKED_MAX];

    if (!context)
        return -1;
    *context = (struct look_up){read, candidate};
    for (size_t i = 0; i < read->asked_count; i++)
        names[i] = subject_name(subjects, read->asked[i].slot);
    if (store_shared_by(read->feed->store, KEY_FOLLOWERS, subject_name(subjects, read->candidates[candidate].slot), names,
                        read->asked_count, on_looked_up, context) < 0) {
        free(context);
        return -1;
    }
    read->pending++;
    return 0;
}

static void look_up_more(struct suggestions_read *read)
{
    while (read->error == FEED_OK && read->pending < AT_ONCE && read->next < read->count)
        if (look_up(read, read->next++) < 0)
            read->error = FEED__ERROR_CODE__UNAVAILABLE;
    if (read->pending > 0)
        return;
    if (read->count > 0)
        qsort(read->candidates, read->count, sizeof(*read->candidates), most_first);
    read_end(read);
}

/* ---- whom the sample follows ---- */

static void ask_more(struct suggestions_read *read);

static int count_name(struct suggestions_read *read, struct text name)
{
    struct feed *feed = read->feed;
    uint32_t slot = subject_intern(&feed->subjects, name);
    size_t index = slot == NO_SUBJECT ? 0 : (size_t)(uintptr_t)idmap_get(&read->tally, (uint64_t)slot + 1);

    if (slot == NO_SUBJECT)
        return -1;
    if (index > 0 || slot == read->reader->slot || idset_has(&read->reader->following, slot) ||
        hidden_has(&read->reader->hidden, name)) {
        if (index > 0)
            read->candidates[index - 1].count++;
        subject_unref(&feed->subjects, slot);
        return 0;
    }
    if (read->count == read->capacity) {
        size_t capacity = read->capacity ? read->capacity * 2 : 64;
        struct candidate *larger = realloc(read->candidates, capacity * sizeof(*larger));

        if (!larger) {
            subject_unref(&feed->subjects, slot);
            return -1;
        }
        read->candidates = larger;
        read->capacity = capacity;
    }
    read->candidates[read->count++] = (struct candidate){.slot = slot, .count = 1};
    return idmap_set(&read->tally, (uint64_t)slot + 1, (void *)(uintptr_t)read->count);
}

static void on_followed(void *context, const struct reply *reply)
{
    struct suggestions_read *read = context;
    Feed__ErrorCode error = error_of_reply(reply, false);

    for (size_t i = 0; i < reply_count(reply) && error == FEED_OK; i++)
        if (count_name(read, reply_text(reply_at(reply, i))) < 0)
            error = FEED__ERROR_CODE__UNAVAILABLE;
    if (error != FEED_OK)
        read->error = error;
    read->pending--;
    ask_more(read);
}

static void ask_more(struct suggestions_read *read)
{
    size_t sample = read->asked_count < SAMPLE ? read->asked_count : SAMPLE;

    while (read->error == FEED_OK && read->pending < AT_ONCE && read->next < sample) {
        struct text name = subject_name(&read->feed->subjects, read->asked[read->next++].slot);

        if (store_followed_latest(read->feed->store, name, LATEST, on_followed, read) == 0)
            read->pending++;
        else
            read->error = FEED__ERROR_CODE__UNAVAILABLE;
    }
    if (read->pending > 0)
        return;
    if (read->count > 0)
        qsort(read->candidates, read->count, sizeof(*read->candidates), most_first);
    while (read->count > read->limit)
        subject_unref(&read->feed->subjects, read->candidates[--read->count].slot);
    read->next = 0;
    look_up_more(read);
}

/* ---- the beginning ---- */

static int in_order(const void *a, const void *b)
{
    uint64_t x = ((const struct asked *)a)->order, y = ((const struct asked *)b)->order;

    return x < y ? -1 : x > y ? 1 : 0;
}

/* Puts those followed into the order of the day. */
static int choose(struct suggestions_read *read)
{
    const struct idset *following = &read->reader->following;
    struct subjects *subjects = &read->feed->subjects;
    struct asked *asked = calloc(following->count + 1, sizeof(*asked));
    size_t count = 0;

    if (!asked)
        return -1;
    for (uint32_t i = 0; i < following->count; i++) {
        struct text name = subject_name(subjects, following->items[i]);

        if (following->items[i] == read->reader->slot || !reader_sees(read->feed, read->reader, following->items[i]))
            continue;
        asked[count++] = (struct asked){XXH3_64bits_withSeed(name.data, name.size, (uint64_t)(clock_wall_ms() / DAY_MS)),
                                        following->items[i]};
    }
    qsort(asked, count, sizeof(*asked), in_order);
    read->asked = asked;
    read->asked_count = count < ASKED_MAX ? count : ASKED_MAX;
    for (size_t i = 0; i < read->asked_count; i++)
        subject_ref(subjects, asked[i].slot);
    return 0;
}

static void on_reader(void *context, Feed__ErrorCode error, struct reader *reader)
{
    struct suggestions_read *read = context;

    read->error = error;
    if (error == FEED_OK) {
        read->reader = reader;
        if (choose(read) < 0)
            read->error = FEED__ERROR_CODE__UNAVAILABLE;
    }
    if (read->error == FEED_OK)
        ask_more(read);
    else
        read_end(read);
}

void feed_read_suggestions(struct feed *feed, struct text reader, size_t limit, feed_suggestions_fn *fn, void *context)
{
    struct suggestions_read *read = calloc(1, sizeof(*read));

    if (!read) {
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, NULL);
        return;
    }
    read->feed = feed;
    read->limit = limit < FEED_SUGGESTIONS_MAX ? limit : FEED_SUGGESTIONS_MAX;
    read->fn = fn;
    read->context = context;
    reader_get(feed, reader, on_reader, read);
}
