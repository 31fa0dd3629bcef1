/* Shares in their frames. A share travels as the bytes in which it was committed. What is known of it by now stands behind them:
 * what is counted of it, the author's name, and of a re-share what it is of. All of that is written, and found again, by hand. */
#include "feed/frames.h"

#include <string.h>

#include "feed/internal.h"
#include "feed/wire.h"

/* Field numbers of feed.proto. */
#define SHARE_AUTHOR 2
#define SHARE_URL 3
#define SHARE_COMMENT_COUNT 10
#define SHARE_ORIGIN 11
#define SHARE_RESHARE_COUNT 12
#define SHARE_RESHARED_BY 13
#define SHARE_RESHARED_BY_COUNT 14
#define SHARE_AUTHOR_NAME 16
#define SHARE_ALSO_SHARED_BY 20
#define SHARE_ALSO_SHARED_COUNT 21
#define SHARE_CANONICAL_URL 22
#define FRAME_SHARED 32
#define FRAME_EDITED 40
#define FRAME_RESHARED 41

/* ---- what was committed ---- */

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

/* A share has no fields but varints and what has a length. */
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

/* The origin was committed with its id, which comes first, and its author. */
bool origin_of_body(struct text body, struct origin *ret_origin)
{
    struct text origin = text_of_body(body, SHARE_ORIGIN);
    const uint8_t *at = (const uint8_t *)origin.data;
    uint64_t tag, id;

    if (!origin.data || !read_varint(&at, at + origin.size, &tag) || tag != TAG_VARINT(1) ||
        !read_varint(&at, (const uint8_t *)origin.data + origin.size, &id))
        return false;
    *ret_origin = (struct origin){id, author_of_body(origin)};
    return id != 0 && ret_origin->author.size > 0;
}

/* ---- frames ---- */

#define COUNTS_BYTES_MAX 12

static size_t write_counts(const struct share_counts *counts, uint8_t out[COUNTS_BYTES_MAX])
{
    uint8_t *at = out;

    if (counts && counts->comments > 0) {
        at = put_varint(at, TAG_VARINT(SHARE_COMMENT_COUNT));
        at = put_varint(at, counts->comments);
    }
    if (counts && counts->reshares > 0) {
        at = put_varint(at, TAG_VARINT(SHARE_RESHARE_COUNT));
        at = put_varint(at, counts->reshares);
    }
    return (size_t)(at - out);
}

/* What a share's frame is made of. */
struct share_texts {
    struct text body;
    struct text name;
    struct text origin; /* no data: none. Where there is one the name stands in front of it, even if it is empty */
};

static struct frame *frame_of_texts(uint64_t id, const struct share_texts *texts, const struct share_counts *counts,
                                    uint32_t *ret_share_bytes)
{
    uint8_t counted[COUNTS_BYTES_MAX];
    size_t counted_bytes = write_counts(counts, counted);
    bool is_named = texts->name.size > 0 || texts->origin.data;
    size_t share_bytes = 1 + framing_varint_bytes(id) + texts->body.size + counted_bytes +
                         (is_named ? bytes_field_size(SHARE_AUTHOR_NAME, texts->name.size) : 0) +
                         (texts->origin.data ? bytes_field_size(SHARE_ORIGIN, texts->origin.size) : 0);
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
    memcpy(at, texts->body.data, texts->body.size);
    memcpy(at + texts->body.size, counted, counted_bytes);
    at += texts->body.size + counted_bytes;
    if (is_named)
        at = put_bytes(at, SHARE_AUTHOR_NAME, texts->name.size > 0 ? texts->name.data : "", texts->name.size);
    if (texts->origin.data)
        put_bytes(at, SHARE_ORIGIN, texts->origin.data, texts->origin.size);
    *ret_share_bytes = (uint32_t)share_bytes;
    frame->position = id;
    return frame;
}

struct frame *frame_of_share(uint64_t id, struct text body, const struct share_counts *counts, struct text name,
                             uint32_t *ret_share_bytes)
{
    return frame_of_texts(id, &(struct share_texts){.body = body, .name = name}, counts, ret_share_bytes);
}

/* ---- the same, found again ---- */

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

static struct text between(const uint8_t *from, const uint8_t *to)
{
    return (struct text){(const char *)from, (size_t)(to - from)};
}

/* What a field holds; no data where it would only stand. */
static struct text held_by(const uint8_t *field, const uint8_t *end)
{
    uint64_t tag, size;

    if (field == end)
        return (struct text){NULL, 0};
    field = get_varint(get_varint(field, &tag), &size);
    return between(field, field + size);
}

/* A share in its frame: its id, what was committed, what is counted, the author's name, and the origin. */
struct share_parts {
    const uint8_t *share, *body, *counts, *name, *origin, *end;
};

static struct share_parts parts_of(const struct frame *share)
{
    struct share_parts parts = {.end = share->bytes + share->size};
    const uint8_t *at = share->bytes;
    uint64_t value;

