/* feedbench sample: a small network to try feedd with. Real links and a real graph where the data is there, else a
 * generated one; the last shares are set aside, so that they can be made while somebody watches.
 *
 * The real data is joined thus: authors of hn-shares.csv are ranked by their number of rows (ties by name, in code point
 * order), person i of reed98.edges is the author of rank i, and each edge is two follows. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "csv.h"
#include "csv_write.h"
#include "generate.h"

#define SHARES_NAME "hn-shares.csv"
#define EDGES_NAME "reed98.edges"
#define PATH_BYTES 4096

enum column { CREATED_AT, TITLE, URL, AUTHOR, EXTRACT, COMMENT, KEY, COLUMNS };

/* KEY is called "id" where the rows have no key of their own. */
static const char *const column_names[COLUMNS] = {"created_at", "title", "url", "author", "extract", "comment", "key"};

struct row {
    char *field[COLUMNS];
    bool live; /* set aside */
};

/* A name and how often it occurs. */
struct tally {
    char *name;
    size_t count;
};

struct sample {
    struct row *rows;
    size_t row_count;
    char *graph;           /* graph.txt, cut up into the readers' names */
    struct tally *readers; /* with the number that each follows */
    size_t reader_count;
    size_t follow_count;
};

/* An array with room for one more element behind `count` ones: `array`, which is grown by this function alone, or where it
 * has moved. NULL when memory ends. */
static void *grow(void *array, size_t count, size_t element_bytes)
{
    bool is_full = count == 0 || (count >= 64 && (count & (count - 1)) == 0);

    return is_full ? realloc(array, (count ? count * 2 : 64) * element_bytes) : array;
}

static int load_row(struct sample *sample, const struct csv *csv, const size_t places[COLUMNS])
{
    struct row *rows = grow(sample->rows, sample->row_count, sizeof(*rows));
    struct row *row;

    if (!rows)
        return -ENOMEM;
    sample->rows = rows;
    row = &rows[sample->row_count++];
    *row = (struct row){0};
    for (int column = 0; column < COLUMNS; column++) {
        row->field[column] = strdup(csv_field(csv, places[column]));
        if (!row->field[column])
            return -ENOMEM;
    }
    return 1;
}

/* The place of a column in the header, behind its end if there is none. */
static size_t find_column(const struct csv *header, const char *name)
{
    size_t place = 0;

    while (place < header->count && strcmp(csv_field(header, place), name) != 0)
        place++;
    return place;
}

static int load_rows(struct sample *sample, FILE *in)
{
    size_t places[COLUMNS];
    struct csv csv;
    int r;

    csv_init(&csv, in);
    r = csv_read(&csv);
    if (r == 1) {
        for (int column = 0; column < COLUMNS; column++)
            places[column] = find_column(&csv, column_names[column]);
        if (places[KEY] == csv.count)
            places[KEY] = find_column(&csv, "id");
        if (places[TITLE] == csv.count || places[URL] == csv.count || places[AUTHOR] == csv.count)
            r = -EBADMSG;
    }
    while (r == 1) {
        r = csv_read(&csv);
        if (r == 1)
            r = load_row(sample, &csv, places);
    }
    csv_done(&csv);
    return r;
}

static int compare_by_name(const void *left, const void *right)
{
    return strcmp(((const struct tally *)left)->name, ((const struct tally *)right)->name);
}

static int compare_by_count(const void *left, const void *right)
{
    const struct tally *a = left;
    const struct tally *b = right;

    return a->count != b->count ? (a->count < b->count) - (a->count > b->count) : compare_by_name(left, right);
}

/* Sorts by name and adds up the counts of equal names. Returns how many are left. */
static size_t tally_names(struct tally *tallies, size_t count)
{
    size_t kept = 0;

    if (count == 0)
        return 0;
    qsort(tallies, count, sizeof(*tallies), compare_by_name);
    for (size_t i = 1; i < count; i++)
        if (strcmp(tallies[i].name, tallies[kept].name) == 0)
            tallies[kept].count += tallies[i].count;
        else
            tallies[++kept] = tallies[i];
    return kept + 1;
}

