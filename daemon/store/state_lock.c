/* The lock on the state directory, and the name that is kept in it; see private_redis.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/private_redis.h"
#include "store/store.h"

#define RETRY_MS 20
#define COMPLAIN_EVERY_MS 1000

static int make_directories(const char *directory)
{
    char path[PATH_MAX];
    size_t length = strlen(directory);

    if (length == 0)
        return -EINVAL;
    if (length >= sizeof(path))
        return -ENAMETOOLONG;
    for (size_t i = 1; i <= length; i++) {
        if (directory[i] != '/' && directory[i] != '\0')
            continue;
        memcpy(path, directory, i);
        path[i] = '\0';
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
            return -errno;
    }
    return 0;
}

static int take_lock(const char *state_dir, int fd, uint32_t wait_ms)
{
    int64_t now_ms = clock_now_ms();
    int64_t until_ms = now_ms + wait_ms;
    int64_t complain_ms = now_ms;

    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -errno;
        now_ms = clock_now_ms();
        if (now_ms >= until_ms)
            return -EBUSY;
        if (now_ms >= complain_ms) {
            log_warning("state-locked", "state_dir=%s reason=%s waiting_ms=%lld", log_quote(state_dir),
                        log_quote("another feedd, or its Redis, still uses it"), (long long)(until_ms - now_ms));
            complain_ms += COMPLAIN_EVERY_MS;
        }
        (void)poll(NULL, 0, RETRY_MS); /* there is no loop yet that this could hold up */
    }
    return 0;
}

int state_lock(const char *state_dir, uint32_t wait_ms, int *ret_fd)
{
    char path[PATH_MAX];
    int result = make_directories(state_dir);
    int fd = -1;

    if (result == 0 && snprintf(path, sizeof(path), "%s/lock", state_dir) >= (int)sizeof(path))
        result = -ENAMETOOLONG;
    if (result == 0 && (fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) < 0)
        result = -errno;
    if (result == 0)
        result = take_lock(state_dir, fd, wait_ms);
    if (result < 0) {
        log_error("state-not-usable", "state_dir=%s error=%s", log_quote(state_dir),
                  result == -EBUSY ? log_quote("another feedd, or its Redis, uses it") : log_quote(strerror(-result)));
        if (fd >= 0)
            close(fd);
        return result;
    }
    *ret_fd = fd;
    return 0;
}

int state_daemon_id(const char *state_dir, char *ret_id)
{
    char path[4096];
    uint64_t number;
    int fd;

    snprintf(path, sizeof(path), "%s/daemon-id", state_dir);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    if (read(fd, ret_id, DAEMON_ID_BYTES - 1) != DAEMON_ID_BYTES - 1) {
        if (getrandom(&number, sizeof(number), 0) != sizeof(number)) {
            close(fd);
            return -EIO;
        }
        snprintf(ret_id, DAEMON_ID_BYTES, "%016" PRIx64, number);
        if (pwrite(fd, ret_id, DAEMON_ID_BYTES - 1, 0) != DAEMON_ID_BYTES - 1 || fsync(fd) < 0) {
            close(fd);
            return -EIO;
        }
    }
    close(fd);
    ret_id[DAEMON_ID_BYTES - 1] = '\0';
    return 0;
}
