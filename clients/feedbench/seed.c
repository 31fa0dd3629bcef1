#include "seed.h"

#include <stdio.h>

#define PENDING_MAX 2000
#define KEY_BYTES 160

int seed_open(struct seed *seed, const struct wire_address *redis)
{
    *seed = (struct seed){.last_id = 0};
    return resp_open(&seed->link, redis);
}

void seed_close(struct seed *seed)
{
    resp_close(&seed->link);
}

int seed_flush(struct seed *seed)
{
    size_t pending = seed->pending;

    seed->pending = 0;
    return resp_exchange(&seed->link, pending, NULL, NULL);
}

int seed_sent(struct seed *seed)
{
    return ++seed->pending < PENDING_MAX ? 0 : seed_flush(seed);
}

static int add_score(struct seed *seed, const char *kind, const char *owner, const char *member)
{
    char key[KEY_BYTES];
    struct buffer *out = &seed->link.out;

    snprintf(key, sizeof(key), "%s:{0}:%s", kind, owner);
    resp_begin(out, 4);
    resp_text(out, "ZADD");
    resp_text(out, key);
    resp_number(out, seed->last_id);
    resp_text(out, member);
    return seed_sent(seed);
}

/* Ids of the first moments of 2026, before any that Redis makes now. */
int seed_follower(struct seed *seed, const char *reader, const char *subject)
{
    seed->last_id += 64;
    return add_score(seed, "followers", subject, reader);
}

int seed_follow(struct seed *seed, const char *reader, const char *subject)
{
    int r = seed_follower(seed, reader, subject);

    return r < 0 ? r : add_score(seed, "following", reader, subject);
}

int seed_timeline(struct seed *seed, const char *reader, const uint64_t *ids, size_t count)
{
    char key[KEY_BYTES];
    struct buffer *out = &seed->link.out;

    snprintf(key, sizeof(key), "timeline:{0}:%s", reader);
    resp_begin(out, (unsigned)(3 + count));
    resp_text(out, "RPUSH");
    resp_text(out, key);
    for (size_t i = 0; i < count; i++)
        resp_number(out, ids[i]);
    resp_text(out, "0");
    return seed_sent(seed);
}
