/* EditShare: an author changes what a share says. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "commands/internal.h"
#include "framing.h"

#define EDITED_AT_TAG (9 << 3)
#define MARK_BYTES_MAX 11

static void on_edited(void *context, Feed__ErrorCode error, uint64_t position, bool repeated)
{
    struct request *request = context;
    int64_t window = request->commands->config->edit_window_s;
    Feed__EditShareReply reply = FEED__EDIT_SHARE_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    if (error == FEED__ERROR_CODE__LIMIT_EXCEEDED) {
        request_fail(request, error, "edit_window_s", (uint64_t)window, "a share may be edited for %" PRId64 " s", window);
        return;
    }
    if (error != FEED_OK) {
        request_fail_code(request, error);
        return;
    }
    request_acknowledge(request, position);
    reply.position = position;
    reply.repeated = repeated;
    frame.body_case = FEED__SERVER_FRAME__BODY_EDIT_SHARE;
    frame.edit_share = &reply;
    request_reply(request, &frame);
}

/* Commits the share as it stands with the new words in place of the old ones. */
static void edit(struct request *request, const Feed__Share *share)
{
    const Feed__EditShareRequest *asked = request->frame->edit_share;
    uint8_t mark[MARK_BYTES_MAX] = {EDITED_AT_TAG};
    size_t mark_bytes = 1 + framing_write_varint(mark + 1, (uint64_t)clock_wall_ms());
    Feed__Share edited = FEED__SHARE__INIT;
    uint8_t *body;

    edited.author = share->author;
    edited.url = share->url;
    edited.title = asked->title;
    edited.extract = share_extract(request, asked->extract);
    edited.image_url = share->image_url;
    edited.comment = asked->comment;
    edited.created_at_ms = share->created_at_ms;
    edited.origin = share->origin;
    edited.canonical_url = share->canonical_url;
    size_t size = edited.extract ? feed__share__get_packed_size(&edited) : 0;
    request->arena.budget += size;
    body = size > 0 ? request_allocate(request, size) : NULL;
    if (!body) {
        request_fail_memory(request);
        return;
    }
    feed__share__pack(&edited, body);
    feed_edit(request->commands->feed, text_of(asked->author), asked->id, (struct text){(const char *)body, size},
              (struct text){(const char *)mark, mark_bytes}, request->commands->config->edit_window_s * 1000, on_edited,
              request);
}

static void on_share(void *context, Feed__ErrorCode error, const struct feed_page *page)
{
    struct request *request = context;
    Feed__Share *share;

    if (error != FEED_OK) {
        request_fail_code(request, error);
        return;
    }
    struct text encoded = share_of_item(&page->items[0]);
    share = feed__share__unpack(NULL, encoded.size, (const uint8_t *)encoded.data);
    if (!share)
        request_fail_memory(request);
    else if (strcmp(share->author, request->frame->edit_share->author) != 0)
        request_fail_code(request, FEED__ERROR_CODE__FORBIDDEN);
    else if (share->origin && (request->frame->edit_share->title[0] || request->frame->edit_share->extract[0]))
        request_fail(request, FEED__ERROR_CODE__INVALID, request->frame->edit_share->title[0] ? "title" : "extract", 0,
                     "a re-share has only a comment of its own");
    else
        edit(request, share);
    if (share)
        feed__share__free_unpacked(share, NULL);
}

static void run_edit_share(struct request *request)
{
    const Feed__EditShareRequest *asked = request->frame->edit_share;

    if (check_subject(request, "author", asked->author) && check_id(request, "id", asked->id) &&
        check_words(request, asked->title, asked->extract, asked->comment))
        feed_read_share(request->commands->feed, asked->id, on_share, request);
}

const struct command_row command_edit_share = {
    .kind = FEED__CLIENT_FRAME__REQUEST_EDIT_SHARE,
    .order = ORDER_SHARE,
    .sees_writes = true,
    .run = run_edit_share,
};
