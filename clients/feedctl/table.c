/* See table.h. */
#include "table.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <uniwidth.h>

#include "text.h"
#include "view.h"

#define COLUMNS_MAX 24
#define GAP 2
#define TITLE_BYTES 64

/* ------------------------------------------------------------------------------------------------------------ values */

/* Numbers that name something: they are printed as they are typed. */
static const char *const names[] = {"applied", "id", "pid", "position", "run", "share"};

static bool is_name(const char *member)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(member, names[i]) == 0)
            return true;
    return false;
}

/* By the end of a member's name, the longest first. */
enum unit { UNIT_TIME, UNIT_MS, UNIT_US, UNIT_BYTES, UNIT_NONE };

static const char *const suffixes[] = {
    [UNIT_TIME] = "_at_ms", [UNIT_MS] = "_ms", [UNIT_US] = "_us", [UNIT_BYTES] = "_bytes", [UNIT_NONE] = "",
};

static enum unit unit_of(const char *name)
{
    size_t length = strlen(name);
    enum unit unit = UNIT_TIME;

    while (unit != UNIT_NONE &&
           (length <= strlen(suffixes[unit]) || strcmp(name + length - strlen(suffixes[unit]), suffixes[unit]) != 0))
        unit++;
    return unit;
}

/* The name without its unit, and with spaces. */
static void title_of(const char *name, char out[static TITLE_BYTES])
{
    size_t length = strlen(name) - strlen(suffixes[unit_of(name)]);

    snprintf(out, TITLE_BYTES, "%.*s", (int)length, name);
    for (char *at = out; *at != '\0'; at++)
        if (*at == '_')
            *at = ' ';
}

static char *duration(int64_t us)
{
    int64_t s = us / 1000000;
    char *text;
    int length;

    if (us < 1000)
        length = asprintf(&text, "%" PRId64 " µs", us);
    else if (us < 10000)
        length = asprintf(&text, "%.1f ms", (double)us / 1e3);
    else if (us < 1000000)
        length = asprintf(&text, "%" PRId64 " ms", us / 1000);
    else if (s < 60)
        length = asprintf(&text, "%.1f s", (double)us / 1e6);
    else if (s < 3600)
        length = asprintf(&text, "%" PRId64 " m %02" PRId64 " s", s / 60, s % 60);
    else if (s < 86400)
        length = asprintf(&text, "%" PRId64 " h %02" PRId64 " m", s / 3600, s / 60 % 60);
    else
        length = asprintf(&text, "%" PRId64 " d %02" PRId64 " h", s / 86400, s / 3600 % 24);
    return length < 0 ? NULL : text;
}

static char *memory(int64_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    double amount = (double)bytes;
    size_t unit = 0;
    char *text;

    for (; amount >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        amount /= 1024;
    return asprintf(&text, unit == 0 || amount >= 100 ? "%.0f %s" : "%.1f %s", amount, units[unit]) < 0 ? NULL : text;
}

static char *moment(int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm local;
    char date[32];
    char *text;

    if (localtime_r(&seconds, &local) == NULL || strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &local) == 0)
        return strdup("?");
    return asprintf(&text, "%s.%03d", date, (int)(ms % 1000)) < 0 ? NULL : text;
}

static char *number(const char *name, json_int_t value)
{
    char digits[32];
    char *text;

    if (is_name(name))
        return asprintf(&text, "%" JSON_INTEGER_FORMAT, value) < 0 ? NULL : text;
    text_number(value < 0 ? (uint64_t)-value : (uint64_t)value, digits);
    return asprintf(&text, "%s%s", value < 0 ? "-" : "", digits) < 0 ? NULL : text;
}

char *table_value(const char *name, const json_t *value)
{
    json_int_t integer = json_integer_value(value);
    char *text;

    if (json_is_string(value))
        return text_clean(json_string_value(value));
    if (json_is_boolean(value))
        return strdup(json_is_true(value) ? "yes" : "no");
    if (json_is_real(value))
        return asprintf(&text, "%.2f", json_real_value(value)) < 0 ? NULL : text;
    if (!json_is_integer(value))
        return strdup("-");
    switch (unit_of(name)) {
    case UNIT_TIME:
        return moment(integer);
    case UNIT_MS:
        return integer == 0 ? strdup("0") : duration(integer * 1000);
    case UNIT_US:
        return integer == 0 ? strdup("0") : duration(integer);
    case UNIT_BYTES:
        return integer == 0 ? strdup("0") : memory(integer);
    case UNIT_NONE:
        break;
    }
    return number(name, integer);
}

/* ------------------------------------------------------------------------------------------------------------ tables */

static size_t width_of(const char *text)
{
    int width = text != NULL ? u8_strwidth((const uint8_t *)text, "UTF-8") : 0;

    return width > 0 ? (size_t)width : 0;
}

