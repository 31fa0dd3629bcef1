/* What a check looks at of each key: one row of a table for each kind of them. What agrees in one partition is looked at by a
 * script; what must be found in another key is a question for check_pairs.c. */
#include <stdlib.h>
#include <string.h>

#include "base/destination.h"
#include "base/digits.h"
#include "feed/check_run.h"

#define TEXTS_MAX 128 /* members that are asked about at a time; of a page there may be more */
#define NAME_BYTES 255 /* of a subject, at most */

/* A key that is looked at. */
struct visit {
    struct check *check;
    const struct visit_row *row;
    struct key_parts key;
    unsigned waiting; /* calls under way, and one while they are begun */
    uint8_t author_bytes;
    char author[NAME_BYTES]; /* of a share */
    char name[];
};

/* How a kind of keys is looked at. Either may be NULL. */
struct visit_row {
    void (*begin)(struct visit *visit);                           /* what is asked of the key as a whole */
    enum check_read read;                                         /* how its contents come, … */
    void (*take)(struct visit *visit, const struct reply *reply); /* … and what is done with a piece of them */
};

static void visit_step(struct visit *visit)
{
    struct check *check = visit->check;

    if (--visit->waiting > 0)
        return;
    free(visit);
    check_step(check);
}

static void visit_called(struct visit *visit, int error)
{
    if (error == 0)
        visit->waiting++;
    else
        check_called(visit->check, error);
}

/* Something about the key itself is certain, and is to be mended beside the scripts. */
static void confirm(struct visit *visit, enum check_finding finding, struct text member)
{
    uint64_t id = finding == CHECK_WRONG_TYPE ? visit->key.partition : text_number(member);
    struct check_item like = {.finding = finding, .source = visit->key.kind, .id = id, .texts = {visit->key.name, member}};

    items_add(&visit->check->confirmed, item_new(visit->check, &like));
}

/* ---- pairs ---- */

/* A member of this key must be found in another one. */
static struct check_item *pair(struct visit *visit, enum check_finding finding, struct text member, uint64_t id,
                               enum key_kind target, struct text target_name, struct text sought)
{
    struct check_item like = {.finding = finding, .source = visit->key.kind, .target = target, .id = id,
                              .texts = {visit->key.name, member, target_name, sought}};

    return item_new(visit->check, &like);
}

/* Whom one stands with must have it in turn, each in a set that is named by it; these are shares of whom they stand there. */
static const struct mirror {
    enum key_kind kind, other;
    enum check_finding finding;
    bool by_id; /* what is sought there is the share */
} mirrors[] = {
    {KEY_FOLLOWING, KEY_FOLLOWERS, CHECK_FOLLOW_WITHOUT_EDGE, false},
    {KEY_FOLLOWERS, KEY_FOLLOWING, CHECK_EDGE_WITHOUT_FOLLOW, false},
    {KEY_BLOCKED, KEY_BLOCKERS, CHECK_BLOCK_WITHOUT_BAR, false},
    {KEY_BLOCKERS, KEY_BLOCKED, CHECK_BAR_WITHOUT_BLOCK, false},
    {KEY_DESTINATION, KEY_PROFILE, CHECK_RECORD_GONE, true},
    {KEY_SITE, KEY_PROFILE, CHECK_RECORD_GONE, true},
    {KEY_RESHARES, KEY_PROFILE, CHECK_RESHARE_GONE, true},
};

/* [member, id, …] */
static void take_mirrored(struct visit *visit, const struct reply *page)
{
    const struct mirror *mirror = mirrors;
    struct item_list list = {0};

    while (mirror->kind != visit->key.kind)
        mirror++;
    for (size_t i = 0; i + 1 < reply_count(page); i += 2) {
        struct text member = reply_text(reply_at(page, i)), digits = reply_text(reply_at(page, i + 1));

        items_add(&list, pair(visit, mirror->finding, member, reply_id(reply_at(page, i + 1)), mirror->other, member,
                              mirror->by_id ? digits : visit->key.name));
    }
    pairs_look(visit->check, &list);
}

/* ---- whom a reader follows ---- */

static void on_reader(void *context, const struct reply *reply)
{
    struct visit *visit = context;
    const struct reply *blocked = reply_at(reply, 0), *kept = reply_at(reply, 1);

    if (check_takes(visit->check, reply)) {
        for (size_t i = 0; i < reply_count(blocked); i++)
            confirm(visit, CHECK_FOLLOW_DESPITE_BLOCK, reply_text(reply_at(blocked, i)));
        for (size_t i = 0; i < reply_count(kept); i++)
            check_found(visit->check, CHECK_KEPT_AND_FOLLOWED, visit->key.name, reply_text(reply_at(kept, i)));
    }
    visit_step(visit);
}

