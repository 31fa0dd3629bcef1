/* See process.h. */
#include "base/process.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metrics.h"

#define DESCRIPTORS_AT_ONCE 256

static const char *version_of_metric(unsigned value)
{
    (void)value;
    return FEEDD_VERSION;
}

void process_started(void)
{
    metrics_name(METRIC_build_info, version_of_metric);
    metrics.build_info[0] = 1;
    metrics.process_start_at_ms = (uint64_t)clock_wall_ms();
}

/* Of /proc/self/statm: pages. */
static void measure_memory(void)
{
    unsigned long long virtual_pages, resident_pages, page = (unsigned long long)sysconf(_SC_PAGESIZE);
    FILE *file = fopen("/proc/self/statm", "re");

    if (!file)
        return;
    if (fscanf(file, "%llu %llu", &virtual_pages, &resident_pages) == 2) {
        metrics.process_virtual_memory_bytes = virtual_pages * page;
        metrics.process_resident_memory_bytes = resident_pages * page;
    }
    fclose(file);
}

/* No descriptor is as high as that: the size of the kernel's table, of /proc/self/status. */
static unsigned descriptors_end(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    unsigned end = 0;

    while (file && end == 0 && fgets(line, sizeof(line), file))
        (void)sscanf(line, "FDSize: %u", &end);
    if (file)
        fclose(file);
    return end;
}

/* Those of a range that are open. poll() tells which are not; listing /proc/self/fd takes a hundred times as long. */
static unsigned count_open(unsigned from, unsigned end)
{
    struct pollfd asked[DESCRIPTORS_AT_ONCE];
    unsigned open = 0;

    for (unsigned i = 0; from + i < end; i++)
        asked[i] = (struct pollfd){.fd = (int)(from + i)};
    if (poll(asked, end - from, 0) < 0)
        return 0;
    for (unsigned i = 0; from + i < end; i++)
        open += !(asked[i].revents & POLLNVAL);
    return open;
}

static void measure_descriptors(void)
{
    unsigned end = descriptors_end(), open = 0;
    struct rlimit limit;

    for (unsigned from = 0; from < end; from += DESCRIPTORS_AT_ONCE)
        open += count_open(from, from + DESCRIPTORS_AT_ONCE < end ? from + DESCRIPTORS_AT_ONCE : end);
    metrics.process_open_fds = open;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        metrics.process_max_fds = limit.rlim_cur;
}

void process_measure(void)
{
    struct timespec taken;

    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &taken) == 0)
        metrics.process_cpu_us = (uint64_t)taken.tv_sec * 1000000 + (uint64_t)taken.tv_nsec / 1000;
    measure_memory();
    measure_descriptors();
}
