/* feedctl admin import: reads what feedctl admin export has written into a store to which nothing was ever written. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "admin.h"
#include "clock.h"
#include "command.h"
#include "json.h"
#include "progress.h"
#include "session.h"
#include "text.h"
#include "transfer.h"

#define BATCH_ROWS 200
#define BATCH_BYTES 24576 /* of members and values: a frame of the least size holds more */

struct store_import {
    const struct run *run;
    struct feed_blocking *feed;
    FILE *file;
    json_t *rows; /* that were not sent yet */
    size_t bytes;
    uint64_t line, sent;
    char *positions; /* of the store that was exported, NULL before its line */
    struct progress progress;
    int code; /* of the latest request */
};

static int ask(struct store_import *import, const char *what, const char *name, const char *value)
{
    char *word = NULL, *words[2] = { (char *)(uintptr_t)what };
    json_t *answer;
    int code = REFUSED;

    if (asprintf(&word, "%s=%s", name, value) >= 0) {
        words[1] = word;
        code = admin_ask_words(import->run, import->feed, "import", words, 2, &answer);
        free(word);
        if (code == DONE)
            json_decref(answer);
    }
    return code;
}

static bool flush(struct store_import *import)
{
    char *text;

    if (json_array_size(import->rows) == 0)
        return import->code == DONE;
    text = json_dumps(import->rows, JSON_COMPACT);
    if (text == NULL) {
        fputs("feedctl: out of memory\n", stderr);
        import->code = REFUSED;
    } else {
        import->code = ask(import, "do=rows", "rows", text);
        if (import->code != DONE)
            fprintf(stderr, "feedctl: that was at line %llu, or not far before it\n", (unsigned long long)import->line);
        import->sent += json_array_size(import->rows);
    }
    free(text);
    json_array_clear(import->rows);
    import->bytes = 0;
    progress_show(&import->progress, import->sent, now_ms(), false);
    return import->code == DONE;
}

static bool add_row(void *context, const struct transfer_row *row)
{
    struct store_import *import = context;
    size_t bytes = row->name.size + row->member.size + row->value.size;

    if ((json_array_size(import->rows) == BATCH_ROWS || import->bytes + bytes > BATCH_BYTES) && !flush(import))
        return false;
    import->bytes += bytes;
    return json_array_append_new(import->rows, json_pack("[s, s%, o, o]", row->kind, row->name.data, row->name.size,
                                                         json_from_bytes(row->member.data, row->member.size),
                                                         json_from_bytes(row->value.data, row->value.size))) == 0;
}

/* The first line: of which store it is. NULL, or what is wrong. */
static const char *begin(struct store_import *import, const json_t *line)
{
    const json_t *store = json_object_get(line, "store"), *positions = json_object_get(store, "positions");
    char count[24];
    size_t size = 0;
    FILE *out;

    if (json_integer_value(json_object_get(store, "format")) != TRANSFER_FORMAT || json_array_size(positions) == 0)
        return "the first line must be that of a store, of format 1";
    out = open_memstream(&import->positions, &size);
    for (size_t i = 0; out != NULL && i < json_array_size(positions); i++)
        fprintf(out, "%s%s", i > 0 ? "," : "", json_string_value(json_array_get(positions, i)));
    if (out == NULL || fclose(out) != 0)
        return "out of memory";
    snprintf(count, sizeof count, "%zu", json_array_size(positions));
    import->code = ask(import, "do=begin", "partitions", count);
    return NULL;
}

static bool read_line(struct store_import *import, const char *text, size_t length)
{
    json_error_t error;
    json_t *line = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    const char *wrong = line == NULL ? error.text : NULL;

    if (line != NULL)
        wrong = import->positions == NULL ? begin(import, line) : transfer_rows(line, add_row, import);
    json_decref(line);
    if (wrong != NULL && import->code == DONE) {
        progress_done(&import->progress);
        fprintf(stderr, "feedctl: line %llu: %s\n", (unsigned long long)import->line, wrong);
        import->code = USAGE;
    }
    return import->code == DONE;
}

static void read_all(struct store_import *import)
{
    char *text = NULL;
    size_t room = 0;
    ssize_t length;
    bool going = true;

    while (going && (length = getline(&text, &room, import->file)) >= 0) {
        import->line++;
        import->progress.done_bytes += (uint64_t)length;
        going = read_line(import, text, (size_t)length);
    }
    free(text);
    if (going && ferror(import->file)) {
        fprintf(stderr, "feedctl: cannot read: %s\n", strerror(errno));
        import->code = REFUSED;
    } else if (going && import->positions == NULL) {
        fputs("feedctl: the file is empty\n", stderr);
        import->code = USAGE;
    }
    if (import->code == DONE && flush(import))
        import->code = ask(import, "do=end", "positions", import->positions);
    progress_done(&import->progress);
}

static void print_read(uint64_t lines)
{
    char counted[TEXT_COUNT_BYTES];

    text_count(lines, "line", counted);
    printf("read %s\n", counted);
}

int run_import(const struct run *run)
{
    const char *path = run->arguments[0];
    struct store_import import = { .run = run };
    struct stat status;

    import.file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (import.file == NULL || fstat(fileno(import.file), &status) < 0 || S_ISDIR(status.st_mode)) {
        fprintf(stderr, "feedctl: cannot read %s: %s\n", path, strerror(import.file != NULL ? EISDIR : errno));
        import.code = USAGE;
    } else {
        import.code = session_open(run, NULL, &import.feed);
    }
    if (import.code == DONE) {
        import.rows = json_array();
        progress_init(&import.progress, "row", S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0);
        read_all(&import);
        feed_blocking_free(import.feed);
    }
    if (import.code == DONE && run->json)
        json_print(json_pack("{s:I, s:I}", "lines", (json_int_t)import.line, "rows", (json_int_t)import.sent));
    else if (import.code == DONE)
        print_read(import.line);
    if (import.file != NULL && import.file != stdin)
        fclose(import.file);
    json_decref(import.rows);
    free(import.positions);
    return import.code;
}
