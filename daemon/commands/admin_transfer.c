/* What feedctl asks to export and import a store: it goes through the keys, and this daemon reads and writes them. Members and
 * values travel as base64, since some are no text; feedctl(1) describes the lines that become of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/digits.h"
#include "base/log.h"
#include "base64.h"
#include "commands/admin.h"
#include "feed/look.h"
#include "store/check.h"
#include "store/transfer.h"

/* So many fit a frame of the least size that may be set for it. */
#define MEMBERS_AT_ONCE 250
#define COMMENTS_AT_ONCE 4
#define ROWS_MAX 1000

/* The value of an argument `name=value`, "" if it was not given. */
static const char *word_of(const struct admin_call *call, const char *name)
{
    const char *value = "";

    for (size_t i = 0; i < call->word_count; i++)
        if (admin_is_option(call->words[i], name, &value))
            return value;
    return value;
}

static uint64_t number_of(const char *text)
{
    return digits_read(&text, text + strlen(text));
}

static struct store *store_of(const struct admin_call *call)
{
    return feed_store(call->admin->clients->feed);
}

static void called(struct admin_call *call, int error)
{
    if (error < 0)
        request_fail_code(call->request, FEED__ERROR_CODE__UNAVAILABLE);
}

static void refuse_do(struct admin_call *call)
{
    admin_refuse(call, FEED__ERROR_CODE__INVALID, "do", "this daemon does not know of %s", log_quote(word_of(call, "do")));
}

/* ---- exporting ---- */

/* [where to go on, [key, …]] */
static void on_keys(void *context, const struct reply *reply)
{
    struct admin_call *call = context;
    const struct reply *keys = reply_at(reply, 1);
    json_t *rows = json_array();

    if (reply_error(reply) < 0) {
        json_decref(rows);
        request_fail_code(call->request, FEED__ERROR_CODE__UNAVAILABLE);
        return;
    }
    for (size_t i = 0; i < reply_count(keys); i++) {
        struct key_parts parts;

        if (key_read(reply_text(reply_at(keys, i)), &parts) && store_is_exported(parts.kind))
            admin_append(&rows, admin_text(reply_text(reply_at(keys, i))));
    }
    admin_reply(call, json_pack("{s:o, s:o}", "next", admin_text(reply_text(reply_at(reply, 0))), "keys", rows));
}

static json_t *encoded(struct text text)
{
    char *written = malloc(BASE64_BYTES(text.size));
    json_t *string = written ? json_stringn(written, base64_write(text.data, text.size, written)) : NULL;

    free(written);
    return string;
}

/* `state` is how many there are at most, 0: there are no further ones. */
static void on_members(void *context, const struct reply *reply)
{
    struct admin_call *call = context;
    const size_t *limit = call->state;
    json_t *rows = json_array();

    if (reply_error(reply) < 0) {
        json_decref(rows);
        request_fail_code(call->request, FEED__ERROR_CODE__UNAVAILABLE);
        return;
    }
    for (size_t i = 0; i + 1 < reply_count(reply); i += 2)
        admin_append(&rows, json_pack("[o, o]", encoded(reply_text(reply_at(reply, i))),
                                      encoded(reply_text(reply_at(reply, i + 1)))));
    if (reply_text(reply).size > 0)
        admin_append(&rows, json_pack("[s, o]", "", encoded(reply_text(reply))));
    admin_reply(call, json_pack("{s:b, s:o}", "more", *limit > 0 && reply_count(reply) == 2 * *limit, "rows", rows));
}

static void export_key(struct admin_call *call)
{
    const char *key = word_of(call, "key");
    size_t *limit = call->state = request_allocate(call->request, sizeof(*limit));
    struct key_parts parts;
    size_t count;

    if (!limit) {
        request_fail_memory(call->request);
        return;
    }
    if (!key_read(text_of(key), &parts) || !store_is_exported(parts.kind)) {
        admin_refuse(call, FEED__ERROR_CODE__INVALID, "key", "%s is no key that is exported", log_quote(key));
        return;
    }
    count = parts.kind == KEY_COMMENTS ? COMMENTS_AT_ONCE : MEMBERS_AT_ONCE;
    *limit = store_export_goes_on(parts.kind) ? count : 0;
    called(call, store_export(store_of(call), &parts, number_of(word_of(call, "from")), (int64_t)count, on_members, call));
}

