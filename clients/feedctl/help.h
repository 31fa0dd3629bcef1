/* Help, made from the table of commands. */
#ifndef FEEDCTL_HELP_H
#define FEEDCTL_HELP_H

#include <stdio.h>

#include "command.h"

/* The help of the command that the run names, or of the commands of its group, or of the whole program. */
void help_print(FILE *out, const struct run *run);
/* What is wrong with a command line, and where to look. */
void help_print_wrong(FILE *out, const struct run *run, const char *message);

#endif
