/* See listen.h. */
#include "listen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "base/log.h"
#include "net/net.h"
#include "service.h"

#define ADDRESS_BYTES 1024

/* `error` is what came of it, which is handed on. */
static int note_listening(const char *what, const char *where, int error)
{
    if (error == -EPERM)
        log_error("listen-refused",
                  "%s=%s reason=\"beyond loopback, and there is no authentication: use a loopback address, or --insecure where "
                  "the network is yours\"",
                  what, log_quote(where));
    else if (error < 0)
        log_error("listen-failed", "%s=%s reason=%s", what, log_quote(where), log_quote(strerror(-error)));
    else
        log_info("listening", "%s=%s", what, log_quote(where));
    return error;
}

static int listen_where_configured(struct net *net, const struct config *config)
{
    char where[ADDRESS_BYTES];
    uint16_t port = 0;
    int error = 0;

    if (config->listen[0] != '\0') {
        error = net_listen_tcp(net, config->listen, &port);
        snprintf(where, sizeof(where), "%s", config->listen);
        if (error == 0)
            snprintf(where, sizeof(where), "%.*s:%u", (int)(strrchr(config->listen, ':') - config->listen), config->listen, port);
        error = note_listening("address", where, error);
    }
    if (error == 0 && config->unix_path[0] != '\0')
        error = note_listening("unix", config->unix_path,
                               net_listen_unix(net, config->unix_path, 0660, NET_OWN_GROUP));
    return error;
}

int listen_for_clients(struct net *net, const struct config *config)
{
    int first, count = service_sockets(&first), error = 0;

    if (count < 0)
        return note_listening("handed_over", "", count);
    if (count == 0)
        error = listen_where_configured(net, config);
    for (int fd = first; fd < first + count && error == 0; fd++) {
        char where[NET_LISTENER_NAME_BYTES] = "";

        error = net_listen_on(net, fd, config->insecure, where);
        error = note_listening(where[0] == '/' ? "unix" : "address", where, error);
    }
    return error;
}
