#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "generate.h"
#include "ranking.h"
#include "words.h"

/* Draws by popularity that may fail (drawn before, or oneself) before a reader's next subject is found by walking on from
 * a random one, as is needed where readers follow nearly everybody. */
#define TRIES_MAX 64

struct graph {
    const struct generate_options *options;
    void (*follow)(void *context, uint32_t reader, uint32_t subject);
    void *context;
    struct ranking popularity; /* whom others like to follow */
    struct ranking eagerness;  /* who likes to follow others */
    struct random random;
    uint32_t *follower; /* by subject: the reader that followed it last, counted from 1 */
};

static uint32_t find_subject(struct graph *graph, uint32_t reader)
{
    uint32_t count = graph->options->subjects;
    uint32_t subject;

    for (int tries = 0; tries < TRIES_MAX; tries++) {
        subject = ranking_draw(&graph->popularity, &graph->random);
        if (subject != reader && graph->follower[subject] != reader + 1)
            return subject;
    }
    subject = (uint32_t)random_below(&graph->random, count);
    while (subject == reader || graph->follower[subject] == reader + 1)
        subject = (subject + 1) % count;
    return subject;
}

static void hand_follows(struct graph *graph, uint32_t reader, uint64_t follows)
{
    for (; follows > 0; follows--) {
        uint32_t subject = find_subject(graph, reader);

        graph->follower[subject] = reader + 1;
        graph->follow(graph->context, reader, subject);
    }
}

/* Nobody can follow more than all others: what is too much for the most eager goes on to the next ones, which have room
 * for it because the average is one that everybody could follow. */
static void hand_graph(struct graph *graph)
{
    uint32_t count = graph->options->subjects;
    uint64_t total = (uint64_t)count * graph->options->follows_per_reader;
    uint64_t handed = 0;

    for (uint32_t rank = 0; rank < count; rank++) {
        uint64_t follows = ranking_part_before(&graph->eagerness, rank + 1, total) - handed;

        if (follows > count - 1)
            follows = count - 1;
        hand_follows(graph, graph->eagerness.subjects[rank], follows);
        handed += follows;
    }
}

static int graph_init(struct graph *graph, const struct generate_options *options)
{
    struct random random;
    int r;

    graph->follower = calloc(options->subjects, sizeof(*graph->follower));
    if (!graph->follower)
        return -ENOMEM;
    random_init(&random, options->seed, RANDOM_POPULARITY, 0);
    r = ranking_init(&graph->popularity, options->subjects, RANKING_STEEP, &random);
    if (r < 0)
        return r;
    random_init(&random, options->seed, RANDOM_READERS, 0);
    random_init(&graph->random, options->seed, RANDOM_FOLLOWS, 0);
    return ranking_init(&graph->eagerness, options->subjects, RANKING_FLAT, &random);
}

int generate_follows(const struct generate_options *options, void (*follow)(void *context, uint32_t reader, uint32_t subject),
                     void *context)
{
    struct graph graph = {.options = options, .follow = follow, .context = context};
    int r;

    if (options->subjects < 2 || options->subjects > GENERATE_MAX_SUBJECTS ||
        options->follows_per_reader >= options->subjects)
        return -EINVAL;
    r = graph_init(&graph, options);
    if (r == 0)
        hand_graph(&graph);
    free(graph.follower);
    ranking_done(&graph.popularity);
    ranking_done(&graph.eagerness);
    return r;
}

static void write_follow(void *context, uint32_t reader, uint32_t subject)
{
    char reader_name[WORDS_NAME_BYTES], subject_name[WORDS_NAME_BYTES];

    words_name(reader, reader_name);
    words_name(subject, subject_name);
    fprintf(context, "%s %s\n", reader_name, subject_name);
}

int generate_graph(const struct generate_options *options, FILE *out)
{
    int r;

    errno = 0;
    r = generate_follows(options, write_follow, out);
    if (r == 0 && (fflush(out) != 0 || ferror(out)))
        r = errno ? -errno : -EIO;
    return r;
}
