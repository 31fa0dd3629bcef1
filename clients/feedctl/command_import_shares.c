/* feedctl import shares: from CSV with a header, or from JSON lines. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "csv.h"
#include "import.h"
#include "row.h"

#define SHARES_IN_FLIGHT 512
#define COLUMNS_MAX 256

/* One share that was sent. */
struct shipment {
    struct shares_import *shares;
    struct shipment *next_free;
    uint64_t line, end_bytes;
};

struct shares_import {
    struct import import;
    struct shipment shipments[SHARES_IN_FLIGHT];
    struct shipment *free_shipment;
};

static void on_reply(void *context, const struct feed_reply *reply)
{
    struct shipment *shipment = context;
    struct shares_import *shares = shipment->shares;
    struct import *import = &shares->import;

    import->in_flight--;
    if (reply->status == 0) {
        bool repeated = ((const Feed__ShareReply *)(const void *)reply->message)->repeated;

        *(repeated ? &import->repeated : &import->done) += 1;
    } else if (reply->status != -ECANCELED) {
        import_refuse(import, shipment->line, reply->status, reply->error);
    }
    if (shipment->end_bytes > import->progress.done_bytes)
        import->progress.done_bytes = shipment->end_bytes;
    shipment->next_free = shares->free_shipment;
    shares->free_shipment = shipment;
}

/* Sends the row that stands at `line`. False: the server is gone. */
static bool ship(struct shares_import *shares, const struct row *row, uint64_t line, uint64_t end_bytes)
{
    struct import *import = &shares->import;
    Feed__ShareRequest request;
    struct shipment *shipment;
    char key[ROW_KEY_BYTES];
    const char *why = row_to_request(row, &request, key);
    int error;

    if (why != NULL) {
        import_skip(import, line, why);
        return true;
    }
    if (!import_wait(import, SHARES_IN_FLIGHT - 1))
        return false;
    shipment = shares->free_shipment;
    shares->free_shipment = shipment->next_free;
    *shipment = (struct shipment){ .shares = shares, .line = line, .end_bytes = end_bytes };
    error = feed_send_share(import->client, &request, 0, on_reply, shipment);
    if (error < 0) {
        import_refuse(import, line, error, NULL);
        shipment->next_free = shares->free_shipment;
        shares->free_shipment = shipment;
        return true;
    }
    import->in_flight++;
    return true;
}

static int fail_reading(const struct shares_import *shares, int error)
{
    fprintf(stderr, "feedctl: cannot read %s: %s\n", shares->import.run->arguments[0], strerror(-error));
    return REFUSED;
}

/* -------------------------------------------------------------------------------------------------------------- CSV */

/* Reads the header: which field each column holds. */
static int read_header(struct shares_import *shares, struct csv *csv, enum row_field columns[static COLUMNS_MAX],
                       size_t *ret_count)
{
    bool known[ROW_FIELDS + 1] = { false };
    int status = csv_read(csv);

    *ret_count = csv->count < COLUMNS_MAX ? csv->count : COLUMNS_MAX;
    for (size_t i = 0; status > 0 && i < *ret_count; i++) {
        columns[i] = row_field_named(csv_field(csv, i));
        known[columns[i]] = true;
    }
    if (status == 0)
        return DONE; /* an empty file holds no shares */
    if (status < 0 && status != -EBADMSG)
        return fail_reading(shares, status);
    if (status < 0 || !known[ROW_URL] || !known[ROW_AUTHOR]) {
        fputs("feedctl: the first line must name the columns, among them url and author "
              "(created_at,title,url,author,extract,image,comment,id)\n",
              stderr);
        return USAGE;
    }
    return DONE;
}

static int import_csv(struct shares_import *shares)
{
    enum row_field columns[COLUMNS_MAX];
    size_t column_count;
    struct csv csv;
    int status = 0;
    int code;

    csv_init(&csv, shares->import.file);
    code = read_header(shares, &csv, columns, &column_count);
    while (code == DONE && (status = csv_read(&csv)) != 0) {
        struct row row;

        if (status == -EBADMSG) {
            import_skip(&shares->import, csv.record_line, "bad quoting");
            continue;
        }
        if (status < 0) {
            code = fail_reading(shares, status);
            break;
        }
        row_clear(&row);
        for (size_t i = 0; i < column_count; i++)
            if (columns[i] != ROW_FIELDS)
                row.fields[columns[i]] = csv_field(&csv, i);
        if (csv.count != column_count)
            import_skip(&shares->import, csv.record_line, "not as many fields as the header");
        else if (!ship(shares, &row, csv.record_line, csv.bytes))
            break;
    }
    csv_done(&csv);
    return code;
}

