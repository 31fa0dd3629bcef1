/* feedctl presence: how many are connected to a subject. */
#include <stdio.h>

#include "command.h"
#include "json.h"
#include "session.h"
#include "text.h"

static int run_presence(const struct run *run)
{
    Feed__GetPresenceRequest request = FEED__GET_PRESENCE_REQUEST__INIT;
    char watching[32], listening[32];
    struct feed_blocking *feed;
    ProtobufCMessage *message;
    int code = session_open(run, NULL, &feed);

    if (code != DONE)
        return code;
    request.subject = run->arguments[0];
    code = session_call(run, feed, &request.base, &message);
    if (code == DONE) {
        const Feed__GetPresenceReply *reply = (const void *)message;

        text_number(reply->watching, watching);
        text_number(reply->listening, listening);
        if (run->json)
            json_print_message(message);
        else
            printf("%s · %s watching the profile · %s listening at home\n", reply->online ? "online" : "away", watching,
                   listening);
        feed_free_message(feed, message);
    }
    feed_blocking_free(feed);
    return code;
}

const struct command command_presence = {
    .name = "presence",
    .arguments = "SUBJECT",
    .summary = "Count who is connected to a subject",
    .details = "\nOpen streams of its profile, and home streams of those who follow it, on all servers together.",
    .run = run_presence,
};
