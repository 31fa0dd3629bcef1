/* A progress bar on standard error, if that is a terminal; else nothing is shown. */
#ifndef FEEDCTL_PROGRESS_H
#define FEEDCTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool shown;
    const char *one;
    uint64_t total_bytes; /* of the file; 0: unknown */
    uint64_t done_bytes;  /* settled so far: kept up to date by the import */
    uint64_t next_ms;
    /* When it was shown first, and how far it was by then: what had been done before tells nothing of how fast it goes. */
    uint64_t first_ms, first_bytes, first_count;
};

/* `one` is what is counted, "line", and borrowed. */
void progress_init(struct progress *progress, const char *one, uint64_t total_bytes);
/* Draws the bar anew, at most ten times a second unless `at_once`. */
void progress_show(struct progress *progress, uint64_t count, uint64_t now_ms, bool at_once);
/* A line of text above the bar, on a terminal or not. printf style. */
void progress_note(struct progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Takes the bar away. */
void progress_done(struct progress *progress);

#endif
