/* Time that only goes forward. */
#ifndef FEEDBENCH_CLOCK_H
#define FEEDBENCH_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

static inline uint64_t clock_of(clockid_t which)
{
    struct timespec time;

    clock_gettime(which, &time);
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

static inline uint64_t clock_ns(void)
{
    return clock_of(CLOCK_MONOTONIC);
}

/* What this process has run, user and system. */
static inline uint64_t clock_own_cpu_ns(void)
{
    return clock_of(CLOCK_PROCESS_CPUTIME_ID);
}

#endif
