/* feedctl admin …: what operators ask of a daemon, on its admin socket. The rows are those of admin.def; what the daemon
 * answers is shown as it comes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin.h"
#include "command.h"
#include "json.h"
#include "session.h"
#include "table.h"
#include "view.h"

#define ARGUMENTS_MAX (OPTIONS_MAX + 2)

struct words {
    char *words[ARGUMENTS_MAX];
    size_t count;
    char *made[OPTIONS_MAX]; /* those that must be freed */
    size_t made_count;
};

/* The arguments, then the options as `name=value`. False: memory ended. */
static bool words_gather(const struct run *run, struct words *words)
{
    for (size_t i = 0; i < run->argument_count; i++)
        words->words[words->count++] = run->arguments[i];
    for (size_t i = 0; i < OPTIONS_MAX && run->command->options[i].name != NULL; i++) {
        char *word;

        if (run->values[i] == NULL)
            continue;
        if (asprintf(&word, "%s=%s", run->command->options[i].name, run->values[i]) < 0)
            return false;
        words->made[words->made_count++] = word;
        words->words[words->count++] = word;
    }
    return true;
}

int admin_ask(const struct run *run, struct feed_blocking *feed, Feed__AdminRequest *request, json_t **ret_answer)
{
    ProtobufCMessage *message;
    int code = session_call(run, feed, &request->base, &message);
    json_error_t error;

    if (code != DONE)
        return code;
    *ret_answer = json_loads(((const Feed__AdminReply *)(const void *)message)->json, 0, &error);
    feed_free_message(feed, message);
    if (*ret_answer != NULL)
        return DONE;
    fprintf(stderr, "feedctl: feedd answered something that is no JSON: %s\n", error.text);
    return REFUSED;
}

int admin_ask_words(const struct run *run, struct feed_blocking *feed, const char *command, char **words, size_t count,
                    json_t **ret_answer)
{
    Feed__AdminRequest request = FEED__ADMIN_REQUEST__INIT;
    char name[16];

    snprintf(name, sizeof name, "%s", command);
    request.command = name;
    request.arguments = words;
    request.n_arguments = count;
    return admin_ask(run, feed, &request, ret_answer);
}

static int run_admin(const struct run *run)
{
    static const char group[] = "admin ";
    Feed__AdminRequest request = FEED__ADMIN_REQUEST__INIT;
    char *command = strdup(run->command->name + strlen(group));
    struct words words = { 0 };
    struct feed_blocking *feed;
    json_t *answer;
    int code = command != NULL && words_gather(run, &words) ? session_open(run, NULL, &feed) : REFUSED;

    if (code == DONE) {
        request.command = command;
        request.arguments = words.words;
        request.n_arguments = words.count;
        code = admin_ask(run, feed, &request, &answer);
        feed_blocking_free(feed);
        if (code == DONE && run->json) {
            json_print(answer);
        } else if (code == DONE) {
            view_init();
            table_print(stdout, answer);
            json_decref(answer);
        }
    }
    free(command);
    for (size_t i = 0; i < words.made_count; i++)
        free(words.made[i]);
    return code;
}

#define OPTIONS_NONE { { 0 } }
#define OPTIONS_LIMIT { { "limit", "N", "how many at most, up to 1,000 (20 unless given)", false } }
#define OPTIONS_SORT                                                                  \
    {                                                                                 \
        { "sort", "ORDER", "lag, bytes (that wait) or age; lag unless given", false }, \
        { "limit", "N", "how many at most, up to 1,000 (20 unless given)", false },    \
    }

#define OPTIONS_CHECK                                                                                     \
    {                                                                                                     \
        { "repair", NULL, "mend what is found, and look again until nothing is", false },                  \
        { "stop", NULL, "end the check that is under way", false },                                        \
        { "limit", "N", "how many examples of what is found, up to 1,000 (20 unless given)", false },      \
    }

#define OPTIONS_WORDS { { 0 } }

/* Who asks: those that ask more than once have files of their own. */
#define RUN_NONE(id) run_admin
#define RUN_LIMIT(id) run_admin
#define RUN_SORT(id) run_admin
#define RUN_CHECK(id) run_##id
#define RUN_WORDS(id) run_##id

#define ADMIN(id, word, usage, option_list, help)     \
    const struct command command_admin_##id = {       \
        .name = "admin " word,                        \
        .arguments = usage,                           \
        .summary = help,                              \
        .options = OPTIONS_##option_list,             \
        .for_operators = true,                        \
        .run = RUN_##option_list(id),                 \
    };
#include "admin.def"
#undef ADMIN
