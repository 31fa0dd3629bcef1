#include "histogram.h"

#include <string.h>

#define STEP_BITS 6

/* Below 64 each value has a bucket; above, the six bits after the highest one choose among those of that power of two. */
static unsigned bucket_of(uint64_t ns)
{
    unsigned shift = ns < HISTOGRAM_STEPS ? 0 : 63 - STEP_BITS - (unsigned)__builtin_clzll(ns);
    unsigned bucket = shift * HISTOGRAM_STEPS + (unsigned)(ns >> shift);

    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The highest value that falls into a bucket. */
static uint64_t top_of(unsigned bucket)
{
    unsigned shift = bucket < 2 * HISTOGRAM_STEPS ? 0 : bucket / HISTOGRAM_STEPS - 1;
    uint64_t step = bucket - shift * HISTOGRAM_STEPS;

    return ((step + 1) << shift) - 1;
}

void histogram_clear(struct histogram *histogram)
{
    memset(histogram, 0, sizeof(*histogram));
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
    histogram->buckets[bucket_of(ns)]++;
    histogram->total++;
    if (ns > histogram->highest_ns)
        histogram->highest_ns = ns;
}

uint64_t histogram_at(const struct histogram *histogram, double part)
{
    double wanted = part * (double)histogram->total;
    uint64_t seen = 0;

    for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        seen += histogram->buckets[bucket];
        if (histogram->buckets[bucket] > 0 && (double)seen >= wanted)
            return top_of(bucket) < histogram->highest_ns ? top_of(bucket) : histogram->highest_ns;
    }
    return histogram->highest_ns;
}
