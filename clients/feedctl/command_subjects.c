/* feedctl describe, subjects and find: what is said about subjects. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "command.h"
#include "json.h"
#include "session.h"
#include "text.h"
#include "view.h"

/* "person" for PERSON; "" where nothing is said. */
static const char *kind_word(Feed__SubjectKind kind, char out[static 16])
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(&feed__subject_kind__descriptor, (int)kind);
    size_t at = 0;

    for (const char *from = value != NULL && kind != 0 ? value->name : ""; *from != '\0' && at < 15; from++)
        out[at++] = (char)(*from | 0x20);
    out[at] = '\0';
    return out;
}

static bool read_kind(const char *word, Feed__SubjectKind *ret_kind)
{
    const ProtobufCEnumDescriptor *kinds = &feed__subject_kind__descriptor;
    char known[16];

    for (unsigned i = 0; i < kinds->n_values; i++)
        if (strcasecmp(word, kind_word((Feed__SubjectKind)kinds->values[i].value, known)) == 0) {
            *ret_kind = (Feed__SubjectKind)kinds->values[i].value;
            return true;
        }
    fprintf(stderr, "feedctl: %s is no kind of subject: they are person, brand, product and page\n", word);
    return false;
}

static void print_subject(const Feed__Subject *subject)
{
    char kind[16];
    char *id = text_clean(subject->id), *name = text_clean(subject->display_name);

    printf("%s%s%s", view_style.accent, id != NULL ? id : "", view_style.plain);
    if (name != NULL && name[0] != '\0')
        printf(" · %s%s%s", view_style.bold, name, view_style.plain);
    if (kind_word(subject->kind, kind)[0] != '\0')
        printf(" · %s", kind);
    putchar('\n');
    view_paragraph(subject->description, "");
    view_line(subject->link);
    view_line(subject->picture_url);
    free(id);
    free(name);
}

static void print_subjects(const struct run *run, Feed__Subject *const *subjects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (run->json)
            json_print_message(&subjects[i]->base);
        else
            print_subject(subjects[i]);
    }
}

/* ---- describe ---- */

/* What is not given stays as it is. */
static int describe(const struct run *run, struct feed_blocking *feed, const Feed__Subject *present,
                    Feed__SubjectKind kind)
{
    Feed__SetSubjectRequest request = FEED__SET_SUBJECT_REQUEST__INIT;
    Feed__Subject subject = *present;
    ProtobufCMessage *message;
    const struct {
        const char *option;
        char **field;
    } texts[] = { { "name", &subject.display_name },
                  { "description", &subject.description },
                  { "picture", &subject.picture_url },
                  { "link", &subject.link } };
    int code;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (run_option(run, texts[i].option) != NULL)
            *texts[i].field = run_option(run, texts[i].option);
    if (run_option(run, "kind") != NULL)
        subject.kind = kind;
    request.subject = &subject;
    code = session_call(run, feed, &request.base, &message);
    if (code != DONE)
        return code;
    if (run->json)
        json_print_message(message);
    else
        puts(((const Feed__SetSubjectReply *)(const void *)message)->repeated ? "was described so already" : "described");
    feed_free_message(feed, message);
    return DONE;
}

static int run_describe(const struct run *run)
{
    Feed__GetSubjectsRequest request = FEED__GET_SUBJECTS_REQUEST__INIT;
    Feed__Subject nothing = FEED__SUBJECT__INIT;
    Feed__SubjectKind kind = FEED__SUBJECT_KIND__KIND_UNSPECIFIED;
    struct feed_blocking *feed;
    ProtobufCMessage *message;
    char *id = run->arguments[0];
    int code;

    if (run_option(run, "kind") != NULL && !read_kind(run_option(run, "kind"), &kind))
        return USAGE;
    code = session_open(run, NULL, &feed);
    if (code != DONE)
        return code;
    nothing.id = id;
    if (run_option(run, "clear") != NULL) {
        code = describe(run, feed, &nothing, kind);
    } else {
        request.n_ids = 1;
        request.ids = &id;
        code = session_call(run, feed, &request.base, &message);
        if (code == DONE) {
            const Feed__GetSubjectsReply *reply = (const void *)message;

            code = describe(run, feed, reply->n_subjects > 0 ? reply->subjects[0] : &nothing, kind);
            feed_free_message(feed, message);
        }
    }
    feed_blocking_free(feed);
    return code;
}

