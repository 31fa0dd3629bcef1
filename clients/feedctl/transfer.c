/* See transfer.h. Most lines say which member stands in which set under which id, and a table has their words; those that hold
 * messages are those messages in JSON. */
#include "transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <feed/feed.h>

#include "json.h"

#define DIGITS_BYTES 24

/* In the order of the export. `owner` names the key, `member` what stands there, `score` under which id; NULL: that has no
 * word. */
static const struct line_kind {
    const char *kind;
    const char *word;
    const char *owner, *member, *score;
} kinds[] = {
    { "subject", "subject", NULL, NULL, NULL },
    { "following", "follow", "reader", "subject", "id" },
    { "followers", "follower", "subject", "reader", "id" },
    { "kept", "kept", "reader", "subject", "until" },
    { "blocked", "block", "reader", "subject", "id" },
    { "blockers", "blocker", "subject", "reader", "id" },
    { "muted", "mute", "reader", "subject", "id" },
    { "markers", "marker", "reader", "marker", "id" },
    { "share", "share", NULL, NULL, NULL },
    { "profile", "capped", "author", NULL, NULL },
    { "big", "merged", NULL, "subject", "id" },
    { "import", "key", "share", NULL, "key" },
    { "counts", "counts", "share", NULL, "counts" },
    { "reshares", "reshare", "share", "author", "id" },
    { "comments", "comment", NULL, NULL, NULL },
    { "commented", "commented", "subject", "comment", "at" },
    { "around", "around", "subject", "comment", "id" },
    { "inbox", "notice", NULL, NULL, NULL },
    { "destination", "destination", "destination", "author", "id" },
    { "destination-earlier", "destinationEarlier", "destination", "share", NULL },
    { "site", "site", "site", "author", "id" },
    { "site-earlier", "siteEarlier", "site", "share", NULL },
};

#define KINDS (sizeof kinds / sizeof kinds[0])

static bool is(struct bytes bytes, const char *text)
{
    return bytes.size == strlen(text) && memcmp(bytes.data, text, bytes.size) == 0;
}

static struct bytes bytes_of(const char *text)
{
    return (struct bytes){ text, strlen(text) };
}

size_t transfer_order(const char *key)
{
    size_t length = strcspn(key, ":");

    for (size_t i = 0; i < KINDS; i++)
        if (strlen(kinds[i].kind) == length && memcmp(kinds[i].kind, key, length) == 0)
            return i;
    return SIZE_MAX;
}

const char *transfer_name(const char *key)
{
    const char *end = strstr(key, "}:");

    return end != NULL ? end + 2 : "";
}

bool transfer_is_whole(const char *key)
{
    return transfer_order(key) == 0;
}

static json_t *text_json(struct bytes bytes)
{
    return json_stringn(bytes.data, bytes.size);
}

static uint64_t number_of(struct bytes bytes)
{
    char digits[DIGITS_BYTES];

    snprintf(digits, sizeof digits, "%.*s", (int)bytes.size, bytes.data);
    return strtoull(digits, NULL, 10);
}

/* ------------------------------------------------------------------------------------------------------- out of rows */

static json_t *named(const char *word, json_t *object)
{
    return object != NULL ? json_pack("{s:o}", word, object) : NULL;
}

/* What is packed there, after `complete` has added what the row itself says; NULL: that is nothing. */
typedef void complete_fn(ProtobufCMessage *message, const struct transfer_row *row);

static json_t *message_json(const ProtobufCMessageDescriptor *descriptor, struct bytes packed, complete_fn *complete,
                            const struct transfer_row *row)
{
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, NULL, packed.size, (const uint8_t *)packed.data);
    json_t *object;

    if (message == NULL)
        return NULL;
    if (complete != NULL)
        complete(message, row);
    object = json_from_message(message);
    if (object != NULL)
        json_prune(object, descriptor);
    protobuf_c_message_free_unpacked(message, NULL);
    return object;
}

static void complete_share(ProtobufCMessage *message, const struct transfer_row *row)
{
    ((Feed__Share *)(void *)message)->id = number_of(row->name);
}

