/* What authors call themselves: names.c. Part of feed/internal.h. */
#ifndef FEED_FEED_NAMES_H
#define FEED_FEED_NAMES_H

#include "feed/feed.h"

/* The display name, "" if there is none or it is not known. */
struct text name_of(const struct feed *feed, uint32_t subject);
/* Another one after each change; 0: it is not known. */
uint32_t name_stamp(const struct feed *feed, uint32_t subject);
/* It is known from here on; -ENOMEM: it is not. */
int name_set(struct feed *feed, uint32_t subject, struct text name);
/* The author's log says so: 0 or -ENOMEM. */
int name_change(struct feed *feed, uint32_t subject, struct text name);
/* A frame with a share of this author is in memory or in use, or no longer. */
void name_hold(struct feed *feed, uint32_t subject);
void name_release(struct feed *feed, uint32_t subject);
/* Entries of a partition may have been missed. */
void names_forget(struct feed *feed, unsigned partition);

#endif
