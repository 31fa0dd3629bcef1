/* feedctl suggest: whom a reader may want to follow. */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "json.h"
#include "session.h"
#include "text.h"
#include "view.h"

/* "dora · followed by ann, ben and 3 others" */
static void print_suggestion(const Feed__Suggestion *suggestion)
{
    char *subject = text_clean(suggestion->subject);

    printf("%s%s%s · followed by", view_style.accent, subject != NULL ? subject : "", view_style.plain);
    view_names(suggestion->followed_by, suggestion->n_followed_by, suggestion->followed_by_count);
    putchar('\n');
    free(subject);
}

/* True whatever the reason is: the reader follows nobody, or those follow nobody, or it follows, mutes or blocks them all. */
static void print_nobody(const char *reader)
{
    char *name = text_clean(reader);

    if (name == NULL)
        return;
    view_note("nobody: suggested are subjects followed by those whom %s follows and has not muted, and not followed, muted or "
              "blocked by %s itself", name, name);
    view_note("let %s follow more: feedctl popular --window all subjects tells whom many follow", name);
    free(name);
}

static int run_suggest(const struct run *run)
{
    Feed__GetSuggestionsRequest request = FEED__GET_SUGGESTIONS_REQUEST__INIT;
    const Feed__GetSuggestionsReply *reply;
    struct feed_blocking *feed;
    ProtobufCMessage *message;
    unsigned long limit;
    int code;

    if (!run_option_number(run, "limit", 1, UINT32_MAX, 0, &limit))
        return USAGE;
    code = session_open(run, NULL, &feed);
    if (code != DONE)
        return code;
    request.reader = run->arguments[0];
    request.limit = (uint32_t)limit;
    code = session_call(run, feed, &request.base, &message);
    if (code == DONE) {
        reply = (const void *)message;
        view_init();
        for (size_t i = 0; i < reply->n_suggestions; i++) {
            if (run->json)
                json_print_message(&reply->suggestions[i]->base);
            else
                print_suggestion(reply->suggestions[i]);
        }
        if (!run->json && reply->n_suggestions == 0)
            print_nobody(run->arguments[0]);
        feed_free_message(feed, message);
    }
    feed_blocking_free(feed);
    return code;
}

const struct command command_suggest = {
    .name = "suggest",
    .arguments = "READER",
    .summary = "Suggest whom to follow: whom many of those follow whom the reader follows",
    .options = { { "limit", "N", "so many (default: one page of the server)", false } },
    .run = run_suggest,
};
