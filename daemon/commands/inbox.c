/* GetInbox: what others did that concerns a subject. */
#include <inttypes.h>
#include <stdio.h>

#include "commands/internal.h"
#include "store/keys.h"

#define NAME_BYTES 129

/* The notices in the request's memory. NULL when that ends. */
static Feed__Notice **copy_notices(struct request *request, const struct feed_inbox *inbox)
{
    request->arena.budget += (inbox->count + 1) * (sizeof(Feed__Notice) + sizeof(Feed__Notice *) + NAME_BYTES) + 256;
    Feed__Notice **pointers = request_allocate(request, (inbox->count + 1) * sizeof(*pointers));
    Feed__Notice *notices = request_allocate(request, (inbox->count + 1) * sizeof(*notices));
    char *names = request_allocate(request, (inbox->count + 1) * NAME_BYTES);

    if (!pointers || !notices || !names)
        return NULL;
    for (size_t i = 0; i < inbox->count; i++) {
        const struct feed_notice *notice = &inbox->notices[i];

        pointers[i] = &notices[i];
        feed__notice__init(&notices[i]);
        notices[i].id = notice->id;
        notices[i].kind = notice->kind;
        notices[i].actor = names + i * NAME_BYTES;
        snprintf(notices[i].actor, NAME_BYTES, "%.*s", (int)notice->actor.size, notice->actor.data);
        notices[i].share_id = notice->share;
        notices[i].cause_id = notice->cause;
        notices[i].created_at_ms = id_wall_ms(notice->id);
    }
    return pointers;
}

static void on_inbox(void *context, Feed__ErrorCode error, const struct feed_inbox *inbox)
{
    struct request *request = context;
    Feed__GetInboxReply reply = FEED__GET_INBOX_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;
    Feed__Notice **notices = error == FEED_OK ? copy_notices(request, inbox) : NULL;
    char cursor[24] = "";

    if (error != FEED_OK) {
        request_fail_code(request, error);
        return;
    }
    if (!notices) {
        request_fail_memory(request);
        return;
    }
    if (inbox->end == FEED__PAGE_END__MORE)
        snprintf(cursor, sizeof(cursor), "%" PRIu64, inbox->notices[inbox->count - 1].id);
    reply.n_notices = inbox->count;
    reply.notices = notices;
    reply.next_cursor = cursor;
    reply.end = inbox->end;
    reply.marker = inbox->marker;
    frame.body_case = FEED__SERVER_FRAME__BODY_GET_INBOX;
    frame.get_inbox = &reply;
    request_reply(request, &frame);
}

static void run_get_inbox(struct request *request)
{
    const Feed__GetInboxRequest *get = request->frame->get_inbox;
    uint64_t before;

    if (check_subject(request, "subject", get->subject) && check_cursor(request, "before", get->before, &before))
        feed_read_inbox(request->commands->feed, text_of(get->subject), before, page_limit(request, get->limit), on_inbox,
                        request);
}

const struct command_row command_get_inbox = {
    .kind = FEED__CLIENT_FRAME__REQUEST_GET_INBOX,
    .order = ORDER_READ,
    .sees_writes = true,
    .run = run_get_inbox,
};
