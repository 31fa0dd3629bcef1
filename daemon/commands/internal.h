/* What the commands share: requests, replies, checks. */
#ifndef FEED_COMMANDS_INTERNAL_H
#define FEED_COMMANDS_INTERNAL_H

#include "base/config.h"
#include "base/destination.h"
#include "base/idmap.h"
#include "commands/arena.h"
#include "commands/commands.h"
#include "feed.pb-c.h"
#include "feed/feed.h"
#include "feed/frames.h"

#define PROTOCOL_VERSION 1
#define RETRY_AFTER_MS 500
#define CLIENT_NAME_BYTES_MAX 64

/* Which requests may run beside each other: those of one class. */
enum order {
    ORDER_FREE, /* beside everything */
    ORDER_SHARE,
    ORDER_FOLLOW,
    ORDER_BLOCK,
    ORDER_SUBJECT,
    ORDER_MARK,
    ORDER_READ,
    ORDER_SUBSCRIBE,
    ORDER_UNSUBSCRIBE,
    ORDER_ADMIN,
};

/* On which sockets a request may come. */
enum audience {
    FOR_CLIENTS,
    FOR_OPERATORS, /* the admin socket */
    FOR_EVERYBODY,
};

struct request;

/* One command: a row of the table in commands.c. */
struct command_row {
    Feed__ClientFrame__RequestCase kind;
    enum order order;
    enum audience audience;
    bool before_hello;  /* may come before Hello */
    bool without_store; /* needs no store */
    bool sees_writes;   /* waits until this daemon has seen what was acknowledged to this session */
    /* Checks, and answers now or later, exactly once, by request_reply… or request_fail…. */
    void (*run)(struct request *request);
};

/* When clients come back after a shutdown: see closing.c. `count` 0: nobody was told yet. */
struct closing_slots {
    uint64_t count;
    uint64_t next;
    uint64_t step;
};

struct admin;
struct closed;

struct commands {
    const struct config *config;
    struct admin *admin;   /* NULL: these are for clients */
    struct closed *closed; /* the sessions that ended last; NULL: they are not kept */
    struct feed *feed;
    struct net *net;
    struct idmap unanswered; /* requests by connection and request id */
    size_t in_progress;
    struct closing_slots slots;
    uint32_t refused; /* moves on with each connection over max_connections: see closing.c */
    bool stopping;
};

/* A connection, as seen from here. */
struct session {
    struct feed_subscriber subscriber;
    struct request *waiting_first;
    struct request *waiting_last;
    char *name; /* what Hello said, NULL: nothing */
    uint64_t *acknowledged; /* the highest position acknowledged, per partition; NULL: nothing was written */
    uint32_t unanswered;
    uint32_t running; /* requests of class `order` */
    uint32_t bytes;   /* that unanswered requests take */
    enum order order;
    bool greeted;
    bool paused;   /* nothing is read from the connection */
    bool starting; /* waiting requests are being started */
};

struct request {
    struct commands *commands;
    const struct command_row *row;
    uint64_t conn;
    uint32_t id;
    size_t frame_bytes;
    Feed__ClientFrame *frame; /* in the arena */
    struct request *next;     /* waiting */
    void *state;              /* the command's own, in the arena */
    struct arena arena;
};

/* The session, NULL if the connection is gone. */
struct session *request_session(const struct request *request);
/* Memory that lives as long as the request; NULL when it ends. */
void *request_allocate(struct request *request, size_t size);

/* The same beyond what a decoded request may take: for answers. */
void *request_grow(struct request *request, size_t size);
char *request_copy(struct request *request, struct text text);

