/* feedctl's JSON: the proto3 mapping of any message. */
#include "unit.h"

#include <feed/feed.h>

#include "base64.h"
#include "json.h"

/* Compares with the text of one line. */
static void expect_json(json_t *value, const char *expected)
{
    char *text;

    assert_non_null(value);
    text = json_dumps(value, JSON_COMPACT);
    assert_string_equal(text, expected);
    free(text);
    json_decref(value);
}

static void a_share_has_all_of_its_fields_and_64_bit_numbers_are_strings(void **state)
{
    Feed__Share share = FEED__SHARE__INIT;
    char author[] = "alice", url[] = "https://example.org/?a=\"b\"", title[] = "Gr\xc3\xbc\xc3\x9f" "e";

    (void)state;
    share.id = 9007199254740991;
    share.author = author;
    share.url = url;
    share.title = title;
    share.created_at_ms = -1;
    expect_json(json_from_message(&share.base),
                "{\"id\":\"9007199254740991\",\"author\":\"alice\",\"url\":\"https://example.org/?a=\\\"b\\\"\","
                "\"title\":\"Gr\xc3\xbc\xc3\x9f" "e\",\"extract\":\"\",\"imageUrl\":\"\",\"comment\":\"\","
                "\"createdAtMs\":\"-1\",\"editedAtMs\":\"0\",\"commentCount\":0,\"origin\":null,\"reshareCount\":0,\"resharedBy\":[],"
                "\"resharedByCount\":0,\"authorName\":\"\",\"alsoSharedBy\":[],\"alsoSharedCount\":0,\"canonicalUrl\":\"\"}");
}

static void booleans_and_32_bit_numbers_are_plain(void **state)
{
    Feed__ShareReply reply = FEED__SHARE_REPLY__INIT;
    Feed__HelloReply hello = FEED__HELLO_REPLY__INIT;

    (void)state;
    reply.id = 1;
    reply.repeated = true;
    expect_json(json_from_message(&reply.base), "{\"id\":\"1\",\"repeated\":true,\"position\":\"0\"}");
    hello.protocol_version = 1;
    hello.silence_limit_ms = UINT32_MAX;
    expect_json(json_from_message(&hello.base),
                "{\"protocolVersion\":1,\"serverVersion\":\"\",\"heartbeatIntervalMs\":0,\"silenceLimitMs\":4294967295,"
                "\"limits\":null}");
}

static void enums_are_names_and_unknown_ones_numbers(void **state)
{
    Feed__Error error = FEED__ERROR__INIT;

    (void)state;
    error.code = FEED__ERROR_CODE__TOKEN_FUTURE;
    expect_json(json_from_message(&error.base),
                "{\"code\":\"TOKEN_FUTURE\",\"message\":\"\",\"field\":\"\",\"limit\":\"0\",\"retryAfterMs\":0}");
    error.code = (Feed__ErrorCode)77;
    expect_json(json_from_message(&error.base),
                "{\"code\":77,\"message\":\"\",\"field\":\"\",\"limit\":\"0\",\"retryAfterMs\":0}");
}

static void bytes_are_base64(void **state)
{
    static const char *const expected[] = { "", "AA==", "AAE=", "AAH+", "AAH+/w==" };
    uint8_t bytes[] = { 0, 1, 254, 255 };

    (void)state;
    for (size_t i = 0; i <= sizeof bytes; i++) {
        Feed__CaughtUp caught_up = FEED__CAUGHT_UP__INIT;
        char line[64];

        caught_up.resume_token = (ProtobufCBinaryData){ i, bytes };
        snprintf(line, sizeof line, "{\"resumeToken\":\"%s\"}", expected[i]);
        expect_json(json_from_message(&caught_up.base), line);
    }
}

static void base64_reads_back_as_written(void **state)
{
    static const char *const written[] = { "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy" }; /* RFC 4648, section 10 */
    char text[BASE64_BYTES(6)];
    uint8_t bytes[6];

    (void)state;
    for (size_t size = 0; size <= 6; size++) {
        assert_int_equal(base64_write("foobar", size, text), strlen(written[size]));
        assert_string_equal(text, written[size]);
        assert_int_equal(base64_read(text, strlen(text), bytes), size);
        assert_memory_equal(bytes, "foobar", size);
    }
}

static void what_is_no_base64_is_refused(void **state)
{
    static const char *const texts[] = { "Z", "Zg", "Zg=", "Zg=a", "Z===", "====", "Zm9v\n", "Zm9v Zm9", "Zm-_" };
    uint8_t bytes[6];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(base64_read(texts[i], strlen(texts[i]), bytes), -EINVAL);
}

