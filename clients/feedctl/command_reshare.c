/* feedctl reshare */
#include <stdio.h>

#include "command.h"
#include "json.h"
#include "session.h"

static int run_reshare(const struct run *run)
{
    Feed__ReshareRequest request = FEED__RESHARE_REQUEST__INIT;
    struct feed_blocking *feed;
    ProtobufCMessage *message;
    int code;

    if (!run_id(run->arguments[0], &request.share_id))
        return USAGE;
    code = session_open(run, NULL, &feed);
    if (code != DONE)
        return code;
    request.author = run_text(run, "as");
    request.comment = run_text(run, "comment");
    code = session_call(run, feed, &request.base, &message);
    if (code == DONE) {
        const Feed__ReshareReply *reply = (const void *)message;

        if (run->json)
            json_print_message(message);
        else
            printf("%s %llu\n", reply->repeated ? "already re-shared as" : "re-shared as", (unsigned long long)reply->id);
        feed_free_message(feed, message);
    }
    feed_blocking_free(feed);
    return code;
}

const struct command command_reshare = {
    .name = "reshare",
    .arguments = "SHARE_ID",
    .summary = "Share what somebody else has shared",
    .details = "\nPrints the id of the re-share. A re-share of a re-share is one of what that is of. Who re-shares the same again\n"
               "gets the first one's id.",
    .options = {
        { "as", "SUBJECT", "who re-shares it", true },
        { "comment", "TEXT", "their own words", false },
    },
    .run = run_reshare,
};
