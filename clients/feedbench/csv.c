#include "csv.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Appends one byte at `*used`. Growing moves the buffer, so fields are pointed at when the record is complete. */
static int append_byte(struct csv_record *record, size_t *used, char byte)
{
    if (*used == record->buffer_bytes) {
        size_t bytes = record->buffer_bytes ? record->buffer_bytes * 2 : 1024;
        char *buffer = realloc(record->buffer, bytes);

        if (!buffer)
            return -ENOMEM;
        record->buffer = buffer;
        record->buffer_bytes = bytes;
    }
    record->buffer[(*used)++] = byte;
    return 0;
}

/* Reads one field, with its NUL, into the buffer. `first` is its first byte, already read. Returns the byte that ended it
 * (',', '\n' or EOF), or a negative errno below EOF. */
static int read_field(FILE *in, int first, struct csv_record *record, size_t *used)
{
    bool quoted = first == '"';
    int byte = quoted ? getc_unlocked(in) : first;
    int r;

    for (;; byte = getc_unlocked(in)) {
        if (quoted && byte == EOF)
            return -EPROTO;
        if (quoted && byte == '"') {
            byte = getc_unlocked(in);
            quoted = byte == '"';
        }
        if (!quoted && (byte == ',' || byte == '\n' || byte == EOF))
            break;
        if (!quoted && byte == '\r')
            continue;
        r = append_byte(record, used, (char)byte);
        if (r < 0)
            return r;
    }
    r = append_byte(record, used, '\0');
    return r < 0 ? r : byte;
}

int csv_read_record(FILE *in, struct csv_record *record)
{
    size_t used = 0;
    const char *field;
    int byte = getc_unlocked(in);

    while (byte == '\n' || byte == '\r')
        byte = getc_unlocked(in);
    if (byte == EOF)
        return ferror(in) ? -EIO : 0;
    record->fields = 0;
    for (;;) {
        if (record->fields == CSV_MAX_FIELDS)
            return -E2BIG;
        byte = read_field(in, byte, record, &used);
        if (byte < EOF)
            return byte;
        record->fields++;
        if (byte != ',')
            break;
        byte = getc_unlocked(in);
    }
    field = record->buffer;
    for (size_t i = 0; i < record->fields; i++, field += strlen(field) + 1)
        record->field[i] = field;
    return ferror(in) ? -EIO : 1;
}

void csv_record_done(struct csv_record *record)
{
    free(record->buffer);
    *record = (struct csv_record){0};
}

int csv_find_field(const struct csv_record *record, const char *name)
{
    for (size_t i = 0; i < record->fields; i++)
        if (strcmp(record->field[i], name) == 0)
            return (int)i;
    return -1;
}

static void write_field(FILE *out, const char *field)
{
    if (!field[strcspn(field, ",\"\r\n")]) {
        fputs(field, out);
        return;
    }
    putc('"', out);
    for (; *field; field++) {
        if (*field == '"')
            putc('"', out);
        putc(*field, out);
    }
    putc('"', out);
}

void csv_write_record(FILE *out, const char *const *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            putc(',', out);
        write_field(out, fields[i]);
    }
    putc('\n', out);
}
