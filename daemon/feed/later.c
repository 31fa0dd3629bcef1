/* Calls that are made a little later: of what waits for somebody else, or for the store to come back. */
#include <stdlib.h>

#include "feed/internal.h"

struct again {
    void (*fn)(void *context);
    void *context;
    struct again *next;
};

bool feed_call_later(struct feed *feed, void (*fn)(void *context), void *context)
{
    struct again *again = malloc(sizeof(*again));

    if (!again)
        return false;
    *again = (struct again){fn, context, feed->again};
    feed->again = again;
    return true;
}

void feed_call_again(struct feed *feed)
{
    struct again *again = feed->again;

    feed->again = NULL;
    while (again) {
        struct again *next = again->next;

        again->fn(again->context);
        free(again);
        again = next;
    }
}
