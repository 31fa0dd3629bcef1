/* A timing wheel: many timers, each of which is put, moved and removed in constant time.
 *
 * The caller keeps the nodes inside its own structures, and says what time it is. A timer is due at its time or up
 * to two ticks later, never before, however far away it lies: one that is further than a turn of the wheel is looked
 * at once in each turn. */
#ifndef FEED_BASE_WHEEL_H
#define FEED_BASE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#define WHEEL_SLOTS 512

/* All zero is a node that is in no wheel. A node must be removed before its memory goes. */
struct wheel_node {
    struct wheel_node *prev, *next;
    uint32_t due_tick;
};

struct wheel {
    int64_t start_ms;
    uint32_t tick_ms;
    uint32_t now_tick;
    struct wheel_node slots[WHEEL_SLOTS]; /* list heads */
};

/* `tick_ms` is above 0. Timers may lie up to 2^31 ticks away. The wheel must not move in memory. */
void wheel_init(struct wheel *wheel, uint32_t tick_ms, int64_t now_ms);

/* Sets the node's time; it may be in this wheel already. A time that has passed is due at the next advance. */
void wheel_put(struct wheel *wheel, struct wheel_node *node, int64_t due_ms);

/* A node that is in no wheel is left alone. */
void wheel_remove(struct wheel_node *node);

bool wheel_node_waits(const struct wheel_node *node);

/* Calls on_due for each node whose time has come, after taking it out of the wheel. on_due may put and remove any
 * node. */
void wheel_advance(struct wheel *wheel, int64_t now_ms, void (*on_due)(void *context, struct wheel_node *node),
                   void *context);

#endif
