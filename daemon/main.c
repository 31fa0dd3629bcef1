/* feedd: reads the configuration and runs the server. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "base/log.h"
#include "server.h"

static int run(struct config *config)
{
    enum log_level level;

    if (config_log_level(config->log_level, &level) == 0)
        log_set_level(level);
    return server_run(config);
}

int main(int argc, char **argv)
{
    struct config config;
    enum config_action action;
    char error[1024];
    int status = 0;

    log_begin();
    if (config_load(argc, argv, &config, &action, error, sizeof(error)) < 0) {
        fprintf(stderr, "feedd: %s\n", error);
        return 2;
    }
    switch (action) {
    case CONFIG_RUN:
        status = run(&config);
        break;
    case CONFIG_HELP:
        config_help(stdout);
        break;
    case CONFIG_VERSION:
        puts("feedd " FEEDD_VERSION);
        break;
    case CONFIG_PRINT:
        config_print(&config, stdout);
        break;
    case CONFIG_DEFAULTS:
        config_print_defaults(stdout);
        break;
    case CONFIG_CHECK:
        puts("the configuration is sound");
        break;
    }
    config_done(&config);
    return status;
}
