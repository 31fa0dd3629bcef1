/* See reply.h. A struct reply is hiredis's redisReply under another name. */
#include "store/reply.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

static const redisReply *inner(const struct reply *reply)
{
    return (const redisReply *)(const void *)reply;
}

int reply_error(const struct reply *reply)
{
    static const char *const passing[] = {"LOADING", "OOM",     "READONLY", "MISCONF",    "BUSY",        "TRYAGAIN",
                                          "GHOST",   "NOSCRIPT", "CLOCK",    "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN"};

    if (!reply)
        return -EPIPE;
    if (inner(reply)->type != REDIS_REPLY_ERROR)
        return 0;
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
        size_t size = strlen(passing[i]);
        const char *message = inner(reply)->str;

        if (strncmp(message, passing[i], size) == 0 && (message[size] == ' ' || message[size] == '\0'))
            return -EAGAIN;
    }
    return -EPROTO;
}

const char *reply_message(const struct reply *reply)
{
    return reply && inner(reply)->type == REDIS_REPLY_ERROR ? inner(reply)->str : "";
}

bool reply_is_null(const struct reply *reply)
{
    return !reply || inner(reply)->type == REDIS_REPLY_NIL;
}

size_t reply_count(const struct reply *reply)
{
    return reply && inner(reply)->type == REDIS_REPLY_ARRAY ? inner(reply)->elements : 0;
}

const struct reply *reply_at(const struct reply *reply, size_t index)
{
    return index < reply_count(reply) ? (const struct reply *)(const void *)inner(reply)->element[index] : NULL;
}

struct text reply_text(const struct reply *reply)
{
    if (!reply || (inner(reply)->type != REDIS_REPLY_STRING && inner(reply)->type != REDIS_REPLY_STATUS))
        return (struct text){"", 0};
    return (struct text){inner(reply)->str, (size_t)inner(reply)->len};
}

int64_t reply_number(const struct reply *reply)
{
    if (!reply)
        return 0;
    if (inner(reply)->type == REDIS_REPLY_INTEGER)
        return inner(reply)->integer;
    if (inner(reply)->type != REDIS_REPLY_STRING)
        return 0;
    const char *digits = inner(reply)->str;
    return strpbrk(digits, ".eE") ? (int64_t)strtod(digits, NULL) : strtoll(digits, NULL, 10);
}

uint64_t reply_id(const struct reply *reply)
{
    return (uint64_t)reply_number(reply);
}
