/* Asking a daemon as an operator. */
#ifndef FEEDCTL_ADMIN_H
#define FEEDCTL_ADMIN_H

#include <feed/feed.h>
#include <jansson.h>

#include "command.h"

/* One admin request. DONE and the answer, a new reference, or the exit code after having said why. */
int admin_ask(const struct run *run, struct feed_blocking *feed, Feed__AdminRequest *request, json_t **ret_answer);

/* feedctl admin check: command_check.c. */
int run_check(const struct run *run);

#endif
