/* feedctl comment, delete-comment and dialogue: what people say under a share. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "json.h"
#include "session.h"
#include "text.h"
#include "view.h"

static int run_comment(const struct run *run)
{
    Feed__CommentRequest request = FEED__COMMENT_REQUEST__INIT;
    struct feed_blocking *feed;
    ProtobufCMessage *message;
    int code;

    if (!run_id(run->arguments[0], &request.share_id) ||
        (run_option(run, "reply-to") != NULL && !run_id(run_option(run, "reply-to"), &request.parent_id)))
        return USAGE;
    code = session_open(run, NULL, &feed);
    if (code != DONE)
        return code;
    request.commenter = run_text(run, "as");
    request.text = run->arguments[1];
    request.idempotency_key = run_text(run, "key");
    code = session_call(run, feed, &request.base, &message);
    if (code == DONE) {
        const Feed__CommentReply *reply = (const void *)message;

        if (run->json)
            json_print_message(message);
        else
            printf("%s %llu\n", reply->repeated ? "already commented as" : "commented as", (unsigned long long)reply->id);
        feed_free_message(feed, message);
    }
    feed_blocking_free(feed);
    return code;
}

static int run_delete_comment(const struct run *run)
{
    Feed__DeleteCommentRequest request = FEED__DELETE_COMMENT_REQUEST__INIT;
    struct feed_blocking *feed;
    ProtobufCMessage *message;
    int code;

    if (!run_id(run->arguments[0], &request.share_id) || !run_id(run->arguments[1], &request.id))
        return USAGE;
    code = session_open(run, NULL, &feed);
    if (code != DONE)
        return code;
    request.subject = run_text(run, "as");
    code = session_call(run, feed, &request.base, &message);
    if (code == DONE) {
        const Feed__DeleteCommentReply *reply = (const void *)message;

        if (run->json)
            json_print_message(message);
        else
            puts(reply->repeated ? "was deleted already" : "deleted");
        feed_free_message(feed, message);
    }
    feed_blocking_free(feed);
    return code;
}

static void print_page(const struct run *run, const Feed__GetDialogueReply *page)
{
    for (size_t i = 0; i < page->n_comments; i++) {
        if (run->json)
            json_print_message(&page->comments[i]->base);
        else
            view_comment(page->comments[i], page->comments[i]->parent_id != 0);
    }
}

static void print_end(const struct run *run, const Feed__GetDialogueReply *page)
{
    char *clean = text_clean(page->next_cursor);

    if (run->json)
        json_print(json_pack("{s:o, s:i}", "nextCursor", json_from_text(page->next_cursor), "commentCount",
                             (int)page->comment_count));
    else if (page->next_cursor[0] != '\0')
        view_note("more: --cursor %s", clean != NULL ? clean : "");
    else
        view_note("that is all");
    free(clean);
}

/* Prints `limit` comments (0: one page of the server's size), from --cursor on. */
static int print_dialogue(const struct run *run, struct feed_blocking *feed, Feed__GetDialogueRequest *request,
                          unsigned long limit)
{
    char *cursor = strdup(run_text(run, "cursor"));
    unsigned long left = limit;
    int code = DONE;

    while (cursor != NULL) {
        ProtobufCMessage *message;
        const Feed__GetDialogueReply *page;
        bool ends;

        request->limit = (uint32_t)left;
        request->cursor = cursor;
        code = session_call(run, feed, &request->base, &message);
        if (code != DONE)
            break;
        page = (const void *)message;
        print_page(run, page);
        left -= page->n_comments < left ? page->n_comments : left;
        ends = left == 0 || page->next_cursor[0] == '\0';
        if (ends)
            print_end(run, page);
        free(cursor);
        cursor = ends ? NULL : strdup(page->next_cursor);
        feed_free_message(feed, message);
    }
    free(cursor);
    return code;
}

static int run_dialogue(const struct run *run)
{
    Feed__GetDialogueRequest request = FEED__GET_DIALOGUE_REQUEST__INIT;
    struct feed_blocking *feed;
    unsigned long limit;
    int code;

    if (!run_id(run->arguments[0], &request.share_id) || !run_option_number(run, "limit", 1, UINT32_MAX, 0, &limit))
        return USAGE;
    request.reader = run_text(run, "reader");
    request.oldest_first = run_option(run, "newest-first") == NULL;
    code = session_open(run, NULL, &feed);
    if (code != DONE)
        return code;
    view_init();
    code = print_dialogue(run, feed, &request, limit);
    feed_blocking_free(feed);
    return code;
}

const struct command command_comment = {
    .name = "comment",
    .arguments = "SHARE_ID TEXT",
    .summary = "Comment on a share, or reply to a comment",
    .details = "\nPrints the id of the comment. Commenting again under the same --key gives the first one's id.",
    .options = {
        { "as", "SUBJECT", "who comments", true },
        { "reply-to", "COMMENT_ID", "the comment that this replies to", false },
        { "key", "KEY", "idempotency key: the same key is the same comment", false },
    },
    .run = run_comment,
};

const struct command command_delete_comment = {
    .name = "delete-comment",
    .arguments = "SHARE_ID COMMENT_ID",
    .summary = "Delete a comment",
    .options = { { "as", "SUBJECT", "its commenter, or the share's author", true } },
    .run = run_delete_comment,
};

const struct command command_dialogue = {
    .name = "dialogue",
    .arguments = "SHARE_ID",
    .summary = "Show the comments under a share, oldest first",
    .details = "\nWith --json one comment a line, then a line with `nextCursor` and `commentCount`.",
    .options = {
        { "limit", "N", "so many comments (default: one page of the server)", false },
        { "cursor", "CURSOR", "go on where another call ended", false },
        { "newest-first", NULL, "the other way round", false },
        { "reader", "READER", "as this reader sees it, without whom it mutes or blocks", false },
    },
    .run = run_dialogue,
};
