/* Help, made from the table of commands. */
#ifndef FEEDCTL_HELP_H
#define FEEDCTL_HELP_H

#include <stdio.h>

#include "command.h"

/* The help of `command`, or of the whole program if it is NULL. */
void help_print(FILE *out, const struct command *command);
/* What is wrong with a command line, and where to look. */
void help_print_wrong(FILE *out, const struct command *command, const char *message);

#endif
