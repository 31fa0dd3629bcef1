/* CSV as RFC 4180 has it: fields between commas, quoted ones with "" for a quote and with line breaks inside, lines
 * that end in LF or CRLF, an optional byte order mark. A quote inside an unquoted field is an ordinary character. */
#ifndef FEEDCTL_CSV_H
#define FEEDCTL_CSV_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Longer records are refused: a quote that is never closed must not swallow a whole file. */
#define CSV_RECORD_MAX_BYTES (256u * 1024)

struct csv {
    FILE *file;
    uint64_t line;        /* the number of the line that comes next, from 1 */
    uint64_t bytes;       /* read so far */
    uint64_t record_line; /* where the latest record begins */
    char *text;           /* the latest record's fields, each ended by a NUL */
    size_t length, room;
    size_t *starts; /* of the fields in `text` */
    size_t count, starts_room;
};

/* Borrows `file`. */
void csv_init(struct csv *csv, FILE *file);
void csv_done(struct csv *csv);

/* Reads the next record; lines without any character are skipped. 1: there it is; 0: the file has ended; -EBADMSG:
 * bad quoting, too long, or a NUL byte; csv->record_line says where, and the next call goes on with the line after
 * it; -EIO; -ENOMEM. */
int csv_read(struct csv *csv);

/* A field of the latest record, "" if it has fewer. Valid until the next csv_read(). */
char *csv_field(const struct csv *csv, size_t index);

#endif
