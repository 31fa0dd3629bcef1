/* feedctl timeline and profile: pages of shares. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "json.h"
#include "session.h"
#include "text.h"
#include "view.h"

#define REBUILD_WAIT_MS 250
#define REBUILD_TRIES 40

/* What the two kinds of pages have in common. */
struct page {
    Feed__Share **shares;
    size_t count;
    const char *next_cursor;
    Feed__PageEnd end;
};

/* Asks for up to `limit` shares before `before` and points *ret_page into *ret_message. */
typedef int page_fn(const struct run *run, struct feed_blocking *feed, uint32_t limit, char *before,
                    ProtobufCMessage **ret_message, struct page *ret_page);

static int page_of_timeline(const struct run *run, struct feed_blocking *feed, uint32_t limit, char *before,
                            ProtobufCMessage **ret_message, struct page *ret_page)
{
    Feed__GetTimelineRequest request = FEED__GET_TIMELINE_REQUEST__INIT;
    const Feed__GetTimelineReply *reply;
    int code;

    request.reader = run->arguments[0];
    request.limit = limit;
    request.before = before;
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

static void print_end(const struct run *run, Feed__PageEnd end, const char *cursor)
{
    if (run->json) {
        const ProtobufCEnumValue *name = protobuf_c_enum_descriptor_get_value(&feed__page_end__descriptor, (int)end);

        json_print(json_pack("{s:s, s:o}", "end", name != NULL ? name->name : "?", "nextCursor",
                             json_from_text(cursor)));
    } else if (end == FEED__PAGE_END__MORE) {
        char *clean = text_clean(cursor);

        view_note("more: --before %s", clean != NULL ? clean : "");
        free(clean);
    } else if (end == FEED__PAGE_END__CAPPED) {
        view_note("older shares are no longer held here");
    } else if (end == FEED__PAGE_END__REBUILDING) {
        view_note("still being put together: ask again in a moment");
    } else {
        view_note("that is all");
    }
}

/* One answer, of at most `left` shares; asks again while the timeline is being built. */
static int ask_patiently(const struct run *run, page_fn *ask, struct feed_blocking *feed, unsigned long left,
                         char *cursor, ProtobufCMessage **ret_message, struct page *ret_page)
{
    int code = DONE;

    for (int tries = 0; tries < REBUILD_TRIES; tries++) {
        code = ask(run, feed, (uint32_t)left, cursor, ret_message, ret_page);
        if (code != DONE || ret_page->end != FEED__PAGE_END__REBUILDING || tries + 1 == REBUILD_TRIES)
            break;
        feed_free_message(feed, *ret_message);
        for (uint64_t until = feed_client_now_ms(feed_blocking_client(feed)) + REBUILD_WAIT_MS;
             feed_client_now_ms(feed_blocking_client(feed)) < until;)
            feed_blocking_turn(feed, REBUILD_WAIT_MS);
    }
    return code;
}

/* Prints `limit` shares (0: one page of the server's size), from --before on. */
static int print_shares(const struct run *run, page_fn *ask)
{
    char *cursor = strdup(run_text(run, "before"));
    struct page page = { .end = FEED__PAGE_END__MORE };
    struct feed_blocking *feed;
    unsigned long limit, left;
    int code;

    if (!run_option_number(run, "limit", 1, UINT32_MAX, 0, &limit)) {
        free(cursor);
        return USAGE;
    }
    code = session_open(run, NULL, &feed);
    if (code != DONE) {
        free(cursor);
        return code;
    }
    view_init();
    left = limit;
    while (cursor != NULL) {
        ProtobufCMessage *message;

        code = ask_patiently(run, ask, feed, left, cursor, &message, &page);
        if (code != DONE)
            break;
        for (size_t i = 0; i < page.count; i++) {
            if (run->json)
                json_print_message(&page.shares[i]->base);
            else
                view_share(page.shares[i]);
        }
        left -= page.count < left ? page.count : left;
        free(cursor);
        cursor = strdup(page.next_cursor);
        feed_free_message(feed, message);
        if (left == 0 || page.end != FEED__PAGE_END__MORE)
            break;
    }
    if (code == DONE)
        print_end(run, page.end, cursor != NULL ? cursor : "");
    free(cursor);
    feed_blocking_free(feed);
    return code;
}

static int run_timeline(const struct run *run)
{
    return print_shares(run, page_of_timeline);
}

static int run_profile(const struct run *run)
{
    return print_shares(run, page_of_profile);
}

#define PAGE_OPTIONS                                                                         \
    {                                                                                        \
        { "limit", "N", "so many shares (default: one page of the server)", false },         \
        { "before", "CURSOR", "go on where another call ended", false },                     \
    }

const struct command command_timeline = {
    .name = "timeline",
    .arguments = "READER",
    .summary = "Show a reader's home timeline, newest first",
    .details = "\nWith --json one share a line, then a line with `end` (MORE, END, CAPPED or REBUILDING) and\n"
               "`nextCursor`.",
    .options = PAGE_OPTIONS,
    .run = run_timeline,
};

const struct command command_profile = {
    .name = "profile",
    .arguments = "SUBJECT",
    .summary = "Show what a subject has shared, newest first",
    .details = "\nWith --json one share a line, then a line with `end` (MORE, END or CAPPED) and `nextCursor`.",
    .options = PAGE_OPTIONS,
    .run = run_profile,
};
