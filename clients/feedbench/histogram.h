/* How often each duration occurred, to within 1.6 %: 64 equal buckets for each power of two. */
#ifndef FEEDBENCH_HISTOGRAM_H
#define FEEDBENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS 64
#define HISTOGRAM_BUCKETS (HISTOGRAM_STEPS * 42) /* up to 2^47 ns, a day and a half */

struct histogram {
    uint64_t total;
    uint64_t highest_ns;
    uint32_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_clear(struct histogram *histogram);
void histogram_add(struct histogram *histogram, uint64_t ns);
/* The least duration that this part (0 to 1) of all do not exceed, or slightly more. 0 if there are none. */
uint64_t histogram_at(const struct histogram *histogram, double part);

#endif
