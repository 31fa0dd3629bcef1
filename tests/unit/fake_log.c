/* What log.h declares, as calls that fake_store.c keeps. */
#include <inttypes.h>
#include <stdio.h>

#include "fake_store.h"

/* As it is spelled in Redis. */
struct share_counts store_read_counts(struct text text)
{
    struct share_counts counts = {0};

    if (text.size > 0)
        assert_true(sscanf(text.data, "%" SCNu64 " %" SCNu32 " %" SCNu32, &counts.at, &counts.comments, &counts.reshares) >= 2);
    return counts;
}

int store_tail(struct store *store, const uint64_t *positions, const struct log_handlers *handlers, void *context)
{
    (void)store;
    (void)positions;
    fake.tail_handlers = handlers;
    fake.tail_context = context;
    return 0;
}

int store_jobs_new(struct store *store, int64_t count, const struct log_handlers *handlers, store_jobs_fn *fn,
                   void *context)
{
    struct fake_call call = {.op = FAKE_JOBS_NEW, .limit = count, .handlers = handlers, .jobs_fn = fn, .context = context};

    (void)store;
    return fake_record(call, (struct text){"", 0});
}

int store_jobs_own(struct store *store, unsigned partition, uint64_t after, int64_t count,
                   const struct log_handlers *handlers, store_jobs_fn *fn, void *context)
{
    struct fake_call call = {.op = FAKE_JOBS_OWN, .limit = count, .handlers = handlers, .jobs_fn = fn, .context = context};

    (void)store;
    call.partition = partition;
    call.id = after;
    return fake_record(call, (struct text){"", 0});
}

int store_jobs_claim(struct store *store, unsigned partition, int64_t idle_ms, int64_t count,
                     const struct log_handlers *handlers, store_jobs_fn *fn, void *context)
{
    struct fake_call call = {.op = FAKE_JOBS_CLAIM, .limit = count, .handlers = handlers, .jobs_fn = fn, .context = context};

    (void)store;
    (void)idle_ms;
    call.partition = partition;
    return bulk_called(call, (struct text){"", 0});
}

int store_jobs_ack(struct store *store, unsigned partition, const uint64_t *ids, size_t count, reply_fn *fn,
                   void *context)
{
    (void)store;
    return ids_called((struct fake_call){.op = FAKE_JOBS_ACK, .partition = partition, .fn = fn, .context = context},
                      (struct text){"", 0}, ids, count, bulk_called);
}

int store_jobs_renew(struct store *store, unsigned partition, const uint64_t *ids, size_t count, reply_fn *fn, void *context)
{
    (void)store;
    return ids_called((struct fake_call){.op = FAKE_JOBS_RENEW, .partition = partition, .fn = fn, .context = context},
                      (struct text){"", 0}, ids, count, bulk_called);
}

const char *log_kind_name(enum log_kind kind)
{
    (void)kind;
    return "kind";
}

static int job_called(enum fake_op op, uint64_t id, reply_fn *fn, void *context)
{
    return bulk_called((struct fake_call){.op = op, .id = id, .fn = fn, .context = context}, (struct text){"", 0});
}

int store_job_take(struct store *store, uint64_t id, reply_fn *fn, void *context)
{
    (void)store;
    return job_called(FAKE_JOB_TAKE, id, fn, context);
}

int store_job_hand_back(struct store *store, uint64_t id, reply_fn *fn, void *context)
{
    (void)store;
    return job_called(FAKE_JOB_HAND_BACK, id, fn, context);
}

int store_job_save(struct store *store, uint64_t id, uint64_t place, reply_fn *fn, void *context)
{
    (void)store;
    return bulk_called((struct fake_call){.op = FAKE_JOB_SAVE, .id = id, .until = place, .fn = fn, .context = context},
                       (struct text){"", 0});
}

int store_job_forget(struct store *store, uint64_t id, reply_fn *fn, void *context)
{
    (void)store;
    return job_called(FAKE_JOB_FORGET, id, fn, context);
}

int store_job_park(struct store *store, const struct store_parked *parked, reply_fn *fn, void *context)
{
    (void)store;
    return bulk_called((struct fake_call){.op = FAKE_JOB_PARK, .id = parked->id, .limit = parked->tries, .fn = fn,
                                          .context = context},
                       (struct text){parked->reason, strlen(parked->reason)});
}

int store_jobs_unpark(struct store *store, unsigned partition, int64_t after_ms, int64_t tries, reply_fn *fn, void *context)
{
    (void)store;
    return bulk_called((struct fake_call){.op = FAKE_JOBS_UNPARK, .partition = partition, .limit = after_ms, .until = (uint64_t)tries,
                                          .fn = fn, .context = context},
                       (struct text){"", 0});
}

int store_applied(struct store *store, unsigned partition, reply_fn *fn, void *context)
{
    (void)store;
    return ready_called((struct fake_call){.op = FAKE_APPLIED, .partition = partition, .fn = fn, .context = context},
                        (struct text){"", 0});
}

/* The fake's answer is the position itself. */
uint64_t store_read_applied(const struct reply *reply, unsigned partition)
{
    (void)partition;
    return reply_id(reply);
}
