/* SetSubject, GetSubjects, FindSubjects: what is said about subjects. */
#include <inttypes.h>
#include <string.h>

#include "commands/internal.h"

#define NAME_CHARACTERS 100
#define NAME_BYTES 400
#define DESCRIPTION_CHARACTERS 500
#define DESCRIPTION_BYTES 2000
#define PREFIX_BYTES 512
#define CURSOR_BYTES 1024
#define FRAME_ROOM_BYTES (64 + CURSOR_BYTES) /* of a reply: what is not descriptions */
#define RECORD_OVERHEAD_BYTES 8

static void on_described(void *context, Feed__ErrorCode error, uint64_t position, bool repeated)
{
    struct request *request = context;
    Feed__SetSubjectReply reply = FEED__SET_SUBJECT_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    if (error != FEED_OK) {
        request_fail_code(request, error);
        return;
    }
    request_acknowledge(request, position);
    reply.position = position;
    reply.repeated = repeated;
    frame.body_case = FEED__SERVER_FRAME__BODY_SET_SUBJECT;
    frame.set_subject = &reply;
    request_reply(request, &frame);
}

static bool check_description(struct request *request, const Feed__Subject *subject)
{
    if (!check_subject(request, "id", subject->id) ||
        !check_text(request, "display_name", subject->display_name, NAME_CHARACTERS, NAME_BYTES) ||
        !check_text(request, "description", subject->description, DESCRIPTION_CHARACTERS, DESCRIPTION_BYTES) ||
        !check_url(request, "picture_url", subject->picture_url, false) || !check_url(request, "link", subject->link, false))
        return false;
    if (has_control_character(subject->display_name)) {
        request_fail(request, FEED__ERROR_CODE__INVALID, "display_name", 0, "display_name holds a control character");
        return false;
    }
    if (!protobuf_c_enum_descriptor_get_value(&feed__subject_kind__descriptor, (int)subject->kind)) {
        request_fail(request, FEED__ERROR_CODE__INVALID, "kind", 0, "kind must be one of SubjectKind");
        return false;
    }
    return true;
}

static void run_set_subject(struct request *request)
{
    const Feed__Subject *given = request->frame->set_subject->subject;
    Feed__Subject stored = FEED__SUBJECT__INIT;

    if (!given) {
        request_fail(request, FEED__ERROR_CODE__INVALID, "subject", 0, "subject is missing");
        return;
    }
    if (!check_description(request, given))
        return;
    stored.id = given->id;
    size_t id_alone = feed__subject__get_packed_size(&stored);
    stored.kind = given->kind;
    stored.display_name = given->display_name;
    stored.description = given->description;
    stored.picture_url = given->picture_url;
    stored.link = given->link;
    size_t size = feed__subject__get_packed_size(&stored);
    uint8_t *record = request_allocate(request, size);
    if (!record) {
        request_fail_memory(request);
        return;
    }
    feed__subject__pack(&stored, record);
    feed_describe(request->commands->feed, text_of(given->id), (struct text){(const char *)record, size == id_alone ? 0 : size},
                  text_of(given->display_name), on_described, request);
}

const struct command_row command_set_subject = {
    .kind = FEED__CLIENT_FRAME__REQUEST_SET_SUBJECT,
    .order = ORDER_SUBJECT,
    .run = run_set_subject,
};

/* ---- reading ---- */

/* Ends the reply where the frame would grow past its limit. */
static struct feed_subjects fit(const struct request *request, const struct feed_subjects *subjects)
{
    struct feed_subjects fitting = *subjects;
    size_t room = (size_t)request->commands->config->max_frame_bytes - FRAME_ROOM_BYTES;

    for (size_t i = 0; i < subjects->count; i++) {
        size_t bytes = (subjects->records[i].size > 0 ? subjects->records[i].size : 128) + RECORD_OVERHEAD_BYTES;

        if (bytes > room) {
            fitting.count = i;
            fitting.next = subjects->cursors ? subjects->cursors[i - 1] : subjects->next;
            break;
        }
        room -= bytes;
    }
    return fitting;
}

static void on_subjects(void *context, Feed__ErrorCode error, const struct feed_subjects *subjects)
{
    struct request *request = context;

    if (error != FEED_OK) {
        request_fail_code(request, error);
        return;
    }
    struct feed_subjects fitting = fit(request, subjects);
    request_reply_frame(request, frame_of_subjects(false, &fitting, request->state));
}

static void run_get_subjects(struct request *request)
{
    const Feed__GetSubjectsRequest *get = request->frame->get_subjects;
    int64_t limit = request->commands->config->max_page;

    if (get->n_ids > (size_t)limit) {
        request_fail(request, FEED__ERROR_CODE__INVALID, "ids", (uint64_t)limit, "more than %" PRId64 " ids", limit);
        return;
    }
    for (size_t i = 0; i < get->n_ids; i++)
        if (!check_subject(request, "ids", get->ids[i]))
            return;
    request->arena.budget += (get->n_ids + 1) * sizeof(struct text);
    struct text *ids = request->state = request_allocate(request, (get->n_ids + 1) * sizeof(*ids));
    if (!ids) {
        request_fail_memory(request);
        return;
    }
    for (size_t i = 0; i < get->n_ids; i++)
        ids[i] = text_of(get->ids[i]);
    feed_read_subjects(request->commands->feed, ids, get->n_ids, on_subjects, request);
}

const struct command_row command_get_subjects = {
    .kind = FEED__CLIENT_FRAME__REQUEST_GET_SUBJECTS,
    .order = ORDER_READ,
    .sees_writes = true,
    .run = run_get_subjects,
};

/* ---- finding ---- */

static void on_found(void *context, Feed__ErrorCode error, const struct feed_subjects *subjects)
{
    struct request *request = context;

    if (error == FEED__ERROR_CODE__INVALID) {
        request_fail(request, error, "prefix", 0, "prefix holds no letter, digit or symbol");
    } else if (error == FEED__ERROR_CODE__NOT_FOUND) {
        request_fail(request, FEED__ERROR_CODE__INVALID, "cursor", 0, "cursor must be the next_cursor of an earlier page");
    } else if (error != FEED_OK) {
        request_fail_code(request, error);
    } else {
        struct feed_subjects fitting = fit(request, subjects);

        request_reply_frame(request, frame_of_subjects(true, &fitting, NULL));
    }
}

static void run_find_subjects(struct request *request)
{
    const Feed__FindSubjectsRequest *find = request->frame->find_subjects;

    if (check_text(request, "prefix", find->prefix, 0, PREFIX_BYTES) &&
        check_text(request, "cursor", find->cursor, 0, CURSOR_BYTES))
        feed_find_subjects(request->commands->feed, text_of(find->prefix), text_of(find->cursor),
                           page_limit(request, find->limit), on_found, request);
}

const struct command_row command_find_subjects = {
    .kind = FEED__CLIENT_FRAME__REQUEST_FIND_SUBJECTS,
    .order = ORDER_READ,
    .run = run_find_subjects,
};
