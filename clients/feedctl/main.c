/* feedctl: the command line of feedd. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "help.h"
#include "parse.h"
#include "session.h"

int main(int argc, char **argv)
{
    char message[256];
    struct run run;
    int code;

    setlocale(LC_ALL, "");
    switch (parse_command_line(argc, argv, &run, message, sizeof message)) {
    case PARSE_HELP:
        help_print(stdout, &run);
        return DONE;
    case PARSE_VERSION:
        puts("feedctl " FEEDD_VERSION);
        return DONE;
    case PARSE_WRONG:
        help_print_wrong(stderr, &run, message);
        return USAGE;
    case PARSE_RUN:
        break;
    }
    if (run.server == NULL)
        run.server = run.command->for_operators ? session_admin_address() : getenv("FEEDD_SERVER");
    code = run.command->run(&run);
    if (fflush(stdout) != 0 && code == DONE) {
        fprintf(stderr, "feedctl: cannot write: %s\n", strerror(errno));
        code = REFUSED;
    }
    return code;
}
