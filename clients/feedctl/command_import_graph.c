/* feedctl import graph: follows from lines of "READER SUBJECT". */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <unistr.h>

#include "command.h"
#include "import.h"

#define ID_MAX_BYTES 128u
#define BATCHES_IN_FLIGHT 4
/* For servers that do not tell their limits. */
#define PAIRS_DEFAULT 1000
#define FRAME_DEFAULT_BYTES 65536u
/* What a frame holds besides its pairs, at most. */
#define FRAME_OVERHEAD_BYTES 64u
/* What a pair adds to a frame besides its two ids, at most. */
#define PAIR_OVERHEAD_BYTES 16u

/* One FollowMany: it is filled, sent, and filled again when its answer is there. */
struct batch {
    struct import *import;
    bool in_flight;
    size_t count, bytes;
    uint64_t end_bytes; /* of the file, up to the last pair */
    Feed__FollowPair *pairs;
    Feed__FollowPair **pointers;
    uint64_t *lines; /* that the pairs stand on */
};

struct graph_import {
    struct import import;
    struct batch batches[BATCHES_IN_FLIGHT];
    struct batch *filling;
    size_t max_pairs, max_bytes;
};

static void batch_clear(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        free(batch->pairs[i].reader);
        free(batch->pairs[i].subject);
    }
    batch->count = 0;
    batch->bytes = 0;
}

static void batch_free(struct batch *batch)
{
    batch_clear(batch);
    free(batch->pairs);
    free(batch->pointers);
    free(batch->lines);
}

static bool batch_alloc(struct batch *batch, struct import *import, size_t max_pairs)
{
    batch->import = import;
    batch->pairs = calloc(max_pairs, sizeof *batch->pairs);
    batch->pointers = calloc(max_pairs, sizeof *batch->pointers);
    batch->lines = calloc(max_pairs, sizeof *batch->lines);
    return batch->pairs != NULL && batch->pointers != NULL && batch->lines != NULL;
}

static void on_reply(void *context, const struct feed_reply *reply)
{
    struct batch *batch = context;
    struct import *import = batch->import;

    import->in_flight--;
    if (reply->status == 0) {
        const Feed__FollowManyReply *answer = (const void *)reply->message;

        import->done += answer->followed;
        import->repeated += answer->repeated;
        for (size_t i = 0; i < answer->n_refused; i++) {
            const Feed__PairError *refused = answer->refused[i];
            uint64_t line = refused->index < batch->count ? batch->lines[refused->index] : 0;

            import_refuse(import, line, (int)FEED__ERROR_CODE__INVALID, refused->error);
        }
    } else if (reply->status != -ECANCELED) {
        for (size_t i = 0; i < batch->count; i++)
            import_refuse(import, batch->lines[i], reply->status, reply->error);
    }
    if (batch->end_bytes > import->progress.done_bytes)
        import->progress.done_bytes = batch->end_bytes;
    batch->in_flight = false;
    batch_clear(batch);
}

/* Sends what has been gathered, and waits for a batch that can be filled. */
static bool graph_flush(struct graph_import *graph)
{
    Feed__FollowManyRequest request = FEED__FOLLOW_MANY_REQUEST__INIT;
    struct batch *batch = graph->filling;
    int error;

    if (batch->count > 0) {
        request.n_pairs = batch->count;
        request.pairs = batch->pointers;
        error = feed_send_follow_many(graph->import.client, &request, 0, on_reply, batch);
        if (error < 0) {
            for (size_t i = 0; i < batch->count; i++)
                import_refuse(&graph->import, batch->lines[i], error, NULL);
            batch_clear(batch);
            return true;
        }
        batch->in_flight = true;
        graph->import.in_flight++;
    }
    if (!import_wait(&graph->import, BATCHES_IN_FLIGHT - 1))
        return false;
    for (size_t i = 0; i < BATCHES_IN_FLIGHT; i++)
        if (!graph->batches[i].in_flight)
            graph->filling = &graph->batches[i];
    return true;
}

/* Whether this can name a subject: what the server would refuse a whole frame for must not get that far. */
static bool id_is_valid(const char *id, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)id[i] < 0x20 || id[i] == 0x7f)
            return false;
    return length <= ID_MAX_BYTES && u8_check((const uint8_t *)id, length) == NULL;
}

