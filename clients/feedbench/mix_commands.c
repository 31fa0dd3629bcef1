#include "mix_commands.h"

#include <stdio.h>
#include <string.h>

void mix_add_key(struct buffer *out, const char *kind, uint64_t number)
{
    char key[40];
    size_t kind_bytes = strlen(kind);
    size_t at = sizeof(key);

    do
        key[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    at -= kind_bytes;
    memcpy(key + at, kind, kind_bytes);
    resp_word(out, key + at, sizeof(key) - at);
}

void mix_add_member(struct buffer *out, const char *verb, const char *kind, uint64_t owner, uint64_t member)
{
    resp_begin(out, 3);
    resp_text(out, verb);
    mix_add_key(out, kind, owner);
    resp_number(out, member);
}

void mix_add_range(struct buffer *out, const char *verb, const char *kind, uint64_t owner, const char *from, const char *to)
{
    resp_begin(out, 4);
    resp_text(out, verb);
    mix_add_key(out, kind, owner);
    resp_text(out, from);
    resp_text(out, to);
}

void mix_add_newest(struct buffer *out, const char *kind, uint64_t owner, uint64_t count)
{
    resp_begin(out, 4);
    WORD(out, "ZREVRANGE");
    mix_add_key(out, kind, owner);
    WORD(out, "0");
    resp_number(out, count - 1);
}

void mix_add_trim(struct buffer *out, const char *kind, uint64_t owner, unsigned kept)
{
    char last[16];

    snprintf(last, sizeof(last), "-%u", kept + 1);
    mix_add_range(out, "ZREMRANGEBYRANK", kind, owner, "0", last);
}

uint64_t mix_number(const struct resp_item *item)
{
    uint64_t number = 0;

    for (int64_t i = 0; i < item->number; i++)
        number = number * 10 + (uint64_t)(item->text[i] - '0');
    return number;
}

void mix_add_about_list(struct buffer *out, const char *verb, const char *kind, uint64_t owner, bool scored,
                           const uint8_t *reply, size_t bytes)
{
    struct resp_item item;
    size_t at = resp_item(reply, bytes, &item);
    int64_t left = item.number;

    resp_begin(out, (unsigned)(2 + (scored ? 2 : 1) * left));
    resp_text(out, verb);
    mix_add_key(out, kind, owner);
    for (; left > 0; left--) {
        at += resp_item(reply + at, bytes - at, &item);
        for (int i = scored ? 2 : 1; i > 0; i--)
            resp_word(out, item.text, (size_t)item.number);
    }
}

void mix_add_bodies(struct buffer *out, const uint8_t *reply, size_t bytes)
{
    struct resp_item item;
    size_t at = resp_item(reply, bytes, &item);
    int64_t left = item.number;

    resp_begin(out, (unsigned)(1 + left));
    WORD(out, "MGET");
    for (; left > 0; left--) {
        at += resp_item(reply + at, bytes - at, &item);
        mix_add_key(out, "post:", mix_number(&item));
    }
}
