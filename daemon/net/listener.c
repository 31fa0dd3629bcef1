/* Listening: addresses, Unix sockets and their stale files, accepting within limits. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/host_port.h"
#include "base/log.h"
#include "base/metrics.h"
#include "net/internal.h"

#define BACKLOG 4096

/* Connections accepted before others have their turn. */
#define ACCEPTS_PER_CALL 64

/* How long a listener rests when there are no descriptors or no memory: else it would be called again at once. */
#define REST_MS 100

/* Bytes that the kernel takes for a peer beyond what is on its way to it. */
#define UNSENT_MAX_BYTES (32 * 1024)

struct listener {
    struct event event;
    struct event rest; /* ends the rest */
    struct net *net;
    struct listener *next;
    int fd;
    bool is_tcp;
    bool handed_over; /* somebody else has it, too: who waits in its queue is served by whom it is handed to next */
    struct log_limit complaints; /* about rests */
    dev_t device;    /* of the Unix socket's file, which is removed only if it is still ours */
    ino_t inode;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* "" for TCP */
};

/* ------------------------------------------------------------------------------------------------- accept */

/* One over the limit: told so, as far as that goes without waiting, and closed. Its unread input is taken first,
 * because closing a socket with unread input would take the message away from the peer. */
static void refuse_full(struct net *net, int fd)
{
    struct frame *frame = net->handlers->last_frame(net->context, 0, NULL, NET_CLOSE_FULL);
    struct frame_queue queue = {0};

    metrics.connections_refused++;
    if (frame && frame_queue_push(&queue, &(struct frame_entry){.frame = frame}, &net->queued_bytes) == 0) {
        size_t size = frame_queue_gather(&queue, net->output_scratch, sizeof(net->output_scratch));

        (void)send(fd, net->output_scratch, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)shutdown(fd, SHUT_WR);
        (void)recv(fd, net->input_scratch, sizeof(net->input_scratch), MSG_DONTWAIT);
    }
    frame_queue_clear(&queue, &net->queued_bytes);
    frame_unref(frame);
    close(fd);
}

/* Errors of one connection, which is gone already, and not of the listener: see accept(2). */
static bool is_of_one_connection(int error)
{
    static const int errors[] = {ECONNABORTED, EINTR,  EPROTO,       ENETDOWN,   ENOPROTOOPT, EHOSTDOWN,
                                 ENONET,       EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH, ETIMEDOUT};

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (errors[i] == error)
            return true;
    return false;
}

static const char *advice_for(int error)
{
    switch (error) {
    case EMFILE:
        return "raise the process's limit of open files (LimitNOFILE= of the unit), or lower limits.max_connections";
    case ENFILE:
        return "raise the system's limit of open files (sysctl fs.file-max)";
    case ENOBUFS:
    case ENOMEM:
        return "the system is short of memory for sockets: see sysctl net.ipv4.tcp_mem, or lower limits.max_connections";
    default:
        return "none";
    }
}

/* Stops accepting for a while. Without memory for the timer it goes on: called again at once is better than never. */
static void begin_rest(struct listener *listener)
{
    const struct timeval rest_time = {.tv_usec = REST_MS * 1000};

    if (event_add(&listener->rest, &rest_time) == 0)
        event_del(&listener->event);
}

static void rest(struct listener *listener, int error)
{
    metrics.accept_rests++;
    log_limited(&listener->complaints, LOG_LEVEL_ERROR, "accept-failed", "error=%s connections=%zu advice=%s",
                log_quote(strerror(error)), listener->net->connections, log_quote(advice_for(error)));
    begin_rest(listener);
}

static void on_rested(evutil_socket_t fd, short what, void *context)
{
    struct listener *listener = context;

    (void)fd;
    (void)what;
    if (event_add(&listener->event, NULL) < 0)
        begin_rest(listener); /* and tries again then */
}

/* What a peer does not read waits in the queue, where it is counted and may be dropped, and not in the kernel, which would
 * take megabytes for each. */
static void set_options(int fd)
{
    const int on = 1, unsent_bytes = UNSENT_MAX_BYTES;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes, sizeof(unsent_bytes));
}

