/* libfeed: the C client library of feedd.
 *
 * The core (struct feed_client) knows the protocol and nothing else: no sockets, no threads, no signals, no output.
 * An adapter moves the bytes; two come with the library, a blocking one and one for libevent. The core keeps itself
 * connected (exponential backoff with full jitter), sends unanswered requests again after a reconnect, resumes
 * subscriptions where they were, and drops events that were seen before.
 *
 * Common rules
 * - Functions return 0 or a negative errno; outputs are untouched on failure.
 * - A client and everything attached to it belong to one thread at a time. Different clients share nothing.
 * - Messages are the generated types of feed.pb-c.h. A message handed to the library is borrowed for that call; a
 *   message handed to a callback is valid until the callback returns.
 * - Times are milliseconds. */
#ifndef FEED_FEED_H
#define FEED_FEED_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "feed.pb-c.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FEED_API __attribute__((visibility("default")))

#define FEED_DEFAULT_ADDRESS "127.0.0.1:7420"
#define FEED_NO_TIMEOUT UINT32_MAX

struct feed_client;
struct feed_subscription;

/* Every request that callers send by themselves: X(name, Type). Type##Request is answered by Type##Reply. */
#define FEED_REQUESTS(X)               \
    X(ping, Ping)                      \
    X(share, Share)                    \
    X(delete_share, DeleteShare)       \
    X(get_share, GetShare)             \
    X(follow, Follow)                  \
    X(unfollow, Unfollow)              \
    X(follow_many, FollowMany)         \
    X(get_following, GetFollowing)     \
    X(get_followers, GetFollowers)     \
    X(get_timeline, GetTimeline)       \
    X(get_profile, GetProfile)         \
    X(comment, Comment)                \
    X(delete_comment, DeleteComment)   \
    X(get_dialogue, GetDialogue)       \
    X(edit_share, EditShare)           \
    X(reshare, Reshare)                \
    X(set_subject, SetSubject)         \
    X(get_subjects, GetSubjects)       \
    X(find_subjects, FindSubjects)     \
    X(delete_subject, DeleteSubject)   \
    X(get_subject_deletion, GetSubjectDeletion) \
    X(get_destination, GetDestination) \
    X(get_site, GetSite)               \
    X(block, Block)                    \
    X(unblock, Unblock)                \
    X(mute, Mute)                      \
    X(unmute, Unmute)                  \
    X(get_blocked, GetBlocked)         \
    X(get_popular, GetPopular)         \
    X(get_suggestions, GetSuggestions) \
    X(mark_read, MarkRead)             \
    X(get_unread, GetUnread)           \
    X(get_presence, GetPresence)       \
    X(get_inbox, GetInbox)             \
    X(mark_inbox_read, MarkInboxRead)  \
    X(admin, Admin)

/* ---------------------------------------------------------------------------------------------------------- options */

enum feed_connection_state {
    FEED_WAITING,    /* there is no connection; the next attempt comes in retry_in_ms */
    FEED_CONNECTING, /* an attempt is under way, up to the server's answer to Hello */
    FEED_CONNECTED   /* requests are being sent */
};

struct feed_status {
    enum feed_connection_state state;
    int error;            /* why the last connection or attempt ended: a negative errno; 0: there was none yet */
    const char *message;  /* what the server said as it ended it, or ""; valid until the client is called again */
    uint32_t retry_in_ms; /* until the next attempt, while FEED_WAITING */
    unsigned attempts;    /* that failed since the last connection that held */
};

/* All zero is a good set of options. */
struct feed_options {
    const char *client_name;       /* for the server's log, up to 64 bytes; NULL: "libfeed" */
    uint32_t request_timeout_ms;   /* 0: 30,000. FEED_NO_TIMEOUT: requests wait for as long as it takes */
    uint32_t connect_timeout_ms;   /* 0: 10,000. From the attempt to the server's answer to Hello */
    uint32_t backoff_min_ms;       /* 0: 100. The first reconnect waits a random time up to this */
    uint32_t backoff_max_ms;       /* 0: 10,000. Doubled each time up to this */

    /* The connection's state changed. May be NULL. May call what reply callbacks may call. */
    void (*on_connection)(void *context, const struct feed_status *status);
    void *context;

    ProtobufCAllocator *allocator;                        /* NULL: malloc and free. Borrowed for the client's life */
    uint64_t (*now_ms)(void *context);                    /* NULL: CLOCK_MONOTONIC */
    int (*random)(void *context, void *out, size_t size); /* NULL: getrandom(2) */
    void *environment;                                    /* context of now_ms and random */
};

