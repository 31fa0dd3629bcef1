/* feedctl admin export: writes everything that a store holds, one JSON object a line. The names of all keys are gathered and
 * sorted, so that the same store is always the same file; then each key is read and told. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin.h"
#include "clock.h"
#include "base64.h"
#include "command.h"
#include "progress.h"
#include "session.h"
#include "transfer.h"

#define ROWS_MAX 1024
#define APPLY_LOOKS 100 /* so often it is looked whether all is carried out, … */
#define APPLY_MS 100    /* … with such pauses */

struct export {
    const struct run *run;
    struct feed_blocking *feed;
    FILE *out;
    char **keys;
    size_t count, capacity;
    struct progress progress;
    uint64_t lines;
};

static int no_memory(void)
{
    fputs("feedctl: out of memory\n", stderr);
    return REFUSED;
}

/* "do=KEY", and another word if it has text. */
static int ask(struct export *export, const char *what, const char *first, const char *second, json_t **ret_answer)
{
    char *words[] = { (char *)(uintptr_t)what, (char *)(uintptr_t)first, (char *)(uintptr_t)second };
    size_t count = first == NULL ? 1 : second == NULL ? 2 : 3;

    return admin_ask_words(export->run, export->feed, "export", words, count, ret_answer);
}

/* ---- the beginning ---- */

/* Waits until everything is carried out that the logs tell: what is not would be missing. */
static int begin(struct export *export, json_t **ret_begun)
{
    const struct timespec pause = { .tv_nsec = APPLY_MS * 1000000L };
    int code = DONE;

    *ret_begun = NULL;
    for (unsigned look = 0; code == DONE && look < APPLY_LOOKS; look++) {
        json_decref(*ret_begun);
        *ret_begun = NULL;
        code = ask(export, "do=begin", NULL, NULL, ret_begun);
        if (code == DONE && json_is_true(json_object_get(*ret_begun, "applied")))
            return DONE;
        nanosleep(&pause, NULL);
    }
    if (code == DONE)
        fputs("feedctl: the logs are not carried out: see feedctl admin jobs\n", stderr);
    json_decref(*ret_begun);
    *ret_begun = NULL;
    return code == DONE ? REFUSED : code;
}

/* ---- keys ---- */

static bool add_key(struct export *export, const char *key)
{
    if (export->count == export->capacity) {
        size_t capacity = export->capacity > 0 ? 2 * export->capacity : 1024;
        char **keys = realloc(export->keys, capacity * sizeof(*keys));

        if (keys == NULL)
            return false;
        export->keys = keys;
        export->capacity = capacity;
    }
    export->keys[export->count] = strdup(key);
    return export->keys[export->count++] != NULL;
}

static int gather_keys(struct export *export)
{
    char cursor[64] = "cursor=0";
    int code = DONE;

    do {
        json_t *answer, *key;
        size_t i;

        code = ask(export, "do=keys", cursor, NULL, &answer);
        if (code != DONE)
            return code;
        json_array_foreach(json_object_get(answer, "keys"), i, key) {
            if (!json_is_string(key) || transfer_order(json_string_value(key)) == SIZE_MAX)
                continue;
            if (!add_key(export, json_string_value(key)))
                code = no_memory();
        }
        snprintf(cursor, sizeof cursor, "cursor=%.40s", json_string_value(json_object_get(answer, "next")));
        json_decref(answer);
    } while (code == DONE && strcmp(cursor, "cursor=0") != 0);
    return code;
}

static int compare(const void *a, const void *b)
{
    const char *first = *(char *const *)a, *second = *(char *const *)b;
    size_t order = transfer_order(first), other = transfer_order(second);
    int names = strcmp(transfer_name(first), transfer_name(second));

    return order != other ? (order > other) - (order < other) : names != 0 ? names : strcmp(first, second);
}

/* ---- lines ---- */

static int print_line(struct export *export, json_t *line)
{
    if (line == NULL)
        return DONE;
    if (json_dumpf(line, export->out, JSON_COMPACT) < 0 || fputc('\n', export->out) == EOF) {
        json_decref(line);
        fprintf(stderr, "feedctl: cannot write: %s\n", strerror(errno));
        return REFUSED;
    }
    json_decref(line);
    export->lines++;
    return DONE;
}

/* A member or a value of a row, in memory that is to be freed. */
static bool decode(const json_t *text, struct bytes *ret_bytes)
{
    size_t size = json_string_length(text);
    char *out = malloc(size + 1);
    int length = out != NULL && json_is_string(text) ? base64_read(json_string_value(text), size, (uint8_t *)out) : -EINVAL;

    if (length < 0) {
        free(out);
        return false;
    }
    *ret_bytes = (struct bytes){ out, (size_t)length };
    return true;
}

