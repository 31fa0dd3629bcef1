/* Writes with an idempotency key: one whose answer is lost is sent again, with the same key, which tells whether the first
 * attempt was carried out. */
#include "base/clock.h"
#include "base/metrics.h"
#include "commands/internal.h"

void commit_begin(struct request *request, const ProtobufCMessage *message, const char *key,
                  void (*send)(struct request *request))
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *body = request_allocate(request, size);
    struct commit *commit = request->state = request_allocate(request, sizeof(*commit));

    if (!body || !commit) {
        request_fail_memory(request);
        return;
    }
    protobuf_c_message_pack(message, body);
    *commit = (struct commit){.body = {(const char *)body, size}, .key = key, .send = send};
    send(request);
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
        ((struct commit *)request->state)->send(request);
}

/* Whether a write whose answer was lost may wait for the store to tell its outcome. */
static bool may_wait(struct request *request)
{
    struct commit *commit = request->state;
    int64_t now_ms = clock_now_ms();

    if (commit->give_up_ms == 0)
        commit->give_up_ms = now_ms + request->commands->config->resolve_ms;
    return commit->key[0] != '\0' && now_ms < commit->give_up_ms;
}

bool commit_is_over(struct request *request, Feed__ErrorCode *error)
{
    const struct commit *commit = request->state;

    if (*error == FEED__ERROR_CODE__OUTCOME_UNKNOWN && may_wait(request)) {
        feed_wait_ready(request->commands->feed, commit->give_up_ms, on_waited, request);
        return false;
    }
    /* That a later attempt was refused says nothing about the first one. */
    if (*error != FEED_OK && *error != FEED__ERROR_CODE__INTERNAL && commit->give_up_ms != 0)
        *error = FEED__ERROR_CODE__OUTCOME_UNKNOWN;
    metrics.shares_resolved += *error == FEED_OK && commit->give_up_ms != 0;
    return true;
}