/* What accept(2) said of the other end. */
static struct net_peer peer_of(const struct sockaddr_storage *address)
{
    const struct sockaddr_in *v4 = (const void *)address;
    const struct sockaddr_in6 *v6 = (const void *)address;
    struct net_peer peer = {.family = address->ss_family};

    if (peer.family == AF_INET) {
        peer.port = v4->sin_port;
        memcpy(peer.address, &v4->sin_addr, sizeof(v4->sin_addr));
    } else if (peer.family == AF_INET6) {
        peer.port = v6->sin6_port;
        memcpy(peer.address, &v6->sin6_addr, sizeof(v6->sin6_addr));
    }
    return peer;
}

/* Accepts one of those who wait. False: there is nobody, or no room for them in this process. */
static bool accept_one(struct listener *listener)
{
    struct net *net = listener->net;
    struct sockaddr_storage address = {0};
    socklen_t address_bytes = sizeof(address);
    int fd = accept4(listener->fd, (struct sockaddr *)&address, &address_bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct net_peer peer;

    if (fd < 0) {
        if (is_of_one_connection(errno))
            return true;
        if (errno != EAGAIN)
            rest(listener, errno);
        return false;
    }
    if (net->connections >= net->limits->max_connections) {
        refuse_full(net, fd);
        return true;
    }
    if (listener->is_tcp)
        set_options(fd);
    peer = peer_of(&address);
    conn_open(net, fd, &peer);
    return true;
}

static void on_acceptable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    for (int i = 0; i < ACCEPTS_PER_CALL && accept_one(context); i++)
        ;
}

static void listener_free(struct listener *listener)
{
    struct stat file;

    event_del(&listener->event);
    event_del(&listener->rest);
    close(listener->fd);
    if (listener->path[0] != '\0' && lstat(listener->path, &file) == 0 && file.st_dev == listener->device &&
        file.st_ino == listener->inode)
        unlink(listener->path);
    free(listener);
}

void listener_empty_all(struct net *net)
{
    for (struct listener *listener = net->listeners; listener; listener = listener->next)
        for (int i = 0; !listener->handed_over && i < BACKLOG && accept_one(listener); i++)
            ;
}

void listener_free_all(struct net *net)
{
    while (net->listeners) {
        struct listener *listener = net->listeners;

        net->listeners = listener->next;
        listener_free(listener);
    }
}

struct listener_kind {
    const char *path; /* of a Unix socket's file that is ours, or "" */
    bool is_tcp, handed_over;
};

/* Starts to accept on a bound socket, which it takes, also on failure. */
static int listener_add(struct net *net, int fd, const struct listener_kind *kind)
{
    struct listener *listener = calloc(1, sizeof(*listener));
    struct stat file = {0};

    if (!listener) {
        close(fd);
        return -ENOMEM;
    }
    listener->net = net;
    listener->fd = fd;
    listener->is_tcp = kind->is_tcp;
    listener->handed_over = kind->handed_over;
    memcpy(listener->path, kind->path, strlen(kind->path) + 1);
    if (kind->path[0] != '\0' && lstat(kind->path, &file) == 0) {
        listener->device = file.st_dev;
        listener->inode = file.st_ino;
    }
    event_assign(&listener->event, net->base, fd, EV_READ | EV_PERSIST, on_acceptable, listener);
    event_assign(&listener->rest, net->base, -1, 0, on_rested, listener);
    if (listen(fd, BACKLOG) < 0 || event_add(&listener->event, NULL) < 0) {
        int error = errno != 0 ? errno : ENOMEM;

        listener_free(listener);
        return -error;
    }
    listener->next = net->listeners;
    net->listeners = listener;
    return 0;
}

/* ---------------------------------------------------------------------------------------------------- TCP */

static int bound_port(int fd, uint16_t *ret_port)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return -errno;
    *ret_port = ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                                    : ((struct sockaddr_in *)&address)->sin_port);
    return 0;
}

