/* What log.h, inbox.h and presence.h declare of readers, as calls that fake_store.c keeps. */
#include "fake_store.h"

#include "store/inbox.h"
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

int store_inbox(struct store *store, struct text subject, uint64_t before, uint64_t after, int64_t limit, reply_fn *fn,
                void *context)
{
    (void)store;
    (void)after;
    return ready_called((struct fake_call){.op = FAKE_INBOX, .id = before, .limit = limit, .fn = fn, .context = context},
                        subject);
}

int store_notice(struct store *store, struct text subject, struct text actor, struct text notice, reply_fn *fn, void *context)
{
    (void)store;
    (void)actor;
    (void)notice;
    return ready_called((struct fake_call){.op = FAKE_NOTICE, .fn = fn, .context = context}, subject);
}

int store_replied(struct store *store, uint64_t share, uint64_t comment, reply_fn *fn, void *context)
{
    (void)store;
    (void)share;
    return ready_called((struct fake_call){.op = FAKE_REPLIED, .id = comment, .fn = fn, .context = context},
                        (struct text){"", 0});
}

int store_standing(struct store *store, const struct store_deed *deeds, size_t count, reply_fn *fn, void *context)
{
    (void)store;
    (void)deeds;
    return ready_called((struct fake_call){.op = FAKE_STANDING, .limit = (int64_t)count, .fn = fn, .context = context},
                        (struct text){"", 0});
}
