/* Reads: timelines, profiles, single shares, who follows whom. */
#include <inttypes.h>
#include <stdio.h>

#include "commands/internal.h"

/* What stands around a share in a page, and the page's own fields. */
#define SHARE_OVERHEAD_BYTES 12
#define PAGE_OVERHEAD_BYTES 64

/* A page ends early where the frame would grow past its limit. */
static struct feed_page fit(const struct request *request, const struct feed_page *page, size_t further_bytes)
{
    struct feed_page fitting = *page;
    size_t room = (size_t)request->commands->config->max_frame_bytes - PAGE_OVERHEAD_BYTES - further_bytes;

    for (size_t i = 0; i < page->count; i++) {
        size_t bytes = item_bytes(&page->items[i]) + SHARE_OVERHEAD_BYTES;

        if (bytes > room && i > 0) {
            fitting.count = i;
            fitting.end = FEED__PAGE_END__MORE;
            break;
        }
        room -= bytes < room ? bytes : room;
    }
    return fitting;
}

void request_reply_page(struct request *request, const struct feed_page *page, struct text further)
{
    struct feed_page fitting = fit(request, page, further.size);
    struct frame *frame = frame_of_page(request->row->kind, &fitting, further);

    feed_keep_page(request->commands->feed, page, frame);
    request_reply_frame(request, frame);
}

static void on_page(void *context, Feed__ErrorCode error, const struct feed_page *page)
{
    struct request *request = context;

    if (error != FEED_OK)
        request_fail_code(request, error);
    else if (page->encoded)
        request_reply_frame(request, frame_ref(page->encoded));
    else
        request_reply_page(request, page, (struct text){NULL, 0});
}

static void run_get_timeline(struct request *request)
{
    const Feed__GetTimelineRequest *get = request->frame->get_timeline;
    uint64_t before;

    if (!check_subject(request, "reader", get->reader) || !check_cursor(request, "before", get->before, &before))
        return;
    (get->also_shared_by ? feed_read_timeline_also : feed_read_timeline)(
        request->commands->feed, text_of(get->reader), before, page_limit(request, get->limit), on_page, request);
}

const struct command_row command_get_timeline = {
    .kind = FEED__CLIENT_FRAME__REQUEST_GET_TIMELINE,
    .order = ORDER_READ,
    .sees_writes = true,
    .run = run_get_timeline,
};

static void run_get_profile(struct request *request)
{
    const Feed__GetProfileRequest *get = request->frame->get_profile;
    uint64_t before;

    if (check_subject(request, "subject", get->subject) && check_cursor(request, "before", get->before, &before))
        feed_read_profile(request->commands->feed, text_of(get->subject), before, page_limit(request, get->limit), on_page,
                          request);
}

const struct command_row command_get_profile = {
    .kind = FEED__CLIENT_FRAME__REQUEST_GET_PROFILE,
    .order = ORDER_READ,
    .sees_writes = true,
    .run = run_get_profile,
};

static void on_share(void *context, Feed__ErrorCode error, const struct feed_page *page)
{
    struct request *request = context;

    if (error != FEED_OK)
        request_fail_code(request, error);
    else
        request_reply_frame(request, frame_of_one_share(&page->items[0]));
}

static void run_get_share(struct request *request)
{
    uint64_t id = request->frame->get_share->id;

    if (check_id(request, "id", id))
        feed_read_share(request->commands->feed, id, on_share, request);
}

const struct command_row command_get_share = {
    .kind = FEED__CLIENT_FRAME__REQUEST_GET_SHARE,
    .order = ORDER_READ,
    .sees_writes = true,
    .run = run_get_share,
};

/* ---- names ---- */

static char **copy_names(struct request *request, const struct feed_names *page)
{
    size_t bytes = 0;

    for (size_t i = 0; i < page->count; i++)
        bytes += page->names[i].size + 1;
    request->arena.budget += bytes + (page->count + 1) * sizeof(char *) + 256;
    char **names = request_allocate(request, (page->count + 1) * sizeof(char *));
    char *at = request_allocate(request, bytes + 1);
    if (!names || !at)
        return NULL;
    for (size_t i = 0; i < page->count; i++) {
        names[i] = at;
        at += snprintf(at, page->names[i].size + 1, "%.*s", (int)page->names[i].size, page->names[i].data) + 1;
    }
    return names;
}

char **answer_names(struct request *request, Feed__ErrorCode error, const struct feed_names *page,
                    char ret_cursor[NAMES_CURSOR_BYTES])
{
    char **names = error == FEED_OK ? copy_names(request, page) : NULL;

    if (error != FEED_OK) {
        request_fail_code(request, error);
        return NULL;
    }
    if (!names) {
        request_fail_memory(request);
        return NULL;
    }
    ret_cursor[0] = '\0';
    if (page->next)
        snprintf(ret_cursor, NAMES_CURSOR_BYTES, "%" PRIu64, page->next);
    return names;
}

static void on_following(void *context, Feed__ErrorCode error, const struct feed_names *page)
{
    struct request *request = context;
    Feed__GetFollowingReply reply = FEED__GET_FOLLOWING_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;
    char cursor[NAMES_CURSOR_BYTES], **names = answer_names(request, error, page, cursor);

    if (!names)
        return;
    reply.n_subjects = page->count;
    reply.subjects = names;
    reply.next_cursor = cursor;
    reply.total = page->total;
    frame.body_case = FEED__SERVER_FRAME__BODY_GET_FOLLOWING;
    frame.get_following = &reply;
    request_reply(request, &frame);
}

static void run_get_following(struct request *request)
{
    const Feed__GetFollowingRequest *get = request->frame->get_following;
    uint64_t before;

    if (check_subject(request, "reader", get->reader) && check_cursor(request, "cursor", get->cursor, &before))
        feed_read_names(request->commands->feed, NAMES_FOLLOWING, text_of(get->reader), before, page_limit(request, get->limit),
                        on_following, request);
}

const struct command_row command_get_following = {
    .kind = FEED__CLIENT_FRAME__REQUEST_GET_FOLLOWING,
    .order = ORDER_READ,
    .run = run_get_following,
};

static void on_followers(void *context, Feed__ErrorCode error, const struct feed_names *page)
{
    struct request *request = context;
    Feed__GetFollowersReply reply = FEED__GET_FOLLOWERS_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;
    char cursor[NAMES_CURSOR_BYTES], **names = answer_names(request, error, page, cursor);

    if (!names)
        return;
    reply.n_readers = page->count;
    reply.readers = names;
    reply.next_cursor = cursor;
    reply.total = page->total;
    frame.body_case = FEED__SERVER_FRAME__BODY_GET_FOLLOWERS;
    frame.get_followers = &reply;
    request_reply(request, &frame);
}

static void run_get_followers(struct request *request)
{
    const Feed__GetFollowersRequest *get = request->frame->get_followers;
    uint64_t before;

    if (check_subject(request, "subject", get->subject) && check_cursor(request, "cursor", get->cursor, &before))
        feed_read_names(request->commands->feed, NAMES_FOLLOWERS, text_of(get->subject), before,
                        page_limit(request, get->limit), on_followers, request);
}

const struct command_row command_get_followers = {
    .kind = FEED__CLIENT_FRAME__REQUEST_GET_FOLLOWERS,
    .order = ORDER_READ,
    .run = run_get_followers,
};
