/* What a check looks at of a dialogue: each comment has its place, stands in the index around the share's author, and is noted
 * with who made it; and there are as many as is said of the share. A small one is counted by check_share.lua, at one moment. A
 * large one is counted here, a few comments at a time, and that counts if nothing has changed the share meanwhile. */
#include <stdlib.h>
#include <string.h>

#include "base/digits.h"
#include "feed/check_run.h"
#include "store/transfer.h"

#define PAGE 64
#define TRIES_MAX 3 /* a share that changes all the time is counted by the next check */

struct talk {
    struct check *check;
    uint64_t share;
    struct key_parts comments, dialogue, counts; /* its keys */
    struct text author;
    unsigned waiting; /* calls under way, and one while they are begun */
    unsigned tries;
    uint64_t counted, live;   /* places, and those that were not deleted */
    struct text at;           /* which entry had changed it last when counting began */
    char at_digits[DIGITS_MAX];
    char names[];             /* the share and its author */
};

static void talk_step(struct talk *talk)
{
    struct check *check = talk->check;

    if (--talk->waiting > 0)
        return;
    free(talk);
    check_step(check);
}

static void talk_called(struct talk *talk, int error)
{
    if (error == 0)
        talk->waiting++;
    else
        check_called(talk->check, error);
}

static void found(struct talk *talk, enum check_finding finding)
{
    check_found(talk->check, finding, talk->comments.name, talk->author);
}

/* ---- comments and places ---- */

static void on_checked(void *context, const struct reply *reply)
{
    struct talk *talk = context;

    if (check_takes(talk->check, reply) && reply_number(reply) > 0)
        found(talk, CHECK_DIALOGUE_WRONG);
    talk_step(talk);
}

static void look_at(struct talk *talk, const struct text *ids, size_t count)
{
    struct check *check = talk->check;

    if (count > 0)
        talk_called(talk, store_check_comments(check->feed->store, talk->author, talk->share, ids, count, check->repair,
                                               on_checked, talk));
}

/* Who made it must know of it. */
static struct check_item *noted(struct talk *talk, struct text comment, struct text commenter)
{
    struct text share = talk->comments.name;
    char place[2 * DIGITS_MAX + 1];
    struct check_item like = {.finding = CHECK_COMMENT_NOT_NOTED, .source = KEY_COMMENTS, .target = KEY_COMMENTED,
                              .texts = {share, comment, commenter, {place, comment.size + 1 + share.size}}};

    if (commenter.size == 0 || like.texts[ITEM_SOUGHT].size > sizeof(place))
        return NULL;
    memcpy(place, comment.data, comment.size);
    place[comment.size] = ':';
    memcpy(place + comment.size + 1, share.data, share.size);
    return item_new(talk->check, &like);
}

/* Of comments [id, `parent body`, …], and numbers of replies; of places [id, id, …]. */
static void take_page(struct talk *talk, bool places, const struct reply *page)
{
    struct item_list list = {0};
    struct text ids[PAGE];
    size_t count = 0;

    for (size_t i = 0; i + 1 < reply_count(page); i += 2) {
        struct text id = reply_text(reply_at(page, i));
        uint64_t parent;

        if (id.size == 0 || id.data[0] == 'r')
            continue;
        if (!places)
            items_add(&list, noted(talk, id, author_of_body(comment_body(reply_text(reply_at(page, i + 1)), &parent))));
        ids[count++] = id;
        if (count == PAGE) {
            look_at(talk, ids, count);
            count = 0;
        }
    }
    look_at(talk, ids, count);
    pairs_look(talk->check, &list);
}

static void on_comments(void *context, const struct reply *reply);
static void on_places(void *context, const struct reply *reply);

static void read_on(struct talk *talk, bool places, uint64_t cursor)
{
    struct store *store = talk->check->feed->store;

    if (places)
        talk_called(talk, store_check_key(store, CHECK_MEMBERS, &talk->dialogue, cursor, on_places, talk));
    else
        talk_called(talk, store_check_key(store, CHECK_FIELDS, &talk->comments, cursor, on_comments, talk));
}

