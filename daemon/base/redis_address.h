/* Where Redis is and how to be let in: what `redis.url` says. */
#ifndef FEED_BASE_REDIS_ADDRESS_H
#define FEED_BASE_REDIS_ADDRESS_H

#include <stddef.h>

#define REDIS_ADDRESS_FORM \
    "redis://[:PASSWORD@]HOST[:PORT][/DB] or unix:/PATH[?password=PASSWORD&db=DB], with a path of up to 107 bytes"

struct redis_address {
    char *path;     /* of a Unix socket, or NULL */
    char *host;     /* numeric when it is resolved */
    int port;
    int database;
    char *user;     /* NULL: the default user */
    char *password; /* NULL: none */
};

/* Reads `redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]` or `unix:/PATH[?password=PASSWORD&db=DB]`; nothing is looked up anywhere. 0,
 * -EINVAL if the text is neither, or -ENOMEM. The address is the caller's, to be given back by redis_address_done(). */
int redis_address_parse(const char *url, struct redis_address *ret_address);
/* Makes the host numeric, which may ask a name server and blocks: to be called before the loop runs. 0, or a negative errno and
 * what is wrong in `ret_error`. */
int redis_address_resolve(struct redis_address *address, char *ret_error, size_t error_bytes);
/* Takes the password from the first and only line of a file. 0, or a negative errno as above. */
int redis_address_read_password(const char *path, struct redis_address *address, char *ret_error, size_t error_bytes);
int redis_address_of_socket(const char *path, struct redis_address *ret_address);
void redis_address_done(struct redis_address *address);

#endif
