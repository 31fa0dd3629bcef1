/* feedctl delete and show: commands about one share. */
#include <stdio.h>

#include "command.h"
#include "json.h"
#include "session.h"
#include "view.h"

static int run_delete(const struct run *run)
{
    Feed__DeleteShareRequest request = FEED__DELETE_SHARE_REQUEST__INIT;
    struct feed_blocking *feed;
    ProtobufCMessage *message;
    int code;

    if (!run_id(run->arguments[0], &request.id))
        return USAGE;
    request.author = run_text(run, "as");
    code = session_open(run, NULL, &feed);
    if (code != DONE)
        return code;
    code = session_call(run, feed, &request.base, &message);
    if (code == DONE) {
        const Feed__DeleteShareReply *reply = (const void *)message;

        if (run->json)
            json_print_message(message);
        else
            puts(reply->repeated ? "was deleted already" : "deleted");
        feed_free_message(feed, message);
    }
    feed_blocking_free(feed);
    return code;
}

static int run_show(const struct run *run)
{
    Feed__GetShareRequest request = FEED__GET_SHARE_REQUEST__INIT;
    struct feed_blocking *feed;
    ProtobufCMessage *message;
    int code;

    if (!run_id(run->arguments[0], &request.id))
        return USAGE;
    code = session_open(run, NULL, &feed);
    if (code != DONE)
        return code;
    code = session_call(run, feed, &request.base, &message);
    if (code == DONE) {
        const Feed__GetShareReply *reply = (const void *)message;

        view_init();
        if (reply->share != NULL && run->json)
            json_print_message(&reply->share->base);
        else if (reply->share != NULL)
            view_share(reply->share);
        feed_free_message(feed, message);
    }
    feed_blocking_free(feed);
    return code;
}

const struct command command_delete = {
    .name = "delete",
    .arguments = "SHARE_ID",
    .summary = "Delete a share",
    .options = { { "as", "SUBJECT", "its author", true } },
    .run = run_delete,
};

const struct command command_show = {
    .name = "show",
    .arguments = "SHARE_ID",
    .summary = "Show a share",
    .run = run_show,
};
