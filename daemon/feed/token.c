/* Resume tokens: how far in each log a client has seen. Opaque to clients.
 *
 *     version (1 byte, 2), partitions (1), store epoch (8, little-endian), for each partition a position (8) and the mark of
 *     the run of Redis that it was seen in (4), check sum over all of that (4: the low half of XXH3-64)
 */
#include <string.h>
#include <xxhash.h>

#include "feed/internal.h"

#define TOKEN_VERSION 2
#define TOKEN_FIXED_BYTES (2 + 8 + 4)
#define PLACE_BYTES 12u

static uint8_t *put_number(uint8_t *at, uint64_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(number >> (8 * i));
    return at + bytes;
}

static uint64_t get_number(const uint8_t *at, size_t bytes)
{
    uint64_t number = 0;

    for (size_t i = 0; i < bytes; i++)
        number |= (uint64_t)at[i] << (8 * i);
    return number;
}

size_t token_write(uint8_t *out, uint64_t epoch, const struct token_place *places, unsigned partitions)
{
    uint8_t *at = put_number(out, TOKEN_VERSION, 1);

    at = put_number(at, partitions, 1);
    at = put_number(at, epoch, 8);
    for (unsigned partition = 0; partition < partitions; partition++) {
        at = put_number(at, places[partition].position, 8);
        at = put_number(at, places[partition].mark, 4);
    }
    at = put_number(at, XXH3_64bits(out, (size_t)(at - out)), 4);
    return (size_t)(at - out);
}

Feed__ErrorCode token_read(struct text token, uint64_t epoch, unsigned partitions, struct token_place *ret_places)
{
    const uint8_t *bytes = (const uint8_t *)token.data;

    if (token.size < TOKEN_FIXED_BYTES || bytes[0] != TOKEN_VERSION || token.size != TOKEN_FIXED_BYTES + PLACE_BYTES * bytes[1])
        return FEED__ERROR_CODE__TOKEN_DAMAGED;
    if (get_number(bytes + token.size - 4, 4) != (XXH3_64bits(bytes, token.size - 4) & UINT32_MAX))
        return FEED__ERROR_CODE__TOKEN_DAMAGED;
    if (get_number(bytes + 2, 8) != epoch || bytes[1] != partitions)
        return FEED__ERROR_CODE__TOKEN_FOREIGN;
    for (unsigned partition = 0; partition < partitions; partition++) {
        uint64_t position = get_number(bytes + 10 + (size_t)PLACE_BYTES * partition, 8);

        /* Nobody would ever come to a position of another partition. */
        if (position != 0 && partition_of_id(position) != partition)
            return FEED__ERROR_CODE__TOKEN_DAMAGED;
    }
    for (unsigned partition = 0; partition < partitions; partition++) {
        const uint8_t *place = bytes + 10 + (size_t)PLACE_BYTES * partition;

        ret_places[partition] = (struct token_place){get_number(place, 8), (uint32_t)get_number(place + 8, 4)};
    }
    return FEED_OK;
}

size_t token_of_positions(const struct feed *feed, const uint64_t *positions, uint8_t *out)
{
    struct token_place places[PARTITIONS_MAX];

    for (unsigned partition = 0; partition < feed->partitions; partition++)
        places[partition] = (struct token_place){
            .position = positions ? positions[partition] : tail_position(feed, partition),
            .mark = feed->marks[partition],
        };
    return token_write(out, feed->epoch, places, feed->partitions);
}