/* Where the logs are, and whether all that they tell has been carried out. The partitions are asked in their order. */
struct beginning {
    unsigned pending, next;
    bool away, applied;
    json_t *positions; /* NULL: memory ended */
};

static void beginning_end(struct admin_call *call)
{
    struct beginning *beginning = call->state;

    if (--beginning->pending > 0)
        return;
    if (!beginning->away) {
        admin_reply(call, json_pack("{s:b, s:o}", "applied", (int)beginning->applied, "positions", beginning->positions));
        return;
    }
    json_decref(beginning->positions);
    request_fail_code(call->request, FEED__ERROR_CODE__UNAVAILABLE);
}

/* [last id, the stream's, applied, [pending without entry], [parked]] */
static void on_position(void *context, const struct reply *reply)
{
    struct admin_call *call = context;
    struct beginning *beginning = call->state;
    unsigned partition = beginning->next++;
    uint64_t last = reply_id(reply_at(reply, 0)), applied = id_of_stream_id(reply_text(reply_at(reply, 2)), partition);

    beginning->away = beginning->away || reply_error(reply) < 0;
    beginning->applied = beginning->applied && (last == partition || applied >= last) && reply_count(reply_at(reply, 4)) == 0;
    admin_append(&beginning->positions, json_sprintf("%llu", (unsigned long long)last));
    beginning_end(call);
}

static void export_begin(struct admin_call *call)
{
    struct beginning *beginning = call->state = request_allocate(call->request, sizeof(*beginning));

    if (!beginning) {
        request_fail_memory(call->request);
        return;
    }
    *beginning = (struct beginning){.pending = 1, .applied = true, .positions = json_array()};
    for (unsigned partition = 0; partition < feed_partitions(call->admin->clients->feed); partition++) {
        if (store_check_group(store_of(call), partition, on_position, call) == 0)
            beginning->pending++;
        else
            beginning->away = true;
    }
    beginning_end(call);
}

void admin_run_export(struct admin_call *call)
{
    const char *act = word_of(call, "do");

    if (strcmp(act, "begin") == 0)
        export_begin(call);
    else if (strcmp(act, "keys") == 0)
        called(call, store_check_keys(store_of(call), number_of(word_of(call, "cursor")), on_keys, call));
    else if (strcmp(act, "key") == 0)
        export_key(call);
    else
        refuse_do(call);
}

/* ---- importing ---- */

/* A step that is taken in several partitions. */
struct importing {
    unsigned pending;
    bool away;
    bool refused;
    const char *why; /* if it is refused */
    bool begins, ends;
    size_t rows;
    uint64_t last[PARTITIONS_MAX];
};

static void on_step(void *context, const struct reply *reply);

static bool importing_new(struct admin_call *call, const char *why)
{
    struct importing *importing = call->state = request_allocate(call->request, sizeof(*importing));

    if (!importing) {
        request_fail_memory(call->request);
        return false;
    }
    *importing = (struct importing){.pending = 1, .why = why};
    return true;
}

static void step_called(struct admin_call *call, int error)
{
    struct importing *importing = call->state;

    if (error < 0)
        importing->away = true;
    else
        importing->pending++;
}

static void begin_all(struct admin_call *call, bool begin)
{
    struct importing *importing = call->state;

    importing->begins = !begin; /* first it is only looked */
    for (unsigned partition = 0; partition < feed_partitions(call->admin->clients->feed); partition++)
        step_called(call, store_import_begin(store_of(call), partition, begin, on_step, call));
}

static void step_end(struct admin_call *call)
{
    struct importing *importing = call->state;

    if (--importing->pending > 0)
        return;
    if (importing->away) {
        request_fail_code(call->request, FEED__ERROR_CODE__UNAVAILABLE);
    } else if (importing->refused) {
        admin_refuse(call, FEED__ERROR_CODE__FORBIDDEN, "", "%s", importing->why);
    } else if (importing->begins) {
        importing->pending = 1;
        begin_all(call, true);
        step_end(call);
    } else {
        if (importing->ends)
            called(call, store_renew(store_of(call)));
        admin_reply(call, json_pack("{s:I}", "rows", (json_int_t)importing->rows));
    }
}

static void on_step(void *context, const struct reply *reply)
{
    struct admin_call *call = context;
    struct importing *importing = call->state;

    importing->away = importing->away || reply_error(reply) < 0;
    importing->refused = importing->refused || reply_number(reply) == 0;
    step_end(call);
}

