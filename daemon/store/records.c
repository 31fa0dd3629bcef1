/* The store's operations on records of who shared what. */
#include <errno.h>

#include "store/internal.h"

static enum key_kind earlier_kind(enum key_kind kind)
{
    return kind == KEY_DESTINATION ? KEY_DESTINATION_EARLIER : KEY_SITE_EARLIER;
}

int store_records(struct store *store, const struct store_record *records, size_t count, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_record, 2 * (int)count);

    for (size_t i = 0; i < count; i++) {
        command_add_subject_key(command, records[i].kind, records[i].name);
        command_add_subject_key(command, earlier_kind(records[i].kind), records[i].name);
    }
    store_add_popular_prefix(command, POPULAR_DESTINATIONS, partition_of_subject(records[0].name));
    for (size_t i = 0; i < count; i++) {
        command_add_string(command, records[i].add ? "add" : "remove");
        command_add_text(command, records[i].author);
        command_add_id(command, records[i].share_id);
        command_add_text(command, records[i].kind == KEY_DESTINATION ? records[i].name : (struct text){"", 0});
    }
    return link_call(store->bulk, command, fn, context);
}

int store_shares_exist(struct store *store, const uint64_t *ids, size_t count, reply_fn *fn, void *context)
{
    struct command *command = command_begin("EXISTS");

    for (size_t i = 0; i < count; i++)
        command_add_id_key(command, KEY_SHARE, ids[i]);
    return link_call(store->bulk, command, fn, context);
}

int store_sharers(struct store *store, enum key_kind kind, const struct text *names, size_t count, int64_t latest, reply_fn *fn,
                  void *context)
{
    struct command *command = store_script(store, SCRIPT_sharers, (int)count);

    for (size_t i = 0; i < count; i++)
        command_add_record_key(command, kind, names[i]);
    command_add_number(command, latest);
    return store->ready ? link_call(store->command, command, fn, context) : -ENOTCONN;
}

int store_shared_by(struct store *store, enum key_kind kind, struct text name, const struct text *authors, size_t count,
                    reply_fn *fn, void *context)
{
    struct command *command = command_begin("ZMSCORE");

    command_add_record_key(command, kind, name);
    for (size_t i = 0; i < count; i++)
        command_add_text(command, authors[i]);
    return store->ready ? link_call(store->command, command, fn, context) : -ENOTCONN;
}
