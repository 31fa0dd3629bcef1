/* Memory, time and chance: what the core takes from its options, and their defaults. */
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "environment.h"

static void *default_alloc(void *context, size_t size)
{
    (void)context;
    return malloc(size);
}

static void default_free(void *context, void *pointer)
{
    (void)context;
    free(pointer);
}

ProtobufCAllocator environment_allocator = { default_alloc, default_free, NULL };

uint64_t environment_now_ms(void *context)
{
    static _Thread_local uint64_t last_ms; /* when the clock cannot be read it stands still */
    struct timespec now;

    (void)context;
    if (clock_gettime(CLOCK_MONOTONIC, &now) == 0)
        last_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    return last_ms;
}

int environment_random(void *context, void *out, size_t size)
{
    (void)context;
    while (size > 0) {
        ssize_t got = getrandom(out, size, 0);

        if (got < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        out = (uint8_t *)out + got;
        size -= (size_t)got;
    }
    return 0;
}

void *client_alloc(struct feed_client *client, size_t size)
{
    return client->allocator->alloc(client->allocator->allocator_data, size);
}

void client_dealloc(struct feed_client *client, void *pointer)
{
    client->allocator->free(client->allocator->allocator_data, pointer);
}

char *client_strdup(struct feed_client *client, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = client_alloc(client, size);

    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}
