/* feedctl watch: events as they come. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "json.h"
#include "session.h"
#include "text.h"
#include "token.h"
#include "view.h"

/* The streams: what names one, and what people are told of it. */
static const struct stream {
    const char *option; /* NULL: the argument */
    Feed__SubscribeRequest__StreamCase named;
    const char *next;   /* what is waited for */
    const char *whole;  /* the command that shows what there is */
} streams[] = {
    { NULL, FEED__SUBSCRIBE_REQUEST__STREAM_HOME, "is shared", "timeline" },
    { "profile", FEED__SUBSCRIBE_REQUEST__STREAM_PROFILE, "is shared", "profile" },
    { "dialogue", FEED__SUBSCRIBE_REQUEST__STREAM_DIALOGUE, "is said", "dialogue" },
    { "dialogue-around", FEED__SUBSCRIBE_REQUEST__STREAM_DIALOGUE_AROUND, "is said", "dialogue" },
    { "inbox", FEED__SUBSCRIBE_REQUEST__STREAM_INBOX, "happens", "inbox" },
};
#define STREAMS (sizeof streams / sizeof *streams)

struct watch {
    const struct run *run;
    const struct stream *stream;
    const ProtobufCMessage *request; /* that opened it */
    const char *token_path; /* NULL: nowhere */
    bool was_caught_up;     /* said once */
    bool degraded;
    bool connected;
    int code; /* not DONE: stop with it */
    bool over;
};

static volatile sig_atomic_t watch_interrupted;

static void on_signal(int number)
{
    (void)number;
    watch_interrupted = 1;
}

/* What has been printed must have arrived before the token that covers it is stored. */
static void watch_store_token(struct watch *watch, const struct feed_event *event)
{
    int error;

    if (event->token == NULL || watch->token_path == NULL)
        return;
    if (fflush(stdout) != 0) {
        watch->code = REFUSED;
        watch->over = true;
        return;
    }
    error = token_store(watch->token_path, event->token, event->token_bytes);
    if (error < 0) {
        fprintf(stderr, "feedctl: cannot store the token in %s: %s\n", watch->token_path, strerror(-error));
        watch->code = REFUSED;
        watch->over = true;
    }
}

static void watch_print_gap(const struct watch *watch, const struct feed_event *event)
{
    static const struct {
        Feed__GapReason reason;
        const char *text;
    } reasons[] = {
        { FEED__GAP_REASON__GAP_CAPPED, "more came meanwhile than is held ready" },
        { FEED__GAP_REASON__GAP_TOO_OLD, "it is too long ago that this was last watched" },
        { FEED__GAP_REASON__GAP_LOST, "the store lost its latest data" },
    };
    const char *why = "the connection broke before the server said where the stream stands";
    char refusal[1024];

    if (event->gap != NULL) {
        why = "the server cannot vouch for what came meanwhile";
        for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
            if (reasons[i].reason == event->gap->reason)
                why = reasons[i].text;
    } else if (event->error != NULL) {
        session_describe((int)event->error->code, event->error, refusal, sizeof refusal);
        why = refusal;
    }
    view_note("something may be missing here: %s. feedctl %s shows what there is", why, watch->stream->whole);
}