static void rows_free(struct transfer_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free((char *)(uintptr_t)rows[i].member.data);
        free((char *)(uintptr_t)rows[i].value.data);
    }
}

static int print_rows(struct export *export, const char *key, const struct transfer_row *rows, size_t count)
{
    int code = DONE;
    json_t *line;

    if (transfer_is_whole(key)) {
        if (count > 0 && transfer_subject(rows, count, &line))
            return print_line(export, line);
        return DONE;
    }
    for (size_t i = 0; code == DONE && i < count; i++) {
        if (transfer_line(&rows[i], &line))
            code = print_line(export, line);
        else
            progress_note(&export->progress, "something in %s cannot be read: see feedctl admin check", key);
    }
    return code;
}

static int read_rows(struct export *export, const char *key, const json_t *answer, size_t *ret_count)
{
    static struct transfer_row rows[ROWS_MAX];
    char kind[32];
    size_t i, count = 0;
    json_t *row;
    int code;

    snprintf(kind, sizeof kind, "%.*s", (int)strcspn(key, ":"), key);
    json_array_foreach(json_object_get(answer, "rows"), i, row) {
        const char *name = transfer_name(key);

        if (count == ROWS_MAX)
            break;
        rows[count] = (struct transfer_row){ .kind = kind, .name = { name, strlen(name) } };
        if (!decode(json_array_get(row, 0), &rows[count].member))
            break;
        if (!decode(json_array_get(row, 1), &rows[count].value)) {
            free((char *)(uintptr_t)rows[count].member.data);
            break;
        }
        count++;
    }
    code = print_rows(export, key, rows, count);
    rows_free(rows, count);
    *ret_count = count;
    return code;
}

static int print_key(struct export *export, const char *key)
{
    char from[64], *word;
    uint64_t done = 0;
    bool more = true;
    int code = asprintf(&word, "key=%s", key) < 0 ? no_memory() : DONE;

    if (code != DONE)
        return code;
    while (code == DONE && more) {
        json_t *answer;
        size_t count = 0;

        snprintf(from, sizeof from, "from=%llu", (unsigned long long)done);
        code = ask(export, "do=key", word, from, &answer);
        if (code != DONE)
            break;
        code = read_rows(export, key, answer, &count);
        done += count;
        more = json_is_true(json_object_get(answer, "more")) && count > 0;
        json_decref(answer);
    }
    free(word);
    return code;
}

static int print_all(struct export *export, const json_t *begun)
{
    int code = print_line(export, json_pack("{s:{s:i, s:O}}", "store", "format", TRANSFER_FORMAT, "positions",
                                            json_object_get(begun, "positions")));

    if (export->count > 0)
        qsort(export->keys, export->count, sizeof(export->keys[0]), compare);
    progress_init(&export->progress, "key", export->count);
    for (size_t i = 0; code == DONE && i < export->count; i++) {
        if (i > 0 && strcmp(export->keys[i], export->keys[i - 1]) == 0)
            continue;
        code = print_key(export, export->keys[i]);
        export->progress.done_bytes = i + 1;
        progress_show(&export->progress, i + 1, now_ms(), false);
    }
    progress_done(&export->progress);
    return code;
}

/* What was written meanwhile may be there in part. */
static int tell_end(struct export *export, const json_t *begun)
{
    json_t *ended;
    int code = ask(export, "do=begin", NULL, NULL, &ended);

    if (code != DONE)
        return code;
    if (!json_equal(json_object_get(begun, "positions"), json_object_get(ended, "positions")))
        fputs("feedctl: the store was written to meanwhile: what came in may be there in part. After the import, see\n"
              "feedctl admin check --repair\n",
              stderr);
    json_decref(ended);
    return DONE;
}

int run_export(const struct run *run)
{
    const char *path = run->argument_count > 0 ? run->arguments[0] : "-";
    struct export export = { .run = run };
    json_t *begun = NULL;
    int code = session_open(run, NULL, &export.feed);

    if (code != DONE)
        return code;
    code = begin(&export, &begun);
    if (code == DONE)
        code = gather_keys(&export);
    if (code == DONE) {
        export.out = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
        if (export.out == NULL) {
            fprintf(stderr, "feedctl: cannot write %s: %s\n", path, strerror(errno));
            code = USAGE;
        }
    }
    if (code == DONE)
        code = print_all(&export, begun);
    if (export.out != NULL && (fflush(export.out) != 0 || (export.out != stdout && fclose(export.out) != 0)) && code == DONE) {
        fprintf(stderr, "feedctl: cannot write %s: %s\n", path, strerror(errno));
        code = REFUSED;
    }
    if (code == DONE)
        code = tell_end(&export, begun);
    for (size_t i = 0; i < export.count; i++)
        free(export.keys[i]);
    free(export.keys);
    json_decref(begun);
    feed_blocking_free(export.feed);
    return code;
}
