/* Comma-separated values as RFC 4180 describes them: quoted fields may hold commas, quotes (doubled) and line ends. */
#ifndef FEEDBENCH_CSV_H
#define FEEDBENCH_CSV_H

#include <stddef.h>
#include <stdio.h>

#define CSV_MAX_FIELDS 64

struct csv_record {
    size_t fields;
    const char *field[CSV_MAX_FIELDS]; /* in `buffer` */
    char *buffer;
    size_t buffer_bytes;
};

/* Reads the next record of a file whose read position is at its start; lines without anything are skipped. `record` is
 * zero before the first call, its fields are valid until the next, and csv_record_done() frees it. Returns 1, 0 at the end
 * of the file, -EPROTO for a quote that is not closed, -E2BIG for more than CSV_MAX_FIELDS fields, -ENOMEM, -EIO. */
int csv_read_record(FILE *in, struct csv_record *record);
void csv_record_done(struct csv_record *record);

/* The index of the field that reads `name`, -1 if there is none. */
int csv_find_field(const struct csv_record *record, const char *name);

/* Writes one record; fields are quoted where they need it. Errors show in ferror(). */
void csv_write_record(FILE *out, const char *const *fields, size_t count);

#endif
