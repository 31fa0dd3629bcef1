/* See host_port.h. */
#include "base/host_port.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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