    at = get_varint(get_varint(at, &value), &value); /* Shared */
    parts.share = get_varint(get_varint(at, &value), &value); /* its Share */
    parts.body = get_varint(get_varint(parts.share, &value), &value);
    parts.name = find_field(parts.body, parts.end, TAG_BYTES(SHARE_AUTHOR_NAME));
    parts.origin = parts.name < parts.end ? skip_field(parts.name) : parts.end;
    parts.counts = find_field(parts.body, parts.name, TAG_VARINT(SHARE_COMMENT_COUNT));
    if (parts.counts == parts.name)
        parts.counts = find_field(parts.body, parts.name, TAG_VARINT(SHARE_RESHARE_COUNT));
    return parts;
}

struct frame *frame_of_share_renamed(const struct frame *share, struct text name, uint32_t *ret_share_bytes)
{
    struct share_parts parts = parts_of(share);
    const struct share_texts texts = {between(parts.body, parts.name), name, held_by(parts.origin, parts.end)};

    return frame_of_texts(share->position, &texts, NULL, ret_share_bytes);
}

struct frame *frame_of_share_revised(const struct frame *share, const struct share_counts *counts, struct text body,
                                     uint32_t *ret_share_bytes)
{
    struct share_parts parts = parts_of(share);
    const struct share_texts texts = {body.data ? body : between(parts.body, parts.counts), held_by(parts.name, parts.end),
                                      held_by(parts.origin, parts.end)};

    return frame_of_texts(share->position, &texts, counts, ret_share_bytes);
}

struct frame *frame_of_reshare(const struct frame *share, struct text origin)
{
    struct share_parts parts = parts_of(share);
    const struct share_texts texts = {between(parts.body, parts.name), held_by(parts.name, parts.end), origin};
    uint32_t share_bytes;

    return frame_of_texts(share->position, &texts, NULL, &share_bytes);
}

struct text origin_in_frame(const struct frame *reshare)
{
    struct share_parts parts = parts_of(reshare);

    return held_by(parts.origin, parts.end);
}

struct frame *frame_of_joining(const struct frame *reshare)
{
    struct share_parts parts = parts_of(reshare);
    struct text share = between(parts.share, parts.origin);
    size_t size = bytes_field_size(1, share.size);
    struct frame *frame = frame_new(bytes_field_size(FRAME_RESHARED, size));

    if (!frame)
        return NULL;
    uint8_t *at = put_varint(frame->bytes, TAG_BYTES(FRAME_RESHARED));
    at = put_varint(at, size);
    put_bytes(at, 1, share.data, share.size);
    frame->position = reshare->position;
    return frame;
}

/* ---- shares that were fetched ---- */

struct text origin_of_item(const struct feed_item *item)
{
    const struct frame *origin = item->origin_frame;

    return origin ? between(origin->bytes + origin->size - item->origin_bytes, origin->bytes + origin->size)
                  : (struct text){NULL, 0};
}

size_t item_further_bytes(const struct feed_item *item)
{
    return item->also.size + (item->origin_frame ? bytes_field_size(SHARE_ORIGIN, item->origin_bytes) : 0);
}

/* Fields that stand behind a share's own are its own. */
uint8_t *item_write_further(const struct feed_item *item, uint8_t *at)
{
    struct text origin = origin_of_item(item);

    if (item->also.size > 0)
        memcpy(at, item->also.data, item->also.size);
    at += item->also.size;
    return origin.data ? put_bytes(at, SHARE_ORIGIN, origin.data, origin.size) : at;
}

struct frame *frame_of_item(const struct feed_item *item)
{
    return item->origin_frame ? frame_of_reshare(item->frame, origin_of_item(item)) : frame_ref(item->frame);
}

struct frame *frame_of_edit(uint64_t id, const struct feed_item *item)
{
    size_t share_bytes = item_bytes(item), size = 1 + framing_varint_bytes(id) + bytes_field_size(2, share_bytes);
    struct frame *frame = frame_new(bytes_field_size(FRAME_EDITED, size));

    if (!frame)
        return NULL;
    uint8_t *at = put_varint(frame->bytes, TAG_BYTES(FRAME_EDITED));
    at = put_varint(at, size);
    at = put_varint(at, TAG_VARINT(1));
    at = put_varint(at, id);
    at = put_varint(at, TAG_BYTES(2));
    at = put_varint(at, share_bytes);
    item_write(item, at);
    frame->position = id;
    return frame;
}

/* ---- others who shared ---- */

static const struct {
    uint32_t names, count;
} names_fields[] = {
    [NAMES_ALSO_SHARED] = {SHARE_ALSO_SHARED_BY, SHARE_ALSO_SHARED_COUNT},
    [NAMES_RESHARED] = {SHARE_RESHARED_BY, SHARE_RESHARED_BY_COUNT},
};

size_t share_names_bytes(enum names_field field, const struct text *names, size_t count, uint32_t total)
{
    size_t size = framing_varint_bytes(TAG_VARINT(names_fields[field].count)) + framing_varint_bytes(total);

    for (size_t i = 0; i < count; i++)
        size += bytes_field_size(names_fields[field].names, names[i].size);
    return size;
}

void share_names_write(enum names_field field, const struct text *names, size_t count, uint32_t total, uint8_t *out)
{
    for (size_t i = 0; i < count; i++)
        out = put_bytes(out, names_fields[field].names, names[i].data, names[i].size);
    out = put_varint(out, TAG_VARINT(names_fields[field].count));
    put_varint(out, total);
}
