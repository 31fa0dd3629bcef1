/* feedctl follow and unfollow. */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "json.h"
#include "session.h"
#include "text.h"

static void print_outcome(const struct run *run, const char *subject, const char *outcome)
{
    char *reader = text_clean(run->arguments[0]);
    char *clean = text_clean(subject);

    if (reader != NULL && clean != NULL)
        printf("%s %s %s\n", reader, outcome, clean);
    free(reader);
    free(clean);
}

static int follow_one(const struct run *run, struct feed_blocking *feed, char *subject)
{
    Feed__FollowRequest request = FEED__FOLLOW_REQUEST__INIT;
    const Feed__FollowReply *reply;
    ProtobufCMessage *message;
    int code;

    request.reader = run->arguments[0];
    request.subject = subject;
    code = session_call(run, feed, &request.base, &message);
    if (code != DONE)
        return code;
    reply = (const void *)message;
    if (run->json)
        json_print_message(message);
    else
        print_outcome(run, subject, reply->repeated ? "already follows" : "now follows");
    feed_free_message(feed, message);
    return DONE;
}

static int unfollow_one(const struct run *run, struct feed_blocking *feed, char *subject)
{
    Feed__UnfollowRequest request = FEED__UNFOLLOW_REQUEST__INIT;
    const Feed__UnfollowReply *reply;
    ProtobufCMessage *message;
    int code;

    request.reader = run->arguments[0];
    request.subject = subject;
    request.keep_history = run_option(run, "keep-history") != NULL;
    code = session_call(run, feed, &request.base, &message);
    if (code != DONE)
        return code;
    reply = (const void *)message;
    if (run->json)
        json_print_message(message);
    else
        print_outcome(run, subject, reply->repeated ? "did not follow" : "no longer follows");
    feed_free_message(feed, message);
    return DONE;
}

/* Does `one` for each subject. Those after a refused one have their turn too. */
static int for_each_subject(const struct run *run, int (*one)(const struct run *, struct feed_blocking *, char *))
{
    struct feed_blocking *feed;
    int code = session_open(run, NULL, &feed);

    if (code != DONE)
        return code;
    for (size_t i = 1; i < run->argument_count && code != NO_SERVER; i++) {
        int outcome = one(run, feed, run->arguments[i]);

        if (outcome != DONE)
            code = outcome;
    }
    feed_blocking_free(feed);
    return code;
}

static int run_follow(const struct run *run)
{
    return for_each_subject(run, follow_one);
}

static int run_unfollow(const struct run *run)
{
    return for_each_subject(run, unfollow_one);
}

const struct command command_follow = {
    .name = "follow",
    .arguments = "READER SUBJECT...",
    .summary = "Let a reader follow subjects",
    .details = "\nTheir shares come into the reader's timeline at once.",
    .run = run_follow,
};

const struct command command_unfollow = {
    .name = "unfollow",
    .arguments = "READER SUBJECT...",
    .summary = "Let a reader stop following subjects",
    .options = { { "keep-history", NULL, "what they have shared until now stays in the reader's timeline", false } },
    .run = run_unfollow,
};
