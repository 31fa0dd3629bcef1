/* Numbers as decimal digits. Every argument of every command to Redis has its length in front: printf takes longer for that than
 * for all else of a push. */
#ifndef FEED_BASE_DIGITS_H
#define FEED_BASE_DIGITS_H

#include <stddef.h>
#include <stdint.h>

#define DIGITS_MAX 20

/* Writes up to DIGITS_MAX digits, and no zero behind them. Returns how many. */
static inline size_t digits_write(char *out, uint64_t value)
{
    char reversed[DIGITS_MAX];
    size_t count = 0;

    do {
        reversed[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < count; i++)
        out[i] = reversed[count - 1 - i];
    return count;
}

/* Reads digits up to the first other byte; *at is moved there. A number that is too large is read modulo 2^64. */
static inline uint64_t digits_read(const char **at, const char *end)
{
    uint64_t value = 0;

    for (; *at < end && **at >= '0' && **at <= '9'; ++*at)
        value = value * 10 + (uint64_t)(**at - '0');
    return value;
}

#endif
