/* feedctl destination and site: who shared what a url leads to, or something of a site. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "json.h"
#include "page.h"
#include "session.h"
#include "text.h"
#include "view.h"

static int page_of_destination(const struct run *run, struct feed_blocking *feed, uint32_t limit, char *before,
                               ProtobufCMessage **ret_message, struct page *ret_page)
{
    Feed__GetDestinationRequest request = FEED__GET_DESTINATION_REQUEST__INIT;
    const Feed__GetDestinationReply *reply;
    int code;

    request.url = run->arguments[0];
    request.reader = run_text(run, "reader");
    request.limit = limit;
    request.before = before;
    code = session_call(run, feed, &request.base, ret_message);
    if (code != DONE)
        return code;
    reply = (const void *)*ret_message;
    *ret_page = (struct page){ reply->shares, reply->n_shares, reply->next_cursor, reply->end };
    return DONE;
}

static int page_of_site(const struct run *run, struct feed_blocking *feed, uint32_t limit, char *before,
                        ProtobufCMessage **ret_message, struct page *ret_page)
{
    Feed__GetSiteRequest request = FEED__GET_SITE_REQUEST__INIT;
    const Feed__GetSiteReply *reply;
    int code;

    request.site = run->arguments[0];
    request.reader = run_text(run, "reader");
    request.limit = limit;
    request.before = before;
    code = session_call(run, feed, &request.base, ret_message);
    if (code != DONE)
        return code;
    reply = (const void *)*ret_message;
    *ret_page = (struct page){ reply->shares, reply->n_shares, reply->next_cursor, reply->end };
    return DONE;
}

/* "https://example.org/ · shared by 12, 3 of them followed by bob". `url` NULL: of a site. */
static void print_head(const struct run *run, const char *url, const char *site, uint64_t sharers, uint64_t followed)
{
    char all[32], some[32], *clean = text_clean(url != NULL ? url : site), *reader = text_clean(run_text(run, "reader"));

    if (run->json) {
        json_print(json_pack("{s:o*, s:o, s:o, s:o}", "url", url != NULL ? json_from_text(url) : NULL, "site",
                             json_from_text(site), "sharers", json_integer((json_int_t)sharers), "followed",
                             json_integer((json_int_t)followed)));
    } else if (clean != NULL && reader != NULL) {
        text_number(sharers, all);
        text_number(followed, some);
        if (reader[0] != '\0')
            view_note("%s · shared by %s, %s of them followed by %s", clean, all, some, reader);
        else
            view_note("%s · shared by %s", clean, all);
        putchar('\n');
    }
    free(clean);
    free(reader);
}

static void head_of_destination(const struct run *run, const ProtobufCMessage *message)
{
    const Feed__GetDestinationReply *reply = (const void *)message;

    print_head(run, reply->url, reply->site, reply->sharers, reply->followed);
}

static void head_of_site(const struct run *run, const ProtobufCMessage *message)
{
    const Feed__GetSiteReply *reply = (const void *)message;

    print_head(run, NULL, reply->site, reply->sharers, reply->followed);
}

static int run_destination(const struct run *run)
{
    return page_print_shares(run, page_of_destination, head_of_destination);
}

static int run_site(const struct run *run)
{
    return page_print_shares(run, page_of_site, head_of_site);
}

#define READER_OPTION { "reader", "READER", "only what those shared whom this reader follows", false }
#define JSON_DETAILS                                                                                              \
    "\nWith --json first a line with `site`, how many `sharers` there are and how many of them are `followed`,\n" \
    "then one share a line, then a line with `end` (MORE or END) and `nextCursor`."

const struct command command_destination = {
    .name = "destination",
    .arguments = "URL",
    .summary = "Show who shared what a url leads to, however it was spelled",
    .details = JSON_DETAILS,
    .options = { READER_OPTION, PAGE_OPTIONS },
    .run = run_destination,
};

const struct command command_site = {
    .name = "site",
    .arguments = "HOST",
    .summary = "Show who shared something of the site that a host belongs to",
    .details = JSON_DETAILS,
    .options = { READER_OPTION, PAGE_OPTIONS },
    .run = run_site,
};