static void watch_print(struct watch *watch, const struct feed_event *event)
{
    char *author;

    switch (event->kind) {
    case FEED_EVENT_SHARED:
        view_share(event->share);
        break;
    case FEED_EVENT_RESHARED:
        view_joining(event->share);
        break;
    case FEED_EVENT_DELETED:
        author = text_clean(event->deleted->author);
        view_note("%s deleted #%llu", author != NULL ? author : "?", (unsigned long long)event->deleted->share_id);
        free(author);
        break;
    case FEED_EVENT_EDITED:
        view_note("edited:");
        view_share(event->edited->share);
        break;
    case FEED_EVENT_COMMENTED:
        view_comment(event->commented->comment, 0);
        break;
    case FEED_EVENT_COMMENT_DELETED:
        view_note("comment #%llu was deleted", (unsigned long long)event->comment_deleted->comment_id);
        break;
    case FEED_EVENT_SUBJECT_DELETED:
        author = text_clean(event->subject_deleted->subject);
        view_note("%s was deleted, with all shares", author != NULL ? author : "?");
        free(author);
        break;
    case FEED_EVENT_NOTICED:
        view_notice(event->noticed->notice, true);
        break;
    case FEED_EVENT_READ_MARKER:
        view_unread(event->read_marker->marker, event->read_marker->unread, event->read_marker->more);
        break;
    case FEED_EVENT_GAP:
        watch_print_gap(watch, event);
        break;
    case FEED_EVENT_CAUGHT_UP:
        if (!watch->was_caught_up)
            view_note("up to date; waiting for what %s next (Ctrl-C ends)", watch->stream->next);
        watch->was_caught_up = true;
        break;
    case FEED_EVENT_HEARTBEAT:
        if (event->degraded != watch->degraded)
            view_note("%s", event->degraded ? "the server cannot reach its store; this goes on by itself"
                                            : "the store is back");
        watch->degraded = event->degraded;
        break;
    case FEED_EVENT_SUBSCRIBED:
    case FEED_EVENT_LOST:
    case FEED_EVENT_ENDED:
        break;
    }
}

/* {"shared":{…}}: the server's event under its name in the schema. */
static void watch_print_json(const struct feed_event *event)
{
    if (event->kind == FEED_EVENT_GAP && event->frame == NULL)
        json_print(json_pack("{s:{s:s, s:[]}}", "gap", "reason", "GAP_UNSPECIFIED", "ranges"));
    else if (event->kind == FEED_EVENT_GAP && event->error != NULL)
        json_print(json_pack("{s:{s:s, s:[]}, s:o}", "gap", "reason", "GAP_UNSPECIFIED", "ranges", "error",
                             json_from_message(&event->error->base)));
    else if (event->frame != NULL && event->kind != FEED_EVENT_SUBSCRIBED && event->kind != FEED_EVENT_ENDED)
        json_print(json_from_message_without(&event->frame->base, "requestId"));
}

static void on_event(void *context, const struct feed_event *event)
{
    struct watch *watch = context;

    if (event->kind == FEED_EVENT_ENDED) {
        watch->code = session_fail(watch->run, watch->request, event->error != NULL ? (int)event->error->code : -EPROTO,
                                   event->error);
        watch->over = true;
        return;
    }
    if (watch->run->json)
        watch_print_json(event);
    else
        watch_print(watch, event);
    watch_store_token(watch, event);
}

static void on_connection(void *context, const struct feed_status *status)
{
    struct watch *watch = context;
    char *message = text_clean(status->message);

    if (status->state == FEED_CONNECTED && watch->was_caught_up && !watch->connected)
        fprintf(stderr, "feedctl: connected again\n");
    if (status->state == FEED_WAITING && watch->connected)
        fprintf(stderr, "feedctl: the connection is gone (%s); trying again until it is back\n",
                message != NULL && message[0] != '\0' ? message : strerror(-status->error));
    if (status->state != FEED_CONNECTING)
        watch->connected = status->state == FEED_CONNECTED;
    free(message);
}

/* Signals end the loop below, and come only while it waits, so that none is missed. */
static void watch_catch_signals(sigset_t *ret_wait_mask)
{
    const struct sigaction action = { .sa_handler = on_signal };
    sigset_t blocked;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, ret_wait_mask);
    sigdelset(ret_wait_mask, SIGINT);
    sigdelset(ret_wait_mask, SIGTERM);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static int watch_stream(struct watch *watch, const Feed__SubscribeRequest *request)
{
    const struct feed_options options = { .on_connection = on_connection, .context = watch };
    struct feed_subscription *subscription;
    struct feed_blocking *feed;
    sigset_t wait_mask;
    int code = session_open(watch->run, &options, &feed);
    int error;

    if (code != DONE)
        return code;
    watch->request = &request->base;
    watch_catch_signals(&wait_mask);
    feed_blocking_set_wait_mask(feed, &wait_mask);
    view_init();
    error = feed_subscribe(feed_blocking_client(feed), request, on_event, watch, &subscription);
    if (error < 0)
        code = session_fail(watch->run, &request->base, error, NULL);
    while (error == 0 && !watch->over && !watch_interrupted) {
        /* What came together is shown together, and at once. */
        if (fflush(stdout) != 0)
            watch->over = true;
        else
            feed_blocking_turn(feed, -1);
    }
    feed_blocking_free(feed);
    return code != DONE ? code : watch->code;
}

