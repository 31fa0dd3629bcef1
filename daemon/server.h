/* The daemon as a whole: starts, wires the rooms together, turns the loop, drains, stops. */
#ifndef FEED_SERVER_H
#define FEED_SERVER_H

struct config;

/* Runs until SIGTERM or SIGINT. Returns the process's exit status: 0 after a clean stop, 1 if it could not start. */
int server_run(struct config *config);

#endif
