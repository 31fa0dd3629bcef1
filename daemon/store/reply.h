/* What Redis answered, read without knowing the Redis library. A reply is valid during the callback that got it. */
#ifndef FEED_STORE_REPLY_H
#define FEED_STORE_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/command.h"

struct reply;

/* 0 if Redis did what was asked. Otherwise nothing was done, except where noted:
 * -EPIPE    the connection ended before the answer: what was asked may or may not have been done
 * -EAGAIN   Redis cannot or may not do it now (-LOADING, -OOM, -READONLY, -MISCONF, -BUSY, -NOPERM, a replaced link, its
 *           clock, …): retry
 * -EPROTO   Redis understood something else than we meant */
int reply_error(const struct reply *reply);
/* The error's own words, for the log. "" where there are none. */
const char *reply_message(const struct reply *reply);
/* Whether it is an error of this code: whole words at its beginning. */
bool reply_has_code(const struct reply *reply, const char *code);
/* Whether Redis has just been started, and reads its file: nothing is wrong. */
bool reply_is_loading(const struct reply *reply);
/* Which of the errors that pass it is, 0: none of them. */
#define REPLY_KINDS 21
unsigned reply_kind(const struct reply *reply);
/* What an operator can do about an error that passes. "" for anything else. */
const char *reply_advice(const struct reply *reply);
const char *reply_kind_advice(unsigned kind);

bool reply_is_null(const struct reply *reply);
/* Elements of an array; 0 for anything else. */
size_t reply_count(const struct reply *reply);
const struct reply *reply_at(const struct reply *reply, size_t index);
/* A string's or status's bytes; empty for anything else. */
struct text reply_text(const struct reply *reply);
/* An integer, or a string of digits (a score with a fraction or an exponent included); 0 for anything else. */
int64_t reply_number(const struct reply *reply);
uint64_t reply_id(const struct reply *reply);

#endif
