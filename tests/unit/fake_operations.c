/* What store.h declares, as calls that fake_store.c keeps. */
#include "fake_store.h"

int ready_called(struct fake_call call, struct text name)
{
    return fake.ready ? fake_record(call, name) : -ENOTCONN;
}

int bulk_called(struct fake_call call, struct text name)
{
    return fake.bulk_up ? fake_record(call, name) : -ENOTCONN;
}

static uint64_t *ids_copy(const uint64_t *ids, size_t count)
{
    uint64_t *copy = calloc(count + 1, sizeof(*copy));

    assert_non_null(copy);
    if (count > 0)
        memcpy(copy, ids, count * sizeof(*copy));
    return copy;
}

int ids_called(struct fake_call call, struct text name, const uint64_t *ids, size_t count,
                      int (*how)(struct fake_call call, struct text name))
{
    call.ids = ids_copy(ids, count);
    call.count = count;
    int error = how(call, name);
    if (error < 0)
        free(call.ids);
    return error;
}

static int follows_called(struct fake_call call, const struct store_follow *follows, size_t count)
{
    call.follows = calloc(count, sizeof(*call.follows));
    call.count = count;
    assert_non_null(call.follows);
    for (size_t i = 0; i < count; i++) {
        call.follows[i].follow = follows[i].follow;
        call.follows[i].repeated = follows[i].repeated;
        call.follows[i].version = follows[i].version;
        call.follows[i].kept = follows[i].kept;
        fake_copy(call.follows[i].reader, sizeof(call.follows[i].reader), follows[i].reader);
        fake_copy(call.follows[i].subject, sizeof(call.follows[i].subject), follows[i].subject);
    }
    int error = ready_called(call, (struct text){"", 0});
    if (error < 0)
        free(call.follows);
    return error;
}


struct store *store_new(struct event_base *base, const struct store_settings *settings, const struct store_handlers *handlers,
                        void *context)
{
    (void)base;
    keys_init(settings->partitions);
    fake.handlers = handlers;
    fake.context = context;
    return (struct store *)(void *)&fake;
}

void store_free(struct store *store)
{
    (void)store;
    assert_true(fake_is_idle());
}

void store_start(struct store *store)
{
    (void)store;
}

void store_stop(struct store *store)
{
    (void)store;
    fake.ready = fake.bulk_up = fake.tail_up = fake.jobs_up = false;
    fake_lose_all();
    fake.tail_handlers = NULL;
}

void store_stop_jobs(struct store *store)
{
    (void)store;
    fake.jobs_up = false;
}

uint64_t store_epoch(const struct store *store)
{
    (void)store;
    return fake.epoch;
}

uint64_t store_last_id(const struct store *store, unsigned partition)
{
    (void)store;
    return fake.last_id[partition];
}

uint32_t store_mark(const struct store *store, unsigned partition)
{
    (void)store;
    (void)partition;
    return fake.mark;
}

bool store_run_end(const struct store *store, unsigned partition, uint32_t mark, uint64_t *ret_last)
{
    (void)store;
    (void)partition;
    if (mark != fake.mark && (mark == 0 || mark != fake.earlier_mark))
        return false;
    *ret_last = mark == fake.mark ? UINT64_MAX : fake.earlier_end;
    return true;
}

void store_note_error(struct store *store, const struct reply *reply)
{
    (void)store;
    (void)reply;
}

void store_saw(struct store *store, uint64_t id)
{
    uint64_t *saw = &fake.saw[partition_of_id(id)];

    (void)store;
    *saw = id > *saw ? id : *saw;
}

void store_turn(struct store *store)
{
    (void)store;
}

void store_leave(struct store *store)
{
    (void)store;
}

bool store_has_left(const struct store *store)
{
    (void)store;
    return true;
}

void store_settle(struct store *store, int64_t now_ms)
{
    (void)store;
    (void)now_ms;
}

/* Of what is committed together the first is kept. */
int store_commit_shares(struct store *store, const struct store_share *shares, size_t count, reply_fn *fn, void *context)
{
    struct fake_call call = {.op = shares->origin != 0 ? FAKE_RESHARE : FAKE_SHARE, .id = shares->origin, .limit = (int64_t)count,
                             .fn = fn, .context = context};

    (void)store;
    fake_copy(call.key, sizeof(call.key), shares->key);
    return ready_called(call, shares->author);
}

int store_delete(struct store *store, struct text author, uint64_t share_id, reply_fn *fn, void *context)
{
    (void)store;
    return ready_called((struct fake_call){.op = FAKE_DELETE, .id = share_id, .fn = fn, .context = context}, author);
}

