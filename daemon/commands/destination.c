/* GetDestination and GetSite: who shared what a url leads to, or something of a site, and what they said. */
#include <string.h>

#include "commands/internal.h"

/* What is answered beside the page. Its texts are in the request's memory. */
struct answer {
    char *url; /* NULL: of a site */
    char *site;
};

/* The fields of a reply behind those of its page, in the request's memory. False when that ends. */
static bool encode_further(struct request *request, const ProtobufCMessage *reply, struct text *ret_further)
{
    size_t size = protobuf_c_message_get_packed_size(reply);
    uint8_t *bytes = request_grow(request, size + 1);

    if (!bytes)
        return false;
    *ret_further = (struct text){(const char *)bytes, protobuf_c_message_pack(reply, bytes)};
    return true;
}

static void on_sharers(void *context, Feed__ErrorCode error, const struct feed_sharers *sharers)
{
    struct request *request = context;
    const struct answer *answer = request->state;
    Feed__GetDestinationReply destination = FEED__GET_DESTINATION_REPLY__INIT;
    Feed__GetSiteReply site = FEED__GET_SITE_REPLY__INIT;
    struct text further;

    if (error != FEED_OK) {
        request_fail_code(request, error);
        return;
    }
    destination.site = site.site = answer->site;
    destination.sharers = site.sharers = sharers->total;
    destination.followed = site.followed = sharers->followed;
    destination.url = answer->url;
    if (!encode_further(request, answer->url ? &destination.base : &site.base, &further)) {
        request_fail_memory(request);
        return;
    }
    request_reply_page(request, sharers->page, further);
}

/* `url` false: of the destination's site. */
static void read_sharers(struct request *request, const struct destination *destination, bool url, const char *reader,
                         uint64_t before, uint32_t limit)
{
    struct answer *answer = request->state = request_allocate(request, sizeof(*answer));

    if (answer)
        *answer = (struct answer){url ? request_copy(request, text_of(destination->url)) : NULL, request_copy(request, text_of(destination->site))};
    if (!answer || !answer->site || (url && !answer->url)) {
        request_fail_memory(request);
        return;
    }
    feed_read_sharers(request->commands->feed, !url, text_of(url ? answer->url : answer->site), text_of(reader), before,
                      page_limit(request, limit), on_sharers, request);
}

static void run_get_destination(struct request *request)
{
    const Feed__GetDestinationRequest *get = request->frame->get_destination;
    struct destination destination;
    uint64_t before;

    if (check_destination(request, "url", get->url, &destination) &&
        check_reader(request, get->reader) && check_cursor(request, "before", get->before, &before))
        read_sharers(request, &destination, true, get->reader, before, get->limit);
}

const struct command_row command_get_destination = {
    .kind = FEED__CLIENT_FRAME__REQUEST_GET_DESTINATION,
    .order = ORDER_READ,
    .sees_writes = true,
    .run = run_get_destination,
};

/* A host's name says which site it belongs to. */
static bool check_site(struct request *request, const char *host, struct destination *ret_destination)
{
    char url[DESTINATION_SITE_BYTES + 8];
    const char *fault = "";
    size_t size = strlen(host);
    int error = -1;

    if (size > 0 && size < DESTINATION_SITE_BYTES && !strpbrk(host, "/?#@\\")) {
        memcpy(url, "http://", 7);
        memcpy(url + 7, host, size + 1);
        error = destination_of_url(url, ret_destination, &fault);
    }
    if (error < 0)
        request_fail(request, FEED__ERROR_CODE__INVALID, "site", DESTINATION_SITE_BYTES - 1, "site must be the name of a host");
    return error == 0;
}

static void run_get_site(struct request *request)
{
    const Feed__GetSiteRequest *get = request->frame->get_site;
    struct destination destination;
    uint64_t before;

    if (check_site(request, get->site, &destination) &&
        check_reader(request, get->reader) && check_cursor(request, "before", get->before, &before))
        read_sharers(request, &destination, false, get->reader, before, get->limit);
}

const struct command_row command_get_site = {
    .kind = FEED__CLIENT_FRAME__REQUEST_GET_SITE,
    .order = ORDER_READ,
    .sees_writes = true,
    .run = run_get_site,
};
