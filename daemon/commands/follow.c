/* Follow, Unfollow and FollowMany. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands/internal.h"

static char limit_name[] = "max_following";
/* The same words whichever of the two blocks the other. */
static const char not_for_reader[] = "the reader may not follow this subject";

/* Whether the change was refused, and that is answered. */
static bool refused(struct request *request, Feed__ErrorCode error, const char *what)
{
    int64_t limit = request->commands->config->max_following;

    if (error == FEED__ERROR_CODE__LIMIT_EXCEEDED)
        request_fail(request, error, limit_name, (uint64_t)limit, "a reader may %s %" PRId64 " subjects", what, limit);
    else if (error == FEED__ERROR_CODE__FORBIDDEN)
        request_fail(request, error, "subject", 0, "%s", not_for_reader);
    else if (error != FEED_OK)
        request_fail_code(request, error);
    return error != FEED_OK;
}

static void on_followed(void *context, Feed__ErrorCode error, uint64_t position, bool repeated)
{
    struct request *request = context;
    Feed__FollowReply reply = FEED__FOLLOW_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    if (refused(request, error, "follow"))
        return;
    request_acknowledge(request, position);
    reply.position = position;
    reply.repeated = repeated;
    frame.body_case = FEED__SERVER_FRAME__BODY_FOLLOW;
    frame.follow = &reply;
    request_reply(request, &frame);
}

/* What is wrong with a pair: the field, *ret_fault and *ret_limit; NULL if nothing. */
static const char *pair_fault(const char *reader, const char *subject, const char **ret_fault, uint64_t *ret_limit)
{
    *ret_fault = subject_fault(reader, ret_limit);
    if (*ret_fault)
        return "reader";
    *ret_fault = subject_fault(subject, ret_limit);
    if (!*ret_fault && strcmp(reader, subject) == 0)
        *ret_fault = "is the reader: nobody follows themselves";
    return *ret_fault ? "subject" : NULL;
}

static void run_follow(struct request *request)
{
    const Feed__FollowRequest *follow = request->frame->follow;
    uint64_t limit;
    const char *fault, *field = pair_fault(follow->reader, follow->subject, &fault, &limit);

    if (field)
        request_fail(request, FEED__ERROR_CODE__INVALID, field, limit, "%s %s", field, fault);
    else
        feed_follow(request->commands->feed, true, text_of(follow->reader), text_of(follow->subject), on_followed, request);
}

const struct command_row command_follow = {
    .kind = FEED__CLIENT_FRAME__REQUEST_FOLLOW,
    .order = ORDER_FOLLOW,
    .run = run_follow,
};

static void on_unfollowed(void *context, Feed__ErrorCode error, uint64_t position, bool repeated)
{
    struct request *request = context;
    Feed__UnfollowReply reply = FEED__UNFOLLOW_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    if (refused(request, error, "keep the history of"))
        return;
    request_acknowledge(request, position);
    reply.position = position;
    reply.repeated = repeated;
    frame.body_case = FEED__SERVER_FRAME__BODY_UNFOLLOW;
    frame.unfollow = &reply;
    request_reply(request, &frame);
}

static void run_unfollow(struct request *request)
{
    const Feed__UnfollowRequest *unfollow = request->frame->unfollow;

    if (!check_subject(request, "reader", unfollow->reader) || !check_subject(request, "subject", unfollow->subject))
        return;
    struct text reader = text_of(unfollow->reader), subject = text_of(unfollow->subject);
    if (unfollow->keep_history)
        feed_unfollow_keeping(request->commands->feed, reader, subject, on_unfollowed, request);
    else
        feed_follow(request->commands->feed, false, reader, subject, on_unfollowed, request);
}

const struct command_row command_unfollow = {
    .kind = FEED__CLIENT_FRAME__REQUEST_UNFOLLOW,
    .order = ORDER_FOLLOW,
    .run = run_unfollow,
};

/* ---- many ---- */

struct many {
    uint32_t waiting; /* pairs under way, and one while they are being started */
    uint32_t followed;
    uint32_t repeated;
    uint64_t position;
    bool incomplete; /* a refusal could not be kept */
    size_t refused_count;
    Feed__PairError **refused;
};

struct many_pair {
    struct request *request;
    uint32_t index;
};

