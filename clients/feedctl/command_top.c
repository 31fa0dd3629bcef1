/* feedctl top: what a daemon does, second by second. Rates are the differences between what it counted at two times. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin.h"
#include "clock.h"
#include "command.h"
#include "json.h"
#include "screen.h"
#include "session.h"
#include "table.h"
#include "view.h"

#define KEYS_MS 50        /* how often keys are looked at */
#define PLAIN_ROWS 40     /* where there is no screen */
#define RATE_COLUMNS 9
#define ROWS_ABOVE 10     /* the lines before the lists */
#define ROWS_OF_HEADING 3 /* of a list: an empty line, its title, its columns */

/* What is asked each time. */
enum question { STATS, SLOW, HOT, JOBS, REDIS, QUESTIONS };

static const char *const commands_of[] = {
    [STATS] = "stats", [SLOW] = "slow", [HOT] = "hot", [JOBS] = "jobs", [REDIS] = "redis",
};

struct top;

struct top_call {
    struct top *top;
    enum question question;
};

struct top {
    const struct run *run;
    struct feed_blocking *feed;
    unsigned pending;
    json_t *answers[QUESTIONS]; /* NULL: there is none */
    json_t *before;             /* the stats of the time before */
    char trouble[256];          /* why there is no answer; "" if there is */
    struct top_call calls[QUESTIONS];
};

/* ------------------------------------------------------------------------------------------------------------ asking */

static void on_answer(void *context, const struct feed_reply *reply)
{
    struct top_call *call = context;
    struct top *top = call->top;
    const Feed__AdminReply *answer = (const void *)reply->message;

    top->pending--;
    if (reply->status == 0)
        top->answers[call->question] = json_loads(answer->json, 0, NULL);
    else
        session_describe(reply->status, reply->error, top->trouble, sizeof top->trouble);
}

static void forget_answers(struct top *top)
{
    json_decref(top->before);
    top->before = top->answers[STATS];
    top->answers[STATS] = NULL;
    for (int question = 0; question < QUESTIONS; question++) {
        json_decref(top->answers[question]);
        top->answers[question] = NULL;
    }
    top->trouble[0] = '\0';
}

/* Asks everything, and answers keys until `until_ms`; if `until_ms` is over the answers are still waited for. False: somebody
 * wants to leave. */
static bool ask(struct top *top, uint64_t until_ms, bool live)
{
    forget_answers(top);
    for (int question = 0; question < QUESTIONS; question++) {
        Feed__AdminRequest request = FEED__ADMIN_REQUEST__INIT;
        char command[16];

        snprintf(command, sizeof command, "%s", commands_of[question]);
        request.command = command;
        top->calls[question] = (struct top_call){ top, (enum question)question };
        if (feed_send_admin(feed_blocking_client(top->feed), &request, 0, on_answer, &top->calls[question]) == 0)
            top->pending++;
    }
    while (top->pending > 0) {
        feed_blocking_turn(top->feed, KEYS_MS);
        if (live && screen_wants_to_leave())
            return false;
    }
    while (now_ms() < until_ms) {
        uint64_t left_ms = until_ms - now_ms();

        feed_blocking_turn(top->feed, left_ms < KEYS_MS ? (int)left_ms : KEYS_MS);
        if (live && screen_wants_to_leave())
            return false;
    }
    return true;
}

/* ----------------------------------------------------------------------------------------------------------- showing */

static const json_t *counter(const json_t *stats, const char *name)
{
    return json_object_get(json_object_get(stats, "counters"), name);
}

/* How much a counter grew in a second, as people read what has such a name; `-` without an earlier time. */
static void print_rate(FILE *out, const struct top *top, const char *title, const char *name, int columns)
{
    const json_t *now = counter(top->answers[STATS], name), *before = counter(top->before, name);
    json_int_t ms = json_integer_value(json_object_get(top->answers[STATS], "uptime_ms")) -
                    json_integer_value(json_object_get(top->before, "uptime_ms"));
    json_t *rate = NULL;
    char *text = NULL;

    if (before != NULL && ms > 0)
        rate = json_integer((json_integer_value(now) - json_integer_value(before)) * 1000 / ms);
    if (rate != NULL)
        text = table_value(strncmp(name, "bytes_", strlen("bytes_")) == 0 ? "rate_bytes" : "rate", rate);
    fprintf(out, "%s%s%s %-*s", view_style.dim, title, view_style.plain, columns, text != NULL ? text : "-");
    free(text);
    json_decref(rate);
}

