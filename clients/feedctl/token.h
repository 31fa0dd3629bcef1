/* A resume token in a file, for `watch --resume`. */
#ifndef FEEDCTL_TOKEN_H
#define FEEDCTL_TOKEN_H

#include <stddef.h>
#include <stdint.h>

/* Reads the token. A file that is absent is an empty token. *ret_token is to be freed. 0, or a negative errno
 * (-EFBIG: this is no token). */
int token_load(const char *path, uint8_t **ret_token, size_t *ret_bytes);

/* Replaces the file in one step: whoever reads it finds the old token or the new one. 0, or a negative errno. */
int token_store(const char *path, const uint8_t *token, size_t bytes);

#endif
