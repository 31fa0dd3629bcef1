/* Where to listen, as options say it. */
#ifndef FEED_BASE_HOST_PORT_H
#define FEED_BASE_HOST_PORT_H

#include <netdb.h>
#include <stdbool.h>

#define SOCKET_PATH_MAX_BYTES 107 /* without its end: what the kernel's structure holds */

#define HOST_PORT_FORM "HOST:PORT, with a number, localhost or [v6] as host"

/* Reads "HOST:PORT", to be bound to; nothing is looked up anywhere. 0, or -EINVAL. The info is the caller's, to be given back by
 * freeaddrinfo(). */
int host_port_parse(const char *address, struct addrinfo **ret_info);

/* Whether only this host reaches it. */
bool host_port_is_loopback(const struct sockaddr *address);

#endif
