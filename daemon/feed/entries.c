/* Entries: an origin and all its re-shares that a reader sees are one in its home timeline. It is the origin, if the reader sees
 * that, or else the re-share of the lowest id. The others are folded into it: pages do not show them, and streams tell of them as
 * such. So where an entry stands depends on what the reader sees alone, and not on the page that is read or the timeline that is
 * held.
 *
 * What is asked of the store is who has re-shared each origin that is met, once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/digits.h"
#include "feed/frames.h"
#include "feed/internal.h"

#define NAMES_MAX 3 /* told beside an entry */

/* An origin, and who of those whom the reader sees re-shared it. */
struct group {
    uint64_t origin;
    bool is_seen;   /* by the reader: the entry is there */
    bool is_placed; /* the entry is there, or the first one that is not passed over is */
    size_t passed;  /* so many of the first ones are not there any more */
    char name[DIGITS_MAX];
};

/* An item that is a re-share or has some. */
struct entry {
    struct feed_item *item;
    struct group *group;
};

struct entries_call {
    struct feed *feed;
    struct reader *reader;
    bool names;
    entries_fn *fn;
    void *context;
    uint64_t applied[PARTITIONS_MAX]; /* what the store knew when it was asked */
    struct group *groups;
    struct sharers *reshares; /* of each group, the first one first */
    struct feed_item *looked; /* up, to see whether they are there: of each group that is not placed */
    size_t group_count, looked_count, count;
    struct entry entries[];
};

static void entries_end(struct entries_call *call, Feed__ErrorCode error)
{
    sharers_done(call->feed, call->reshares, call->group_count);
    call->fn(call->context, error);
    free(call->groups);
    free(call->reshares);
    free(call->looked);
    free(call);
}

static struct sharers *reshares_in(const struct entries_call *call, const struct group *group)
{
    return &call->reshares[group - call->groups];
}

/* ---- what is told ---- */

uint32_t *resharers_copy(struct feed *feed, const uint32_t *resharers)
{
    size_t count = 0;
    uint32_t *copy;

    while (resharers[count] != NO_SUBJECT)
        count++;
    copy = malloc((count + 1) * sizeof(*copy));
    for (size_t i = 0; copy && i < count; i++)
        copy[i] = subject_ref(&feed->subjects, resharers[i]);
    if (copy)
        copy[count] = NO_SUBJECT;
    return copy;
}

void resharers_done(struct feed *feed, uint32_t *resharers)
{
    for (uint32_t *at = resharers; at && *at != NO_SUBJECT; at++)
        subject_unref(&feed->subjects, *at);
    free(resharers);
}

bool resharers_hold(const uint32_t *resharers, uint32_t subject)
{
    for (const uint32_t *at = resharers; at && *at != NO_SUBJECT; at++)
        if (*at == subject)
            return true;
    return false;
}

/* Says beside a share who re-shared it. False if memory ended. */
static bool tell_names(const struct entries_call *call, const struct sharers *reshares, struct feed_item *item)
{
    size_t count = reshares->count < NAMES_MAX ? reshares->count : NAMES_MAX, size;
    struct text names[NAMES_MAX];
    uint8_t *bytes;

    if (count == 0)
        return true;
    item->resharers = malloc((reshares->count + 1) * sizeof(*item->resharers));
    if (!item->resharers)
        return false;
    for (size_t i = 0; i < reshares->count; i++)
        item->resharers[i] = subject_ref(&call->feed->subjects, reshares->found[i].subject);
    item->resharers[reshares->count] = NO_SUBJECT;
    for (size_t i = 0; i < count; i++)
        names[i] = subject_name(&call->feed->subjects, reshares->found[i].subject);
    size = share_names_bytes(NAMES_RESHARED, names, count, (uint32_t)reshares->count);
    bytes = malloc(size);
    if (!bytes)
        return false;
    share_names_write(NAMES_RESHARED, names, count, (uint32_t)reshares->count, bytes);
    item->also = (struct text){(const char *)bytes, size};
    return true;
}

/* It is known where each entry stands. */
static void tell(struct entries_call *call)
{
    Feed__ErrorCode error = FEED_OK;

    for (size_t i = 0; i < call->count && error == FEED_OK; i++) {
        const struct group *group = call->entries[i].group;
        const struct sharers *reshares = reshares_in(call, group);
        struct feed_item *item = call->entries[i].item;

        item->is_folded = item->origin != 0 && (group->is_seen || reshares->found[group->passed].share_id != item->id);
        if (call->names && !item->is_folded && !tell_names(call, reshares, item))
            error = FEED__ERROR_CODE__UNAVAILABLE;
    }
    entries_end(call, error);
}

/* ---- where entries stand ---- */

static void place(struct entries_call *call);

/* A profile that drops its oldest shares leaves their names behind. */
static void on_looked(void *context, Feed__ErrorCode error)
{
    struct entries_call *call = context;
    const struct feed_item *looked = call->looked;

    for (size_t i = 0; i < call->group_count && error == FEED_OK; i++) {
        struct group *group = &call->groups[i];

        if (group->is_placed)
            continue;
        group->is_placed = looked->frame != NULL;
        group->passed += !group->is_placed;
        looked++;
    }
    items_done(call->feed, call->looked, call->looked_count);
    if (error != FEED_OK)
        entries_end(call, error);
    else
        place(call);
}

static bool is_in_hand(const struct entries_call *call, uint64_t id)
{
    for (size_t i = 0; i < call->count; i++)
        if (call->entries[i].item->id == id)
            return true;
    return false;
}

