/* See frames.h. Shares travel as the bytes in which they were committed; only what stands around them is written here, by
 * hand, in the protobuf wire format. */
#include "feed/frames.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feed/internal.h"
#include "feed/wire.h"

/* Field numbers of feed.proto. */
#define SHARE_AUTHOR 2
#define SHARE_URL 3
#define SHARE_COMMENT_COUNT 10
#define SHARE_AUTHOR_NAME 16
#define SHARE_ALSO_SHARED_BY 20
#define SHARE_ALSO_SHARED_COUNT 21
#define SHARE_CANONICAL_URL 22
#define FRAME_SHARED 32
#define FRAME_GET_SHARE 6
#define FRAME_GET_SUBJECTS 22
#define FRAME_FIND_SUBJECTS 23
#define FRAME_EDITED 40

struct frame *frame_pack(const Feed__ServerFrame *message)
{
    size_t size = feed__server_frame__get_packed_size(message);
    struct frame *frame = frame_new(size);

    if (frame)
        feed__server_frame__pack(message, frame->bytes);
    return frame;
}

/* What may be left out of a queue: see base/frame.h. */
static struct frame *at_position(struct frame *frame, uint64_t position)
{
    if (frame)
        frame->position = position;
    return frame;
}

/* Reads a varint. False if there is none. */
static bool read_varint(const uint8_t **at, const uint8_t *end, uint64_t *ret_value)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;

        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

/* A share has no fields but texts and varints. */
struct text text_of_body(struct text body, uint32_t field)
{
    const uint8_t *at = (const uint8_t *)body.data, *end = at + body.size;
    uint64_t tag, value;

    while (read_varint(&at, end, &tag) && read_varint(&at, end, &value)) {
        if ((tag & 7) == 0)
            continue;
        if ((tag & 7) != 2 || value > (uint64_t)(end - at))
            break;
        if (tag == TAG_BYTES(field))
            return (struct text){(const char *)at, (size_t)value};
        at += value;
    }
    return (struct text){NULL, 0};
}

struct text author_of_body(struct text body)
{
    struct text author = text_of_body(body, SHARE_AUTHOR);

    return author.size <= UINT8_MAX ? author : (struct text){NULL, 0}; /* no subject has such a name */
}

struct text destination_of_body(struct text body)
{
    struct text canonical = text_of_body(body, SHARE_CANONICAL_URL);

    return canonical.data ? canonical : text_of_body(body, SHARE_URL);
}

/* Fields that stand behind a share's body, as they are now: what is counted of it, then the author's name. */
#define COUNTS_BYTES_MAX 6

static size_t write_counts(const struct share_counts *counts, uint8_t out[COUNTS_BYTES_MAX])
{
    uint8_t *at = out;

    if (counts && counts->comments > 0) {
        at = put_varint(at, TAG_VARINT(SHARE_COMMENT_COUNT));
        at = put_varint(at, counts->comments);
    }
    return (size_t)(at - out);
}

struct frame *frame_of_share(uint64_t id, struct text body, const struct share_counts *counts, struct text name,
                             uint32_t *ret_share_bytes)
{
    uint8_t counted[COUNTS_BYTES_MAX];
    size_t counted_bytes = write_counts(counts, counted);
    size_t name_bytes = name.size > 0 ? bytes_field_size(SHARE_AUTHOR_NAME, name.size) : 0;
    size_t share_bytes = 1 + framing_varint_bytes(id) + body.size + counted_bytes + name_bytes;
    size_t shared_bytes = bytes_field_size(1, share_bytes);
    struct frame *frame = frame_new(bytes_field_size(FRAME_SHARED, shared_bytes));

    if (!frame)
        return NULL;
    uint8_t *at = put_varint(frame->bytes, TAG_BYTES(FRAME_SHARED));
    at = put_varint(at, shared_bytes);
    at = put_varint(at, TAG_BYTES(1));
    at = put_varint(at, share_bytes);
    at = put_varint(at, TAG_VARINT(1));
    at = put_varint(at, id);
    memcpy(at, body.data, body.size);
    memcpy(at + body.size, counted, counted_bytes);
    if (name_bytes > 0)
        put_bytes(at + body.size + counted_bytes, SHARE_AUTHOR_NAME, name.data, name.size);
    *ret_share_bytes = (uint32_t)share_bytes;
    frame->position = id;
    return frame;
}

