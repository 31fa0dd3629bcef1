/* A progress bar on standard error, if that is a terminal; else nothing is shown. */
#ifndef FEEDCTL_PROGRESS_H
#define FEEDCTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool shown;
    const char *unit;
    uint64_t total_bytes; /* of the file; 0: unknown */
    uint64_t done_bytes;  /* settled so far: kept up to date by the import */
    uint64_t started_ms, next_ms;
};

/* `unit` is borrowed. */
void progress_init(struct progress *progress, const char *unit, uint64_t total_bytes, uint64_t now_ms);
/* Draws the bar anew, at most ten times a second unless `at_once`. */
void progress_show(struct progress *progress, uint64_t count, uint64_t now_ms, bool at_once);
/* A line of text above the bar, on a terminal or not. printf style. */
void progress_note(struct progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Takes the bar away. */
void progress_done(struct progress *progress);

#endif
