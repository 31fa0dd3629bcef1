/* See host_port.h. */
#include "base/host_port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

_Static_assert(SOCKET_PATH_MAX_BYTES == sizeof(((struct sockaddr_un *)0)->sun_path) - 1, "its end takes a byte");

int host_port_parse(const char *address, struct addrinfo **ret_info)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    const char *colon = strrchr(address, ':');
    size_t host_bytes = colon ? (size_t)(colon - address) : 0;
    const char *port = colon ? colon + 1 : "";
    char host[64];

    if (host_bytes == 0 || host_bytes >= sizeof(host) || strlen(port) > 5 || port[0] == '\0' ||
        port[strspn(port, "0123456789")] != '\0' || strtol(port, NULL, 10) > UINT16_MAX)
        return -EINVAL;
    if (address[0] == '[' && address[host_bytes - 1] == ']') {
        address++;
        host_bytes -= 2;
    } else if (memchr(address, ':', host_bytes)) {
        return -EINVAL; /* v6 without brackets: where the port starts would be a guess */
    }
    memcpy(host, address, host_bytes);
    host[host_bytes] = '\0';
    return getaddrinfo(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, port, &hints, ret_info) == 0 ? 0 : -EINVAL;
}

bool host_port_is_loopback(const struct sockaddr *address)
{
    const struct in6_addr *v6;

    if (address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 == 127;
    if (address->sa_family != AF_INET6)
        return false;
    v6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}
