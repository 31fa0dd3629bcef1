/* What is said about subjects: saying it, reading it, and finding subjects by their words. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"
#include "feed/internal.h"
#include "feed/words.h"

void feed_describe(struct feed *feed, struct text subject, struct text record, struct text display_name, feed_write_fn *fn,
                   void *context)
{
    struct words words = {0};
    struct write *write;
    int error = 0;

    if (feed_is_busy(feed, false)) {
        fn(context, FEED__ERROR_CODE__BUSY, 0, false);
        return;
    }
    write = write_new(feed, &metrics.descriptions, fn, context);
    if (record.size > 0)
        error = words_of(subject, display_name, &words);
    struct store_description description = {subject, record, display_name, words.items, words.count};
    if (!write || error < 0 || store_describe(feed->store, &description, on_written, write) < 0) {
        free(write);
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, 0, false);
    }
    words_done(&words);
}

/* Answers of several partitions, kept until the last one is there. */
struct inquiry {
    struct feed *feed;
    unsigned waiting; /* answers, and one while questions are being asked */
    Feed__ErrorCode error;
    feed_subjects_fn *fn;
    void *context;
    size_t count;      /* ids asked for, or the most to be found */
    struct text *records;
    char *prefix;      /* of a search */
    size_t prefix_bytes;
    bool more;         /* of a search: some partition has more than it said, all of which lies above `horizon` */
    struct text horizon;
    struct found *found;
    size_t found_count;
    struct kept *kept; /* all texts */
};

struct kept {
    struct kept *next;
    char bytes[];
};

struct found {
    struct text word;
    struct text record;
};

/* A text that lives as long as the inquiry; without data when memory ends. */
static struct text keep(struct inquiry *inquiry, struct text text)
{
    struct kept *kept = malloc(sizeof(*kept) + text.size);

    if (!kept)
        return (struct text){NULL, 0};
    kept->next = inquiry->kept;
    inquiry->kept = kept;
    if (text.size > 0)
        memcpy(kept->bytes, text.data, text.size);
    return (struct text){kept->bytes, text.size};
}

static void inquiry_free(struct inquiry *inquiry)
{
    while (inquiry->kept) {
        struct kept *kept = inquiry->kept;

        inquiry->kept = kept->next;
        free(kept);
    }
    free(inquiry->records);
    free(inquiry->found);
    free(inquiry->prefix);
    free(inquiry);
}

static void answer_found(struct inquiry *inquiry);

static void inquiry_step(struct inquiry *inquiry)
{
    if (--inquiry->waiting > 0)
        return;
    if (inquiry->error == FEED_OK && inquiry->prefix) {
        answer_found(inquiry);
    } else {
        struct feed_subjects subjects = {.records = inquiry->records, .count = inquiry->count};

        inquiry->fn(inquiry->context, inquiry->error, inquiry->error == FEED_OK ? &subjects : NULL);
    }
    inquiry_free(inquiry);
}

/* ---- reading ---- */

#define READ_MAX 256 /* subjects in one question */

struct part {
    struct inquiry *inquiry;
    size_t count;
    uint32_t indexes[READ_MAX];
    struct text ids[READ_MAX]; /* the caller's: until the question is sent */
};

static void on_records(void *context, const struct reply *reply)
{
    struct part *part = context;
    struct inquiry *inquiry = part->inquiry;

    if (reply_error(reply) < 0)
        inquiry->error = error_of_reply(reply, false);
    for (size_t i = 0; i < part->count && reply_error(reply) == 0; i++) {
        struct text *record = &inquiry->records[part->indexes[i]];

        if (reply_is_null(reply_at(reply, i)))
            continue;
        *record = keep(inquiry, reply_text(reply_at(reply, i)));
        if (!record->data)
            inquiry->error = FEED__ERROR_CODE__UNAVAILABLE;
    }
    free(part);
    inquiry_step(inquiry);
}

static void ask(struct inquiry *inquiry, struct part *part)
{
    inquiry->waiting++;
    if (store_described(inquiry->feed->store, part->ids, part->count, false, on_records, part) < 0) {
        inquiry->error = FEED__ERROR_CODE__UNAVAILABLE;
        inquiry->waiting--;
        free(part);
    }
}

static void ask_partition(struct inquiry *inquiry, const struct text *ids, unsigned partition)
{
    struct part *part = NULL;

    for (size_t i = 0; i < inquiry->count; i++) {
        if (partition_of_subject(ids[i]) != partition)
            continue;
        if (!part)
            part = calloc(1, sizeof(*part));
        if (!part) {
            inquiry->error = FEED__ERROR_CODE__UNAVAILABLE;
            return;
        }
        part->inquiry = inquiry;
        part->indexes[part->count] = (uint32_t)i;
        part->ids[part->count++] = ids[i];
        if (part->count == READ_MAX) {
            ask(inquiry, part);
            part = NULL;
        }
    }
    if (part)
        ask(inquiry, part);
}

static struct inquiry *inquiry_new(struct feed *feed, size_t count, feed_subjects_fn *fn, void *context)
{
    struct inquiry *inquiry = calloc(1, sizeof(*inquiry));

    if (!inquiry) {
        fn(context, FEED__ERROR_CODE__UNAVAILABLE, NULL);
        return NULL;
    }
    *inquiry = (struct inquiry){.feed = feed, .waiting = 1, .fn = fn, .context = context, .count = count};
    return inquiry;
}

