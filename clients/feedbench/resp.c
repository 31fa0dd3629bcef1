#include "resp.h"

#include <errno.h>
#include <inttypes.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define RECEIVE_BYTES (256 * 1024)

/* The number that a line states. Returns the bytes up to its end, 0 if that has not come. */
static size_t read_line(const uint8_t *data, size_t bytes, int64_t *ret_number)
{
    int64_t number = 0;
    size_t at = 1;
    bool negative = bytes > 1 && data[1] == '-';

    for (at += negative; at < bytes && data[at] >= '0' && data[at] <= '9'; at++)
        number = number * 10 + (data[at] - '0');
    if (at + 1 >= bytes)
        return 0;
    *ret_number = negative ? -number : number;
    return at + 2;
}

size_t resp_item(const uint8_t *data, size_t bytes, struct resp_item *ret_item)
{
    size_t head;

    if (bytes < 3)
        return 0;
    ret_item->type = (char)data[0];
    ret_item->text = data + 1;
    if (data[0] == '+' || data[0] == '-') {
        const uint8_t *end = memchr(data, '\r', bytes);

        if (!end || end + 1 >= data + bytes)
            return 0;
        ret_item->number = end - data - 1;
        return (size_t)(end - data) + 2;
    }
    head = read_line(data, bytes, &ret_item->number);
    if (head == 0 || data[0] != '$' || ret_item->number < 0)
        return head;
    ret_item->text = data + head;
    return bytes >= head + (size_t)ret_item->number + 2 ? head + (size_t)ret_item->number + 2 : 0;
}

size_t resp_reply_bytes(const uint8_t *data, size_t bytes)
{
    size_t done = 0;

    for (int64_t left = 1; left > 0; left--) {
        struct resp_item item;
        size_t taken = resp_item(data + done, bytes - done, &item);

        if (taken == 0)
            return 0;
        done += taken;
        if (item.type == '*' && item.number > 0)
            left += item.number;
    }
    return done;
}

static void add_head(struct buffer *buffer, char type, uint64_t number)
{
    char digits[24];
    size_t at = sizeof(digits);

    digits[--at] = '\n';
    digits[--at] = '\r';
    do
        digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    digits[--at] = type;
    buffer_add(buffer, digits + at, sizeof(digits) - at);
}

void resp_begin(struct buffer *buffer, unsigned count)
{
    add_head(buffer, '*', count);
}

void resp_word(struct buffer *buffer, const void *data, size_t bytes)
{
    add_head(buffer, '$', bytes);
    buffer_add(buffer, data, bytes);
    buffer_add(buffer, "\r\n", 2);
}

void resp_text(struct buffer *buffer, const char *text)
{
    resp_word(buffer, text, strlen(text));
}

void resp_number(struct buffer *buffer, uint64_t number)
{
    char digits[24];
    size_t at = sizeof(digits);

    do
        digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    resp_word(buffer, digits + at, sizeof(digits) - at);
}

void resp_command(struct buffer *buffer, ...)
{
    va_list words;
    unsigned count = 0;

    va_start(words, buffer);
    while (va_arg(words, const char *))
        count++;
    va_end(words);
    resp_begin(buffer, count);
    va_start(words, buffer);
    for (unsigned i = 0; i < count; i++)
        resp_text(buffer, va_arg(words, const char *));
    va_end(words);
}

int resp_open(struct resp_link *link, const struct wire_address *address)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    int error;

    *link = (struct resp_link){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (link->fd < 0)
        return -errno;
    snprintf(local.sun_path, sizeof(local.sun_path), "%s", address->path);
    if (connect(link->fd, (struct sockaddr *)&local, sizeof(local)) == 0)
        return 0;
    error = errno;
    resp_close(link);
    return -error;
}

void resp_close(struct resp_link *link)
{
    if (link->fd > 0)
        close(link->fd);
    buffer_done(&link->in);
    buffer_done(&link->out);
    link->fd = -1;
}

static int send_all(struct resp_link *link)
{
    struct buffer *out = &link->out;

    while (out->start < out->end) {
        ssize_t sent = send(link->fd, out->data + out->start, out->end - out->start, MSG_NOSIGNAL);

        if (sent < 0 && errno != EINTR)
            return -errno;
        if (sent > 0)
            out->start += (size_t)sent;
    }
    return 0;
}

int resp_exchange(struct resp_link *link, size_t commands, void (*fn)(void *context, const uint8_t *reply, size_t bytes),
                  void *context)
{
    struct buffer *in = &link->in;
    int result = send_all(link);

    while (result != -ECONNRESET && commands > 0) {
        size_t bytes = resp_reply_bytes(in->data + in->start, in->end - in->start);

        if (bytes > 0) {
            if (in->data[in->start] == '-')
                result = -EIO;
            if (fn)
                fn(context, in->data + in->start, bytes);
            in->start += bytes;
            commands--;
        } else {
            ssize_t received = recv(link->fd, buffer_room(in, RECEIVE_BYTES), RECEIVE_BYTES, 0);

            if (received > 0)
                in->end += (size_t)received;
            else if (received == 0 || errno != EINTR)
                result = -ECONNRESET;
        }
    }
    return result;
}

struct number_reply {
    int64_t number;
};

static void on_number(void *context, const uint8_t *reply, size_t bytes)
{
    struct resp_item item;

    if (resp_item(reply, bytes, &item) > 0 && item.type == ':')
        ((struct number_reply *)context)->number = item.number;
}

int64_t resp_ask_number(struct resp_link *link)
{
    struct number_reply reply = {-1};

    return resp_exchange(link, 1, on_number, &reply) == 0 ? reply.number : -1;
}

struct info_reply {
    const char *needle;
    uint64_t number;
};

static void on_info(void *context, const uint8_t *reply, size_t bytes)
{
    struct info_reply *wanted = context;
    const char *place = memmem(reply, bytes, wanted->needle, strlen(wanted->needle));

    if (place)
        wanted->number = strtoull(place + strlen(wanted->needle), NULL, 10);
}

uint64_t resp_ask_info(struct resp_link *link, const char *section, const char *needle)
{
    struct info_reply reply = {.needle = needle};

    resp_command(&link->out, "INFO", section, NULL);
    return resp_exchange(link, 1, on_info, &reply) == 0 ? reply.number : 0;
}

struct group_reply {
    int64_t pending;
    int64_t lag;
};

/* Names and values by turns, in one array within another. */
static void on_group(void *context, const uint8_t *reply, size_t bytes)
{
    struct group_reply *group = context;
    int64_t *wanted = NULL;
    size_t at = 0;
    size_t taken;
    struct resp_item item;

    while ((taken = resp_item(reply + at, bytes - at, &item)) > 0) {
        at += taken;
        if (item.type == ':' && wanted)
            *wanted = item.number;
        wanted = NULL;
        if (item.type == '$' && item.number == 7 && memcmp(item.text, "pending", 7) == 0)
            wanted = &group->pending;
        else if (item.type == '$' && item.number == 3 && memcmp(item.text, "lag", 3) == 0)
            wanted = &group->lag;
    }
}

bool resp_group_is_idle(struct resp_link *link, const char *stream)
{
    struct group_reply group = {-1, -1};

    resp_command(&link->out, "XINFO", "GROUPS", stream, NULL);
    return resp_exchange(link, 1, on_group, &group) == 0 && group.pending == 0 && group.lag == 0;
}
