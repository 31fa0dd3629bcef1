/* What store.h declares of re-shares, and of records of who shared what, as calls that fake_store.c keeps. */
#include "fake_store.h"

int store_note_reshare(struct store *store, bool add, const struct store_share *reshare, uint64_t id, struct text notice,
                       reply_fn *fn, void *context)
{
    struct fake_call call = {.op = FAKE_NOTE_RESHARE, .id = id, .until = reshare->origin, .limit = add, .fn = fn,
                             .context = context};

    (void)store;
    assert_true(notice.size > 0);
    return ready_called(call, reshare->author);
}

/* In tests that are about something else there are none. */
int store_reshares(struct store *store, uint64_t share, int64_t limit, reply_fn *fn, void *context)
{
    struct fake_call call = {.op = FAKE_RESHARES, .id = share, .limit = limit, .fn = fn, .context = context};
    int error = bulk_called(call, (struct text){"", 0});

    (void)store;
    if (error == 0 && !fake.tells_reshares)
        FAKE_ANSWER(FAKE_RESHARES, "[ ]");
    return error;
}

int store_forget_reshares(struct store *store, uint64_t share, uint64_t until, reply_fn *fn, void *context)
{
    (void)store;
    return bulk_called((struct fake_call){.op = FAKE_FORGET_RESHARES, .id = share, .until = until, .fn = fn, .context = context},
                       (struct text){"", 0});
}

int store_records(struct store *store, const struct store_record *records, size_t count, reply_fn *fn, void *context)
{
    struct fake_call call = {.op = FAKE_RECORDS, .id = records[0].share_id, .limit = records[0].add, .count = count, .fn = fn,
                             .context = context};

    (void)store;
    return fake.bulk_up ? fake_record(call, records[0].name) : -ENOTCONN;
}

int store_shares_exist(struct store *store, const uint64_t *ids, size_t count, reply_fn *fn, void *context)
{
    struct fake_call call = {.op = FAKE_SHARES_EXIST, .count = count, .fn = fn, .context = context};
    int error;

    (void)store;
    call.ids = calloc(count, sizeof(*ids));
    assert_non_null(call.ids);
    memcpy(call.ids, ids, count * sizeof(*ids));
    error = fake.bulk_up ? fake_record(call, (struct text){"", 0}) : -ENOTCONN;
    if (error < 0)
        free(call.ids);
    return error;
}

int store_sharers(struct store *store, enum key_kind kind, const struct text *names, size_t count, int64_t latest, reply_fn *fn,
                  void *context)
{
    struct fake_call call = {.op = FAKE_SHARERS, .limit = latest, .count = count, .fn = fn, .context = context};

    (void)store;
    (void)kind;
    return fake.ready ? fake_record(call, names[0]) : -ENOTCONN;
}

int store_popular(struct store *store, enum popular_kind kind, unsigned partition, int64_t window_ms, int64_t limit, reply_fn *fn,
                  void *context)
{
    struct fake_call call = {.op = FAKE_POPULAR, .partition = partition, .limit = limit, .fn = fn, .context = context};

    (void)store;
    (void)kind;
    (void)window_ms;
    return fake.ready ? fake_record(call, (struct text){"", 0}) : -ENOTCONN;
}

int store_followed_latest(struct store *store, struct text reader, int64_t limit, reply_fn *fn, void *context)
{
    struct fake_call call = {.op = FAKE_FOLLOWED_LATEST, .limit = limit, .fn = fn, .context = context};

    (void)store;
    return fake.ready ? fake_record(call, reader) : -ENOTCONN;
}

int store_shared_by(struct store *store, enum key_kind kind, struct text name, const struct text *authors, size_t count,
                    reply_fn *fn, void *context)
{
    struct fake_call call = {.op = FAKE_SHARED_BY, .count = count, .fn = fn, .context = context};

    (void)store;
    (void)kind;
    (void)authors;
    return fake.ready ? fake_record(call, name) : -ENOTCONN;
}