/* Reads a varint of one of our own frames. */
static const uint8_t *get_varint(const uint8_t *at, uint64_t *ret_value)
{
    uint64_t value = 0;

    for (unsigned shift = 0;; shift += 7) {
        value |= (uint64_t)(*at & 0x7f) << shift;
        if (!(*at++ & 0x80))
            break;
    }
    *ret_value = value;
    return at;
}

/* Where the field after this one begins. */
static const uint8_t *skip_field(const uint8_t *at)
{
    uint64_t tag, value;

    at = get_varint(at, &tag);
    at = get_varint(at, &value); /* or the length of what follows */
    return (tag & 7) == 2 ? at + value : at;
}

/* The field with this tag, or where it would stand, at the end. */
static const uint8_t *find_field(const uint8_t *at, const uint8_t *end, uint32_t wanted)
{
    uint64_t tag;

    while (at < end && (get_varint(at, &tag), tag != wanted))
        at = skip_field(at);
    return at;
}

/* A share in its frame: what was committed, what is counted, and the author's name. */
struct share_parts {
    const uint8_t *body, *counts, *name, *end;
};

static struct share_parts parts_of(const struct frame *share)
{
    struct share_parts parts = {.end = share->bytes + share->size};
    const uint8_t *at = share->bytes;
    uint64_t value;

    at = get_varint(get_varint(at, &value), &value); /* Shared */
    at = get_varint(get_varint(at, &value), &value); /* its Share */
    parts.body = get_varint(get_varint(at, &value), &value);
    parts.name = find_field(parts.body, parts.end, TAG_BYTES(SHARE_AUTHOR_NAME));
    parts.counts = find_field(parts.body, parts.name, TAG_VARINT(SHARE_COMMENT_COUNT));
    return parts;
}

static struct text between(const uint8_t *from, const uint8_t *to)
{
    return (struct text){(const char *)from, (size_t)(to - from)};
}

struct frame *frame_of_share_renamed(const struct frame *share, struct text name, uint32_t *ret_share_bytes)
{
    struct share_parts parts = parts_of(share);

    return frame_of_share(share->position, between(parts.body, parts.name), NULL, name, ret_share_bytes);
}

struct frame *frame_of_share_revised(const struct frame *share, const struct share_counts *counts, struct text body,
                                     uint32_t *ret_share_bytes)
{
    struct share_parts parts = parts_of(share);
    struct text name = {"", 0};
    uint64_t tag, size;

    if (parts.name < parts.end)
        name = between(get_varint(get_varint(parts.name, &tag), &size), parts.end);
    return frame_of_share(share->position, body.data ? body : between(parts.body, parts.counts), counts, name, ret_share_bytes);
}

struct frame *frame_of_edit(uint64_t id, const struct frame *share, uint32_t share_bytes)
{
    size_t size = 1 + framing_varint_bytes(id) + bytes_field_size(2, share_bytes);
    struct frame *frame = frame_new(bytes_field_size(FRAME_EDITED, size));

    if (!frame)
        return NULL;
    uint8_t *at = put_varint(frame->bytes, TAG_BYTES(FRAME_EDITED));
    at = put_varint(at, size);
    at = put_varint(at, TAG_VARINT(1));
    at = put_varint(at, id);
    put_bytes(at, 2, share->bytes + share->size - share_bytes, share_bytes);
    return at_position(frame, id);
}

static const uint8_t *share_of(const struct feed_item *item)
{
    return item->frame->bytes + item->frame->size - item->share_bytes;
}

struct text share_of_item(const struct feed_item *item)
{
    return (struct text){(const char *)share_of(item), item->share_bytes};
}

/* A share with what is told of it beside itself: fields that stand behind its own are its own. */
static uint8_t *put_item(uint8_t *at, const struct feed_item *item)
{
    at = put_varint(at, TAG_BYTES(1));
    at = put_varint(at, item->share_bytes + item->also.size);
    memcpy(at, share_of(item), item->share_bytes);
    at += item->share_bytes;
    if (item->also.size > 0)
        memcpy(at, item->also.data, item->also.size);
    return at + item->also.size;
}

struct frame *frame_of_page(uint32_t field, const struct feed_page *page, struct text further)
{
    char cursor[24] = "";
    size_t cursor_bytes = 0, size = 0;

