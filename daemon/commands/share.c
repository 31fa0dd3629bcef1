/* Share: checks a publication, shortens its extract and commits it. */
#include <inttypes.h>
#include <string.h>
#include <uniwbrk.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "commands/internal.h"

#define TITLE_CHARACTERS 300
#define TITLE_BYTES 1200
#define EXTRACT_CHARACTERS 280
#define EXTRACT_BYTES TEXT_BYTES_MAX
#define COMMENT_CHARACTERS 2000
#define COMMENT_BYTES 8000
#define KEY_BYTES 128

static const char ellipsis[] = "\xe2\x80\xa6"; /* U+2026 */

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* An extract of more than 280 characters is cut at the last word boundary at which the ellipsis still fits; one long word is
 * cut between characters. Returns the extract as it stands, or a copy in the request's memory; NULL when that ends. */
static char *shorten(struct request *request, char *extract)
{
    const uint8_t *text = (const uint8_t *)extract;
    size_t size = strlen(extract), count = 0, room = 0; /* bytes of the first 279 characters */

    if (size <= EXTRACT_CHARACTERS)
        return extract;
    const char *characters = character_breaks(extract, size);
    for (size_t i = 0; i < size && count <= EXTRACT_CHARACTERS; i++)
        if (characters[i] && ++count == EXTRACT_CHARACTERS)
            room = i;
    if (count <= EXTRACT_CHARACTERS)
        return extract;

    size_t cut = room;
    char *breaks = request_allocate(request, size);
    char *shortened = request_allocate(request, room + sizeof(ellipsis));
    if (!breaks || !shortened)
        return NULL;
    u8_wordbreaks(text, size, breaks);
    while (cut > 0 && !(breaks[cut] && (is_space(text[cut]) || is_space(text[cut - 1]))))
        cut--;
    while (cut > 0 && is_space(text[cut - 1]))
        cut--;
    if (cut == 0)
        cut = room;
    memcpy(shortened, text, cut);
    memcpy(shortened + cut, ellipsis, sizeof(ellipsis));
    return shortened;
}

/* What is committed, again if its answer is lost: the key tells whether the first attempt was carried out. */
struct commit {
    struct text body;
    int64_t give_up_ms; /* 0: no answer was lost yet */
};

static void on_shared(void *context, Feed__ErrorCode error, uint64_t position, bool repeated);

static void commit(struct request *request)
{
    const Feed__ShareRequest *share = request->frame->share;
    const struct commit *commit = request->state;

    feed_share(request->commands->feed, text_of(share->author), commit->body, text_of(share->idempotency_key),
               share->created_at_ms != 0, on_shared, request);
}

/* The feed is ready again, or will not be in time. */
static void on_waited(void *context, Feed__ErrorCode error)
{
    struct request *request = context;

    if (!request_session(request))
        request_end(request); /* nobody wants to know any more */
    else if (error != FEED_OK)
        request_fail_code(request, FEED__ERROR_CODE__OUTCOME_UNKNOWN);
    else
        commit(request);
}

/* Whether a share whose answer was lost may wait for the store to tell its outcome. */
static bool may_wait(struct request *request)
{
    struct commit *commit = request->state;
    int64_t now_ms = clock_now_ms();

    if (commit->give_up_ms == 0)
        commit->give_up_ms = now_ms + request->commands->config->resolve_ms;
    return request->frame->share->idempotency_key[0] != '\0' && now_ms < commit->give_up_ms;
}

static void on_shared(void *context, Feed__ErrorCode error, uint64_t position, bool repeated)
{
    struct request *request = context;
    const struct commit *commit = request->state;
    Feed__ShareReply reply = FEED__SHARE_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    if (error == FEED__ERROR_CODE__OUTCOME_UNKNOWN && may_wait(request)) {
        feed_wait_ready(request->commands->feed, commit->give_up_ms, on_waited, request);
        return;
    }
    /* That a later attempt was refused says nothing about the first one. */
    if (error != FEED_OK && error != FEED__ERROR_CODE__INTERNAL && commit->give_up_ms != 0)
        error = FEED__ERROR_CODE__OUTCOME_UNKNOWN;
    if (error != FEED_OK) {
        request_fail_code(request, error);
        return;
    }
    metrics.shares_resolved += commit->give_up_ms != 0;
    request_acknowledge(request, position);
    reply.id = reply.position = position;
    reply.repeated = repeated;
    frame.body_case = FEED__SERVER_FRAME__BODY_SHARE;
    frame.share = &reply;
    request_reply(request, &frame);
}

static bool check_share(struct request *request, const Feed__ShareRequest *share, struct destination *ret_destination)
{
    int64_t now_ms = clock_wall_ms();

    if (!check_subject(request, "author", share->author) || !check_destination(request, "url", share->url, ret_destination) ||
        !check_text(request, "title", share->title, TITLE_CHARACTERS, TITLE_BYTES) ||
        !check_text(request, "extract", share->extract, 0, EXTRACT_BYTES) ||
        !check_url(request, "image_url", share->image_url, false) ||
        !check_text(request, "comment", share->comment, COMMENT_CHARACTERS, COMMENT_BYTES) ||
        !check_text(request, "idempotency_key", share->idempotency_key, 0, KEY_BYTES))
        return false;
    if (share->created_at_ms < 0 || share->created_at_ms > now_ms) {
        request_fail(request, FEED__ERROR_CODE__INVALID, "created_at_ms", (uint64_t)now_ms,
                     "created_at_ms must be 0 or a time in the past since 1970");
        return false;
    }
    return true;
}

static void run_share(struct request *request)
{
    const Feed__ShareRequest *share = request->frame->share;
    Feed__Share stored = FEED__SHARE__INIT;
    struct destination destination;

    if (!check_share(request, share, &destination))
        return;
    stored.author = share->author;
    stored.url = share->url;
    stored.title = share->title;
    stored.extract = shorten(request, share->extract);
    stored.image_url = share->image_url;
    stored.comment = share->comment;
    if (strcmp(destination.url, share->url) != 0)
        stored.canonical_url = destination.url;
    stored.created_at_ms = share->created_at_ms ? share->created_at_ms : clock_wall_ms();
    size_t size = stored.extract ? feed__share__get_packed_size(&stored) : 0;
    uint8_t *body = size ? request_allocate(request, size) : NULL;
    struct commit *state = request->state = request_allocate(request, sizeof(*state));
    if (!body || !state) {
        request_fail_memory(request);
        return;
    }
    feed__share__pack(&stored, body);
    *state = (struct commit){.body = {(const char *)body, size}};
    commit(request);
}

const struct command_row command_share = {
    .kind = FEED__CLIENT_FRAME__REQUEST_SHARE,
    .order = ORDER_SHARE,
    .run = run_share,
};
