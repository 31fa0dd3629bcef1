/* Sessions and dispatch: from a frame to a command's run(), in the right order. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"
#include "commands/internal.h"
#include "commands/wire.h"
#include "store/keys.h"

/* Unanswered requests of one connection take at most about this much before it is no longer read. */
#define SESSION_BYTES_MAX (1u << 20)
/* What a decoded frame may take: the worst honest one is a FollowMany of one-byte names, 24 times its size. */
#define ARENA_BYTES(frame_bytes) ((frame_bytes)*32 + 4096)

static const struct command_row *const rows[] = {
#define COMMAND(name) &command_##name,
    COMMANDS(COMMAND)
#undef COMMAND
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* ROWS: there is none. */
static size_t row_number(Feed__ClientFrame__RequestCase kind)
{
    size_t number = 0;

    while (number < ROWS && rows[number]->kind != kind)
        number++;
    return number;
}

static const char *request_of_metric(unsigned value)
{
    static const char *const names[] = {
#define COMMAND(name) #name,
        COMMANDS(COMMAND)
#undef COMMAND
        "unknown",
    };

    return value <= ROWS ? names[value] : NULL;
}

static const char *code_of_metric(unsigned value)
{
    const ProtobufCEnumValue *row = protobuf_c_enum_descriptor_get_value(&feed__error_code__descriptor, (int)value);

    return row && value != FEED_OK ? row->name : NULL;
}

_Static_assert(sizeof(metrics.requests) / sizeof(uint64_t) > ROWS, "one for each request, and one for what is none");

struct session *request_session(const struct request *request)
{
    return net_session(request->commands->net, request->conn);
}

void *request_allocate(struct request *request, size_t size)
{
    return arena_allocate(&request->arena, size);
}

void *request_grow(struct request *request, size_t size)
{
    request->arena.budget += size + 64;
    return request_allocate(request, size);
}

char *request_copy(struct request *request, struct text text)
{
    char *copied = request_grow(request, text.size + 1);

    if (!copied)
        return NULL;
    memcpy(copied, text.data, text.size);
    copied[text.size] = '\0';
    return copied;
}

/* ---- running ---- */

/* How many requests of a class run at once, and whether they write. Reads are few, since each may answer with a whole frame; of
 * blocks and of what is said about subjects the last word is to hold. */
static const struct {
    uint32_t running_max;
    bool writes;
} classes[] = {
    [ORDER_FREE] = {UINT32_MAX, false},
    [ORDER_SHARE] = {UINT32_MAX, true},
    [ORDER_FOLLOW] = {UINT32_MAX, true},
    [ORDER_BLOCK] = {1, true},
    [ORDER_SUBJECT] = {1, true},
    [ORDER_MARK] = {UINT32_MAX, true},
    [ORDER_READ] = {32, false},
    [ORDER_SUBSCRIBE] = {64, false},
    [ORDER_UNSUBSCRIBE] = {UINT32_MAX, false},
    [ORDER_ADMIN] = {1, false},
};

static void run_if_seen(void *context, Feed__ErrorCode error);

static bool may_run(const struct request *request)
{
    const struct commands *commands = request->commands;

    return request->row->without_store || (!commands->stopping && feed_is_ready(commands->feed));
}

/* Runs a request now, or as soon as this daemon has seen what was acknowledged to its session. */
static void run(struct request *request)
{
    const struct commands *commands = request->commands;
    struct session *session = request_session(request);

    if (!may_run(request)) {
        request_fail_code(request, FEED__ERROR_CODE__UNAVAILABLE);
        return;
    }
    if (session && classes[request->row->order].writes && !session->acknowledged) {
        /* Before anything is done: what is written and cannot be remembered could not be read. */
        session->acknowledged = calloc(feed_partitions(commands->feed), sizeof(uint64_t));
        if (!session->acknowledged) {
            request_fail_memory(request);
            return;
        }
    }
    for (unsigned p = 0; request->row->sees_writes && session && session->acknowledged && p < feed_partitions(commands->feed);
         p++)
        if (session->acknowledged[p] != 0 && !feed_has_passed(commands->feed, session->acknowledged[p])) {
            feed_wait(commands->feed, session->acknowledged[p], run_if_seen, request);
            return;
        }
    request->row->run(request);
}

static void run_if_seen(void *context, Feed__ErrorCode error)
{
    if (error != FEED_OK)
        request_fail_code(context, error);
    else
        run(context);
}

static void start(struct session *session, struct request *request)
{
    session->order = request->row->order;
    session->running++;
    run(request);
}

static bool has_room(const struct commands *commands, uint64_t conn)
{
    return net_queued_bytes(commands->net, conn) < (size_t)commands->config->queue_soft_limit_bytes;
}

/* A client that does not take its answers gets no further ones. */
static bool may_start(const struct commands *commands, const struct session *session, const struct request *request)
{
    if (session->running > 0 &&
        (session->order != request->row->order || session->running >= classes[session->order].running_max))
        return false;
    return has_room(commands, request->conn);
}

/* Reading stops while too much is unanswered or unsent, and goes on when half of it is gone. */
static void pause_or_resume(const struct commands *commands, struct session *session)
{
    uint32_t requests_max = (uint32_t)commands->config->max_in_flight;
    uint64_t conn = session->subscriber.conn;
    bool room = has_room(commands, conn);

    if (!session->paused && (session->unanswered >= requests_max || session->bytes >= SESSION_BYTES_MAX || !room)) {
        session->paused = true;
        net_pause(commands->net, conn);
    } else if (session->paused && session->unanswered <= requests_max / 2 && session->bytes <= SESSION_BYTES_MAX / 2 && room) {
        session->paused = false;
        net_resume(commands->net, conn);
    }
}

/* Starts what waits, in order, as far as it may. A request that is answered at once comes back here and returns at once: the
 * loop that started it goes on. The session may be gone after each. */
static void start_waiting(struct commands *commands, uint64_t conn)
{
    struct session *session = net_session(commands->net, conn);

    if (!session || session->starting)
        return;
    session->starting = true;
    while (session && session->waiting_first && may_start(commands, session, session->waiting_first)) {
        struct request *request = session->waiting_first;

        session->waiting_first = request->next;
        if (!session->waiting_first)
            session->waiting_last = NULL;
        start(session, request);
        session = net_session(commands->net, conn);
    }
    if (session)
        session->starting = false;
}

static void admit(struct session *session, struct request *request)
{
    if (request->row->order == ORDER_FREE) {
        run(request);
        return;
    }
    if (!may_run(request)) { /* to refuse it, nothing needs to be waited for: earlier ones may wait for the store for long */
        session->running++;
        run(request);
        return;
    }
    if (!session->waiting_first && may_start(request->commands, session, request)) {
        start(session, request);
        return;
    }
    *(session->waiting_last ? &session->waiting_last->next : &session->waiting_first) = request;
    session->waiting_last = request;
}

/* The low half of a connection's id is its own among those open. */
static uint64_t request_key(const struct request *request)
{
    return request->conn << 32 | request->id;
}

/* Whether a request of the same connection and id is not answered yet. An ended connection's may linger under its key. */
static bool is_unanswered(const struct request *request)
{
    const struct request *other = idmap_get(&request->commands->unanswered, request_key(request));

    return other && other->conn == request->conn;
}

static void request_free(struct request *request)
{
    if (idmap_get(&request->commands->unanswered, request_key(request)) == request)
        idmap_remove(&request->commands->unanswered, request_key(request));
    arena_done(&request->arena);
    free(request);
}

/* The one end of every request. */
void request_end(struct request *request)
{
    struct commands *commands = request->commands;
    struct session *session = request_session(request);
    uint64_t conn = request->conn;

    commands->in_progress--;
    if (session) {
        session->unanswered--;
        session->bytes -= (uint32_t)request->frame_bytes;
        if (request->row && request->row->order != ORDER_FREE)
            session->running--;
        pause_or_resume(commands, session);
    }
    request_free(request);
    start_waiting(commands, conn);
}

/* ---- frames ---- */

static void *decode_allocate(void *arena, size_t size)
{
    return arena_allocate(arena, size);
}

static void decode_free(void *arena, void *memory)
{
    (void)arena;
    (void)memory;
}

static struct request *request_new(struct commands *commands, struct session *session, uint64_t conn, size_t frame_bytes)
{
    struct request *request = calloc(1, sizeof(*request));

    if (!request)
        return NULL;
    request->commands = commands;
    request->conn = conn;
    request->frame_bytes = frame_bytes;
    arena_init(&request->arena, ARENA_BYTES(frame_bytes));
    commands->in_progress++;
    session->unanswered++;
    session->bytes += (uint32_t)frame_bytes;
    return request;
}

/* What is wrong with a decoded request, by what came before it: the code and, in *ret_field and *ret_message, the words. */
static Feed__ErrorCode misplaced(const struct request *request, const struct session *session, const struct command_row *row,
                                 const char **ret_field, const char **ret_message)
{
    if (request->id == 0)
        *ret_message = "request_id must not be 0";
    else if (is_unanswered(request))
        *ret_message = "request_id belongs to a request that is not answered yet";
    else if (feed_has_subscription(request->commands->feed, &session->subscriber, request->id))
        *ret_message = "request_id belongs to an open subscription";
    if (*ret_message) {
        *ret_field = "request_id";
        return FEED__ERROR_CODE__INVALID;
    }
    *ret_message = row ? "the first request of a connection must be Hello" : "the frame holds no request that this server knows";
    if (!row)
        return FEED__ERROR_CODE__UNKNOWN_REQUEST;
    if (row->audience != FOR_EVERYBODY && (row->audience == FOR_OPERATORS) != (request->commands->admin != NULL)) {
        *ret_message = row->audience == FOR_OPERATORS ? "only the admin socket takes this request"
                                                      : "the admin socket takes no requests of clients";
        return FEED__ERROR_CODE__FORBIDDEN;
    }
    return session->greeted || row->before_hello ? FEED_OK : FEED__ERROR_CODE__HELLO_REQUIRED;
}

/* Decodes a frame and finds its command; *ret_row is the number of its row, ROWS if it has none. If that fails the request is
 * answered, and gone, and false returned. */
static bool decode(struct request *request, const struct session *session, const uint8_t *data, size_t size, size_t *ret_row)
{
    const char *bad = wire_bad_string(&feed__client_frame__descriptor, data, size), *field = NULL, *message = NULL;
    ProtobufCAllocator allocator = {decode_allocate, decode_free, &request->arena};

    *ret_row = ROWS;
    request->id = wire_request_id(data, size);
    if (bad) {
        request_fail(request, FEED__ERROR_CODE__INVALID, bad, 0, "%s must be UTF-8 without zero bytes", bad);
        return false;
    }
    request->frame = feed__client_frame__unpack(&allocator, size, data);
    if (!request->frame && request->arena.failed) {
        request_fail_memory(request);
        return false;
    }
    if (!request->frame) {
        request_fail(request, FEED__ERROR_CODE__INVALID, "frame", 0, "the frame is not a feed.ClientFrame");
        return false;
    }
    request->id = request->frame->request_id;
    *ret_row = row_number(request->frame->request_case);
    const struct command_row *row = *ret_row < ROWS ? rows[*ret_row] : NULL;
    Feed__ErrorCode error = misplaced(request, session, row, &field, &message);
    if (error != FEED_OK) {
        request_fail(request, error, field, 0, "%s", message);
        return false;
    }
    request->row = row;
    idmap_set(&request->commands->unanswered, request_key(request), request); /* without memory a repeat is not noticed */
    return true;
}

static void on_frame(void *context, uint64_t conn, void *session_pointer, const uint8_t *data, size_t size)
{
    struct commands *commands = context;
    struct session *session = session_pointer;
    struct request *request = request_new(commands, session, conn, size);
    size_t row;

    if (!request) {
        net_close(commands->net, conn, NET_CLOSE_MEMORY);
        return;
    }
    pause_or_resume(commands, session);
    bool decoded = decode(request, session, data, size, &row);
    metrics.requests[row]++;
    if (decoded)
        admit(session, request);
}

/* ---- connections ---- */

static int on_open(void *context, uint64_t conn, void **ret_session)
{
    struct session *session = calloc(1, sizeof(*session));

    (void)context;
    if (!session)
        return -ENOMEM;
    session->subscriber.conn = conn;
    *ret_session = session;
    return 0;
}

/* What the session asked for comes before what its streams have missed. */
static void on_drained(void *context, uint64_t conn, void *session)
{
    struct commands *commands = context;

    pause_or_resume(commands, session);
    start_waiting(commands, conn);
    feed_subscriber_drained(commands->feed, &((struct session *)session)->subscriber);
}

static bool on_drop(void *context, uint64_t conn, void *session, uint32_t request_id, uint32_t stream, uint64_t position)
{
    struct commands *commands = context;

    (void)conn;
    return feed_subscriber_drop(commands->feed, &((struct session *)session)->subscriber, request_id, stream, position);
}

static void on_heartbeat(void *context, uint64_t conn, void *session_pointer)
{
    struct commands *commands = context;
    struct session *session = session_pointer;

    if (feed_subscriber_heartbeat(commands->feed, &session->subscriber) > 0)
        return;
    struct frame *frame = frame_of_heartbeat(NULL, 0, !feed_is_ready(commands->feed));
    if (frame)
        net_send(commands->net, conn, 0, frame);
    frame_unref(frame);
}

static struct frame *last_frame(void *context, uint64_t conn, void *session, enum net_close_reason reason)
{
    (void)conn;
    (void)session;
    return closing_frame(context, reason);
}

/* Requests that run find nobody to answer; those that wait never begin. */
static void on_closed(void *context, uint64_t conn, void *session_pointer, enum net_close_reason reason,
                      const struct net_look *last)
{
    struct commands *commands = context;
    struct session *session = session_pointer;

    (void)conn;
    closed_log(commands, session, reason, last);
    if (commands->closed)
        closed_add(commands->closed, session, reason, last);
    feed_subscriber_done(commands->feed, &session->subscriber);
    while (session->waiting_first) {
        struct request *request = session->waiting_first;

        session->waiting_first = request->next;
        commands->in_progress--;
        request_free(request);
    }
    free(session->acknowledged);
    free(session->name);
    free(session);
}

const struct net_handlers commands_net_handlers = {on_open,      on_frame,   on_drained, on_drop,
                                                   on_heartbeat, last_frame, on_closed};

/* ---- as a whole ---- */

struct commands *commands_new(const struct config *config)
{
    struct commands *commands = calloc(1, sizeof(*commands));

    metrics_name(METRIC_requests, request_of_metric);
    metrics_name(METRIC_errors, code_of_metric);
    if (commands)
        commands->config = config;
    return commands;
}

int commands_keep_closed(struct commands *commands)
{
    commands->closed = closed_new();
    return commands->closed ? 0 : -ENOMEM;
}

void commands_attach(struct commands *commands, struct feed *feed, struct net *net)
{
    commands->feed = feed;
    commands->net = net;
}

void commands_free(struct commands *commands)
{
    if (!commands)
        return;
    idmap_done(&commands->unanswered);
    closed_free(commands->closed);
    free(commands);
}

void commands_stop(struct commands *commands)
{
    commands->stopping = true;
}

size_t commands_in_progress(const struct commands *commands)
{
    return commands->in_progress;
}