int store_follows(struct store *store, const struct store_follow *follows, size_t count, reply_fn *fn, void *context)
{
    (void)store;
    return follows_called((struct fake_call){.op = FAKE_FOLLOWS, .fn = fn, .context = context}, follows, count);
}

int store_edges(struct store *store, const struct store_follow *follows, size_t count, reply_fn *fn, void *context)
{
    (void)store;
    return follows_called((struct fake_call){.op = FAKE_EDGES, .fn = fn, .context = context}, follows, count);
}

int store_reader_load(struct store *store, struct text reader, reply_fn *fn, void *context)
{
    (void)store;
    return ready_called((struct fake_call){.op = FAKE_READER_LOAD, .fn = fn, .context = context}, reader);
}

int store_following_id(struct store *store, struct text reader, struct text subject, reply_fn *fn, void *context)
{
    (void)store;
    (void)subject;
    return ready_called((struct fake_call){.op = FAKE_FOLLOWING_ID, .fn = fn, .context = context}, reader);
}

int store_shares(struct store *store, enum key_kind kind, struct text name, uint64_t before, int64_t limit, reply_fn *fn,
                 void *context)
{
    (void)store;
    (void)kind;
    return ready_called((struct fake_call){.op = FAKE_PROFILE, .id = before, .limit = limit, .fn = fn, .context = context}, name);
}

int store_names(struct store *store, enum key_kind kind, struct text subject, uint64_t before, int64_t limit,
                reply_fn *fn, void *context)
{
    (void)store;
    (void)kind;
    return ready_called((struct fake_call){.op = FAKE_NAMES, .id = before, .limit = limit, .fn = fn, .context = context},
                        subject);
}

int store_timeline(struct store *store, struct text reader, bool renew, reply_fn *fn, void *context)
{
    (void)store;
    (void)renew;
    return ready_called((struct fake_call){.op = FAKE_TIMELINE, .fn = fn, .context = context}, reader);
}

int store_edit(struct store *store, struct text author, uint64_t share, struct text body, struct text mark, int64_t window_ms,
               reply_fn *fn, void *context)
{
    (void)store;
    (void)body;
    (void)mark;
    return ready_called((struct fake_call){.op = FAKE_EDIT, .id = share, .limit = window_ms, .fn = fn, .context = context},
                        author);
}

int store_comment(struct store *store, const struct store_comment *comment, reply_fn *fn, void *context)
{
    struct fake_call call = {.op = FAKE_COMMENT, .id = comment->share, .until = comment->parent, .limit = comment->is_barred,
                             .fn = fn, .context = context};

    (void)store;
    fake_copy(call.key, sizeof(call.key), comment->key);
    return ready_called(call, comment->commenter);
}

int store_ask_comment(struct store *store, uint64_t share, uint64_t comment, reply_fn *fn, void *context)
{
    (void)store;
    return ready_called((struct fake_call){.op = FAKE_ASK_COMMENT, .id = share, .until = comment, .fn = fn, .context = context},
                        (struct text){"", 0});
}

int store_commented(struct store *store, bool add, struct text subject, uint64_t comment, uint64_t share, reply_fn *fn,
                    void *context)
{
    struct fake_call call = {.op = FAKE_COMMENTED, .id = comment, .until = share, .limit = add, .fn = fn, .context = context};

    (void)store;
    return ready_called(call, subject);
}

int store_uncomment(struct store *store, struct text author, struct text subject, uint64_t share, uint64_t comment,
                    reply_fn *fn, void *context)
{
    (void)store;
    (void)author;
    return ready_called((struct fake_call){.op = FAKE_UNCOMMENT, .id = share, .until = comment, .fn = fn, .context = context},
                        subject);
}

int store_dialogue(struct store *store, uint64_t share, uint64_t lowest, uint64_t highest, bool newest_first, int64_t limit,
                   reply_fn *fn, void *context)
{
    (void)store;
    (void)highest;
    (void)newest_first;
    (void)share;
    return ready_called((struct fake_call){.op = FAKE_DIALOGUE, .id = lowest, .limit = limit, .fn = fn, .context = context},
                        (struct text){"", 0});
}

int store_around(struct store *store, struct text subject, uint64_t lowest, uint64_t highest, int64_t limit, reply_fn *fn,
                 void *context)
{
    (void)store;
    (void)highest;
    return ready_called((struct fake_call){.op = FAKE_AROUND, .id = lowest, .limit = limit, .fn = fn, .context = context},
                        subject);
}

int store_bodies(struct store *store, const uint64_t *ids, size_t count, reply_fn *fn, void *context)
{
    (void)store;
    return ids_called((struct fake_call){.op = FAKE_BODIES, .fn = fn, .context = context}, (struct text){"", 0}, ids, count,
                      ready_called);
}

