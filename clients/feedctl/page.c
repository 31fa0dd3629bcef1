/* See page.h. */
#include "page.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "session.h"
#include "text.h"
#include "view.h"

#define REBUILD_WAIT_MS 250
#define REBUILD_TRIES 40

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
int page_print_shares(const struct run *run, page_fn *ask, page_head_fn *head)
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
        if (head != NULL)
            head(run, message);
        head = NULL;
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
