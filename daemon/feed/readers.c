/* Readers in memory: whom each follows, whom of them it does not see, and what it keeps of
 * those it followed once. Loaded when a stream or a read needs it, kept true
 * by the edges that come along the log, and forgotten, longest unused first, when no stream or read needs it and memory does.
 *
 * What is loaded is true as of a position in the reader's own log (`loaded_at`). Each edge names the follow entry it stems
 * from, in that same log: those up to `loaded_at` are in what was loaded, later ones change it. Edges that come while the
 * answer is under way are kept and judged by the same rule. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "feed/internal.h"

/* What an entry changes: whether the subject is followed, or whether it is hidden for a reason. */
struct delta {
    uint32_t subject; /* a reference */
    enum hidden_reason reason; /* 0: it is about the follow */
    bool on;
    uint64_t version;
    uint64_t kept;
};

struct reader_waiter {
    reader_fn *fn;
    void *context;
    struct reader_waiter *next;
};

struct reader_load {
    struct feed *feed;
    uint32_t slot;
    struct reader_waiter *waiters;
    struct delta *deltas;
    size_t delta_count;
    bool incomplete; /* an edge could not be kept: what is loaded would not be true */
};

/* What a followed subject costs if no other reader follows it: its entry, its name, its places in the tables. */
#define SUBJECT_BYTES 128

static size_t reader_bytes(const struct reader *reader)
{
    return sizeof(*reader) + SUBJECT_BYTES + (reader->following.count + reader->kept_count) * (size_t)SUBJECT_BYTES +
           hidden_bytes(&reader->hidden) + recent_bytes(reader);
}

static void lru_remove(struct feed *feed, struct reader *reader)
{
    struct readers *readers = &feed->readers;

    *(reader->older ? &reader->older->newer : &readers->oldest) = reader->newer;
    *(reader->newer ? &reader->newer->older : &readers->newest) = reader->older;
    reader->older = reader->newer = NULL;
    readers->idle_bytes -= reader->idle_bytes;
}

static void lru_add(struct feed *feed, struct reader *reader)
{
    struct readers *readers = &feed->readers;

    reader->older = readers->newest;
    *(readers->newest ? &readers->newest->newer : &readers->oldest) = reader;
    readers->newest = reader;
    reader->idle_bytes = reader_bytes(reader); /* an edge may change it meanwhile */
    readers->idle_bytes += reader->idle_bytes;
}

static void reader_free(struct feed *feed, struct reader *reader)
{
    recent_drop(feed, reader);
    for (uint32_t i = 0; i < reader->following.count; i++)
        subject_unref(&feed->subjects, reader->following.items[i]);
    idset_done(&reader->following);
    hidden_done(&reader->hidden);
    kept_done(feed, reader);
    feed->subjects.slots[reader->slot]->reader = NULL;
    subject_unref(&feed->subjects, reader->slot);
    free(reader);
}

void reader_pin(struct feed *feed, struct reader *reader)
{
    if (reader->pins++ == 0)
        lru_remove(feed, reader);
}

void reader_unpin(struct feed *feed, struct reader *reader)
{
    if (--reader->pins > 0)
        return;
    lru_add(feed, reader);
    while (feed->readers.idle_bytes > feed->settings->reader_bytes) {
        struct reader *oldest = feed->readers.oldest;

        lru_remove(feed, oldest);
        reader_free(feed, oldest);
    }
}

static bool is_hidden_from(const struct feed *feed, const struct reader *reader, uint32_t subject)
{
    return reader->hidden.count > 0 && hidden_has(&reader->hidden, subject_name(&feed->subjects, subject));
}

bool reader_sees(const struct feed *feed, const struct reader *reader, uint32_t subject)
{
    return idset_has(&reader->following, subject) && !is_hidden_from(feed, reader, subject);
}

bool reader_sees_share(const struct feed *feed, const struct reader *reader, uint32_t subject, uint64_t share)
{
    return (idset_has(&reader->following, subject) || (reader->kept_count > 0 && share <= kept_until(reader, subject))) &&
           !is_hidden_from(feed, reader, subject);
}

