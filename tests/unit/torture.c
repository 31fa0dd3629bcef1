/* See torture.h. */
#include "torture.h"

#include <dirent.h>
#include <event2/event.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Beside errnos: less than was asked for. No errno is negative. */
#define SHORT (-1)
#define NO_ERROR 0

#define POINTS_MAX 20000 /* a scenario with more never ends */

static struct {
    const char *scenario; /* NULL: none runs, or it was over */
    unsigned target;      /* the point that fails, from 1 */
    unsigned points;      /* that came in this run */
    unsigned paused;
    bool struck;
    const char *struck_call;
    int struck_error;
    const char *forced_call;
    int forced_error;
    unsigned forced_times;
    const char *spared_call;
} run;

/* Whether LeakSanitizer is there, and finds something. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

static unsigned open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    unsigned count = 0;

    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

void torture(const char *name, void (*scenario)(void), unsigned at_least)
{
    unsigned descriptors = open_descriptors();

    run.scenario = name;
    const char *only = getenv("TORTURE_POINT"); /* to look at one point alone */

    for (run.target = only ? (unsigned)atoi(only) : 1;; run.target++) {
        run.points = 0;
        run.struck = false;
        run.struck_call = NULL;
        assert_int_equal(run.paused, 0);
        scenario();
        assert_int_equal(run.forced_times, 0);
        assert_int_equal(open_descriptors(), descriptors);
        if (!run.struck || only)
            break;
        assert_true(run.target < POINTS_MAX);
    }
    if (__lsan_do_recoverable_leak_check)
        assert_int_equal(__lsan_do_recoverable_leak_check(), 0);
    run.scenario = NULL;
    printf("torture: %u points failed in \"%s\"\n", run.target - 1, name);
    fflush(stdout);
    assert_true(only || (run.target - 1 >= at_least && at_least > 0));
}

bool torture_struck(void)
{
    return run.struck;
}

bool torture_is_harmless(void)
{
    return !run.struck || run.struck_error == SHORT || run.struck_error == EINTR || run.struck_error == EAGAIN;
}

bool torture_struck_at(const char *call)
{
    return run.struck && strcmp(run.struck_call, call) == 0;
}

void torture_pause(void)
{
    run.paused++;
}

void torture_resume(void)
{
    assert_true(run.paused > 0);
    run.paused--;
}

void torture_force(const char *call, int error, unsigned times)
{
    run.forced_call = call;
    run.forced_error = error;
    run.forced_times = times;
}

void torture_spare(const char *call)
{
    run.spared_call = call;
}

int torture_report(void **state)
{
    (void)state;
    if (run.scenario)
        printf("torture: \"%s\" failed at point %u: %s, error %d\n", run.scenario, run.target,
               run.struck ? run.struck_call : "nothing had failed yet", run.struck_error);
    run.scenario = NULL;
    run.paused = 0;
    run.forced_times = 0;
    run.spared_call = NULL;
    return 0;
}

/* Counts a call that may fail in these ways. Returns the way in which it is to fail, NO_ERROR if it is not. */
static int take(const char *call, const int *ways, unsigned count)
{
    unsigned before = run.points;

    if (!run.scenario)
        return NO_ERROR;
    if (run.forced_times > 0 && strcmp(run.forced_call, call) == 0) {
        run.forced_times--;
        return run.forced_error;
    }
    if (run.paused > 0 || run.struck || (run.spared_call && strcmp(run.spared_call, call) == 0))
        return NO_ERROR;
    run.points += count;
    if (run.target <= before || run.target > run.points)
        return NO_ERROR;
    run.struck = true;
    run.struck_call = call;
    run.struck_error = ways[run.target - before - 1];
    if (getenv("TORTURE_VERBOSE"))
        fprintf(stderr, "torture: point %u of \"%s\": %s fails with %d\n", run.target, run.scenario, call, run.struck_error);
    return run.struck_error;
}

bool torture_point(const char *call)
{
    return take(call, (const int[]){ENOMEM}, 1) != NO_ERROR;
}

#define TAKE(call, ...) take(#call, (const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int))

/* A wrapped function: `result` is what it returns when it fails, having set errno to the way. */
#define WRAP(type, call, parameters, arguments, result, ...)                                                           \
    type __real_##call parameters;                                                                                     \
    type __wrap_##call parameters;                                                                                     \
    type __wrap_##call parameters                                                                                      \
    {                                                                                                                  \
        int way = TAKE(call, __VA_ARGS__);                                                                             \
                                                                                                                       \
        if (way == NO_ERROR)                                                                                           \
            return __real_##call arguments;                                                                            \
        errno = way;                                                                                                   \
        return result;                                                                                                 \
    }

