/* Resume tokens. */
#include "unit.h"

#include "feed/internal.h"

#define EPOCH UINT64_C(0x0123456789abcdef)

static size_t make_token(uint8_t token[TOKEN_BYTES_MAX], unsigned partitions, struct token_place places[PARTITIONS_MAX])
{
    for (unsigned partition = 0; partition < partitions; partition++)
        places[partition] = (struct token_place){
            .position = partition % 3 == 2 ? 0 : ((UINT64_C(1) << 53) - 64 * (partition + 1)) | partition,
            .mark = UINT32_MAX - partition * 7654321,
        };
    return token_write(token, EPOCH, places, partitions);
}

static struct text text_of(const uint8_t *token, size_t size)
{
    return (struct text){(const char *)token, size};
}

static void a_token_reads_as_it_was_written(void **state)
{
    (void)state;
    for (unsigned partitions = 1; partitions <= PARTITIONS_MAX; partitions++) {
        uint8_t token[TOKEN_BYTES_MAX];
        struct token_place places[PARTITIONS_MAX], read[PARTITIONS_MAX];
        size_t size = make_token(token, partitions, places);

        assert_int_equal(size, 14 + 12 * partitions);
        assert_int_equal(token_read(text_of(token, size), EPOCH, partitions, read), FEED_OK);
        for (unsigned partition = 0; partition < partitions; partition++) {
            assert_int_equal(read[partition].position, places[partition].position);
            assert_int_equal(read[partition].mark, places[partition].mark);
        }
    }
}

static void any_flipped_bit_is_damage(void **state)
{
    uint8_t token[TOKEN_BYTES_MAX];
    struct token_place places[PARTITIONS_MAX], read[PARTITIONS_MAX];
    size_t size = make_token(token, 5, places);

    (void)state;
    for (size_t bit = 0; bit < 8 * size; bit++) {
        token[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(token_read(text_of(token, size), EPOCH, 5, read), FEED__ERROR_CODE__TOKEN_DAMAGED);
        token[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(token_read(text_of(token, size), EPOCH, 5, read), FEED_OK);
}

static void a_token_cut_anywhere_or_too_long_is_damage(void **state)
{
    uint8_t token[TOKEN_BYTES_MAX + 1] = {0};
    struct token_place places[PARTITIONS_MAX], read[PARTITIONS_MAX];
    size_t size = make_token(token, PARTITIONS_MAX, places);

    (void)state;
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *exactly = malloc(cut + 1); /* so that a look beyond the end is seen */

        assert_non_null(exactly);
        memcpy(exactly + 1, token, cut);
        assert_int_equal(token_read(text_of(exactly + 1, cut), EPOCH, PARTITIONS_MAX, read),
                         FEED__ERROR_CODE__TOKEN_DAMAGED);
        free(exactly);
    }
    assert_int_equal(token_read(text_of(token, size + 1), EPOCH, PARTITIONS_MAX, read), FEED__ERROR_CODE__TOKEN_DAMAGED);
}

static void a_token_of_another_store_is_foreign(void **state)
{
    uint8_t token[TOKEN_BYTES_MAX];
    struct token_place places[PARTITIONS_MAX], read[PARTITIONS_MAX] = {{1, 1}, {2, 2}, {3, 3}, {4, 4}};
    size_t size = make_token(token, 4, places);

    (void)state;
    assert_int_equal(token_read(text_of(token, size), EPOCH + 1, 4, read), FEED__ERROR_CODE__TOKEN_FOREIGN);
    assert_int_equal(token_read(text_of(token, size), EPOCH, 8, read), FEED__ERROR_CODE__TOKEN_FOREIGN);
    assert_int_equal(token_read(text_of(token, size), EPOCH, 2, read), FEED__ERROR_CODE__TOKEN_FOREIGN);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(read[i].position, i + 1); /* untouched */
}

static void random_bytes_are_damage(void **state)
{
    uint32_t random = 31337;
    struct token_place read[PARTITIONS_MAX];

    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint8_t token[64];
        size_t size = unit_random(&random) % sizeof(token);

        for (size_t at = 0; at < size; at++)
            token[at] = (uint8_t)unit_random(&random);
        if (size > 2 && i % 2 == 0) { /* right as far as that is easy */
            token[0] = 2;
            token[1] = (uint8_t)((size - 14) / 12);
        }
        assert_int_equal(token_read(text_of(token, size), EPOCH, 4, read), FEED__ERROR_CODE__TOKEN_DAMAGED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_reads_as_it_was_written),
        cmocka_unit_test(any_flipped_bit_is_damage),
        cmocka_unit_test(a_token_cut_anywhere_or_too_long_is_damage),
        cmocka_unit_test(a_token_of_another_store_is_foreign),
        cmocka_unit_test(random_bytes_are_damage),
    };

    return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
