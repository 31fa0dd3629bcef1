/* See link.h. */
#include "link.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX_PREFIX "unix:"
#define READ_BYTES (64u * 1024)
/* Reads of one turn, so that a fast server does not keep the caller in here. */
#define READS_PER_TURN 8

/* The colon before the port; NULL if there is none. */
static const char *address_colon(const char *address)
{
    const char *colon = strrchr(address, ':');

    return colon != NULL && colon != address && colon[1] != '\0' ? colon : NULL;
}

int link_init(struct link *link, struct feed_client *client, const char *address)
{
    *link = (struct link){ .client = client, .fd = -1 };
    if (address == NULL || address[0] == '\0')
        address = FEED_DEFAULT_ADDRESS;
    if (strncmp(address, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0) {
        size_t length = strlen(address + strlen(UNIX_PREFIX));

        if (length == 0 || length >= sizeof ((struct sockaddr_un *)0)->sun_path)
            return -EINVAL;
    } else if (address_colon(address) == NULL) {
        return -EINVAL;
    }
    link->address = strdup(address);
    return link->address != NULL ? 0 : -ENOMEM;
}

static void link_close_socket(struct link *link)
{
    if (link->fd < 0)
        return;
    if (link->before_close != NULL)
        link->before_close(link->context);
    close(link->fd);
    link->fd = -1;
}

static void link_close(struct link *link)
{
    link_close_socket(link);
    if (link->candidates != NULL)
        freeaddrinfo(link->candidates);
    link->connection = 0;
    link->connected = false;
    link->candidates = NULL;
    link->candidate = NULL;
}

void link_done(struct link *link)
{
    link_close(link);
    free(link->address);
    link->address = NULL;
}

/* ------------------------------------------------------------------------------------------------------- connecting */

/* Begins to connect. 0: done or under way. */
static int link_dial(struct link *link, const struct sockaddr *address, socklen_t size)
{
    int one = 1;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = 0;

    if (fd < 0)
        return -errno;
    if (address->sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, address, size) < 0 && errno != EINPROGRESS)
        error = -errno;
    if (error < 0)
        close(fd);
    else
        link->fd = fd;
    return error;
}

static int link_resolve(struct link *link)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    const char *colon = address_colon(link->address);
    size_t length = (size_t)(colon - link->address);
    const char *start = link->address;
    char *host;
    int status;

    if (start[0] == '[' && start[length - 1] == ']') {
        start++;
        length -= 2;
    }
    host = strndup(start, length);
    if (host == NULL)
        return -ENOMEM;
    status = getaddrinfo(host, colon + 1, &hints, &link->candidates);
    free(host);
    if (status == 0)
        link->candidate = link->candidates;
    else
        link->candidates = NULL;
    return status == 0 ? 0 : status == EAI_MEMORY ? -ENOMEM : status == EAI_SYSTEM ? -errno : -EHOSTUNREACH;
}

/* Tries the candidates in turn, from the next one on; `error` is why the one before failed. */
static int link_dial_next(struct link *link, int error)
{
    while (link->candidate != NULL) {
        const struct addrinfo *candidate = link->candidate;

        link->candidate = candidate->ai_next;
        error = link_dial(link, candidate->ai_addr, candidate->ai_addrlen);
        if (error == 0)
            return 0;
    }
    return error;
}

static int link_open(struct link *link)
{
    struct sockaddr_un local = { .sun_family = AF_UNIX };
    int error;

    if (strncmp(link->address, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0) {
        memcpy(local.sun_path, link->address + strlen(UNIX_PREFIX), strlen(link->address + strlen(UNIX_PREFIX)));
        return link_dial(link, (const struct sockaddr *)&local, sizeof local);
    }
    error = link_resolve(link);
    return error < 0 ? error : link_dial_next(link, -EHOSTUNREACH);
}

void link_follow(struct link *link, struct feed_next *ret_next)
{
    feed_client_next(link->client, ret_next);
    if (ret_next->connection == link->connection)
        return;
    link_close(link);
    if (ret_next->connection != 0) {
        int error = link_open(link);

        if (error < 0)
            feed_client_disconnected(link->client, error);
        else
            link->connection = ret_next->connection;
        feed_client_next(link->client, ret_next);
    }
}

/* The attempt has come to an end, one way or the other. */
static void link_on_dialled(struct link *link)
{
    int error = 0;
    socklen_t size = sizeof error;

    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        error = errno;
    if (error == 0) {
        link->connected = true;
        feed_client_connected(link->client);
        return;
    }
    link_close_socket(link);
    error = link_dial_next(link, -error);
    if (error < 0)
        feed_client_disconnected(link->client, error);
}

/* ----------------------------------------------------------------------------------------------------------- moving */

bool link_wants_write(const struct link *link, const struct feed_next *next)
{
    return link->fd >= 0 && (!link->connected || next->output_bytes > 0);
}

/* Whether the client still wants the connection that is open. */
static bool link_is_current(const struct link *link)
{
    struct feed_next next;

    feed_client_next(link->client, &next);
    return link->fd >= 0 && link->connected && next.connection == link->connection;
}

static void link_read(struct link *link)
{
    uint8_t data[READ_BYTES];

    for (int i = 0; i < READS_PER_TURN && link_is_current(link); i++) {
        ssize_t got = recv(link->fd, data, sizeof data, 0);

        if (got > 0) {
            feed_client_received(link->client, data, (size_t)got);
            if ((size_t)got < sizeof data)
                return;
        } else if (got < 0 && errno == EINTR) {
            continue;
        } else {
            if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
                feed_client_disconnected(link->client, got == 0 ? -ECONNRESET : -errno);
            return;
        }
    }
}

static void link_write(struct link *link)
{
    const uint8_t *data;
    size_t size;

    while (link_is_current(link) && (size = feed_client_output(link->client, &data)) > 0) {
        ssize_t sent = send(link->fd, data, size, MSG_NOSIGNAL);

        if (sent >= 0) {
            feed_client_sent(link->client, (size_t)sent);
        } else if (errno != EINTR) {
            if (errno != EAGAIN && errno != EWOULDBLOCK)
                feed_client_disconnected(link->client, -errno);
            return;
        }
    }
}

void link_turn(struct link *link, bool readable, bool writable)
{
    if (link->fd >= 0 && !link->connected && writable)
        link_on_dialled(link);
    if (readable)
        link_read(link);
    feed_client_run(link->client);
    link_write(link);
}
