/* Where to listen, as options say it. */
#ifndef FEED_BASE_HOST_PORT_H
#define FEED_BASE_HOST_PORT_H

#include <netdb.h>

#define HOST_PORT_FORM "HOST:PORT, with a number, localhost or [v6] as host"

/* Reads "HOST:PORT", to be bound to; nothing is looked up anywhere. 0, or -EINVAL. The info is the caller's, to be given back by
 * freeaddrinfo(). */
int host_port_parse(const char *address, struct addrinfo **ret_info);

#endif