/* A member of an answer. */
static void print_member(FILE *out, const json_t *object, const char *title, const char *name)
{
    char *text = table_value(name, json_object_get(object, name));

    fprintf(out, "%s%s%s %s", view_style.dim, title, view_style.plain, text != NULL ? text : "");
    free(text);
}

static void print_state(FILE *out, const struct top *top)
{
    const json_t *stats = top->answers[STATS];
    time_t now = time(NULL);
    struct tm local;
    char clock[16] = "";

    if (localtime_r(&now, &local) != NULL)
        strftime(clock, sizeof clock, "%H:%M:%S", &local);
    fprintf(out, "%s  %sfeedd %s%s %s%s  ", clock, view_style.bold, json_string_value(json_object_get(stats, "version")),
            view_style.plain, json_string_value(json_object_get(stats, "state")),
            json_is_true(json_object_get(stats, "ready")) ? "" : ", NOT READY");
    print_member(out, stats, "up", "uptime_ms");
    fprintf(out, "  at %s\n\n", session_address(top->run)); /* the longest comes last: it may be cut */
    print_member(out, stats, "clients", "connections");
    print_member(out, stats, " of", "max_connections");
    print_member(out, json_object_get(stats, "counters"), "  queued", "queued_bytes");
    print_member(out, stats, "  lag", "lag_ms");
    print_member(out, stats, "  requests in progress", "in_progress");
    fputs("\n", out);
}

static void print_rates(FILE *out, const struct top *top)
{
    static const struct {
        const char *title, *name;
    } rates[][4] = {
        { { "shares/s    ", "shares" }, { "follows/s ", "follows" }, { "requests/s ", "requests" }, { "errors/s   ", "errors" } },
        { { "deliveries/s", "deliveries" }, { "pushes/s  ", "pushes" }, { "demotions/s", "demotions" }, { "gaps/s     ", "gaps" } },
        { { "sent/s      ", "bytes_sent" }, { "received/s", "bytes_received" }, { "connects/s ", "connections_opened" },
          { "rebuilds/s ", "rebuilds" } },
    };

    for (size_t row = 0; row < sizeof rates / sizeof *rates; row++)
        for (size_t i = 0; i < sizeof *rates / sizeof **rates; i++) {
            bool last = i + 1 == sizeof *rates / sizeof **rates;

            print_rate(out, top, rates[row][i].title, rates[row][i].name, last ? 0 : RATE_COLUMNS);
            fputs(last ? "\n" : " ", out);
        }
}

static void print_latency(FILE *out, const json_t *stats, const char *title, const char *name)
{
    const json_t *step = json_object_get(stats, name);

    fputs(title, out);
    print_member(out, step, " p50", "p50_us");
    print_member(out, step, "  p99", "p99_us");
    print_member(out, step, "  max", "max_us");
    print_member(out, step, "  of", "shares");
    fputs(" (last minute)\n", out);
}

static void print_rest(FILE *out, const struct top *top)
{
    const json_t *jobs = top->answers[JOBS], *redis = top->answers[REDIS];
    const json_t *link = json_array_get(json_object_get(redis, "links"), 0);

    print_latency(out, top->answers[STATS], "share to sent  ", "share_to_sent");
    print_latency(out, top->answers[STATS], "share to pushed", "share_to_pushed");
    fputs("fan-out", out);
    print_member(out, jobs, " running", "running");
    print_member(out, jobs, "  retrying", "retrying");
    print_member(out, jobs, "  parked", "parked_in_all");
    print_member(out, jobs, "  pushes waiting", "pushes_waiting");
    fputs("\nRedis", out);
    print_member(out, link, " link", "state");
    print_member(out, redis, "  answers in", "answered_in_us");
    print_member(out, redis, "  commands/s", "commands_per_s");
    print_member(out, redis, "  memory", "used_memory_bytes");
    fputs("\n", out);
}

