/* What a check holds: disagreements that are put aside or told, and why it ends early. */
#include <stdlib.h>
#include <string.h>

#include "feed/check_run.h"

void check_fail(struct check *check, const char *trouble)
{
    if (!check->trouble)
        check->trouble = trouble;
}

struct check_item *item_new(struct check *check, const struct check_item *like)
{
    struct check_item *item;
    size_t bytes = 0, at = 0;

    for (size_t i = 0; i < ITEM_TEXTS; i++)
        bytes += like->texts[i].size;
    item = malloc(sizeof(*item) + bytes);
    if (!item) {
        check_fail(check, "memory ended");
        return NULL;
    }
    *item = *like;
    for (size_t i = 0; i < ITEM_TEXTS; i++) {
        if (like->texts[i].size > 0)
            memcpy(item->bytes + at, like->texts[i].data, like->texts[i].size);
        item->texts[i].data = item->bytes + at;
        at += like->texts[i].size;
    }
    return item;
}

void items_add(struct item_list *list, struct check_item *item)
{
    if (!item)
        return;
    item->next = NULL;
    *(list->last ? &list->last->next : &list->first) = item;
    list->last = item;
    list->count++;
}

struct check_item *items_take(struct item_list *list)
{
    struct check_item *item = list->first;

    list->first = item->next;
    list->count--;
    if (!list->first)
        list->last = NULL;
    return item;
}

void items_free(struct item_list *list)
{
    while (list->first)
        free(items_take(list));
}

void check_free(struct feed *feed)
{
    if (!feed->check)
        return;
    items_free(&feed->check->examples);
    free(feed->check);
    feed->check = NULL;
}
