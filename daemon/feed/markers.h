/* How far readers have read: markers.c. Part of feed/internal.h. */
#ifndef FEED_FEED_MARKERS_H
#define FEED_FEED_MARKERS_H

#include "feed/feed.h"
#include "store/log.h"

struct reader;
struct subscription;

/* The entries that move each marker, by enum feed_marker. */
extern const enum log_kind marker_kinds[2];

/* Whether a stream has been told where the marker stands. */
enum marker_debt {
    MARKER_TOLD,
    MARKER_ASKED, /* it is being looked up */
    MARKER_OWED,  /* it has moved, or may have */
};

/* An entry of this kind has come along the log of the reader: it has moved the marker of some kinds of streams. */
void markers_moved(struct feed *feed, uint32_t reader, enum log_kind kind);
/* A stream goes on behind such an entry. */
void marker_passed(struct subscription *stream, uint32_t reader, enum log_kind kind);
/* A stream goes on without having seen all entries. */
void marker_missed(struct subscription *stream);
/* Tells the reader's streams that are live what they are owed. Without memory, or while the store is away, it is to be called
 * again. */
void markers_tell(struct feed *feed, struct reader *reader);

#endif