bool reader_sees_origin(const struct feed *feed, const struct reader *reader, uint32_t subject)
{
    return !is_hidden_from(feed, reader, subject);
}

/* Takes over the caller's reference to the subject. */
static int add_subject(struct feed *feed, struct reader *reader, uint32_t subject)
{
    int added = subject == NO_SUBJECT ? -ENOMEM : idset_add(&reader->following, subject);

    if (added == 1 && reader->listed && reader_sees(feed, reader, subject) &&
        idset_add(&feed->subjects.slots[subject]->online, reader->slot) < 0) {
        idset_remove(&reader->following, subject);
        added = -ENOMEM;
    }
    if (added != 1 && subject != NO_SUBJECT)
        subject_unref(&feed->subjects, subject);
    return added;
}

static void remove_subject(struct feed *feed, struct reader *reader, uint32_t subject)
{
    if (!idset_remove(&reader->following, subject))
        return;
    idset_remove(&feed->subjects.slots[subject]->online, reader->slot);
    subject_unref(&feed->subjects, subject);
}

static int hide(struct feed *feed, struct reader *reader, const struct delta *delta)
{
    struct idset *online = &feed->subjects.slots[delta->subject]->online;
    int error = hidden_set(&reader->hidden, subject_name(&feed->subjects, delta->subject), delta->reason, delta->on);

    if (error == 0 && reader->listed && reader_sees(feed, reader, delta->subject))
        error = idset_add(online, reader->slot);
    else
        idset_remove(online, reader->slot);
    return error < 0 ? error : 0;
}

static int apply(struct feed *feed, struct reader *reader, const struct delta *delta)
{
    if (delta->version <= reader->loaded_at)
        return 0;
    if (delta->reason != 0)
        return hide(feed, reader, delta);
    if (!delta->on) {
        remove_subject(feed, reader, delta->subject);
        return kept_set(feed, reader, delta->subject, delta->kept);
    }
    kept_set(feed, reader, delta->subject, 0);
    return add_subject(feed, reader, subject_ref(&feed->subjects, delta->subject));
}

/* Now, or when the reader is loaded. */
static int change(struct feed *feed, struct reader *reader, struct delta delta)
{
    struct reader_load *load = reader->load;
    struct delta *deltas;

    recent_drop(feed, reader);
    if (!load)
        return apply(feed, reader, &delta);
    deltas = realloc(load->deltas, (load->delta_count + 1) * sizeof(*deltas));
    if (!deltas) {
        load->incomplete = true;
        return 0;
    }
    load->deltas = deltas;
    subject_ref(&feed->subjects, delta.subject);
    deltas[load->delta_count++] = delta;
    return 0;
}

void reader_edge(struct feed *feed, bool follow, uint32_t slot, uint32_t subject, uint64_t version, uint64_t kept)
{
    struct reader *reader = feed->subjects.slots[slot]->reader;

    if (!reader)
        return;
    if (version > reader->settled_at)
        reader->settled_at = version;
    change(feed, reader, (struct delta){.subject = subject, .on = follow, .version = version, .kept = kept});
}

/* Where memory ends, what is to be hidden cannot be: nothing is served to the reader before it is loaded anew. */
int reader_hide(struct feed *feed, uint32_t slot, uint32_t subject, enum hidden_reason reason, bool is_hidden, uint64_t id)
{
    struct reader *reader = feed->subjects.slots[slot]->reader;
    int error = 0;

    if (reader)
        error = change(feed, reader, (struct delta){.subject = subject, .reason = reason, .on = is_hidden, .version = id});
    if (error < 0) {
        reader->stale = true;
        readers_reload(feed, false);
    }
    return error;
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y ? 1 : 0;
}

