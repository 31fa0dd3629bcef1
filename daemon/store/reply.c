/* See reply.h. A struct reply is hiredis's redisReply under another name. */
#include "store/reply.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "base/digits.h"

static const redisReply *inner(const struct reply *reply)
{
    return (const redisReply *)(const void *)reply;
}

#define PERMISSIONS "allow this user of Redis what feedd needs: ACL SETUSER ... ~* &* +@all"
#define DELETED "somebody deleted data of feedd in Redis: feedd opens the store again, and goes on with what is there"

/* Errors that end when somebody or something mends their cause, by how they begin, and what an operator can do about it. */
static const struct {
    const char *code;
    const char *advice;
} passing[] = {
    {"OOM", "Redis has reached its maxmemory: raise it, or free memory"},
    {"MISCONF", "Redis cannot write to its disk: see its log, free space"},
    {"READONLY", "this Redis is a replica: let redis.url name the master, or make this one the master"},
    {"NOREPLICAS", "Redis has fewer replicas than its min-replicas-to-write"},
    {"MASTERDOWN", "this Redis is a replica without its master: let redis.url name the master"},
    {"LOADING", "Redis reads its data: wait"},
    {"BUSY", "a script runs in Redis for too long: wait, or end it with SCRIPT KILL"},
    {"NOAUTH", "Redis wants a password: give it in redis.url or redis.password_file"},
    {"WRONGPASS", "correct the user and the password in redis.url, or redis.password_file"},
    {"NOPERM", PERMISSIONS},
    {"ERR The user executing the script can't run this command or subcommand", PERMISSIONS},
    {"ERR The user executing the script can't access at least one of the keys mentioned in the command", PERMISSIONS},
    {"CLOCK", "set the clock of Redis's host: commits are refused until it has come near the newest id"},
    {"NOGROUP", DELETED},
    {"UNBLOCKED the stream key no longer exists", DELETED},
    {"UNBLOCKED", "this Redis became a replica: let redis.url name the master"},
    {"CLUSTERDOWN", "the Redis Cluster is down"},
    {"TRYAGAIN", "a slot of the Redis Cluster is being moved: wait"},
    {"GHOST", "another feedd uses the same daemon-id, or the store was put back: each needs a state_dir of its own"},
    {"NOSCRIPT", "Redis forgot its scripts: they are loaded again"},
};

_Static_assert(sizeof(passing) / sizeof(passing[0]) + 1 == REPLY_KINDS, "reply.h counts them");

bool reply_has_code(const struct reply *reply, const char *code)
{
    size_t size = strlen(code);
    const char *message = reply_message(reply);

    return strncmp(message, code, size) == 0 && (message[size] == ' ' || message[size] == '\0');
}

bool reply_is_loading(const struct reply *reply)
{
    return reply_has_code(reply, "LOADING");
}

unsigned reply_kind(const struct reply *reply)
{
    for (unsigned i = 0; i + 1 < REPLY_KINDS; i++)
        if (reply_has_code(reply, passing[i].code))
            return i + 1;
    return 0;
}

int reply_error(const struct reply *reply)
{
    if (!reply)
        return -EPIPE;
    if (inner(reply)->type != REDIS_REPLY_ERROR)
        return 0;
    return reply_kind(reply) > 0 ? -EAGAIN : -EPROTO;
}

const char *reply_advice(const struct reply *reply)
{
    return reply_kind_advice(reply_kind(reply));
}

const char *reply_kind_advice(unsigned kind)
{
    return kind > 0 ? passing[kind - 1].advice : "";
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
    const char *digits = inner(reply)->str, *at = digits, *end = digits + inner(reply)->len;
    uint64_t value = digits_read(&at, end);
    return at == end ? (int64_t)value : strpbrk(digits, ".eE") ? (int64_t)strtod(digits, NULL) : strtoll(digits, NULL, 10);
}

uint64_t reply_id(const struct reply *reply)
{
    return (uint64_t)reply_number(reply);
}