/* ------------------------------------------------------------------------------------------------------------- core */

/* Strings in `options` are copied; NULL is all zero. -ENOMEM; -EINVAL if backoff_min_ms is above backoff_max_ms or
 * the name too long. No callback comes before an adapter runs the client. */
FEED_API int feed_client_new(const struct feed_options *options, struct feed_client **ret_client);

/* Each unanswered request's callback comes with -ECANCELED, then everything is freed, subscriptions included (they
 * get no further event). Must not be called from a callback. NULL is allowed. */
FEED_API void feed_client_free(struct feed_client *client);

/* The state of the connection. */
FEED_API void feed_client_status(const struct feed_client *client, struct feed_status *ret_status);

/* What the server answered to the latest Hello (its version and limits); NULL before the first. Valid until the next
 * call into the client. */
FEED_API const Feed__HelloReply *feed_client_hello(const struct feed_client *client);

/* The outcome of one request. */
struct feed_reply {
    /* 0: `message` is the reply. Positive: the server refused with this Feed__ErrorCode, and `error` says more.
     * Negative: there is no answer: -ETIMEDOUT (whether it was carried out is unknown; `error` is the last temporary
     * refusal, if there was one), -ECANCELED (the client was freed), -EMSGSIZE (longer than the server's frame
     * limit), -EPROTO (the server answered something else). */
    int status;
    const ProtobufCMessage *message; /* Feed__ShareReply for a Feed__ShareRequest, and so on; NULL unless status is 0 */
    const Feed__Error *error;        /* NULL unless the server refused */
};

/* Called exactly once for each accepted request, from within one of the functions "for adapters" or feed_client_free(),
 * never from within feed_request(). May call feed_request(), feed_subscribe(), feed_unsubscribe(), feed_client_status()
 * and feed_client_hello(); nothing else of the same client. */
typedef void feed_reply_fn(void *context, const struct feed_reply *reply);

/* Queues a request: `request` is the `base` of any request type of FEED_REQUESTS. It is sent when the server has
 * answered Hello, after those queued before it, with at most limits.max_in_flight unanswered.
 *
 * A Share or Comment without an idempotency key is given one of 128 random bits. Every request is therefore safe to send again,
 * and is: after a reconnect, and after the temporary refusals UNAVAILABLE, BUSY and OUTCOME_UNKNOWN, in the order of
 * queueing. After a temporary refusal nothing more is sent until what is in flight is answered and the server's
 * retry_after_ms is over. A follow, unfollow, re-share or delete sent twice may say `repeated` although the caller
 * did it once, as may a share or comment whose key the caller gave; one whose key was made here never says so.
 *
 * `timeout_ms` 0: as in the options. -EINVAL: not such a request; -EMSGSIZE: longer than the server's frame limit
 * (if it is known already); -ENOMEM; -ESHUTDOWN: the client is being freed. On failure no callback comes. */
FEED_API int feed_request(struct feed_client *client, const ProtobufCMessage *request, uint32_t timeout_ms,
                          feed_reply_fn *on_reply, void *context);

/* feed_send_share(), feed_send_follow(), …: feed_request() with the request's type checked. */
#define FEED_DECLARE_SEND(name, Type)                                                                           \
    static inline int feed_send_##name(struct feed_client *client, const Feed__##Type##Request *request,       \
                                       uint32_t timeout_ms, feed_reply_fn *on_reply, void *context)             \
    {                                                                                                           \
        return feed_request(client, &request->base, timeout_ms, on_reply, context);                            \
    }
FEED_REQUESTS(FEED_DECLARE_SEND)
#undef FEED_DECLARE_SEND

/* Requests accepted and not yet called back. */
FEED_API size_t feed_client_unanswered(const struct feed_client *client);

/* ---------------------------------------------------------------------------------------------------- subscriptions */

