/* Asking a daemon as an operator. */
#ifndef FEEDCTL_ADMIN_H
#define FEEDCTL_ADMIN_H

#include <feed/feed.h>
#include <jansson.h>

#include "command.h"

/* One admin request. DONE and the answer, a new reference, or the exit code after having said why. */
int admin_ask(const struct run *run, struct feed_blocking *feed, Feed__AdminRequest *request, json_t **ret_answer);

/* The same, with these arguments: "do=begin", … */
int admin_ask_words(const struct run *run, struct feed_blocking *feed, const char *command, char **words, size_t count,
                    json_t **ret_answer);

/* command_check.c, command_export.c, command_import_store.c */
int run_check(const struct run *run);
int run_export(const struct run *run);
int run_import(const struct run *run);

#endif
