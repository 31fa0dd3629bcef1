/* See token.h. */
#include "token.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TOKEN_MAX_BYTES 65536u

int token_load(const char *path, uint8_t **ret_token, size_t *ret_bytes)
{
    uint8_t *token = malloc(TOKEN_MAX_BYTES + 1);
    FILE *file = token != NULL ? fopen(path, "re") : NULL;
    size_t bytes = 0;
    int error = 0;

    if (token == NULL)
        return -ENOMEM;
    if (file != NULL) {
        bytes = fread(token, 1, TOKEN_MAX_BYTES + 1, file);
        if (ferror(file))
            error = -EIO;
        else if (bytes > TOKEN_MAX_BYTES)
            error = -EFBIG;
        fclose(file);
    } else if (errno != ENOENT) {
        error = -errno;
    }
    if (error < 0) {
        free(token);
        return error;
    }
    *ret_token = token;
    *ret_bytes = bytes;
    return 0;
}

static int write_all(int fd, const uint8_t *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t written = write(fd, data, bytes);

        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            data += written;
            bytes -= (size_t)written;
        }
    }
    return 0;
}

int token_store(const char *path, const uint8_t *token, size_t bytes)
{
    char *other;
    int fd, error;

    if (asprintf(&other, "%s.XXXXXX", path) < 0)
        return -ENOMEM;
    fd = mkostemp(other, O_CLOEXEC);
    if (fd < 0) {
        error = -errno;
        free(other);
        return error;
    }
    error = write_all(fd, token, bytes);
    if (close(fd) < 0 && error == 0)
        error = -errno;
    if (error == 0 && rename(other, path) < 0)
        error = -errno;
    if (error < 0)
        unlink(other);
    free(other);
    return error;
}
