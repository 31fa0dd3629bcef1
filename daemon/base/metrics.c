/* See metrics.h. */
#include "base/metrics.h"

#include <inttypes.h>
#include <string.h>

struct metrics metrics;

const struct metric_row metric_rows[METRIC_COUNT] = {
#define METRIC(name, type, help) {#name, help, NULL, METRIC_TYPE_##type, 1, offsetof(struct metrics, name)},
#define METRIC_BY(name, type, label, values, help) {#name, help, #label, METRIC_TYPE_##type, values, offsetof(struct metrics, name)},
#include "base/metrics.def"
#undef METRIC
#undef METRIC_BY
};

static metric_value_fn *value_names[METRIC_COUNT];

void metrics_name(enum metric metric, metric_value_fn *name)
{
    value_names[metric] = name;
}

static uint64_t number_at(const struct metric_row *row, unsigned value)
{
    return ((const uint64_t *)(const void *)((const char *)&metrics + row->offset))[value];
}

static const struct histogram *histogram_at(const struct metric_row *row, unsigned value)
{
    return (const struct histogram *)(const void *)((const char *)&metrics + row->offset) + value;
}

static uint64_t histogram_count(const struct histogram *histogram)
{
    uint64_t count = 0;

    for (unsigned bucket = 0; bucket <= HISTOGRAM_BUCKETS; bucket++)
        count += histogram->buckets[bucket];
    return count;
}

uint64_t metric_total(enum metric metric)
{
    const struct metric_row *row = &metric_rows[metric];
    uint64_t total = 0;

    for (unsigned value = 0; value < row->values; value++)
        total += row->type == METRIC_TYPE_HISTOGRAM ? histogram_count(histogram_at(row, value)) : number_at(row, value);
    return total;
}

/* ---- for Prometheus ---- */

static const char *const type_words[] = {
    [METRIC_TYPE_COUNTER] = "counter", [METRIC_TYPE_GAUGE] = "gauge", [METRIC_TYPE_HISTOGRAM] = "histogram"};

/* Units that the names end with, the longest first, how Prometheus calls them, and what a second is in them. */
static const struct {
    const char *ending, *exposed;
    double second;
} units[] = {{"_at_ms", "_time_seconds", 1e3}, {"_ms", "_seconds", 1e3}, {"_us", "_seconds", 1e6}};

/* How a metric is called there, and by what its values are divided. */
struct family {
    char name[96];
    double divisor;
};

static struct family family_of(const struct metric_row *row)
{
    struct family family = {.divisor = 1};
    const char *prefix = strncmp(row->name, "process_", 8) == 0 ? "" : "feedd_", *unit = "";
    size_t size = strlen(row->name);

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t ending = strlen(units[i].ending);

        if (size < ending || strcmp(row->name + size - ending, units[i].ending) != 0)
            continue;
        unit = units[i].exposed;
        family.divisor = units[i].second;
        size -= ending;
        break;
    }
    snprintf(family.name, sizeof(family.name), "%s%.*s%s%s", prefix, (int)size, row->name, unit,
             row->type == METRIC_TYPE_COUNTER ? "_total" : "");
    return family;
}

/* Labels as they stand in a sample, those of a bucket with its bound. */
static void print_sample(FILE *out, const struct family *family, const char *suffix, const char *label, const char *bound)
{
    fprintf(out, "%s%s", family->name, suffix);
    if (label[0] != '\0' || bound[0] != '\0')
        fprintf(out, "{%s%s%s}", label, label[0] != '\0' && bound[0] != '\0' ? "," : "", bound);
}

static void print_number(FILE *out, const struct family *family, const char *label, uint64_t number)
{
    print_sample(out, family, "", label, "");
    if (family->divisor == 1)
        fprintf(out, " %" PRIu64 "\n", number);
    else
        fprintf(out, " %.15g\n", (double)number / family->divisor);
}

static void print_histogram(FILE *out, const struct family *family, const char *label, const struct histogram *histogram)
{
    uint64_t count = 0;
    char bound[48];

    for (unsigned bucket = 0; bucket <= HISTOGRAM_BUCKETS; bucket++) {
        count += histogram->buckets[bucket];
        if (bucket < HISTOGRAM_BUCKETS)
            snprintf(bound, sizeof(bound), "le=\"%.9g\"", (double)(UINT64_C(1) << (HISTOGRAM_FIRST_BITS + bucket)) / 1e6);
        else
            snprintf(bound, sizeof(bound), "le=\"+Inf\"");
        print_sample(out, family, "_bucket", label, bound);
        fprintf(out, " %" PRIu64 "\n", count);
    }
    print_sample(out, family, "_sum", label, "");
    fprintf(out, " %.15g\n", (double)histogram->sum_us / 1e6);
    print_sample(out, family, "_count", label, "");
    fprintf(out, " %" PRIu64 "\n", count);
}

static void print_value(FILE *out, const struct metric_row *row, const struct family *family, unsigned value, const char *name)
{
    char label[128] = "";

    if (name)
        snprintf(label, sizeof(label), "%s=\"%s\"", row->label, name);
    if (row->type != METRIC_TYPE_HISTOGRAM)
        print_number(out, family, label, number_at(row, value));
    else if (!name || histogram_count(histogram_at(row, value)) > 0)
        print_histogram(out, family, label, histogram_at(row, value));
}

void metrics_print(FILE *out)
{
    for (unsigned metric = 0; metric < METRIC_COUNT; metric++) {
        const struct metric_row *row = &metric_rows[metric];
        struct family family = family_of(row);

        fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", family.name, row->help, family.name, type_words[row->type]);
        if (!row->label)
            print_value(out, row, &family, 0, NULL);
        for (unsigned value = 0; row->label && value_names[metric] && value < row->values; value++) {
            const char *name = value_names[metric](value);

            if (name)
                print_value(out, row, &family, value, name);
        }
    }
}
