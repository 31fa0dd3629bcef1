/* feedctl completion: scripts for shells, made from the table of commands. */
#include <stdio.h>
#include <string.h>

#include "command.h"

static int run_completion(const struct run *run)
{
    (void)run;
    return USAGE;
}

const struct command command_completion = {
    .name = "completion",
    .arguments = "SHELL",
    .summary = "Print the completion script for bash or zsh",
    .hidden = true,
    .run = run_completion,
};