static void refuse_pair(struct request *request, uint32_t index, Feed__ErrorCode code, const char *field, uint64_t limit,
                        const char *message)
{
    struct many *many = request->state;
    Feed__PairError *refused = request_allocate(request, sizeof(*refused));
    Feed__Error *error = request_allocate(request, sizeof(*error));
    char *texts = request_allocate(request, strlen(field) + strlen(message) + 2);

    if (!refused || !error || !texts) {
        many->incomplete = true;
        return;
    }
    char *message_copy = texts + strlen(field) + 1;
    memcpy(texts, field, strlen(field) + 1);
    memcpy(message_copy, message, strlen(message) + 1);
    error_fill(error, code, texts, limit, message_copy);
    feed__pair_error__init(refused);
    refused->index = index;
    refused->error = error;
    many->refused[many->refused_count++] = refused;
}

static void many_step(struct request *request)
{
    struct many *many = request->state;
    Feed__FollowManyReply reply = FEED__FOLLOW_MANY_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;

    if (--many->waiting > 0)
        return;
    if (many->incomplete) { /* asking for all of them again does no harm */
        request_fail_memory(request);
        return;
    }
    reply.followed = many->followed;
    reply.repeated = many->repeated;
    reply.position = many->position;
    reply.n_refused = many->refused_count;
    reply.refused = many->refused;
    frame.body_case = FEED__SERVER_FRAME__BODY_FOLLOW_MANY;
    frame.follow_many = &reply;
    request_reply(request, &frame);
}

static void on_pair(void *context, Feed__ErrorCode error, uint64_t position, bool repeated)
{
    const struct many_pair *pair = context;
    struct request *request = pair->request;
    struct many *many = request->state;

    if (error == FEED_OK) {
        many->repeated += repeated;
        many->followed += !repeated;
        if (!repeated)
            many->position = position;
        request_acknowledge(request, position);
    } else if (error == FEED__ERROR_CODE__LIMIT_EXCEEDED) {
        refuse_pair(request, pair->index, error, limit_name, (uint64_t)request->commands->config->max_following,
                    "the reader follows as many subjects as may be");
    } else if (error == FEED__ERROR_CODE__FORBIDDEN) {
        refuse_pair(request, pair->index, error, "subject", 0, not_for_reader);
    } else {
        refuse_pair(request, pair->index, error, "", 0, "the store did not answer: follow again");
    }
    many_step(request);
}

static void start_pair(struct request *request, const Feed__FollowPair *pair, struct many_pair *context)
{
    struct many *many = request->state;
    uint64_t limit;
    const char *fault, *field = pair_fault(pair->reader, pair->subject, &fault, &limit);

    if (field) {
        char message[160];

        snprintf(message, sizeof(message), "%s %s", field, fault);
        refuse_pair(request, context->index, FEED__ERROR_CODE__INVALID, field, limit, message);
        return;
    }
    many->waiting++;
    feed_follow(request->commands->feed, true, text_of(pair->reader), text_of(pair->subject), on_pair, context);
}

static void run_follow_many(struct request *request)
{
    const Feed__FollowManyRequest *wanted = request->frame->follow_many;
    int64_t limit = request->commands->config->max_follow_pairs;

    if (wanted->n_pairs > (size_t)limit) {
        request_fail(request, FEED__ERROR_CODE__INVALID, "pairs", (uint64_t)limit, "more than %" PRId64 " pairs", limit);
        return;
    }
    /* The arena was measured for what a frame holds; the answers need their own. */
    request->arena.budget += wanted->n_pairs * 512 + 4096;
    struct many *many = request->state = request_allocate(request, sizeof(*many));
    struct many_pair *pairs = request_allocate(request, (wanted->n_pairs + 1) * sizeof(*pairs));
    Feed__PairError **refused = request_allocate(request, (wanted->n_pairs + 1) * sizeof(Feed__PairError *));
    if (!many || !pairs || !refused) {
        request_fail_memory(request);
        return;
    }
    *many = (struct many){.waiting = 1, .refused = refused};
    for (size_t i = 0; i < wanted->n_pairs; i++) {
        pairs[i] = (struct many_pair){request, (uint32_t)i};
        start_pair(request, wanted->pairs[i], &pairs[i]);
    }
    many_step(request);
}

const struct command_row command_follow_many = {
    .kind = FEED__CLIENT_FRAME__REQUEST_FOLLOW_MANY,
    .order = ORDER_FOLLOW,
    .run = run_follow_many,
};
