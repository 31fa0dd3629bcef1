/* The private Redis, with a real redis-server: it starts, comes back, ends with its daemon, and never runs twice. */
#include "unit.h"

#include <event2/event.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/private_redis.h"

#define PATIENCE_MS 20000

struct world {
    char directory[64];
    char state_dir[96]; /* below it, not there at first */
    struct event_base *base;
    struct event *pulse;
    int lock_fd;
};

static void on_pulse(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context;
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    const struct timeval pulse = {.tv_usec = 5000};

    if (!world)
        return -1;
    snprintf(world->directory, sizeof(world->directory), "/tmp/feedd-test-redis-XXXXXX");
    if (!mkdtemp(world->directory))
        return -1;
    snprintf(world->state_dir, sizeof(world->state_dir), "%s/a/state", world->directory);
    world->base = event_base_new();
    world->pulse = event_new(world->base, -1, EV_PERSIST, on_pulse, NULL);
    event_add(world->pulse, &pulse);
    world->lock_fd = -1;
    *state = world;
    return 0;
}

/* Removes what a redis-server leaves in its directory, and the directory. */
static void remove_tree(const char *directory)
{
    pid_t pid = fork();

    if (pid == 0) {
        execlp("rm", "rm", "-rf", "--", directory, (char *)NULL);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
}

static int tear_down(void **state)
{
    struct world *world = *state;

    event_free(world->pulse);
    event_base_free(world->base);
    if (world->lock_fd >= 0)
        close(world->lock_fd);
    remove_tree(world->directory);
    free(world);
    return 0;
}

#define RUN_UNTIL(world, condition)                                                                                    \
    do {                                                                                                               \
        int64_t run_until_ms = clock_now_ms() + PATIENCE_MS;                                                           \
        while (!(condition)) {                                                                                         \
            if (clock_now_ms() > run_until_ms)                                                                         \
                fail_msg("this never came true: %s", #condition);                                                      \
            event_base_loop((world)->base, EVLOOP_ONCE);                                                               \
        }                                                                                                              \
    } while (0)

/* The answer to one command on a connection of its own, as text in a static buffer; NULL if Redis is not there. */
static const char *ask(const char *socket, const char *command)
{
    static char answer[8192];
    redisContext *context = redisConnectUnix(socket);
    redisReply *reply = context && !context->err ? redisCommand(context, command) : NULL;

    if (reply && reply->type == REDIS_REPLY_INTEGER)
        snprintf(answer, sizeof(answer), "%lld", reply->integer);
    else if (reply)
        snprintf(answer, sizeof(answer), "%s", reply->str ? reply->str : "");
    if (context)
        redisFree(context);
    if (!reply)
        return NULL;
    freeReplyObject(reply);
    return answer;
}

static bool answers_ping(const char *socket)
{
    const char *answer = ask(socket, "PING");

    return answer && strcmp(answer, "PONG") == 0;
}

static pid_t redis_pid(const char *socket)
{
    const char *info = ask(socket, "INFO server");
    const char *field = info ? strstr(info, "process_id:") : NULL;

    return field ? (pid_t)strtol(field + strlen("process_id:"), NULL, 10) : 0;
}

static struct private_redis *start(struct world *world)
{
    struct private_redis *redis;

    assert_int_equal(state_lock(world->state_dir, 0, &world->lock_fd), 0);
    redis = private_redis_new(world->base, "redis-server", world->state_dir, world->lock_fd);
    assert_non_null(redis);
    RUN_UNTIL(world, answers_ping(private_redis_socket(redis)));
    return redis;
}

static void assert_mode(const char *directory, const char *name, mode_t mode)
{
    char path[256];
    struct stat file;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    assert_int_equal(lstat(path, &file), 0);
    assert_int_equal(file.st_mode & 0777, mode);
}

static void it_answers_on_a_socket_that_is_private(void **state)
{
    struct world *world = *state;
    struct private_redis *redis = start(world);

    assert_true(private_redis_is_running(redis));
    assert_mode(world->state_dir, "", 0700);
    assert_mode(world->state_dir, "redis.sock", 0700);
    assert_mode(world->state_dir, "redis.log", 0600);
    assert_string_equal(ask(private_redis_socket(redis), "SET key value"), "OK");
    assert_int_equal(private_redis_stop(redis, 10000), 0);
    assert_false(private_redis_is_running(redis));
    assert_null(ask(private_redis_socket(redis), "PING"));
    private_redis_free(redis);
}

static void its_data_is_there_after_a_restart(void **state)
{
    struct world *world = *state;
    struct private_redis *redis = start(world);

    assert_string_equal(ask(private_redis_socket(redis), "SET key value"), "OK");
    private_redis_free(redis);
    close(world->lock_fd);
    redis = start(world);
    assert_string_equal(ask(private_redis_socket(redis), "GET key"), "value");
    private_redis_free(redis);
}

static void when_killed_it_is_started_again_with_its_data(void **state)
{
    struct world *world = *state;
    struct private_redis *redis = start(world);
    const char *socket = private_redis_socket(redis);
    pid_t first = redis_pid(socket);

    assert_true(first > 0);
    assert_string_equal(ask(socket, "SET key value"), "OK");
    assert_int_equal(kill(first, SIGKILL), 0);
    RUN_UNTIL(world, !private_redis_is_running(redis));
    RUN_UNTIL(world, answers_ping(socket));
    assert_int_not_equal(redis_pid(socket), first);
    assert_string_equal(ask(socket, "GET key"), "value");
    private_redis_free(redis);
}

static void the_lock_is_held_as_long_as_redis_runs(void **state)
{
    struct world *world = *state;
    struct private_redis *redis = start(world);
    int other_fd = -1;

    assert_int_equal(state_lock(world->state_dir, 0, &other_fd), -EBUSY);
    close(world->lock_fd); /* ours is gone, that of Redis is not */
    world->lock_fd = -1;
    assert_int_equal(state_lock(world->state_dir, 60, &other_fd), -EBUSY);
    assert_int_equal(other_fd, -1);
    private_redis_free(redis);
    assert_int_equal(state_lock(world->state_dir, 0, &other_fd), 0);
    close(other_fd);
}

/* A daemon of its own, that does nothing but have a private Redis until it is killed. */
static pid_t fork_daemon(struct world *world)
{
    pid_t pid = fork();

    if (pid == 0) {
        int lock_fd;

        event_reinit(world->base);
        if (state_lock(world->state_dir, 0, &lock_fd) < 0 ||
            !private_redis_new(world->base, "redis-server", world->state_dir, lock_fd))
            _exit(1);
        event_base_dispatch(world->base);
        _exit(0);
    }
    assert_true(pid > 0);
    return pid;
}

static void it_ends_when_its_daemon_is_killed_and_then_the_lock_is_free(void **state)
{
    struct world *world = *state;
    pid_t daemon = fork_daemon(world);
    char socket[128];
    pid_t redis;

    snprintf(socket, sizeof(socket), "%s/redis.sock", world->state_dir);
    RUN_UNTIL(world, answers_ping(socket));
    redis = redis_pid(socket);
    assert_true(redis > 0);
    assert_int_equal(kill(daemon, SIGKILL), 0);
    assert_int_equal(waitpid(daemon, NULL, 0), daemon);
    assert_int_equal(state_lock(world->state_dir, PATIENCE_MS, &world->lock_fd), 0);
    assert_false(answers_ping(socket));
}

static void a_missing_program_is_explained_and_tried_again(void **state)
{
    struct world *world = *state;
    char path[] = "/tmp/feedd-test-redis-log-XXXXXX";
    char log[8192] = "";
    int file = mkstemp(path);
    int stderr_fd = dup(STDERR_FILENO);
    struct private_redis *redis;

    unlink(path);
    assert_int_equal(state_lock(world->state_dir, 0, &world->lock_fd), 0);
    dup2(file, STDERR_FILENO);
    redis = private_redis_new(world->base, "feedd-no-such-program", world->state_dir, world->lock_fd);
    /* The second attempt is logged as well. */
    RUN_UNTIL(world, pread(file, log, sizeof(log) - 1, 0) > 0 && strstr(log, "restart_in_ms=200"));
    dup2(stderr_fd, STDERR_FILENO);
    close(stderr_fd);
    close(file);
    assert_non_null(redis);
    assert_non_null(strstr(log, "event=redis-starting pid=")); /* and not that it had been */
    assert_non_null(strstr(log, "event=redis-missing program=feedd-no-such-program problem=\"not found\""));
    assert_non_null(strstr(log, "install redis-server"));
    assert_non_null(strstr(log, "redis.url"));
    assert_int_equal(private_redis_stop(redis, 1000), 0);
    private_redis_free(redis);
}

static void one_that_does_not_end_is_killed_in_time(void **state)
{
    struct world *world = *state;
    char script[128];
    char ready[128];
    struct private_redis *redis;
    FILE *file;

    snprintf(script, sizeof(script), "%s/stubborn", world->directory);
    snprintf(ready, sizeof(ready), "%s/ready", world->directory);
    file = fopen(script, "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\ntrap '' TERM\n: > %s\nexec sleep 60\n", ready);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(script, 0700), 0);
    assert_int_equal(state_lock(world->state_dir, 0, &world->lock_fd), 0);
    redis = private_redis_new(world->base, script, world->state_dir, world->lock_fd);
    assert_non_null(redis);
    RUN_UNTIL(world, access(ready, F_OK) == 0);
    assert_int_equal(private_redis_stop(redis, 50), -ETIMEDOUT);
    private_redis_free(redis);
}

static void a_directory_whose_name_is_too_long_for_a_socket_is_refused(void **state)
{
    struct world *world = *state;
    char long_dir[256];

    snprintf(long_dir, sizeof(long_dir), "%s/%080d", world->directory, 0);
    assert_int_equal(state_lock(long_dir, 0, &world->lock_fd), 0);
    assert_null(private_redis_new(world->base, "redis-server", long_dir, world->lock_fd));
    assert_int_equal(errno, ENAMETOOLONG);
}

static void a_directory_that_cannot_be_made_is_reported(void **state)
{
    int fd;

    (void)state;
    assert_int_equal(state_lock("/dev/null/state", 0, &fd), -ENOTDIR);
    assert_int_equal(state_lock("", 0, &fd), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_answers_on_a_socket_that_is_private),
        TEST(its_data_is_there_after_a_restart),
        TEST(when_killed_it_is_started_again_with_its_data),
        TEST(the_lock_is_held_as_long_as_redis_runs),
        TEST(it_ends_when_its_daemon_is_killed_and_then_the_lock_is_free),
        TEST(a_missing_program_is_explained_and_tried_again),
        TEST(one_that_does_not_end_is_killed_in_time),
        TEST(a_directory_whose_name_is_too_long_for_a_socket_is_refused),
        TEST(a_directory_that_cannot_be_made_is_reported),
    };

    return cmocka_run_group_tests_name("private redis", tests, NULL, NULL);
}