/* Writes the edges as follows between the authors of the rows. */
static int join_graph(const struct sample *sample, FILE *edges, FILE *out)
{
    struct tally *authors = calloc(sample->row_count + 1, sizeof(*authors));
    size_t count = 0;
    unsigned int a;
    unsigned int b;
    int r = 0;

    if (!authors)
        return -ENOMEM;
    for (size_t i = 0; i < sample->row_count; i++)
        if (*sample->rows[i].field[AUTHOR])
            authors[count++] = (struct tally){sample->rows[i].field[AUTHOR], 1};
    count = tally_names(authors, count);
    qsort(authors, count, sizeof(*authors), compare_by_count);
    while (r == 0 && fscanf(edges, "%u %u", &a, &b) == 2) {
        if (a < count && b < count && a != b)
            fprintf(out, "%s %s\n%s %s\n", authors[a].name, authors[b].name, authors[b].name, authors[a].name);
        else
            r = -EBADMSG;
    }
    free(authors);
    return r;
}

/* Counts whom each reader follows, from lines "READER SUBJECT". */
static int load_readers(struct sample *sample, FILE *graph)
{
    size_t bytes = 0;
    char *position;
    char *line;

    if (getdelim(&sample->graph, &bytes, '\0', graph) < 0)
        return ferror(graph) ? -EIO : 0;
    position = sample->graph;
    while ((line = strsep(&position, "\n"))) {
        char *reader = strsep(&line, " ");
        struct tally *readers;

        if (!*reader)
            continue;
        readers = grow(sample->readers, sample->follow_count, sizeof(*readers));
        if (!readers)
            return -ENOMEM;
        sample->readers = readers;
        readers[sample->follow_count++] = (struct tally){reader, 1};
    }
    sample->reader_count = tally_names(sample->readers, sample->follow_count);
    return 0;
}

static void sample_done(struct sample *sample)
{
    for (size_t i = 0; i < sample->row_count; i++)
        for (int column = 0; column < COLUMNS; column++)
            free(sample->rows[i].field[column]);
    free(sample->rows);
    free(sample->readers);
    free(sample->graph);
}

/* A share needs a url, which RFC 3986 makes of printable ASCII characters. */
static bool row_is_share(const struct row *row)
{
    const char *url = row->field[URL];

    while (*url > ' ' && *url < 0x7f)
        url++;
    return url > row->field[URL] && !*url && *row->field[AUTHOR];
}

/* Sets the last `count` shares aside that somebody of the graph made. Returns how many there are. */
static size_t set_live_apart(struct sample *sample, size_t count)
{
    size_t found = 0;

    for (size_t i = sample->row_count; i > 0 && found < count; i--) {
        struct row *row = &sample->rows[i - 1];
        struct tally author = {row->field[AUTHOR], 0};

        row->live = row_is_share(row) &&
                    bsearch(&author, sample->readers, sample->reader_count, sizeof(author), compare_by_name);
        found += row->live;
    }
    return found;
}

static void write_shares(const struct sample *sample, FILE *out)
{
    csv_write(out, column_names, COLUMNS);
    for (size_t i = 0; i < sample->row_count; i++)
        if (row_is_share(&sample->rows[i]) && !sample->rows[i].live)
            csv_write(out, (const char *const *)sample->rows[i].field, COLUMNS);
}

/* One share a line, for a shell's `read`: author, url, title, comment, with tabs between them. */
static void write_live(const struct sample *sample, FILE *out)
{
    static const enum column order[] = {AUTHOR, URL, TITLE, COMMENT};

    for (size_t i = 0; i < sample->row_count; i++) {
        if (!sample->rows[i].live)
            continue;
        for (size_t j = 0; j < sizeof(order) / sizeof(order[0]); j++) {
            if (j > 0)
                putc('\t', out);
            for (const char *text = sample->rows[i].field[order[j]]; *text; text++)
                putc((unsigned char)*text < ' ' ? ' ' : *text, out);
        }
        putc('\n', out);
    }
}

static int open_data(const char *directory, const char *name, FILE **ret_file)
{
    char path[PATH_BYTES];
    int length = snprintf(path, sizeof(path), "%s/%s", directory, name);

    if (length < 0 || (size_t)length >= sizeof(path))
        return -ENAMETOOLONG;
    *ret_file = fopen(path, "re");
    return *ret_file ? 0 : -errno;
}

