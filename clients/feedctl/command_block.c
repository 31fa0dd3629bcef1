/* feedctl block, unblock, mute and unmute. */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "json.h"
#include "session.h"
#include "text.h"

/* What differs between the four: the request, and what its reply is told as. */
typedef int pair_fn(const struct run *run, struct feed_blocking *feed, char *subject, ProtobufCMessage **ret_message,
                    bool *ret_repeated);

#define PAIR(name, Type, TYPE)                                                                                          \
    static int ask_##name(const struct run *run, struct feed_blocking *feed, char *subject,                            \
                          ProtobufCMessage **ret_message, bool *ret_repeated)                                           \
    {                                                                                                                   \
        Feed__##Type##Request request = FEED__##TYPE##_REQUEST__INIT;                                                   \
        int code;                                                                                                       \
                                                                                                                        \
        request.reader = run->arguments[0];                                                                             \
        request.subject = subject;                                                                                      \
        code = session_call(run, feed, &request.base, ret_message);                                                     \
        if (code == DONE)                                                                                               \
            *ret_repeated = ((const Feed__##Type##Reply *)(const void *)*ret_message)->repeated;                        \
        return code;                                                                                                    \
    }
PAIR(block, Block, BLOCK)
PAIR(unblock, Unblock, UNBLOCK)
PAIR(mute, Mute, MUTE)
PAIR(unmute, Unmute, UNMUTE)
#undef PAIR

static int one(const struct run *run, struct feed_blocking *feed, char *subject, pair_fn *ask, const char *done,
               const char *repeated)
{
    char *clean_reader, *clean_subject;
    ProtobufCMessage *message;
    bool was_so;
    int code = ask(run, feed, subject, &message, &was_so);

    if (code != DONE)
        return code;
    clean_reader = text_clean(run->arguments[0]);
    clean_subject = text_clean(subject);
    if (run->json)
        json_print_message(message);
    else if (clean_reader != NULL && clean_subject != NULL)
        printf("%s %s %s\n", clean_reader, was_so ? repeated : done, clean_subject);
    free(clean_reader);
    free(clean_subject);
    feed_free_message(feed, message);
    return DONE;
}

/* Those after a refused one have their turn too. */
static int for_each_subject(const struct run *run, pair_fn *ask, const char *done, const char *repeated)
{
    struct feed_blocking *feed;
    int code = session_open(run, NULL, &feed);

    if (code != DONE)
        return code;
    for (size_t i = 1; i < run->argument_count && code != NO_SERVER; i++) {
        int outcome = one(run, feed, run->arguments[i], ask, done, repeated);

        if (outcome != DONE)
            code = outcome;
    }
    feed_blocking_free(feed);
    return code;
}

static int run_block(const struct run *run)
{
    return for_each_subject(run, ask_block, "now blocks", "already blocks");
}

static int run_unblock(const struct run *run)
{
    return for_each_subject(run, ask_unblock, "no longer blocks", "did not block");
}

static int run_mute(const struct run *run)
{
    return for_each_subject(run, ask_mute, "has muted", "had already muted");
}

static int run_unmute(const struct run *run)
{
    return for_each_subject(run, ask_unmute, "has unmuted", "had not muted");
}

const struct command command_block = {
    .name = "block",
    .arguments = "READER SUBJECT...",
    .summary = "Let a reader and subjects not see each other",
    .details = "\nWhatever follows stand between them are ended, and neither can follow the other.",
    .run = run_block,
};

const struct command command_unblock = {
    .name = "unblock",
    .arguments = "READER SUBJECT...",
    .summary = "End blocks; follows that they ended stay ended",
    .run = run_unblock,
};

const struct command command_mute = {
    .name = "mute",
    .arguments = "READER SUBJECT...",
    .summary = "Let a reader not see subjects, who are not told",
    .run = run_mute,
};

const struct command command_unmute = {
    .name = "unmute",
    .arguments = "READER SUBJECT...",
    .summary = "Let a reader see muted subjects again",
    .run = run_unmute,
};