/* Adds the names, in the order of their slots: elsewhere than at its end the set moves what lies above. */
static int add_names(struct feed *feed, struct reader *reader, const struct reply *names)
{
    size_t count = reply_count(names);
    uint32_t *slots = malloc((count + 1) * sizeof(*slots));
    int error = slots ? idset_reserve(&reader->following, (uint32_t)count + 1) : -ENOMEM;

    if (error < 0) {
        free(slots);
        return error;
    }
    for (size_t i = 0; i < count; i++)
        slots[i] = subject_intern(&feed->subjects, reply_text(reply_at(names, i)));
    slots[count] = subject_ref(&feed->subjects, reader->slot);
    qsort(slots, count + 1, sizeof(*slots), ascending);
    for (size_t i = 0; i <= count; i++) {
        int added = add_subject(feed, reader, slots[i]);

        error = added < 0 ? added : error;
    }
    free(slots);
    return error;
}

/* Whom the reader does not see, by reason, in the order of the answer. */
static int add_hidden(struct reader *reader, const struct reply *reply)
{
    static const enum hidden_reason reasons[] = {HIDDEN_MUTED, HIDDEN_BLOCKED, HIDDEN_BARRED};
    int error = 0;

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        const struct reply *names = reply_at(reply, 2 + i);

        for (size_t j = 0; j < reply_count(names) && error == 0; j++)
            error = hidden_add(&reader->hidden, reply_text(reply_at(names, j)), reasons[i]);
    }
    hidden_sort(&reader->hidden);
    return error;
}

static Feed__ErrorCode fill(struct feed *feed, struct reader *reader, const struct reply *reply)
{
    struct reader_load *load = reader->load;
    int error = load->incomplete ? -ENOMEM : add_hidden(reader, reply);

    if (error == 0)
        error = add_names(feed, reader, reply_at(reply, 1));
    if (error >= 0)
        error = kept_take(feed, reader, reply_at(reply, 5));
    reader->loaded_at = reply_id(reply_at(reply, 0));
    if (reader->loaded_at > reader->settled_at)
        reader->settled_at = reader->loaded_at;
    for (size_t i = 0; i < load->delta_count && error >= 0; i++)
        error = apply(feed, reader, &load->deltas[i]);
    return error >= 0 ? FEED_OK : FEED__ERROR_CODE__UNAVAILABLE;
}

static void forget_following(struct feed *feed, struct reader *reader)
{
    hidden_done(&reader->hidden);
    while (reader->following.count > 0)
        remove_subject(feed, reader, reader->following.items[reader->following.count - 1]);
    kept_done(feed, reader);
}

/* The loading anew has ended. Should it have failed, it is done when the store is open again. */
static void reloaded(struct feed *feed, struct reader *reader, Feed__ErrorCode error)
{
    reader->stale = error != FEED_OK;
    if (--feed->reloads == 0)
        tail_read(feed);
}

static void on_loaded(void *context, const struct reply *reply)
{
    struct reader_load *load = context;
    struct feed *feed = load->feed;
    struct reader *reader = feed->subjects.slots[load->slot]->reader;
    Feed__ErrorCode error = error_of_reply(reply, false);
    bool again = reader->stale;

    if (error == FEED_OK && again)
        forget_following(feed, reader);
    if (error == FEED_OK)
        error = fill(feed, reader, reply);
    reader->load = NULL;
    for (size_t i = 0; i < load->delta_count; i++)
        subject_unref(&feed->subjects, load->deltas[i].subject);
    free(load->deltas);
    if (error != FEED_OK && !again)
        reader_free(feed, reader);
    for (struct reader_waiter *waiter = load->waiters, *next; waiter; waiter = next) {
        next = waiter->next;
        if (error == FEED_OK)
            reader->pins++; /* it has the loading's own pin still */
        waiter->fn(waiter->context, error, error == FEED_OK ? reader : NULL);
        free(waiter);
    }
    if (again)
        reloaded(feed, reader, error);
    if (error == FEED_OK || again)
        reader_unpin(feed, reader);
    free(load);
}

static struct reader *reader_new(struct feed *feed, struct text name)
{
    uint32_t slot = subject_intern(&feed->subjects, name);
    struct reader *reader = slot == NO_SUBJECT ? NULL : calloc(1, sizeof(*reader));
    struct reader_load *load = reader ? calloc(1, sizeof(*load)) : NULL;

