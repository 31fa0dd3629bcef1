/* See redis_address.h. libcurl's URL API does the parsing. */
#include "base/redis_address.h"

#include <curl/curl.h>
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/host_port.h"

#define PASSWORD_MAX_BYTES 512

void redis_address_done(struct redis_address *address)
{
    free(address->path);
    free(address->host);
    free(address->user);
    free(address->password);
    *address = (struct redis_address){0};
}

int redis_address_read_password(const char *path, struct redis_address *address, char *ret_error, size_t error_bytes)
{
    char text[PASSWORD_MAX_BYTES + 2], *password;
    FILE *file = fopen(path, "re");
    size_t size = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    int error = file ? 0 : errno;

    if (file)
        fclose(file);
    text[size] = '\0';
    size = strcspn(text, "\n");
    if (error == 0 && (size == 0 || size > PASSWORD_MAX_BYTES || (text[size] == '\n' && text[size + 1] != '\0')))
        error = EINVAL;
    if (error != 0) {
        snprintf(ret_error, error_bytes, "redis.password_file: %s: %s", path,
                 error == EINVAL ? "expected one line of 1 to 512 bytes" : strerror(error));
        return -error;
    }
    password = strndup(text, size);
    explicit_bzero(text, sizeof(text));
    if (!password)
        return -ENOMEM;
    free(address->password);
    address->password = password;
    return 0;
}

int redis_address_of_socket(const char *path, struct redis_address *ret_address)
{
    char *copy = strdup(path);

    if (!copy)
        return -ENOMEM;
    *ret_address = (struct redis_address){.path = copy};
    return 0;
}

/* A part of the URL as a string of our own; NULL if it is absent or empty. Sets *error to -ENOMEM if it could not be had. */
static char *url_part(CURLU *url, CURLUPart part, unsigned flags, int *error)
{
    char *text = NULL, *copy = NULL;
    CURLUcode found = curl_url_get(url, part, &text, flags);

    if (found == CURLUE_OK && text[0] != '\0')
        copy = strdup(text);
    if (found == CURLUE_OUT_OF_MEMORY || (found == CURLUE_OK && text[0] != '\0' && !copy))
        *error = -ENOMEM;
    curl_free(text);
    return copy;
}

static int read_database(const char *digits, int *ret_database)
{
    char *end;
    long number = strtol(digits, &end, 10);

    if (end == digits || *end != '\0' || number < 0 || number > 1 << 20)
        return -EINVAL;
    *ret_database = (int)number;
    return 0;
}

/* `password=…&db=…` behind a socket's path. */
static int read_query(const char *query, struct redis_address *address)
{
    while (*query != '\0') {
        size_t size = strcspn(query, "&");
        const char *value = memchr(query, '=', size);

        if (!value)
            return -EINVAL;
        size_t name_size = (size_t)(value - query);
        int value_size;
        int escaped_size = (int)(size - name_size - 1);
        /* A length of 0 would mean all of the rest. */
        char *unescaped = curl_easy_unescape(NULL, escaped_size > 0 ? value + 1 : "", escaped_size, &value_size);
        int error = unescaped ? 0 : -ENOMEM;

        if (error == 0 && name_size == 8 && strncmp(query, "password", 8) == 0) {
            free(address->password);
            address->password = strdup(unescaped);
            error = address->password ? 0 : -ENOMEM;
        } else if (error == 0 && name_size == 2 && strncmp(query, "db", 2) == 0) {
            error = read_database(unescaped, &address->database);
        } else if (error == 0) {
            error = -EINVAL;
        }
        curl_free(unescaped);
        if (error < 0)
            return error;
        query += size + (query[size] == '&');
    }
    return 0;
}

static int parse_unix(const char *rest, struct redis_address *address)
{
    size_t size = strcspn(rest, "?");

    if (size > SOCKET_PATH_MAX_BYTES || rest[0] != '/')
        return -EINVAL;
    address->path = strndup(rest, size);
    if (!address->path)
        return -ENOMEM;
    return rest[size] == '?' ? read_query(rest + size + 1, address) : 0;
}

static int parse_tcp(CURLU *url, struct redis_address *address)
{
    int error = 0;
    char *port = url_part(url, CURLUPART_PORT, 0, &error), *path = url_part(url, CURLUPART_PATH, 0, &error);

    address->host = url_part(url, CURLUPART_HOST, 0, &error);
    address->user = url_part(url, CURLUPART_USER, CURLU_URLDECODE, &error);
    address->password = url_part(url, CURLUPART_PASSWORD, CURLU_URLDECODE, &error);
    address->port = port ? atoi(port) : 6379;
    if (error == 0 && (!address->host || address->port == 0))
        error = -EINVAL;
    if (error == 0 && path && strcmp(path, "/") != 0)
        error = read_database(path + 1, &address->database);
    free(port);
    free(path);
    return error;
}

int redis_address_parse(const char *text, struct redis_address *ret_address)
{
    struct redis_address address = {0};
    int error = -EINVAL;

    if (strncmp(text, "unix:", 5) == 0) {
        error = parse_unix(text + 5, &address);
    } else if (strncmp(text, "redis://", 8) == 0) {
        CURLU *url = curl_url();
        CURLUcode read = url ? curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) : CURLUE_OUT_OF_MEMORY;

        if (read == CURLUE_OK)
            error = parse_tcp(url, &address);
        else if (read == CURLUE_OUT_OF_MEMORY)
            error = -ENOMEM;
        curl_url_cleanup(url);
    }
    if (error < 0)
        redis_address_done(&address);
    else
        *ret_address = address;
    return error;
}

int redis_address_resolve(struct redis_address *address, char *ret_error, size_t error_bytes)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    char numeric[NI_MAXHOST], *bare, *copy;
    size_t size = address->host ? strlen(address->host) : 0;
    bool resolved;

    if (address->path)
        return 0;
    bare = address->host[0] == '[' && size > 2 ? strndup(address->host + 1, size - 2) : strdup(address->host);
    resolved = bare && getaddrinfo(bare, NULL, &hints, &found) == 0 &&
               getnameinfo(found->ai_addr, found->ai_addrlen, numeric, sizeof(numeric), NULL, 0, NI_NUMERICHOST) == 0;
    if (found)
        freeaddrinfo(found);
    free(bare);
    copy = resolved ? strdup(numeric) : NULL;
    if (!copy) {
        snprintf(ret_error, error_bytes, "redis.url: the host %s cannot be resolved", address->host);
        return -EHOSTUNREACH;
    }
    free(address->host);
    address->host = copy;
    return 0;
}
