/* From the command line to a struct run. */
#ifndef FEEDCTL_PARSE_H
#define FEEDCTL_PARSE_H

#include "command.h"

enum parse_result { PARSE_RUN, PARSE_HELP, PARSE_VERSION, PARSE_WRONG };

/* Reorders argv: the arguments of the run point into it. PARSE_HELP leaves ret_run->command at NULL if no command was
 * named, or only the group of some. PARSE_WRONG: `message` says why. */
enum parse_result parse_command_line(int argc, char **argv, struct run *ret_run, char *message, size_t message_size);

#endif
