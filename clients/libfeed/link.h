/* What the adapters share: one socket, kept in line with what a client wants. Waiting is the adapter's own. */
#ifndef FEED_LINK_H
#define FEED_LINK_H

#include "feed/feed.h"

struct addrinfo;

struct link {
    struct feed_client *client;
    char *address;
    uint64_t connection; /* the client's number of what is open; 0: nothing */
    int fd;              /* -1: nothing */
    bool connected;      /* else the connection is still being made */
    void (*before_close)(void *context); /* the socket is about to be closed; may be NULL */
    void *context;
    struct addrinfo *candidates, *candidate; /* what the address resolves to, and which one comes next */
};

/* Copies `address` (NULL: FEED_DEFAULT_ADDRESS). -EINVAL: malformed; -ENOMEM. */
int link_init(struct link *link, struct feed_client *client, const char *address);
void link_done(struct link *link);

/* Closes and opens as the client wants; *ret_next is what it wants then. The socket may be another one after this. */
void link_follow(struct link *link, struct feed_next *ret_next);
/* Whether to wait for the socket to become writable. */
bool link_wants_write(const struct link *link, const struct feed_next *next);
/* The socket is ready: reads and writes what it can without waiting, and lets the client do what is due. */
void link_turn(struct link *link, bool readable, bool writable);

#endif