    if (page->end == FEED__PAGE_END__MORE && page->count > 0)
        cursor_bytes = (size_t)snprintf(cursor, sizeof(cursor), "%" PRIu64, page->items[page->count - 1].id);
    for (size_t i = 0; i < page->count; i++)
        size += bytes_field_size(1, page->items[i].share_bytes + page->items[i].also.size);
    size += cursor_bytes ? bytes_field_size(2, cursor_bytes) : 0;
    size += 2 + further.size; /* the end, and what is behind it */
    struct frame *frame = frame_new(bytes_field_size(field, size));
    if (!frame)
        return NULL;

    uint8_t *at = put_varint(frame->bytes, TAG_BYTES(field));
    at = put_varint(at, size);
    for (size_t i = 0; i < page->count; i++)
        at = put_item(at, &page->items[i]);
    if (cursor_bytes)
        at = put_bytes(at, 2, cursor, cursor_bytes);
    at = put_varint(at, TAG_VARINT(3));
    at = put_varint(at, page->end);
    if (further.size > 0)
        memcpy(at, further.data, further.size);
    return frame;
}

size_t also_shared_bytes(const struct text *names, size_t count, uint32_t total)
{
    size_t size = framing_varint_bytes(TAG_VARINT(SHARE_ALSO_SHARED_COUNT)) + framing_varint_bytes(total);

    for (size_t i = 0; i < count; i++)
        size += bytes_field_size(SHARE_ALSO_SHARED_BY, names[i].size);
    return size;
}

void also_shared_write(const struct text *names, size_t count, uint32_t total, uint8_t *out)
{
    for (size_t i = 0; i < count; i++)
        out = put_bytes(out, SHARE_ALSO_SHARED_BY, names[i].data, names[i].size);
    out = put_varint(out, TAG_VARINT(SHARE_ALSO_SHARED_COUNT));
    put_varint(out, total);
}

struct frame *frame_of_one_share(const struct feed_item *item)
{
    size_t size = bytes_field_size(1, item->share_bytes);
    struct frame *frame = frame_new(bytes_field_size(FRAME_GET_SHARE, size));

    if (!frame)
        return NULL;
    uint8_t *at = put_varint(frame->bytes, TAG_BYTES(FRAME_GET_SHARE));
    at = put_varint(at, size);
    put_bytes(at, 1, share_of(item), item->share_bytes);
    return frame;
}

struct frame *frame_of_subjects(bool found, const struct feed_subjects *subjects, const struct text *ids)
{
    uint32_t field = found ? FRAME_FIND_SUBJECTS : FRAME_GET_SUBJECTS;
    size_t size = subjects->next.size > 0 ? bytes_field_size(2, subjects->next.size) : 0;

    for (size_t i = 0; i < subjects->count; i++) {
        size_t record = subjects->records[i].size;

        size += bytes_field_size(1, record > 0 ? record : bytes_field_size(1, ids[i].size));
    }
    struct frame *frame = frame_new(bytes_field_size(field, size));
    if (!frame)
        return NULL;
    uint8_t *at = put_varint(frame->bytes, TAG_BYTES(field));
    at = put_varint(at, size);
    for (size_t i = 0; i < subjects->count; i++) {
        struct text record = subjects->records[i];

        if (record.size > 0) {
            at = put_bytes(at, 1, record.data, record.size);
            continue;
        }
        at = put_varint(at, TAG_BYTES(1));
        at = put_varint(at, bytes_field_size(1, ids[i].size));
        at = put_bytes(at, 1, ids[i].data, ids[i].size);
    }
    if (subjects->next.size > 0)
        put_bytes(at, 2, subjects->next.data, subjects->next.size);
    return frame;
}

struct frame *frame_of_deletion(uint64_t id, uint64_t share_id, struct text author)
{
    char name[256];
    Feed__Deleted deleted = FEED__DELETED__INIT;
    Feed__ServerFrame message = FEED__SERVER_FRAME__INIT;

    snprintf(name, sizeof(name), "%.*s", (int)author.size, author.data);
    deleted.id = id;
    deleted.share_id = share_id;
    deleted.author = name;
    message.body_case = FEED__SERVER_FRAME__BODY_DELETED;
    message.deleted = &deleted;
    return at_position(frame_pack(&message), id);
}

