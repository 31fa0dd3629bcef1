/* See transfer.h. */
#include "store/transfer.h"

#include <string.h>

#include "base/clock.h"
#include "base/digits.h"
#include "store/internal.h"

/* Names are those of subjects, sites and hashes; the longest members are words and notices. */
#define NAME_BYTES_MAX 255
#define MEMBER_BYTES_MAX 4096

enum shape { SHAPE_SET, SHAPE_HASH, SHAPE_VALUE, SHAPE_KEY, SHAPE_COMMENTS };

/* What an import writes, and of which popular things it is counted (1 + enum popular_kind; 0: of none). Dialogues come with
 * their comments, and idempotency keys, as `author's bytes:author:key`, with what names them. */
static const struct exported {
    enum key_kind kind;
    enum shape shape;
    unsigned counted;
} table[] = {
    {KEY_SUBJECT, SHAPE_HASH, 0},
    {KEY_MARKERS, SHAPE_HASH, 0},
    {KEY_FOLLOWING, SHAPE_SET, 0},
    {KEY_KEPT, SHAPE_SET, 0},
    {KEY_FOLLOWERS, SHAPE_SET, 1 + POPULAR_SUBJECTS},
    {KEY_BLOCKED, SHAPE_SET, 0},
    {KEY_BLOCKERS, SHAPE_SET, 0},
    {KEY_MUTED, SHAPE_SET, 0},
    {KEY_PROFILE, SHAPE_SET, 0},
    {KEY_SHARE, SHAPE_VALUE, 0},
    {KEY_COUNTS, SHAPE_VALUE, 0},
    {KEY_IMPORT, SHAPE_KEY, 0},
    {KEY_RESHARED, SHAPE_SET, 0},
    {KEY_RESHARES, SHAPE_SET, 0},
    {KEY_COMMENTS, SHAPE_COMMENTS, 1 + POPULAR_SHARES},
    {KEY_AROUND, SHAPE_SET, 0},
    {KEY_COMMENTED, SHAPE_SET, 0},
    {KEY_INBOX, SHAPE_SET, 0},
    {KEY_WORDS, SHAPE_SET, 0},
    {KEY_BIG, SHAPE_SET, 0},
    {KEY_DESTINATION, SHAPE_SET, 1 + POPULAR_DESTINATIONS},
    {KEY_DESTINATION_EARLIER, SHAPE_SET, 0},
    {KEY_SITE, SHAPE_SET, 0},
    {KEY_SITE_EARLIER, SHAPE_SET, 0},
};

static const struct exported *row_of(enum key_kind kind)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].kind == kind)
            return &table[i];
    return NULL;
}

bool store_is_exported(enum key_kind kind)
{
    return row_of(kind) && kind != KEY_RESHARED && kind != KEY_WORDS;
}

bool store_is_imported(enum key_kind kind)
{
    return row_of(kind) != NULL;
}

bool store_export_goes_on(enum key_kind kind)
{
    return row_of(kind)->shape == SHAPE_SET || row_of(kind)->shape == SHAPE_COMMENTS;
}

int store_export(struct store *store, const struct key_parts *key, uint64_t from, int64_t limit, reply_fn *fn, void *context)
{
    static const char *const names[] = {[SHAPE_SET] = "ZRANGE", [SHAPE_HASH] = "HGETALL", [SHAPE_VALUE] = "GET",
                                        [SHAPE_KEY] = "GET"};
    struct key_parts dialogue = {KEY_DIALOGUE, key->partition, key->name};
    enum shape shape = row_of(key->kind)->shape;
    struct command *command;

    if (shape == SHAPE_COMMENTS) {
        command = store_script(store, SCRIPT_export_comments, 2);
        command_add_parts(command, &dialogue);
    } else {
        command = command_begin(names[shape]);
    }
    command_add_parts(command, key);
    if (store_export_goes_on(key->kind)) {
        command_add_id(command, from);
        command_add_id(command, from + (uint64_t)limit - 1);
    }
    if (shape == SHAPE_SET)
        command_add_string(command, "WITHSCORES");
    return link_call(store->bulk, command, fn, context);
}