static void import_begin(struct admin_call *call)
{
    unsigned partitions = feed_partitions(call->admin->clients->feed);

    if (number_of(word_of(call, "partitions")) != partitions) {
        admin_refuse(call, FEED__ERROR_CODE__INVALID, "partitions",
                     "the store has %u partitions, and what is to be imported is of one with %s: see store.partitions",
                     partitions, log_quote(word_of(call, "partitions")));
    } else if (importing_new(call, "the store is not empty: import into a new one")) {
        begin_all(call, false);
        step_end(call);
    }
}

/* A row: [kind, name, member, value], the latter two in base64. Decoded in place. */
static bool read_row(json_t *row, unsigned partitions, struct store_import_row *ret_row, uint8_t *room)
{
    const char *kind, *name, *member, *value;
    size_t name_bytes, member_bytes, value_bytes;
    int sizes[2];

    if (json_unpack(row, "[s, s%, s%, s%]", &kind, &name, &name_bytes, &member, &member_bytes, &value, &value_bytes) < 0 ||
        !key_kind_read(text_of(kind), &ret_row->kind) || !store_is_imported(ret_row->kind))
        return false;
    sizes[0] = base64_read(member, member_bytes, room);
    sizes[1] = sizes[0] < 0 ? sizes[0] : base64_read(value, value_bytes, room + sizes[0]);
    if (sizes[1] < 0)
        return false;
    ret_row->name = (struct text){name, name_bytes};
    ret_row->member = (struct text){(const char *)room, (size_t)sizes[0]};
    ret_row->value = (struct text){(const char *)room + sizes[0], (size_t)sizes[1]};
    return store_import_holds(ret_row) && store_import_partition(ret_row) < partitions;
}

/* Sends the rows, those of a partition together. */
static void send_rows(struct admin_call *call, struct store_import_row *rows, size_t count)
{
    struct store_import_row *some = malloc((count + 1) * sizeof(*some));
    struct importing *importing = call->state;

    importing->away = !some;
    importing->rows = count;
    for (unsigned partition = 0; some && partition < feed_partitions(call->admin->clients->feed); partition++) {
        size_t taken = 0;

        for (size_t i = 0; i < count; i++)
            if (store_import_partition(&rows[i]) == partition)
                some[taken++] = rows[i];
        if (taken > 0)
            step_called(call, store_import(store_of(call), partition, some, taken, on_step, call));
    }
    free(some);
}

static void import_rows(struct admin_call *call)
{
    const char *text = word_of(call, "rows");
    json_t *list = json_loads(text, 0, NULL);
    size_t count = json_array_size(list);
    struct store_import_row *rows = calloc(count + 1, sizeof(*rows));
    uint8_t *room = malloc(strlen(text) + 1);
    size_t used = 0, read = 0;

    while (rows && room && read < count && count <= ROWS_MAX &&
           read_row(json_array_get(list, read), feed_partitions(call->admin->clients->feed), &rows[read], room + used)) {
        used += rows[read].member.size + rows[read].value.size;
        read++;
    }
    if (!rows || !room) {
        request_fail_memory(call->request);
    } else if (count == 0 || read < count) {
        admin_refuse(call, FEED__ERROR_CODE__INVALID, "rows", "row %zu cannot be read", read + 1);
    } else if (importing_new(call, "no import was begun")) {
        send_rows(call, rows, count);
        step_end(call);
    }
    free(rows);
    free(room);
    json_decref(list);
}

/* `positions`: a list of digits. */
static void import_end(struct admin_call *call)
{
    const char *at = word_of(call, "positions"), *end = at + strlen(at);
    struct importing *importing;

    if (!importing_new(call, "somebody wrote to the store meanwhile: import into a new one"))
        return;
    importing = call->state;
    importing->ends = true;
    for (unsigned partition = 0; partition < feed_partitions(call->admin->clients->feed); partition++) {
        uint64_t last = digits_read(&at, end);

        at += at < end;
        step_called(call, store_import_end(store_of(call), partition, last, on_step, call));
    }
    step_end(call);
}

void admin_run_import(struct admin_call *call)
{
    const char *act = word_of(call, "do");

    if (strcmp(act, "begin") == 0)
        import_begin(call);
    else if (strcmp(act, "rows") == 0)
        import_rows(call);
    else if (strcmp(act, "end") == 0)
        import_end(call);
    else
        refuse_do(call);
}