static void lists_hold_texts_and_messages(void **state)
{
    Feed__GetFollowingReply following = FEED__GET_FOLLOWING_REPLY__INIT;
    Feed__Gap gap = FEED__GAP__INIT;
    Feed__GapRange first = FEED__GAP_RANGE__INIT, second = FEED__GAP_RANGE__INIT;
    Feed__GapRange *ranges[] = { &first, &second };
    char bob[] = "bob", carol[] = "carol";
    char *subjects[] = { bob, carol };

    (void)state;
    expect_json(json_from_message(&following.base), "{\"subjects\":[],\"nextCursor\":\"\",\"total\":\"0\"}");
    following.n_subjects = 2;
    following.subjects = subjects;
    following.total = 2;
    expect_json(json_from_message(&following.base),
                "{\"subjects\":[\"bob\",\"carol\"],\"nextCursor\":\"\",\"total\":\"2\"}");
    gap.reason = FEED__GAP_REASON__GAP_CAPPED;
    gap.n_ranges = 2;
    gap.ranges = ranges;
    second.after = 5;
    second.until = 6;
    expect_json(json_from_message(&gap.base),
                "{\"reason\":\"GAP_CAPPED\","
                "\"ranges\":[{\"after\":\"0\",\"until\":\"0\"},{\"after\":\"5\",\"until\":\"6\"}]}");
}

static void of_a_oneof_only_the_member_that_is_set_is_there(void **state)
{
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;
    Feed__CaughtUp caught_up = FEED__CAUGHT_UP__INIT;

    (void)state;
    frame.request_id = 3;
    frame.body_case = FEED__SERVER_FRAME__BODY_CAUGHT_UP;
    frame.caught_up = &caught_up;
    expect_json(json_from_message(&frame.base), "{\"requestId\":3,\"caughtUp\":{\"resumeToken\":\"\"}}");
    expect_json(json_from_message_without(&frame.base, "requestId"), "{\"caughtUp\":{\"resumeToken\":\"\"}}");
}

static void what_is_no_utf8_is_replaced(void **state)
{
    (void)state;
    expect_json(json_pack("[o]", json_from_text("a\xff" "b\xc3")), "[\"a\xef\xbf\xbd" "b\xef\xbf\xbd\"]");
}

static void what_is_written_is_read_again(void **state)
{
    Feed__Share share = FEED__SHARE__INIT, origin = FEED__SHARE__INIT;
    char author[] = "alice", text[] = "0", none[] = "";
    uint8_t written[128], read[128];
    ProtobufCMessage *message;
    json_t *object;

    (void)state;
    origin.id = 9007199254740991;
    share.author = author;
    share.title = text;
    share.comment = none;
    share.created_at_ms = -1;
    share.origin = &origin;
    object = json_from_message(&share.base);
    json_prune(object, &feed__share__descriptor);
    assert_int_equal(json_object_size(object), 4); /* without what is empty */
    message = json_to_message(object, &feed__share__descriptor);
    assert_non_null(message);
    size_t size = feed__share__pack(&share, written);
    assert_int_equal(protobuf_c_message_pack(message, read), size);
    assert_memory_equal(read, written, size);
    protobuf_c_message_free_unpacked(message, NULL);
    json_decref(object);
}

static void what_says_nothing_can_be_left_out(void **state)
{
    Feed__Subject subject = FEED__SUBJECT__INIT;
    char id[] = "alice";
    json_t *object;

    (void)state;
    subject.id = id;
    object = json_from_message(&subject.base);
    json_prune(object, &feed__subject__descriptor);
    expect_json(object, "{\"id\":\"alice\"}");
}

static void what_is_not_of_the_message_is_not_read(void **state)
{
    static const char *const texts[] = {
        "{\"id\":\"x\"}", "{\"id\":true}",        "{\"author\":7}", "{\"writer\":\"alice\"}",
        "{\"origin\":7}",   "{\"resharedBy\":[]}", "[]",             "{\"origin\":{\"id\":\"\"}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        json_t *object = json_loads(texts[i], 0, NULL);

        assert_non_null(object);
        assert_null(json_to_message(object, &feed__share__descriptor));
        json_decref(object);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_has_all_of_its_fields_and_64_bit_numbers_are_strings),
        cmocka_unit_test(booleans_and_32_bit_numbers_are_plain),
        cmocka_unit_test(enums_are_names_and_unknown_ones_numbers),
        cmocka_unit_test(bytes_are_base64),
        cmocka_unit_test(base64_reads_back_as_written),
        cmocka_unit_test(what_is_no_base64_is_refused),
        cmocka_unit_test(lists_hold_texts_and_messages),
        cmocka_unit_test(of_a_oneof_only_the_member_that_is_set_is_there),
        cmocka_unit_test(what_is_no_utf8_is_replaced),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(what_says_nothing_can_be_left_out),
        cmocka_unit_test(what_is_not_of_the_message_is_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
