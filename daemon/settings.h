/* What each room is told of the configuration. The server owns it, the rooms borrow it and read it anew each time: so a reload
 * changes it between two turns of the loop, for all of them at once. */
#ifndef FEED_SETTINGS_H
#define FEED_SETTINGS_H

#include "feed/feed.h"
#include "net/net.h"
#include "store/store.h"

struct config;

struct settings {
    struct store_settings store; /* its address, daemon_id and seen are the server's to fill in */
    struct feed_settings feed;
    struct net_limits net;
    struct net_limits admin; /* of the operators' socket */
};

/* Also raises the limit of open files as far as it goes: connections are limited to what that leaves. */
void settings_fill(struct settings *settings, const struct config *config);

#endif
