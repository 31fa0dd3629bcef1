/* feedctl following, followers and blocked: lists of subjects, all of their pages. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "json.h"
#include "session.h"
#include "text.h"
#include "view.h"

/* What the kinds of pages have in common. */
struct page {
    char **names;
    size_t count;
    const char *next_cursor;
    uint64_t total;
};

/* Asks for the page at `cursor` and points *ret_page into *ret_message. */
typedef int page_fn(const struct run *run, struct feed_blocking *feed, char *cursor, ProtobufCMessage **ret_message,
                    struct page *ret_page);

static int page_of_following(const struct run *run, struct feed_blocking *feed, char *cursor,
                             ProtobufCMessage **ret_message, struct page *ret_page)
{
    Feed__GetFollowingRequest request = FEED__GET_FOLLOWING_REQUEST__INIT;
    const Feed__GetFollowingReply *reply;
    int code;

    request.reader = run->arguments[0];
    request.limit = UINT32_MAX;
    request.cursor = cursor;
    code = session_call(run, feed, &request.base, ret_message);
    if (code != DONE)
        return code;
    reply = (const void *)*ret_message;
    *ret_page = (struct page){ reply->subjects, reply->n_subjects, reply->next_cursor, reply->total };
    return DONE;
}

static int page_of_followers(const struct run *run, struct feed_blocking *feed, char *cursor,
                             ProtobufCMessage **ret_message, struct page *ret_page)
{
    Feed__GetFollowersRequest request = FEED__GET_FOLLOWERS_REQUEST__INIT;
    const Feed__GetFollowersReply *reply;
    int code;

    request.subject = run->arguments[0];
    request.limit = UINT32_MAX;
    request.cursor = cursor;
    code = session_call(run, feed, &request.base, ret_message);
    if (code != DONE)
        return code;
    reply = (const void *)*ret_message;
    *ret_page = (struct page){ reply->readers, reply->n_readers, reply->next_cursor, reply->total };
    return DONE;
}

static int page_of_blocked(const struct run *run, struct feed_blocking *feed, char *cursor,
                           ProtobufCMessage **ret_message, struct page *ret_page)
{
    Feed__GetBlockedRequest request = FEED__GET_BLOCKED_REQUEST__INIT;
    const Feed__GetBlockedReply *reply;
    int code;

    request.reader = run->arguments[0];
    request.limit = UINT32_MAX;
    request.cursor = cursor;
    request.muted = run_option(run, "muted") != NULL;
    code = session_call(run, feed, &request.base, ret_message);
    if (code != DONE)
        return code;
    reply = (const void *)*ret_message;
    *ret_page = (struct page){ reply->subjects, reply->n_subjects, reply->next_cursor, reply->total };
    return DONE;
}

static void print_page(const struct page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        char *name = text_clean(page->names[i]);

        if (name != NULL)
            puts(name);
        free(name);
    }
}

static int print_all(const struct run *run, page_fn *ask, const char *one, const char *many)
{
    char *cursor = strdup("");
    struct feed_blocking *feed;
    uint64_t total = 0;
    int code = session_open(run, NULL, &feed);

    if (code != DONE) {
        free(cursor);
        return code;
    }
    view_init();
    while (code == DONE && cursor != NULL) {
        ProtobufCMessage *message;
        struct page page;

        code = ask(run, feed, cursor, &message, &page);
        if (code != DONE)
            break;
        if (run->json)
            json_print_message(message);
        else
            print_page(&page);
        total = page.total;
        free(cursor);
        cursor = page.next_cursor[0] != '\0' ? strdup(page.next_cursor) : NULL;
        feed_free_message(feed, message);
    }
    if (code == DONE && !run->json)
        view_note("%" PRIu64 " %s", total, total == 1 ? one : many);
    free(cursor);
    feed_blocking_free(feed);
    return code;
}

static int run_following(const struct run *run)
{
    return print_all(run, page_of_following, "subject followed", "subjects followed");
}

static int run_followers(const struct run *run)
{
    return print_all(run, page_of_followers, "follower", "followers");
}

static int run_blocked(const struct run *run)
{
    bool muted = run_option(run, "muted") != NULL;

    return print_all(run, page_of_blocked, muted ? "subject muted" : "subject blocked",
                     muted ? "subjects muted" : "subjects blocked");
}

const struct command command_following = {
    .name = "following",
    .arguments = "READER",
    .summary = "List whom a reader follows, latest first",
    .run = run_following,
};

const struct command command_followers = {
    .name = "followers",
    .arguments = "SUBJECT",
    .summary = "List who follows a subject, latest first",
    .run = run_followers,
};

const struct command command_blocked = {
    .name = "blocked",
    .arguments = "READER",
    .summary = "List whom a reader blocks, latest first",
    .options = { { "muted", NULL, "whom it has muted", false } },
    .run = run_blocked,
};
