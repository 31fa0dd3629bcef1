/* Share: checks a publication, shortens its extract and commits it. */
#include <inttypes.h>
#include <string.h>
#include <uniwbrk.h>

#include "base/clock.h"
#include "commands/internal.h"
#include "store/store.h"

#define TITLE_CHARACTERS 300
#define TITLE_BYTES 1200
#define EXTRACT_CHARACTERS 280
#define EXTRACT_BYTES TEXT_BYTES_MAX

static const char ellipsis[] = "\xe2\x80\xa6"; /* U+2026 */

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* An extract of more than 280 characters is cut at the last word boundary at which the ellipsis still fits; one long word is
 * cut between characters. Returns the extract as it stands, or a copy in the request's memory; NULL when that ends. */
char *share_extract(struct request *request, char *extract)
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

static void on_shared(void *context, Feed__ErrorCode error, uint64_t position, bool repeated)
{
    struct request *request = context;
    Feed__ShareReply reply = FEED__SHARE_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    if (!commit_is_over(request, &error))
        return;
    if (error != FEED_OK) {
        request_fail_code(request, error);
        return;
    }
    request_acknowledge(request, position);
    reply.id = reply.position = position;
    reply.repeated = repeated;
    frame.body_case = FEED__SERVER_FRAME__BODY_SHARE;
    frame.share = &reply;
    request_reply(request, &frame);
}

static void commit_share(struct request *request)
{
    const Feed__ShareRequest *share = request->frame->share;
    const struct commit *commit = request->state;
    const struct store_share asked = {.author = text_of(share->author),
                                      .body = commit->body,
                                      .key = text_of(commit->key),
                                      .import = share->created_at_ms != 0};

    feed_share(request->commands->feed, &asked, on_shared, request);
}

bool check_words(struct request *request, const char *title, const char *extract, const char *comment)
{
    return check_text(request, "title", title, TITLE_CHARACTERS, TITLE_BYTES) &&
           check_text(request, "extract", extract, 0, EXTRACT_BYTES) &&
           check_text(request, "comment", comment, COMMENT_CHARACTERS, COMMENT_BYTES);
}

static bool check_share(struct request *request, const Feed__ShareRequest *share, struct destination *ret_destination)
{
    int64_t now_ms = clock_wall_ms();

    if (!check_subject(request, "author", share->author) || !check_destination(request, "url", share->url, ret_destination) ||
        !check_words(request, share->title, share->extract, share->comment) ||
        !check_url(request, "image_url", share->image_url, false) ||
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
    stored.extract = share_extract(request, share->extract);
    stored.image_url = share->image_url;
    stored.comment = share->comment;
    if (strcmp(destination.url, share->url) != 0)
        stored.canonical_url = destination.url;
    stored.created_at_ms = share->created_at_ms ? share->created_at_ms : clock_wall_ms();
    if (!stored.extract)
        request_fail_memory(request);
    else
        commit_begin(request, &stored.base, share->idempotency_key, commit_share);
}

const struct command_row command_share = {
    .kind = FEED__CLIENT_FRAME__REQUEST_SHARE,
    .order = ORDER_SHARE,
    .run = run_share,
};
