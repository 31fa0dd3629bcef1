/* The log: one line per event on standard error, `key=value`, made for grep:
 *
 *     2026-03-01T12:00:00.123Z level=info event=listening address=127.0.0.1:7420
 *
 * Where standard error is the journal, each event goes there with its pairs as fields (FEEDD_EVENT, FEEDD_ADDRESS). */
#ifndef FEED_BASE_LOG_H
#define FEED_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Looks where standard error leads to. Before it is called that is no journal. */
void log_begin(void);

/* Lines above `level` are dropped. The default is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
const char *log_level_name(enum log_level level);

/* `event` is a word with hyphens; `format` gives the `key=value` pairs, printf style, and may be "". Text that comes from
 * outside goes through log_quote(). Never fails; long lines are cut at 2,048 bytes. */
void log_event(enum log_level level, const char *event, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define log_error(...) log_event(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_event(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_event(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_event(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Of an event that may come over and over: eight lines a minute, and how many were left out. All zero is one that has seen
 * nothing yet. */
struct log_limit {
    int64_t minute_ends_ms;
    unsigned lines;
    unsigned long left_out;
};

/* log_event(), unless the limit's lines of this minute are used up. The first line after such a time says how many were left
 * out. */
void log_limited(struct log_limit *limit, enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* `text` as a value: as it is if it is one plain word, else in double quotes with `"`, `\` and control characters escaped.
 * Cut at 512 bytes. The result stands in one of eight rotating buffers. */
const char *log_quote(const char *text);

#endif
