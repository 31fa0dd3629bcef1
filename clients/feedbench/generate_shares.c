#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "csv_write.h"
#include "generate.h"
#include "ranking.h"
#include "words.h"

#define FIRST_TIME_MS 1735689600000 /* 2025-01-01T00:00:00Z */
#define SPAN_MS (90 * 86400000ULL)

/* One share in so many repeats a link that was among the last ones to be new: what people talk about on a day. */
#define REPEAT_IN 8
#define REPEAT_AMONG 64

#define SITES 400
#define SITE_LAST_SUBJECT (GENERATE_MAX_SUBJECTS - 1)
#define SLUG_BYTES 48
#define URL_BYTES 160
#define TIME_BYTES 32

/* What a link leads to: drawn from the seed and the link's number alone, so that nothing need be remembered. */
struct link {
    char url[URL_BYTES];
    char title[WORDS_TEXT_BYTES];
    char extract[WORDS_TEXT_BYTES];
};

static void write_slug(const char *title, char ret_slug[SLUG_BYTES])
{
    size_t used = 0;

    for (; *title && used < SLUG_BYTES - 1; title++) {
        unsigned char byte = (unsigned char)*title;

        if (isascii(byte) && isalnum(byte))
            ret_slug[used++] = (char)tolower(byte);
        else if (used > 0 && ret_slug[used - 1] != '-')
            ret_slug[used++] = '-';
    }
    while (used > 0 && ret_slug[used - 1] == '-')
        used--;
    ret_slug[used] = '\0';
}

static void link_init(struct link *ret_link, uint64_t seed, uint32_t number)
{
    static const char *const domains[] = {"com", "org", "net"};
    struct random random;
    char site_name[WORDS_NAME_BYTES];
    char slug[SLUG_BYTES];
    uint64_t site;
    uint64_t other_site;

    random_init(&random, seed, RANDOM_LINKS, number);
    /* The lower of two draws: some sites are linked to far more often than others. */
    site = random_below(&random, SITES);
    other_site = random_below(&random, SITES);
    if (other_site < site)
        site = other_site;
    ret_link->title[0] = '\0';
    ret_link->extract[0] = '\0';
    words_append(ret_link->title, WORDS_TITLE, &random);
    if (random_chance(&random, 3, 4))
        for (uint64_t sentences = 1 + random_below(&random, 8); sentences > 0; sentences--)
            words_append(ret_link->extract, WORDS_SENTENCE, &random);
    words_name((uint32_t)(SITE_LAST_SUBJECT - site), site_name);
    write_slug(ret_link->title, slug);
    snprintf(ret_link->url, sizeof(ret_link->url), "https://%s.example.%s/%u/%s", site_name, domains[site % 3], number,
             slug);
}

static void format_time(uint64_t time_ms, char ret_text[TIME_BYTES])
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm fields;

    gmtime_r(&seconds, &fields);
    strftime(ret_text, TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &fields);
}

static uint32_t draw_link(struct random *random, uint32_t *new_links)
{
    uint32_t recent = *new_links < REPEAT_AMONG ? *new_links : REPEAT_AMONG;

    if (recent > 0 && random_chance(random, 1, REPEAT_IN))
        return *new_links - 1 - (uint32_t)random_below(random, recent);
    return (*new_links)++;
}

static void write_shares(const struct generate_options *options, const struct ranking *popularity,
                         const struct ranking *activity, FILE *out)
{
    uint64_t longest_pause_ms = options->shares > 0 ? 2 * SPAN_MS / options->shares : 0;
    uint64_t time_ms = FIRST_TIME_MS;
    uint32_t new_links = 0;
    struct random random;

    random_init(&random, options->seed, RANDOM_SHARES, 0);
    fputs("created_at,title,url,author,extract,comment,key\n", out);
    for (uint32_t number = 0; number < options->shares; number++) {
        const struct ranking *order = random_chance(&random, 1, 2) ? popularity : activity;
        char author[WORDS_NAME_BYTES];
        char time_text[TIME_BYTES];
        char comment[WORDS_TEXT_BYTES] = "";
        char key[48];
        struct link link;

        time_ms += random_below(&random, longest_pause_ms + 1);
        format_time(time_ms, time_text);
        words_name(ranking_draw(order, &random), author);
        link_init(&link, options->seed, draw_link(&random, &new_links));
        if (random_chance(&random, 1, 3))
            words_append(comment, WORDS_COMMENT, &random);
        snprintf(key, sizeof(key), "generated-%llu-%u", (unsigned long long)options->seed, number);
        csv_write(out, (const char *[]){time_text, link.title, link.url, author, link.extract, comment, key}, 7);
    }
}

int generate_shares(const struct generate_options *options, FILE *out)
{
    struct ranking popularity = {0};
    struct ranking activity = {0};
    struct random random;
    int r;

    if (options->subjects < 2 || options->subjects > GENERATE_MAX_SUBJECTS || options->shares > GENERATE_MAX_SHARES)
        return -EINVAL;
    random_init(&random, options->seed, RANDOM_POPULARITY, 0);
    r = ranking_init(&popularity, options->subjects, RANKING_STEEP, &random);
    if (r == 0) {
        random_init(&random, options->seed, RANDOM_ACTIVITY, 0);
        r = ranking_init(&activity, options->subjects, RANKING_STEEP, &random);
    }
    if (r == 0) {
        errno = 0;
        write_shares(options, &popularity, &activity, out);
        if (fflush(out) != 0 || ferror(out))
            r = errno ? -errno : -EIO;
    }
    ranking_done(&popularity);
    ranking_done(&activity);
    return r;
}
