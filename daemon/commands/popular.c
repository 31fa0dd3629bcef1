/* GetPopular: what has most. */
#include "commands/internal.h"

#define ITEM_OVERHEAD_BYTES 32

static void *allocate(void *request, size_t size)
{
    return request_grow(request, size);
}

static void keep(void *request, void *memory)
{
    (void)request;
    (void)memory;
}

/* False if memory ended. */
static bool fill_item(struct request *request, const struct feed_popular_item *found, Feed__PopularItem *ret_item)
{
    ProtobufCAllocator allocator = {allocate, keep, request};
    uint8_t *share;

    feed__popular_item__init(ret_item);
    ret_item->count = found->count;
    if (!found->share) {
        ret_item->subject = request_copy(request, found->subject);
        return ret_item->subject != NULL;
    }
    ret_item->url = request_copy(request, feed_destination_of(found->share));
    if (found->is_hidden)
        return ret_item->url != NULL;
    share = request_grow(request, item_bytes(found->share));
    if (share) {
        item_write(found->share, share);
        ret_item->share = feed__share__unpack(&allocator, item_bytes(found->share), share);
    }
    return ret_item->url && ret_item->share;
}

static void on_popular(void *context, Feed__ErrorCode error, const struct feed_popular *popular)
{
    struct request *request = context;
    Feed__GetPopularReply reply = FEED__GET_POPULAR_REPLY__INIT;
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;
    size_t room = (size_t)request->commands->config->max_frame_bytes;

    if (error != FEED_OK) {
        request_fail_code(request, error);
        return;
    }
    Feed__PopularItem *items = allocate(request, (popular->count + 1) * sizeof(*items));
    reply.items = allocate(request, (popular->count + 1) * sizeof(*reply.items));
    for (size_t i = 0; items && reply.items && i < popular->count; i++) {
        if (!fill_item(request, &popular->items[i], &items[i])) {
            request_fail_memory(request);
            return;
        }
        size_t size = feed__popular_item__get_packed_size(&items[i]) + ITEM_OVERHEAD_BYTES;
        if (size > room)
            break;
        room -= size;
        reply.items[reply.n_items++] = &items[i];
    }
    if (!items || !reply.items) {
        request_fail_memory(request);
        return;
    }
    reply.error = popular->error;
    frame.body_case = FEED__SERVER_FRAME__BODY_GET_POPULAR;
    frame.get_popular = &reply;
    request_reply(request, &frame);
}

static void run_get_popular(struct request *request)
{
    const Feed__GetPopularRequest *get = request->frame->get_popular;
    const ProtobufCEnumValue *kind = protobuf_c_enum_descriptor_get_value(&feed__popular_kind__descriptor, (int)get->kind);

    if (!kind || kind->value == FEED__POPULAR_KIND__POPULAR_KIND_UNSPECIFIED)
        request_fail(request, FEED__ERROR_CODE__INVALID, "kind", 0, "kind must be one of PopularKind");
    else if (!protobuf_c_enum_descriptor_get_value(&feed__popular_window__descriptor, (int)get->window))
        request_fail(request, FEED__ERROR_CODE__INVALID, "window", 0, "window must be one of PopularWindow");
    else if (check_reader(request, get->reader))
        feed_read_popular(request->commands->feed, text_of(get->reader), get->kind, get->window,
                          page_limit(request, get->limit), on_popular, request);
}

const struct command_row command_get_popular = {
    .kind = FEED__CLIENT_FRAME__REQUEST_GET_POPULAR,
    .order = ORDER_READ,
    .sees_writes = true,
    .run = run_get_popular,
};
