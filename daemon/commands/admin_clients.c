/* What operators see of clients: who they are, who does not keep up, and how one is sent away.
 *
 * There may be tens of thousands, so a list is made in slices of less than a millisecond: first every connection is looked at
 * once, and the foremost by the order wanted are kept in a heap, then these are written out row by row. */
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "commands/admin.h"
#include "feed/look.h"

#define SLICE_US 500
#define STEPS_PER_CLOCK 16

/* A connection as it was when it was looked at. */
struct client_row {
    int64_t key; /* what is sorted by, the highest first */
    struct net_look look; /* without session and peer */
    struct feed_subscriber_look streams;
    const char *state;
    int64_t lag_ms;
    uint32_t unanswered;
    char name[CLIENT_NAME_BYTES_MAX + 1];
    char peer[NET_PEER_NAME_BYTES];
};

typedef int64_t key_fn(const struct client_row *row);

struct scan {
    struct admin_call *call;
    struct scan *next;
    key_fn *key;
    bool only_slow;
    uint32_t place;    /* in the net */
    uint64_t matching; /* connections that could be listed */
    size_t count;      /* of the heap, whose root has the lowest key */
    size_t written;    /* rows that are in the answer */
    bool sorted;
    int64_t now_ms;    /* when the rows were sorted: all ages are as of then */
    char *text; /* the answer as far as it is written; NULL: memory ended */
    size_t text_bytes, text_capacity;
    struct client_row heap[];
};

#define ROW_BYTES 512 /* what a row takes written out, about */

/* ---- what is seen of one ---- */

static const char *state_of(const struct client_row *row)
{
    if (row->look.closing)
        return "closing";
    if (!row->look.admitted)
        return "greeting";
    if (row->look.blocked_ms != 0)
        return "blocked";
    if (row->streams.catching_up > 0)
        return "catching-up";
    return row->streams.streams > 0 ? "live" : "idle";
}

/* False: nobody is there. */
static bool look_at(const struct admin *admin, const struct net_look *look, struct client_row *ret_row)
{
    const struct session *session = look->session;
    int64_t waits_ms = look->oldest_position != 0 ? feed_age_ms(look->oldest_position) : 0;

    if (!session)
        return false;
    *ret_row = (struct client_row){.look = *look, .unanswered = session->unanswered};
    feed_look_at_subscriber(admin->clients->feed, &session->subscriber, &ret_row->streams);
    ret_row->lag_ms = waits_ms > ret_row->streams.lag_ms ? waits_ms : ret_row->streams.lag_ms;
    ret_row->state = state_of(ret_row);
    return true;
}

static bool is_slow(const struct client_row *row)
{
    return row->look.blocked_ms != 0 || row->streams.catching_up > 0;
}

static int64_t key_lag(const struct client_row *row)
{
    return row->lag_ms;
}

static int64_t key_bytes(const struct client_row *row)
{
    return (int64_t)row->look.queued_bytes;
}

static int64_t key_age(const struct client_row *row)
{
    return -row->look.opened_ms;
}

static const struct {
    const char *word;
    key_fn *key;
} orders[] = {{"lag", key_lag}, {"bytes", key_bytes}, {"age", key_age}};

static json_t *row_of(const struct client_row *row, int64_t now_ms)
{
    return json_pack("{s:o, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "client", admin_id(row->look.conn),
                     "address", row->peer, "name", row->name, "state", row->state, "age_ms",
                     (json_int_t)(now_ms - row->look.opened_ms), "streams", (json_int_t)row->streams.streams, "queue_bytes",
                     (json_int_t)row->look.queued_bytes, "queue_frames", (json_int_t)row->look.queued_frames, "lag_ms",
                     (json_int_t)row->lag_ms, "blocked_ms",
                     (json_int_t)(row->look.blocked_ms != 0 ? now_ms - row->look.blocked_ms : 0), "silent_ms",
                     (json_int_t)(now_ms - row->look.received_ms), "unanswered", (json_int_t)row->unanswered, "sent_bytes",
                     (json_int_t)row->look.sent_bytes);
}

/* ---- the foremost of all ---- */

static void swap(struct client_row *a, struct client_row *b)
{
    struct client_row row = *a;

    *a = *b;
    *b = row;
}

/* Brings the row at `at`, whose key may be too high there, to its place. */
static void sink(struct client_row *heap, size_t count, size_t at)
{
    for (size_t lowest = at;; at = lowest) {
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++)
            if (heap[child].key < heap[lowest].key)
                lowest = child;
        if (lowest == at)
            return;
        swap(&heap[at], &heap[lowest]);
    }
}

/* What of a connection ends with it is copied once it is in the heap. */
static void keep(struct scan *scan, struct client_row *row)
{
    const struct session *session = row->look.session;
    size_t at = scan->count;

    snprintf(row->name, sizeof(row->name), "%s", session->name ? session->name : "");
    net_peer_name(row->look.peer, row->peer);
    if (scan->count == scan->call->limit) {
        scan->heap[0] = *row;
        sink(scan->heap, scan->count, 0);
        return;
    }
    scan->heap[scan->count++] = *row;
    for (; at > 0 && scan->heap[(at - 1) / 2].key > scan->heap[at].key; at = (at - 1) / 2)
        swap(&scan->heap[(at - 1) / 2], &scan->heap[at]);
}

static void consider(struct scan *scan, const struct net_look *look)
{
    struct client_row row;

    if (!look_at(scan->call->admin, look, &row) || (scan->only_slow && !is_slow(&row)))
        return;
    scan->matching++;
    row.key = scan->key(&row);
    if (scan->count < scan->call->limit || row.key > scan->heap[0].key)
        keep(scan, &row);
}

