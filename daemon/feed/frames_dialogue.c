/* Frames of dialogues. A comment travels as the bytes in which it was committed, like a share: see frames.c. */
#include <inttypes.h>
#include <stdio.h>

#include "feed/frames.h"
#include "feed/internal.h"
#include "feed/wire.h"

#define FRAME_GET_DIALOGUE 18
#define FRAME_COMMENTED 38

/* A feed.Comment: its id, then what was committed, or what is left of one that was deleted. */
#define COMMENT_HEAD_BYTES_MAX 40

static size_t comment_head(uint64_t share, const struct feed_dialogue_item *item, uint8_t out[COMMENT_HEAD_BYTES_MAX])
{
    uint8_t *at = put_varint(out, TAG_VARINT(1));

    at = put_varint(at, item->id);
    if (item->body.size > 0)
        return (size_t)(at - out);
    at = put_varint(at, TAG_VARINT(3));
    at = put_varint(at, share);
    if (item->parent != 0) {
        at = put_varint(at, TAG_VARINT(4));
        at = put_varint(at, item->parent);
    }
    at = put_varint(at, TAG_VARINT(7));
    at = put_varint(at, 1);
    return (size_t)(at - out);
}

/* How it stands in a field. */
static uint8_t *put_comment(uint8_t *at, uint32_t field, uint64_t share, const struct feed_dialogue_item *item)
{
    uint8_t head[COMMENT_HEAD_BYTES_MAX];
    size_t head_bytes = comment_head(share, item, head);

    at = put_varint(at, TAG_BYTES(field));
    at = put_varint(at, head_bytes + item->body.size);
    memcpy(at, head, head_bytes);
    memcpy(at + head_bytes, item->body.data, item->body.size);
    return at + head_bytes + item->body.size;
}

size_t comment_bytes(uint64_t share, const struct feed_dialogue_item *item)
{
    uint8_t head[COMMENT_HEAD_BYTES_MAX];

    return bytes_field_size(1, comment_head(share, item, head) + item->body.size);
}

struct frame *frame_of_dialogue(const struct feed_dialogue *page)
{
    char cursor[24] = "";
    size_t cursor_bytes = 0, size = page->comments > 0 ? 1 + framing_varint_bytes(page->comments) : 0;

    for (size_t i = 0; i < page->count; i++)
        size += comment_bytes(page->share, &page->items[i]);
    if (page->more && page->count > 0)
        cursor_bytes = (size_t)snprintf(cursor, sizeof(cursor), "%" PRIu64, page->items[page->count - 1].id);
    size += cursor_bytes ? bytes_field_size(2, cursor_bytes) : 0;
    struct frame *frame = frame_new(bytes_field_size(FRAME_GET_DIALOGUE, size));
    if (!frame)
        return NULL;

    uint8_t *at = put_varint(frame->bytes, TAG_BYTES(FRAME_GET_DIALOGUE));
    at = put_varint(at, size);
    for (size_t i = 0; i < page->count; i++)
        at = put_comment(at, 1, page->share, &page->items[i]);
    if (cursor_bytes)
        at = put_bytes(at, 2, cursor, cursor_bytes);
    if (page->comments > 0) {
        at = put_varint(at, TAG_VARINT(3));
        put_varint(at, page->comments);
    }
    return frame;
}

struct frame *frame_of_comment(uint64_t id, struct text body, struct text author)
{
    const struct feed_dialogue_item item = {.id = id, .body = body};
    size_t size = comment_bytes(0, &item) + bytes_field_size(2, author.size);
    struct frame *frame = frame_new(bytes_field_size(FRAME_COMMENTED, size));

    if (!frame)
        return NULL;
    uint8_t *at = put_varint(frame->bytes, TAG_BYTES(FRAME_COMMENTED));
    at = put_varint(at, size);
    at = put_comment(at, 1, 0, &item);
    put_bytes(at, 2, author.data, author.size);
    frame->position = id;
    return frame;
}

struct frame *frame_of_comment_deletion(uint64_t id, uint64_t comment, uint64_t share, struct text author)
{
    char name[256];
    Feed__CommentDeleted deleted = FEED__COMMENT_DELETED__INIT;
    Feed__ServerFrame message = FEED__SERVER_FRAME__INIT;

    snprintf(name, sizeof(name), "%.*s", (int)author.size, author.data);
    deleted.id = id;
    deleted.comment_id = comment;
    deleted.share_id = share;
    deleted.author = name;
    message.body_case = FEED__SERVER_FRAME__BODY_COMMENT_DELETED;
    message.comment_deleted = &deleted;
    struct frame *frame = frame_pack(&message);
    if (frame)
        frame->position = id;
    return frame;
}
