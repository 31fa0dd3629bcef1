/* What is looked at before protobuf-c decodes. */
#include "unit.h"

#include "commands/wire.h"
#include "feed.pb-c.h"

static const char *bad_string(const uint8_t *data, size_t size)
{
    return wire_bad_string(&feed__client_frame__descriptor, data, size);
}

/* Packs a Share request; protobuf-c does not look at the strings. Answers the size. */
static size_t pack_share(uint8_t *out, const char *author, const char *title)
{
    char copies[2][64];
    Feed__ShareRequest share = FEED__SHARE_REQUEST__INIT;
    Feed__ClientFrame frame = FEED__CLIENT_FRAME__INIT;

    snprintf(copies[0], sizeof(copies[0]), "%s", author);
    snprintf(copies[1], sizeof(copies[1]), "%s", title);
    share.author = copies[0];
    share.title = copies[1];
    share.created_at_ms = -5; /* a varint of ten bytes */
    frame.request_id = 300;
    frame.request_case = FEED__CLIENT_FRAME__REQUEST_SHARE;
    frame.share = &share;
    return feed__client_frame__pack(&frame, out);
}

static size_t pack_pairs(uint8_t *out, const char *last_subject)
{
    char names[4][16] = {"ann", "bob", "carl", ""};
    Feed__FollowPair pairs[2] = {FEED__FOLLOW_PAIR__INIT, FEED__FOLLOW_PAIR__INIT};
    Feed__FollowPair *pointers[] = {&pairs[0], &pairs[1]};
    Feed__FollowManyRequest many = FEED__FOLLOW_MANY_REQUEST__INIT;
    Feed__ClientFrame frame = FEED__CLIENT_FRAME__INIT;

    snprintf(names[3], sizeof(names[3]), "%s", last_subject);
    pairs[0].reader = names[0];
    pairs[0].subject = names[1];
    pairs[1].reader = names[2];
    pairs[1].subject = names[3];
    many.n_pairs = 2;
    many.pairs = pointers;
    frame.request_id = 1;
    frame.request_case = FEED__CLIENT_FRAME__REQUEST_FOLLOW_MANY;
    frame.follow_many = &many;
    return feed__client_frame__pack(&frame, out);
}

static void sound_strings_pass(void **state)
{
    uint8_t bytes[256];

    (void)state;
    bytes[0] = 0xff;
    assert_null(bad_string(bytes, 0));
    assert_null(bad_string(bytes, pack_share(bytes, "ann", "")));
    assert_null(bad_string(bytes, pack_share(bytes, "\xc3\xa9", "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7")));
    assert_null(bad_string(bytes, pack_pairs(bytes, "\xf4\x8f\xbf\xbf")));
}

static void bad_utf8_is_named_by_its_field_wherever_it_stands(void **state)
{
    static const char *const bad[] = {
        "\xff",             /* no byte of UTF-8 */
        "\x80",             /* a continuation of nothing */
        "ok\xc3",           /* cut */
        "\xc0\xaf",         /* longer than need be */
        "\xed\xa0\x80",     /* half of a surrogate pair */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
    };
    uint8_t bytes[256];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_string_equal(bad_string(bytes, pack_share(bytes, bad[i], "t")), "author");
        assert_string_equal(bad_string(bytes, pack_share(bytes, "a", bad[i])), "title");
        assert_string_equal(bad_string(bytes, pack_share(bytes, bad[i], bad[i])), "author"); /* the first */
        assert_string_equal(bad_string(bytes, pack_pairs(bytes, bad[i])), "subject");
    }
}

static void a_zero_byte_in_a_string_is_named_too(void **state)
{
    uint8_t bytes[256];
    size_t size = pack_share(bytes, "author", "title");

    (void)state;
    uint8_t *author = memmem(bytes, size, "author", 6), *title = memmem(bytes, size, "title", 5);
    assert_non_null(author);
    assert_non_null(title);
    title[4] = 0;
    assert_string_equal(bad_string(bytes, size), "title");
    author[0] = 0;
    assert_string_equal(bad_string(bytes, size), "author");
}

static void bytes_fields_and_unknown_fields_may_hold_anything(void **state)
{
    static const uint8_t anything[] = {0, 0xff, 0x80};
    uint8_t bytes[64] = {0x08, 0x01};
    Feed__SubscribeRequest subscribe = FEED__SUBSCRIBE_REQUEST__INIT;
    Feed__ClientFrame frame = FEED__CLIENT_FRAME__INIT;
    uint8_t token[3];

    (void)state;
    memcpy(token, anything, sizeof(token));
    subscribe.resume_token = (ProtobufCBinaryData){sizeof(token), token};
    frame.request_case = FEED__CLIENT_FRAME__REQUEST_SUBSCRIBE;
    frame.subscribe = &subscribe;
    assert_null(bad_string(bytes, feed__client_frame__pack(&frame, bytes)));
    static const uint8_t unknown[] = {0xfa, 0x3f, 3, 0, 0xff, 0x80}; /* field 1023 */
    assert_null(bad_string(unknown, sizeof(unknown)));
}

