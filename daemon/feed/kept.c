/* What a reader keeps of those whom it no longer follows: their shares up to a position, which stay where they were.
 *
 * The store holds it beside the following set, and memory beside the set in memory, kept true by the same edges. Only deletions of
 * what is kept are still events; so the reader, while it listens, is listed with such subjects apart from those who follow them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "feed/internal.h"

struct kept {
    uint64_t until;
    uint32_t subject; /* a reference */
};

/* Index of the first one whose subject is not below. */
static uint32_t lower_bound(const struct reader *reader, uint32_t subject)
{
    uint32_t low = 0, high = reader->kept_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (reader->kept[middle].subject < subject)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t kept_until(const struct reader *reader, uint32_t subject)
{
    uint32_t at = lower_bound(reader, subject);

    return at < reader->kept_count && reader->kept[at].subject == subject ? reader->kept[at].until : 0;
}

static void remove_at(struct feed *feed, struct reader *reader, uint32_t at)
{
    uint32_t subject = reader->kept[at].subject;

    idset_remove(&feed->subjects.slots[subject]->keepers, reader->slot);
    subject_unref(&feed->subjects, subject);
    reader->kept_count--;
    memmove(reader->kept + at, reader->kept + at + 1, (reader->kept_count - at) * sizeof(struct kept));
    if (reader->kept_count == 0) {
        free(reader->kept);
        reader->kept = NULL;
    }
}

static int insert_at(struct feed *feed, struct reader *reader, uint32_t at, struct kept kept)
{
    uint32_t count = reader->kept_count;

    if ((count & (count - 1)) == 0) { /* full at every power of two */
        struct kept *larger = realloc(reader->kept, (count > 0 ? 2 * (size_t)count : 1) * sizeof(*larger));

        if (!larger)
            return -ENOMEM;
        reader->kept = larger;
    }
    if (reader->listed && idset_add(&feed->subjects.slots[kept.subject]->keepers, reader->slot) < 0)
        return -ENOMEM;
    subject_ref(&feed->subjects, kept.subject);
    memmove(reader->kept + at + 1, reader->kept + at, (count - at) * sizeof(struct kept));
    reader->kept[at] = kept;
    reader->kept_count++;
    return 0;
}

int kept_set(struct feed *feed, struct reader *reader, uint32_t subject, uint64_t until)
{
    uint32_t at = lower_bound(reader, subject);
    bool stands = at < reader->kept_count && reader->kept[at].subject == subject;

    if (until == 0 && stands)
        remove_at(feed, reader, at);
    else if (until != 0 && stands)
        reader->kept[at].until = until;
    else if (until != 0)
        return insert_at(feed, reader, at, (struct kept){until, subject});
    return 0;
}

void kept_done(struct feed *feed, struct reader *reader)
{
    while (reader->kept_count > 0)
        remove_at(feed, reader, reader->kept_count - 1);
}

void kept_unlist(struct feed *feed, struct reader *reader)
{
    for (uint32_t i = 0; i < reader->kept_count; i++)
        idset_remove(&feed->subjects.slots[reader->kept[i].subject]->keepers, reader->slot);
}

int kept_list(struct feed *feed, struct reader *reader)
{
    for (uint32_t i = 0; i < reader->kept_count; i++)
        if (idset_add(&feed->subjects.slots[reader->kept[i].subject]->keepers, reader->slot) < 0)
            return -ENOMEM;
    return 0;
}

void kept_collect(struct feed *feed, const struct reader *reader, struct collect *collect, uint64_t before)
{
    for (uint32_t i = 0; i < reader->kept_count; i++) {
        uint64_t end = reader->kept[i].until + 1;

        if (reader_sees_share(feed, reader, reader->kept[i].subject, reader->kept[i].until))
            collect_add(collect, subject_ref(&feed->subjects, reader->kept[i].subject),
                        before == 0 || end < before ? end : before);
    }
}

int kept_take(struct feed *feed, struct reader *reader, const struct reply *rows)
{
    int error = 0;

    for (size_t i = 0; i + 1 < reply_count(rows) && error == 0; i += 2) {
        uint32_t subject = subject_intern(&feed->subjects, reply_text(reply_at(rows, i)));

        error = subject == NO_SUBJECT ? -ENOMEM : kept_set(feed, reader, subject, reply_id(reply_at(rows, i + 1)));
        subject_unref(&feed->subjects, subject);
    }
    return error;
}
