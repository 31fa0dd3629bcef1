/* Has libevent watch the socket of a hiredis context. hiredis's own adapter goes on without its events when memory ends. */
#ifndef FEED_STORE_REDIS_EVENTS_H
#define FEED_STORE_REDIS_EVENTS_H

struct event_base;
struct redisAsyncContext;

/* Until the context is freed. 0, or -ENOMEM and nothing is watched. */
int redis_events_attach(struct redisAsyncContext *redis, struct event_base *base);

/* Sends what was asked since the last time. To be called at the end of each turn of the loop, and not by hiredis's callbacks:
 * the context may be freed. */
void redis_events_flush(struct redisAsyncContext *redis);

#endif