static void begin_following(struct visit *visit)
{
    struct check *check = visit->check;

    visit_called(visit, store_check_reader(check->feed->store, visit->key.name, check->repair, on_reader, visit));
}

/* ---- members that are asked about together ---- */

static void ask_members(struct visit *visit, const struct reply *page,
                        void (*ask)(struct visit *visit, const struct text *members, size_t count))
{
    struct text members[TEXTS_MAX];
    size_t count = 0;

    for (size_t i = 0; i + 1 < reply_count(page); i += 2) {
        members[count++] = reply_text(reply_at(page, i));
        if (count == TEXTS_MAX || i + 3 >= reply_count(page)) {
            ask(visit, members, count);
            count = 0;
        }
    }
}

/* ---- shares ---- */

static void on_profile(void *context, const struct reply *reply)
{
    struct visit *visit = context;

    if (check_takes(visit->check, reply))
        for (size_t i = 0; i < reply_count(reply); i++)
            confirm(visit, CHECK_PROFILE_WITHOUT_BODY, reply_text(reply_at(reply, i)));
    visit_step(visit);
}

static void ask_profile(struct visit *visit, const struct text *ids, size_t count)
{
    visit_called(visit, store_check_profile(visit->check->feed->store, visit->key.name, ids, count, on_profile, visit));
}

/* [id, id, …], with the mark that some were dropped. */
static void take_profile(struct visit *visit, const struct reply *page)
{
    ask_members(visit, page, ask_profile);
}

/* [words, 1 if there is a dialogue, 1 if it is large] */
static void on_share(void *context, const struct reply *reply)
{
    struct visit *visit = context;
    const struct reply *words = reply_at(reply, 0);

    if (check_takes(visit->check, reply)) {
        for (size_t i = 0; i < reply_count(words); i++)
            check_found_word(visit->check, reply_text(reply_at(words, i)), visit->key.name, (struct text){"", 0});
        if (reply_number(reply_at(reply, 1)) != 0)
            check_talk(visit->check, visit->key.name, (struct text){visit->author, visit->author_bytes},
                       reply_number(reply_at(reply, 2)) != 0);
    }
    visit_step(visit);
}

/* A share on its author's profile must be found in another key. */
static struct check_item *share_pair(struct visit *visit, enum check_finding finding, struct text author, enum key_kind target,
                                     struct text target_name, struct text extra)
{
    struct check_item like = {.finding = finding, .source = KEY_PROFILE, .target = target, .id = text_number(visit->key.name),
                              .texts = {author, visit->key.name, target_name, author, extra}};

    return item_new(visit->check, &like);
}

/* Where it leads to, and what it is of. */
static void take_body(struct visit *visit, const struct reply *reply)
{
    struct check *check = visit->check;
    struct text body = reply_text(reply), author = author_of_body(body), url = destination_of_body(body), none = {"", 0};
    char name[DESTINATION_NAME_BYTES], site[DESTINATION_SITE_BYTES], digits[DIGITS_MAX];
    struct item_list list = {0};
    struct origin origin;

    if (author.size == 0 || author.size > NAME_BYTES)
        return;
    memcpy(visit->author, author.data, author.size);
    visit->author_bytes = (uint8_t)author.size;
    visit_called(visit, store_check_share(check->feed->store, author, text_number(visit->key.name), check->repair, on_share,
                                          visit));
    if (url.size > 0) {
        destination_name(url, name);
        destination_site(url.data, url.size, site);
        items_add(&list, share_pair(visit, CHECK_SHARE_NOT_RECORDED, author, KEY_DESTINATION,
                                    (struct text){name, strlen(name)}, none));
        items_add(&list, share_pair(visit, CHECK_SHARE_NOT_RECORDED, author, KEY_SITE, (struct text){site, strlen(site)}, none));
    }
    if (origin_of_body(body, &origin)) {
        struct text share = {digits, digits_write(digits, origin.id)};

        items_add(&list, share_pair(visit, CHECK_RESHARE_NOT_NOTED, author, KEY_RESHARES, share, origin.author));
    }
    pairs_look(check, &list);
}

/* ---- what belongs to a share ---- */

static void on_left(void *context, const struct reply *reply)
{
    struct visit *visit = context;

    if (check_takes(visit->check, reply) && reply_number(reply) != 0)
        check_found(visit->check, CHECK_LEFT_BEHIND, visit->key.name, (struct text){"", 0});
    visit_step(visit);
}

static void begin_belonging(struct visit *visit)
{
    struct check *check = visit->check;

    visit_called(visit, store_check_left(check->feed->store, text_number(visit->key.name), false, check->repair, on_left, visit));
}

