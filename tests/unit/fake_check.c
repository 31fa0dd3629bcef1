/* What check.h and transfer.h declare: nobody checks or exports a store that is not there. */
#include "store/check.h"

#include <errno.h>

#include "fake_store.h"
#include "store/transfer.h"

const char *store_key_type(enum key_kind kind)
{
    (void)kind;
    return NULL;
}

int store_check_size(struct store *store, reply_fn *fn, void *context)
{
    (void)store;
    (void)fn;
    (void)context;
    return -ENOTCONN;
}

int store_check_keys(struct store *store, uint64_t cursor, reply_fn *fn, void *context)
{
    (void)store;
    (void)cursor;
    (void)fn;
    (void)context;
    return -ENOTCONN;
}

int store_check_key(struct store *store, enum check_read read, const struct key_parts *key, uint64_t cursor, reply_fn *fn,
                    void *context)
{
    (void)store;
    (void)read;
    (void)key;
    (void)cursor;
    (void)fn;
    (void)context;
    return -ENOTCONN;
}

int store_check_ask(struct store *store, const struct store_question *questions, size_t count, reply_fn *fn, void *context)
{
    (void)store;
    (void)questions;
    (void)count;
    (void)fn;
    (void)context;
    return -ENOTCONN;
}

int store_check_reader(struct store *store, struct text reader, bool mend, reply_fn *fn, void *context)
{
    (void)store;
    (void)reader;
    (void)mend;
    (void)fn;
    (void)context;
    return -ENOTCONN;
}

int store_check_profile(struct store *store, struct text author, const struct text *ids, size_t count, reply_fn *fn,
                        void *context)
{
    (void)store;
    (void)author;
    (void)ids;
    (void)count;
    (void)fn;
    (void)context;
    return -ENOTCONN;
}

int store_check_share(struct store *store, struct text author, uint64_t share, bool mend, reply_fn *fn, void *context)
{
    (void)store;
    (void)author;
    (void)share;
    (void)mend;
    (void)fn;
    (void)context;
    return -ENOTCONN;
}

int store_check_comments(struct store *store, struct text author, uint64_t share, const struct text *ids, size_t count,
                         bool mend, reply_fn *fn, void *context)
{
    (void)store;
    (void)author;
    (void)share;
    (void)ids;
    (void)count;
    (void)mend;
    (void)fn;
    (void)context;
    return -ENOTCONN;
}

int store_check_tally(struct store *store, struct text author, uint64_t share, struct text at, uint64_t comments, bool mend,
                      reply_fn *fn, void *context)
{
    (void)store;
    (void)author;
    (void)share;
    (void)at;
    (void)comments;
    (void)mend;
    (void)fn;
    (void)context;
    return -ENOTCONN;
}

int store_check_left(struct store *store, uint64_t share, bool reshares, bool mend, reply_fn *fn, void *context)
{
    (void)store;
    (void)share;
    (void)reshares;
    (void)mend;
    (void)fn;
    (void)context;
    return -ENOTCONN;
}

int store_check_subject(struct store *store, struct text subject, bool mend, reply_fn *fn, void *context)
{
    (void)store;
    (void)subject;
    (void)mend;
    (void)fn;
    (void)context;
    return -ENOTCONN;
}

int store_check_words(struct store *store, unsigned partition, const struct text *words, size_t count, bool mend, reply_fn *fn,
                      void *context)
{
    (void)store;
    (void)partition;
    (void)words;
    (void)count;
    (void)mend;
    (void)fn;
    (void)context;
    return -ENOTCONN;
}

int store_check_timeline(struct store *store, unsigned partition, const uint64_t *ids, size_t count, reply_fn *fn,
                         void *context)
{
    (void)store;
    (void)partition;
    (void)ids;
    (void)count;
    (void)fn;
    (void)context;
    return -ENOTCONN;
}

int store_check_group(struct store *store, unsigned partition, reply_fn *fn, void *context)
{
    (void)store;
    (void)partition;
    (void)fn;
    (void)context;
    return -ENOTCONN;
}

int store_check_log(struct store *store, unsigned partition, struct text after, uint64_t before, reply_fn *fn, void *context)
{
    (void)store;
    (void)partition;
    (void)after;
    (void)before;
    (void)fn;
    (void)context;
    return -ENOTCONN;
}

int store_check_mend_log(struct store *store, unsigned partition, const char *what, uint64_t id, struct text member,
                         reply_fn *fn, void *context)
{
    (void)store;
    (void)partition;
    (void)what;
    (void)id;
    (void)member;
    (void)fn;
    (void)context;
    return -ENOTCONN;
}

bool store_is_exported(enum key_kind kind)
{
    (void)kind;
    return false;
}

bool store_is_imported(enum key_kind kind)
{
    (void)kind;
    return false;
}

int store_export(struct store *store, const struct key_parts *key, uint64_t from, int64_t limit, reply_fn *fn, void *context)
{
    (void)store;
    (void)key;
    (void)from;
    (void)limit;
    (void)fn;
    (void)context;
    return -ENOTCONN;
}

bool store_export_goes_on(enum key_kind kind)
{
    (void)kind;
    return false;
}

int store_import_begin(struct store *store, unsigned partition, bool begin, reply_fn *fn, void *context)
{
    (void)store;
    (void)partition;
    (void)begin;
    (void)fn;
    (void)context;
    return -ENOTCONN;
}

bool store_import_holds(const struct store_import_row *row)
{
    (void)row;
    return false;
}

unsigned store_import_partition(const struct store_import_row *row)
{
    (void)row;
    return 0;
}

int store_import(struct store *store, unsigned partition, const struct store_import_row *rows, size_t count, reply_fn *fn,
                 void *context)
{
    (void)store;
    (void)partition;
    (void)rows;
    (void)count;
    (void)fn;
    (void)context;
    return -ENOTCONN;
}

int store_import_end(struct store *store, unsigned partition, uint64_t last, reply_fn *fn, void *context)
{
    (void)store;
    (void)partition;
    (void)last;
    (void)fn;
    (void)context;
    return -ENOTCONN;
}

int store_renew(struct store *store)
{
    (void)store;
    return -ENOTCONN;
}
