/* feedctl popular: what has most. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "json.h"
#include "session.h"
#include "text.h"
#include "view.h"

/* The words for what is counted and over which time, as they stand in the schema's enums. */
static const struct word {
    const char *word;
    int value;
} kinds[] = {
    { "subjects", FEED__POPULAR_KIND__POPULAR_SUBJECTS },
    { "destinations", FEED__POPULAR_KIND__POPULAR_DESTINATIONS },
    { "shares", FEED__POPULAR_KIND__POPULAR_SHARES },
    { NULL, 0 },
}, windows[] = {
    { "all", FEED__POPULAR_WINDOW__ALL_TIME },
    { "day", FEED__POPULAR_WINDOW__LAST_DAY },
    { "hour", FEED__POPULAR_WINDOW__LAST_HOUR },
    { NULL, 0 },
};

static bool find_word(const struct word *words, const char *word, const char *what, int *ret_value)
{
    for (size_t i = 0; words[i].word != NULL; i++)
        if (strcmp(words[i].word, word) == 0) {
            *ret_value = words[i].value;
            return true;
        }
    fprintf(stderr, "feedctl: %s is no %s; see feedctl popular --help\n", word, what);
    return false;
}

/* What is popular is named by what other commands take: a subject, a url, or the id of a share. */
static void print_item(const Feed__PopularItem *item, bool is_share)
{
    const Feed__Share *share = item->share;
    char *name = text_clean(is_share ? share->author : item->url[0] != '\0' ? item->url : item->subject), count[32];
    char *title = text_clean(share != NULL ? share->title : ""), *url = text_clean(is_share ? share->url : "");

    text_number(item->count, count);
    printf("%8s  %s%s%s", count, view_style.accent, name != NULL ? name : "", view_style.plain);
    if (is_share)
        printf(" %s#%llu%s", view_style.dim, (unsigned long long)share->id, view_style.plain);
    putchar('\n');
    if (title != NULL && title[0] != '\0')
        printf("%8s  %s\n", "", title);
    if (url != NULL && url[0] != '\0')
        printf("%8s  %s%s%s\n", "", view_style.dim, url, view_style.plain);
    free(name);
    free(title);
    free(url);
}

static int run_popular(const struct run *run)
{
    Feed__GetPopularRequest request = FEED__GET_POPULAR_REQUEST__INIT;
    const Feed__GetPopularReply *reply;
    const char *window = run_option(run, "window");
    struct feed_blocking *feed;
    ProtobufCMessage *message;
    unsigned long limit;
    int code, kind, over;

    if (!find_word(kinds, run->arguments[0], "kind of what is popular", &kind) ||
        !find_word(windows, window != NULL ? window : "day", "window", &over) ||
        !run_option_number(run, "limit", 1, UINT32_MAX, 0, &limit))
        return USAGE;
    code = session_open(run, NULL, &feed);
    if (code != DONE)
        return code;
    request.kind = (Feed__PopularKind)kind;
    request.window = (Feed__PopularWindow)over;
    request.limit = (uint32_t)limit;
    request.reader = run_text(run, "reader");
    code = session_call(run, feed, &request.base, &message);
    if (code == DONE) {
        reply = (const void *)message;
        view_init();
        if (run->json)
            json_print_message(message);
        for (size_t i = 0; !run->json && i < reply->n_items; i++)
            print_item(reply->items[i], kind == FEED__POPULAR_KIND__POPULAR_SHARES && reply->items[i]->share != NULL);
        if (!run->json && reply->n_items == 0)
            view_note("nothing in this time");
        feed_free_message(feed, message);
    }
    feed_blocking_free(feed);
    return code;
}

const struct command command_popular = {
    .name = "popular",
    .arguments = "subjects|destinations|shares",
    .summary = "Show what has most: most followed, most shared or most discussed",
    .options = {
        { "window", "TIME", "all, day or hour: of what came in that time (default: day)", false },
        { "limit", "N", "so many (default: one page of the server)", false },
        { "reader", "READER", "as this reader sees it, without whom it mutes or blocks", false },
    },
    .run = run_popular,
};