/* Re-shares go with their origin, by its deletion's job. */
static void take_reshares(struct visit *visit, const struct reply *page)
{
    struct item_list list = {0};

    items_add(&list, pair(visit, CHECK_LEFT_BEHIND, reply_text(reply_at(page, 0)), reply_id(reply_at(page, 1)), KEY_SHARE,
                          visit->key.name, (struct text){"", 0}));
    pairs_look(visit->check, &list);
    take_mirrored(visit, page);
}

/* ---- timelines ---- */

static void on_timeline(void *context, const struct reply *reply)
{
    struct visit *visit = context;

    if (check_takes(visit->check, reply) && reply_count(reply) > 0)
        confirm(visit, CHECK_TIMELINE_DEAD_ID, reply_text(reply_at(reply, 0)));
    visit_step(visit);
}

/* Whether so many of the last ids are in order as the header says: see lib_timeline.lua. */
static bool header_holds(struct text header, const uint64_t *ids, size_t count)
{
    const char *at = header.data, *end = header.data + header.size;
    uint64_t ordered;

    if (header.size > 0 && *at == 'B')
        return true; /* it is being built */
    at += at < end && *at == '-';
    if (at == end || *at < '0' || *at > '9')
        return false;
    digits_read(&at, end);
    at += at < end && *at == ' ';
    ordered = digits_read(&at, end);
    if (ordered > count)
        return false;
    for (size_t i = count - ordered; i + 1 < count; i++)
        if (ids[i] <= ids[i + 1])
            return false;
    return true;
}

/* [id, …, header] */
static void take_timeline(struct visit *visit, const struct reply *list)
{
    struct check *check = visit->check;
    size_t count = reply_count(list) > 0 ? reply_count(list) - 1 : 0, used[PARTITIONS_MAX] = {0};
    uint64_t *ids = calloc(count + 1, sizeof(*ids)), *sorted = calloc((count + 1) * check->feed->partitions, sizeof(*sorted));
    bool broken = false;

    for (size_t i = 0; i < count && ids && sorted; i++) {
        unsigned partition;

        ids[i] = reply_id(reply_at(list, i));
        partition = partition_of_id(ids[i]);
        broken = broken || ids[i] == 0 || ids[i] >= ID_END || partition >= check->feed->partitions;
        if (!broken)
            sorted[partition * (count + 1) + used[partition]++] = ids[i];
    }
    if (!ids || !sorted)
        check_fail(check, "memory ended");
    else if (reply_count(list) > 0 && (broken || !header_holds(reply_text(reply_at(list, count)), ids, count)))
        confirm(visit, CHECK_TIMELINE_BROKEN, (struct text){"", 0});
    else
        for (unsigned partition = 0; partition < check->feed->partitions; partition++)
            if (used[partition] > 0)
                visit_called(visit, store_check_timeline(check->feed->store, partition, sorted + partition * (count + 1),
                                                         used[partition], on_timeline, visit));
    free(ids);
    free(sorted);
}

/* ---- words ---- */

static void on_subject(void *context, const struct reply *reply)
{
    struct visit *visit = context;

    if (check_takes(visit->check, reply) && reply_number(reply) > 0)
        check_found(visit->check, CHECK_WORD_MISSING, visit->key.name, (struct text){"", 0});
    visit_step(visit);
}

static void begin_subject(struct visit *visit)
{
    struct check *check = visit->check;

    visit_called(visit, store_check_subject(check->feed->store, visit->key.name, check->repair, on_subject, visit));
}

static void on_words(void *context, const struct reply *reply)
{
    struct visit *visit = context;

    if (check_takes(visit->check, reply))
        for (size_t i = 0; i < reply_count(reply); i++)
            check_found(visit->check, CHECK_WORD_STRAY, reply_text(reply_at(reply, i)), (struct text){"", 0});
    visit_step(visit);
}

static void ask_words(struct visit *visit, const struct text *words, size_t count)
{
    struct check *check = visit->check;

    visit_called(visit, store_check_words(check->feed->store, visit->key.partition, words, count, check->repair, on_words,
                                          visit));
}

static void take_words(struct visit *visit, const struct reply *page)
{
    ask_members(visit, page, ask_words);
}

/* ---- places of fan-outs ---- */

static void take_place(struct visit *visit, const struct reply *reply)
{
    struct text id = visit->key.name;
    struct item_list list = {0};

    (void)reply;
    items_add(&list, pair(visit, CHECK_PLACE_WITHOUT_JOB, id, text_number(id), KEY_LOG, id, id));
    pairs_look(visit->check, &list);
}

/* ---- keys ---- */

