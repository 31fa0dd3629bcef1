/* See private_redis.h. */
#include "store/private_redis.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define RESTART_MIN_MS 100
#define RESTART_MAX_MS 5000
#define SETTLED_AFTER_MS 10000 /* one that ran this long is started again at once */
#define FREE_TIMEOUT_MS 5000

/* What a shell returns, too. */
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127

struct private_redis {
    char *program;
    char directory[PATH_MAX];
    char socket[sizeof(((struct sockaddr_un *)0)->sun_path)];
    int lock_fd;
    pid_t pid; /* 0: not running */
    int64_t started_ms;
    uint32_t restart_ms; /* how long the next restart waits */
    struct event exited; /* SIGCHLD */
    struct event restart;
};

/* ------------------------------------------------------------------------------------------------- the child */

/* In the child, where nothing but system calls is safe: goes on as redis-server. */
__attribute__((noreturn)) static void become_redis(const struct private_redis *redis, pid_t parent)
{
    /* Every write is in the append-only file; there are no snapshots, and nothing is ever evicted. */
    const char *const arguments[] = {
        redis->program,
        "--port", "0",
        "--unixsocket", redis->socket,
        "--unixsocketperm", "700",
        "--dir", redis->directory,
        "--databases", "1",
        "--appendonly", "yes",
        "--list-max-listpack-size", "138", /* ids that fill an allocation of 1,536 bytes; a push moves no more than those */
        "--appendfsync", "everysec",
        "--save", "",
        "--maxmemory", "0",
        "--maxmemory-policy", "noeviction",
        "--daemonize", "no",
        "--supervised", "no",
        "--loglevel", "notice",
        "--logfile", "",
        NULL,
    };
    char *argv[sizeof(arguments) / sizeof(arguments[0])];
    const struct sigaction by_default = {.sa_handler = SIG_DFL};
    sigset_t none;
    int null_fd = open("/dev/null", O_RDONLY);
    int directory_fd = open(redis->directory, O_PATH | O_DIRECTORY);
    int log_fd = openat(directory_fd, "redis.log", O_WRONLY | O_CREAT | O_APPEND, 0600);
    int lock_fd = fcntl(redis->lock_fd, F_DUPFD, 3);
    int error;

    /* A group of its own: Ctrl-C at the terminal ends the daemon, which then ends Redis. */
    setpgid(0, 0);
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
        _exit(EXIT_FAILURE);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    sigaction(SIGPIPE, &by_default, NULL);
    if (null_fd < 0 || log_fd < 0 || lock_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
        dup2(log_fd, STDOUT_FILENO) < 0 || dup2(log_fd, STDERR_FILENO) < 0)
        _exit(EXIT_FAILURE);
    if (lock_fd != 3 && dup2(lock_fd, 3) < 0)
        _exit(EXIT_FAILURE);
    close_range(4, ~0U, 0);
    memcpy(argv, arguments, sizeof(argv)); /* execvp() takes no const, and changes nothing */
    execvp(redis->program, argv);
    error = errno;
    _exit(error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

static void schedule_restart(struct private_redis *redis)
{
    const struct timeval wait = {.tv_sec = redis->restart_ms / 1000,
                                 .tv_usec = (suseconds_t)(redis->restart_ms % 1000) * 1000};

    event_add(&redis->restart, &wait);
    redis->restart_ms = redis->restart_ms * 2 < RESTART_MAX_MS ? redis->restart_ms * 2 : RESTART_MAX_MS;
}

static void start(struct private_redis *redis)
{
    pid_t parent = getpid();
    pid_t pid = fork();

    if (pid == 0)
        become_redis(redis, parent);
    redis->started_ms = clock_now_ms();
    if (pid < 0) {
        log_error("redis-not-started", "error=%s restart_in_ms=%u", log_quote(strerror(errno)), redis->restart_ms);
        schedule_restart(redis);
        return;
    }
    redis->pid = pid;
    log_info("redis-starting", "pid=%d socket=%s", (int)pid, log_quote(redis->socket));
}

static void on_restart(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    start(context);
}

/* Says how it ended, and what an operator can do about it. */
static void log_exit(const struct private_redis *redis, int status)
{
    char log_path[PATH_MAX + 16];

    snprintf(log_path, sizeof(log_path), "%s/redis.log", redis->directory);
    if (WIFEXITED(status) && (WEXITSTATUS(status) == EXIT_NOT_FOUND || WEXITSTATUS(status) == EXIT_NOT_EXECUTABLE))
        log_error("redis-missing", "program=%s problem=%s advice=%s restart_in_ms=%u", log_quote(redis->program),
                  WEXITSTATUS(status) == EXIT_NOT_FOUND ? log_quote("not found") : log_quote("cannot be executed"),
                  log_quote("install redis-server, or name the program with redis.server, or a Redis with redis.url"),
                  redis->restart_ms);
    else if (WIFSIGNALED(status))
        log_error("redis-exited", "signal=%d log=%s restart_in_ms=%u", WTERMSIG(status), log_quote(log_path),
                  redis->restart_ms);
    else
        log_error("redis-exited", "code=%d log=%s restart_in_ms=%u", WEXITSTATUS(status), log_quote(log_path),
                  redis->restart_ms);
}

static void on_child(evutil_socket_t signal_number, short what, void *context)
{
    struct private_redis *redis = context;
    int status;

    (void)signal_number;
    (void)what;
    if (redis->pid == 0 || waitpid(redis->pid, &status, WNOHANG) != redis->pid)
        return;
    redis->pid = 0;
    if (clock_now_ms() - redis->started_ms >= SETTLED_AFTER_MS)
        redis->restart_ms = RESTART_MIN_MS;
    log_exit(redis, status);
    schedule_restart(redis);
}

/* ------------------------------------------------------------------------------------------------- lifecycle */

static int set_paths(struct private_redis *redis, const char *state_dir)
{
    int length;

    if (!realpath(state_dir, redis->directory))
        return -errno;
    length = snprintf(redis->socket, sizeof(redis->socket), "%s/redis.sock", redis->directory);
    return length < 0 || (size_t)length >= sizeof(redis->socket) ? -ENAMETOOLONG : 0;
}

struct private_redis *private_redis_new(struct event_base *base, const char *program, const char *state_dir,
                                        int lock_fd)
{
    struct private_redis *redis = calloc(1, sizeof(*redis));
    int result = redis ? set_paths(redis, state_dir) : -ENOMEM;

    if (result == 0 && !(redis->program = strdup(program)))
        result = -ENOMEM;
    if (result == 0) {
        redis->lock_fd = lock_fd;
        redis->restart_ms = RESTART_MIN_MS;
        evtimer_assign(&redis->restart, base, on_restart, redis);
        if (evsignal_assign(&redis->exited, base, SIGCHLD, on_child, redis) < 0 ||
            evsignal_add(&redis->exited, NULL) < 0)
            result = -ENOMEM;
    }
    if (result < 0) {
        log_error("redis-not-started", "state_dir=%s error=%s%s", log_quote(state_dir), log_quote(strerror(-result)),
                  result == -ENAMETOOLONG ? " advice=\"a Unix socket's path has at most 107 bytes: set state_dir to a "
                                            "shorter one\""
                                          : "");
        if (redis)
            free(redis->program);
        free(redis);
        errno = -result;
        return NULL;
    }
    start(redis);
    return redis;
}

const char *private_redis_socket(const struct private_redis *redis)
{
    return redis->socket;
}

bool private_redis_is_running(const struct private_redis *redis)
{
    return redis->pid != 0;
}

/* Waits until the child has ended. Returns whether it has. */
static bool wait_for_end(struct private_redis *redis, uint32_t timeout_ms)
{
    int process = pidfd_open(redis->pid, 0);
    struct pollfd ended = {.fd = process, .events = POLLIN};

    if (process >= 0) {
        (void)poll(&ended, 1, timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms);
        close(process);
    }
    if (waitpid(redis->pid, NULL, WNOHANG) == 0)
        return false;
    redis->pid = 0;
    return true;
}

int private_redis_stop(struct private_redis *redis, uint32_t timeout_ms)
{
    event_del(&redis->exited);
    event_del(&redis->restart);
    if (redis->pid == 0)
        return 0;
    kill(redis->pid, SIGTERM);
    if (wait_for_end(redis, timeout_ms)) {
        log_info("redis-stopped", "socket=%s", log_quote(redis->socket));
        return 0;
    }
    log_error("redis-killed", "reason=%s timeout_ms=%u", log_quote("did not end in time"), timeout_ms);
    kill(redis->pid, SIGKILL);
    waitpid(redis->pid, NULL, 0);
    redis->pid = 0;
    return -ETIMEDOUT;
}

void private_redis_free(struct private_redis *redis)
{
    if (!redis)
        return;
    (void)private_redis_stop(redis, FREE_TIMEOUT_MS);
    free(redis->program);
    free(redis);
}
