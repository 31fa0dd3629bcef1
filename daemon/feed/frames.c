/* See frames.h. Shares travel as the bytes in which they were committed (frames_share.c); what stands around them is written here,
 * by hand, in the protobuf wire format. */
#include "feed/frames.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feed/internal.h"
#include "feed/wire.h"

/* Field numbers of feed.proto. */
#define FRAME_GET_SHARE 6
#define FRAME_GET_SUBJECTS 22
#define FRAME_FIND_SUBJECTS 23

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

/* A share with what is told of it beside itself. */
static uint8_t *put_item(uint8_t *at, const struct feed_item *item)
{
    at = put_varint(at, TAG_BYTES(1));
    at = put_varint(at, item_bytes(item));
    return item_write(item, at);
}

struct frame *frame_of_page(uint32_t field, const struct feed_page *page, struct text further)
{
    char cursor[24] = "";
    size_t cursor_bytes = 0, size = 0;

    if (page->end == FEED__PAGE_END__MORE && page->count > 0)
        cursor_bytes = (size_t)snprintf(cursor, sizeof(cursor), "%" PRIu64, page->items[page->count - 1].id);
    for (size_t i = 0; i < page->count; i++)
        size += bytes_field_size(1, item_bytes(&page->items[i]));
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

struct frame *frame_of_one_share(const struct feed_item *item)
{
    size_t size = bytes_field_size(1, item_bytes(item));
    struct frame *frame = frame_new(bytes_field_size(FRAME_GET_SHARE, size));

    if (!frame)
        return NULL;
    uint8_t *at = put_varint(frame->bytes, TAG_BYTES(FRAME_GET_SHARE));
    at = put_varint(at, size);
    put_item(at, item);
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
