/* What waits for all connections together, kept within limits.queue_budget_bytes.
 *
 * While it is used up, nothing is added to a queue that is not empty (budget_has_room()). At the end of the turn those for
 * whom most waits, and whose sockets take nothing now, lose what can be made anew, events and tokens, until a quarter of the
 * budget is free: so connections are looked through once for many megabytes, not for each frame. What a socket would take is
 * let go to it: dropping that would bring it here again at once. Answers stay; those who asked for them and do not take them
 * get no further ones.
 *
 * A frame that many queues hold is counted once, as it takes its memory once. It is freed only when the last of them lets go
 * of it, so that what everybody waits for goes last. */
#include "base/clock.h"
#include "base/metrics.h"
#include "net/internal.h"

/* After a search that did not find enough. */
#define SHED_PAUSE_MS 20

bool budget_has_room(const struct conn *conn)
{
    return conn->queue.count == 0 || conn->net->queued_bytes <= conn->net->limits->queue_budget_bytes;
}

static bool may_drop(void *context, const struct frame_entry *entry)
{
    const struct conn *conn = context;
    const struct net *net = conn->net;

    return net->handlers->on_drop(net->context, conn->id, conn->session, entry->request_id, entry->stream,
                                  entry->frame->position);
}

/* Returns how many frames were left out. */
static size_t shed(struct conn *conn)
{
    size_t dropped = frame_queue_drop(&conn->queue, may_drop, conn, &conn->net->queued_bytes);

    if (dropped > 0)
        conn->owes_drained = true;
    return dropped;
}

static size_t largest_queue(const struct net *net)
{
    size_t largest = 0;

    for (uint32_t slot = 0; slot < net->slot_count; slot++) {
        const struct conn *conn = net->slots[slot].conn;

        if (conn && conn->queue.held_bytes > largest)
            largest = conn->queue.held_bytes;
    }
    return largest;
}

static bool may_shed(const struct conn *conn, size_t from, size_t below)
{
    return conn && conn->has_session && conn->blocked && conn->queue.held_bytes >= from && conn->queue.held_bytes < below;
}

/* The largest first, to a factor of two. */
static void shed_until(struct net *net, size_t goal)
{
    uint64_t connections = 0, frames = 0;
    size_t before = net->queued_bytes, below = SIZE_MAX;

    for (size_t from = largest_queue(net); from > 0 && net->queued_bytes > goal; below = from, from /= 2)
        for (uint32_t slot = 0; slot < net->slot_count && net->queued_bytes > goal; slot++) {
            struct conn *conn = net->slots[slot].conn;
            size_t dropped = may_shed(conn, from, below) ? shed(conn) : 0;

            connections += dropped > 0;
            frames += dropped;
        }
    metrics.queues_shed += connections;
    metrics.frames_shed += frames;
    log_limited(&net->shed_limit, LOG_LEVEL_WARNING, "queue-budget-reached",
                "bytes=%zu left=%zu budget=%zu connections=%llu advice=\"clients read too slowly; theirs wait in the log: raise "
                "limits.queue_budget_bytes if memory allows\"",
                before, net->queued_bytes, net->limits->queue_budget_bytes, (unsigned long long)connections);
}

void budget_measure(struct net *net)
{
    metrics.queued_bytes += net->queued_bytes - net->measured_bytes;
    net->measured_bytes = net->queued_bytes;
    if (metrics.queued_bytes > metrics.queued_peak_bytes)
        metrics.queued_peak_bytes = metrics.queued_bytes;
}

void budget_keep(struct net *net)
{
    size_t budget = net->limits->queue_budget_bytes, goal = budget - budget / 4;

    budget_measure(net);
    if (net->queued_bytes > budget && clock_now_ms() >= net->shed_again_ms) {
        shed_until(net, goal);
        /* Where answers take the budget, or what sockets are about to take, looking again makes no sense at once. */
        net->shed_again_ms = net->queued_bytes > goal ? clock_now_ms() + SHED_PAUSE_MS : 0;
    }
    budget_measure(net);
}
