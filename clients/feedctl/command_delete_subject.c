/* feedctl delete-subject: begins it, and shows how far it has come. */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "json.h"
#include "progress.h"
#include "session.h"
#include "text.h"

#define ASK_MS 100

static void pass_time(struct feed_blocking *feed, int wait_ms)
{
    struct feed_client *client = feed_blocking_client(feed);
    uint64_t until = feed_client_now_ms(client) + (uint64_t)wait_ms;

    while (feed_client_now_ms(client) < until)
        feed_blocking_turn(feed, wait_ms);
}

static void show(struct progress *progress, const Feed__SubjectDeletion *deletion, uint64_t now_ms)
{
    progress->total_bytes = deletion->total;
    progress->done_bytes = deletion->total - (deletion->left < deletion->total ? deletion->left : deletion->total);
    progress_show(progress, progress->done_bytes, now_ms, true);
}

/* Asks until it is done. *ret_reply is the last answer. */
static int wait_until_done(const struct run *run, struct feed_blocking *feed, ProtobufCMessage **ret_reply)
{
    Feed__GetSubjectDeletionRequest request = FEED__GET_SUBJECT_DELETION_REQUEST__INIT;
    struct feed_client *client = feed_blocking_client(feed);
    const Feed__GetSubjectDeletionReply *reply;
    struct progress progress;
    bool done = false;
    int code = DONE;

    request.subject = run->arguments[0];
    progress_init(&progress, "piece", 0);
    while (code == DONE && !done) {
        code = session_call(run, feed, &request.base, ret_reply);
        if (code != DONE)
            break;
        reply = (const void *)*ret_reply;
        done = reply->deletion == NULL || reply->deletion->done;
        if (done)
            break;
        show(&progress, reply->deletion, feed_client_now_ms(client));
        feed_free_message(feed, *ret_reply);
        pass_time(feed, ASK_MS);
    }
    progress_done(&progress);
    return code;
}

static void print_outcome(const struct run *run, const Feed__SubjectDeletion *deletion)
{
    char *subject = text_clean(run->arguments[0]), total[TEXT_COUNT_BYTES];

    text_count(deletion != NULL ? deletion->total : 0, "piece", total);
    printf("%s is deleted: %s\n", subject != NULL ? subject : "", total);
    free(subject);
}

static int run_delete_subject(const struct run *run)
{
    Feed__DeleteSubjectRequest request = FEED__DELETE_SUBJECT_REQUEST__INIT;
    struct feed_blocking *feed;
    ProtobufCMessage *message;
    int code = session_open(run, NULL, &feed);

    if (code != DONE)
        return code;
    request.subject = run->arguments[0];
    code = session_call(run, feed, &request.base, &message);
    if (code == DONE) {
        feed_free_message(feed, message);
        code = wait_until_done(run, feed, &message);
    }
    if (code == DONE && run->json)
        json_print_message(message);
    else if (code == DONE)
        print_outcome(run, ((const Feed__GetSubjectDeletionReply *)(const void *)message)->deletion);
    if (code == DONE)
        feed_free_message(feed, message);
    feed_blocking_free(feed);
    return code;
}

const struct command command_delete_subject = {
    .name = "delete-subject",
    .arguments = "SUBJECT",
    .summary = "Delete a subject with everything that it left behind",
    .details = "\nShows how far it has come. If this is interrupted the deletion goes on; the same command shows it again.",
    .run = run_delete_subject,
};