struct frame *frame_of_subject_deletion(uint64_t id, struct text subject)
{
    char name[256];
    Feed__SubjectDeleted deleted = FEED__SUBJECT_DELETED__INIT;
    Feed__ServerFrame message = FEED__SERVER_FRAME__INIT;

    snprintf(name, sizeof(name), "%.*s", (int)subject.size, subject.data);
    deleted.id = id;
    deleted.subject = name;
    message.body_case = FEED__SERVER_FRAME__BODY_SUBJECT_DELETED;
    message.subject_deleted = &deleted;
    return at_position(frame_pack(&message), id);
}

/* protobuf-c wants its bytes writable; it does not write them. */
static ProtobufCBinaryData bytes_of(const uint8_t *data, size_t size, uint8_t copy[TOKEN_BYTES_MAX])
{
    if (size > 0)
        memcpy(copy, data, size);
    return (ProtobufCBinaryData){.len = size, .data = copy};
}

struct frame *frame_of_caught_up(const uint8_t *token, size_t token_bytes)
{
    uint8_t copy[TOKEN_BYTES_MAX];
    Feed__CaughtUp caught_up = FEED__CAUGHT_UP__INIT;
    Feed__ServerFrame message = FEED__SERVER_FRAME__INIT;

    caught_up.resume_token = bytes_of(token, token_bytes, copy);
    message.body_case = FEED__SERVER_FRAME__BODY_CAUGHT_UP;
    message.caught_up = &caught_up;
    return at_position(frame_pack(&message), FRAME_TOKEN);
}

struct frame *frame_of_heartbeat(const uint8_t *token, size_t token_bytes, bool degraded)
{
    uint8_t copy[TOKEN_BYTES_MAX];
    Feed__Heartbeat heartbeat = FEED__HEARTBEAT__INIT;
    Feed__ServerFrame message = FEED__SERVER_FRAME__INIT;

    heartbeat.resume_token = bytes_of(token, token_bytes, copy);
    heartbeat.degraded = degraded;
    message.body_case = FEED__SERVER_FRAME__BODY_HEARTBEAT;
    message.heartbeat = &heartbeat;
    return at_position(frame_pack(&message), FRAME_TOKEN);
}

struct frame *frame_of_gap(Feed__GapReason reason, const uint64_t *ranges, size_t count)
{
    Feed__GapRange items[PARTITIONS_MAX], *pointers[PARTITIONS_MAX];
    Feed__Gap gap = FEED__GAP__INIT;
    Feed__ServerFrame message = FEED__SERVER_FRAME__INIT;

    for (size_t i = 0; i < count; i++) {
        feed__gap_range__init(&items[i]);
        items[i].after = ranges[2 * i];
        items[i].until = ranges[2 * i + 1];
        pointers[i] = &items[i];
    }
    gap.reason = reason;
    gap.n_ranges = count;
    gap.ranges = pointers;
    message.body_case = FEED__SERVER_FRAME__BODY_GAP;
    message.gap = &gap;
    return frame_pack(&message);
}

struct frame *frame_of_read_marker(const struct feed_unread *unread)
{
    Feed__ReadMarker marker = FEED__READ_MARKER__INIT;
    Feed__ServerFrame message = FEED__SERVER_FRAME__INIT;

    marker.marker = unread->marker;
    marker.unread = unread->count;
    marker.more = unread->more;
    message.body_case = FEED__SERVER_FRAME__BODY_READ_MARKER;
    message.read_marker = &marker;
    return frame_pack(&message);
}

struct frame *frame_of_notice(const struct feed_notice *notice)
{
    char actor[256];
    Feed__Notice told = FEED__NOTICE__INIT;
    Feed__Noticed noticed = FEED__NOTICED__INIT;
    Feed__ServerFrame message = FEED__SERVER_FRAME__INIT;

    snprintf(actor, sizeof(actor), "%.*s", (int)notice->actor.size, notice->actor.data);
    told.id = notice->id;
    told.kind = notice->kind;
    told.actor = actor;
    told.share_id = notice->share;
    told.cause_id = notice->cause;
    told.created_at_ms = id_wall_ms(notice->id);
    noticed.notice = &told;
    message.body_case = FEED__SERVER_FRAME__BODY_NOTICED;
    message.noticed = &noticed;
    return at_position(frame_pack(&message), notice->id);
}
