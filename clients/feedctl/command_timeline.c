/* feedctl timeline and profile: pages of shares. */
#include "command.h"
#include "page.h"
#include "session.h"

static int page_of_timeline(const struct run *run, struct feed_blocking *feed, uint32_t limit, char *before,
                            ProtobufCMessage **ret_message, struct page *ret_page)
{
    Feed__GetTimelineRequest request = FEED__GET_TIMELINE_REQUEST__INIT;
    const Feed__GetTimelineReply *reply;
    int code;

    request.reader = run->arguments[0];
    request.limit = limit;
    request.before = before;
    request.also_shared_by = run_option(run, "also-shared") != NULL;
    code = session_call(run, feed, &request.base, ret_message);
    if (code != DONE)
        return code;
    reply = (const void *)*ret_message;
    *ret_page = (struct page){ reply->shares, reply->n_shares, reply->next_cursor, reply->end };
    return DONE;
}

static int page_of_profile(const struct run *run, struct feed_blocking *feed, uint32_t limit, char *before,
                           ProtobufCMessage **ret_message, struct page *ret_page)
{
    Feed__GetProfileRequest request = FEED__GET_PROFILE_REQUEST__INIT;
    const Feed__GetProfileReply *reply;
    int code;

    request.subject = run->arguments[0];
    request.limit = limit;
    request.before = before;
    code = session_call(run, feed, &request.base, ret_message);
    if (code != DONE)
        return code;
    reply = (const void *)*ret_message;
    *ret_page = (struct page){ reply->shares, reply->n_shares, reply->next_cursor, reply->end };
    return DONE;
}

static int run_timeline(const struct run *run)
{
    return page_print_shares(run, page_of_timeline, NULL);
}

static int run_profile(const struct run *run)
{
    return page_print_shares(run, page_of_profile, NULL);
}

const struct command command_timeline = {
    .name = "timeline",
    .arguments = "READER",
    .summary = "Show a reader's home timeline, newest first",
    .details = "\nWith --json one share a line, then a line with `end` (MORE, END, CAPPED or REBUILDING) and\n"
               "`nextCursor`.",
    .options = { PAGE_OPTIONS, { "also-shared", NULL, "say beside each share who else shared the same", false } },
    .run = run_timeline,
};

const struct command command_profile = {
    .name = "profile",
    .arguments = "SUBJECT",
    .summary = "Show what a subject has shared, newest first",
    .details = "\nWith --json one share a line, then a line with `end` (MORE, END or CAPPED) and `nextCursor`.",
    .options = { PAGE_OPTIONS },
    .run = run_profile,
};