static bool graph_add(struct graph_import *graph, uint64_t line, const char *reader, size_t reader_bytes,
                      const char *subject, size_t subject_bytes)
{
    size_t bytes = reader_bytes + subject_bytes + PAIR_OVERHEAD_BYTES;
    struct batch *batch = graph->filling;
    Feed__FollowPair *pair;

    if (batch->count == graph->max_pairs || batch->bytes + bytes > graph->max_bytes) {
        if (!graph_flush(graph))
            return false;
        batch = graph->filling;
    }
    pair = &batch->pairs[batch->count];
    feed__follow_pair__init(pair);
    pair->reader = strndup(reader, reader_bytes);
    pair->subject = strndup(subject, subject_bytes);
    batch->pointers[batch->count] = pair;
    batch->lines[batch->count] = line;
    batch->count++;
    batch->bytes += bytes;
    if (pair->reader != NULL && pair->subject != NULL)
        return true;
    import_skip(&graph->import, line, "out of memory");
    return false;
}

/* Handles one line of the file. False: stop. */
static bool graph_line(struct graph_import *graph, uint64_t line, const char *text, size_t length)
{
    static const char blanks[] = " \t\r\n";
    const char *reader = text + strspn(text, blanks);
    size_t reader_bytes = strcspn(reader, blanks);
    const char *subject = reader + reader_bytes + strspn(reader + reader_bytes, blanks);
    size_t subject_bytes = strcspn(subject, blanks);
    const char *rest = subject + subject_bytes + strspn(subject + subject_bytes, blanks);

    if (strlen(text) == length && (reader[0] == '\0' || reader[0] == '#'))
        return true;
    if (strlen(text) != length || subject_bytes == 0 || rest[0] != '\0')
        import_skip(&graph->import, line, "not a reader and a subject");
    else if (!id_is_valid(reader, reader_bytes) || !id_is_valid(subject, subject_bytes))
        import_skip(&graph->import, line, "not a valid id: up to 128 bytes of UTF-8 without control characters");
    else
        return graph_add(graph, line, reader, reader_bytes, subject, subject_bytes);
    return true;
}

static int graph_read(struct graph_import *graph)
{
    uint64_t line = 0, bytes = 0;
    char *text = NULL;
    size_t room = 0;
    ssize_t length;
    bool going = true;
    int code = DONE;

    while (going && (length = getline(&text, &room, graph->import.file)) >= 0) {
        size_t mark = line == 0 && strncmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

        bytes += (size_t)length;
        going = graph_line(graph, ++line, text + mark, (size_t)length - mark);
        graph->filling->end_bytes = bytes;
    }
    free(text);
    if (ferror(graph->import.file)) {
        fprintf(stderr, "feedctl: cannot read %s: %s\n", graph->import.run->arguments[0], strerror(errno));
        code = REFUSED;
    }
    if (going)
        graph_flush(graph);
    return code;
}

static int run_import_graph(const struct run *run)
{
    struct graph_import graph = { 0 };
    const Feed__HelloReply *hello;
    bool ready = true;
    int code = import_open(&graph.import, run, "follow");

    if (code != DONE)
        return code;
    hello = feed_client_hello(graph.import.client);
    graph.max_pairs = hello->limits != NULL && hello->limits->max_follow_pairs > 0 ? hello->limits->max_follow_pairs
                                                                                   : PAIRS_DEFAULT;
    graph.max_bytes = hello->limits != NULL && hello->limits->max_frame_bytes > 0 ? hello->limits->max_frame_bytes
                                                                                  : FRAME_DEFAULT_BYTES;
    graph.max_bytes -= graph.max_bytes < 2 * FRAME_OVERHEAD_BYTES ? graph.max_bytes / 2 : FRAME_OVERHEAD_BYTES;
    for (size_t i = 0; i < BATCHES_IN_FLIGHT; i++)
        ready = batch_alloc(&graph.batches[i], &graph.import, graph.max_pairs) && ready;
    graph.filling = &graph.batches[0];
    if (ready) {
        code = graph_read(&graph);
    } else {
        fputs("feedctl: out of memory\n", stderr);
        code = REFUSED;
    }
    code = import_close(&graph.import, code, "followed", "already followed");
    for (size_t i = 0; i < BATCHES_IN_FLIGHT; i++)
        batch_free(&graph.batches[i]);
    return code;
}

const struct command command_import_graph = {
    .name = "import graph",
    .arguments = "FILE|-",
    .summary = "Import follows: lines \"READER SUBJECT\"",
    .details = "\nBlank lines and lines that begin with # are passed over; lines that are no pair are skipped and\n"
               "counted. Can be repeated: what is followed already stays so.",
    .run = run_import_graph,
};
