/* Shares: each is one commit, and those of a turn of the loop are one script. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "feed/internal.h"

#define TOGETHER_MAX 16 /* what more would spare is little */

struct share {
    struct batched batched;
    struct write write;
    int64_t asked_us;
    struct store_share asked; /* its texts are in `data` */
    char data[];
};

/* The texts of a share. */
#define TEXTS 5

static void texts_of(struct store_share *share, struct text *ret_texts[TEXTS])
{
    struct text *const texts[TEXTS] = {&share->author, &share->body, &share->key, &share->origin_author, &share->origin_share};

    memcpy(ret_texts, texts, sizeof(texts));
}

static struct share *share_new(const struct store_share *asked)
{
    struct store_share copy = *asked;
    struct text *texts[TEXTS];
    struct share *share;
    size_t size = 0;

    texts_of(&copy, texts);
    for (size_t i = 0; i < TEXTS; i++)
        size += texts[i]->size;
    share = malloc(sizeof(*share) + size);
    if (!share)
        return NULL;
    size = 0;
    for (size_t i = 0; i < TEXTS; i++) {
        if (texts[i]->size > 0)
            memcpy(share->data + size, texts[i]->data, texts[i]->size);
        texts[i]->data = share->data + size;
        size += texts[i]->size;
    }
    share->asked = copy;
    return share;
}

void feed_share(struct feed *feed, const struct store_share *asked, feed_write_fn *fn, void *context)
{
    bool is_busy = feed_is_busy(feed, true);
    struct share *share = is_busy ? NULL : share_new(asked);

    if (!share) {
        fn(context, is_busy ? FEED__ERROR_CODE__BUSY : FEED__ERROR_CODE__UNAVAILABLE, 0, false);
        return;
    }
    share->write = (struct write){feed, &metrics.shares, fn, context};
    share->asked_us = clock_now_us();
    batch_add(feed, BATCH_SHARES, partition_of_subject(asked->author), &share->batched);
}

static int send(struct feed *feed, struct batched *const *requests, size_t count, reply_fn *fn, void *context)
{
    struct store_share shares[TOGETHER_MAX];

    for (size_t i = 0; i < count; i++)
        shares[i] = ((const struct share *)requests[i])->asked;
    return store_commit_shares(feed->store, shares, count, fn, context);
}

static void answered(struct batched *request, Feed__ErrorCode error, const struct reply *const *values)
{
    struct share *share = (struct share *)request;
    struct write write = share->write;
    uint64_t id = reply_id(values[0]);
    int64_t outcome = reply_number(values[1]);

    if (error == FEED_OK && outcome == 0)
        trace_committed(write.feed, id, share->asked_us);
    free(share);
    write_end(&write, error, id, outcome);
}

const struct batch_kind batch_shares = {TOGETHER_MAX, 2, FEED__ERROR_CODE__UNAVAILABLE, send, answered};