static int highest_first(const void *a, const void *b)
{
    int64_t first = ((const struct client_row *)a)->key, second = ((const struct client_row *)b)->key;

    return (first < second) - (first > second);
}

/* ---- slices ---- */

static void write_text(struct scan *scan, const char *text)
{
    size_t bytes = text ? strlen(text) : 0;

    if (text && scan->text && scan->text_bytes + bytes < scan->text_capacity) {
        memcpy(scan->text + scan->text_bytes, text, bytes + 1);
        scan->text_bytes += bytes;
        return;
    }
    scan->text_capacity = 2 * (scan->text_capacity + bytes);
    char *larger = text && scan->text ? realloc(scan->text, scan->text_capacity) : NULL;
    if (!larger)
        free(scan->text);
    scan->text = larger;
    if (larger)
        write_text(scan, text);
}

static void write_row(struct scan *scan, const struct client_row *client)
{
    json_t *row = row_of(client, scan->now_ms);
    char *text = row ? json_dumps(row, JSON_COMPACT) : NULL;

    write_text(scan, scan->written > 0 ? "," : "");
    write_text(scan, text);
    free(text);
    json_decref(row);
}

/* What stands before the rows. */
static void write_beginning(struct scan *scan)
{
    char beginning[64];

    snprintf(beginning, sizeof(beginning), "{\"clients_in_all\":%" PRIu64 ",\"clients\":[", scan->matching);
    scan->text_capacity = sizeof(beginning) + scan->count * ROW_BYTES;
    scan->text = malloc(scan->text_capacity);
    write_text(scan, beginning);
}

/* One small step. False: the answer is complete. */
static bool step(struct scan *scan)
{
    struct net_look look;

    if (!scan->sorted) {
        if (net_look_next(scan->call->admin->clients->net, &scan->place, &look)) {
            consider(scan, &look);
            return true;
        }
        qsort(scan->heap, scan->count, sizeof(scan->heap[0]), highest_first);
        scan->sorted = true;
        scan->now_ms = clock_now_ms();
        write_beginning(scan);
    }
    if (scan->written < scan->count) {
        write_row(scan, &scan->heap[scan->written]);
        scan->written++;
        return true;
    }
    write_text(scan, "]}");
    return false;
}

static void scan_end(struct scan *scan)
{
    admin_reply_text(scan->call, scan->text);
    free(scan);
}

/* The scans take turns; each slice is the first one's, which then goes to the end. */
void admin_on_slice(evutil_socket_t fd, short what, void *context)
{
    const struct timeval at_once = {0};
    struct admin *admin = context;
    struct scan *scan = admin->scans, **last = &admin->scans;
    int64_t until_us = clock_now_us() + SLICE_US;
    bool goes_on = true;

    (void)fd;
    (void)what;
    if (!scan)
        return;
    for (unsigned steps = 1; goes_on && (steps % STEPS_PER_CLOCK != 0 || clock_now_us() < until_us); steps++)
        goes_on = step(scan);
    admin->scans = scan->next;
    if (goes_on) {
        while (*last)
            last = &(*last)->next;
        scan->next = NULL;
        *last = scan;
    } else {
        scan_end(scan);
    }
    /* Without memory for the timer the loop comes back here when it has done everything else of this turn. */
    if (admin->scans && event_add(admin->slice, &at_once) < 0)
        event_active(admin->slice, EV_TIMEOUT, 0);
}

static void scan_begin(struct admin_call *call, key_fn *key, bool only_slow)
{
    struct admin *admin = call->admin;
    struct scan *scan = calloc(1, sizeof(*scan) + call->limit * sizeof(scan->heap[0]));

    if (!scan) {
        request_fail_memory(call->request);
        return;
    }
    *scan = (struct scan){.call = call, .next = admin->scans, .key = key, .only_slow = only_slow};
    admin->scans = scan;
    event_active(admin->slice, EV_TIMEOUT, 0);
}

void admin_scans_end(struct admin *admin)
{
    while (admin->scans) {
        struct scan *scan = admin->scans;

        admin->scans = scan->next;
        free(scan->text);
        request_fail_code(scan->call->request, FEED__ERROR_CODE__UNAVAILABLE);
        free(scan);
    }
}

/* ---- commands ---- */

void admin_run_clients(struct admin_call *call)
{
    const char *sort = call->sort ? call->sort : "lag";

    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
        if (strcmp(orders[i].word, sort) == 0) {
            scan_begin(call, orders[i].key, false);
            return;
        }
    admin_refuse(call, FEED__ERROR_CODE__INVALID, "sort", "sort must be lag, bytes or age, not %s", log_quote(sort));
}

void admin_run_slow(struct admin_call *call)
{
    scan_begin(call, key_lag, true);
}

void admin_run_kill(struct admin_call *call)
{
    struct net *net = call->admin->clients->net;
    char *end;
    uint64_t conn;

    errno = 0;
    conn = strtoull(call->argument, &end, 10);
    if (call->argument[0] < '0' || call->argument[0] > '9' || *end != '\0' || errno != 0) {
        admin_refuse(call, FEED__ERROR_CODE__INVALID, "arguments", "a client is named by its number, as clients shows it");
        return;
    }
    const struct session *session = net_session(net, conn);
    if (!session) {
        admin_refuse(call, FEED__ERROR_CODE__NOT_FOUND, "arguments", "there is no client %" PRIu64, conn);
        return;
    }
    json_t *answer = json_pack("{s:o, s:s, s:I}", "killed", admin_id(conn), "name", session->name ? session->name : "",
                               "streams", (json_int_t)session->subscriber.count);
    log_info("client-killed", "client=%" PRIu64 " name=%s", conn, log_quote(session->name));
    net_close(net, conn, NET_CLOSE_KILLED);
    admin_reply(call, answer);
}
