/* What a check looks at of the logs: each is one chain of entries, has a consumer group that misses nothing, and is indexed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/digits.h"
#include "feed/check_run.h"

static void mend(struct check *check, const char *what, uint64_t id, struct text member)
{
    if (check->repair)
        check_called(check, store_check_mend_log(check->feed->store, check->partition, what, id, member, check_on_reply,
                                                 check));
}

/* Something was found at an id. */
static void found(struct check *check, enum check_finding finding, uint64_t id, struct text about)
{
    char name[sizeof("log 63")] = "log ", digits[DIGITS_MAX];
    size_t bytes = 4 + digits_write(name + 4, check->partition);

    check_found(check, finding, (struct text){name, bytes},
                about.size > 0 || id == 0 ? about : (struct text){digits, digits_write(digits, id)});
}

/* ---- the group ---- */

static void on_retried(void *context, Feed__ErrorCode error, int64_t count)
{
    (void)error;
    (void)count; /* the next round tells what is left */
    check_step(context);
}

static void take_parked(struct check *check, const struct reply *ids)
{
    const struct text none = {"", 0};

    for (size_t i = 0; i < reply_count(ids); i++)
        found(check, CHECK_PARKED, reply_id(reply_at(ids, i)), none);
    if (reply_count(ids) == 0 || !check->repair || check->retried)
        return;
    check->retried = true;
    check->waiting++;
    feed_retry_parked(check->feed, on_retried, check);
}

static void on_group(void *context, const struct reply *reply)
{
    struct check *check = context;
    uint64_t last = reply_id(reply_at(reply, 0)), in_log = reply_id(reply_at(reply, 1)) | check->partition;
    const struct reply *lost = reply_at(reply, 3);
    const struct text none = {"", 0};

    if (check_takes(check, reply)) {
        if (last != in_log) {
            found(check, CHECK_LAST_ID_WRONG, last, none);
            mend(check, "last", in_log, none);
        }
        for (size_t i = 0; i < reply_count(lost); i++) {
            struct text position = reply_text(reply_at(lost, i));

            found(check, CHECK_PENDING_WITHOUT_ENTRY, id_of_stream_id(position, check->partition), none);
            mend(check, "pending", 0, position);
        }
        take_parked(check, reply_at(reply, 4));
    }
    check_step(check);
}

/* ---- entries ---- */

/* A boundary tells of what is missing before it from this entry on. */
static void cover_holes(struct check *check, uint64_t from)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < check->hole_count; i++)
        if (check->holes[i] < from)
            check->holes[kept++] = check->holes[i];
    check->hole_count = kept;
}

static bool is_word(const struct reply *reply, const char *word)
{
    struct text text = reply_text(reply);

    return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

/* [word, id, another one or a member, …] */
static void take_entries(struct check *check, const struct reply *rows)
{
    for (size_t i = 0; i + 2 < reply_count(rows); i += 3) {
        const struct reply *word = reply_at(rows, i);
        uint64_t id = reply_id(reply_at(rows, i + 1));

        if (is_word(word, "boundary")) {
            cover_holes(check, id);
        } else if (is_word(word, "hole")) {
            if (check->hole_count < HOLES_MAX)
                check->holes[check->hole_count++] = id;
        } else {
            found(check, CHECK_NOT_INDEXED, id, reply_text(reply_at(rows, i + 2)));
            mend(check, "unindexed", id, reply_text(reply_at(rows, i + 2)));
        }
    }
}

static void log_end(struct check *check)
{
    const struct text none = {"", 0};

    for (unsigned i = 0; i < check->hole_count; i++)
        found(check, CHECK_LOG_HOLE, check->holes[i], none);
    if (check->hole_count > 0)
        mend(check, "hole", check->holes[0], none); /* the others lie behind it */
    check->hole_count = 0;
    check->group_known = false;
    check->partition++;
}

/* [stream id, id, rows] */
static void on_entries(void *context, const struct reply *reply)
{
    struct check *check = context;
    struct text after = reply_text(reply_at(reply, 0));

    if (check_takes(check, reply)) {
        take_entries(check, reply_at(reply, 2));
        if (after.size == 0 || after.size >= sizeof(check->after)) {
            log_end(check);
        } else {
            memcpy(check->after, after.data, after.size);
            check->after[after.size] = '\0';
            check->before = reply_id(reply_at(reply, 1));
        }
    }
    check_step(check);
}

bool check_logs(struct check *check)
{
    struct store *store = check->feed->store;

    if (check->partition == check->feed->partitions)
        return false;
    if (check->group_known) {
        check_called(check, store_check_log(store, check->partition, (struct text){check->after, strlen(check->after)},
                                            check->before, on_entries, check));
        return true;
    }
    check->group_known = true;
    memcpy(check->after, "0-0", sizeof("0-0"));
    check->before = 0;
    check_called(check, store_check_group(store, check->partition, on_group, check));
    return true;
}

/* ---- how far the logs are applied ---- */

struct asking {
    struct check *check;
    unsigned partition;
};

static void on_applied(void *context, const struct reply *reply)
{
    struct asking asking = *(struct asking *)context;
    struct check *check = asking.check;
    uint64_t applied = id_of_stream_id(reply_text(reply_at(reply, 2)), asking.partition);

    free(context);
    if (check_takes(check, reply)) {
        if (!check->until_known)
            check->until[asking.partition] = reply_id(reply_at(reply, 1)) | asking.partition;
        if (applied < check->until[asking.partition] && check->until[asking.partition] >> 6 > 0)
            check->settled = false;
    }
    check_step(check);
}

void check_settle(struct check *check)
{
    check->settled = true;
    for (unsigned partition = 0; partition < check->feed->partitions; partition++) {
        struct asking *asking = malloc(sizeof(*asking));
        int error = asking ? 0 : -ENOMEM;

        if (asking) {
            *asking = (struct asking){check, partition};
            error = store_check_group(check->feed->store, partition, on_applied, asking);
        }
        if (error < 0)
            free(asking);
        check_called(check, error);
    }
}
