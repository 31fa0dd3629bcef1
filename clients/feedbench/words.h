/* Words for a world that does not exist: names of subjects and sites, titles, comments, extracts. */
#ifndef FEEDBENCH_WORDS_H
#define FEEDBENCH_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "random.h"

#define WORDS_NAME_BYTES 16  /* the longest name and its NUL */
#define WORDS_TEXT_BYTES 1024 /* the longest text and its NUL */

/* The name of subject `index`: a pseudo-word, another one for each index below 10,000,000 or more. */
void words_name(uint32_t index, char ret_name[WORDS_NAME_BYTES]);

enum words_kind { WORDS_TITLE, WORDS_COMMENT, WORDS_SENTENCE };

/* Appends one text of that kind to `text`, a string in WORDS_TEXT_BYTES, after a space if something stands there already.
 * Words that do not fit are left away. */
void words_append(char *text, enum words_kind kind, struct random *random);

#endif
