/* Writing comma-separated values as RFC 4180 describes them; feedctl's csv.h reads them. */
#ifndef FEEDBENCH_CSV_WRITE_H
#define FEEDBENCH_CSV_WRITE_H

#include <stddef.h>
#include <stdio.h>

/* Writes one record; fields are quoted where they need it. Errors show in ferror(). */
void csv_write(FILE *out, const char *const *fields, size_t count);

#endif
