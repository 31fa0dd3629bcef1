/* What this process counts and measures, one table: metrics.def. Counting is an addition to a member of `metrics`; everything that
 * lists metrics goes through metric_rows. */
#ifndef FEED_BASE_METRICS_H
#define FEED_BASE_METRICS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Durations, in buckets that each reach twice as far as the one before: 64 µs, 128 µs, … 33.6 s, and beyond. */
#define HISTOGRAM_BUCKETS 20
#define HISTOGRAM_FIRST_BITS 6 /* 64 µs */

struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS + 1];
    uint64_t sum_us;
};

typedef uint64_t metric_type_COUNTER;
typedef uint64_t metric_type_GAUGE;
typedef struct histogram metric_type_HISTOGRAM;

struct metrics {
#define METRIC(name, type, help) metric_type_##type name;
#define METRIC_BY(name, type, label, values, help) metric_type_##type name[values];
#include "base/metrics.def"
#undef METRIC
#undef METRIC_BY
};

extern struct metrics metrics;

/* A duration below 0, which clocks of two hosts may show, counts as 0. */
static inline void histogram_add(struct histogram *histogram, int64_t us)
{
    uint64_t beyond = us > 0 ? ((uint64_t)us - 1) >> HISTOGRAM_FIRST_BITS : 0;
    unsigned bucket = beyond == 0 ? 0 : 64 - (unsigned)__builtin_clzll(beyond);

    histogram->buckets[bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS]++;
    histogram->sum_us += us > 0 ? (uint64_t)us : 0;
}

/* ---- the table ---- */

enum metric {
#define METRIC(name, type, help) METRIC_##name,
#define METRIC_BY(name, type, label, values, help) METRIC_##name,
#include "base/metrics.def"
#undef METRIC
#undef METRIC_BY
    METRIC_COUNT
};

enum metric_type { METRIC_TYPE_COUNTER, METRIC_TYPE_GAUGE, METRIC_TYPE_HISTOGRAM };

struct metric_row {
    const char *name;
    const char *help;
    const char *label; /* NULL: one value */
    enum metric_type type;
    unsigned values;
    size_t offset; /* in struct metrics */
};

extern const struct metric_row metric_rows[METRIC_COUNT];

/* How a value of a label is called; NULL: there is no such value. */
typedef const char *metric_value_fn(unsigned value);

/* To be called by the room whose metric it is, before anything is counted. */
void metrics_name(enum metric metric, metric_value_fn *name);

/* A counter or a gauge, the sum of all values of its label. Of a histogram, how many durations it has. */
uint64_t metric_total(enum metric metric);

/* All of them, as Prometheus reads them (text exposition format 0.0.4). Of a label those values that have a name; of a histogram
 * with a label, those that have anything in them. */
void metrics_print(FILE *out);

#endif
