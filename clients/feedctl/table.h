/* JSON objects as people read them. The names say what the values are: *_ms and *_us are durations, *_at_ms a time, *_bytes
 * an amount of memory; the unit is shown with the value and not in the name. */
#ifndef FEEDCTL_TABLE_H
#define FEEDCTL_TABLE_H

#include <jansson.h>
#include <stdio.h>

/* Members one a line, lists of objects as tables without the columns in which there is nothing. `object` is borrowed. */
void table_print(FILE *out, json_t *object);

/* A list of objects as a table: a line of titles, then a line for each. Nothing if it is empty. Borrowed. */
void table_rows(FILE *out, const json_t *rows);

/* One value of a member of this name. A new string, NULL when memory ends. */
char *table_value(const char *name, const json_t *value);

#endif
