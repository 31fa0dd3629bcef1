/* See text.h. */
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <unictype.h>
#include <unilbrk.h>
#include <unistr.h>

#define REPLACEMENT 0xfffd

/* Characters that change how what follows is laid out. */
static bool steers_direction(ucs4_t character)
{
    return (character >= 0x202a && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069) ||
           character == 0x200e || character == 0x200f;
}

static bool is_blank(ucs4_t character)
{
    return character == ' ' || (character >= '\t' && character <= '\r') || character == 0x2028 || character == 0x2029;
}

static char *text_copy(const char *text, bool clean)
{
    const uint8_t *at = (const uint8_t *)text;
    size_t left = strlen(text);
    char *copy = malloc(3 * left + 1); /* a byte that is no UTF-8 becomes three */
    size_t length = 0;

    if (copy == NULL)
        return NULL;
    while (left > 0) {
        ucs4_t character;
        int used = u8_mbtoucr(&character, at, left);

        if (used <= 0) {
            used = 1;
            character = REPLACEMENT;
        }
        at += used;
        left -= (size_t)used;
        if (clean && is_blank(character)) {
            if (length > 0 && copy[length - 1] != ' ')
                copy[length++] = ' ';
            continue;
        }
        if (clean && (uc_is_general_category(character, UC_CONTROL) || steers_direction(character)))
            character = REPLACEMENT;
        length += (size_t)u8_uctomb((uint8_t *)copy + length, character, 4);
    }
    if (clean && length > 0 && copy[length - 1] == ' ')
        length--;
    copy[length] = '\0';
    return copy;
}

char *text_valid(const char *text)
{
    return text_copy(text, false);
}

char *text_clean(const char *text)
{
    return text_copy(text, true);
}

static bool is_break(char kind)
{
    return kind == UC_BREAK_POSSIBLE || kind == UC_BREAK_MANDATORY;
}

void text_print_wrapped(FILE *out, const char *text, size_t columns, size_t indent)
{
    size_t length = strlen(text);
    char *breaks = columns > indent ? malloc(length + 1) : NULL;

    if (breaks == NULL) {
        fputs(text, out);
        return;
    }
    u8_width_linebreaks((const uint8_t *)text, length, (int)(columns - indent), 0, 0, NULL, "UTF-8", breaks);
    for (size_t i = 0; i < length; i++) {
        if (is_break(breaks[i]))
            fprintf(out, "\n%*s", (int)indent, "");
        /* A line does not end in the space at which it was broken. */
        if (text[i] != ' ' || i + 1 == length || !is_break(breaks[i + 1]))
            fputc(text[i], out);
    }
    free(breaks);
}

void text_ago(int64_t at_ms, int64_t now_ms, char *out, size_t size)
{
    static const struct {
        int64_t seconds;
        const char *one, *many;
    } units[] = {
        { 86400, "1 day ago", "days ago" },
        { 3600, "1 h ago", "h ago" },
        { 60, "1 min ago", "min ago" },
    };
    int64_t seconds = (now_ms - at_ms) / 1000;
    time_t at = (time_t)(at_ms / 1000);
    struct tm local;

    /* Clocks differ a little. */
    if (seconds < 60 && seconds > -60) {
        snprintf(out, size, "just now");
        return;
    }
    for (size_t i = 0; seconds > 0 && seconds < 31 * 86400 && i < sizeof units / sizeof *units; i++) {
        int64_t count = seconds / units[i].seconds;

        if (count == 1)
            snprintf(out, size, "%s", units[i].one);
        else if (count > 1)
            snprintf(out, size, "%lld %s", (long long)count, units[i].many);
        if (count >= 1)
            return;
    }
    if (localtime_r(&at, &local) == NULL || strftime(out, size, "%Y-%m-%d", &local) == 0)
        snprintf(out, size, "?");
}

void text_site(const char *url, char *out, size_t size)
{
    const char *host = strstr(url, "://");
    const char *end, *at;

    if (host == NULL) {
        snprintf(out, size, "%s", "");
        return;
    }
    host += 3;
    end = host + strcspn(host, "/?#");
    at = memrchr(host, '@', (size_t)(end - host));
    if (at != NULL)
        host = at + 1;
    end = host + (*host == '[' ? strcspn(host, "]/?#") : strcspn(host, ":/?#"));
    end += *end == ']';
    if (end - host > 4 && strncasecmp(host, "www.", 4) == 0)
        host += 4;
    snprintf(out, size, "%.*s", (int)(end - host), host);
}

void text_number(uint64_t number, char out[static 32])
{
    char plain[24];
    int digits = snprintf(plain, sizeof plain, "%llu", (unsigned long long)number);
    size_t length = 0;

    for (int i = 0; i < digits; i++) {
        if (i > 0 && (digits - i) % 3 == 0)
            out[length++] = ',';
        out[length++] = plain[i];
    }
    out[length] = '\0';
}

void text_count(uint64_t number, const char *one, char out[static TEXT_COUNT_BYTES])
{
    char digits[32];

    text_number(number, digits);
    snprintf(out, TEXT_COUNT_BYTES, "%s %s%s", digits, one, number == 1 ? "" : "s");
}