/* The named members of the first rows of a list. */
static json_t *cut_out(const json_t *rows, size_t limit, const char *const *names)
{
    json_t *cut = json_array();

    for (size_t i = 0; i < limit && i < json_array_size(rows); i++) {
        json_t *row = json_object();

        for (const char *const *name = names; *name != NULL; name++)
            json_object_set(row, *name, json_object_get(json_array_get(rows, i), *name));
        json_array_append_new(cut, row);
    }
    return cut;
}

static void print_list(FILE *out, const char *title, const json_t *rows, size_t limit, const char *const *names)
{
    json_t *cut = cut_out(rows, limit, names);

    fprintf(out, "\n%s%s%s%s\n", view_style.bold, title, view_style.plain, json_array_size(cut) == 0 ? ": none" : "");
    table_rows(out, cut);
    json_decref(cut);
}

/* The whole screen, to be freed; NULL when memory ends. */
static char *compose(const struct top *top, size_t rows)
{
    static const char *const of_clients[] = { "client", "address", "name", "state", "lag_ms", "queue_bytes", "streams", NULL };
    static const char *const of_subjects[] = { "subject", "shares_per_s", "deliveries_per_s", NULL };
    size_t left = rows > ROWS_ABOVE + 2 * (ROWS_OF_HEADING + 1) ? (rows - ROWS_ABOVE) / 2 - ROWS_OF_HEADING : 1;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return NULL;
    if (top->answers[STATS] == NULL) {
        fprintf(out, "%sfeedd at %s does not answer%s: %s\n", view_style.bold, session_address(top->run), view_style.plain,
                top->trouble[0] != '\0' ? top->trouble : "trying again");
    } else {
        print_state(out, top);
        print_rates(out, top);
        print_rest(out, top);
        print_list(out, "slowest clients", json_object_get(top->answers[SLOW], "clients"), left, of_clients);
        print_list(out, "hottest subjects", json_object_get(top->answers[HOT], "subjects"), left, of_subjects);
    }
    return fclose(out) == 0 ? text : NULL;
}

/* ----------------------------------------------------------------------------------------------------------- running */

static void show_live(struct top *top, uint64_t interval_ms)
{
    for (;;) {
        uint64_t next_ms = now_ms() + interval_ms;
        char *text;

        if (!ask(top, 0, true))
            return;
        text = compose(top, screen_rows());
        if (text != NULL)
            screen_draw(text);
        free(text);
        while (now_ms() < next_ms) {
            feed_blocking_turn(top->feed, KEYS_MS);
            if (screen_wants_to_leave())
                return;
        }
    }
}

static void print_json(struct top *top)
{
    json_t *all = json_object();

    for (int question = 0; question < QUESTIONS; question++)
        json_object_set(all, commands_of[question], top->answers[question]);
    json_print(all);
}

/* Asks twice, as rates need two times; programs reckon them themselves. */
static int show_once(struct top *top, uint64_t interval_ms)
{
    char *text;

    ask(top, top->run->json ? 0 : now_ms() + interval_ms, false);
    if (top->run->json && top->answers[STATS] != NULL) {
        print_json(top);
        return DONE;
    }
    ask(top, 0, false);
    text = compose(top, PLAIN_ROWS);
    if (text != NULL)
        fputs(text, stdout);
    free(text);
    return top->answers[STATS] != NULL ? DONE : REFUSED;
}

static int run_top(const struct run *run)
{
    struct top top = { .run = run };
    unsigned long interval_ms;
    bool live = run_option(run, "once") == NULL && !run->json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    int code = DONE;

    if (!run_option_number(run, "interval", 100, 60000, 1000, &interval_ms))
        return USAGE;
    code = session_open(run, NULL, &top.feed);
    if (code != DONE)
        return code;
    if (live && screen_open()) {
        show_live(&top, interval_ms);
        screen_close();
    } else {
        code = show_once(&top, interval_ms);
    }
    feed_blocking_free(top.feed);
    forget_answers(&top);
    json_decref(top.before);
    return code;
}

const struct command command_top = {
    .name = "top",
    .arguments = "",
    .summary = "Watch a daemon work: rates, latency, slow clients, hot subjects",
    .details = "\nq leaves. Without a terminal, or with --once, one screen is printed.",
    .options = {
        { "once", NULL, "print one screen", false },
        { "interval", "MS", "milliseconds between two screens (1000)", false },
    },
    .for_operators = true,
    .run = run_top,
};