    if (!load) {
        free(reader);
        subject_unref(&feed->subjects, slot);
        return NULL;
    }
    *load = (struct reader_load){.feed = feed, .slot = slot};
    reader->slot = slot;
    reader->pins = 1;
    reader->load = load;
    feed->subjects.slots[slot]->reader = reader;
    return reader;
}

/* Begins to load a reader. NULL if it cannot be done now. */
static struct reader *reader_begin(struct feed *feed, struct text name)
{
    struct reader *reader = reader_new(feed, name);

    if (reader && store_reader_load(feed->store, name, on_loaded, reader->load) < 0) {
        free(reader->load);
        reader_free(feed, reader);
        return NULL;
    }
    return reader;
}

void reader_get(struct feed *feed, struct text name, reader_fn *fn, void *context)
{
    uint32_t slot = subject_find(&feed->subjects, name);
    struct reader *reader = slot == NO_SUBJECT ? NULL : feed->subjects.slots[slot]->reader;

    if (reader && reader->stale && !reader->load) {
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, NULL); /* what it does not see is not known */
        return;
    }
    if (reader && !reader->load) {
        reader_pin(feed, reader);
        fn(context, FEED_OK, reader);
        return;
    }
    struct reader_waiter *waiter = malloc(sizeof(*waiter));
    if (waiter && !reader)
        reader = reader_begin(feed, name);
    if (!waiter || !reader) {
        free(waiter);
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, NULL);
        return;
    }
    struct reader_waiter **last = &reader->load->waiters;
    while (*last)
        last = &(*last)->next;
    *waiter = (struct reader_waiter){fn, context, NULL};
    *last = waiter;
}

static void unlist(struct feed *feed, struct reader *reader)
{
    for (uint32_t i = 0; i < reader->following.count; i++)
        idset_remove(&feed->subjects.slots[reader->following.items[i]]->online, reader->slot);
    kept_unlist(feed, reader);
    reader->listed = false;
}

int reader_join(struct feed *feed, struct reader *reader)
{
    for (uint32_t i = 0; i < reader->following.count && !reader->listed; i++)
        if (reader_sees(feed, reader, reader->following.items[i]) &&
            idset_add(&feed->subjects.slots[reader->following.items[i]]->online, reader->slot) < 0) {
            unlist(feed, reader);
            return -ENOMEM;
        }
    if (!reader->listed && kept_list(feed, reader) < 0) {
        unlist(feed, reader);
        return -ENOMEM;
    }
    reader->listed = true;
    return 0;
}

void reader_leave(struct feed *feed, struct reader *reader)
{
    if (reader->listed && !reader->subscriptions && !reader->recent)
        unlist(feed, reader);
}

/* Without memory for it the reader stays stale, and so is tried again when the store is open again. */
static void reload(struct feed *feed, struct reader *reader)
{
    struct reader_load *load = calloc(1, sizeof(*load));

    reader->stale = true;
    if (!load)
        return;
    *load = (struct reader_load){.feed = feed, .slot = reader->slot};
    reader->load = load;
    if (store_reader_load(feed->store, subject_name(&feed->subjects, reader->slot), on_loaded, load) < 0) {
        reader->load = NULL;
        free(load);
        return;
    }
    reader_pin(feed, reader);
    feed->reloads++;
}

void readers_reload(struct feed *feed, bool all)
{
    if (all)
        readers_done(feed);
    for (uint32_t slot = 0; slot < feed->subjects.used; slot++) {
        struct reader *reader = feed->subjects.slots[slot] ? feed->subjects.slots[slot]->reader : NULL;

        if (reader && !reader->load && (all || reader->stale))
            reload(feed, reader);
    }
}

void readers_done(struct feed *feed)
{
    while (feed->readers.oldest) {
        struct reader *reader = feed->readers.oldest;

        lru_remove(feed, reader);
        reader_free(feed, reader);
    }
}
