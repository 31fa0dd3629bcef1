/* GetPresence: how many are connected to a subject. */
#include "commands/internal.h"

static void on_presence(void *context, Feed__ErrorCode error, const struct feed_presence *presence)
{
    struct request *request = context;
    Feed__GetPresenceReply reply = FEED__GET_PRESENCE_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    if (error != FEED_OK) {
        request_fail_code(request, error);
        return;
    }
    reply.watching = presence->watching;
    reply.listening = presence->listening;
    reply.online = presence->online;
    frame.body_case = FEED__SERVER_FRAME__BODY_GET_PRESENCE;
    frame.get_presence = &reply;
    request_reply(request, &frame);
}

static void run_get_presence(struct request *request)
{
    const Feed__GetPresenceRequest *get = request->frame->get_presence;

    if (check_subject(request, "subject", get->subject))
        feed_read_presence(request->commands->feed, text_of(get->subject), on_presence, request);
}

/* The answer may have to wait for other daemons: nothing else waits for it. */
const struct command_row command_get_presence = {
    .kind = FEED__CLIENT_FRAME__REQUEST_GET_PRESENCE,
    .order = ORDER_FREE,
    .run = run_get_presence,
};
