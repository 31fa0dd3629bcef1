/* See row.h. */
#include "row.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <unistr.h>
#include <xxhash.h>

#define KEY_PREFIX "import:"
/* Unix times below this many are seconds: as milliseconds they would lie in early 1973. */
#define SECONDS_BELOW 100000000000

static char no_text[] = "";

enum row_field row_field_named(const char *name)
{
    static const struct {
        const char *name;
        enum row_field field;
    } names[] = {
        { "created_at", ROW_CREATED },     { "createdAt", ROW_CREATED },
        { "created_at_ms", ROW_CREATED_MS }, { "createdAtMs", ROW_CREATED_MS },
        { "title", ROW_TITLE },            { "url", ROW_URL },
        { "author", ROW_AUTHOR },          { "extract", ROW_EXTRACT },
        { "image", ROW_IMAGE },            { "imageUrl", ROW_IMAGE },
        { "image_url", ROW_IMAGE },        { "comment", ROW_COMMENT },
        { "key", ROW_KEY },                { "idempotency_key", ROW_KEY },
        { "idempotencyKey", ROW_KEY },     { "id", ROW_ID },
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].name, name) == 0)
            return names[i].field;
    return ROW_FIELDS;
}

void row_clear(struct row *row)
{
    for (size_t i = 0; i < ROW_FIELDS; i++)
        row->fields[i] = no_text;
}

/* ------------------------------------------------------------------------------------------------------------ times */

/* Reads exactly `digits` digits that are a number from `least` to `most`. */
static bool read_digits(const char **text, int digits, int least, int most, int *ret_number)
{
    int number = 0;

    for (int i = 0; i < digits; i++) {
        char c = (*text)[i];

        if (c < '0' || c > '9')
            return false;
        number = number * 10 + (c - '0');
    }
    if (number < least || number > most)
        return false;
    *text += digits;
    *ret_number = number;
    return true;
}

static bool read_char(const char **text, const char *any_of)
{
    if (**text == '\0' || strchr(any_of, **text) == NULL)
        return false;
    (*text)++;
    return true;
}

static bool read_fraction_ms(const char **text, int *ret_ms)
{
    int scale = 100;

    if (**text < '0' || **text > '9')
        return false;
    for (*ret_ms = 0; **text >= '0' && **text <= '9'; (*text)++) {
        *ret_ms += (**text - '0') * scale;
        scale /= 10;
    }
    return true;
}

/* What stands after the time: nothing and Z are UTC. */
static bool read_offset_s(const char **text, int *ret_s)
{
    int sign = **text == '-' ? -1 : 1;
    int hours = 0, minutes = 0;

    *ret_s = 0;
    if (**text == '\0' || read_char(text, "Zz"))
        return true;
    if (!read_char(text, "+-") || !read_digits(text, 2, 0, 23, &hours))
        return false;
    read_char(text, ":");
    if (**text != '\0' && !read_digits(text, 2, 0, 59, &minutes))
        return false;
    *ret_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* 2015-09-06T06:03[:04[.567]][Z|+02:00], or the date alone. */
static bool parse_iso_time(const char *text, int64_t *ret_ms)
{
    struct tm when = { 0 };
    int year, month, ms = 0, offset_s = 0;

    if (!read_digits(&text, 4, 1, 9999, &year) || !read_char(&text, "-") || !read_digits(&text, 2, 1, 12, &month) ||
        !read_char(&text, "-") || !read_digits(&text, 2, 1, 31, &when.tm_mday))
        return false;
    if (*text != '\0') {
        if (!read_char(&text, "Tt ") || !read_digits(&text, 2, 0, 23, &when.tm_hour) || !read_char(&text, ":") ||
            !read_digits(&text, 2, 0, 59, &when.tm_min))
            return false;
        if (read_char(&text, ":") && !read_digits(&text, 2, 0, 60, &when.tm_sec))
            return false;
        if (read_char(&text, ".,") && !read_fraction_ms(&text, &ms))
            return false;
        if (!read_offset_s(&text, &offset_s) || *text != '\0')
            return false;
    }
    when.tm_year = year - 1900;
    when.tm_mon = month - 1;
    *ret_ms = ((int64_t)timegm(&when) - offset_s) * 1000 + ms;
    return true;
}

bool row_parse_time(const char *text, bool is_ms, int64_t *ret_ms)
{
    char *end;
    long long number;

    text += strspn(text, " \t");
    errno = 0;
    number = strtoll(text, &end, 10);
    if (end == text || *end != '\0')
        return !is_ms && parse_iso_time(text, ret_ms);
    if (errno != 0 || number < 0)
        return false;
    *ret_ms = is_ms || number >= SECONDS_BELOW ? number : number * 1000;
    return true;
}

/* --------------------------------------------------------------------------------------------------------- requests */

static void row_hash(const struct row *row, char *out, size_t size)
{
    XXH3_state_t *state = XXH3_createState();
    XXH128_hash_t hash = { 0 };

    if (state != NULL) {
        XXH3_128bits_reset(state);
        /* The NUL between two fields belongs to the hash. */
        for (size_t i = 0; i < ROW_FIELDS; i++)
            XXH3_128bits_update(state, row->fields[i], strlen(row->fields[i]) + 1);
        hash = XXH3_128bits_digest(state);
        XXH3_freeState(state);
    }
    snprintf(out, size, "%016llx%016llx", (unsigned long long)hash.high64, (unsigned long long)hash.low64);
}

static void row_make_key(const struct row *row, char key[static ROW_KEY_BYTES])
{
    const char *own = row->fields[ROW_KEY][0] != '\0' ? row->fields[ROW_KEY] : row->fields[ROW_ID];
    char hash[33];

    if (own[0] == '\0' || strlen(KEY_PREFIX) + strlen(own) >= ROW_KEY_BYTES) {
        row_hash(row, hash, sizeof hash);
        own = hash;
    }
    snprintf(key, ROW_KEY_BYTES, "%s%s", KEY_PREFIX, own);
}

const char *row_to_request(const struct row *row, Feed__ShareRequest *ret_request, char key[static ROW_KEY_BYTES])
{
    bool is_ms = row->fields[ROW_CREATED_MS][0] != '\0';
    const char *created = row->fields[is_ms ? ROW_CREATED_MS : ROW_CREATED];

    if (row->fields[ROW_AUTHOR][0] == '\0')
        return "no author";
    if (row->fields[ROW_URL][0] == '\0')
        return "no url";
    for (size_t i = 0; i < ROW_FIELDS; i++)
        if (u8_check((const uint8_t *)row->fields[i], strlen(row->fields[i])) != NULL)
            return "not UTF-8";
    feed__share_request__init(ret_request);
    if (created[0] != '\0' && !row_parse_time(created, is_ms, &ret_request->created_at_ms))
        return "created_at is no time";
    row_make_key(row, key);
    ret_request->author = row->fields[ROW_AUTHOR];
    ret_request->url = row->fields[ROW_URL];
    ret_request->title = row->fields[ROW_TITLE];
    ret_request->extract = row->fields[ROW_EXTRACT];
    ret_request->image_url = row->fields[ROW_IMAGE];
    ret_request->comment = row->fields[ROW_COMMENT];
    ret_request->idempotency_key = key;
    return NULL;
}
