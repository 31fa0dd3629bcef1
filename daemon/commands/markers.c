/* MarkRead, MarkInboxRead, GetUnread: how far a reader has read, and what is unread. */
#include "commands/internal.h"

static void on_marked(void *context, Feed__ErrorCode error, const struct feed_mark *mark)
{
    struct request *request = context;
    Feed__MarkReadReply reply = FEED__MARK_READ_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    if (error == FEED__ERROR_CODE__INVALID) {
        request_fail(request, error, "id", 0, "id lies beyond everything that was shared");
        return;
    }
    if (error != FEED_OK) {
        request_fail_code(request, error);
        return;
    }
    request_acknowledge(request, mark->position);
    reply.position = mark->position;
    reply.repeated = mark->repeated;
    reply.marker = mark->marker;
    frame.body_case = FEED__SERVER_FRAME__BODY_MARK_READ;
    frame.mark_read = &reply;
    request_reply(request, &frame);
}

static void run_mark_read(struct request *request)
{
    const Feed__MarkReadRequest *mark = request->frame->mark_read;

    if (check_subject(request, "reader", mark->reader) && check_id(request, "id", mark->id))
        feed_mark_read(request->commands->feed, MARKER_HOME, text_of(mark->reader), mark->id, on_marked, request);
}

const struct command_row command_mark_read = {
    .kind = FEED__CLIENT_FRAME__REQUEST_MARK_READ,
    .order = ORDER_MARK,
    .run = run_mark_read,
};

static void on_inbox_marked(void *context, Feed__ErrorCode error, const struct feed_mark *mark)
{
    struct request *request = context;
    Feed__MarkInboxReadReply reply = FEED__MARK_INBOX_READ_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    if (error == FEED__ERROR_CODE__INVALID) {
        request_fail(request, error, "id", 0, "id is of no notice in this inbox");
        return;
    }
    if (error != FEED_OK) {
        request_fail_code(request, error);
        return;
    }
    request_acknowledge(request, mark->position);
    reply.position = mark->position;
    reply.repeated = mark->repeated;
    reply.marker = mark->marker;
    frame.body_case = FEED__SERVER_FRAME__BODY_MARK_INBOX_READ;
    frame.mark_inbox_read = &reply;
    request_reply(request, &frame);
}

static void run_mark_inbox_read(struct request *request)
{
    const Feed__MarkInboxReadRequest *mark = request->frame->mark_inbox_read;

    if (check_subject(request, "subject", mark->subject) && check_id(request, "id", mark->id))
        feed_mark_read(request->commands->feed, MARKER_INBOX, text_of(mark->subject), mark->id, on_inbox_marked, request);
}

const struct command_row command_mark_inbox_read = {
    .kind = FEED__CLIENT_FRAME__REQUEST_MARK_INBOX_READ,
    .order = ORDER_MARK,
    .run = run_mark_inbox_read,
};

/* ---- what is unread: first of the home timeline, then of the inbox ---- */

static void on_inbox_unread(void *context, Feed__ErrorCode error, const struct feed_unread *unread)
{
    struct request *request = context;
    Feed__GetUnreadReply *reply = request->state;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    if (error != FEED_OK) {
        request_fail_code(request, error);
        return;
    }
    reply->inbox_marker = unread->marker;
    reply->inbox_unread = unread->count;
    reply->inbox_more = unread->more;
    frame.body_case = FEED__SERVER_FRAME__BODY_GET_UNREAD;
    frame.get_unread = reply;
    request_reply(request, &frame);
}

static void on_unread(void *context, Feed__ErrorCode error, const struct feed_unread *unread)
{
    struct request *request = context;
    Feed__GetUnreadReply *reply = error == FEED_OK ? request_allocate(request, sizeof(*reply)) : NULL;

    if (error != FEED_OK) {
        request_fail_code(request, error);
        return;
    }
    if (!reply) {
        request_fail_memory(request);
        return;
    }
    request->state = reply;
    feed__get_unread_reply__init(reply);
    reply->marker = unread->marker;
    reply->unread = unread->count;
    reply->more = unread->more;
    feed_read_unread(request->commands->feed, MARKER_INBOX, text_of(request->frame->get_unread->reader), on_inbox_unread,
                     request);
}

static void run_get_unread(struct request *request)
{
    const Feed__GetUnreadRequest *get = request->frame->get_unread;

    if (check_subject(request, "reader", get->reader))
        feed_read_unread(request->commands->feed, MARKER_HOME, text_of(get->reader), on_unread, request);
}

const struct command_row command_get_unread = {
    .kind = FEED__CLIENT_FRAME__REQUEST_GET_UNREAD,
    .order = ORDER_READ,
    .sees_writes = true,
    .run = run_get_unread,
};
