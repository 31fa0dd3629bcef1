/* What an export reads, and an import writes: keys as they are, on the bulk link. */
#ifndef FEED_STORE_TRANSFER_H
#define FEED_STORE_TRANSFER_H

#include "store/store.h"

/* Whether keys of this kind are exported: what others say as well is not. */
bool store_is_exported(enum key_kind kind);
/* Whether an import may have rows of this kind. */
bool store_is_imported(enum key_kind kind);

/* Some members of a key. Answers [member, value, …]: of sorted sets with their scores, of hashes with their values; of comments
 * those of the dialogue; of a string it itself. There are further ones if there are `limit`, but for hashes and strings. */
int store_export(struct store *store, const struct key_parts *key, uint64_t from, int64_t limit, reply_fn *fn, void *context);
/* Whether there can be further ones. */
bool store_export_goes_on(enum key_kind kind);

struct store_import_row {
    enum key_kind kind;
    struct text name; /* of the key; of kinds that belong to a partition: by which subject it is found */
    struct text member, value;
};

/* Answers 1 if nothing was ever written to a partition. `begin`: rows may be imported from then on. */
int store_import_begin(struct store *store, unsigned partition, bool begin, reply_fn *fn, void *context);
/* Whether a row is one that its key can hold. */
bool store_import_holds(const struct store_import_row *row);
unsigned store_import_partition(const struct store_import_row *row);
/* Of one partition. Answers 1, or 0 if no import was begun. */
int store_import(struct store *store, unsigned partition, const struct store_import_row *rows, size_t count, reply_fn *fn,
                 void *context);
/* Answers 1, or 0 if somebody else wrote meanwhile. */
int store_import_end(struct store *store, unsigned partition, uint64_t last, reply_fn *fn, void *context);
/* All partitions have ended: from here on it is another store, of another epoch, which this daemon opens anew. */
int store_renew(struct store *store);

#endif
