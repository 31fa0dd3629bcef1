/* See import.h. */
#include "import.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "json.h"
#include "session.h"
#include "text.h"

/* A server that stays away for this long is not waited for any longer. */
#define PATIENCE_MS 60000u
#define TURN_MS 1000

int import_open(struct import *import, const struct run *run, const char *one)
{
    const struct feed_options options = { .request_timeout_ms = FEED_NO_TIMEOUT };
    const char *path = run->arguments[0];
    struct stat status;
    int code;

    *import = (struct import){ .run = run };
    import->file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (import->file == NULL || fstat(fileno(import->file), &status) < 0 || S_ISDIR(status.st_mode)) {
        fprintf(stderr, "feedctl: cannot read %s: %s\n", path, strerror(import->file != NULL ? EISDIR : errno));
        if (import->file != NULL)
            fclose(import->file);
        return USAGE;
    }
    code = session_open(run, &options, &import->feed);
    if (code != DONE) {
        if (import->file != stdin)
            fclose(import->file);
        return code;
    }
    import->client = feed_blocking_client(import->feed);
    import->started_ms = feed_client_now_ms(import->client);
    progress_init(&import->progress, one, S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0);
    return DONE;
}

/* Notices when the server stays away. */
static void import_watch_connection(struct import *import)
{
    uint64_t now = feed_client_now_ms(import->client);
    struct feed_status status;

    feed_client_status(import->client, &status);
    if (status.state == FEED_CONNECTED) {
        import->unreachable_since_ms = 0;
    } else if (import->unreachable_since_ms == 0) {
        import->unreachable_since_ms = now;
        progress_note(&import->progress, "the connection is gone (%s); waiting for the server",
                      strerror(-status.error));
    } else if (now - import->unreachable_since_ms > PATIENCE_MS) {
        import->stopped = true;
    }
}

bool import_wait(struct import *import, size_t most)
{
    while (!import->stopped && import->in_flight > most) {
        feed_blocking_turn(import->feed, TURN_MS);
        import_watch_connection(import);
        progress_show(&import->progress, import->done + import->repeated, feed_client_now_ms(import->client), false);
    }
    return !import->stopped;
}

static void import_note(struct import *import, uint64_t line, const char *why)
{
    struct reason *reason = import->reasons;
    struct reason *end = import->reasons + import->reason_count;

    while (reason < end && strncmp(reason->why, why, REASON_BYTES - 1) != 0)
        reason++;
    if (reason == end) {
        bool last = import->reason_count + 1 == REASONS_MAX;

        if (import->reason_count == REASONS_MAX) {
            reason--;
        } else {
            import->reason_count++;
            snprintf(reason->why, sizeof reason->why, "%s", last ? "other reasons" : why);
        }
    }
    if (reason->count < REASON_LINES_MAX)
        reason->lines[reason->count] = line;
    reason->count++;
}

void import_skip(struct import *import, uint64_t line, const char *why)
{
    import->skipped++;
    import_note(import, line, why);
}

void import_refuse(struct import *import, uint64_t line, int status, const Feed__Error *error)
{
    char why[REASON_BYTES];

    session_describe(status, error, why, sizeof why);
    import->refused++;
    import_note(import, line, why);
}

static json_t *reason_to_json(const struct reason *reason)
{
    json_t *lines = json_array();

    for (size_t i = 0; i < reason->count && i < REASON_LINES_MAX; i++)
        json_array_append_new(lines, json_integer((json_int_t)reason->lines[i]));
    return json_pack("{s:o, s:I, s:o}", "reason", json_from_text(reason->why), "count", (json_int_t)reason->count,
                     "lines", lines);
}

static void print_summary_json(const struct import *import, const char *done_word, double seconds)
{
    json_t *reasons = json_array();

    for (size_t i = 0; i < import->reason_count; i++)
        json_array_append_new(reasons, reason_to_json(&import->reasons[i]));
    json_print(json_pack("{s:I, s:I, s:I, s:I, s:f, s:b, s:o}", done_word, (json_int_t)import->done, "repeated",
                         (json_int_t)import->repeated, "refused", (json_int_t)import->refused, "skipped",
                         (json_int_t)import->skipped, "seconds", seconds, "complete", !import->stopped, "reasons",
                         reasons));
}

static void print_reason(const struct reason *reason)
{
    char count[TEXT_COUNT_BYTES];

    text_count(reason->count, "line", count);
    fprintf(stderr, "%s, %s", count, reason->why);
    for (size_t i = 0; i < reason->count && i < REASON_LINES_MAX; i++)
        fprintf(stderr, "%s%llu", i == 0 ? ": " : ", ", (unsigned long long)reason->lines[i]);
    fputs(reason->count > REASON_LINES_MAX ? ", …\n" : "\n", stderr);
}

static void print_summary(const struct import *import, const char *done_word, const char *repeated_word, double seconds)
{
    char done[32], repeated[32], refused[32], skipped[32], rate[32];

    text_number(import->done, done);
    text_number(import->repeated, repeated);
    text_number(import->refused, refused);
    text_number(import->skipped, skipped);
    text_number((uint64_t)((double)(import->done + import->repeated) / (seconds > 0.001 ? seconds : 0.001)), rate);
    for (size_t i = 0; i < import->reason_count; i++)
        print_reason(&import->reasons[i]);
    printf("%s %s, %s %s, refused %s, skipped %s in %.1f s (%s/s)\n", done_word, done, repeated_word, repeated, refused,
           skipped, seconds, rate);
}

int import_close(struct import *import, int code, const char *done_word, const char *repeated_word)
{
    double seconds;

    import_wait(import, 0);
    seconds = (double)(feed_client_now_ms(import->client) - import->started_ms) / 1000;
    progress_show(&import->progress, import->done + import->repeated, feed_client_now_ms(import->client), true);
    progress_done(&import->progress);
    if (import->run->json)
        print_summary_json(import, done_word, seconds);
    else
        print_summary(import, done_word, repeated_word, seconds);
    if (import->stopped) {
        fputs("feedctl: the server did not come back. Run the same import again when it has: nothing is doubled.\n",
              stderr);
        code = NO_SERVER;
    }
    feed_blocking_free(import->feed);
    if (import->file != stdin)
        fclose(import->file);
    if (code == DONE && import->refused > 0)
        code = REFUSED;
    return code;
}
