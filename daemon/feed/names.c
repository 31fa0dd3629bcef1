/* What authors call themselves. A share's frame ends with its author's display name, so the name of each author of whom a frame
 * is in memory (in a ring, or among the bodies) is there, too, and takes less than those frames.
 *
 * It is learnt from share entries, which state it as of their place in the author's log, or asked for with bodies that come out
 * of the store; the author's `subject` entries change it. Each change gives it another stamp: a frame that was made under another
 * one is made anew when it is asked for next, so that a renaming costs nothing until then. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "feed/internal.h"

struct display_name {
    size_t size;
    char text[];
};

struct text name_of(const struct feed *feed, uint32_t slot)
{
    const struct display_name *name = feed->subjects.slots[slot]->display_name;

    return name ? (struct text){name->text, name->size} : (struct text){"", 0};
}

uint32_t name_stamp(const struct feed *feed, uint32_t slot)
{
    return feed->subjects.slots[slot]->name_stamp;
}

static void forget(struct subject *subject)
{
    free(subject->display_name);
    subject->display_name = NULL;
    subject->name_stamp = 0;
}

int name_set(struct feed *feed, uint32_t slot, struct text text)
{
    struct subject *subject = feed->subjects.slots[slot];
    struct text known = name_of(feed, slot);
    struct display_name *name = NULL;

    if (subject->name_stamp != 0 && known.size == text.size && memcmp(known.data, text.data, text.size) == 0)
        return 0;
    if (text.size > 0) {
        name = malloc(sizeof(*name) + text.size);
        if (!name) {
            forget(subject);
            return -ENOMEM;
        }
        name->size = text.size;
        memcpy(name->text, text.data, text.size);
    }
    free(subject->display_name);
    subject->display_name = name;
    feed->name_stamps += feed->name_stamps == UINT32_MAX ? 2 : 1; /* 0 is none */
    subject->name_stamp = feed->name_stamps;
    return 0;
}

int name_change(struct feed *feed, uint32_t slot, struct text text)
{
    uint32_t stamp = name_stamp(feed, slot);
    int error = 0;

    /* What is asked for at this moment may be answered with the name of before. */
    if (stamp != 0 || feed->name_questions > 0)
        error = name_set(feed, slot, text);
    if (stamp != 0 && stamp != name_stamp(feed, slot))
        feed->revisions++;
    return error;
}

void name_hold(struct feed *feed, uint32_t slot)
{
    feed->subjects.slots[slot]->name_holders++;
}

void name_release(struct feed *feed, uint32_t slot)
{
    struct subject *subject = feed->subjects.slots[slot];

    if (--subject->name_holders == 0)
        forget(subject);
}

void names_forget(struct feed *feed, unsigned partition)
{
    for (uint32_t slot = 0; slot < feed->subjects.used; slot++)
        if (feed->subjects.slots[slot] && partition_of_subject(subject_name(&feed->subjects, slot)) == partition)
            forget(feed->subjects.slots[slot]);
}
