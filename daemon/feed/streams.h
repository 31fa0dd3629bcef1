/* Streams: streams.c, subscribe.c, live.c, catchup.c, demote.c. Part of feed/internal.h. */
#ifndef FEED_FEED_STREAMS_H
#define FEED_FEED_STREAMS_H

#include "feed/feed.h"
#include "feed/markers.h"
#include "store/log.h"

struct reader;

/* ---- streams.c: kinds of streams ---- */

/* By what a stream is found when there is an event for it. */
enum stream_place {
    PLACE_READER,  /* by those whom its reader follows */
    PLACE_SUBJECT, /* by its subject */
    PLACE_SHARE,   /* by its share */
    PLACE_OWN,     /* by its reader, of whose own log it is */
};

struct catchup;
struct subscription;

struct stream_row {
    uint32_t entries; /* of the log, that are events of it: a bit for each enum log_kind */
    enum stream_place place;
    enum log_kind marker; /* entries that move the marker that it tells of; LOG_UNKNOWN: it tells of none */
    /* Collects what the stream missed out of the store, then calls catchup_collected() or catchup_fail(). */
    void (*collect)(struct catchup *catchup);
};

extern const struct stream_row stream_rows[STREAM_KINDS];

/* Puts a stream where it is found, by its reader, subject or share: 0, or -ENOMEM and nothing is changed. */
int stream_place(struct feed *feed, struct subscription *stream);
/* Takes it away again. */
void stream_remove(struct feed *feed, struct subscription *stream);

/* What an entry of the log tells of. */
struct live_event {
    enum log_kind kind;
    uint32_t subject;
    uint64_t share; /* that it is or is about, 0: none */
    struct frame *frame;
    uint32_t actor; /* who commented, or did what a notice tells of; NO_SUBJECT: it is known to show */
    uint64_t origin;        /* of a re-share, or the edit of one: see reshares.c; else 0 */
    uint32_t origin_author;
    struct frame *joining;  /* live.c: the same for readers who have an entry for the origin; NULL before one is met */
};

/* Whether the stream is found by its reader. */
bool stream_is_of_reader(const struct subscription *stream);
/* Whether there are streams of which entries of this kind are events. */
bool stream_events_of(enum log_kind kind);
/* The streams of a share, NULL if there are none. */
struct subscription *streams_of_share(const struct feed *feed, uint64_t share);
/* Whether it is an event of the stream. */
bool stream_concerns(const struct feed *feed, const struct subscription *stream, const struct live_event *event);

/* ---- live.c, catchup.c: streams ---- */

enum subscription_state {
    SUBSCRIPTION_CATCHING_UP, /* from `position` */
    SUBSCRIPTION_LIVE,
};

/* The only places where a stream's state changes: it is open, and catches up; it goes on in another state; it is open no more. */
void stream_begin(struct subscription *stream);
void stream_change_state(struct subscription *stream, enum subscription_state state);
void stream_has_ended(const struct subscription *stream);

struct subscription {
    struct feed_subscriber *subscriber;
    struct subscription *next_of_subscriber;
    struct subscription *next; /* in the same place */
    struct reader *reader;     /* pinned: whose it is, or who looks; NULL: that is not known */
    uint64_t share;            /* that it is of, 0: it is of a reader or subject */
    uint32_t subject;          /* a reference, unless it is the reader's own slot; NO_SUBJECT: it is of a share */
    uint32_t request_id;
    uint32_t number;           /* its own, among streams of the same request id: an ended one's frames may still be queued */
    uint32_t since_token;      /* events since the last token */
    enum stream_kind kind : 8;
    enum subscription_state state : 8;
    enum marker_debt marker : 8;
    bool had_token;
    bool resumed;              /* with a token, and not live yet: the client may have seen more than its position says */
    uint64_t *position;        /* while catching up: one per partition */
    struct catchup *catchup;   /* while catching up out of the store */
};

/* Events of one subject that are delivered together. */
#define RUN_EVENTS_MAX 200
#define RUN_BYTES_MAX 65536 /* no event is added to more */
#define RUN_REQUEST_IDS 4   /* most clients count theirs from the same beginning */

struct live_joined {
    struct frame *frame;
    uint32_t request_id;
};

/* Streams that an event was sent to, and those that catch up and come to it in their turn. */
struct live_count {
    uint32_t sent, behind;
};

struct live_run {
    uint32_t subject; /* slot, with a reference, while there are frames */
    uint32_t count;
    uint32_t kinds;   /* of the events: a bit for each enum log_kind */
    bool has_reshares; /* readers may not be told the same of all of them */
    size_t bytes;
    struct live_event events[RUN_EVENTS_MAX];
    struct live_count joint; /* streams whose events all events are, to be sent as one frame; … */
    struct live_count single[RUN_EVENTS_MAX]; /* … others, for each event */
    struct live_joined joined[RUN_REQUEST_IDS];
};

struct subscription *stream_find(const struct feed *feed, uint64_t conn, uint32_t request_id);
/* Adds an event to the run, which must be empty or this subject's. Takes references. */
void live_deliver(struct feed *feed, const struct live_event *event);
/* Whether a next event of this subject may be added. */
bool live_run_goes_on(const struct feed *feed, struct text subject);
/* Queues the run for everyone who is live on its subject. To be called before anything else happens to streams or to positions
 * than that the run grows. */
void live_flush(struct feed *feed);
/* Queues an event for everyone who is live. */
void live_deliver_to_all(struct feed *feed, struct frame *frame);
/* Queues a Heartbeat on every stream if the feed has become ready, or is no longer, since the last one; a few times a second at
 * most. To be called again at each tick. */
void live_tell_ready(struct feed *feed);
/* Whether the stream's connection is below its soft limit. */
bool stream_has_room(const struct feed *feed, const struct subscription *subscription);
/* The stream falls back: from here on it goes on from the tail's position, or from before the log entry `before` if that is
 * not 0, when its queue has drained. False without memory for that. */
bool stream_demote(struct feed *feed, struct subscription *subscription, uint64_t before);
/* Has those streams of a connection go on that can. */
void streams_go_on(struct feed *feed, struct feed_subscriber *subscriber);
/* Sends one event on a stream. Returns false if the stream has reached its limit. */
bool stream_send(struct feed *feed, struct subscription *subscription, struct frame *frame);
/* False if memory ended. */
bool stream_send_token(struct feed *feed, struct subscription *subscription, bool caught_up);
/* The same for one that catches up, if it was sent so many events that a token is due: how far it has come. */
void stream_send_progress(struct feed *feed, struct subscription *subscription);
/* Goes on from subscription->position until it is live, or its queue is full, or the store must be asked. */
void catchup_run(struct feed *feed, struct subscription *subscription);
/* The same for every stream that is not live. */
void catchup_run_all(struct feed *feed);
/* Whether a stream may collect from the store now; if not, streams_go_on() must be called when another one is done. */
bool stream_begins_to_collect(struct subscription *stream);

/* ---- catchup_store.c, catchup_collect.c: out of the store, as a part of catchup_run(); catchup.h is what they share ---- */

void catchup_store(struct feed *feed, struct subscription *stream);
/* What was collected does not hold any more: it begins again from the stream's position, a little later. No answer may be
 * under way. Nothing happens if the stream does not catch up out of the store. */
void catchup_restart(struct subscription *subscription);
/* The stream stops doing so, if it does: its position says what was sent. */
void catchup_stop(struct subscription *subscription);
/* The subscription ends: the store's answer will find nobody. */
void catchup_cancel(struct subscription *subscription);

#endif
