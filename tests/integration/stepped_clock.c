/* Preloaded into a program: its wall clock, and no other clock, is ahead of the real one by the seconds that stand in the file
 * named by $STEPPED_CLOCK. Asks the kernel itself, and for no memory, as an allocator may be among those who ask for the time. */
#define _GNU_SOURCE

#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long seconds_ahead(void)
{
    const char *path = getenv("STEPPED_CLOCK");
    char digits[32];
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
    long size = fd < 0 ? -1 : syscall(SYS_read, fd, digits, sizeof(digits) - 1);

    if (fd >= 0)
        syscall(SYS_close, fd);
    if (size <= 0)
        return 0;
    digits[size] = '\0';
    return strtol(digits, NULL, 10);
}

int clock_gettime(clockid_t clock, struct timespec *ret_now)
{
    int error = (int)syscall(SYS_clock_gettime, clock, ret_now);

    if (error == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        ret_now->tv_sec += seconds_ahead();
    return error;
}

int gettimeofday(struct timeval *restrict ret_now, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *ret_now = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *ret_now)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (ret_now)
        *ret_now = now.tv_sec;
    return now.tv_sec;
}
