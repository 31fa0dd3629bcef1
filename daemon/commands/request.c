/* Answers. */
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "base/metrics.h"
#include "commands/internal.h"
#include "store/keys.h"

/* What each code says where a command says nothing of its own. */
static const struct {
    Feed__ErrorCode code;
    uint32_t retry_after_ms;
    const char *message;
} errors[] = {
    {FEED__ERROR_CODE__NOT_FOUND, 0, "there is no such share or comment"},
    {FEED__ERROR_CODE__FORBIDDEN, 0, "only its author may edit or delete it, or the author of a share what is under it"},
    {FEED__ERROR_CODE__UNAVAILABLE, RETRY_AFTER_MS, "the store cannot be reached or takes no writes; nothing was done"},
    {FEED__ERROR_CODE__OUTCOME_UNKNOWN, RETRY_AFTER_MS, "the store's answer was lost; retry with the same idempotency key"},
    {FEED__ERROR_CODE__BUSY, RETRY_AFTER_MS * 2, "more is published than can be fanned out"},
    {FEED__ERROR_CODE__INTERNAL, RETRY_AFTER_MS, "a fault of the server; its log says more"},
    {FEED__ERROR_CODE__TOKEN_DAMAGED, 0, "the resume token is not one that a server made; subscribe without it"},
    {FEED__ERROR_CODE__TOKEN_FOREIGN, 0, "the resume token is of another store; subscribe without it"},
    {FEED__ERROR_CODE__TOKEN_FUTURE, 0, "the store has not come as far as the resume token says; subscribe without it"},
};

void error_fill(Feed__Error *error, Feed__ErrorCode code, char *field, uint64_t limit, char *message)
{
    feed__error__init(error);
    error->code = code;
    error->limit = limit;
    if (field)
        error->field = field;
    if (message)
        error->message = message;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (errors[i].code == code)
            error->retry_after_ms = errors[i].retry_after_ms;
}

void request_reply_frame(struct request *request, struct frame *frame)
{
    if (frame)
        net_send(request->commands->net, request->conn, request->id, frame);
    else
        net_close(request->commands->net, request->conn, NET_CLOSE_MEMORY);
    frame_unref(frame);
    request_end(request);
}

void request_reply(struct request *request, const Feed__ServerFrame *reply)
{
    request_reply_frame(request, frame_pack(reply));
}

static void reply_error(struct request *request, Feed__ErrorCode code, const char *field, uint64_t limit, char *message)
{
    char field_copy[64] = "";
    Feed__Error error;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    if (field)
        snprintf(field_copy, sizeof(field_copy), "%s", field);
    error_fill(&error, code, field_copy, limit, message);
    frame.body_case = FEED__SERVER_FRAME__BODY_ERROR;
    frame.error = &error;
    if (code < sizeof(metrics.errors) / sizeof(metrics.errors[0]))
        metrics.errors[code]++;
    request_reply(request, &frame);
}

void request_fail(struct request *request, Feed__ErrorCode code, const char *field, uint64_t limit, const char *format, ...)
{
    char message[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    reply_error(request, code, field, limit, message);
}

void request_fail_code(struct request *request, Feed__ErrorCode code)
{
    char message[128] = "";

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (errors[i].code == code)
            snprintf(message, sizeof(message), "%s", errors[i].message);
    /* The tokens' own errors are about one field. */
    bool token = code >= FEED__ERROR_CODE__TOKEN_DAMAGED && code <= FEED__ERROR_CODE__TOKEN_FUTURE;
    reply_error(request, code, token ? "resume_token" : NULL, 0, message);
}

void request_fail_memory(struct request *request)
{
    log_error("out-of-memory", "what=request");
    request_fail_code(request, FEED__ERROR_CODE__INTERNAL);
}

void request_acknowledge(struct request *request, uint64_t position)
{
    struct session *session = request_session(request);
    unsigned partition = partition_of_id(position);

    if (session && session->acknowledged[partition] < position)
        session->acknowledged[partition] = position;
}
