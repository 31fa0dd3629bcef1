/* See progress.h. */
#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

#define BAR_CELLS 24
#define INTERVAL_MS 100

void progress_init(struct progress *progress, const char *unit, uint64_t total_bytes, uint64_t now_ms)
{
    *progress = (struct progress){
        .shown = isatty(STDERR_FILENO) != 0,
        .unit = unit,
        .total_bytes = total_bytes,
        .started_ms = now_ms,
    };
}

static void clear_line(const struct progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
}

void progress_show(struct progress *progress, uint64_t count, uint64_t now_ms, bool at_once)
{
    uint64_t elapsed_ms = now_ms - progress->started_ms;
    uint64_t rate = elapsed_ms > 0 ? count * 1000 / elapsed_ms : 0;
    char counted[32], rated[32];

    if (!progress->shown || (now_ms < progress->next_ms && !at_once))
        return;
    progress->next_ms = now_ms + INTERVAL_MS;
    text_number(count, counted);
    text_number(rate, rated);
    clear_line(progress);
    if (progress->total_bytes > 0) {
        double part = (double)progress->done_bytes / (double)progress->total_bytes;
        int cells = (int)(part * BAR_CELLS);
        uint64_t left_s = part > 0 ? (uint64_t)((double)elapsed_ms / 1000 * (1 - part) / part + 0.5) : 0;

        fputc('[', stderr);
        for (int i = 0; i < BAR_CELLS; i++)
            fputc(i < cells ? '#' : '.', stderr);
        fprintf(stderr, "] %3d%%  %s %s  %s/s", (int)(part * 100), counted, progress->unit, rated);
        if (part > 0)
            fprintf(stderr, "  %llu:%02llu left", (unsigned long long)(left_s / 60), (unsigned long long)(left_s % 60));
    } else {
        fprintf(stderr, "%s %s  %s/s", counted, progress->unit, rated);
    }
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