/* What was given for a stream; NULL: nothing. */
static char *watch_given(const struct run *run, const struct stream *stream)
{
    if (stream->option != NULL)
        return run_option(run, stream->option);
    return run->argument_count > 0 ? run->arguments[0] : NULL;
}

/* Which stream, out of the one argument or option that says so. NULL: there is not exactly one, which has been said. */
static const struct stream *watch_name_stream(const struct run *run, Feed__SubscribeRequest *request)
{
    const struct stream *found = NULL;
    size_t count = 0;
    char *name = NULL;

    for (size_t i = 0; i < STREAMS; i++) {
        char *given = watch_given(run, &streams[i]);

        if (given == NULL)
            continue;
        found = &streams[i];
        name = given;
        count++;
    }
    if (count != 1) {
        fputs("feedctl: watch needs one of READER, --profile, --dialogue, --dialogue-around and --inbox\n", stderr);
        return NULL;
    }
    request->stream_case = found->named;
    if (found->named == FEED__SUBSCRIBE_REQUEST__STREAM_DIALOGUE)
        return run_id(name, &request->dialogue) ? found : NULL;
    request->home = name; /* whichever it is: all names of the oneof lie in the same place */
    return found;
}

static int run_watch(const struct run *run)
{
    Feed__SubscribeRequest request = FEED__SUBSCRIBE_REQUEST__INIT;
    struct watch watch = { .run = run, .token_path = run_option(run, "resume") };
    uint8_t *token = NULL;
    size_t bytes = 0;
    int code, error;

    watch.stream = watch_name_stream(run, &request);
    if (watch.stream == NULL)
        return USAGE;
    request.reader = run_text(run, "reader");
    if (watch.token_path != NULL) {
        error = token_load(watch.token_path, &token, &bytes);
        if (error < 0) {
            fprintf(stderr, "feedctl: cannot read the token in %s: %s\n", watch.token_path, strerror(-error));
            return USAGE;
        }
    }
    request.resume_token.data = token;
    request.resume_token.len = bytes;
    code = watch_stream(&watch, &request);
    free(token);
    return code;
}

const struct command command_watch = {
    .name = "watch",
    .arguments = "[READER]",
    .summary = "Show shares as they come, until Ctrl-C",
    .details = "\nThe home timeline of READER, or what one subject shares, or what people say under one share or all of\n"
               "a subject's. Reconnects by itself and goes on where it was. With --json one event a line: {\"shared\":…},\n"
               "{\"reshared\":…}, {\"edited\":…}, {\"deleted\":…}, {\"commented\":…}, {\"commentDeleted\":…},\n"
               "{\"subjectDeleted\":…}, {\"noticed\":…}, {\"readMarker\":…}, {\"caughtUp\":…}, {\"heartbeat\":…}, {\"gap\":…}.",
    .options = {
        { "profile", "SUBJECT", "watch what this subject shares", false },
        { "dialogue", "SHARE_ID", "watch the comments under this share", false },
        { "dialogue-around", "SUBJECT", "watch the comments under all shares of this subject", false },
        { "reader", "READER", "see comments as this reader does, without whom it mutes or blocks", false },
        { "inbox", "SUBJECT", "watch what others do that concerns this subject", false },
        { "resume", "FILE", "go on where the token in FILE says, and keep it there", false },
    },
    .run = run_watch,
};