static void complete_comment(ProtobufCMessage *message, const struct transfer_row *row)
{
    Feed__Comment *comment = (void *)message;
    const char *end = memchr(row->value.data, ' ', row->value.size);

    comment->id = number_of(row->member);
    comment->share_id = number_of(row->name);
    comment->parent_id = number_of((struct bytes){ row->value.data, (size_t)(end - row->value.data) });
    comment->deleted = end + 1 == row->value.data + row->value.size;
}

static json_t *comment_json(const struct transfer_row *row)
{
    const char *space = memchr(row->value.data, ' ', row->value.size);
    size_t before = space != NULL ? (size_t)(space + 1 - row->value.data) : 0;

    if (space == NULL)
        return NULL;
    return message_json(&feed__comment__descriptor, (struct bytes){ space + 1, row->value.size - before }, complete_comment,
                        row);
}

static json_t *notice_json(const struct transfer_row *row)
{
    bool dropped = is(row->member, "capped");
    json_t *object = dropped ? json_pack("{s:b}", "capped", 1)
                             : message_json(&feed__notice__descriptor, row->member, NULL, row);

    if (object != NULL && json_object_set_new(object, "subject", text_json(row->name)) == 0 &&
        json_object_set_new(object, "id", text_json(row->value)) == 0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *table_json(const struct line_kind *kind, const struct transfer_row *row)
{
    json_t *object = json_object();
    struct bytes value = row->value;
    const char *key = strcmp(kind->kind, "import") == 0 ? memchr(value.data, '}', value.size) : NULL;
    int failed = 0;

    if (key != NULL) /* without its kind and partition */
        value = (struct bytes){ key + 2, (size_t)(value.data + value.size - key) - 2 };
    if (kind->owner != NULL)
        failed |= json_object_set_new(object, kind->owner, text_json(row->name));
    if (kind->member != NULL)
        failed |= json_object_set_new(object, kind->member, text_json(row->member));
    if (kind->score != NULL)
        failed |= json_object_set_new(object, kind->score, text_json(value));
    if (failed == 0)
        return object;
    json_decref(object);
    return NULL;
}

bool transfer_line(const struct transfer_row *row, json_t **ret_line)
{
    const struct line_kind *kind = &kinds[transfer_order(row->kind)];

    *ret_line = NULL;
    if (strcmp(row->kind, "profile") == 0 && !is(row->member, "capped"))
        return true; /* its shares tell */
    if (strcmp(row->kind, "share") == 0)
        *ret_line = named(kind->word, message_json(&feed__share__descriptor, row->value, complete_share, row));
    else if (strcmp(row->kind, "comments") == 0)
        *ret_line = named(kind->word, comment_json(row));
    else if (strcmp(row->kind, "inbox") == 0)
        *ret_line = named(kind->word, notice_json(row));
    else
        *ret_line = named(kind->word, table_json(kind, row));
    return *ret_line != NULL;
}

/* The words stand in one text, with tabs between them. */
static json_t *words_json(struct bytes words)
{
    json_t *list = json_array();

    while (words.size > 0) {
        const char *end = memchr(words.data, '\t', words.size);
        size_t length = end != NULL ? (size_t)(end - words.data) : words.size;

        json_array_append_new(list, json_stringn(words.data, length));
        length += end != NULL;
        words = (struct bytes){ words.data + length, words.size - length };
    }
    return list;
}

bool transfer_subject(const struct transfer_row *rows, size_t count, json_t **ret_line)
{
    struct bytes record = { 0 }, words = { 0 }, at = { "", 0 };
    json_t *object;

    for (size_t i = 0; i < count; i++) {
        if (is(rows[i].member, "record"))
            record = rows[i].value;
        else if (is(rows[i].member, "words"))
            words = rows[i].value;
        else if (is(rows[i].member, "at"))
            at = rows[i].value;
    }
    object = message_json(&feed__subject__descriptor, record, NULL, NULL);
    *ret_line = NULL;
    if (object == NULL || json_object_set_new(object, "at", text_json(at)) < 0 ||
        json_object_set_new(object, "words", words_json(words)) < 0) {
        json_decref(object);
        return false;
    }
    *ret_line = named("subject", object);
    return *ret_line != NULL;
}

/* ------------------------------------------------------------------------------------------------------------ to rows */

static const char ended[] = "it could not be sent";

/* A text member; NULL if there is none. */
static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

struct adding {
    transfer_add *add;
    void *context;
};

static bool add(const struct adding *adding, const char *kind, const char *name, struct bytes member, struct bytes value)
{
    struct transfer_row row = { kind, bytes_of(name), member, value };

    return adding->add(adding->context, &row);
}

/* Packs a message, and another one behind it, NULL: none. To be freed; NULL when memory ends. */
static char *pack(const ProtobufCMessage *message, const char *before, const ProtobufCMessage *behind, struct bytes *ret_bytes)
{
    size_t head = strlen(before), size = protobuf_c_message_get_packed_size(message);
    size_t tail = behind != NULL ? protobuf_c_message_get_packed_size(behind) : 0;
    char *out = malloc(head + size + tail + 1);

    if (out == NULL)
        return NULL;
    memcpy(out, before, head);
    protobuf_c_message_pack(message, (uint8_t *)out + head);
    if (behind != NULL)
        protobuf_c_message_pack(behind, (uint8_t *)out + head + size);
    *ret_bytes = (struct bytes){ out, head + size + tail };
    return out;
}

/* A share stands on its author's profile; a re-share is known of its author. That it was edited is its body's last field. */
static const char *share_rows(const json_t *object, const struct adding *adding)
{
    Feed__Share *share = (void *)json_to_message(object, &feed__share__descriptor), mark = FEED__SHARE__INIT;
    char id[DIGITS_BYTES], origin[DIGITS_BYTES] = "";
    const char *wrong = "it is no share";
    struct bytes body;
    char *packed;

    if (share != NULL && share->id != 0 && share->author[0] != '\0') {
        snprintf(id, sizeof id, "%llu", (unsigned long long)share->id);
        if (share->origin != NULL)
            snprintf(origin, sizeof origin, "%llu", (unsigned long long)share->origin->id);
        mark.edited_at_ms = share->edited_at_ms;
        share->id = 0;
        share->edited_at_ms = 0;
        packed = pack(&share->base, "", &mark.base, &body);
        wrong = packed != NULL && add(adding, "share", id, bytes_of(""), body) &&
                        add(adding, "profile", share->author, bytes_of(id), bytes_of(id)) &&
                        (origin[0] == '\0' || add(adding, "reshared", share->author, bytes_of(origin), bytes_of(id)))
                    ? NULL
                    : ended;
        free(packed);
    }
    if (share != NULL)
        feed__share__free_unpacked(share, NULL);
    return wrong;
}

static const char *comment_rows(const json_t *object, const struct adding *adding)
{
    Feed__Comment *comment = (void *)json_to_message(object, &feed__comment__descriptor);
    char id[DIGITS_BYTES], share[DIGITS_BYTES], parent[DIGITS_BYTES + 1];
    const char *wrong = "it is no comment";
    struct bytes body;
    char *packed;

    if (comment != NULL && comment->id != 0 && comment->share_id != 0) {
        snprintf(id, sizeof id, "%llu", (unsigned long long)comment->id);
        snprintf(share, sizeof share, "%llu", (unsigned long long)comment->share_id);
        snprintf(parent, sizeof parent, "%llu ", (unsigned long long)comment->parent_id);
        comment->id = 0;
        if (comment->deleted)
            comment->deleted = 0, comment->share_id = 0, comment->parent_id = 0;
        packed = pack(&comment->base, parent, NULL, &body);
        wrong = packed != NULL && add(adding, "comments", share, bytes_of(id), body) ? NULL : ended;
        free(packed);
    }
    if (comment != NULL)
        feed__comment__free_unpacked(comment, NULL);
    return wrong;
}

static const char *notice_rows(json_t *object, const struct adding *adding)
{
    const char *subject = text_of(object, "subject"), *id = text_of(object, "id"), *wrong = "it is no notice";
    json_t *notice = json_copy(object);
    ProtobufCMessage *message;
    struct bytes member;
    char *packed;

    if (subject == NULL || id == NULL) {
        json_decref(notice);
        return wrong;
    }
    if (json_is_true(json_object_get(object, "capped"))) {
        json_decref(notice);
        return add(adding, "inbox", subject, bytes_of("capped"), bytes_of(id)) ? NULL : ended;
    }
    json_object_del(notice, "subject");
    json_object_del(notice, "id");
    message = json_to_message(notice, &feed__notice__descriptor);
    json_decref(notice);
    if (message == NULL)
        return wrong;
    packed = pack(message, "", NULL, &member);
    wrong = packed != NULL && add(adding, "inbox", subject, member, bytes_of(id)) ? NULL : ended;
    free(packed);
    protobuf_c_message_free_unpacked(message, NULL);
    return wrong;
}

/* The words, one after the other and with tabs between them. To be freed. */
static char *words_text(const json_t *words, const char *subject, const struct adding *adding, struct bytes *ret_bytes)
{
    char *text = NULL;
    size_t size = 0, i;
    FILE *out = open_memstream(&text, &size);
    bool added = out != NULL;
    json_t *word;

    json_array_foreach(words, i, word) {
        added = added && json_is_string(word) &&
                add(adding, "words", subject, bytes_of(json_string_value(word)), bytes_of("0"));
        if (added)
            fprintf(out, "%s%s", i > 0 ? "\t" : "", json_string_value(word));
    }
    if (out != NULL)
        fclose(out);
    *ret_bytes = (struct bytes){ text, size };
    if (added)
        return text;
    free(text);
    return NULL;
}

static const char *subject_rows(json_t *object, const struct adding *adding)
{
    const char *id = text_of(object, "id"), *at = text_of(object, "at"), *wrong = "it is no subject";
    json_t *record = json_copy(object);
    struct bytes body, words = { 0 };
    char *packed = NULL, *text = NULL;
    Feed__Subject *subject;

    json_object_del(record, "at");
    json_object_del(record, "words");
    subject = (void *)json_to_message(record, &feed__subject__descriptor);
    json_decref(record);
    if (subject != NULL && id != NULL && at != NULL) {
        packed = pack(&subject->base, "", NULL, &body);
        text = words_text(json_object_get(object, "words"), id, adding, &words);
        wrong = packed != NULL && text != NULL && add(adding, "subject", id, bytes_of("record"), body) &&
                        add(adding, "subject", id, bytes_of("name"), bytes_of(subject->display_name)) &&
                        add(adding, "subject", id, bytes_of("words"), words) &&
                        add(adding, "subject", id, bytes_of("at"), bytes_of(at))
                    ? NULL
                    : ended;
    }
    if (subject != NULL)
        feed__subject__free_unpacked(subject, NULL);
    free(packed);
    free(text);
    return wrong;
}

static const char *table_rows_of(const struct line_kind *kind, const json_t *object, const struct adding *adding)
{
    const char *alone = strcmp(kind->kind, "profile") == 0 ? "capped" : "";
    const char *member = kind->member != NULL ? text_of(object, kind->member) : alone;
    const char *score = kind->score != NULL ? text_of(object, kind->score) : "0";
    const char *owner = kind->owner != NULL ? text_of(object, kind->owner) : member;

    if (owner == NULL || owner[0] == '\0' || member == NULL || score == NULL)
        return "a member of it is missing";
    return add(adding, kind->kind, owner, bytes_of(member), bytes_of(score)) ? NULL : ended;
}

const char *transfer_rows(const json_t *line, transfer_add *fn, void *context)
{
    const struct adding adding = { fn, context };
    json_t *object;

    for (size_t i = 0; i < KINDS; i++) {
        object = json_object_get(line, kinds[i].word);
        if (object == NULL)
            continue;
        if (strcmp(kinds[i].kind, "subject") == 0)
            return subject_rows(object, &adding);
        if (strcmp(kinds[i].kind, "share") == 0)
            return share_rows(object, &adding);
        if (strcmp(kinds[i].kind, "comments") == 0)
            return comment_rows(object, &adding);
        if (strcmp(kinds[i].kind, "inbox") == 0)
            return notice_rows(object, &adding);
        return table_rows_of(&kinds[i], object, &adding);
    }
    return "it is nothing that this feedctl knows";
}
