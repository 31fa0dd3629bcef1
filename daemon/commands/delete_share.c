/* DeleteShare: an author takes a share back. */
#include "commands/internal.h"

static void on_deleted(void *context, Feed__ErrorCode error, uint64_t position, bool repeated)
{
    struct request *request = context;
    Feed__DeleteShareReply reply = FEED__DELETE_SHARE_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    if (error != FEED_OK) {
        request_fail_code(request, error);
        return;
    }
    request_acknowledge(request, position);
    reply.position = position;
    reply.repeated = repeated;
    frame.body_case = FEED__SERVER_FRAME__BODY_DELETE_SHARE;
    frame.delete_share = &reply;
    request_reply(request, &frame);
}

static void run_delete_share(struct request *request)
{
    const Feed__DeleteShareRequest *deletion = request->frame->delete_share;

    if (check_subject(request, "author", deletion->author) && check_id(request, "id", deletion->id))
        feed_delete(request->commands->feed, text_of(deletion->author), deletion->id, on_deleted, request);
}

const struct command_row command_delete_share = {
    .kind = FEED__CLIENT_FRAME__REQUEST_DELETE_SHARE,
    .order = ORDER_SHARE,
    .run = run_delete_share,
};