/* Finds of each group the first re-share that is there. */
static void place(struct entries_call *call)
{
    call->looked_count = 0;
    for (size_t i = 0; i < call->group_count; i++) {
        struct group *group = &call->groups[i];
        uint64_t first = group->is_placed ? 0 : call->reshares[i].found[group->passed].share_id;

        group->is_placed = group->is_placed || is_in_hand(call, first);
        if (!group->is_placed)
            call->looked[call->looked_count++] = (struct feed_item){.id = first};
    }
    if (call->looked_count > 0)
        hydrate(call->feed, call->looked, call->looked_count, on_looked, call);
    else
        tell(call);
}

/* ---- who re-shared ---- */

static int first_first(const void *a, const void *b)
{
    uint64_t x = ((const struct sharer *)a)->share_id, y = ((const struct sharer *)b)->share_id;

    return x < y ? -1 : x > y ? 1 : 0;
}

/* Brings them into their order, each once. */
static void settle(struct feed *feed, struct sharers *reshares)
{
    size_t kept = 0;

    if (reshares->count > 1)
        qsort(reshares->found, reshares->count, sizeof(*reshares->found), first_first);
    for (size_t i = 0; i < reshares->count; i++) {
        if (kept > 0 && reshares->found[kept - 1].share_id == reshares->found[i].share_id)
            subject_unref(&feed->subjects, reshares->found[i].subject);
        else
            reshares->found[kept++] = reshares->found[i];
    }
    reshares->count = kept;
}

/* Adds what the rings hold of a group and the store does not know yet. 0 or -ENOMEM. */
static int add_from_rings(struct entries_call *call, const struct group *group)
{
    const struct ring_reshare *oldest = reshares_of(call->feed, group->origin);
    int error = 0;

    for (const struct ring_reshare *one = oldest; one && error == 0; one = reshare_behind(one, oldest))
        if (one->id > call->applied[partition_of_id(one->id)] && sees_reshare(call->feed, call->reader, one->author, one->id))
            error = sharers_add(call->feed, reshares_in(call, group), one->author, one->id);
    return error;
}

static void on_reshares(void *context, Feed__ErrorCode error)
{
    struct entries_call *call = context;
    int failed = 0;

    for (size_t i = 0; i < call->count && error == FEED_OK && failed == 0; i++) {
        const struct feed_item *item = call->entries[i].item;
        struct group *group = call->entries[i].group;

        if (item->origin == 0)
            continue;
        group->is_seen = reader_sees_share(call->feed, call->reader, item->origin_author, item->origin);
        group->is_placed = group->is_seen;
        failed = sharers_add(call->feed, reshares_in(call, group), item->author, item->id);
    }
    for (size_t i = 0; i < call->group_count && error == FEED_OK && failed == 0; i++) {
        failed = add_from_rings(call, &call->groups[i]);
        settle(call->feed, &call->reshares[i]);
    }
    if (error != FEED_OK || failed < 0)
        entries_end(call, error != FEED_OK ? error : FEED__ERROR_CODE__UNAVAILABLE);
    else
        place(call);
}

/* ---- what is met ---- */

static bool has_reshares(const struct feed *feed, const struct feed_item *item)
{
    return item->frame && (item->origin != 0 || item->reshares > 0 || reshares_of(feed, item->id));
}

static struct group *group_of(struct entries_call *call, const struct feed_item *item)
{
    uint64_t origin = item->origin != 0 ? item->origin : item->id;
    struct group *group = call->groups;

    while (group < call->groups + call->group_count && group->origin != origin)
        group++;
    if (group == call->groups + call->group_count) {
        *group = (struct group){.origin = origin, .is_placed = true};
        call->reshares[call->group_count++].name = (struct text){group->name, digits_write(group->name, origin)};
    }
    return group;
}

static struct entries_call *call_new(size_t wanted)
{
    struct entries_call *call = calloc(1, sizeof(*call) + wanted * sizeof(struct entry));

    if (!call)
        return NULL;
    call->groups = malloc(wanted * sizeof(*call->groups));
    call->reshares = calloc(wanted, sizeof(*call->reshares));
    call->looked = malloc(wanted * sizeof(*call->looked));
    if (call->groups && call->reshares && call->looked)
        return call;
    free(call->groups);
    free(call->reshares);
    free(call->looked);
    free(call);
    return NULL;
}

void entries_find(struct feed *feed, struct reader *reader, struct feed_item *items, size_t count, bool names, entries_fn *fn,
                  void *context)
{
    struct entries_call *call;
    size_t wanted = 0;

    for (size_t i = 0; i < count; i++)
        wanted += has_reshares(feed, &items[i]);
    call = wanted > 0 ? call_new(wanted) : NULL;
    if (!call) {
        fn(context, wanted > 0 ? FEED__ERROR_CODE__UNAVAILABLE : FEED_OK);
        return;
    }
    call->feed = feed;
    call->reader = reader;
    call->names = names;
    call->fn = fn;
    call->context = context;
    for (size_t i = 0; i < count; i++)
        if (has_reshares(feed, &items[i]))
            call->entries[call->count++] = (struct entry){&items[i], group_of(call, &items[i])};
    memcpy(call->applied, feed->applied, feed->partitions * sizeof(*call->applied));
    sharers_find(feed, reader, KEY_RESHARES, call->reshares, call->group_count, on_reshares, call);
}
