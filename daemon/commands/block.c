/* Block, Unblock, Mute, Unmute and GetBlocked. */
#include <inttypes.h>
#include <string.h>

#include "commands/internal.h"

static bool check_pair(struct request *request, const char *reader, const char *subject, bool other)
{
    if (!check_subject(request, "reader", reader) || !check_subject(request, "subject", subject))
        return false;
    if (other && strcmp(reader, subject) == 0) {
        request_fail(request, FEED__ERROR_CODE__INVALID, "subject", 0,
                     "subject is the reader: nobody is hidden from themselves");
        return false;
    }
    return true;
}

/* False, and the request is answered, if there was an error. */
static bool is_done(struct request *request, Feed__ErrorCode error)
{
    int64_t limit = request->commands->config->max_blocked;

    if (error == FEED__ERROR_CODE__LIMIT_EXCEEDED)
        request_fail(request, error, "max_blocked", (uint64_t)limit,
                     "a reader may block %" PRId64 " subjects, and mute as many", limit);
    else if (error != FEED_OK)
        request_fail_code(request, error);
    return error == FEED_OK;
}

static void acknowledge(struct request *request, const uint64_t positions[3])
{
    for (size_t i = 0; i < 3; i++)
        if (positions[i] != 0)
            request_acknowledge(request, positions[i]);
}

/* ---- blocks ---- */

static void on_blocked(void *context, Feed__ErrorCode error, const uint64_t positions[3], bool repeated)
{
    struct request *request = context;
    Feed__BlockReply reply = FEED__BLOCK_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    if (!is_done(request, error))
        return;
    acknowledge(request, positions);
    reply.position = positions[0];
    reply.repeated = repeated;
    frame.body_case = FEED__SERVER_FRAME__BODY_BLOCK;
    frame.block = &reply;
    request_reply(request, &frame);
}

static void run_block(struct request *request)
{
    const Feed__BlockRequest *block = request->frame->block;

    if (check_pair(request, block->reader, block->subject, true))
        feed_block(request->commands->feed, true, text_of(block->reader), text_of(block->subject), on_blocked, request);
}

const struct command_row command_block = {
    .kind = FEED__CLIENT_FRAME__REQUEST_BLOCK,
    .order = ORDER_BLOCK,
    .run = run_block,
};

static void on_unblocked(void *context, Feed__ErrorCode error, const uint64_t positions[3], bool repeated)
{
    struct request *request = context;
    Feed__UnblockReply reply = FEED__UNBLOCK_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    if (!is_done(request, error))
        return;
    acknowledge(request, positions);
    reply.position = positions[0];
    reply.repeated = repeated;
    frame.body_case = FEED__SERVER_FRAME__BODY_UNBLOCK;
    frame.unblock = &reply;
    request_reply(request, &frame);
}

static void run_unblock(struct request *request)
{
    const Feed__UnblockRequest *unblock = request->frame->unblock;

    if (check_pair(request, unblock->reader, unblock->subject, false))
        feed_block(request->commands->feed, false, text_of(unblock->reader), text_of(unblock->subject), on_unblocked, request);
}

const struct command_row command_unblock = {
    .kind = FEED__CLIENT_FRAME__REQUEST_UNBLOCK,
    .order = ORDER_BLOCK,
    .run = run_unblock,
};

/* ---- mutes ---- */

static void on_muted(void *context, Feed__ErrorCode error, uint64_t position, bool repeated)
{
    struct request *request = context;
    Feed__MuteReply reply = FEED__MUTE_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    if (!is_done(request, error))
        return;
    request_acknowledge(request, position);
    reply.position = position;
    reply.repeated = repeated;
    frame.body_case = FEED__SERVER_FRAME__BODY_MUTE;
    frame.mute = &reply;
    request_reply(request, &frame);
}

static void run_mute(struct request *request)
{
    const Feed__MuteRequest *mute = request->frame->mute;

    if (check_pair(request, mute->reader, mute->subject, true))
        feed_mute(request->commands->feed, true, text_of(mute->reader), text_of(mute->subject), on_muted, request);
}

const struct command_row command_mute = {
    .kind = FEED__CLIENT_FRAME__REQUEST_MUTE,
    .order = ORDER_BLOCK,
    .run = run_mute,
};

static void on_unmuted(void *context, Feed__ErrorCode error, uint64_t position, bool repeated)
{
    struct request *request = context;
    Feed__UnmuteReply reply = FEED__UNMUTE_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    if (!is_done(request, error))
        return;
    request_acknowledge(request, position);
    reply.position = position;
    reply.repeated = repeated;
    frame.body_case = FEED__SERVER_FRAME__BODY_UNMUTE;
    frame.unmute = &reply;
    request_reply(request, &frame);
}

static void run_unmute(struct request *request)
{
    const Feed__UnmuteRequest *unmute = request->frame->unmute;

    if (check_pair(request, unmute->reader, unmute->subject, false))
        feed_mute(request->commands->feed, false, text_of(unmute->reader), text_of(unmute->subject), on_unmuted, request);
}

const struct command_row command_unmute = {
    .kind = FEED__CLIENT_FRAME__REQUEST_UNMUTE,
    .order = ORDER_BLOCK,
    .run = run_unmute,
};

/* ---- lists ---- */

static void on_names(void *context, Feed__ErrorCode error, const struct feed_names *page)
{
    struct request *request = context;
    Feed__GetBlockedReply reply = FEED__GET_BLOCKED_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;
    char cursor[NAMES_CURSOR_BYTES], **names = answer_names(request, error, page, cursor);

    if (!names)
        return;
    reply.n_subjects = page->count;
    reply.subjects = names;
    reply.next_cursor = cursor;
    reply.total = page->total;
    frame.body_case = FEED__SERVER_FRAME__BODY_GET_BLOCKED;
    frame.get_blocked = &reply;
    request_reply(request, &frame);
}

static void run_get_blocked(struct request *request)
{
    const Feed__GetBlockedRequest *get = request->frame->get_blocked;
    uint64_t before;

    if (check_subject(request, "reader", get->reader) && check_cursor(request, "cursor", get->cursor, &before))
        feed_read_names(request->commands->feed, get->muted ? NAMES_MUTED : NAMES_BLOCKED, text_of(get->reader), before,
                        page_limit(request, get->limit), on_names, request);
}

const struct command_row command_get_blocked = {
    .kind = FEED__CLIENT_FRAME__REQUEST_GET_BLOCKED,
    .order = ORDER_READ,
    .run = run_get_blocked,
};
