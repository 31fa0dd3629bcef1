/* See words.h. */
#include "feed/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>
#include <uniwbrk.h>

#define ACCENT_CLASS 10 /* combining classes from here on are accents and points; below, signs that make another letter */

static bool is_accent(ucs4_t character)
{
    return uc_is_general_category(character, UC_NON_SPACING_MARK) && uc_combining_class(character) >= ACCENT_CLASS;
}

/* What stands between words: punctuation, spaces, controls. */
static bool is_gap(ucs4_t character)
{
    return uc_is_general_category(character, UC_PUNCTUATION) || uc_is_general_category(character, UC_SEPARATOR) ||
           uc_is_general_category(character, UC_OTHER);
}

/* Drops accents and makes one space of each gap, none at the beginning; in place. Returns how many bytes are left. */
static size_t simplify(uint8_t *text, size_t size)
{
    size_t kept = 0;

    for (size_t at = 0; at < size;) {
        ucs4_t character;
        size_t used = (size_t)u8_mbtouc(&character, text + at, size - at);

        if (is_gap(character)) {
            if (kept > 0 && text[kept - 1] != ' ')
                text[kept++] = ' ';
        } else if (!is_accent(character)) {
            memmove(text + kept, text + at, used);
            kept += used;
        }
        at += used;
    }
    return kept;
}

int words_fold(struct text text, char **ret_folded, size_t *ret_bytes)
{
    size_t size, folded_size;
    uint8_t *plain = u8_normalize(UNINORM_NFKD, (const uint8_t *)text.data, text.size, NULL, &size), *folded;

    if (!plain)
        return -ENOMEM;
    size = simplify(plain, size);
    folded = u8_casefold(plain, size, NULL, UNINORM_NFKC, NULL, &folded_size);
    free(plain);
    if (!folded)
        return -ENOMEM;
    if (folded_size == 0) {
        free(folded);
        return -EINVAL;
    }
    *ret_folded = (char *)folded;
    *ret_bytes = folded_size;
    return 0;
}

/* Up to the last whole character within WORD_BYTES_MAX. */
static size_t fitting(const char *text, size_t size)
{
    if (size <= WORD_BYTES_MAX)
        return size;
    size = WORD_BYTES_MAX;
    while (size > 0 && ((uint8_t)text[size] & 0xc0) == 0x80)
        size--;
    return size;
}

static void add(struct words *words, size_t *at, const char *word, size_t size, struct text id)
{
    char *start = words->bytes + *at;

    memcpy(start, word, size);
    start[size] = '\n';
    memcpy(start + size + 1, id.data, id.size);
    words->items[words->count++] = (struct text){start, size + 1 + id.size};
    *at += size + 1 + id.size;
}

/* The words of one name, at most half of what may be. */
static int add_words(struct words *words, size_t *at, struct text name, struct text id)
{
    char *folded, *breaks;
    size_t size, most = words->count + WORDS_MAX / 2;
    int error = words_fold(name, &folded, &size);

    if (error < 0)
        return error == -EINVAL ? 0 : error;
    while (size > 0 && folded[size - 1] == ' ')
        size--;
    breaks = malloc(size + 1);
    if (!breaks) {
        free(folded);
        return -ENOMEM;
    }
    u8_wordbreaks((const uint8_t *)folded, size, breaks);
    for (size_t i = 0; i < size && words->count < most; i++)
        if ((i == 0 || breaks[i]) && folded[i] != ' ')
            add(words, at, folded + i, fitting(folded + i, size - i), id);
    free(breaks);
    free(folded);
    return 0;
}

int words_of(struct text id, struct text display_name, struct words *ret_words)
{
    size_t at = 0;
    int error = 0;

    *ret_words = (struct words){.bytes = malloc(WORDS_MAX * (WORD_BYTES_MAX + 1 + id.size))};
    if (!ret_words->bytes)
        return -ENOMEM;
    error = add_words(ret_words, &at, id, id);
    if (error == 0 && display_name.size > 0)
        error = add_words(ret_words, &at, display_name, id);
    if (error < 0)
        words_done(ret_words);
    return error;
}

void words_done(struct words *words)
{
    free(words->bytes);
    *words = (struct words){0};
}
