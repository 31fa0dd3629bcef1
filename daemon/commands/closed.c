/* The sessions that ended last: who it was, why it ended, how long it lasted. A ring of a fixed size. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "commands/admin.h"

#define CLOSED_MAX 256 /* a power of two */

struct closed_session {
    uint64_t conn;
    int64_t closed_ms;
    int64_t age_ms;
    uint64_t sent_bytes;
    uint32_t streams;
    uint32_t unanswered;
    uint8_t reason; /* enum net_close_reason */
    char name[CLIENT_NAME_BYTES_MAX + 1];
    char peer[NET_PEER_NAME_BYTES];
};

struct closed {
    uint64_t count; /* that ever ended */
    struct closed_session sessions[CLOSED_MAX];
};

struct closed *closed_new(void)
{
    return calloc(1, sizeof(struct closed));
}

void closed_free(struct closed *closed)
{
    free(closed);
}

void closed_add(struct closed *closed, const struct session *session, enum net_close_reason reason,
                const struct net_look *last)
{
    struct closed_session *place = &closed->sessions[closed->count++ & (CLOSED_MAX - 1)];
    int64_t now_ms = clock_now_ms();

    *place = (struct closed_session){.conn = last->conn,
                                     .closed_ms = now_ms,
                                     .age_ms = now_ms - last->opened_ms,
                                     .sent_bytes = last->sent_bytes,
                                     .streams = session->subscriber.count,
                                     .unanswered = session->unanswered,
                                     .reason = (uint8_t)reason};
    snprintf(place->name, sizeof(place->name), "%s", session->name ? session->name : "");
    if (last->peer)
        net_peer_name(last->peer, place->peer);
}

static json_t *closed_row(const struct closed_session *session)
{
    return json_pack("{s:o, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "client", admin_id(session->conn), "address", session->peer,
                     "name", session->name, "reason", net_close_reason_name(session->reason), "ago_ms",
                     (json_int_t)(clock_now_ms() - session->closed_ms), "lasted_ms", (json_int_t)session->age_ms, "streams",
                     (json_int_t)session->streams, "unanswered", (json_int_t)session->unanswered, "sent_bytes",
                     (json_int_t)session->sent_bytes);
}

/* The latest first. */
void admin_run_closed(struct admin_call *call)
{
    const struct closed *closed = call->admin->clients->closed;
    size_t count = closed->count < CLOSED_MAX ? (size_t)closed->count : CLOSED_MAX;
    json_t *rows = json_array();

    for (size_t i = 0; i < count && i < call->limit; i++)
        admin_append(&rows, closed_row(&closed->sessions[(closed->count - 1 - i) & (CLOSED_MAX - 1)]));
    admin_reply(call, json_pack("{s:I, s:o}", "ended_in_all", (json_int_t)closed->count, "closed", rows));
}

void closed_log(const struct commands *commands, const struct session *session, enum net_close_reason reason,
                const struct net_look *last)
{
    enum log_level level = commands->admin || reason == NET_CLOSE_SHUTDOWN ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
    char peer[NET_PEER_NAME_BYTES];

    if (level > log_get_level())
        return;
    log_event(level, commands->admin ? "operator-closed" : "client-closed",
              "client=%" PRIu64 " name=%s peer=%s reason=%s lasted_ms=%" PRId64 " sent_bytes=%" PRIu64 " unanswered=%u", last->conn,
              log_quote(session->name), net_peer_name(last->peer, peer), net_close_reason_name(reason),
              clock_now_ms() - last->opened_ms, last->sent_bytes, session->unanswered);
}
