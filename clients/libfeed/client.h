/* The inside of struct feed_client, shared by the core's files only.
 *
 * Requests stand in one list in the order of queueing; those before `unsent` were sent on this connection, the
 * others not yet. A lost connection and the end of a pause after temporary refusals are the same step: `unsent` goes
 * back to the head. A subscription is a request that, once answered, leaves the list but keeps its id. */
#ifndef FEED_CLIENT_H
#define FEED_CLIENT_H

#include "feed/feed.h"

#include "bytes.h"

/* No frame of a server is longer than this, whatever it is configured to. */
#define FRAME_MAX_BYTES (16u * 1024 * 1024)
/* Requests are put into the output up to this many bytes, so that what waits for a slow server waits only once. */
#define OUTPUT_TARGET_BYTES (256u * 1024)

enum request_state {
    REQUEST_IDLE,    /* not in the list */
    REQUEST_QUEUED,  /* to be sent */
    REQUEST_SENT,    /* on this connection, and not answered yet */
    REQUEST_REFUSED, /* for the time being: to be sent again after the pause */
};

struct request {
    struct request *previous, *next; /* in the list */
    struct request *chain;           /* in the bucket of its id */
    enum request_state state;
    uint32_t id;   /* the same for life; 0: none */
    uint32_t kind; /* field number in ClientFrame, and of its reply in ServerFrame */
    bool own_key;  /* of a share or comment whose idempotency key the library made */
    uint64_t deadline_ms;
    size_t heap_index;                      /* SIZE_MAX: no deadline */
    struct feed_subscription *subscription; /* NULL: a plain request with `bytes` */
    feed_reply_fn *on_reply;                /* NULL: nobody wants to know */
    void *context;
    Feed__ServerFrame *refusal; /* the last temporary one */
    size_t size;
    uint8_t bytes[]; /* the frame with its length */
};

/* The ids of events that no token covers yet, and on which connection each came last. See seen.c. */
struct seen {
    struct seen_id {
        uint64_t id, connection;
    } *ids; /* id 0: an empty slot */
    size_t slots, count;
};

struct feed_subscription {
    struct feed_subscription *previous, *next;
    struct feed_client *client;
    struct request *request;
    feed_event_fn *on_event;
    void *context;
    Feed__SubscribeRequest *stream; /* as the caller gave it; its resume_token is the latest */
    bool open;                      /* SubscribeReply came on this connection */
    bool unproven;                  /* it came once, and no token since */
    bool ended;
    struct seen seen;
};

enum client_state { CLIENT_WAITING, CLIENT_CONNECTING, CLIENT_GREETING, CLIENT_READY };

struct feed_client {
    struct feed_options options; /* with the defaults filled in */
    char *name;
    ProtobufCAllocator *allocator;
    bool freeing;
    unsigned depth; /* of calls by the adapter: no need to wake it */
    void (*wake)(void *context);
    void *wake_context;

    enum client_state state;
    uint64_t connection;   /* counts attempts */
    uint64_t state_until_ms; /* WAITING: the next attempt; CONNECTING, GREETING: the time-out */
    uint64_t ready_since_ms;
    unsigned attempts;
    int error;
    char message[256];
    uint64_t received_ms, sent_ms;
    uint32_t hello_id;
    Feed__ServerFrame *hello; /* the latest HelloReply */

    struct bytes input;  /* the beginning of a frame */
    struct bytes output; /* sent from `output_sent` on */
    size_t output_sent;

    struct request *head, *tail, *unsent;
    size_t in_flight;    /* REQUEST_SENT */
    size_t refused;      /* REQUEST_REFUSED */
    size_t unanswered;   /* plain requests with a callback */
    uint64_t paused_until_ms; /* while there are refused ones */
    uint32_t last_id;
    struct request **buckets;
    size_t bucket_count, request_count;
    struct request **heap; /* by deadline, the soonest first */
    size_t heap_count, heap_room;

