/* feedctl ping */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "command.h"
#include "json.h"
#include "session.h"
#include "text.h"

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int run_ping(const struct run *run)
{
    Feed__PingRequest request = FEED__PING_REQUEST__INIT;
    const Feed__HelloReply *hello;
    struct feed_blocking *feed;
    ProtobufCMessage *message;
    double start, took;
    int code = session_open(run, NULL, &feed);

    if (code != DONE)
        return code;
    start = now_ms();
    code = session_call(run, feed, &request.base, &message);
    took = now_ms() - start;
    if (code == DONE) {
        hello = feed_client_hello(feed_blocking_client(feed));
        if (run->json) {
            json_print(json_pack("{s:f, s:o}", "roundTripMs", took, "hello", json_from_message(&hello->base)));
        } else {
            char *version = text_clean(hello->server_version);

            printf("%s at %s answered in %.2f ms\n", version != NULL ? version : "?", session_address(run), took);
            free(version);
        }
        feed_free_message(feed, message);
    }
    feed_blocking_free(feed);
    return code;
}

const struct command command_ping = {
    .name = "ping",
    .arguments = "",
    .summary = "Ask the server whether it is there",
    .run = run_ping,
};
