/* DeleteSubject and GetSubjectDeletion. */
#include "commands/internal.h"

static Feed__SubjectDeletion deletion_of(const struct feed_erasure *erasure)
{
    Feed__SubjectDeletion deletion = FEED__SUBJECT_DELETION__INIT;

    deletion.position = erasure->position;
    deletion.done = erasure->done;
    deletion.total = erasure->total;
    deletion.left = erasure->left;
    return deletion;
}

static void on_deleted(void *context, Feed__ErrorCode error, const struct feed_erasure *erasure, bool repeated)
{
    struct request *request = context;
    Feed__DeleteSubjectReply reply = FEED__DELETE_SUBJECT_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    if (error != FEED_OK) {
        request_fail_code(request, error);
        return;
    }
    Feed__SubjectDeletion deletion = deletion_of(erasure);
    request_acknowledge(request, erasure->position);
    reply.repeated = repeated;
    reply.deletion = &deletion;
    frame.body_case = FEED__SERVER_FRAME__BODY_DELETE_SUBJECT;
    frame.delete_subject = &reply;
    request_reply(request, &frame);
}

static void run_delete_subject(struct request *request)
{
    const Feed__DeleteSubjectRequest *deletion = request->frame->delete_subject;

    if (check_subject(request, "subject", deletion->subject))
        feed_erase(request->commands->feed, text_of(deletion->subject), on_deleted, request);
}

const struct command_row command_delete_subject = {
    .kind = FEED__CLIENT_FRAME__REQUEST_DELETE_SUBJECT,
    .order = ORDER_SUBJECT,
    .run = run_delete_subject,
};

static void on_progress(void *context, Feed__ErrorCode error, const struct feed_erasure *erasure, bool repeated)
{
    struct request *request = context;
    Feed__GetSubjectDeletionReply reply = FEED__GET_SUBJECT_DELETION_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    (void)repeated;
    if (error == FEED__ERROR_CODE__NOT_FOUND) {
        request_fail(request, error, "subject", 0, "this subject was not deleted, or long ago");
        return;
    }
    if (error != FEED_OK) {
        request_fail_code(request, error);
        return;
    }
    Feed__SubjectDeletion deletion = deletion_of(erasure);
    reply.deletion = &deletion;
    frame.body_case = FEED__SERVER_FRAME__BODY_GET_SUBJECT_DELETION;
    frame.get_subject_deletion = &reply;
    request_reply(request, &frame);
}

static void run_get_subject_deletion(struct request *request)
{
    const Feed__GetSubjectDeletionRequest *get = request->frame->get_subject_deletion;

    if (check_subject(request, "subject", get->subject))
        feed_read_erasure(request->commands->feed, text_of(get->subject), on_progress, request);
}

const struct command_row command_get_subject_deletion = {
    .kind = FEED__CLIENT_FRAME__REQUEST_GET_SUBJECT_DELETION,
    .order = ORDER_READ,
    .run = run_get_subject_deletion,
};
