/* See check.h: the rounds of a check, and what is known of it. */
#include "feed/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "feed/check_run.h"

#define ROUNDS_MAX 4
#define CANDIDATES_MAX 4096 /* so many are put aside before they are looked at again */
#define MENDS_AT_ONCE 32
#define SETTLE_MS 30000 /* how long to wait for the logs to be applied */
#define AWAY_MS 60000   /* and for a store that is away */

static const char *const words[] = {
#define CHECK(name, word, meaning, mended) word,
#include "check.def"
#undef CHECK
};

/* ---- what is found ---- */

void check_found(struct check *check, enum check_finding finding, struct text where, struct text about)
{
    struct check_item like = {.finding = finding, .texts = {where, about}};

    check->round_found[finding]++;
    if (check->examples.count < CHECK_EXAMPLES_MAX && check->round == 1)
        items_add(&check->examples, item_new(check, &like));
}

void check_found_word(struct check *check, struct text word, struct text where, struct text about)
{
    for (size_t finding = 0; finding < CHECK_FINDINGS; finding++)
        if (strlen(words[finding]) == word.size && memcmp(words[finding], word.data, word.size) == 0)
            check_found(check, (enum check_finding)finding, where, about);
}

/* ---- calls ---- */

static void lose_store(struct check *check)
{
    if (check->away)
        return;
    check->away = true;
    check->away_ends_ms = clock_now_ms() + AWAY_MS;
}

void check_called(struct check *check, int error)
{
    if (error == 0)
        check->waiting++;
    else if (error == -ENOMEM)
        check_fail(check, "memory ended");
    else
        lose_store(check);
}

bool check_takes(struct check *check, const struct reply *reply)
{
    if (reply_error(reply) == 0)
        return true;
    if (reply_error(reply) == -EPROTO && !reply_has_code(reply, "WRONGTYPE")) {
        snprintf(check->message, sizeof(check->message), "%s", reply_message(reply));
        check_fail(check, check->message);
    } else if (reply_error(reply) != -EPROTO) {
        lose_store(check);
    }
    return false;
}

void check_on_reply(void *context, const struct reply *reply)
{
    struct check *check = context;

    check_takes(check, reply);
    check_step(check);
}

/* ---- rounds ---- */

static void on_size(void *context, const struct reply *reply)
{
    struct check *check = context;

    if (check_takes(check, reply))
        check->keys_in_all = reply_id(reply);
    check_step(check);
}

static void round_begin(struct check *check)
{
    check->epoch = store_epoch(check->feed->store);
    check->mark = store_mark(check->feed->store, 0);
    check->phase = PHASE_LOGS;
    check->partition = 0;
    check->group_known = check->retried = check->walked = false;
    check->hole_count = 0;
    check->cursor = check->keys = check->undecided = 0;
    memset(check->round_found, 0, sizeof(check->round_found));
    check_called(check, store_check_size(check->feed->store, on_size, check));
}

/* Returns how much was found in this round. */
static uint64_t round_end(struct check *check)
{
    uint64_t sum = 0;

    for (size_t finding = 0; finding < CHECK_FINDINGS; finding++) {
        sum += check->round_found[finding];
        if (check->round_found[finding] > check->found[finding])
            check->found[finding] = check->round_found[finding];
    }
    return sum;
}

static void check_end(struct check *check)
{
    uint64_t left = round_end(check);

    check->ended_ms = clock_now_ms();
    if (check->state == CHECK_RUNNING)
        check->state = check->trouble ? CHECK_INTERRUPTED : CHECK_DONE;
    items_free(&check->candidates);
    items_free(&check->missing);
    items_free(&check->confirmed);
    log_info("store-checked", "outcome=%s repair=%s rounds=%u keys=%llu left=%llu undecided=%llu ms=%lld reason=%s",
             check->state == CHECK_DONE ? "done" : check->state == CHECK_STOPPED ? "stopped" : "interrupted",
             check->repair ? "yes" : "no", check->round, (unsigned long long)check->keys, (unsigned long long)left,
             (unsigned long long)check->undecided, (long long)(check->ended_ms - check->began_ms),
             log_quote(check->trouble ? check->trouble : ""));
}

/* What is certain is told, and mended. */
static void mend_some(struct check *check)
{
    for (unsigned i = 0; i < MENDS_AT_ONCE && check->confirmed.first; i++) {
        struct check_item *item = items_take(&check->confirmed);

        check_found(check, item->finding, item->texts[ITEM_NAME], item->texts[ITEM_MEMBER]);
        if (check->repair)
            check_mend(check, item);
        free(item);
    }
}

static void settle(struct check *check)
{
    check->phase = PHASE_SETTLE;
    check->until_known = check->settled = false;
    check->settle_ends_ms = clock_now_ms() + SETTLE_MS;
    check_settle(check);
}

static void on_later(void *context)
{
    struct check *check = context;

    if (check_goes_on(check))
        check_settle(check);
    check_step(check);
}

/* Goes on with the candidates, or waits. */
static void settle_on(struct check *check)
{
    check->until_known = true;
    if (check->settled) {
        check->phase = PHASE_TARGETS;
        pairs_look_again(check);
    } else if (clock_now_ms() >= check->settle_ends_ms) {
        check->undecided += check->candidates.count;
        items_free(&check->candidates);
        check->phase = PHASE_KEYS;
    } else if (feed_call_later(check->feed, on_later, check)) {
        check->waiting++;
    } else {
        check_fail(check, "memory ended");
    }
}

