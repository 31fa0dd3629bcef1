/* See wheel.h. Ticks are counted from the wheel's start in 32 bits and compared by difference, so that they may
 * wrap. */
#include "base/wheel.h"

#include <stddef.h>

static void list_init(struct wheel_node *head)
{
    head->prev = head->next = head;
}

static void list_append(struct wheel_node *head, struct wheel_node *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

/* Moves everything from `from` to `to`, which is not initialised yet. */
static void list_take(struct wheel_node *from, struct wheel_node *to)
{
    if (from->next == from) {
        list_init(to);
        return;
    }
    to->next = from->next;
    to->prev = from->prev;
    to->next->prev = to;
    to->prev->next = to;
    list_init(from);
}

static bool is_after(uint32_t tick, uint32_t other)
{
    return (int32_t)(tick - other) > 0;
}

static struct wheel_node *slot_of(struct wheel *wheel, uint32_t tick)
{
    return &wheel->slots[tick % WHEEL_SLOTS];
}

void wheel_init(struct wheel *wheel, uint32_t tick_ms, int64_t now_ms)
{
    wheel->start_ms = now_ms;
    wheel->tick_ms = tick_ms;
    wheel->now_tick = 0;
    for (size_t i = 0; i < WHEEL_SLOTS; i++)
        list_init(&wheel->slots[i]);
}

void wheel_put(struct wheel *wheel, struct wheel_node *node, int64_t due_ms)
{
    int64_t elapsed_ms = due_ms > wheel->start_ms ? due_ms - wheel->start_ms : 0;
    /* Rounded up: never early. */
    uint32_t due_tick = (uint32_t)((elapsed_ms + wheel->tick_ms - 1) / wheel->tick_ms);

    if (!is_after(due_tick, wheel->now_tick))
        due_tick = wheel->now_tick + 1;
    wheel_remove(node);
    node->due_tick = due_tick;
    list_append(slot_of(wheel, due_tick), node);
}

void wheel_remove(struct wheel_node *node)
{
    if (!node->next)
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = NULL;
}

bool wheel_node_waits(const struct wheel_node *node)
{
    return node->next != NULL;
}

void wheel_advance(struct wheel *wheel, int64_t now_ms, void (*on_due)(void *context, struct wheel_node *node),
                   void *context)
{
    uint32_t from = wheel->now_tick;
    uint32_t to = now_ms > wheel->start_ms ? (uint32_t)((now_ms - wheel->start_ms) / wheel->tick_ms) : 0;
    uint32_t slots;

    if (!is_after(to, from))
        return;
    /* Set first: what on_due puts lies after `to`, even if its slot is still to be visited. */
    wheel->now_tick = to;
    slots = to - from < WHEEL_SLOTS ? to - from : WHEEL_SLOTS;
    for (uint32_t i = 1; i <= slots; i++) {
        struct wheel_node *slot = slot_of(wheel, from + i);
        struct wheel_node due;

        list_take(slot, &due);
        while (due.next != &due) {
            struct wheel_node *node = due.next;

            wheel_remove(node);
            if (is_after(node->due_tick, to))
                list_append(slot, node);
            else
                on_due(context, node);
        }
    }
}
