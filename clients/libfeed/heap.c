/* The requests that have a deadline, as a binary heap: the soonest is heap[0]. */
#include "client.h"

#include <errno.h>
#include <string.h>

#define HEAP_MIN_ROOM 64u

static void heap_put(struct feed_client *client, size_t index, struct request *request)
{
    client->heap[index] = request;
    request->heap_index = index;
}

static void heap_rise(struct feed_client *client, size_t index, struct request *request)
{
    while (index > 0) {
        size_t parent = (index - 1) / 2;

        if (client->heap[parent]->deadline_ms <= request->deadline_ms)
            break;
        heap_put(client, index, client->heap[parent]);
        index = parent;
    }
    heap_put(client, index, request);
}

static void heap_sink(struct feed_client *client, size_t index, struct request *request)
{
    for (;;) {
        size_t child = 2 * index + 1;

        if (child >= client->heap_count)
            break;
        if (child + 1 < client->heap_count && client->heap[child + 1]->deadline_ms < client->heap[child]->deadline_ms)
            child++;
        if (client->heap[child]->deadline_ms >= request->deadline_ms)
            break;
        heap_put(client, index, client->heap[child]);
        index = child;
    }
    heap_put(client, index, request);
}

int heap_insert(struct feed_client *client, struct request *request)
{
    if (client->heap_count == client->heap_room) {
        size_t room = client->heap_room == 0 ? HEAP_MIN_ROOM : client->heap_room * 2;
        struct request **heap = client_alloc(client, room * sizeof *heap);

        if (heap == NULL)
            return -ENOMEM;
        if (client->heap_count != 0)
            memcpy(heap, client->heap, client->heap_count * sizeof *heap);
        client_dealloc(client, client->heap);
        client->heap = heap;
        client->heap_room = room;
    }
    heap_rise(client, client->heap_count++, request);
    return 0;
}

void heap_remove(struct feed_client *client, struct request *request)
{
    size_t index = request->heap_index;
    struct request *last;

    if (index == SIZE_MAX)
        return;
    request->heap_index = SIZE_MAX;
    last = client->heap[--client->heap_count];
    if (last == request)
        return;
    if (index > 0 && client->heap[(index - 1) / 2]->deadline_ms > last->deadline_ms)
        heap_rise(client, index, last);
    else
        heap_sink(client, index, last);
}
