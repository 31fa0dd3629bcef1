/* feedctl mark-read and unread: how far a reader has read. */
#include <stdio.h>

#include "command.h"
#include "json.h"
#include "session.h"
#include "view.h"

/* The newest share of the home timeline; 0 if there is none. */
static int newest_share(const struct run *run, struct feed_blocking *feed, uint64_t *ret_id)
{
    Feed__GetTimelineRequest request = FEED__GET_TIMELINE_REQUEST__INIT;
    const Feed__GetTimelineReply *reply;
    ProtobufCMessage *message;
    int code;

    request.reader = run->arguments[0];
    request.limit = 1;
    code = session_call(run, feed, &request.base, &message);
    if (code != DONE)
        return code;
    reply = (const void *)message;
    *ret_id = reply->n_shares > 0 ? reply->shares[0]->id : 0;
    feed_free_message(feed, message);
    return DONE;
}

static int mark_inbox(const struct run *run, struct feed_blocking *feed, uint64_t id)
{
    Feed__MarkInboxReadRequest request = FEED__MARK_INBOX_READ_REQUEST__INIT;
    const Feed__MarkInboxReadReply *reply;
    ProtobufCMessage *message;
    int code;

    request.subject = run->arguments[0];
    request.id = id;
    code = session_call(run, feed, &request.base, &message);
    if (code != DONE)
        return code;
    reply = (const void *)message;
    if (run->json)
        json_print_message(message);
    else
        printf("inbox read as far as #%llu\n", (unsigned long long)reply->marker);
    feed_free_message(feed, message);
    return DONE;
}

/* The newest notice; 0 if there is none. */
static int newest_notice(const struct run *run, struct feed_blocking *feed, uint64_t *ret_id)
{
    Feed__GetInboxRequest request = FEED__GET_INBOX_REQUEST__INIT;
    const Feed__GetInboxReply *reply;
    ProtobufCMessage *message;
    int code;

    request.subject = run->arguments[0];
    request.limit = 1;
    code = session_call(run, feed, &request.base, &message);
    if (code != DONE)
        return code;
    reply = (const void *)message;
    *ret_id = reply->n_notices > 0 ? reply->notices[0]->id : 0;
    feed_free_message(feed, message);
    return DONE;
}

static int mark(const struct run *run, struct feed_blocking *feed, uint64_t id)
{
    Feed__MarkReadRequest request = FEED__MARK_READ_REQUEST__INIT;
    const Feed__MarkReadReply *reply;
    ProtobufCMessage *message;
    int code;

    request.reader = run->arguments[0];
    request.id = id;
    code = session_call(run, feed, &request.base, &message);
    if (code != DONE)
        return code;
    reply = (const void *)message;
    if (run->json)
        json_print_message(message);
    else
        printf("%s #%llu\n", reply->repeated ? "was read already as far as" : "read as far as",
               (unsigned long long)reply->marker);
    feed_free_message(feed, message);
    return DONE;
}

static int run_mark_read(const struct run *run)
{
    bool inbox = run_option(run, "inbox") != NULL;
    struct feed_blocking *feed;
    uint64_t id = 0;
    int code;

    if (run->argument_count > 1 && !run_id(run->arguments[1], &id))
        return USAGE;
    code = session_open(run, NULL, &feed);
    if (code != DONE)
        return code;
    if (run->argument_count == 1)
        code = inbox ? newest_notice(run, feed, &id) : newest_share(run, feed, &id);
    if (code == DONE && (id != 0 || run->argument_count > 1))
        code = inbox ? mark_inbox(run, feed, id) : mark(run, feed, id);
    else if (code == DONE && !run->json)
        puts("there is nothing to read");
    feed_blocking_free(feed);
    return code;
}

const struct command command_mark_read = {
    .name = "mark-read",
    .arguments = "READER [ID]",
    .summary = "Say how far a reader has read",
    .details = "\nEverything up to the share counts as read; without one, everything that is in the home timeline now.\n"
               "With --inbox the same of the inbox, by the ids of notices.",
    .options = { { "inbox", NULL, "mark the inbox", false } },
    .run = run_mark_read,
};

static void print_unread(const Feed__GetUnreadReply *reply)
{
    view_unread(reply->marker, reply->unread, reply->more);
    if (reply->inbox_unread > 0)
        view_note("and %s%u in the inbox", reply->inbox_more ? "more than " : "", reply->inbox_unread);
}

static int run_unread(const struct run *run)
{
    Feed__GetUnreadRequest request = FEED__GET_UNREAD_REQUEST__INIT;
    struct feed_blocking *feed;
    ProtobufCMessage *message;
    int code = session_open(run, NULL, &feed);

    if (code != DONE)
        return code;
    request.reader = run->arguments[0];
    code = session_call(run, feed, &request.base, &message);
    if (code == DONE) {
        const Feed__GetUnreadReply *reply = (const void *)message;

        if (run->json)
            json_print_message(message);
        else
            print_unread(reply);
        feed_free_message(feed, message);
    }
    feed_blocking_free(feed);
    return code;
}

const struct command command_unread = {
    .name = "unread",
    .arguments = "READER",
    .summary = "Count what a reader has not read yet",
    .run = run_unread,
};
