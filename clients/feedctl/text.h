/* Text from strangers, made fit for a terminal. Everything is UTF-8. */
#ifndef FEEDCTL_TEXT_H
#define FEEDCTL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A copy in which what is no UTF-8 is U+FFFD. NULL when memory ends. */
char *text_valid(const char *text);

/* As text_valid(), and line breaks, tabs and runs of spaces are one space; other control characters and those that
 * turn the direction of text are U+FFFD: nobody else's words can steer the terminal. */
char *text_clean(const char *text);

/* Prints cleaned `text`, broken into lines of at most `columns` where the rules of Unicode allow it (columns 0: one
 * line). Lines after the first start with `indent` spaces; the first one starts at column `indent`. */
void text_print_wrapped(FILE *out, const char *text, size_t columns, size_t indent);

/* "just now", "5 min ago", "3 h ago", "2 days ago"; the date if it is longer ago than a month or not in the past. */
void text_ago(int64_t at_ms, int64_t now_ms, char *out, size_t size);

/* The host of `url` without "www."; "" if it has none. */
void text_site(const char *url, char *out, size_t size);

/* 1234567 as 1,234,567. */
void text_number(uint64_t number, char out[static 32]);

/* So many of what is called `one`, which takes an s: "1 line", "2,000 lines". */
#define TEXT_COUNT_BYTES 64
void text_count(uint64_t number, const char *one, char out[static TEXT_COUNT_BYTES]);

#endif