/* ---- importing ---- */

int store_import_begin(struct store *store, unsigned partition, bool begin, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_import_begin, 2);

    store_add_log_keys(command, partition);
    command_add_number(command, begin ? 1 : 0);
    return link_call(store->bulk, command, fn, context);
}

/* How many digits it begins with. */
static size_t digits_of(struct text text)
{
    size_t count = 0;

    while (count < text.size && text.data[count] >= '0' && text.data[count] <= '9')
        count++;
    return count;
}

bool store_import_holds(const struct store_import_row *row)
{
    enum shape shape = row_of(row->kind)->shape;
    size_t digits = digits_of(row->value);

    if (row->name.size == 0 || row->name.size > NAME_BYTES_MAX || row->member.size > MEMBER_BYTES_MAX)
        return false;
    if (shape == SHAPE_SET)
        return digits > 0 && digits == row->value.size && digits < DIGITS_MAX;
    if (shape == SHAPE_COMMENTS)
        return digits > 0 && digits < row->value.size && row->value.data[digits] == ' ' && row->member.size > 0 &&
               digits_of(row->member) == row->member.size;
    return row->value.size > 0 || shape == SHAPE_HASH;
}

unsigned store_import_partition(const struct store_import_row *row)
{
    bool by_subject = row->kind == KEY_BIG || row->kind == KEY_WORDS;

    return partition_of_key(by_subject ? KEY_SUBJECT : row->kind, row->name);
}

static void add_key(struct command *command, enum key_kind kind, unsigned partition, struct text name)
{
    if (kind == KEY_BIG || kind == KEY_WORDS)
        command_add_partition_key(command, kind, partition);
    else
        command_add_named_key(command, kind, partition, name);
}

int store_import(struct store *store, unsigned partition, const struct store_import_row *rows, size_t count, reply_fn *fn,
                 void *context)
{
    static const char *const shapes[] = {
        [SHAPE_SET] = "set", [SHAPE_HASH] = "hash", [SHAPE_VALUE] = "value", [SHAPE_KEY] = "key", [SHAPE_COMMENTS] = "comments",
    };
    struct command *command = store_script(store, SCRIPT_import_rows, 1 + 2 * (int)count);
    uint64_t next = (uint64_t)(clock_wall_ms() - EPOCH_MS) << 13;

    command_add_partition_key(command, KEY_META, partition);
    for (size_t i = 0; i < count; i++) {
        enum shape shape = row_of(rows[i].kind)->shape;

        add_key(command, rows[i].kind, partition, rows[i].name);
        if (shape == SHAPE_KEY)
            add_key(command, KEY_IDEMPOTENCY, partition, rows[i].value);
        else
            add_key(command, shape == SHAPE_COMMENTS ? KEY_DIALOGUE : rows[i].kind, partition, rows[i].name);
    }
    command_add_id(command, next);
    for (unsigned kind = 0; kind < POPULAR_KINDS; kind++)
        store_add_popular_prefix(command, (enum popular_kind)kind, partition);
    for (size_t i = 0; i < count; i++) {
        const struct exported *row = row_of(rows[i].kind);

        command_add_string(command, shapes[row->shape]);
        command_add_number(command, row->counted);
        command_add_text(command, rows[i].name);
        command_add_text(command, rows[i].member);
        command_add_text(command, rows[i].value);
    }
    return link_call(store->bulk, command, fn, context);
}

int store_import_end(struct store *store, unsigned partition, uint64_t last, reply_fn *fn, void *context)
{
    struct command *command = store_script(store, SCRIPT_import_end, 2);

    store_add_log_keys(command, partition);
    command_add_id(command, last);
    return link_call(store->bulk, command, fn, context);
}

static void on_renewed(void *context, const struct reply *reply)
{
    struct store *store = context;

    (void)reply; /* without an answer it is opened anew as well */
    link_restart(store->command);
}

int store_renew(struct store *store)
{
    struct command *command = command_begin("UNLINK");

    command_add_string(command, STORE_KEY);
    return link_call(store->command, command, on_renewed, store);
}
