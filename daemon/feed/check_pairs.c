/* What must agree between two keys that different scripts write: how it is asked, once for each finding, and the three times
 * that it is. The order of the last two matters: what the target lacks, while the source has it before and after, has been
 * missing there since before the logs were applied, as an id never comes twice. */
#include <errno.h>
#include <stdlib.h>

#include "feed/check_run.h"

#define BATCH_MAX 64 /* questions in one script */

/* How the source and the target are asked: questions of check_ask.lua. */
static const struct rule {
    const char *source;
    const char *target;
    bool by_id;           /* the target is asked for the id */
    enum key_kind beside; /* what stands beside the target */
} rules[CHECK_FINDINGS] = {
    [CHECK_FOLLOW_WITHOUT_EDGE] = {"member", "member", false, KEY_FOLLOWERS},
    [CHECK_EDGE_WITHOUT_FOLLOW] = {"member", "member", false, KEY_FOLLOWING},
    [CHECK_BLOCK_WITHOUT_BAR] = {"member", "member", false, KEY_BLOCKERS},
    [CHECK_BAR_WITHOUT_BLOCK] = {"member", "member", false, KEY_BLOCKED},
    [CHECK_COMMENT_NOT_NOTED] = {"comment", "member", false, KEY_COMMENTED},
    [CHECK_SHARE_NOT_RECORDED] = {"member", "latest", true, KEY_DESTINATION},
    [CHECK_RECORD_GONE] = {"member", "unless_dropped", true, KEY_PROFILE},
    [CHECK_RESHARE_NOT_NOTED] = {"member", "unless_gone", false, KEY_SHARE},
    [CHECK_RESHARE_GONE] = {"member", "unless_dropped", true, KEY_PROFILE},
    [CHECK_LEFT_BEHIND] = {"member", "exists", false, KEY_SHARE},
    [CHECK_PLACE_WITHOUT_JOB] = {"exists", "held", true, KEY_PARKED},
};

typedef void answered_fn(struct check *check, struct check_item *item, bool is_there);

struct batch {
    struct check *check;
    answered_fn *answered;
    bool of_source;
    size_t count;
    struct check_item *items[BATCH_MAX];
};

static void put_aside(struct check *check, struct check_item *item, bool is_there)
{
    if (is_there)
        free(item);
    else
        items_add(&check->candidates, item);
}

static void is_missing_still(struct check *check, struct check_item *item, bool is_there)
{
    if (is_there)
        free(item);
    else
        items_add(&check->missing, item);
}

static void confirm(struct check *check, struct check_item *item, bool is_there)
{
    if (is_there)
        items_add(&check->confirmed, item);
    else
        free(item);
}

static void on_answers(void *context, const struct reply *reply)
{
    struct batch *batch = context;
    bool known = check_takes(batch->check, reply);

    for (size_t i = 0; i < batch->count; i++) {
        if (known)
            batch->answered(batch->check, batch->items[i], reply_number(reply_at(reply, i)) != 0);
        else
            items_add(&batch->check->candidates, batch->items[i]);
    }
    check_step(batch->check);
    free(batch);
}

static struct store_question question_of(const struct check_item *item, bool of_source)
{
    const struct rule *rule = &rules[item->finding];

    if (of_source)
        return (struct store_question){rule->source, item->source, item->source, item->texts[ITEM_NAME],
                                       item->texts[ITEM_MEMBER], item->id};
    return (struct store_question){rule->target, item->target, rule->beside, item->texts[ITEM_TARGET],
                                   item->texts[ITEM_SOUGHT], rule->by_id ? item->id : 0};
}

static void send(struct check *check, struct batch **batch)
{
    struct store_question questions[BATCH_MAX];
    struct batch *sent = *batch;
    int error;

    if (!sent)
        return;
    *batch = NULL;
    for (size_t i = 0; i < sent->count; i++)
        questions[i] = question_of(sent->items[i], sent->of_source);
    error = store_check_ask(check->feed->store, questions, sent->count, on_answers, sent);
    check_called(check, error);
    if (error == 0)
        return;
    for (size_t i = 0; i < sent->count; i++)
        items_add(&check->candidates, sent->items[i]);
    free(sent);
}

/* Asks all of them, those of a partition together. */
static void ask(struct check *check, struct item_list *list, bool of_source, answered_fn *answered)
{
    struct batch *batches[PARTITIONS_MAX] = {NULL};
    struct item_list asked = *list;

    *list = (struct item_list){0}; /* what cannot be asked may come back to it */
    while (asked.first) {
        struct check_item *item = items_take(&asked);
        struct store_question question = question_of(item, of_source);
        struct batch **batch = &batches[partition_of_key(question.kind, question.name) % check->feed->partitions];

        if (!*batch && !(*batch = calloc(1, sizeof(**batch)))) {
            check_fail(check, "memory ended");
            free(item);
            continue;
        }
        (*batch)->check = check;
        (*batch)->answered = answered;
        (*batch)->of_source = of_source;
        (*batch)->items[(*batch)->count++] = item;
        if ((*batch)->count == BATCH_MAX)
            send(check, batch);
    }
    for (unsigned partition = 0; partition < check->feed->partitions; partition++)
        send(check, &batches[partition]);
}

void pairs_look(struct check *check, struct item_list *items)
{
    ask(check, items, false, put_aside);
}

void pairs_look_again(struct check *check)
{
    ask(check, &check->candidates, false, is_missing_still);
}

void pairs_confirm(struct check *check)
{
    ask(check, &check->missing, true, confirm);
}
