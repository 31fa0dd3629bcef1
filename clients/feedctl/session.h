/* One connection of a command: connecting, asking, and saying what went wrong. */
#ifndef FEEDCTL_SESSION_H
#define FEEDCTL_SESSION_H

#include <feed/feed.h>

#include "command.h"

/* The address that the run talks to. */
const char *session_address(const struct run *run);

/* Where operators find feedd unless they say otherwise: $FEEDD_ADMIN, or the first admin socket that is there among those of a
 * service and of a daemon that this user runs. Valid until the next call. */
const char *session_admin_address(void);

/* Connects, for a few seconds at most. DONE, or the exit code after having said why. `options` may be NULL. */
int session_open(const struct run *run, const struct feed_options *options, struct feed_blocking **ret_feed);

/* One request. DONE and the reply (to be freed with feed_free_message()), or the exit code after having said why. */
int session_call(const struct run *run, struct feed_blocking *feed, const ProtobufCMessage *request,
                 ProtobufCMessage **ret_reply);

/* Says that a request was not carried out; `status` and `error` as in struct feed_reply. To people a field of the request is
 * named as what they typed for it. Returns the exit code. */
int session_fail(const struct run *run, const ProtobufCMessage *request, int status, const Feed__Error *error);

/* "URL: must begin with http (INVALID, field url)": for people. */
void session_describe(int status, const Feed__Error *error, char *out, size_t size);

#endif