void feed_read_subjects(struct feed *feed, const struct text *ids, size_t count, feed_subjects_fn *fn, void *context)
{
    struct inquiry *inquiry = inquiry_new(feed, count, fn, context);

    if (!inquiry)
        return;
    inquiry->records = calloc(count + 1, sizeof(*inquiry->records));
    if (!inquiry->records)
        inquiry->error = FEED__ERROR_CODE__UNAVAILABLE;
    for (unsigned partition = 0; partition < feed->partitions && inquiry->error == FEED_OK; partition++)
        ask_partition(inquiry, ids, partition);
    inquiry_step(inquiry);
}

/* ---- finding ---- */

static int compare(struct text a, struct text b)
{
    int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);

    return order != 0 ? order : a.size < b.size ? -1 : a.size > b.size;
}

static int by_word(const void *a, const void *b)
{
    return compare(((const struct found *)a)->word, ((const struct found *)b)->word);
}

static bool begins_with(struct text text, struct text prefix)
{
    return text.size >= prefix.size && memcmp(text.data, prefix.data, prefix.size) == 0;
}

/* A subject shows once, however many of its words begin so: at the first of them. */
static int is_first(struct text word, struct text record, struct text prefix, bool *ret_first)
{
    Feed__Subject *subject = feed__subject__unpack(NULL, record.size, (const uint8_t *)record.data);
    struct words words;
    int error;

    *ret_first = true;
    if (!subject)
        return -ENOMEM;
    error = words_of((struct text){subject->id, strlen(subject->id)},
                     (struct text){subject->display_name, strlen(subject->display_name)}, &words);
    feed__subject__free_unpacked(subject, NULL);
    if (error < 0)
        return error;
    for (size_t i = 0; i < words.count; i++)
        if (begins_with(words.items[i], prefix) && compare(words.items[i], word) < 0)
            *ret_first = false;
    words_done(&words);
    return 0;
}

/* What was found, up to where every partition has said all it has: the rest comes with the next page. */
static void answer_found(struct inquiry *inquiry)
{
    struct text *records = calloc(2 * (inquiry->count + 1), sizeof(*records)), *cursors = records + inquiry->count + 1;
    struct feed_subjects subjects = {.records = records, .cursors = cursors};
    struct text prefix = {inquiry->prefix, inquiry->prefix_bytes};
    size_t at = 0;
    int error = records ? 0 : -ENOMEM;

    if (inquiry->found_count > 1)
        qsort(inquiry->found, inquiry->found_count, sizeof(*inquiry->found), by_word);
    for (; error == 0 && at < inquiry->found_count && subjects.count < inquiry->count; at++) {
        const struct found *found = &inquiry->found[at];
        bool first;

        if (inquiry->more && compare(found->word, inquiry->horizon) > 0)
            break;
        subjects.next = found->word;
        if (found->record.size == 0)
            continue;
        error = is_first(found->word, found->record, prefix, &first);
        if (error == 0 && first) {
            records[subjects.count] = found->record;
            cursors[subjects.count++] = found->word;
        }
    }
    if (at == inquiry->found_count && !inquiry->more)
        subjects.next = (struct text){"", 0};
    inquiry->fn(inquiry->context, error < 0 ? FEED__ERROR_CODE__UNAVAILABLE : FEED_OK, error < 0 ? NULL : &subjects);
    free(records);
}

static int add_found(struct inquiry *inquiry, struct text word, struct text record)
{
    struct found *larger = realloc(inquiry->found, (inquiry->found_count + 1) * sizeof(*larger));

    if (!larger)
        return -ENOMEM;
    inquiry->found = larger;
    struct found *found = &larger[inquiry->found_count++];
    found->word = keep(inquiry, word);
    found->record = keep(inquiry, record);
    return found->word.data && found->record.data ? 0 : -ENOMEM;
}

/* [word, record, …] of one partition. One that said as much as it may has perhaps more. */
static void on_found(void *context, const struct reply *reply)
{
    struct inquiry *inquiry = context;
    size_t count = reply_count(reply) / 2;
    int error = 0;

    if (reply_error(reply) < 0)
        inquiry->error = error_of_reply(reply, false);
    for (size_t i = 0; i < count && error == 0; i++)
        error = add_found(inquiry, reply_text(reply_at(reply, 2 * i)), reply_text(reply_at(reply, 2 * i + 1)));
    if (error == 0 && count == inquiry->count + 1) {
        struct text last = inquiry->found[inquiry->found_count - 1].word;

        if (!inquiry->more || compare(last, inquiry->horizon) < 0)
            inquiry->horizon = last;
        inquiry->more = true;
    }
    if (error < 0)
        inquiry->error = FEED__ERROR_CODE__UNAVAILABLE;
    inquiry_step(inquiry);
}

void feed_find_subjects(struct feed *feed, struct text prefix, struct text after, size_t limit, feed_subjects_fn *fn,
                        void *context)
{
    struct inquiry *inquiry = inquiry_new(feed, limit, fn, context);
    int error;

    if (!inquiry)
        return;
    error = words_fold(prefix, &inquiry->prefix, &inquiry->prefix_bytes);
    struct text folded = {inquiry->prefix, inquiry->prefix_bytes};
    if (error < 0)
        inquiry->error = error == -EINVAL ? FEED__ERROR_CODE__INVALID : FEED__ERROR_CODE__UNAVAILABLE;
    else if (after.size > 0 && (!begins_with(after, folded) || !memchr(after.data, '\n', after.size)))
        inquiry->error = FEED__ERROR_CODE__NOT_FOUND;
    for (unsigned partition = 0; partition < feed->partitions && inquiry->error == FEED_OK; partition++) {
        inquiry->waiting++;
        if (store_find(feed->store, partition, folded, after, (int64_t)limit + 1, on_found, inquiry) < 0) {
            inquiry->waiting--;
            inquiry->error = FEED__ERROR_CODE__UNAVAILABLE;
        }
    }
    inquiry_step(inquiry);
}
