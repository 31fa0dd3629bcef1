/* feedctl share */
#include <stdio.h>

#include "command.h"
#include "json.h"
#include "session.h"

static int run_share(const struct run *run)
{
    Feed__ShareRequest request = FEED__SHARE_REQUEST__INIT;
    struct feed_blocking *feed;
    ProtobufCMessage *message;
    int code = session_open(run, NULL, &feed);

    if (code != DONE)
        return code;
    request.author = run_text(run, "as");
    request.url = run->arguments[0];
    request.title = run_text(run, "title");
    request.extract = run_text(run, "extract");
    request.image_url = run_text(run, "image");
    request.comment = run_text(run, "comment");
    request.idempotency_key = run_text(run, "key");
    code = session_call(run, feed, &request.base, &message);
    if (code == DONE) {
        const Feed__ShareReply *reply = (const void *)message;

        if (run->json)
            json_print_message(message);
        else
            printf("%s %llu\n", reply->repeated ? "already shared as" : "shared as", (unsigned long long)reply->id);
        feed_free_message(feed, message);
    }
    feed_blocking_free(feed);
    return code;
}

const struct command command_share = {
    .name = "share",
    .arguments = "URL",
    .summary = "Share a link",
    .details = "\nPrints the id of the share. Sharing again under the same --key gives the first one's id.",
    .options = {
        { "as", "SUBJECT", "who shares", true },
        { "title", "TITLE", "what the page is called", false },
        { "extract", "TEXT", "from the page; cut to 280 characters", false },
        { "image", "URL", "a picture of it", false },
        { "comment", "TEXT", "the sharer's own words", false },
        { "key", "KEY", "idempotency key: the same key is the same share", false },
    },
    .run = run_share,
};
