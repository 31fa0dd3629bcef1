/* See csv.h. */
#include "csv.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

static char no_text[] = "";

void csv_init(struct csv *csv, FILE *file)
{
    *csv = (struct csv){ .file = file, .line = 1 };
}

void csv_done(struct csv *csv)
{
    free(csv->text);
    free(csv->starts);
    *csv = (struct csv){ 0 };
}

static int csv_get(struct csv *csv)
{
    int c = getc_unlocked(csv->file);

    csv->bytes += c != EOF;
    csv->line += c == '\n';
    return c;
}

/* The next character, without taking it. */
static int csv_peek(struct csv *csv)
{
    int c = getc_unlocked(csv->file);

    return c == EOF ? EOF : ungetc(c, csv->file);
}

static int csv_put(struct csv *csv, int c)
{
    if (csv->length == CSV_RECORD_MAX_BYTES)
        return -EBADMSG;
    if (csv->length == csv->room) {
        size_t room = csv->room == 0 ? 1024 : csv->room * 2;
        char *text = realloc(csv->text, room);

        if (text == NULL)
            return -ENOMEM;
        csv->text = text;
        csv->room = room;
    }
    csv->text[csv->length++] = (char)c;
    return 0;
}

static int csv_begin_field(struct csv *csv)
{
    if (csv->count == csv->starts_room) {
        size_t room = csv->starts_room == 0 ? 32 : csv->starts_room * 2;
        size_t *starts = realloc(csv->starts, room * sizeof *starts);

        if (starts == NULL)
            return -ENOMEM;
        csv->starts = starts;
        csv->starts_room = room;
    }
    csv->starts[csv->count++] = csv->length;
    return 0;
}

/* Takes the LF after a CR. */
static int csv_line_end(struct csv *csv, int c)
{
    return c == '\r' && csv_peek(csv) == '\n' ? csv_get(csv) : c;
}

/* Reads the rest of a quoted field and the character behind it, which ends the field: *ret_end. */
static int csv_read_quoted(struct csv *csv, int *ret_end)
{
    for (;;) {
        int c = csv_get(csv);
        int error;

        if (c == '"' && csv_peek(csv) != '"') {
            c = csv_get(csv);
            c = csv_line_end(csv, c);
            *ret_end = c;
            return c == ',' || c == '\n' || c == EOF ? 0 : -EBADMSG;
        }
        if (c == '"')
            c = csv_get(csv);
        *ret_end = c;
        if (c == EOF || c == '\0')
            return -EBADMSG;
        error = csv_put(csv, c);
        if (error < 0)
            return error;
    }
}

/* Reads one field and the character that ends it. */
static int csv_read_field(struct csv *csv, int *ret_end)
{
    int c = csv_get(csv);
    int error;

    if (c == '"')
        return csv_read_quoted(csv, ret_end);
    for (;; c = csv_get(csv)) {
        c = csv_line_end(csv, c);
        *ret_end = c;
        if (c == ',' || c == '\n' || c == EOF)
            return 0;
        if (c == '\0')
            return -EBADMSG;
        error = csv_put(csv, c);
        if (error < 0)
            return error;
    }
}

static void csv_skip_mark(struct csv *csv)
{
    static const char mark[] = "\xef\xbb\xbf";

    for (size_t i = 0; mark[i] != '\0' && csv_peek(csv) == (unsigned char)mark[i]; i++)
        csv_get(csv);
}

static int csv_read_record(struct csv *csv)
{
    int end = '\n';
    int error;

    do {
        error = csv_begin_field(csv);
        if (error == 0)
            error = csv_read_field(csv, &end);
        if (error == 0)
            error = csv_put(csv, '\0');
    } while (error == 0 && end == ',');
    /* What follows a mistake on the same line has no meaning any more. */
    while (error == -EBADMSG && end != '\n' && end != EOF)
        end = csv_get(csv);
    if (error < 0)
        return error;
    return ferror(csv->file) ? -EIO : 1;
}

int csv_read(struct csv *csv)
{
    int c;

    if (csv->bytes == 0)
        csv_skip_mark(csv);
    while ((c = csv_peek(csv)) == '\n' || c == '\r')
        csv_get(csv);
    csv->record_line = csv->line;
    csv->length = 0;
    csv->count = 0;
    if (c == EOF)
        return ferror(csv->file) ? -EIO : 0;
    return csv_read_record(csv);
}

char *csv_field(const struct csv *csv, size_t index)
{
    return index < csv->count ? csv->text + csv->starts[index] : no_text;
}
