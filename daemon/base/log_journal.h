/* The journal as the log's other end: each line with its pairs as fields, to be asked for by value. */
#ifndef FEED_BASE_LOG_JOURNAL_H
#define FEED_BASE_LOG_JOURNAL_H

#include <stdbool.h>

#include "base/log.h"

/* Whether standard error leads to the journal, which says so in $JOURNAL_STREAM. */
bool log_journal_is_there(void);

/* Sends `text`, "event=… key=value …": PRIORITY by its level, and for each pair a field FEEDD_ and the key in capitals, with the
 * value as it was before it was quoted. 0 or a negative errno. */
int log_journal_send(enum log_level level, const char *text);

#endif
