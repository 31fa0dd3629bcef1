/* What subjects are found by: the words of their ids and display names, written so that case and accents do not matter. */
#ifndef FEED_FEED_WORDS_H
#define FEED_FEED_WORDS_H

#include "store/command.h"

#define WORDS_MAX 16        /* of one subject: half of its id, half of its display name */
#define WORD_BYTES_MAX 512  /* a word, and what follows it in the name */

struct words {
    struct text items[WORDS_MAX]; /* in `bytes` */
    size_t count;
    char *bytes;
};

/* Each word with what follows it in its name, so that "ann sm" finds "Mary Ann Smith"; behind it a line feed and the id. 0 or
 * -ENOMEM; to be ended by words_done(). */
int words_of(struct text id, struct text display_name, struct words *ret_words);
void words_done(struct words *words);

/* A beginning of a word as words are written: without accents, case folded, with one space for whatever stands between words. 0,
 * -EINVAL if there is no letter, digit or symbol in it, -ENOMEM. What is returned is the caller's to free. */
int words_fold(struct text text, char **ret_folded, size_t *ret_bytes);

#endif
