/* What log.h and presence.h declare of readers, as calls that fake_store.c keeps. */
#include "fake_store.h"

#include "store/presence.h"

int store_move_marker(struct store *store, enum log_kind marker, struct text reader, uint64_t id, reply_fn *fn, void *context)
{
    (void)store;
    (void)marker;
    return ready_called((struct fake_call){.op = FAKE_MARK, .id = id, .fn = fn, .context = context}, reader);
}

/* Tests that are about something else know of no markers. */
int store_ask_marker(struct store *store, enum log_kind marker, struct text reader, reply_fn *fn, void *context)
{
    (void)store;
    (void)marker;
    return fake.tells_markers ? ready_called((struct fake_call){.op = FAKE_MARKER, .fn = fn, .context = context}, reader)
                              : -ENOTCONN;
}

int store_presence_ask(struct store *store, struct text subject, reply_fn *fn, void *context)
{
    (void)store;
    return ready_called((struct fake_call){.op = FAKE_PRESENCE_ASK, .fn = fn, .context = context}, subject);
}

/* Nobody asks, and so nobody is told. */
int store_presence_asked(struct store *store, unsigned partition, reply_fn *fn, void *context)
{
    (void)store;
    (void)partition;
    (void)fn;
    (void)context;
    return -ENOTCONN;
}

int store_presence_report(struct store *store, const struct store_presence *reports, size_t count, reply_fn *fn, void *context)
{
    (void)store;
    (void)reports;
    (void)count;
    (void)fn;
    (void)context;
    return -ENOTCONN;
}

struct store_presence store_read_presence(struct text text)
{
    (void)text;
    return (struct store_presence){0};
}