/* With each size in memory of its own, so that a look beyond the end is seen. */
static void check_exactly(const uint8_t *bytes, size_t size)
{
    uint8_t *exactly = malloc(size + 1);

    assert_non_null(exactly);
    memcpy(exactly + 1, bytes, size);
    bad_string(exactly + 1, size);
    wire_request_id(exactly + 1, size);
    Feed__ClientFrame *frame = feed__client_frame__unpack(NULL, size, exactly + 1);
    if (frame)
        feed__client_frame__free_unpacked(frame, NULL);
    free(exactly);
}

static void a_message_may_be_cut_anywhere(void **state)
{
    uint8_t bytes[256];

    (void)state;
    size_t size = pack_share(bytes, "author", "\xff title");
    for (size_t cut = 0; cut <= size; cut++)
        check_exactly(bytes, cut);
    size = pack_pairs(bytes, "\xff");
    for (size_t cut = 0; cut <= size; cut++)
        check_exactly(bytes, cut);
}

static void any_bytes_may_come(void **state)
{
    uint32_t random = 987654321;
    uint8_t bytes[256];

    (void)state;
    for (int i = 0; i < 30000; i++) {
        size_t size = i % 3 == 0 ? unit_random(&random) % 64 : pack_share(bytes, "author", "a longer title");

        for (size_t at = 0; i % 3 == 0 && at < size; at++)
            bytes[at] = (uint8_t)unit_random(&random);
        for (uint32_t flips = unit_random(&random) % 4; size > 0 && flips > 0; flips--)
            bytes[unit_random(&random) % size] ^= (uint8_t)(1 << unit_random(&random) % 8);
        check_exactly(bytes, size);
    }
}

static bool is_sound(const char *string)
{
    const unsigned char *at = (const unsigned char *)string;

    for (; *at; at++) {
        int more = *at < 0x80 ? 0 : *at >= 0xf0 ? 3 : *at >= 0xe0 ? 2 : *at >= 0xc2 ? 1 : -1;

        if (more < 0)
            return false;
        for (; more > 0; more--)
            if ((*++at & 0xc0) != 0x80)
                return false;
    }
    return true;
}

static void whatever_passes_and_is_decoded_has_sound_strings(void **state)
{
    uint32_t random = 13;
    uint8_t bytes[256];
    int decoded = 0;

    (void)state;
    for (int i = 0; i < 30000; i++) {
        size_t size = pack_share(bytes, "author", "a longer title");

        for (uint32_t flips = 1 + unit_random(&random) % 3; flips > 0; flips--)
            bytes[unit_random(&random) % size] ^= (uint8_t)(1 << unit_random(&random) % 8);
        if (bad_string(bytes, size))
            continue;
        Feed__ClientFrame *frame = feed__client_frame__unpack(NULL, size, bytes);
        if (!frame)
            continue;
        if (frame->request_case == FEED__CLIENT_FRAME__REQUEST_SHARE) {
            assert_true(is_sound(frame->share->author));
            assert_true(is_sound(frame->share->title));
            decoded++;
        }
        feed__client_frame__free_unpacked(frame, NULL);
    }
    assert_true(decoded > 1000);
}

static void the_request_id_is_read_where_it_comes_first(void **state)
{
    static const struct {
        uint8_t bytes[12];
        size_t size;
        uint32_t id;
    } cases[] = {
        {{0}, 0, 0},
        {{0x08}, 1, 0},
        {{0x08, 0x07}, 2, 7},
        {{0x08, 0x07, 0xff, 0xff}, 4, 7},                              /* whatever follows */
        {{0x08, 0xac, 0x02}, 3, 300},
        {{0x08, 0xac}, 2, 0},                                          /* cut */
        {{0x08, 0xff, 0xff, 0xff, 0xff, 0x0f}, 6, UINT32_MAX},
        {{0x08, 0x80, 0x80, 0x80, 0x80, 0x10}, 6, 0},                  /* more than 32 bits */
        {{0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, 12, 0}, /* too long a varint */
        {{0x0a, 0x01, 0x07}, 3, 0},                                    /* another wire type */
        {{0x10, 0x07}, 2, 0},                                          /* another field */
        {{0x1a, 0x00, 0x08, 0x07}, 4, 0},                              /* not first */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(wire_request_id(cases[i].bytes, cases[i].size), cases[i].id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_strings_pass),
        cmocka_unit_test(bad_utf8_is_named_by_its_field_wherever_it_stands),
        cmocka_unit_test(a_zero_byte_in_a_string_is_named_too),
        cmocka_unit_test(bytes_fields_and_unknown_fields_may_hold_anything),
        cmocka_unit_test(a_message_may_be_cut_anywhere),
        cmocka_unit_test(any_bytes_may_come),
        cmocka_unit_test(whatever_passes_and_is_decoded_has_sound_strings),
        cmocka_unit_test(the_request_id_is_read_where_it_comes_first),
    };

    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