/* The same for calls that may do a part of what they are asked for: the smallest. */
#define WRAP_PARTIAL(call, parameters, arguments, size, ...)                                                           \
    ssize_t __real_##call parameters;                                                                                  \
    ssize_t __wrap_##call parameters;                                                                                  \
    ssize_t __wrap_##call parameters                                                                                   \
    {                                                                                                                  \
        int way = size > 1 ? TAKE(call, SHORT, __VA_ARGS__) : TAKE(call, __VA_ARGS__);                                 \
                                                                                                                       \
        if (way == SHORT)                                                                                              \
            size = 1;                                                                                                  \
        if (way == NO_ERROR || way == SHORT)                                                                           \
            return __real_##call arguments;                                                                            \
        errno = way;                                                                                                   \
        return -1;                                                                                                     \
    }

/* ---- memory ---- */

WRAP(void *, malloc, (size_t size), (size), NULL, ENOMEM)
WRAP(void *, calloc, (size_t count, size_t size), (count, size), NULL, ENOMEM)
WRAP(void *, realloc, (void *pointer, size_t size), (pointer, size), NULL, ENOMEM)
WRAP(char *, strdup, (const char *text), (text), NULL, ENOMEM)
WRAP(char *, strndup, (const char *text, size_t size), (text, size), NULL, ENOMEM)

/* ---- sockets and files ---- */

WRAP(int, socket, (int domain, int type, int protocol), (domain, type, protocol), -1, EMFILE, ENFILE, ENOBUFS)
WRAP(int, bind, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size), -1, EADDRINUSE, EACCES)
WRAP(int, listen, (int fd, int backlog), (fd, backlog), -1, EADDRINUSE)
WRAP(int, accept4, (int fd, struct sockaddr *address, socklen_t *size, int flags), (fd, address, size, flags), -1, EAGAIN,
     EINTR, ECONNABORTED, EMFILE, ENFILE, ENOBUFS)
WRAP(int, connect, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size), -1, ECONNREFUSED,
     ENETUNREACH, EINTR)
WRAP(int, getsockname, (int fd, struct sockaddr *address, socklen_t *size), (fd, address, size), -1, ENOBUFS)
WRAP(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *size), (fd, level, name, value, size), -1,
     ENOBUFS)
WRAP(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t size), (fd, level, name, value, size), -1,
     ENOMEM)
WRAP(int, shutdown, (int fd, int how), (fd, how), -1, ENOTCONN)
WRAP(int, lstat, (const char *path, struct stat *file), (path, file), -1, EACCES)
WRAP(int, unlink, (const char *path), (path), -1, EACCES)
WRAP_PARTIAL(recv, (int fd, void *data, size_t size, int flags), (fd, data, size, flags), size, EINTR, EAGAIN, ECONNRESET)
WRAP_PARTIAL(send, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags), size, EINTR, EAGAIN,
             ECONNRESET)

/* One that fails has closed all the same, as on Linux. */
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
    int way = TAKE(close, EINTR, EIO), result = __real_close(fd);

    if (way == NO_ERROR)
        return result;
    errno = way;
    return -1;
}

/* The errors that this returns are no errnos. */
int __real_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **ret_info);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **ret_info);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **ret_info)
{
    int way = TAKE(getaddrinfo, ENOENT, ENOMEM, EMFILE);

    if (way == NO_ERROR)
        return __real_getaddrinfo(host, port, hints, ret_info);
    errno = way;
    return way == ENOENT ? EAI_AGAIN : way == ENOMEM ? EAI_MEMORY : EAI_SYSTEM;
}

/* ---- waiting, time, chance ---- */

WRAP(int, epoll_create1, (int flags), (flags), -1, EMFILE, ENOMEM)
WRAP(int, epoll_ctl, (int epoll, int operation, int fd, struct epoll_event *event), (epoll, operation, fd, event), -1, ENOMEM,
     ENOSPC)
WRAP(int, epoll_wait, (int epoll, struct epoll_event *events, int most, int timeout), (epoll, events, most, timeout), -1,
     EINTR)
WRAP(int, ppoll, (struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask),
     (fds, count, timeout, mask), -1, EINTR, ENOMEM)
WRAP(int, clock_gettime, (clockid_t clock, struct timespec *ret_now), (clock, ret_now), -1, EINVAL)
WRAP_PARTIAL(getrandom, (void *out, size_t size, unsigned flags), (out, size, flags), size, EINTR, ENOSYS)

/* ---- libevent, where we call it (event_assign() allocates nothing, and fails only when it is misused) ---- */

WRAP(int, event_add, (struct event *event, const struct timeval *timeout), (event, timeout), -1, ENOMEM)
WRAP(struct event *, event_new,
     (struct event_base *base, evutil_socket_t fd, short what, event_callback_fn fn, void *context),
     (base, fd, what, fn, context), NULL, ENOMEM)
