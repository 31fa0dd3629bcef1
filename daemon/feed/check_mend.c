/* How what a check found is mended: by the same operations that should have made it so, wherever there are such. Each ends with
 * check_step(); what could not be mended is found again by the next round. */
#include <errno.h>
#include <stdlib.h>

#include "feed/check_run.h"

static void on_write(void *context, Feed__ErrorCode error, uint64_t position, bool repeated)
{
    (void)error;
    (void)position;
    (void)repeated;
    check_step(context);
}

static void on_block(void *context, Feed__ErrorCode error, const uint64_t positions[3], bool repeated)
{
    on_write(context, error, positions[0], repeated);
}

/* ---- follows and blocks ---- */

static void follow(struct check *check, const struct check_item *item)
{
    check->waiting++;
    feed_follow(check->feed, true, item->texts[ITEM_NAME], item->texts[ITEM_MEMBER], on_write, check);
}

/* What is kept of it stays. */
static void end_edge(struct check *check, const struct check_item *item)
{
    check->waiting++;
    feed_unfollow_keeping(check->feed, item->texts[ITEM_MEMBER], item->texts[ITEM_NAME], on_write, check);
}

static void unfollow(struct check *check, const struct check_item *item)
{
    check->waiting++;
    feed_follow(check->feed, false, item->texts[ITEM_NAME], item->texts[ITEM_MEMBER], on_write, check);
}

static void block(struct check *check, const struct check_item *item)
{
    check->waiting++;
    feed_block(check->feed, true, item->texts[ITEM_NAME], item->texts[ITEM_MEMBER], on_block, check);
}

static void end_bar(struct check *check, const struct check_item *item)
{
    check->waiting++;
    feed_block(check->feed, false, item->texts[ITEM_MEMBER], item->texts[ITEM_NAME], on_block, check);
}

/* ---- shares ---- */

static void delete(struct check *check, const struct check_item *item)
{
    check->waiting++;
    feed_delete(check->feed, item->texts[ITEM_NAME], item->id, on_write, check);
}

static void note_comment(struct check *check, const struct check_item *item)
{
    check_called(check, store_commented(check->feed->store, true, item->texts[ITEM_TARGET], text_number(item->texts[ITEM_MEMBER]),
                                        text_number(item->texts[ITEM_NAME]), check_on_reply, check));
}

static void record(struct check *check, const struct check_item *item)
{
    struct store_record record = {item->target, true, item->texts[ITEM_TARGET], item->texts[ITEM_NAME], item->id};

    check_called(check, store_records(check->feed->store, &record, 1, check_on_reply, check));
}

static void end_record(struct check *check, const struct check_item *item)
{
    struct store_record record = {item->source, false, item->texts[ITEM_NAME], item->texts[ITEM_MEMBER], item->id};

    check_called(check, store_records(check->feed->store, &record, 1, check_on_reply, check));
}

static int note(struct check *check, bool add, const struct store_share *reshare, uint64_t id)
{
    uint8_t notice[NOTICE_BYTES_MAX];
    size_t size = notice_pack(FEED__NOTICE_KIND__NOTICE_RESHARED, reshare->author, reshare->origin, id, notice);

    return store_note_reshare(check->feed->store, add, reshare, id, (struct text){(char *)notice, size}, check_on_reply, check);
}

static void note_reshare(struct check *check, const struct check_item *item)
{
    struct store_share reshare = {.author = item->texts[ITEM_NAME],
                                  .origin = text_number(item->texts[ITEM_TARGET]),
                                  .origin_author = item->texts[ITEM_EXTRA]};

    check_called(check, note(check, true, &reshare, item->id));
}

/* The origin must be known, for its author's inbox. */
struct unnoting {
    struct check *check;
    struct check_item *item;
};

static void on_origin(void *context, const struct reply *reply)
{
    struct unnoting unnoting = *(struct unnoting *)context;
    struct check *check = unnoting.check;
    const struct check_item *item = unnoting.item;
    struct store_share reshare = {.author = item->texts[ITEM_MEMBER],
                                  .origin = text_number(item->texts[ITEM_NAME]),
                                  .origin_author = author_of_body(reply_text(reply))};

    if (check_takes(check, reply) && reshare.origin_author.size > 0)
        check_called(check, note(check, false, &reshare, item->id));
    free(unnoting.item);
    free(context);
    check_step(check);
}

static void end_note(struct check *check, const struct check_item *item)
{
    struct unnoting *unnoting = malloc(sizeof(*unnoting));
    struct check_item *copy = unnoting ? item_new(check, item) : NULL;
    struct key_parts origin = {KEY_SHARE, partition_of_key(KEY_SHARE, item->texts[ITEM_NAME]), item->texts[ITEM_NAME]};
    int error = copy ? 0 : -ENOMEM;

    if (copy) {
        *unnoting = (struct unnoting){check, copy};
        error = store_check_key(check->feed->store, CHECK_VALUE, &origin, 0, on_origin, unnoting);
    }
    check_called(check, error);
    if (error == 0)
        return;
    free(copy);
    free(unnoting);
}

static void take_away(struct check *check, const struct check_item *item)
{
    check_called(check, store_check_left(check->feed->store, text_number(item->texts[ITEM_NAME]), true, true, check_on_reply,
                                         check));
}

/* ---- others ---- */

static void forget_place(struct check *check, const struct check_item *item)
{
    check_called(check, store_job_forget(check->feed->store, item->id, check_on_reply, check));
}

static void drop_timeline(struct check *check, const struct check_item *item)
{
    check_called(check, store_timeline_drop(check->feed->store, item->texts[ITEM_NAME], check_on_reply, check));
}

static void drop_key(struct check *check, const struct check_item *item)
{
    struct key_parts key = {item->source, (unsigned)item->id, item->texts[ITEM_NAME]};

    check_called(check, store_check_key(check->feed->store, CHECK_DROP, &key, 0, check_on_reply, check));
}

/* Those without a row are mended by the script that finds them. */
static void (*const mends[CHECK_FINDINGS])(struct check *check, const struct check_item *item) = {
    [CHECK_FOLLOW_WITHOUT_EDGE] = follow,
    [CHECK_EDGE_WITHOUT_FOLLOW] = end_edge,
    [CHECK_BLOCK_WITHOUT_BAR] = block,
    [CHECK_BAR_WITHOUT_BLOCK] = end_bar,
    [CHECK_FOLLOW_DESPITE_BLOCK] = unfollow,
    [CHECK_PROFILE_WITHOUT_BODY] = delete,
    [CHECK_COMMENT_NOT_NOTED] = note_comment,
    [CHECK_SHARE_NOT_RECORDED] = record,
    [CHECK_RECORD_GONE] = end_record,
    [CHECK_RESHARE_NOT_NOTED] = note_reshare,
    [CHECK_RESHARE_GONE] = end_note,
    [CHECK_LEFT_BEHIND] = take_away,
    [CHECK_PLACE_WITHOUT_JOB] = forget_place,
    [CHECK_TIMELINE_BROKEN] = drop_timeline,
    [CHECK_TIMELINE_DEAD_ID] = drop_timeline,
    [CHECK_WRONG_TYPE] = drop_key,
};

void check_mend(struct check *check, const struct check_item *item)
{
    if (mends[item->finding])
        mends[item->finding](check, item);
}
