/* Kinds of streams: what each is found by, which entries of the log are its events, and where it collects from what it missed.
 * What else there is to streams (opening, live delivery, catching up, falling back) is the same for all. */
#include <errno.h>

#include "feed/catchup.h"

#define BIT(kind) (UINT32_C(1) << (kind))
#define SHARES (BIT(LOG_SHARE) | BIT(LOG_DELETE))

_Static_assert(LOG_UNKNOWN < 32, "a kind of entry needs a bit");

const struct stream_row stream_rows[STREAM_KINDS] = {
    [STREAM_HOME] = {SHARES, PLACE_READER, collect_timeline},
    [STREAM_PROFILE] = {SHARES, PLACE_SUBJECT, collect_profile},
};

/* The streams that are found in the same place. */
static struct subscription **list_of(const struct feed *feed, const struct subscription *stream)
{
    return stream->reader ? &stream->reader->subscriptions : &feed->subjects.slots[stream->subject]->streams;
}

int stream_place(struct feed *feed, struct subscription *stream)
{
    struct subscription **list = list_of(feed, stream);

    if (stream->reader && reader_join(feed, stream->reader) < 0)
        return -ENOMEM;
    stream->next = *list;
    *list = stream;
    return 0;
}

void stream_remove(struct feed *feed, struct subscription *stream)
{
    struct subscription **at = list_of(feed, stream);

    while (*at != stream)
        at = &(*at)->next;
    *at = stream->next;
    if (stream->reader)
        reader_leave(feed, stream->reader);
}

bool stream_concerns(const struct subscription *stream, const struct live_event *event)
{
    if (!(stream_rows[stream->kind].entries & BIT(event->kind)))
        return false;
    return stream->reader ? idset_has(&stream->reader->following, event->subject) : event->subject == stream->subject;
}