static const struct visit_row rows[KEY_KINDS] = {
    [KEY_FOLLOWING] = {begin_following, CHECK_MEMBERS, take_mirrored},
    [KEY_FOLLOWERS] = {NULL, CHECK_MEMBERS, take_mirrored},
    [KEY_BLOCKED] = {NULL, CHECK_MEMBERS, take_mirrored},
    [KEY_BLOCKERS] = {NULL, CHECK_MEMBERS, take_mirrored},
    [KEY_PROFILE] = {NULL, CHECK_MEMBERS, take_profile},
    [KEY_SHARE] = {NULL, CHECK_VALUE, take_body},
    [KEY_RESHARES] = {NULL, CHECK_MEMBERS, take_reshares},
    [KEY_COUNTS] = {begin_belonging, CHECK_VALUE, NULL},
    [KEY_DIALOGUE] = {begin_belonging, CHECK_VALUE, NULL},
    [KEY_COMMENTS] = {begin_belonging, CHECK_VALUE, NULL},
    [KEY_IMPORT] = {begin_belonging, CHECK_VALUE, NULL},
    [KEY_DESTINATION] = {NULL, CHECK_MEMBERS, take_mirrored},
    [KEY_SITE] = {NULL, CHECK_MEMBERS, take_mirrored},
    [KEY_TIMELINE] = {NULL, CHECK_LIST, take_timeline},
    [KEY_SUBJECT] = {begin_subject, CHECK_VALUE, NULL},
    [KEY_WORDS] = {NULL, CHECK_MEMBERS, take_words},
    [KEY_JOB] = {NULL, CHECK_VALUE, take_place},
};

static void on_contents(void *context, const struct reply *reply);

static void read_contents(struct visit *visit, uint64_t cursor)
{
    visit_called(visit, store_check_key(visit->check->feed->store, visit->row->read, &visit->key, cursor, on_contents, visit));
}

static void on_contents(void *context, const struct reply *reply)
{
    struct visit *visit = context;
    bool is_scan = visit->row->read == CHECK_MEMBERS;

    if (check_takes(visit->check, reply) && !reply_is_null(reply)) {
        uint64_t cursor = is_scan ? text_number(reply_text(reply_at(reply, 0))) : 0;
        const struct reply *piece = is_scan ? reply_at(reply, 1) : reply;

        if (!is_scan || reply_count(piece) > 0)
            visit->row->take(visit, piece);
        if (cursor != 0 && check_goes_on(visit->check))
            read_contents(visit, cursor);
    }
    visit_step(visit);
}

static void on_type(void *context, const struct reply *reply)
{
    struct visit *visit = context;
    struct text type = reply_text(reply);
    const char *expected = store_key_type(visit->key.kind);

    if (!check_takes(visit->check, reply) || (type.size == 4 && memcmp(type.data, "none", 4) == 0)) {
        visit_step(visit); /* it is gone by now */
        return;
    }
    if (type.size != strlen(expected) || memcmp(type.data, expected, type.size) != 0) {
        confirm(visit, CHECK_WRONG_TYPE, (struct text){expected, strlen(expected)});
    } else {
        if (visit->row->begin)
            visit->row->begin(visit);
        if (visit->row->take)
            read_contents(visit, 0);
    }
    visit_step(visit);
}

static void visit_begin(struct check *check, struct text key)
{
    struct key_parts parts;
    struct visit *visit;

    if (!key_read(key, &parts) || !store_key_type(parts.kind))
        return;
    visit = malloc(sizeof(*visit) + parts.name.size);
    if (!visit) {
        check_fail(check, "memory ended");
        return;
    }
    *visit = (struct visit){.check = check, .row = &rows[parts.kind], .key = parts, .waiting = 1};
    memcpy(visit->name, parts.name.data, parts.name.size);
    visit->key.name.data = visit->name;
    check->waiting++;
    visit_called(visit, store_check_key(check->feed->store, CHECK_TYPE, &visit->key, 0, on_type, visit));
    visit_step(visit);
}

/* [where to go on, [key, …]] */
static void on_keys(void *context, const struct reply *reply)
{
    struct check *check = context;
    const struct reply *keys = reply_at(reply, 1);

    if (check_takes(check, reply)) {
        check->cursor = text_number(reply_text(reply_at(reply, 0)));
        check->walked = check->cursor == 0;
        check->keys += reply_count(keys);
        for (size_t i = 0; i < reply_count(keys) && check_goes_on(check); i++)
            visit_begin(check, reply_text(reply_at(keys, i)));
    }
    check_step(check);
}

void check_keys(struct check *check)
{
    check->page = check->cursor;
    check_called(check, store_check_keys(check->feed->store, check->cursor, on_keys, check));
}
