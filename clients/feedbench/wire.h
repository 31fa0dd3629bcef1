/* Connections of the generator: one epoll loop, nothing blocks, and a connection that has nothing to say costs no buffer.
 *
 * Input is handed to a connection's owner as far as it has come; what the owner does not take is kept and handed over again
 * with what follows. */
#ifndef FEEDBENCH_WIRE_H
#define FEEDBENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
    uint8_t *data;
    size_t start; /* of what is not yet sent */
    size_t end;
    size_t capacity;
};

/* Room for `bytes` behind the end, which the caller fills and adds to `end`. Ends the program when memory does. */
uint8_t *buffer_room(struct buffer *buffer, size_t bytes);
void buffer_add(struct buffer *buffer, const void *data, size_t bytes);
void buffer_done(struct buffer *buffer);

struct wire {
    int fd; /* -1: closed */
    uint32_t index;
    void *owner;
    /* Takes whole messages off the front of `data`. Returns how many bytes it took. */
    size_t (*on_input)(struct wire *wire, const uint8_t *data, size_t bytes);
    struct buffer in;  /* what was not taken */
    struct buffer out; /* what is to be sent */
    bool waits;        /* for room in the socket */
};

struct wires {
    int epoll;
    uint8_t *scratch;
    uint64_t now_ns;       /* when the input that is being handed over was received */
    uint64_t bytes_in;
    int error;             /* the first error of a connection, 0 if none: -ECONNRESET if a peer closed one */
};

int wires_init(struct wires *wires);
void wires_done(struct wires *wires);

/* Where a server listens: `path` if it is not NULL, else a port of loopback. */
struct wire_address {
    const char *path;
    uint16_t port;
};

/* Connects and watches; waits until the connection stands unless `at_once`. `owner`, `index` and `on_input` are the
 * caller's to set before. Returns 0 or a negative errno. */
int wire_open(struct wires *wires, struct wire *wire, const struct wire_address *address, bool at_once);
/* Closes without lingering in TIME_WAIT, as thousands of these would use up the ports. */
void wire_close(struct wire *wire);
/* Sends what is in `out`, as far as the socket takes it; the rest follows by itself. */
void wire_flush(struct wires *wires, struct wire *wire);
/* Waits for input until `until_ns` (a time of clock_ns()) and hands it over. */
void wires_turn(struct wires *wires, uint64_t until_ns);

/* The bytes of a connection's average arriving segment since `ret_segments` and `ret_bytes` were read: what its peer sent in
 * one go. */
void wire_segments(const struct wire *wire, uint64_t *ret_segments, uint64_t *ret_bytes);

/* How often this end had to send again what was not answered: its first SYN, too. */
uint32_t wire_resent(const struct wire *wire);

#endif
