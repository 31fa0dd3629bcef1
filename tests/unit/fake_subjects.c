/* What store.h declares of descriptions, blocks and mutes, as calls that fake_store.c keeps. */
#include "fake_store.h"

int store_mute(struct store *store, bool mute, struct text reader, struct text subject, reply_fn *fn, void *context)
{
    (void)store;
    (void)mute;
    (void)subject;
    return ready_called((struct fake_call){.op = FAKE_MUTE, .fn = fn, .context = context}, reader);
}

int store_block(struct store *store, bool block, struct text reader, struct text subject, reply_fn *fn, void *context)
{
    (void)store;
    (void)block;
    (void)subject;
    return ready_called((struct fake_call){.op = FAKE_BLOCK, .fn = fn, .context = context}, reader);
}

int store_bar(struct store *store, bool bar, bool repeated, struct text reader, struct text subject, uint64_t version,
              reply_fn *fn, void *context)
{
    (void)store;
    (void)bar;
    (void)repeated;
    (void)reader;
    return ready_called((struct fake_call){.op = FAKE_BAR, .id = version, .fn = fn, .context = context}, subject);
}

int store_bars(struct store *store, struct text reader, struct text subject, reply_fn *fn, void *context)
{
    (void)store;
    (void)subject;
    return ready_called((struct fake_call){.op = FAKE_BARS, .fn = fn, .context = context}, reader);
}

int store_blocked_id(struct store *store, struct text reader, struct text subject, reply_fn *fn, void *context)
{
    (void)store;
    (void)subject;
    return ready_called((struct fake_call){.op = FAKE_BLOCKED_ID, .fn = fn, .context = context}, reader);
}

int store_describe(struct store *store, const struct store_description *description, reply_fn *fn, void *context)
{
    (void)store;
    return ready_called((struct fake_call){.op = FAKE_DESCRIBE, .fn = fn, .context = context}, description->subject);
}

/* The call is about the first one. Tests that are about something else know of no names. */
int store_described(struct store *store, const struct text *subjects, size_t count, bool name, reply_fn *fn, void *context)
{
    struct fake_call call = {.op = FAKE_DESCRIBED, .id = name, .limit = (int64_t)count, .fn = fn, .context = context};

    (void)store;
    int error = ready_called(call, subjects[0]);
    if (error == 0 && name && !fake.tells_names)
        FAKE_ANSWER(FAKE_DESCRIBED, "[ ]");
    return error;
}

int store_find(struct store *store, unsigned partition, struct text prefix, struct text after, int64_t limit, reply_fn *fn,
               void *context)
{
    struct fake_call call = {.op = FAKE_FIND, .partition = partition, .limit = limit, .fn = fn, .context = context};

    (void)store;
    (void)after;
    return ready_called(call, prefix);
}

int store_erase(struct store *store, struct text subject, const enum key_kind *kinds, size_t count, reply_fn *fn,
                void *context)
{
    (void)store;
    (void)kinds;
    (void)count;
    return ready_called((struct fake_call){.op = FAKE_ERASE, .fn = fn, .context = context}, subject);
}

int store_erase_progress(struct store *store, struct text subject, const enum key_kind *kinds, size_t count, reply_fn *fn,
                         void *context)
{
    (void)store;
    (void)kinds;
    (void)count;
    return ready_called((struct fake_call){.op = FAKE_ERASE_PROGRESS, .fn = fn, .context = context}, subject);
}

int store_erase_slice(struct store *store, struct text subject, enum key_kind kind, uint64_t below, int64_t limit,
                      reply_fn *fn, void *context)
{
    struct fake_call call = {.op = FAKE_ERASE_SLICE, .id = kind, .until = below, .limit = limit, .fn = fn, .context = context};

    (void)store;
    return ready_called(call, subject);
}

int store_erase_on(struct store *store, struct text subject, uint64_t entry, reply_fn *fn, void *context)
{
    (void)store;
    return ready_called((struct fake_call){.op = FAKE_ERASE_ON, .id = entry, .fn = fn, .context = context}, subject);
}

int store_erase_end(struct store *store, struct text subject, uint64_t position, reply_fn *fn, void *context)
{
    (void)store;
    return ready_called((struct fake_call){.op = FAKE_ERASE_END, .id = position, .fn = fn, .context = context}, subject);
}
