/* feedctl admin check: has a daemon check its store, and shows how that goes until it has ended. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "admin.h"
#include "clock.h"
#include "command.h"
#include "json.h"
#include "progress.h"
#include "session.h"
#include "table.h"
#include "view.h"

#define LOOK_MS 100 /* how often it is looked */

static uint64_t number(const json_t *answer, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(answer, name));
}

static bool is_state(const json_t *answer, const char *state)
{
    const char *held = json_string_value(json_object_get(answer, "state"));

    return held != NULL && strcmp(held, state) == 0;
}

/* Asks for one thing, and how far the check is then. */
static int ask(const struct run *run, struct feed_blocking *feed, const char *act, json_t **ret_answer)
{
    char what[32], limit[32], *words[] = { what, limit };

    snprintf(what, sizeof what, "do=%s", act);
    snprintf(limit, sizeof limit, "limit=%.20s", run_text(run, "limit"));
    return admin_ask_words(run, feed, "check", words, run_option(run, "limit") != NULL ? 2 : 1, ret_answer);
}

/* Looks until it has ended. */
static int follow(const struct run *run, struct feed_blocking *feed, json_t **answer)
{
    const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
    struct progress progress;
    int code = DONE;

    progress_init(&progress, "key", number(*answer, "keys_in_all"));
    while (code == DONE && is_state(*answer, "running")) {
        progress.total_bytes = number(*answer, "keys_in_all");
        progress.done_bytes = number(*answer, "keys");
        if (progress.done_bytes > progress.total_bytes)
            progress.done_bytes = progress.total_bytes; /* some were made meanwhile */
        progress_show(&progress, number(*answer, "keys"), now_ms(), false);
        nanosleep(&pause, NULL);
        json_decref(*answer);
        *answer = NULL;
        code = ask(run, feed, "look", answer);
    }
    progress_done(&progress);
    return code;
}

/* What came of it, as an exit code. */
static int verdict(const json_t *answer)
{
    return is_state(answer, "done") && number(answer, "left") == 0 && number(answer, "undecided") == 0 ? DONE : REFUSED;
}

int run_check(const struct run *run)
{
    const char *act = run_option(run, "stop") != NULL ? "stop" : run_option(run, "repair") != NULL ? "repair" : "begin";
    struct feed_blocking *feed;
    json_t *answer = NULL;
    int code = session_open(run, NULL, &feed);

    if (code != DONE)
        return code;
    code = ask(run, feed, act, &answer);
    if (code == DONE)
        code = follow(run, feed, &answer);
    feed_blocking_free(feed);
    if (code != DONE)
        return code;
    code = strcmp(act, "stop") == 0 ? DONE : verdict(answer);
    if (run->json) {
        json_print(answer);
    } else {
        view_init();
        table_print(stdout, answer);
        json_decref(answer);
    }
    return code;
}