/* Ends the request: nothing may touch it afterwards. What follows does this by itself. */
void request_end(struct request *request);
void request_reply(struct request *request, const Feed__ServerFrame *reply);
void request_reply_frame(struct request *request, struct frame *frame); /* takes the frame; NULL: memory ended */
/* A page as the reply to the request, as far as it fits into a frame; `further` are the encoded fields behind those of a page. */
void request_reply_page(struct request *request, const struct feed_page *page, struct text further);
/* `field` is the schema's name or NULL; `limit` 0: none. The message is made from the code where `format` is NULL. */
void request_fail(struct request *request, Feed__ErrorCode code, const char *field, uint64_t limit, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void request_fail_code(struct request *request, Feed__ErrorCode code);
/* Memory ended: nothing is wrong with the request. */
void request_fail_memory(struct request *request);
void error_fill(Feed__Error *error, Feed__ErrorCode code, char *field, uint64_t limit, char *message);

/* What is said last to a client whose connection the server ends for `reason`. NULL: nothing, or memory ended. */
struct frame *closing_frame(struct commands *commands, enum net_close_reason reason);

/* ---- closed.c: the sessions that ended last ---- */

struct closed *closed_new(void); /* NULL when memory ends */
void closed_free(struct closed *closed);
void closed_add(struct closed *closed, const struct session *session, enum net_close_reason reason,
                const struct net_look *last);
/* The one line of a connection in the log. What the end of the daemon does to all of them is one line by itself. */
void closed_log(const struct commands *commands, const struct session *session, enum net_close_reason reason,
                const struct net_look *last);

/* Remembers a position that is about to be acknowledged, for reads that follow. */
void request_acknowledge(struct request *request, uint64_t position);

/* Of a share's comment, and of one under a share. */
#define COMMENT_CHARACTERS 2000
#define COMMENT_BYTES 8000
/* Of an idempotency key. */
#define KEY_BYTES 128
/* The longest text that is looked at by characters. */
#define TEXT_BYTES_MAX 16384
/* For each byte whether a character begins there; valid until the next call. */
const char *character_breaks(const char *text, size_t size);

/* ---- share.c: what edits of shares have in common with shares ---- */

/* As check_…() below. */
bool check_words(struct request *request, const char *title, const char *extract, const char *comment);
/* The extract as it is committed: itself, or a shortened copy in the request's memory; NULL when that ends. */
char *share_extract(struct request *request, char *extract);

/* ---- commit.c ---- */

/* The state of a request that commits something under a key. */
struct commit {
    struct text body;
    const char *key;
    void (*send)(struct request *request);
    int64_t give_up_ms; /* 0: no answer was lost yet */
};

/* Encodes the message and begins the first attempt. `send` begins one, out of the request's state; its answer goes through
 * commit_is_over(). */
void commit_begin(struct request *request, const ProtobufCMessage *message, const char *key,
                  void (*send)(struct request *request));
/* Whether this is the outcome, which may be another one than this attempt's; else there will be another attempt. */
bool commit_is_over(struct request *request, Feed__ErrorCode *error);

/* ---- checks: false and an answered request if something is wrong ---- */

bool check_subject(struct request *request, const char *field, const char *value);
/* Who looks, where that may be left open. */
bool check_reader(struct request *request, const char *reader);
bool check_id(struct request *request, const char *field, uint64_t id);
bool check_text(struct request *request, const char *field, const char *value, size_t max_characters, size_t max_bytes);
/* A url, which must not be empty, and where it leads to. */
bool check_destination(struct request *request, const char *field, const char *value, struct destination *ret_destination);
bool check_url(struct request *request, const char *field, const char *value, bool required);
bool check_cursor(struct request *request, const char *field, const char *value, uint64_t *ret_before);
/* What is wrong with a subject's name, NULL if nothing. *ret_limit is the limit that it exceeds, or 0. */
const char *subject_fault(const char *value, uint64_t *ret_limit);
bool has_control_character(const char *text);
#define NAMES_CURSOR_BYTES 24
/* A page's names as C strings in the request's memory, and the cursor of the next page, "" if this was the last. NULL and an
 * answered request if there are none to be had. */
char **answer_names(struct request *request, Feed__ErrorCode error, const struct feed_names *page,
                    char ret_cursor[NAMES_CURSOR_BYTES]);
size_t page_limit(const struct request *request, uint32_t limit);

static inline struct text text_of(const char *string)
{
    return (struct text){string, __builtin_strlen(string)};
}

#define COMMANDS(COMMAND)                                                                                                   \
    COMMAND(hello) COMMAND(ping) COMMAND(share) COMMAND(delete_share) COMMAND(get_share) COMMAND(follow) COMMAND(unfollow)  \
    COMMAND(follow_many) COMMAND(get_following) COMMAND(get_followers) COMMAND(get_timeline) COMMAND(get_profile)           \
    COMMAND(subscribe) COMMAND(unsubscribe) COMMAND(comment) COMMAND(delete_comment) COMMAND(get_dialogue)                  \
    COMMAND(edit_share) COMMAND(reshare) COMMAND(admin) COMMAND(set_subject) COMMAND(get_subjects) COMMAND(find_subjects)                    \
    COMMAND(get_destination) COMMAND(get_site) COMMAND(block) COMMAND(unblock) COMMAND(mute) COMMAND(unmute)                \
    COMMAND(get_blocked) COMMAND(delete_subject) COMMAND(get_subject_deletion) COMMAND(get_popular) COMMAND(get_suggestions) \
    COMMAND(mark_read) COMMAND(get_unread) COMMAND(get_presence) COMMAND(get_inbox) COMMAND(mark_inbox_read)

#define COMMAND(name) extern const struct command_row command_##name;
COMMANDS(COMMAND)
#undef COMMAND

#endif
