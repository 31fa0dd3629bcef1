/* Commands to Redis about keys that are a kind and a number, as "home:17". */
#ifndef FEEDBENCH_MIX_COMMANDS_H
#define FEEDBENCH_MIX_COMMANDS_H

#include <stdbool.h>

#include "resp.h"

#define WORD(out, text) resp_word(out, text, sizeof(text) - 1)

/* Adds a key as a word; `kind` has at most 19 bytes. */
void mix_add_key(struct buffer *out, const char *kind, uint64_t number);
/* A command of three words: verb, key, number. */
void mix_add_member(struct buffer *out, const char *verb, const char *kind, uint64_t owner, uint64_t member);
void mix_add_range(struct buffer *out, const char *verb, const char *kind, uint64_t owner, const char *from, const char *to);
/* Asks for the `count` highest of a sorted set. */
void mix_add_newest(struct buffer *out, const char *kind, uint64_t owner, uint64_t count);

/* Takes all but the highest out of a sorted set. */
void mix_add_trim(struct buffer *out, const char *kind, uint64_t owner, unsigned kept);

/* What a string of digits says. */
uint64_t mix_number(const struct resp_item *item);

/* One command about all ids of a reply that is a list: each by itself, or behind itself as its score. */
void mix_add_about_list(struct buffer *out, const char *verb, const char *kind, uint64_t owner, bool scored,
                        const uint8_t *reply, size_t bytes);
/* MGET of the posts with these ids. */
void mix_add_bodies(struct buffer *out, const uint8_t *reply, size_t bytes);

#endif
