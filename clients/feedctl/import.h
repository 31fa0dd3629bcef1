/* What both imports share: the file, requests in flight, progress, and the account of what was skipped and refused. */
#ifndef FEEDCTL_IMPORT_H
#define FEEDCTL_IMPORT_H

#include <stdio.h>

#include <feed/feed.h>

#include "command.h"
#include "progress.h"

/* So many different reasons are told apart, and of each the first lines are named. */
#define REASONS_MAX 16
#define REASON_LINES_MAX 8
#define REASON_BYTES 160

/* Why lines were skipped or refused. */
struct reason {
    char why[REASON_BYTES];
    uint64_t count;
    uint64_t lines[REASON_LINES_MAX]; /* the first ones */
};

struct import {
    const struct run *run;
    struct feed_blocking *feed;
    struct feed_client *client;
    FILE *file;
    size_t in_flight;
    struct progress progress;
    uint64_t done, repeated, refused, skipped;
    struct reason reasons[REASONS_MAX];
    size_t reason_count;
    uint64_t started_ms, unreachable_since_ms; /* 0: it is reachable */
    bool stopped; /* the server stays away: no more is sent */
};

/* Opens the file ("-" is standard input) and connects. DONE, or the exit code after having said why; then there is
 * nothing to close. `one` is what is counted, for the progress bar: "share". */
int import_open(struct import *import, const struct run *run, const char *one);

/* Waits until at most `most` requests are in flight. False: the server has been away for too long. */
bool import_wait(struct import *import, size_t most);

/* Counts a line that holds nothing usable. */
void import_skip(struct import *import, uint64_t line, const char *why);
/* Counts what the server refused; `status` and `error` as in struct feed_reply. */
void import_refuse(struct import *import, uint64_t line, int status, const Feed__Error *error);

/* Waits for what is in flight, prints the summary (`done_word`: "followed"), and closes. Returns the exit code:
 * `code` if that is not DONE. */
int import_close(struct import *import, int code, const char *done_word, const char *repeated_word);

#endif
