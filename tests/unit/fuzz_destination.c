/* A fuzz target: whatever a url holds, it is refused or it has a destination; the destination's url has itself as its
 * destination, the same site, and nothing that would have to be escaped.
 *
 * An input is the url. Built with -fsanitize=fuzzer -DFUZZING it is libFuzzer's; otherwise it replays the files that it is
 * given or, without any, inputs that it makes itself. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/destination.h"

#define URL_MAX_BYTES 2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what, const char *url)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_destination: %s: %s\n", what, url);
    abort();
}

static bool is_printable(const char *text)
{
    const char *path = strchr(strstr(text, "://") + 3, '/');

    while (*path > ' ' && *path < 0x7f)
        path++;
    return *path == '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct destination first, second;
    char url[URL_MAX_BYTES + 1];
    const char *fault = NULL;

    size = size < URL_MAX_BYTES ? size : URL_MAX_BYTES;
    memcpy(url, data, size);
    url[size] = '\0';
    if (destination_of_url(url, &first, &fault) < 0) {
        require(fault != NULL, "refused without a word", url);
        return 0;
    }
    require(strlen(first.url) < sizeof(first.url) && first.site[0] != '\0', "no destination", url);
    require(is_printable(first.url), "it is not escaped", first.url);
    require(destination_of_url(first.url, &second, &fault) == 0, "the destination is no url", first.url);
    require(strcmp(first.url, second.url) == 0, "it has another destination", first.url);
    require(strcmp(first.site, second.site) == 0, "it has another site", first.url);
    return 0;
}

#ifndef FUZZING

#define MADE_INPUTS 100000

static uint32_t random_state = 2463534242;

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % limit;
}

/* Urls out of pieces that mean something to one rule or another, now and then with a byte that means nothing. */
static size_t make_input(uint8_t *out)
{
    static const char *const pieces[] = {
        "/", "//", ".", "..", "/../", "%2e", "%2F", "%", "%4", "%41", "%C3%BC", "?", "&", "=", "#", ":", "@", ":80", ":443", "a",
        "B", "example.org", "www.", "co.uk", "utm_source=x", "gclid", "xn--", "xn--bcher-kva", "\xc3\xbc", "\xc3\x9f", "\xe3\x80\x82",
        "\xef\xbc\x91", "\xe2\x9d\xa4", "\xcc\x88", "[::1]", "127.1", "0x7f", "0", "-", "_", "~", "+", ";", ",", "!", "*", "'",
        "(", ")", "[", "]", "\\", "\"", "<", "|", "^", "`", "{", " ", "%00", "%25", "%26", "%3D",
        "\xe2\x84\x80", "\xef\xbc\x8f", "\xef\xbc\x9f", "\xef\xbc\x83", "\xef\xbc\xbc", "\xef\xbc\xa0", "\xef\xbc\x9a", "\xef\xbc\x85",
        "\xe2\x80\x8d", "\xd7\x90", "\xc2\xad", "\xef\xbb\xbf", "\xe2\x80\xa4",
    };
    const char *start = random_below(2) ? "http://" : random_below(2) ? "HtTpS://" : "http://example.org/";
    size_t used = strlen(start);
    uint32_t count = random_below(random_below(30) ? 14 : 600);

    memcpy(out, start, used);
    for (uint32_t i = 0; i < count; i++) {
        const char *piece = pieces[random_below(sizeof(pieces) / sizeof(pieces[0]))];
        size_t size = strlen(piece);

        if (used + size > URL_MAX_BYTES)
            break;
        memcpy(out + used, piece, size);
        used += size;
        if (random_below(40) == 0)
            out[used - 1] = (uint8_t)random_below(256);
    }
    return used;
}

#define FUZZ_INPUT_BYTES URL_MAX_BYTES
#define FUZZ_MADE_INPUTS MADE_INPUTS
#include "fuzz_main.h"

#endif