static void print_padded(FILE *out, const char *text, size_t width, bool right)
{
    size_t padding = width > width_of(text) ? width - width_of(text) : 0;

    if (right)
        fprintf(out, "%*s", (int)padding, "");
    fputs(text != NULL ? text : "", out);
    if (!right)
        fprintf(out, "%*s", (int)padding, "");
}

static bool is_nothing(const json_t *value)
{
    return value == NULL || json_is_null(value) || (json_is_integer(value) && json_integer_value(value) == 0) ||
           json_is_false(value) || (json_is_string(value) && json_string_length(value) == 0);
}

struct column {
    const char *name;
    size_t width;
    bool right;
};

/* The columns are the members of the first row; those in which no row has anything are left out. */
static size_t find_columns(const json_t *rows, struct column columns[static COLUMNS_MAX])
{
    json_t *first = json_array_get(rows, 0), *member;
    size_t count = 0;
    const char *name;

    json_object_foreach(first, name, member)
    {
        struct column column = { .name = name, .right = json_is_number(member) };
        char title[TITLE_BYTES];
        bool nothing = true;

        title_of(name, title);
        column.width = width_of(title);
        for (size_t i = 0; i < json_array_size(rows); i++) {
            const json_t *value = json_object_get(json_array_get(rows, i), name);
            char *text = table_value(name, value);

            nothing = nothing && is_nothing(value);
            column.right = column.right || json_is_number(value);
            if (width_of(text) > column.width)
                column.width = width_of(text);
            free(text);
        }
        if (!nothing && count < COLUMNS_MAX)
            columns[count++] = column;
    }
    return count;
}

/* The last column is not padded. */
static void end_cell(FILE *out, bool last)
{
    if (last)
        fputc('\n', out);
    else
        fprintf(out, "%*s", GAP, "");
}

void table_rows(FILE *out, const json_t *rows)
{
    struct column columns[COLUMNS_MAX];
    size_t count = find_columns(rows, columns);

    for (size_t i = 0; i < count; i++) {
        char title[TITLE_BYTES];

        title_of(columns[i].name, title);
        fputs(view_style.dim, out);
        print_padded(out, title, i + 1 == count && !columns[i].right ? 0 : columns[i].width, columns[i].right);
        fputs(view_style.plain, out);
        end_cell(out, i + 1 == count);
    }
    for (size_t row = 0; row < json_array_size(rows); row++)
        for (size_t i = 0; i < count; i++) {
            char *text = table_value(columns[i].name, json_object_get(json_array_get(rows, row), columns[i].name));

            print_padded(out, text, i + 1 == count && !columns[i].right ? 0 : columns[i].width, columns[i].right);
            free(text);
            end_cell(out, i + 1 == count);
        }
}

/* ----------------------------------------------------------------------------------------------------------- members */

static bool is_scalar(const json_t *value)
{
    return !json_is_array(value) && !json_is_object(value);
}

/* What stands on a line of its own: not a text in which there is nothing. */
static bool is_line(const json_t *value)
{
    return is_scalar(value) && !(json_is_string(value) && json_string_length(value) == 0);
}

static void print_members(FILE *out, json_t *object)
{
    json_t *value;
    size_t width = 0;
    const char *name;
    char title[TITLE_BYTES];

    json_object_foreach(object, name, value)
    {
        title_of(name, title);
        if (is_line(value) && width_of(title) > width)
            width = width_of(title);
    }
    json_object_foreach(object, name, value)
    {
        char *text;

        if (!is_line(value))
            continue;
        text = table_value(name, value);
        title_of(name, title);
        fputs(view_style.dim, out);
        print_padded(out, title, width + GAP, false);
        fprintf(out, "%s%s\n", view_style.plain, text != NULL ? text : "");
        free(text);
    }
}

/* A list or an object under its name, after an empty line unless it is the first thing. */
static void print_section(FILE *out, const char *name, json_t *value, bool first)
{
    char title[TITLE_BYTES];

    title_of(name, title);
    fprintf(out, "%s%s%s%s", first ? "" : "\n", view_style.bold, title, view_style.plain);
    if (json_is_array(value) && json_array_size(value) == 0) {
        fputs(": none\n", out);
        return;
    }
    fputc('\n', out);
    if (json_is_array(value))
        table_rows(out, value);
    else
        print_members(out, value);
}

void table_print(FILE *out, json_t *object)
{
    json_t *value;
    bool first = true;
    const char *name;

    print_members(out, object);
    json_object_foreach(object, name, value)
    {
        first = first && !is_scalar(value);
        if (!is_scalar(value))
            print_section(out, name, value, first);
        first = false;
    }
}
