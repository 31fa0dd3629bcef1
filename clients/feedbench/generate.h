/* A made-up follower graph and a stream of shares, in the formats that `feedctl import` reads. The same options give the
 * same bytes. Nobody and nothing in it exists: subjects are pseudo-words, links lie under example.com, .org and .net. */
#ifndef FEEDBENCH_GENERATE_H
#define FEEDBENCH_GENERATE_H

#include <stdint.h>
#include <stdio.h>

#define GENERATE_MAX_SUBJECTS 10000000
#define GENERATE_MAX_SHARES 100000000

struct generate_options {
    uint64_t seed;
    uint32_t subjects;           /* 2 to GENERATE_MAX_SUBJECTS */
    uint32_t follows_per_reader; /* on average; 0 to subjects - 1 */
    uint32_t shares;             /* 0 to GENERATE_MAX_SHARES */
};

/* Hands subjects * follows_per_reader follows to `follow`, those of a reader one after the other: nobody twice, nobody
 * themselves. How many follow a subject and how many a reader follows have heavy tails (ranking.h: RANKING_STEEP and
 * RANKING_FLAT). Returns 0, -EINVAL if the options are out of range, or -ENOMEM. */
int generate_follows(const struct generate_options *options, void (*follow)(void *context, uint32_t reader, uint32_t subject),
                     void *context);

/* Writes the same follows as lines "READER SUBJECT". Returns as generate_follows() does, or the error of writing. */
int generate_graph(const struct generate_options *options, FILE *out);

/* Writes a CSV header and `shares` records, oldest first, over 90 days of 2025. Half of the shares come from the subjects
 * in the order of their popularity in generate_graph(), half from an order of their own, both RANKING_STEEP: those whom
 * many follow share more, but not only they. Returns as generate_graph() does. */
int generate_shares(const struct generate_options *options, FILE *out);

#endif
