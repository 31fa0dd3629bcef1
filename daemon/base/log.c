/* See log.h. Each line is one write(2), so that lines of several processes do not mix. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <unistr.h>

#include "base/clock.h"
#include "base/log_journal.h"

#define LINE_MAX_BYTES 2048
#define QUOTE_MAX_BYTES 512
#define QUOTE_BUFFERS 8
#define LIMIT_LINES 8
#define LIMIT_MS 60000

static enum log_level max_level = LOG_LEVEL_INFO;
static bool to_journal;

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

void log_begin(void)
{
    to_journal = log_journal_is_there();
}

void log_set_level(enum log_level level)
{
    max_level = level;
}

enum log_level log_get_level(void)
{
    return max_level;
}

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

/* The journal has time and level of its own. */
static size_t write_prefix(char *line, size_t size, enum log_level level, const char *event)
{
    struct timespec now;
    struct tm utc;
    char date[32];
    int length;

    if (to_journal) {
        length = snprintf(line, size, "event=%s", event);
        return length < 0 ? 0 : (size_t)length;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
    length = snprintf(line, size, "%s.%03ldZ level=%s event=%s", date, now.tv_nsec / 1000000, level_names[level],
                      event);
    return length < 0 ? 0 : (size_t)length;
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    char line[LINE_MAX_BYTES + 1];
    size_t used;
    ssize_t written;

    if (level > max_level)
        return;
    used = write_prefix(line, sizeof(line), level, event);
    if (format[0] != '\0' && used < LINE_MAX_BYTES) {
        va_list arguments;
        int length;

        line[used++] = ' ';
        va_start(arguments, format);
        length = vsnprintf(line + used, sizeof(line) - used, format, arguments);
        va_end(arguments);
        if (length > 0)
            used += (size_t)length;
    }
    if (used > LINE_MAX_BYTES - 1) {
        used = LINE_MAX_BYTES - 1;
        memcpy(line + used - 3, "...", 3);
    }
    /* Whatever a caller forgot to quote: one event stays one line. */
    for (size_t i = 0; i < used; i++) {
        if ((unsigned char)line[i] < ' ')
            line[i] = ' ';
    }
    line[used] = '\0';
    if (to_journal && log_journal_send(level, line) == 0)
        return;
    line[used++] = '\n';
    written = write(STDERR_FILENO, line, used);
    (void)written; /* there is nowhere to complain to */
}

void log_limited(struct log_limit *limit, enum log_level level, const char *event, const char *format, ...)
{
    char pairs[LINE_MAX_BYTES];
    int64_t now_ms = clock_now_ms();
    unsigned long left_out = limit->left_out;
    va_list arguments;

    if (now_ms >= limit->minute_ends_ms)
        *limit = (struct log_limit){.minute_ends_ms = now_ms + LIMIT_MS};
    if (limit->lines == LIMIT_LINES) {
        limit->left_out++;
        return;
    }
    limit->lines++;
    va_start(arguments, format);
    vsnprintf(pairs, sizeof(pairs), format, arguments);
    va_end(arguments);
    if (left_out > 0 && limit->lines == 1)
        log_event(level, event, "%s left_out=%lu", pairs, left_out);
    else
        log_event(level, event, "%s", pairs);
}

static bool is_plain_word(const char *text)
{
    size_t length = 0;

    for (; text[length] != '\0'; length++) {
        unsigned char c = (unsigned char)text[length];

        if (length == QUOTE_MAX_BYTES || c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=')
            return false;
    }
    return length > 0;
}

/* Writes the character at `text`, escaped if need be, to `out` (16 bytes). Returns the bytes taken from `text` and
 * sets *ret_bytes to those written. Control characters beyond ASCII and bytes that are no UTF-8 are escaped as well:
 * a log is read on terminals. */
static size_t escape_character(const char *text, char out[16], size_t *ret_bytes)
{
    static const char short_escapes[] = {['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', ['"'] = '"', ['\\'] = '\\'};
    unsigned char c = (unsigned char)text[0];
    ucs4_t character;
    int taken = u8_mbtoucr(&character, (const uint8_t *)text, strnlen(text, 4));

    if (c < sizeof(short_escapes) && short_escapes[c] != '\0') {
        out[0] = '\\';
        out[1] = short_escapes[c];
        *ret_bytes = 2;
        return 1;
    }
    if (taken <= 0 || character < ' ' || (character >= 0x7f && character < 0xa0)) {
        size_t count = taken > 0 ? (size_t)taken : 1;

        for (size_t i = 0; i < count; i++)
            snprintf(out + 4 * i, 5, "\\x%02x", (unsigned char)text[i]);
        *ret_bytes = 4 * count;
        return count;
    }
    memcpy(out, text, (size_t)taken);
    *ret_bytes = (size_t)taken;
    return (size_t)taken;
}

const char *log_quote(const char *text)
{
    static char buffers[QUOTE_BUFFERS][QUOTE_MAX_BYTES + 1];
    static unsigned next;
    char *buffer = buffers[next++ % QUOTE_BUFFERS];
    size_t used = 0;

    if (!text)
        text = "";
    if (is_plain_word(text)) {
        memcpy(buffer, text, strlen(text) + 1);
        return buffer;
    }
    buffer[used++] = '"';
    while (*text != '\0') {
        char escaped[16];
        size_t bytes;
        size_t taken = escape_character(text, escaped, &bytes);

        if (used + bytes + 1 > QUOTE_MAX_BYTES)
            break;
        memcpy(buffer + used, escaped, bytes);
        used += bytes;
        text += taken;
    }
    buffer[used++] = '"';
    buffer[used] = '\0';
    return buffer;
}
