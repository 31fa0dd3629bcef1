/* Preloaded into a redis-server: while the file named by $FULL_DISK_FLAG exists, there is no room for its append-only file. */
#define _GNU_SOURCE

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

ssize_t write(int fd, const void *data, size_t size);

static bool has_no_room(int fd)
{
    const char *flag = getenv("FULL_DISK_FLAG");
    char link[64], path[4096];
    ssize_t length;

    if (!flag || access(flag, F_OK) < 0)
        return false;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof(path) - 1);
    if (length < 0)
        return false;
    path[length] = '\0';
    return strstr(path, "/appendonly") != NULL;
}

ssize_t write(int fd, const void *data, size_t size)
{
    if (has_no_room(fd)) {
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_write, fd, data, size);
}
