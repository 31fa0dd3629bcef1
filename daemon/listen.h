/* Where clients find the daemon: the sockets that the service manager hands over, or else those that are configured. */
#ifndef FEED_LISTEN_H
#define FEED_LISTEN_H

struct config;
struct net;

/* 0, or a negative errno that has been logged. */
int listen_for_clients(struct net *net, const struct config *config);

#endif
