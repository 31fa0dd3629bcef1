#include "feed_wire.h"

#include <string.h>

#define WIRE_VARINT 0
#define WIRE_BYTES 2

/* Returns the bytes of the varint at the front, 0 if it has not come as a whole. */
static size_t read_varint(const uint8_t *data, size_t bytes, uint64_t *ret_value)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes && i < 10; i++) {
        value |= (uint64_t)(data[i] & 0x7f) << (7 * i);
        if (!(data[i] & 0x80)) {
            *ret_value = value;
            return i + 1;
        }
    }
    return 0;
}

bool feed_next_field(struct feed_text *message, struct feed_field *ret_field)
{
    uint64_t tag;
    size_t taken = read_varint(message->data, message->bytes, &tag);
    size_t more = taken ? read_varint(message->data + taken, message->bytes - taken, &ret_field->value) : 0;

    if (more == 0)
        return false;
    taken += more;
    ret_field->number = (uint32_t)(tag >> 3);
    ret_field->text = (struct feed_text){message->data + taken, 0};
    if ((tag & 7) == WIRE_BYTES) {
        if (ret_field->value > message->bytes - taken)
            return false;
        ret_field->text.bytes = (size_t)ret_field->value;
        taken += ret_field->text.bytes;
    }
    message->data += taken;
    message->bytes -= taken;
    return true;
}

bool feed_find_field(struct feed_text message, uint32_t number, struct feed_field *ret_field)
{
    while (feed_next_field(&message, ret_field))
        if (ret_field->number == number)
            return true;
    return false;
}

size_t feed_next_frame(const uint8_t *data, size_t bytes, struct feed_frame *ret_frame)
{
    uint64_t length;
    size_t head = read_varint(data, bytes, &length);
    struct feed_text rest = {data + head, (size_t)length};
    struct feed_field field;

    if (head == 0 || bytes - head < length)
        return 0;
    *ret_frame = (struct feed_frame){0};
    while (feed_next_field(&rest, &field)) {
        if (field.number == 1) {
            ret_frame->request_id = (uint32_t)field.value;
        } else {
            ret_frame->body = field.number;
            ret_frame->message = field.text;
        }
    }
    return head + (size_t)length;
}

struct feed_text feed_title_of_shared(struct feed_text message, uint64_t *ret_id)
{
    struct feed_text title = {NULL, 0};
    struct feed_field field;

    *ret_id = 0;
    if (!feed_next_field(&message, &field) || field.number != 1)
        return title;
    message = field.text;
    while (feed_next_field(&message, &field)) {
        if (field.number == 1)
            *ret_id = field.value;
        else if (field.number == 4)
            title = field.text;
    }
    return title;
}

static size_t varint_bytes(uint64_t value)
{
    size_t bytes = 1;

    while (value >>= 7)
        bytes++;
    return bytes;
}

static void add_varint(struct buffer *buffer, uint64_t value)
{
    uint8_t *room = buffer_room(buffer, 10);
    size_t bytes = 0;

    while (value > 0x7f) {
        room[bytes++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    room[bytes++] = (uint8_t)value;
    buffer->end += bytes;
}

/* A field of a request: text if it has any, else a number; left out where it is empty or 0. */
struct part {
    uint32_t number;
    struct feed_text text;
    uint64_t value;
};

static size_t part_bytes(const struct part *part)
{
    if (part->text.bytes > 0)
        return varint_bytes((uint64_t)part->number << 3) + varint_bytes(part->text.bytes) + part->text.bytes;
    return part->value > 0 ? varint_bytes((uint64_t)part->number << 3) + varint_bytes(part->value) : 0;
}

static void add_part(struct buffer *buffer, const struct part *part)
{
    if (part->text.bytes > 0) {
        add_varint(buffer, (uint64_t)part->number << 3 | WIRE_BYTES);
        add_varint(buffer, part->text.bytes);
        buffer_add(buffer, part->text.data, part->text.bytes);
    } else if (part->value > 0) {
        add_varint(buffer, (uint64_t)part->number << 3 | WIRE_VARINT);
        add_varint(buffer, part->value);
    }
}

static void add_request(struct buffer *buffer, uint32_t request_id, uint32_t body, const struct part *parts, size_t count)
{
    struct part id = {.number = 1, .value = request_id};
    size_t message = 0;

    for (size_t i = 0; i < count; i++)
        message += part_bytes(&parts[i]);
    add_varint(buffer, part_bytes(&id) + varint_bytes((uint64_t)body << 3) + varint_bytes(message) + message);
    add_part(buffer, &id);
    add_varint(buffer, (uint64_t)body << 3 | WIRE_BYTES);
    add_varint(buffer, message);
    for (size_t i = 0; i < count; i++)
        add_part(buffer, &parts[i]);
}

static struct feed_text text_of(const char *string)
{
    return (struct feed_text){(const uint8_t *)string, strlen(string)};
}

void feed_add_hello(struct buffer *buffer, uint32_t request_id)
{
    const struct part parts[] = {{.number = 1, .value = 1}, {.number = 2, .text = text_of("feedbench")}};

    add_request(buffer, request_id, FEED_HELLO, parts, 2);
}

void feed_add_subscribe(struct buffer *buffer, uint32_t request_id, bool home, const char *name, struct feed_text token)
{
    const struct part parts[] = {{.number = home ? 1 : 2, .text = text_of(name)}, {.number = 3, .text = token}};

    add_request(buffer, request_id, FEED_SUBSCRIBE, parts, 2);
}

void feed_add_share(struct buffer *buffer, uint32_t request_id, const char *author, struct feed_text title)
{
    const struct part parts[] = {
        {.number = 1, .text = text_of(author)}, {.number = 2, .text = text_of(FEED_URL)}, {.number = 3, .text = title}};

    add_request(buffer, request_id, FEED_SHARE, parts, 3);
}

void feed_add_read(struct buffer *buffer, uint32_t request_id, enum feed_body which, const char *name, uint32_t limit)
{
    const struct part parts[] = {{.number = 1, .text = text_of(name)}, {.number = 2, .value = limit}};

    add_request(buffer, request_id, which, parts, 2);
}

void feed_add_follow(struct buffer *buffer, uint32_t request_id, enum feed_body which, const char *reader, const char *subject)
{
    const struct part parts[] = {{.number = 1, .text = text_of(reader)}, {.number = 2, .text = text_of(subject)}};

    add_request(buffer, request_id, which, parts, 2);
}
