/* GetSuggestions: whom a reader may want to follow. */
#include "commands/internal.h"

/* False if memory ended. */
static bool fill_suggestion(struct request *request, const struct feed_suggestion *found, Feed__Suggestion *ret_suggestion)
{
    feed__suggestion__init(ret_suggestion);
    ret_suggestion->subject = request_copy(request, found->subject);
    ret_suggestion->followed_by_count = found->count;
    ret_suggestion->followed_by = request_grow(request, (found->name_count + 1) * sizeof(char *));
    if (!ret_suggestion->subject || !ret_suggestion->followed_by)
        return false;
    for (size_t i = 0; i < found->name_count; i++) {
        char *name = request_copy(request, found->names[i]);

        if (!name)
            return false;
        ret_suggestion->followed_by[ret_suggestion->n_followed_by++] = name;
    }
    return true;
}

static void on_suggestions(void *context, Feed__ErrorCode error, const struct feed_suggestions *suggestions)
{
    struct request *request = context;
    Feed__GetSuggestionsReply reply = FEED__GET_SUGGESTIONS_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;
    bool filled = true;

    if (error != FEED_OK) {
        request_fail_code(request, error);
        return;
    }
    Feed__Suggestion *items = request_grow(request, (suggestions->count + 1) * sizeof(*items));
    reply.suggestions = request_grow(request, (suggestions->count + 1) * sizeof(*reply.suggestions));
    for (size_t i = 0; items && reply.suggestions && filled && i < suggestions->count; i++) {
        filled = fill_suggestion(request, &suggestions->items[i], &items[i]);
        reply.suggestions[reply.n_suggestions++] = &items[i];
    }
    if (!items || !reply.suggestions || !filled) {
        request_fail_memory(request);
        return;
    }
    frame.body_case = FEED__SERVER_FRAME__BODY_GET_SUGGESTIONS;
    frame.get_suggestions = &reply;
    request_reply(request, &frame);
}

static void run_get_suggestions(struct request *request)
{
    const Feed__GetSuggestionsRequest *get = request->frame->get_suggestions;

    if (check_subject(request, "reader", get->reader))
        feed_read_suggestions(request->commands->feed, text_of(get->reader), page_limit(request, get->limit), on_suggestions,
                              request);
}

const struct command_row command_get_suggestions = {
    .kind = FEED__CLIENT_FRAME__REQUEST_GET_SUGGESTIONS,
    .order = ORDER_READ,
    .sees_writes = true,
    .run = run_get_suggestions,
};
