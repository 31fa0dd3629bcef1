/* Reshare: shares what somebody else has shared. */
#include <string.h>

#include "base/clock.h"
#include "commands/internal.h"
#include "store/store.h"

static void on_reshared(void *context, Feed__ErrorCode error, uint64_t position, bool repeated)
{
    struct request *request = context;
    Feed__ReshareReply reply = FEED__RESHARE_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    if (error == FEED__ERROR_CODE__FORBIDDEN) {
        request_fail(request, error, "share_id", 0, "the author may not re-share this");
        return;
    }
    if (error != FEED_OK) {
        request_fail_code(request, error);
        return;
    }
    request_acknowledge(request, position);
    reply.id = reply.position = position;
    reply.repeated = repeated;
    reply.origin_id = *(const uint64_t *)request->state;
    frame.body_case = FEED__SERVER_FRAME__BODY_RESHARE;
    frame.reshare = &reply;
    request_reply(request, &frame);
}

/* Commits a share that leads where its origin does. `encoded`: the origin, in which there is no other. */
static void commit_reshare(struct request *request, Feed__Share *origin, struct text encoded)
{
    const Feed__ReshareRequest *asked = request->frame->reshare;
    Feed__Share stored = FEED__SHARE__INIT, named = FEED__SHARE__INIT;
    uint64_t *origin_id = request->state = request_grow(request, sizeof(*origin_id));
    uint8_t *body;
    size_t size;

    named.id = origin->id;
    named.author = origin->author;
    stored.author = asked->author;
    stored.url = origin->url;
    stored.canonical_url = origin->canonical_url;
    stored.comment = asked->comment;
    stored.created_at_ms = clock_wall_ms();
    stored.origin = &named;
    size = feed__share__get_packed_size(&stored);
    body = request_grow(request, size);
    if (!body || !origin_id) {
        request_fail_memory(request);
        return;
    }
    feed__share__pack(&stored, body);
    *origin_id = origin->id;
    const struct store_share reshare = {.author = text_of(asked->author),
                                        .body = {(const char *)body, size},
                                        .origin = origin->id,
                                        .origin_author = text_of(origin->author),
                                        .origin_share = encoded};
    feed_share(request->commands->feed, &reshare, on_reshared, request);
}

/* A re-share stands for its origin. */
static void on_share(void *context, Feed__ErrorCode error, const struct feed_page *page)
{
    struct request *request = context;
    struct text encoded;
    Feed__Share *origin;

    if (error != FEED_OK) {
        request_fail_code(request, error);
        return;
    }
    encoded = origin_of_item(&page->items[0]);
    if (!encoded.data)
        encoded = share_of_item(&page->items[0]);
    origin = feed__share__unpack(NULL, encoded.size, (const uint8_t *)encoded.data);
    if (!origin)
        request_fail_memory(request);
    else if (strcmp(origin->author, request->frame->reshare->author) == 0)
        request_fail(request, FEED__ERROR_CODE__INVALID, "author", 0, "the author has shared this itself");
    else
        commit_reshare(request, origin, encoded);
    if (origin)
        feed__share__free_unpacked(origin, NULL);
}

static void run_reshare(struct request *request)
{
    const Feed__ReshareRequest *asked = request->frame->reshare;

    if (check_subject(request, "author", asked->author) && check_id(request, "share_id", asked->share_id) &&
        check_words(request, "", "", asked->comment))
        feed_read_share(request->commands->feed, asked->share_id, on_share, request);
}

const struct command_row command_reshare = {
    .kind = FEED__CLIENT_FRAME__REQUEST_RESHARE,
    .order = ORDER_SHARE,
    .sees_writes = true,
    .run = run_reshare,
};
