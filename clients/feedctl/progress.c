/* See progress.h. */
#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

#define BAR_CELLS 24
#define INTERVAL_MS 100

void progress_init(struct progress *progress, const char *one, uint64_t total_bytes)
{
    *progress = (struct progress){ .shown = isatty(STDERR_FILENO) != 0, .one = one, .total_bytes = total_bytes };
}

static void clear_line(const struct progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
}

static void print_bar(const struct progress *progress)
{
    double part = (double)progress->done_bytes / (double)progress->total_bytes;
    int cells = (int)(part * BAR_CELLS);

    fputc('[', stderr);
    for (int i = 0; i < BAR_CELLS; i++)
        fputc(i < cells ? '#' : '.', stderr);
    fprintf(stderr, "] %3d%%  ", (int)(part * 100));
}

/* How fast it goes, and for how long still, once there is anything to tell it by. */
static void print_pace(const struct progress *progress, uint64_t count, uint64_t elapsed_ms)
{
    char rate[32];

    if (elapsed_ms < INTERVAL_MS || count <= progress->first_count)
        return;
    text_number((count - progress->first_count) * 1000 / elapsed_ms, rate);
    fprintf(stderr, "  %s/s", rate);
    if (progress->done_bytes > progress->first_bytes && progress->total_bytes > progress->done_bytes) {
        double left = (double)(progress->total_bytes - progress->done_bytes);
        double done = (double)(progress->done_bytes - progress->first_bytes);
        uint64_t left_s = (uint64_t)(left / done * (double)elapsed_ms / 1000) + 1; /* the second that has begun counts */

        fprintf(stderr, "  %llu:%02llu left", (unsigned long long)(left_s / 60), (unsigned long long)(left_s % 60));
    }
}

void progress_show(struct progress *progress, uint64_t count, uint64_t now_ms, bool at_once)
{
    char counted[TEXT_COUNT_BYTES];

    if (!progress->shown || (now_ms < progress->next_ms && !at_once))
        return;
    progress->next_ms = now_ms + INTERVAL_MS;
    if (progress->first_ms == 0) {
        progress->first_ms = now_ms;
        progress->first_bytes = progress->done_bytes;
        progress->first_count = count;
    }
    text_count(count, progress->one, counted);
    clear_line(progress);
    if (progress->total_bytes > 0)
        print_bar(progress);
    fputs(counted, stderr);
    print_pace(progress, count, now_ms - progress->first_ms);
    fflush(stderr);
}

void progress_note(struct progress *progress, const char *format, ...)
{
    va_list arguments;

    clear_line(progress);
    fputs("feedctl: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    progress->next_ms = 0;
}

void progress_done(struct progress *progress)
{
    clear_line(progress);
    fflush(stderr);
}
