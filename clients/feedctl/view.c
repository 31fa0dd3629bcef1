/* See view.h. */
#include "view.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "text.h"

#define INDENT 2
#define COLUMNS_MIN 30u
/* Long lines are hard to read. */
#define COLUMNS_MAX 110u

struct view_style view_style = { "", "", "", "" };
static size_t view_columns; /* 0: do not break lines */

void view_init(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    struct winsize window;

    if (!isatty(STDOUT_FILENO))
        return;
    if ((no_color == NULL || no_color[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0)
        view_style = (struct view_style){ "\033[1m", "\033[2m", "\033[36m", "\033[0m" };
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col >= COLUMNS_MIN)
        view_columns = window.ws_col < COLUMNS_MAX ? window.ws_col : COLUMNS_MAX;
}

/* A paragraph, if there is anything in it; `columns` 0 keeps it on one line. */
static void print_paragraph(const char *text, size_t columns, size_t indent, const char *style, const char *open,
                            const char *close)
{
    char *clean = text_clean(text);
    char *quoted = NULL;

    if (clean != NULL && clean[0] != '\0' && asprintf(&quoted, "%s%s%s", open, clean, close) >= 0) {
        printf("%*s%s", (int)indent, "", style);
        text_print_wrapped(stdout, quoted, columns, indent);
        printf("%s\n", style[0] != '\0' ? view_style.plain : "");
        free(quoted);
    }
    free(clean);
}

void view_paragraph(const char *text, const char *style)
{
    print_paragraph(text, view_columns, INDENT, style, "", "");
}

void view_line(const char *text)
{
    print_paragraph(text, 0, INDENT, view_style.dim, "", "");
}

static void view_ago(int64_t at_ms, char *out, size_t size)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    text_ago(at_ms, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, out, size);
}

/* " · 3 comments", nothing for 0. */
static void view_count(uint64_t count, const char *what)
{
    char counted[TEXT_COUNT_BYTES];

    text_count(count, what, counted);
    if (count > 0)
        printf(" · %s", counted);
}

void view_names(char *const *names, size_t count, size_t total)
{
    size_t others = total > count ? total - count : 0;

    for (size_t i = 0; i < count; i++) {
        char *name = text_clean(names[i]);
        bool last = others == 0 && i + 1 == count;

        printf("%s %s%s%s", i == 0 ? "" : last ? " and" : ",", view_style.accent, name != NULL ? name : "", view_style.plain);
        free(name);
    }
    if (others > 0)
        printf(" and %zu other%s", others, others == 1 ? "" : "s");
}

/* "also shared by ann, ben and 3 others" */
static void print_sharers(const char *what, char *const *names, size_t count, size_t total)
{
    if (count == 0)
        return;
    printf("%*s%s by", INDENT, "", what);
    view_names(names, count, total);
    putchar('\n');
}

/* A share as its author made it. */
static void print_share(const Feed__Share *share)
{
    char *author = text_clean(share->author), *name = text_clean(share->author_name);
    char site[256], ago[32];
    char *clean_site;

    text_site(share->url, site, sizeof site);
    clean_site = text_clean(site);
    view_ago(share->created_at_ms, ago, sizeof ago);
    if (name != NULL && name[0] != '\0')
        printf("%s%s%s ", view_style.bold, name, view_style.plain);
    printf("%s%s%s", view_style.accent, author != NULL ? author : "", view_style.plain);
    if (clean_site != NULL && clean_site[0] != '\0')
        printf(" · %s", clean_site);
    printf(" · %s%s", ago, share->edited_at_ms != 0 ? " · edited" : "");
    view_count(share->comment_count, "comment");
    view_count(share->reshare_count, "re-share");
    printf(" %s#%llu%s\n", view_style.dim, (unsigned long long)share->id, view_style.plain);
    print_paragraph(share->title, view_columns, INDENT, view_style.bold, "", "");
    print_paragraph(share->comment, view_columns, INDENT, "", "“", "”");
    print_paragraph(share->extract, view_columns, INDENT, view_style.dim, "", "");
    print_paragraph(share->url, 0, INDENT, view_style.dim, "", "");
    free(author);
    free(name);
    free(clean_site);
}

