/* Kinds of streams: what each is found by, which entries of the log are its events, and where it collects from what it missed.
 * What else there is to streams (opening, live delivery, catching up, falling back) is the same for all. */
#include <errno.h>

#include "base/metrics.h"
#include "feed/catchup.h"

#define BIT(kind) (UINT32_C(1) << (kind))
#define SHARES (BIT(LOG_SHARE) | BIT(LOG_DELETE) | BIT(LOG_EDIT) | BIT(LOG_ERASE))
#define DIALOGUE (BIT(LOG_COMMENT) | BIT(LOG_UNCOMMENT) | BIT(LOG_DELETE)) /* a share's deletion is also its dialogue's */

_Static_assert(LOG_UNKNOWN < 32, "a kind of entry needs a bit");

const struct stream_row stream_rows[STREAM_KINDS] = {
    [STREAM_HOME] = {SHARES, PLACE_READER, LOG_READ, collect_timeline},
    [STREAM_PROFILE] = {SHARES, PLACE_SUBJECT, LOG_UNKNOWN, collect_profile},
    [STREAM_DIALOGUE] = {DIALOGUE, PLACE_SHARE, LOG_UNKNOWN, collect_dialogue},
    [STREAM_AROUND] = {DIALOGUE, PLACE_SUBJECT, LOG_UNKNOWN, collect_around},
    [STREAM_INBOX] = {BIT(LOG_NOTICE), PLACE_OWN, LOG_READ_INBOX, collect_inbox},
};

bool stream_events_of(enum log_kind kind)
{
    for (size_t i = 0; i < STREAM_KINDS; i++)
        if (stream_rows[i].entries & BIT(kind))
            return true;
    return false;
}

struct subscription *streams_of_share(const struct feed *feed, uint64_t share)
{
    return share == 0 ? NULL : idmap_get(&feed->shares_streamed, share);
}

bool stream_is_of_reader(const struct subscription *stream)
{
    enum stream_place place = stream_rows[stream->kind].place;

    return place == PLACE_READER || place == PLACE_OWN;
}

/* Those that are found by the same reader or subject. */
static struct subscription **list_of(const struct feed *feed, const struct subscription *stream)
{
    return stream_is_of_reader(stream) ? &stream->reader->subscriptions : &feed->subjects.slots[stream->subject]->streams;
}

int stream_place(struct feed *feed, struct subscription *stream)
{
    if (stream_rows[stream->kind].place == PLACE_SHARE) {
        stream->next = streams_of_share(feed, stream->share);
        return idmap_set(&feed->shares_streamed, stream->share, stream);
    }
    if (stream_is_of_reader(stream) && reader_join(feed, stream->reader) < 0)
        return -ENOMEM;
    if (stream->kind == STREAM_PROFILE)
        feed->subjects.slots[stream->subject]->watched++;
    struct subscription **list = list_of(feed, stream);
    stream->next = *list;
    *list = stream;
    return 0;
}

static void unlink_stream(struct subscription **list, const struct subscription *stream)
{
    while (*list != stream)
        list = &(*list)->next;
    *list = stream->next;
}

void stream_remove(struct feed *feed, struct subscription *stream)
{
    if (stream_rows[stream->kind].place == PLACE_SHARE) {
        struct subscription *first = idmap_remove(&feed->shares_streamed, stream->share); /* and its place is free */

        unlink_stream(&first, stream);
        if (first)
            idmap_set(&feed->shares_streamed, stream->share, first);
        return;
    }
    unlink_stream(list_of(feed, stream), stream);
    if (stream->kind == STREAM_PROFILE)
        feed->subjects.slots[stream->subject]->watched--;
    if (stream_is_of_reader(stream))
        reader_leave(feed, stream->reader);
}

/* Whether who looks does not see who acted. */
static bool hides_actor(const struct feed *feed, const struct subscription *stream, const struct live_event *event)
{
    return stream->reader && event->actor != NO_SUBJECT &&
           hidden_has(&stream->reader->hidden, subject_name(&feed->subjects, event->actor));
}

bool stream_concerns(const struct feed *feed, const struct subscription *stream, const struct live_event *event)
{
    const struct stream_row *row = &stream_rows[stream->kind];

    if (event->kind == LOG_BOUNDARY)
        return true; /* everybody's */
    if (!(row->entries & BIT(event->kind)))
        return false;
    switch (row->place) {
    case PLACE_READER:
        return event->kind == LOG_ERASE || /* the follow went with the subject */
               (reader_sees_share(feed, stream->reader, event->subject, event->share) &&
                (event->origin == 0 || reader_sees_origin(feed, stream->reader, event->origin_author)));
    case PLACE_SUBJECT:
        return event->subject == stream->subject && !hides_actor(feed, stream, event);
    case PLACE_SHARE:
        return event->share == stream->share && !hides_actor(feed, stream, event);
    case PLACE_OWN:
        return event->subject == stream->subject && event->actor != stream->subject && !hides_actor(feed, stream, event);
    }
    return false;
}

void stream_begin(struct subscription *stream)
{
    stream->state = SUBSCRIPTION_CATCHING_UP;
    metrics.streams[stream->state]++;
}

void stream_change_state(struct subscription *stream, enum subscription_state state)
{
    metrics.streams[stream->state]--;
    metrics.streams[state]++;
    stream->state = state;
}

void stream_has_ended(const struct subscription *stream)
{
    metrics.streams[stream->state]--;
}
