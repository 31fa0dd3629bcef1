/* Pages of shares, as the commands that show them have in common. */
#ifndef FEEDCTL_PAGE_H
#define FEEDCTL_PAGE_H

#include <feed/feed.h>

#include "command.h"

/* What the kinds of pages have in common. */
struct page {
    Feed__Share **shares;
    size_t count;
    const char *next_cursor;
    Feed__PageEnd end;
};

/* Asks for up to `limit` shares before `before` and points *ret_page into *ret_message. */
typedef int page_fn(const struct run *run, struct feed_blocking *feed, uint32_t limit, char *before,
                    ProtobufCMessage **ret_message, struct page *ret_page);
/* Shows what else a page's message says, of the first page, before its shares. */
typedef void page_head_fn(const struct run *run, const ProtobufCMessage *message);

/* Prints the shares that --limit (else one page of the server's size) and --before say. `head` may be NULL. */
int page_print_shares(const struct run *run, page_fn *ask, page_head_fn *head);

/* The options that say so. */
#define PAGE_OPTIONS                                                                     \
    { "limit", "N", "so many shares (default: one page of the server)", false },         \
    { "before", "CURSOR", "go on where another call ended", false }

#endif