/* "ann, ben and 3 others re-shared · 5 min ago #2" and what the first of them says. */
static void print_reshare(const Feed__Share *share)
{
    char ago[32];

    view_ago(share->created_at_ms, ago, sizeof ago);
    printf("↻");
    if (share->n_reshared_by > 0)
        view_names(share->reshared_by, share->n_reshared_by, share->reshared_by_count);
    else
        view_names(&share->author, 1, 1);
    printf(" re-shared · %s %s#%llu%s\n", ago, view_style.dim, (unsigned long long)share->id, view_style.plain);
    print_paragraph(share->comment, view_columns, INDENT, "", "“", "”");
}

void view_share(const Feed__Share *share)
{
    if (share->origin != NULL) {
        print_reshare(share);
        print_share(share->origin);
    } else {
        print_share(share);
        print_sharers("re-shared", share->reshared_by, share->n_reshared_by, share->reshared_by_count);
    }
    print_sharers("also shared", share->also_shared_by, share->n_also_shared_by, share->also_shared_count);
    putchar('\n');
}

void view_joining(const Feed__Share *share)
{
    printf("%s—%s", view_style.dim, view_style.plain);
    view_names(&share->author, 1, 1);
    printf(" re-shared %s#%llu%s, too\n", view_style.dim,
           share->origin != NULL ? (unsigned long long)share->origin->id : 0, view_style.plain);
    print_paragraph(share->comment, view_columns, INDENT, "", "“", "”");
}

void view_comment(const Feed__Comment *comment, unsigned depth)
{
    size_t indent = (size_t)INDENT * depth;
    char *commenter = text_clean(comment->commenter);
    char ago[32];

    view_ago(comment->created_at_ms, ago, sizeof ago);
    printf("%*s", (int)indent, "");
    if (comment->deleted)
        printf("%sdeleted%s", view_style.dim, view_style.plain);
    else
        printf("%s%s%s · %s", view_style.accent, commenter != NULL ? commenter : "", view_style.plain, ago);
    if (comment->parent_id != 0)
        printf(" %s· to #%llu%s", view_style.dim, (unsigned long long)comment->parent_id, view_style.plain);
    printf(" %s#%llu%s\n", view_style.dim, (unsigned long long)comment->id, view_style.plain);
    print_paragraph(comment->text, view_columns, indent + INDENT, "", "", "");
    putchar('\n');
    free(commenter);
}

void view_notice(const Feed__Notice *notice, bool is_new)
{
    static const char *const deeds[] = { "did something", "follows now", "commented on", "replied under", "re-shared" };
    size_t kind = (size_t)notice->kind < sizeof deeds / sizeof *deeds ? (size_t)notice->kind : 0;
    char *actor = text_clean(notice->actor);
    char ago[32];

    view_ago(notice->created_at_ms, ago, sizeof ago);
    printf("%c %s%s%s %s", is_new ? '*' : ' ', view_style.accent, actor != NULL ? actor : "", view_style.plain, deeds[kind]);
    if (notice->share_id != 0)
        printf(" #%llu", (unsigned long long)notice->share_id);
    printf(" · %s %s#%llu%s\n", ago, view_style.dim, (unsigned long long)notice->id, view_style.plain);
    free(actor);
}

void view_unread(uint64_t marker, uint32_t unread, bool more)
{
    char number[32];

    text_number(unread, number);
    if (marker != 0)
        view_note("%s%s unread, read as far as #%llu", more ? "more than " : "", number, (unsigned long long)marker);
    else
        view_note("%s%s unread, nothing was marked as read", more ? "more than " : "", number);
}

void view_note(const char *format, ...)
{
    va_list arguments;

    printf("%s— ", view_style.dim);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("%s\n", view_style.plain);
}
