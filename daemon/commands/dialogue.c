/* Comment, DeleteComment, GetDialogue: what people say under a share. */
#include <inttypes.h>

#include "base/clock.h"
#include "commands/internal.h"

/* What stands around the comments of a page. */
#define PAGE_OVERHEAD_BYTES 64

static void on_commented(void *context, Feed__ErrorCode error, uint64_t position, bool repeated)
{
    struct request *request = context;
    int64_t limit = request->commands->config->max_comments;
    Feed__CommentReply reply = FEED__COMMENT_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    if (!commit_is_over(request, &error))
        return;
    if (error == FEED__ERROR_CODE__INVALID) {
        request_fail(request, FEED__ERROR_CODE__NOT_FOUND, "parent_id", 0, "there is no such comment under this share");
    } else if (error == FEED__ERROR_CODE__FORBIDDEN) {
        request_fail(request, error, "commenter", 0, "the commenter may not comment here");
    } else if (error == FEED__ERROR_CODE__LIMIT_EXCEEDED) {
        request_fail(request, error, "max_comments", (uint64_t)limit, "a share may have %" PRId64 " comments", limit);
    } else if (error != FEED_OK) {
        request_fail_code(request, error);
    } else {
        request_acknowledge(request, position);
        reply.id = reply.position = position;
        reply.repeated = repeated;
        frame.body_case = FEED__SERVER_FRAME__BODY_COMMENT;
        frame.comment = &reply;
        request_reply(request, &frame);
    }
}

static void commit_comment(struct request *request)
{
    const Feed__CommentRequest *asked = request->frame->comment;
    const struct commit *commit = request->state;
    const struct feed_comment comment = {.commenter = text_of(asked->commenter),
                                         .share = asked->share_id,
                                         .parent = asked->parent_id,
                                         .body = commit->body,
                                         .key = text_of(commit->key)};

    feed_comment(request->commands->feed, &comment, on_commented, request);
}

static void run_comment(struct request *request)
{
    const Feed__CommentRequest *asked = request->frame->comment;
    Feed__Comment stored = FEED__COMMENT__INIT;

    if (!check_subject(request, "commenter", asked->commenter) || !check_id(request, "share_id", asked->share_id) ||
        !check_text(request, "text", asked->text, COMMENT_CHARACTERS, COMMENT_BYTES) ||
        !check_text(request, "idempotency_key", asked->idempotency_key, 0, KEY_BYTES))
        return;
    if (asked->text[0] == '\0') {
        request_fail(request, FEED__ERROR_CODE__INVALID, "text", 0, "text is missing");
        return;
    }
    stored.commenter = asked->commenter;
    stored.share_id = asked->share_id;
    stored.parent_id = asked->parent_id;
    stored.text = asked->text;
    stored.created_at_ms = clock_wall_ms();
    commit_begin(request, &stored.base, asked->idempotency_key, commit_comment);
}

const struct command_row command_comment = {
    .kind = FEED__CLIENT_FRAME__REQUEST_COMMENT,
    .order = ORDER_SHARE,
    .run = run_comment,
};

static void on_comment_deleted(void *context, Feed__ErrorCode error, uint64_t position, bool repeated)
{
    struct request *request = context;
    Feed__DeleteCommentReply reply = FEED__DELETE_COMMENT_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    if (error != FEED_OK) {
        request_fail_code(request, error);
        return;
    }
    request_acknowledge(request, position);
    reply.position = position;
    reply.repeated = repeated;
    frame.body_case = FEED__SERVER_FRAME__BODY_DELETE_COMMENT;
    frame.delete_comment = &reply;
    request_reply(request, &frame);
}

static void run_delete_comment(struct request *request)
{
    const Feed__DeleteCommentRequest *asked = request->frame->delete_comment;

    if (check_subject(request, "subject", asked->subject) && check_id(request, "share_id", asked->share_id) &&
        check_id(request, "id", asked->id))
        feed_delete_comment(request->commands->feed, text_of(asked->subject), asked->share_id, asked->id, on_comment_deleted,
                            request);
}

const struct command_row command_delete_comment = {
    .kind = FEED__CLIENT_FRAME__REQUEST_DELETE_COMMENT,
    .order = ORDER_SHARE,
    .run = run_delete_comment,
};

/* A page ends early where the frame would grow past its limit. */
static struct feed_dialogue fit(const struct request *request, const struct feed_dialogue *page)
{
    struct feed_dialogue fitting = *page;
    size_t room = (size_t)request->commands->config->max_frame_bytes - PAGE_OVERHEAD_BYTES;

    for (size_t i = 0; i < page->count; i++) {
        size_t bytes = comment_bytes(page->share, &page->items[i]);

        if (bytes > room && i > 0) {
            fitting.count = i;
            fitting.more = true;
            break;
        }
        room -= bytes < room ? bytes : room;
    }
    return fitting;
}

static void on_dialogue(void *context, Feed__ErrorCode error, const struct feed_dialogue *page)
{
    struct request *request = context;

    if (error != FEED_OK) {
        request_fail_code(request, error);
        return;
    }
    struct feed_dialogue fitting = fit(request, page);
    request_reply_frame(request, frame_of_dialogue(&fitting));
}

static void run_get_dialogue(struct request *request)
{
    const Feed__GetDialogueRequest *get = request->frame->get_dialogue;
    uint64_t cursor;

    if (check_id(request, "share_id", get->share_id) && check_cursor(request, "cursor", get->cursor, &cursor) &&
        check_reader(request, get->reader))
        feed_read_dialogue(request->commands->feed, text_of(get->reader), get->share_id, cursor, get->oldest_first,
                           page_limit(request, get->limit), on_dialogue, request);
}

const struct command_row command_get_dialogue = {
    .kind = FEED__CLIENT_FRAME__REQUEST_GET_DIALOGUE,
    .order = ORDER_READ,
    .sees_writes = true,
    .run = run_get_dialogue,
};
