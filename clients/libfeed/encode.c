/* From a request to the bytes of its frame. Which requests there are is told by the schema's own descriptor. */
#include "client.h"

#include <errno.h>
#include <string.h>

#include "framing.h"

uint32_t encode_kind(const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *frame = &feed__client_frame__descriptor;

    for (unsigned i = 0; i < frame->n_fields; i++)
        if (frame->fields[i].descriptor == message->descriptor)
            return frame->fields[i].id;
    return 0;
}

/* The frame around `message`. All members of the request's union are pointers to messages. */
static Feed__ClientFrame encode_wrap(uint32_t id, uint32_t kind, const ProtobufCMessage *message)
{
    Feed__ClientFrame frame = FEED__CLIENT_FRAME__INIT;

    frame.request_id = id;
    frame.request_case = (Feed__ClientFrame__RequestCase)kind;
    memcpy(&frame.hello, &message, sizeof message);
    return frame;
}

size_t encode_size(uint32_t id, uint32_t kind, const ProtobufCMessage *message)
{
    Feed__ClientFrame frame = encode_wrap(id, kind, message);
    size_t size = feed__client_frame__get_packed_size(&frame);

    return framing_varint_bytes(size) + size;
}

void encode_frame(uint32_t id, uint32_t kind, const ProtobufCMessage *message, uint8_t *out)
{
    Feed__ClientFrame frame = encode_wrap(id, kind, message);

    out += framing_write_varint(out, feed__client_frame__get_packed_size(&frame));
    feed__client_frame__pack(&frame, out);
}

int encode_output(struct feed_client *client, uint32_t id, uint32_t kind, const ProtobufCMessage *message)
{
    size_t size = encode_size(id, kind, message);
    uint8_t *out = bytes_reserve(&client->output, client->allocator, size);

    if (out == NULL)
        return -ENOMEM;
    encode_frame(id, kind, message, out);
    client->output.size += size;
    return 0;
}
