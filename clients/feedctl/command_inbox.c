/* feedctl inbox: what others did that concerns a subject. */
#include <stdio.h>

#include "command.h"
#include "json.h"
#include "session.h"
#include "view.h"

static void print_inbox(const struct run *run, const Feed__GetInboxReply *page)
{
    if (run->json) {
        json_print_message(&page->base);
        return;
    }
    view_init();
    for (size_t i = 0; i < page->n_notices; i++)
        view_notice(page->notices[i], page->notices[i]->id > page->marker);
    if (page->end == FEED__PAGE_END__MORE)
        view_note("more: --before %s", page->next_cursor);
    else
        view_note("%s", page->end == FEED__PAGE_END__CAPPED ? "older ones are no longer held" : "that is all");
}

static int run_inbox(const struct run *run)
{
    Feed__GetInboxRequest request = FEED__GET_INBOX_REQUEST__INIT;
    struct feed_blocking *feed;
    ProtobufCMessage *message;
    unsigned long limit;
    int code;

    if (!run_option_number(run, "limit", 1, UINT32_MAX, 0, &limit))
        return USAGE;
    code = session_open(run, NULL, &feed);
    if (code != DONE)
        return code;
    request.subject = run->arguments[0];
    request.limit = (uint32_t)limit;
    request.before = run_text(run, "before");
    code = session_call(run, feed, &request.base, &message);
    if (code == DONE) {
        print_inbox(run, (const void *)message);
        feed_free_message(feed, message);
    }
    feed_blocking_free(feed);
    return code;
}

const struct command command_inbox = {
    .name = "inbox",
    .arguments = "SUBJECT",
    .summary = "Show who followed a subject, commented on its shares, re-shared them or replied to it",
    .details = "\nOne page, the newest first. What is new since it was marked as read has a star.",
    .options = {
        { "limit", "N", "at most so many (default: one page of the server)", false },
        { "before", "CURSOR", "go on where another call ended", false },
    },
    .run = run_inbox,
};
