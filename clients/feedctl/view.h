/* How shares look to people. */
#ifndef FEEDCTL_VIEW_H
#define FEEDCTL_VIEW_H

#include <feed/feed.h>

/* Looks once at standard output: colour only on a terminal that has not asked for none (NO_COLOR, TERM=dumb), and
 * lines as wide as it is. */
void view_init(void);

/* Escape sequences, "" without colour. */
struct view_style {
    const char *bold, *dim, *accent, *plain;
};
extern struct view_style view_style;

/* A paragraph or a line of text from strangers, indented, if there is anything in it. */
void view_paragraph(const char *text, const char *style);
void view_line(const char *text);

/* Who, where, how long ago, title, comment, extract, url. Of a re-share, who re-shared it, and then what it is of. */
void view_share(const Feed__Share *share);
/* A re-share of what was shown. */
void view_joining(const Feed__Share *share);

/* A comment: who, how long ago, as a reply to which, text. `depth`: how far it is set in. */
void view_comment(const Feed__Comment *comment, unsigned depth);
/* " ann, ben and 3 others": some of `total` names. */
void view_names(char *const *names, size_t count, size_t total);

/* What somebody did; `is_new`: since the inbox was read. */
void view_notice(const Feed__Notice *notice, bool is_new);

/* How far somebody has read, and how much is unread; `more`: at least. */
void view_unread(uint64_t marker, uint32_t unread, bool more);

/* A line that is not a share: what happened. printf style. */
void view_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