int store_deletions(struct store *store, unsigned partition, uint64_t after, uint64_t until, reply_fn *fn,
                    void *context)
{
    struct fake_call call = {.op = FAKE_DELETIONS, .partition = partition, .fn = fn, .context = context};

    (void)store;
    call.id = after;
    call.until = until;
    return ready_called(call, (struct text){"", 0});
}

int store_ask_last_id(struct store *store, unsigned partition, reply_fn *fn, void *context)
{
    (void)store;
    return ready_called((struct fake_call){.op = FAKE_LAST_ID, .partition = partition, .fn = fn, .context = context},
                        (struct text){"", 0});
}

int store_bigs(struct store *store, unsigned partition, reply_fn *fn, void *context)
{
    (void)store;
    return ready_called((struct fake_call){FAKE_BIGS, .partition = partition, .fn = fn, .context = context}, (struct text){"", 0});
}

int store_timeline_exists(struct store *store, struct text reader, reply_fn *fn, void *context)
{
    (void)store;
    return ready_called((struct fake_call){.op = FAKE_TIMELINE_EXISTS, .fn = fn, .context = context}, reader);
}

int store_timeline_merge(struct store *store, struct text reader, const uint64_t *ids, size_t count, reply_fn *fn,
                         void *context)
{
    (void)store;
    return ids_called((struct fake_call){.op = FAKE_TIMELINE_MERGE, .fn = fn, .context = context}, reader, ids, count,
                      ready_called);
}

int store_timeline_begin(struct store *store, struct text reader, uint64_t nonce, reply_fn *fn, void *context)
{
    (void)store;
    return ready_called((struct fake_call){.op = FAKE_TIMELINE_BEGIN, .id = nonce, .fn = fn, .context = context}, reader);
}

int store_timeline_finish(struct store *store, struct text reader, struct text mark, uint64_t floor,
                          const uint64_t *ids, size_t count, reply_fn *fn, void *context)
{
    (void)store;
    (void)mark;
    return ids_called((struct fake_call){.op = FAKE_TIMELINE_FINISH, .id = floor, .fn = fn, .context = context}, reader, ids,
                      count, ready_called);
}

int store_timeline_abandon(struct store *store, struct text reader, struct text mark, reply_fn *fn, void *context)
{
    (void)store;
    (void)mark;
    return ready_called((struct fake_call){.op = FAKE_TIMELINE_ABANDON, .fn = fn, .context = context}, reader);
}

int store_timeline_unfollow(struct store *store, struct text reader, reply_fn *fn, void *context)
{
    (void)store;
    return ready_called((struct fake_call){.op = FAKE_TIMELINE_UNFOLLOW, .fn = fn, .context = context}, reader);
}

int store_timeline_drop(struct store *store, struct text reader, reply_fn *fn, void *context)
{
    (void)store;
    return ready_called((struct fake_call){.op = FAKE_TIMELINE_DROP, .fn = fn, .context = context}, reader);
}

int store_profile_ids(struct store *store, struct text subject, uint64_t before, uint64_t lowest, int64_t limit, reply_fn *fn,
                      void *context)
{
    (void)store;
    return ready_called((struct fake_call){FAKE_PROFILE_IDS, .id = before, .until = lowest, .limit = limit, .fn = fn,
                                           .context = context}, subject);
}

int store_followers_page(struct store *store, struct text author, uint64_t after, uint64_t below, int64_t limit,
                         uint64_t *ret_last, reply_fn *fn, void *context)
{
    struct fake_call call = {.op = FAKE_FOLLOWERS_PAGE, .limit = limit, .ret_last = ret_last, .fn = fn, .context = context};

    (void)store;
    call.id = after;
    call.until = below;
    return bulk_called(call, author);
}

int store_push(struct store *store, struct text reader, const uint64_t *ids, size_t count, reply_fn *fn, void *context)
{
    (void)store;
    return ids_called((struct fake_call){.op = FAKE_PUSH, .id = ids[0], .fn = fn, .context = context}, reader, ids, count,
                      bulk_called);
}

void store_pushed_add(struct store_pushed *pushed, const uint64_t *ids, size_t count)
{
    pushed->count += count;
    pushed->last = ids[count - 1];
}

/* The mark is the call's `id`, the number of ids pushed since its `until`. */
int store_trim(struct store *store, struct text reader, const struct store_pushed *pushed, reply_fn *fn, void *context)
{
    (void)store;
    return bulk_called((struct fake_call){.op = FAKE_TRIM, .id = pushed->mark, .until = pushed->count, .fn = fn,
                                          .context = context}, reader);
}