/* Loads the real links and writes the real graph. -ENOENT if the data is not there. */
static int take_real(struct sample *sample, const char *data, FILE *graph)
{
    FILE *shares = NULL;
    FILE *edges = NULL;
    int r = open_data(data, SHARES_NAME, &shares);

    if (r == 0)
        r = open_data(data, EDGES_NAME, &edges);
    if (r == 0)
        r = load_rows(sample, shares);
    if (r == 0)
        r = join_graph(sample, edges, graph);
    if (shares)
        fclose(shares);
    if (edges)
        fclose(edges);
    if (r < 0 && r != -ENOENT)
        fprintf(stderr, "feedbench: cannot use %s and %s in %s: %s\n", SHARES_NAME, EDGES_NAME, data, strerror(-r));
    return r;
}

/* The same, made up. */
static int make_up(struct sample *sample, FILE *graph)
{
    static const struct generate_options options = {.seed = 1, .subjects = 1000, .follows_per_reader = 20, .shares = 10000};
    FILE *shares = tmpfile();
    int r = shares ? generate_shares(&options, shares) : -errno;

    if (r == 0) {
        rewind(shares);
        r = load_rows(sample, shares);
    }
    if (r == 0)
        r = generate_graph(&options, graph);
    if (shares)
        fclose(shares);
    return r;
}

static int take_network(struct sample *sample, const char *data, const char *directory, bool *ret_real)
{
    FILE *graph;
    int r = bench_create_file(directory, "graph.txt", &graph);

    if (r < 0)
        return r;
    r = data ? take_real(sample, data, graph) : -ENOENT;
    *ret_real = r == 0;
    if (r == -ENOENT)
        r = make_up(sample, graph);
    r = bench_close_file(graph, directory, "graph.txt", r);
    if (r < 0 || open_data(directory, "graph.txt", &graph) < 0)
        return r < 0 ? r : -EIO;
    r = load_readers(sample, graph);
    fclose(graph);
    return r;
}

static int write_part(const struct sample *sample, const char *directory, const char *name,
                      void (*write)(const struct sample *sample, FILE *out))
{
    FILE *file;
    int r = bench_create_file(directory, name, &file);

    if (r < 0)
        return r;
    write(sample, file);
    return bench_close_file(file, directory, name, ferror(file) ? -EIO : 0);
}

/* For a script to read. */
static void print_summary(const struct sample *sample, bool real, size_t live)
{
    size_t shares = 0;
    struct tally *readers = sample->readers;

    for (size_t i = 0; i < sample->row_count; i++)
        shares += row_is_share(&sample->rows[i]) && !sample->rows[i].live;
    qsort(readers, sample->reader_count, sizeof(*readers), compare_by_count);
    printf("source=%s\npeople=%zu\nfollows=%zu\nshares=%zu\nlive=%zu\nreader=%s\nreader_follows=%zu\n",
           real ? "real" : "generated", sample->reader_count, sample->follow_count, shares, live,
           sample->reader_count ? readers[0].name : "", sample->reader_count ? readers[0].count : 0);
}

static enum bench_exit run_sample(const struct bench_command *command, int argc, char **argv)
{
    uint64_t live = 1000;
    const char *data = NULL;
    const char *directory = ".";
    const struct bench_option options[] = {
        {"data", "DIR", BENCH_TEXT, "where " SHARES_NAME " and " EDGES_NAME " are; generated if they are not there", &data,
         0, 0},
        {"live", "N", BENCH_NUMBER, "how many of the last shares are set aside", &live, 0, GENERATE_MAX_SHARES},
        {"out", "DIR", BENCH_TEXT, "where graph.txt, shares.csv and live.tsv are written", &directory, 0, 0},
    };
    struct sample sample = {0};
    bool real;
    size_t found;
    int r = bench_parse_options(command, options, sizeof(options) / sizeof(options[0]), argc, argv);

    if (r != 0)
        return r < 0 ? BENCH_USAGE : BENCH_DONE;
    r = take_network(&sample, data, directory, &real);
    if (r == 0) {
        found = set_live_apart(&sample, live);
        r = write_part(&sample, directory, "shares.csv", write_shares);
        if (r == 0)
            r = write_part(&sample, directory, "live.tsv", write_live);
        if (r == 0)
            print_summary(&sample, real, found);
    }
    sample_done(&sample);
    return r < 0 ? BENCH_FAILED : BENCH_DONE;
}

const struct bench_command sample_command = {
    .name = "sample",
    .summary = "writes a small network to try feedd with, its last shares set aside",
    .run = run_sample,
};