    struct feed_subscription *subscriptions, *last_subscription;
    struct feed_subscription *visiting; /* the next one of a walk during which callbacks may unsubscribe */
};

/* memory.c. Like malloc and free, by the client's allocator. */
void *client_alloc(struct feed_client *client, size_t size);
void client_dealloc(struct feed_client *client, void *pointer);
char *client_strdup(struct feed_client *client, const char *text);

/* client.c */
/* Gives the connection up for `error`: everything unanswered will be sent again. */
void client_lose(struct feed_client *client, int error);
/* Tells the adapter that there is something new. */
void client_wake(struct feed_client *client);

/* request.c */
/* Registers the request under a new id and counts it in. -ENOMEM. */
int request_register(struct feed_client *client, struct request *request);
void request_unregister(struct feed_client *client, struct request *request);
/* An id that no registered request has. */
uint32_t request_unused_id(struct feed_client *client);
struct request *request_find(const struct feed_client *client, uint32_t id);
void request_enlist_first(struct feed_client *client, struct request *request);
void request_enlist_last(struct feed_client *client, struct request *request);
void request_delist(struct feed_client *client, struct request *request);
void request_free(struct feed_client *client, struct request *request);
/* Everything in the list is to be sent again, from the first on. */
void request_rewind(struct feed_client *client);
/* Refused for the time being: to be sent again after `after_ms`, and nothing else before. */
void request_refuse(struct feed_client *client, struct request *request, uint32_t after_ms);
bool request_is_temporary(const Feed__Error *error);
/* Ends a plain request: calls back and frees. */
void request_finish(struct feed_client *client, struct request *request, const struct feed_reply *reply);
/* Handles the reply or error `frame`, which is consumed, to a plain request. */
void request_answer(struct feed_client *client, struct request *request, Feed__ServerFrame *frame);
/* Whether there is something that may be sent now. */
bool request_may_send(const struct feed_client *client);
/* Puts into the output what may be sent now. */
void request_send(struct feed_client *client);
/* Ends what is past its deadline. */
void request_expire(struct feed_client *client);
/* Queues a request whose answer nobody waits for. */
int request_queue_silent(struct feed_client *client, const ProtobufCMessage *message);

/* encode.c */
/* The field number of the request in ClientFrame, 0 if it is none. */
uint32_t encode_kind(const ProtobufCMessage *message);
/* The size of the frame with its length. */
size_t encode_size(uint32_t id, uint32_t kind, const ProtobufCMessage *message);
/* Writes the frame to `out`, which has room for encode_size(). */
void encode_frame(uint32_t id, uint32_t kind, const ProtobufCMessage *message, uint8_t *out);
/* Appends the frame to the output. -ENOMEM. */
int encode_output(struct feed_client *client, uint32_t id, uint32_t kind, const ProtobufCMessage *message);

/* subscription.c */
/* Appends the Subscribe to the output. -ENOMEM. */
int subscription_send(struct feed_subscription *subscription);
/* Handles a frame under the subscription's id. */
void subscription_receive(struct feed_subscription *subscription, const Feed__ServerFrame *frame);
/* The connection is gone: queues each subscription again; subscriptions_report_lost() then tells the callers. */
void subscriptions_rewind(struct feed_client *client);
void subscriptions_report_lost(struct feed_client *client);
void subscription_free(struct feed_subscription *subscription);

/* heap.c: the requests with a deadline. */
int heap_insert(struct feed_client *client, struct request *request);
void heap_remove(struct feed_client *client, struct request *request);

/* seen.c */
void seen_done(struct feed_client *client, struct seen *seen);
void seen_forget_all(struct seen *seen);
/* A token has come on this connection: forgets what came on it before. */
void seen_forget(struct seen *seen, uint64_t connection);
/* Remembers `id`, not 0. 1: it was known already; 0: it is new; -ENOMEM. */
int seen_add(struct feed_client *client, struct seen *seen, uint64_t id, uint64_t connection);

#endif