enum feed_event_kind {
    FEED_EVENT_SUBSCRIBED, /* the server has accepted the subscription, for the first time or again */
    FEED_EVENT_SHARED,     /* `share` */
    FEED_EVENT_DELETED,    /* `deleted` */
    FEED_EVENT_EDITED,     /* `edited` */
    FEED_EVENT_COMMENTED,  /* `commented` */
    FEED_EVENT_COMMENT_DELETED, /* `comment_deleted` */
    FEED_EVENT_NOTICED,    /* `noticed` */
    FEED_EVENT_READ_MARKER, /* `read_marker`: where the reader's marker stands; it has moved, or may have */
    FEED_EVENT_GAP,        /* something may be missing: `gap` says what, or `error` says why the token was refused (the
                              stream then goes on from now); neither: the connection broke before there was a token */
    FEED_EVENT_CAUGHT_UP,  /* everything until now was delivered; `token`. What follows is live */
    FEED_EVENT_HEARTBEAT,  /* `token` if there is a newer one; `degraded`: the server's store cannot be reached */
    FEED_EVENT_LOST,       /* the connection is gone; the subscription goes on after the reconnect */
    FEED_EVENT_ENDED,      /* refused for good: `error`. No further event comes; feed_unsubscribe() is still due */
    FEED_EVENT_SUBJECT_DELETED, /* `subject_deleted`: whatever that subject shared before is gone */
    FEED_EVENT_RESHARED    /* `share`: a re-share of what the home timeline has an entry for already */
};

struct feed_event {
    enum feed_event_kind kind;
    struct feed_subscription *subscription;
    const Feed__Share *share;
    const Feed__Deleted *deleted;
    const Feed__Edited *edited;
    const Feed__Commented *commented;
    const Feed__CommentDeleted *comment_deleted;
    const Feed__Noticed *noticed;
    const Feed__ReadMarker *read_marker;
    const Feed__Gap *gap;
    const Feed__Error *error;
    const uint8_t *token; /* everything delivered so far, and nothing else, lies before it. NULL: no news */
    size_t token_bytes;
    bool degraded;
    const Feed__ServerFrame *frame; /* what the server sent; NULL for FEED_EVENT_LOST and a GAP without a frame */
    const Feed__SubjectDeleted *subject_deleted;
};

/* May call what feed_reply_fn may call. */
typedef void feed_event_fn(void *context, const struct feed_event *event);

/* Subscribes to the stream that `request` names (its resume_token too: where to go on). Survives reconnects:
 * subscribes again with the latest token and drops events delivered before. Every event comes through on_event, in
 * the order of the stream. -EINVAL: no stream named; -ENOMEM; -ESHUTDOWN. */
FEED_API int feed_subscribe(struct feed_client *client, const Feed__SubscribeRequest *request, feed_event_fn *on_event,
                            void *context, struct feed_subscription **ret_subscription);

/* Ends and frees the subscription: no event comes any more. -ENOMEM: nothing was done. */
FEED_API int feed_unsubscribe(struct feed_subscription *subscription);

/* ------------------------------------------------------------------------------------------------------- for
 * adapters
 *
 * An adapter keeps one socket in line with feed_client_next(), hands over what it reads, and sends what is in the
 * output. Callbacks come only from within feed_client_connected(), _disconnected(), _received(), _sent(), _run() and
 * _free(). */

struct feed_next {
    uint64_t connection;  /* 0: no socket is wanted. Another number than before: close the socket, if any, and connect
                             anew, then report feed_client_connected() or feed_client_disconnected() */
    uint64_t deadline_ms; /* by the client's clock: call feed_client_run() then. UINT64_MAX: never; in the past: now */
    size_t output_bytes;  /* wait to be sent */
};

FEED_API void feed_client_next(const struct feed_client *client, struct feed_next *ret_next);
/* The client's clock. */
FEED_API uint64_t feed_client_now_ms(const struct feed_client *client);

/* The wanted connection is established. */
FEED_API void feed_client_connected(struct feed_client *client);
/* The connection could not be made or has ended, for `error` (negative errno; -ECONNRESET for an end without an
 * error). */
FEED_API void feed_client_disconnected(struct feed_client *client, int error);
/* `size` bytes came. They need not be whole frames. If they are no frames the client gives the connection up. */
FEED_API void feed_client_received(struct feed_client *client, const uint8_t *data, size_t size);
/* The bytes to send now. Valid until the next call into the client. Returns their number. */
FEED_API size_t feed_client_output(const struct feed_client *client, const uint8_t **ret_data);
/* `size` bytes of the output were sent. */
FEED_API void feed_client_sent(struct feed_client *client, size_t size);
/* Does what is due. Harmless at any time. */
FEED_API void feed_client_run(struct feed_client *client);
/* `wake` is called when a call from outside of the adapter's own calls made work, so that feed_client_next() must be
 * asked again. It must not call into the client. NULL: nobody. */