/* ------------------------------------------------------------------------------------------------------- JSON lines */

/* Points the row's fields at the object's members; numbers are written into `numbers`. NULL, or why not. */
static const char *row_from_json(struct row *row, json_t *object, char numbers[static ROW_FIELDS][32])
{
    const char *name;
    json_t *value;

    row_clear(row);
    if (!json_is_object(object))
        return "not a JSON object";
    json_object_foreach(object, name, value) {
        enum row_field field = row_field_named(name);

        if (field == ROW_FIELDS || json_is_null(value))
            continue;
        if (json_is_string(value)) {
            /* The row is only read from here on. */
            const char *text = json_string_value(value);

            memcpy(&row->fields[field], &text, sizeof text);
            if (strlen(text) != json_string_length(value))
                return "a NUL character";
        } else if (json_is_integer(value)) {
            snprintf(numbers[field], sizeof numbers[field], "%lld", (long long)json_integer_value(value));
            row->fields[field] = numbers[field];
        } else {
            return "a value that is neither text nor a whole number";
        }
    }
    return NULL;
}

/* The line after the shares of feedctl --json profile, timeline and their like. */
static bool ends_page(const json_t *object)
{
    return json_is_string(json_object_get(object, "end")) && json_is_string(json_object_get(object, "nextCursor"));
}

static int import_json(struct shares_import *shares)
{
    uint64_t line = 0, bytes = 0;
    char *text = NULL;
    size_t room = 0;
    ssize_t length;
    bool going = true;

    while (going && (length = getline(&text, &room, shares->import.file)) >= 0) {
        char numbers[ROW_FIELDS][32];
        json_error_t wrong;
        const char *why;
        struct row row;
        json_t *object;

        line++;
        bytes += (size_t)length;
        if (strspn(text, " \t\r\n") == (size_t)length)
            continue;
        object = json_loadb(text, (size_t)length, 0, &wrong);
        why = object != NULL ? row_from_json(&row, object, numbers) : wrong.text;
        if (why != NULL)
            import_skip(&shares->import, line, why);
        else if (!ends_page(object))
            going = ship(shares, &row, line, bytes);
        json_decref(object);
    }
    free(text);
    return ferror(shares->import.file) ? fail_reading(shares, -EIO) : DONE;
}

/* Whether the first character that is not blank begins a JSON object. Takes only blanks. */
static bool is_json(FILE *file)
{
    int c;

    do {
        c = getc(file);
    } while (c == ' ' || c == '\t' || c == '\r' || c == '\n');
    if (c != EOF)
        ungetc(c, file);
    return c == '{';
}

static int run_import_shares(const struct run *run)
{
    struct shares_import *shares = calloc(1, sizeof *shares);
    int code;

    if (shares == NULL) {
        fputs("feedctl: out of memory\n", stderr);
        return REFUSED;
    }
    code = import_open(&shares->import, run, "share");
    if (code == DONE) {
        for (size_t i = 0; i < SHARES_IN_FLIGHT; i++) {
            shares->shipments[i].next_free = shares->free_shipment;
            shares->free_shipment = &shares->shipments[i];
        }
        code = is_json(shares->import.file) ? import_json(shares) : import_csv(shares);
        code = import_close(&shares->import, code, "shared", "shared before");
    }
    free(shares);
    return code;
}

const struct command command_import_shares = {
    .name = "import shares",
    .arguments = "FILE|-",
    .summary = "Import shares: CSV with a header, or JSON lines",
    .details = "\nColumns or members: url and author, and where there are any created_at (ISO 8601 or Unix time) or\n"
               "createdAtMs, title, extract, image or imageUrl, comment, key or id; others are passed over, and so is\n"
               "the line that ends a page of feedctl --json profile. Rows that cannot be shared are skipped and counted.\n"
               "Can be repeated: a row's key or id, or else its content, makes it known.",
    .run = run_import_shares,
};