/* [where to go on, page] */
static void on_page(struct talk *talk, bool places, const struct reply *reply)
{
    if (check_takes(talk->check, reply)) {
        uint64_t cursor = text_number(reply_text(reply_at(reply, 0)));

        take_page(talk, places, reply_at(reply, 1));
        if (cursor != 0 && check_goes_on(talk->check))
            read_on(talk, places, cursor);
    }
    talk_step(talk);
}

static void on_comments(void *context, const struct reply *reply)
{
    on_page(context, false, reply);
}

static void on_places(void *context, const struct reply *reply)
{
    on_page(context, true, reply);
}

/* ---- counting ---- */

static void count_begin(struct talk *talk);

/* 0 it is so many, 1 it is not, 2 it has changed meanwhile */
static void on_tallied(void *context, const struct reply *reply)
{
    struct talk *talk = context;

    if (check_takes(talk->check, reply)) {
        if (reply_number(reply) == 1)
            found(talk, CHECK_COUNTS_WRONG);
        else if (reply_number(reply) == 2 && ++talk->tries < TRIES_MAX)
            count_begin(talk);
    }
    talk_step(talk);
}

static void on_some(void *context, const struct reply *reply);

static void count_on(struct talk *talk)
{
    talk_called(talk, store_export(talk->check->feed->store, &talk->comments, talk->counted, PAGE, on_some, talk));
}

/* [id, `parent body`, …] */
static void on_some(void *context, const struct reply *reply)
{
    struct talk *talk = context;
    struct check *check = talk->check;
    size_t count = reply_count(reply) / 2;

    if (check_takes(check, reply)) {
        for (size_t i = 0; i < count; i++) {
            uint64_t parent;

            talk->live += comment_body(reply_text(reply_at(reply, 2 * i + 1)), &parent).size > 0;
        }
        talk->counted += count;
        if (count == PAGE)
            count_on(talk);
        else
            talk_called(talk, store_check_tally(check->feed->store, talk->author, talk->share, talk->at, talk->live,
                                                check->repair, on_tallied, talk));
    }
    talk_step(talk);
}

/* `at comments reshares` */
static void on_counts(void *context, const struct reply *reply)
{
    struct talk *talk = context;
    struct text text = reply_text(reply);

    if (check_takes(talk->check, reply)) {
        talk->at = (struct text){talk->at_digits, 0};
        while (talk->at.size < text.size && talk->at.size < sizeof(talk->at_digits) && text.data[talk->at.size] != ' ')
            talk->at.size++;
        memcpy(talk->at_digits, text.data, talk->at.size);
        count_on(talk);
    }
    talk_step(talk);
}

static void count_begin(struct talk *talk)
{
    talk->counted = talk->live = 0;
    talk_called(talk, store_check_key(talk->check->feed->store, CHECK_VALUE, &talk->counts, 0, on_counts, talk));
}

void check_talk(struct check *check, struct text share, struct text author, bool is_large)
{
    struct talk *talk = malloc(sizeof(*talk) + share.size + author.size);

    if (!talk) {
        check_fail(check, "memory ended");
        return;
    }
    *talk = (struct talk){.check = check, .share = text_number(share), .waiting = 1};
    memcpy(talk->names, share.data, share.size);
    memcpy(talk->names + share.size, author.data, author.size);
    share.data = talk->names;
    talk->author = (struct text){talk->names + share.size, author.size};
    talk->comments = (struct key_parts){KEY_COMMENTS, partition_of_id(talk->share), share};
    talk->dialogue = (struct key_parts){KEY_DIALOGUE, partition_of_id(talk->share), share};
    talk->counts = (struct key_parts){KEY_COUNTS, partition_of_id(talk->share), share};
    check->waiting++;
    read_on(talk, false, 0);
    read_on(talk, true, 0);
    if (is_large)
        count_begin(talk);
    talk_step(talk);
}
