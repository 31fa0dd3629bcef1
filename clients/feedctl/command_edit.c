/* feedctl edit: what is not given stays as it is, so the share is read first. */
#include <stdio.h>

#include "command.h"
#include "json.h"
#include "session.h"

static char *given_or(const struct run *run, const char *name, char *standing)
{
    char *given = run_option(run, name);

    return given != NULL ? given : standing;
}

static int edit(const struct run *run, struct feed_blocking *feed, Feed__EditShareRequest *request, const Feed__Share *share)
{
    ProtobufCMessage *message;
    int code;

    request->author = run_text(run, "as");
    request->title = given_or(run, "title", share->title);
    request->extract = given_or(run, "extract", share->extract);
    request->comment = given_or(run, "comment", share->comment);
    code = session_call(run, feed, &request->base, &message);
    if (code == DONE) {
        const Feed__EditShareReply *reply = (const void *)message;

        if (run->json)
            json_print_message(message);
        else
            puts(reply->repeated ? "says so already" : "edited");
        feed_free_message(feed, message);
    }
    return code;
}

static int run_edit(const struct run *run)
{
    Feed__EditShareRequest request = FEED__EDIT_SHARE_REQUEST__INIT;
    Feed__GetShareRequest get = FEED__GET_SHARE_REQUEST__INIT;
    struct feed_blocking *feed;
    ProtobufCMessage *message;
    int code;

    if (!run_id(run->arguments[0], &request.id))
        return USAGE;
    if (run_option(run, "title") == NULL && run_option(run, "extract") == NULL && run_option(run, "comment") == NULL) {
        fputs("feedctl: edit needs --title, --extract or --comment\n", stderr);
        return USAGE;
    }
    get.id = request.id;
    code = session_open(run, NULL, &feed);
    if (code != DONE)
        return code;
    code = session_call(run, feed, &get.base, &message);
    if (code == DONE) {
        code = edit(run, feed, &request, ((const Feed__GetShareReply *)(const void *)message)->share);
        feed_free_message(feed, message);
    }
    feed_blocking_free(feed);
    return code;
}

const struct command command_edit = {
    .name = "edit",
    .arguments = "SHARE_ID",
    .summary = "Change what a share says",
    .details = "\nWhat is not given stays as it is. The server says for how long a share may be edited.",
    .options = {
        { "as", "SUBJECT", "its author", true },
        { "title", "TITLE", "what the page is called", false },
        { "extract", "TEXT", "from the page; cut to 280 characters", false },
        { "comment", "TEXT", "the sharer's own words", false },
    },
    .run = run_edit,
};
