#include "words.h"

#include <stdbool.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Names are numbers to the base of the syllables, one digit a syllable. Multiplying by a number without a common factor
 * with the base shuffles them without letting two meet. */
static const char consonants[] = "bdhlmnprstvz";
static const char vowels[] = "aeiou";
#define SYLLABLES 60u
#define NAMES_OF_3 (SYLLABLES * SYLLABLES * SYLLABLES)
#define NAMES_OF_4 (NAMES_OF_3 * SYLLABLES)
#define NAME_SHUFFLE 61813u

/* In a template, $a is an adjective, $n a noun, $p a noun in the plural, $d a doing, $y a number. */
static const char *const adjectives[] = {
    "quiet", "lazy", "durable", "small", "patient", "portable", "slow", "boring", "gradual", "tiny",
    "local", "careful", "modular", "predictable", "forgotten", "hand-made", "shared", "simple", "modern", "naïve",
};
static const char *const nouns[] = {
    "database", "kernel", "garden", "parser", "compiler", "bicycle", "queue", "library", "telescope", "map",
    "protocol", "scheduler", "notebook", "lighthouse", "cache", "ledger", "bridge", "printer", "radio", "café",
};
static const char *const plurals[] = {
    "event loops", "mistakes", "spreadsheets", "trains", "checksums", "hash tables", "islands", "fonts", "backups", "bees",
    "time zones", "state machines", "log files", "paper maps", "sockets", "small teams", "glaciers", "unit tests",
};
static const char *const doings[] = {
    "debugging", "writing", "repairing", "drawing", "measuring", "rewriting", "explaining", "shipping", "reading",
    "growing", "deleting", "maintaining", "naming", "restoring",
};
static const char *const titles[] = {
    "The $a $n",
    "A field guide to $a $p",
    "$d a $a $n in $y days",
    "What $y years of $d $p have taught us",
    "Notes on $p, $p and $p",
    "Why our $n is $a, and why that is fine",
    "How we moved $y $p to one $n",
    "Show: a $a $n for $p",
    "\"$a\" is not what you want from a $n",
    "Ask: who else is $d $p?",
    "In praise of the $a $n",
    "$p considered $a — a reply",
    "The $n that counted $p",
    "Against $d: the case for $a $p",
};
static const char *const comments[] = {
    "Worth reading twice.",
    "The part about $p is the best.",
    "I never thought of $d this way 🙂",
    "We tried this with $p.\nIt took $y days, and it was worth it.",
    "Not sure about the $n, but the rest is right.",
    "The word for it is $a.",
    "Bookmarked for the next time somebody asks about $p",
    "Short, $a, and true.",
};
static const char *const sentences[] = {
    "It begins with a $a $n and ends with $y $p.",
    "Most people who are $d $p start with the wrong $n.",
    "After $y years the $n is still $a, which nobody had expected.",
    "The author walks through $d, step by step, and shows where $p come in.",
    "There is a diagram; there are also $p.",
    "None of it is new, but it has never been put together in so $a a way.",
};

struct word_list {
    const char *const *words;
    size_t count;
};

static const struct word_list templates[] = {
    [WORDS_TITLE] = {titles, COUNT(titles)},
    [WORDS_COMMENT] = {comments, COUNT(comments)},
    [WORDS_SENTENCE] = {sentences, COUNT(sentences)},
};

static const struct word_list placeholders[] = {
    ['a'] = {adjectives, COUNT(adjectives)},
    ['n'] = {nouns, COUNT(nouns)},
    ['p'] = {plurals, COUNT(plurals)},
    ['d'] = {doings, COUNT(doings)},
};

void words_name(uint32_t index, char ret_name[WORDS_NAME_BYTES])
{
    uint32_t names = index < NAMES_OF_3 ? NAMES_OF_3 : NAMES_OF_4;
    uint32_t number = (uint32_t)((uint64_t)index * NAME_SHUFFLE % names);
    char *end = ret_name;

    for (; names > 1; names /= SYLLABLES, number /= SYLLABLES) {
        uint32_t syllable = number % SYLLABLES;

        *end++ = consonants[syllable / (sizeof(vowels) - 1)];
        *end++ = vowels[syllable % (sizeof(vowels) - 1)];
    }
    *end = '\0';
}

static const char *draw_word(const struct word_list *list, struct random *random)
{
    return list->words[random_below(random, list->count)];
}

static void append_bytes(char *text, const char *bytes, size_t count)
{
    size_t used = strlen(text);

    if (used + count >= WORDS_TEXT_BYTES)
        return;
    memcpy(text + used, bytes, count);
    text[used + count] = '\0';
}

static void append_number(char *text, struct random *random)
{
    uint64_t number = 2 + random_below(random, 98);
    char digits[2] = {(char)('0' + number / 10), (char)('0' + number % 10)};
    bool one_digit = number < 10;

    append_bytes(text, digits + one_digit, sizeof(digits) - one_digit);
}

/* A text begins with a capital letter, unless it begins with what has none. */
static void capitalise(char *text)
{
    if (*text >= 'a' && *text <= 'z')
        *text = (char)(*text - 'a' + 'A');
}

void words_append(char *text, enum words_kind kind, struct random *random)
{
    const char *template = draw_word(&templates[kind], random);
    char *begin;

    if (*text)
        append_bytes(text, " ", 1);
    begin = text + strlen(text);
    while (*template) {
        size_t plain = strcspn(template, "$");

        append_bytes(text, template, plain);
        template += plain;
        if (!*template)
            break;
        if (template[1] == 'y') {
            append_number(text, random);
        } else {
            const char *word = draw_word(&placeholders[(unsigned char)template[1]], random);

            append_bytes(text, word, strlen(word));
        }
        template += 2;
    }
    capitalise(begin);
}