static int bind_tcp(const struct addrinfo *info, int *ret_fd, uint16_t *ret_port)
{
    const int on = 1;
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    int result = 0;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, info->ai_addr, info->ai_addrlen) < 0)
        result = -errno;
    if (result == 0)
        result = bound_port(fd, ret_port);
    if (result < 0)
        close(fd);
    else
        *ret_fd = fd;
    return result;
}

static int bind_address(const char *address, int *ret_fd, uint16_t *ret_port)
{
    struct addrinfo *info;
    int result = host_port_parse(address, &info);

    if (result < 0)
        return result;
    result = bind_tcp(info, ret_fd, ret_port);
    freeaddrinfo(info);
    return result;
}

int net_bind_tcp(const char *address, int *ret_fd, uint16_t *ret_port)
{
    int result = bind_address(address, ret_fd, ret_port);

    if (result == 0 && listen(*ret_fd, BACKLOG) < 0) {
        result = -errno;
        close(*ret_fd);
    }
    return result;
}

int net_listen_tcp(struct net *net, const char *address, uint16_t *ret_port)
{
    uint16_t port = 0;
    int fd, result = bind_address(address, &fd, &port);

    if (result < 0)
        return result;
    result = listener_add(net, fd, &(struct listener_kind){"", true, false});
    if (result == 0)
        *ret_port = port;
    return result;
}

/* --------------------------------------------------------------------------------------------------- Unix */

/* Removes a socket's file that nobody answers on: what a killed daemon leaves behind. */
static int remove_stale(const struct sockaddr_un *address)
{
    struct stat file;
    int fd;
    int result;

    if (lstat(address->sun_path, &file) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(file.st_mode))
        return -EADDRINUSE;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    result = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : -errno;
    close(fd);
    if (result != -ECONNREFUSED)
        return -EADDRINUSE;
    return unlink(address->sun_path) == 0 ? 0 : -errno;
}

/* Binds the socket to its file, which gets its mode last: at no time may more people use it than are meant to. */
static int bind_unix(int fd, const struct sockaddr_un *address, mode_t mode, gid_t group)
{
    mode_t mask = umask(0177);
    int result = bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : -errno;

    umask(mask);
    if (result < 0)
        return result;
    if ((group == NET_OWN_GROUP || lchown(address->sun_path, (uid_t)-1, group) == 0) && chmod(address->sun_path, mode) == 0)
        return 0;
    result = -errno;
    unlink(address->sun_path);
    return result;
}

int net_listen_unix(struct net *net, const char *path, mode_t mode, gid_t group)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int result;
    int fd;

    if (path[0] == '\0')
        return -EINVAL;
    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    result = remove_stale(&address);
    if (result < 0)
        return result;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    result = bind_unix(fd, &address, mode, group);
    if (result < 0) {
        close(fd);
        return result;
    }
    return listener_add(net, fd, &(struct listener_kind){path, false, false});
}

/* ---------------------------------------------------------------------------------------------- handed over */

int net_listen_on(struct net *net, int fd, bool allow_remote, char ret_name[NET_LISTENER_NAME_BYTES])
{
    struct sockaddr_storage address = {0};
    const struct sockaddr_un *unix_address = (const void *)&address;
    socklen_t size = sizeof(address), type_bytes = sizeof(int);
    struct net_peer here;
    int type = 0;
    int result = 0;

    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_bytes) < 0)
        result = -errno;
    else if (type != SOCK_STREAM || (address.ss_family != AF_INET && address.ss_family != AF_INET6 && address.ss_family != AF_UNIX))
        result = -EPROTOTYPE;
    else if (address.ss_family != AF_UNIX && !allow_remote && !host_port_is_loopback((const struct sockaddr *)&address))
        result = -EPERM;
    else if (evutil_make_socket_nonblocking(fd) < 0)
        result = -errno;
    if (result < 0) {
        close(fd);
        return result;
    }
    here = peer_of(&address);
    if (address.ss_family == AF_UNIX)
        snprintf(ret_name, NET_LISTENER_NAME_BYTES, "%s", unix_address->sun_path);
    else
        net_peer_name(&here, ret_name);
    return listener_add(net, fd, &(struct listener_kind){"", address.ss_family != AF_UNIX, true});
}