const struct command command_describe = {
    .name = "describe",
    .arguments = "SUBJECT",
    .summary = "Say what a subject is called and what it is",
    .details = "\nWhat is not given stays as it is; an empty text takes away what was said.",
    .options = { { "kind", "KIND", "person, brand, product or page", false },
                 { "name", "TEXT", "its display name", false },
                 { "description", "TEXT", "a description", false },
                 { "picture", "URL", "a picture", false },
                 { "link", "URL", "where to find it", false },
                 { "clear", NULL, "take away whatever else was said", false } },
    .run = run_describe,
};

/* ---- subjects ---- */

#define ASK_MAX 50 /* at once */

static int run_subjects(const struct run *run)
{
    struct feed_blocking *feed;
    int code = session_open(run, NULL, &feed);

    if (code != DONE)
        return code;
    view_init();
    for (size_t at = 0; at < run->argument_count && code == DONE;) {
        Feed__GetSubjectsRequest request = FEED__GET_SUBJECTS_REQUEST__INIT;
        const Feed__GetSubjectsReply *reply;
        ProtobufCMessage *message;
        char *ids[ASK_MAX];

        for (size_t i = at; i < run->argument_count && request.n_ids < ASK_MAX; i++)
            ids[request.n_ids++] = run->arguments[i];
        request.ids = ids;
        code = session_call(run, feed, &request.base, &message);
        if (code != DONE)
            break;
        reply = (const void *)message;
        print_subjects(run, reply->subjects, reply->n_subjects);
        at += reply->n_subjects > 0 ? reply->n_subjects : request.n_ids;
        feed_free_message(feed, message);
    }
    feed_blocking_free(feed);
    return code;
}

const struct command command_subjects = {
    .name = "subjects",
    .arguments = "SUBJECT...",
    .summary = "Show what is said about subjects",
    .run = run_subjects,
};

/* ---- find ---- */

static int run_find(const struct run *run)
{
    unsigned long limit, found = 0;
    char *cursor = strdup("");
    struct feed_blocking *feed;
    int code;

    if (!run_option_number(run, "limit", 1, UINT32_MAX, UINT32_MAX, &limit)) {
        free(cursor);
        return USAGE;
    }
    code = session_open(run, NULL, &feed);
    if (code != DONE) {
        free(cursor);
        return code;
    }
    view_init();
    while (code == DONE && cursor != NULL && found < limit) {
        Feed__FindSubjectsRequest request = FEED__FIND_SUBJECTS_REQUEST__INIT;
        const Feed__FindSubjectsReply *reply;
        ProtobufCMessage *message;

        request.prefix = run->arguments[0];
        request.limit = (uint32_t)(limit - found);
        request.cursor = cursor;
        code = session_call(run, feed, &request.base, &message);
        if (code != DONE)
            break;
        reply = (const void *)message;
        print_subjects(run, reply->subjects, reply->n_subjects);
        found += reply->n_subjects;
        free(cursor);
        cursor = reply->next_cursor[0] != '\0' ? strdup(reply->next_cursor) : NULL;
        feed_free_message(feed, message);
    }
    if (code == DONE && !run->json)
        view_note("%lu found%s", found, cursor != NULL ? ", and there are more" : "");
    free(cursor);
    feed_blocking_free(feed);
    return code;
}

const struct command command_find = {
    .name = "find",
    .arguments = "PREFIX",
    .summary = "Find subjects by the beginning of a word of their name",
    .details = "\nOf their ids and display names, without regard to case and accents. Only those that were described are\n"
               "found.",
    .options = { { "limit", "N", "show N of them (default: all)", false } },
    .run = run_find,
};
