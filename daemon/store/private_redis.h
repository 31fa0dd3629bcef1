/* The private Redis: a redis-server of the daemon's own, on a Unix socket in the state directory, append-only file
 * on.
 *
 * Two never run on one append-only file: whoever runs one holds the state directory's lock, and the child inherits
 * the lock, so that it is free only when both have ended. The child ends when the daemon does, even when that was
 * killed. */
#ifndef FEED_STORE_PRIVATE_REDIS_H
#define FEED_STORE_PRIVATE_REDIS_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct private_redis;

/* Makes the directory (with its parents, mode 0700) and takes its lock. If somebody else holds it, waits for up to
 * `wait_ms`, blocking, and says so in the log. Returns 0 and the lock's descriptor, the caller's to close; -EBUSY if it
 * was not to be had; another negative errno if the directory cannot be made or used. Each failure is logged. */
int state_lock(const char *state_dir, uint32_t wait_ms, int *ret_fd);

/* The daemon's name among those on its store: made once, kept in the directory. 0 or a negative errno; the name is DAEMON_ID_BYTES
 * long (store.h). */
int state_daemon_id(const char *state_dir, char *ret_id);

/* Starts `program` and keeps it running: when it ends, it is started again, after a moment that grows from 100 ms to
 * 5 s while it keeps ending early. That includes a program that is not there; the log says what to do. Borrows
 * `base` and `lock_fd` (of state_lock()). Uses SIGCHLD on `base`. NULL with errno set, after a line in the log:
 * ENAMETOOLONG if the directory's name leaves no room for a socket's, ENOMEM, or what the directory itself reports. */
struct private_redis *private_redis_new(struct event_base *base, const char *program, const char *state_dir,
                                        int lock_fd);

/* The path of its Unix socket, which takes connections some time after private_redis_new(). */
const char *private_redis_socket(const struct private_redis *redis);

/* Whether the process is there now. */
bool private_redis_is_running(const struct private_redis *redis);

/* Asks it to end and waits for that, blocking, up to `timeout_ms`; then kills it. It writes its file to the disk
 * before it ends. Returns 0, or -ETIMEDOUT if it had to be killed. It is not started again. */
int private_redis_stop(struct private_redis *redis, uint32_t timeout_ms);

/* Stops it, if that was not done, and frees. NULL is allowed. */
void private_redis_free(struct private_redis *redis);

#endif
