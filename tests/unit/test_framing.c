/* The framing codec: every length boundary, lengths cut at every byte, lengths that are none. */
#include "unit.h"

#include <errno.h>

#include "framing.h"

static const uint64_t boundaries[] = {0,         1,          127,        128,        16383,     16384,
                                      2097151,   2097152,    268435455,  268435456,  UINT32_MAX};

static void a_length_reads_back_as_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(boundaries) / sizeof(boundaries[0]); i++) {
        uint8_t bytes[10];
        size_t written = framing_write_varint(bytes, boundaries[i]);
        size_t header = 0;
        size_t body = 0;

        assert_int_equal(written, framing_varint_bytes(boundaries[i]));
        assert_int_equal(framing_read_length(bytes, written, UINT32_MAX, &header, &body), 1);
        assert_int_equal(header, written);
        assert_int_equal(body, boundaries[i]);
    }
}

static void a_length_cut_at_any_byte_is_incomplete(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(boundaries) / sizeof(boundaries[0]); i++) {
        uint8_t bytes[10];
        size_t written = framing_write_varint(bytes, boundaries[i]);

        for (size_t available = 0; available < written; available++) {
            size_t header = 77;
            size_t body = 77;

            assert_int_equal(framing_read_length(bytes, available, UINT32_MAX, &header, &body), 0);
            assert_int_equal(header, 77);
            assert_int_equal(body, 77);
        }
    }
}

static void a_length_above_the_limit_is_told_apart_from_garbage(void **state)
{
    uint8_t bytes[10];
    size_t header;
    size_t body;

    (void)state;
    framing_write_varint(bytes, 1025);
    assert_int_equal(framing_read_length(bytes, 2, 1024, &header, &body), -EMSGSIZE);
    assert_int_equal(body, 1025);
    assert_int_equal(framing_read_length(bytes, 2, 1025, &header, &body), 1);
}

static void a_length_of_more_than_five_bytes_or_32_bits_is_refused(void **state)
{
    static const uint8_t six_bytes[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x00};
    static const uint8_t thirty_three_bits[] = {0xff, 0xff, 0xff, 0xff, 0x1f};
    static const uint8_t all_ones[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    size_t header;
    size_t body;

    (void)state;
    assert_int_equal(framing_read_length(six_bytes, sizeof(six_bytes), UINT32_MAX, &header, &body), -EPROTO);
    assert_int_equal(framing_read_length(thirty_three_bits, 5, UINT32_MAX, &header, &body), -EPROTO);
    assert_int_equal(framing_read_length(all_ones, sizeof(all_ones), UINT32_MAX, &header, &body), -EPROTO);
}

static void a_length_written_longer_than_needed_still_reads(void **state)
{
    static const uint8_t five_in_three_bytes[] = {0x85, 0x80, 0x00};
    size_t header;
    size_t body;

    (void)state;
    assert_int_equal(framing_read_length(five_in_three_bytes, 3, 1024, &header, &body), 1);
    assert_int_equal(header, 3);
    assert_int_equal(body, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_length_reads_back_as_written),
        cmocka_unit_test(a_length_cut_at_any_byte_is_incomplete),
        cmocka_unit_test(a_length_above_the_limit_is_told_apart_from_garbage),
        cmocka_unit_test(a_length_of_more_than_five_bytes_or_32_bits_is_refused),
        cmocka_unit_test(a_length_written_longer_than_needed_still_reads),
    };

    return cmocka_run_group_tests_name("framing", tests, NULL, NULL);
}