/* ---- a store that is away ---- */

/* Asks again what may not have been answered. What may stand elsewhere in a store that was opened anew is begun anew. */
static void resume(struct check *check)
{
    const struct store *store = check->feed->store;

    check->away = false;
    while (check->missing.first)
        items_add(&check->candidates, items_take(&check->missing));
    if (store_epoch(store) != check->epoch || store_mark(store, 0) != check->mark) {
        items_free(&check->candidates);
        items_free(&check->confirmed);
        round_begin(check);
    } else if (check->phase == PHASE_LOGS) {
        check->group_known = false;
        check->hole_count = 0;
    } else if (check->phase == PHASE_KEYS) {
        check->cursor = check->page;
        check->walked = false;
    } else {
        settle(check);
    }
}

static void on_look_again(void *context)
{
    struct check *check = context;

    if (check->feed->ready && store_bulk_is_up(check->feed->store))
        resume(check);
    check_step(check);
}

static void wait_for_store(struct check *check)
{
    if (check->feed->jobs.stopped || clock_now_ms() >= check->away_ends_ms)
        check_fail(check, "the store is away");
    else if (feed_call_later(check->feed, on_look_again, check))
        check->waiting++;
    else
        check_fail(check, "memory ended");
}

/* ---- one thing after the other ---- */

/* Does the next thing. False: there is nothing more to do in this round. */
static bool go_on(struct check *check)
{
    if (check->away) {
        wait_for_store(check);
        return true;
    }
    if (check->confirmed.first) {
        mend_some(check);
        return true;
    }
    switch (check->phase) {
    case PHASE_LOGS:
        if (!check_logs(check))
            check->phase = PHASE_KEYS;
        return true;
    case PHASE_KEYS:
        if (check->candidates.count >= CANDIDATES_MAX || (check->walked && check->candidates.first))
            settle(check);
        else if (!check->walked)
            check_keys(check);
        else
            return false;
        return true;
    case PHASE_SETTLE:
        settle_on(check);
        return true;
    case PHASE_TARGETS:
        check->phase = PHASE_SOURCES;
        pairs_confirm(check);
        return true;
    case PHASE_SOURCES:
    default:
        check->phase = PHASE_KEYS;
        return true;
    }
}

void check_step(struct check *check)
{
    while (--check->waiting == 0) {
        check->waiting = 1; /* while calls are begun */
        if (!check->trouble && go_on(check))
            continue;
        if (check->trouble || !check->repair || round_end(check) == 0 || check->round == ROUNDS_MAX) {
            check->waiting = 0;
            check_end(check);
            return;
        }
        check->round++;
        round_begin(check);
    }
}

/* ---- what is asked of it ---- */

static bool is_running(const struct check *check)
{
    return check && check->ended_ms == 0;
}

int feed_check_begin(struct feed *feed, bool repair)
{
    struct check *check;

    if (is_running(feed->check))
        return -EALREADY;
    if (!feed->ready || !store_bulk_is_up(feed->store))
        return -EAGAIN;
    check = calloc(1, sizeof(*check));
    if (!check)
        return -ENOMEM;
    check_free(feed);
    *check = (struct check){.feed = feed, .repair = repair, .state = CHECK_RUNNING, .began_ms = clock_now_ms(), .round = 1,
                            .waiting = 1};
    feed->check = check;
    round_begin(check);
    check_step(check);
    return 0;
}

int feed_check_stop(struct feed *feed)
{
    if (!is_running(feed->check))
        return -ENOENT;
    feed->check->state = CHECK_STOPPED;
    check_fail(feed->check, "");
    return 0;
}

static const char *doing(const struct check *check)
{
    static const char *const names[] = {
        [PHASE_LOGS] = "looking at the logs",
        [PHASE_KEYS] = "looking at keys",
        [PHASE_SETTLE] = "waiting for the logs to be applied",
        [PHASE_TARGETS] = "looking again",
        [PHASE_SOURCES] = "looking again",
    };

    return check->away ? "waiting for the store" : check->confirmed.first ? "mending" : names[check->phase];
}

void feed_look_at_check(const struct feed *feed, struct feed_check_look *ret_look)
{
    const struct check *check = feed->check;

    *ret_look = (struct feed_check_look){.state = CHECK_NONE};
    if (!check)
        return;
    ret_look->state = is_running(check) ? CHECK_RUNNING : check->state;
    ret_look->doing = is_running(check) ? doing(check) : NULL;
    ret_look->trouble = check->state == CHECK_INTERRUPTED ? check->trouble : NULL;
    ret_look->repair = check->repair;
    ret_look->round = check->round;
    ret_look->keys = check->keys;
    ret_look->keys_in_all = check->keys_in_all;
    ret_look->undecided = check->undecided;
    ret_look->took_ms = (is_running(check) ? clock_now_ms() : check->ended_ms) - check->began_ms;
    ret_look->examples = check->examples.count;
    for (size_t finding = 0; finding < CHECK_FINDINGS; finding++) {
        uint64_t now = check->round_found[finding];

        ret_look->left[finding] = now;
        ret_look->found[finding] = now > check->found[finding] ? now : check->found[finding];
    }
}

struct check_example feed_check_example(const struct feed *feed, size_t number)
{
    const struct check_item *item = feed->check->examples.first;

    while (number-- > 0)
        item = item->next;
    return (struct check_example){item->finding, item->texts[ITEM_NAME], item->texts[ITEM_MEMBER]};
}