FEED_API void feed_client_set_wake(struct feed_client *client, void (*wake)(void *context), void *context);

/* --------------------------------------------------------------------------------------------------- blocking adapter
 *
 * An address is "HOST:PORT", "[V6]:PORT", or "unix:PATH"; NULL is FEED_DEFAULT_ADDRESS. Names are looked up with
 * getaddrinfo(3), which may block. Time-outs are in milliseconds; -1 waits for as long as it takes. */

struct feed_blocking;

/* Connects and waits for the server's answer to Hello, trying again until `timeout_ms` is over; then the error of
 * the last attempt is returned (-ECONNREFUSED, …; -ETIMEDOUT if there was none). -EINVAL: no such address. -EINTR: a
 * signal came. */
FEED_API int feed_connect_blocking(const char *address, const struct feed_options *options, int timeout_ms,
                                   struct feed_blocking **ret_feed);
/* Ends the connection and frees the client. NULL is allowed. */
FEED_API void feed_blocking_free(struct feed_blocking *feed);

/* The core, for requests without waiting; its callbacks come from within feed_blocking_turn() and every other call that
 * waits. Owned by `feed`. */
FEED_API struct feed_client *feed_blocking_client(struct feed_blocking *feed);

/* Signals that are let in only while waiting, as with ppoll(2): the mask that holds while waiting. Copied. */
FEED_API void feed_blocking_set_wait_mask(struct feed_blocking *feed, const sigset_t *mask);

/* Moves what can be moved, waiting up to `timeout_ms` for something to happen. Returns 0, also when nothing happened;
 * -EINTR: a signal came. */
FEED_API int feed_blocking_turn(struct feed_blocking *feed, int timeout_ms);

/* One request and its reply. Returns 0 and the reply, to be freed with feed_free_message(), or, as in struct
 * feed_reply, a positive Feed__ErrorCode or a negative errno. */
FEED_API int feed_call(struct feed_blocking *feed, const ProtobufCMessage *request, ProtobufCMessage **ret_reply);
FEED_API void feed_free_message(struct feed_blocking *feed, ProtobufCMessage *message);

/* Why the latest call was refused; NULL if it was not, or if there was no memory to keep it. Valid until the next call. */
FEED_API const Feed__Error *feed_last_error(const struct feed_blocking *feed);

/* feed_call_share(), feed_call_follow(), …: feed_call() with the types checked. */
#define FEED_DECLARE_CALL(name, Type)                                                                           \
    static inline int feed_call_##name(struct feed_blocking *feed, const Feed__##Type##Request *request,       \
                                       Feed__##Type##Reply **ret_reply)                                         \
    {                                                                                                           \
        ProtobufCMessage *reply;                                                                                \
        int status = feed_call(feed, &request->base, &reply);                                                   \
                                                                                                                \
        if (status == 0)                                                                                        \
            *ret_reply = (Feed__##Type##Reply *)(void *)reply;                                                  \
        return status;                                                                                          \
    }
FEED_REQUESTS(FEED_DECLARE_CALL)
#undef FEED_DECLARE_CALL

/* feed_subscribe() whose events wait for feed_wait_event(), as many as there are. */
FEED_API int feed_subscribe_blocking(struct feed_blocking *feed, const Feed__SubscribeRequest *request,
                                     struct feed_subscription **ret_subscription);

/* The next event of any subscription made with feed_subscribe_blocking(); valid until the next call of this
 * function. Events that wait when their subscription is ended still come. -ETIMEDOUT: none came; -EINTR: a signal
 * came; -ENOMEM: an event was lost for want of memory (said once). */
FEED_API int feed_wait_event(struct feed_blocking *feed, int timeout_ms, const struct feed_event **ret_event);

/* ------------------------------------------------------------------------------------------------- libevent adapter */

struct event_base;
struct feed_libevent;

/* Runs `client` on `base`, both borrowed until feed_libevent_free(). Addresses as above: names are looked up
 * blockingly at each connect, so give a number where the loop must not wait. -EINVAL, -ENOMEM. */
FEED_API int feed_libevent_attach(struct feed_client *client, struct event_base *base, const char *address,
                                  struct feed_libevent **ret_adapter);
/* Closes the socket and lets go of the client, which is to be freed after it. Not from one of the client's
 * callbacks. NULL is allowed. */
FEED_API void feed_libevent_free(struct feed_libevent *adapter);

#ifdef __cplusplus
}
#endif

#endif
