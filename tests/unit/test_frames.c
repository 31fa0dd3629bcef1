/* Frames that are put together by hand, as protobuf's own decoder reads them. */
#include "unit.h"

#include "feed/frames.h"
#include "feed/internal.h"

#define ID_MAX ((UINT64_C(1) << 53) - 1)

static const uint64_t ids[] = {1, 127, 128, 16383, 16384, UINT64_C(1) << 35, ID_MAX};

static Feed__ServerFrame *decoded(struct frame *frame)
{
    assert_non_null(frame);
    Feed__ServerFrame *message = feed__server_frame__unpack(NULL, frame->size, frame->bytes);
    assert_non_null(message);
    assert_int_equal(message->request_id, 0); /* the connection writes its own */
    return message;
}

/* A body as it is committed, with a title of so many bytes. The caller frees it. */
static struct text make_body(const char *author, size_t title_bytes)
{
    Feed__Share share = FEED__SHARE__INIT;
    char name[256], url[] = "https://example.org/";
    char *title = malloc(title_bytes + 1);

    assert_non_null(title);
    memset(title, 't', title_bytes);
    title[title_bytes] = '\0';
    snprintf(name, sizeof(name), "%s", author);
    share.author = name;
    share.url = url;
    share.title = title;
    share.created_at_ms = INT64_C(1767225600001);
    uint8_t *bytes = malloc(feed__share__get_packed_size(&share));
    assert_non_null(bytes);
    size_t size = feed__share__pack(&share, bytes);
    free(title);
    return (struct text){(char *)bytes, size};
}

static void assert_share(const Feed__Share *share, uint64_t id, size_t title_bytes)
{
    assert_int_equal(share->id, id);
    assert_string_equal(share->author, "bob");
    assert_string_equal(share->url, "https://example.org/");
    assert_int_equal(strlen(share->title), title_bytes);
    assert_int_equal(share->created_at_ms, INT64_C(1767225600001));
}

static struct feed_item make_item(uint64_t id, size_t title_bytes)
{
    struct feed_item item = {.id = id};
    struct text body = make_body("bob", title_bytes);

    item.frame = frame_of_share(id, body, NULL, (struct text){"", 0}, &item.share_bytes);
    assert_non_null(item.frame);
    free((void *)(uintptr_t)body.data);
    return item;
}

static void a_share_is_framed_around_the_bytes_that_were_committed(void **state)
{
    static const size_t title_bytes[] = {0, 1, 60, 127, 128, 16383, 20000};

    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        for (size_t j = 0; j < sizeof(title_bytes) / sizeof(title_bytes[0]); j++) {
            struct feed_item item = make_item(ids[i], title_bytes[j]);
            Feed__ServerFrame *message = decoded(item.frame);

            assert_int_equal(message->body_case, FEED__SERVER_FRAME__BODY_SHARED);
            assert_share(message->shared->share, ids[i], title_bytes[j]);
            feed__server_frame__free_unpacked(message, NULL);
            frame_unref(item.frame);
        }
}

static void the_end_of_a_shares_frame_is_the_share(void **state)
{
    struct feed_item item = make_item(ID_MAX, 300);

    (void)state;
    Feed__Share *share = feed__share__unpack(NULL, item.share_bytes, item.frame->bytes + item.frame->size - item.share_bytes);
    assert_non_null(share);
    assert_share(share, ID_MAX, 300);
    feed__share__free_unpacked(share, NULL);

    struct frame *reply = frame_of_one_share(&item);
    Feed__ServerFrame *message = decoded(reply);
    assert_int_equal(message->body_case, FEED__SERVER_FRAME__BODY_GET_SHARE);
    assert_share(message->get_share->share, ID_MAX, 300);
    feed__server_frame__free_unpacked(message, NULL);
    frame_unref(reply);
    frame_unref(item.frame);
}

static void a_page_holds_its_shares_its_cursor_and_its_end(void **state)
{
    static const Feed__PageEnd ends[] = {FEED__PAGE_END__MORE, FEED__PAGE_END__END, FEED__PAGE_END__CAPPED,
                                         FEED__PAGE_END__REBUILDING};
    struct feed_item items[20];

    (void)state;
    for (size_t i = 0; i < 20; i++)
        items[i] = make_item(ID_MAX - i, i * 50);
    for (size_t each = 0; each < 2 * 4 * 3; each++) {
        static const size_t counts[] = {0, 1, 20};
        struct feed_page page = {.items = items, .count = counts[each / 8], .end = ends[each / 2 % 4]};
        struct frame *frame = frame_of_page(each % 2 ? 13 : 12, &page, (struct text){NULL, 0});
        Feed__ServerFrame *message = decoded(frame);
        Feed__Share **shares;
        const char *cursor;
        size_t count;
        Feed__PageEnd end;

        if (each % 2) {
            assert_int_equal(message->body_case, FEED__SERVER_FRAME__BODY_GET_PROFILE);
            Feed__GetProfileReply *reply = message->get_profile;
            shares = reply->shares, count = reply->n_shares, cursor = reply->next_cursor, end = reply->end;
        } else {
            assert_int_equal(message->body_case, FEED__SERVER_FRAME__BODY_GET_TIMELINE);
            Feed__GetTimelineReply *reply = message->get_timeline;
            shares = reply->shares, count = reply->n_shares, cursor = reply->next_cursor, end = reply->end;
        }
        assert_int_equal(count, page.count);
        assert_int_equal(end, page.end);
        for (size_t i = 0; i < count; i++)
            assert_share(shares[i], items[i].id, i * 50);
        if (end == FEED__PAGE_END__MORE && count > 0)
            assert_int_equal(strtoull(cursor, NULL, 10), items[count - 1].id);
        else
            assert_string_equal(cursor, "");
        feed__server_frame__free_unpacked(message, NULL);
        frame_unref(frame);
    }
    for (size_t i = 0; i < 20; i++)
        frame_unref(items[i].frame);
}

static void a_deletion_names_its_share_and_author(void **state)
{
    char name[128];

    (void)state;
    memset(name, 'n', sizeof(name));
    struct frame *frame = frame_of_deletion(ID_MAX, 77, (struct text){name, sizeof(name)});
    Feed__ServerFrame *message = decoded(frame);
    assert_int_equal(message->body_case, FEED__SERVER_FRAME__BODY_DELETED);
    assert_int_equal(message->deleted->id, ID_MAX);
    assert_int_equal(message->deleted->share_id, 77);
    assert_int_equal(strlen(message->deleted->author), sizeof(name));
    assert_memory_equal(message->deleted->author, name, sizeof(name));
    feed__server_frame__free_unpacked(message, NULL);
    frame_unref(frame);
}

static void tokens_travel_unchanged(void **state)
{
    uint8_t token[TOKEN_BYTES_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(token); i++)
        token[i] = (uint8_t)(i * 7);
    for (size_t size = 0; size <= sizeof(token); size += sizeof(token) / 2) {
        struct frame *frames[] = {frame_of_caught_up(token, size), frame_of_heartbeat(token, size, true)};
        Feed__ServerFrame *caught_up = decoded(frames[0]), *heartbeat = decoded(frames[1]);

        assert_int_equal(caught_up->body_case, FEED__SERVER_FRAME__BODY_CAUGHT_UP);
        assert_int_equal(caught_up->caught_up->resume_token.len, size);
        assert_int_equal(heartbeat->body_case, FEED__SERVER_FRAME__BODY_HEARTBEAT);
        assert_int_equal(heartbeat->heartbeat->resume_token.len, size);
        assert_true(heartbeat->heartbeat->degraded);
        if (size > 0) {
            assert_memory_equal(caught_up->caught_up->resume_token.data, token, size);
            assert_memory_equal(heartbeat->heartbeat->resume_token.data, token, size);
        }
        feed__server_frame__free_unpacked(caught_up, NULL);
        feed__server_frame__free_unpacked(heartbeat, NULL);
        frame_unref(frames[0]);
        frame_unref(frames[1]);
    }
}

static void a_gap_names_every_range(void **state)
{
    uint64_t ranges[2 * PARTITIONS_MAX];

    (void)state;
    for (size_t i = 0; i < 2 * PARTITIONS_MAX; i++)
        ranges[i] = ID_MAX - 1000 + i;
    for (size_t count = 1; count <= PARTITIONS_MAX; count += PARTITIONS_MAX - 1) {
        struct frame *frame = frame_of_gap(FEED__GAP_REASON__GAP_LOST, ranges, count);
        Feed__ServerFrame *message = decoded(frame);

        assert_int_equal(message->body_case, FEED__SERVER_FRAME__BODY_GAP);
        assert_int_equal(message->gap->reason, FEED__GAP_REASON__GAP_LOST);
        assert_int_equal(message->gap->n_ranges, count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(message->gap->ranges[i]->after, ranges[2 * i]);
            assert_int_equal(message->gap->ranges[i]->until, ranges[2 * i + 1]);
        }
        feed__server_frame__free_unpacked(message, NULL);
        frame_unref(frame);
    }
}

static void the_author_is_read_out_of_a_body_and_of_nothing_else(void **state)
{
    static const struct text none[] = {{"", 0},
                                       {"\x12", 1},
                                       {"\x12\x05" "bob", 5},
                                       {"\x1a\x03" "bob", 5},
                                       {"\x12\xff\xff\xff", 4}};
    struct text body = make_body("brand:acme", 10);
    struct text author = author_of_body(body);

    (void)state;
    assert_int_equal(author.size, 10);
    assert_memory_equal(author.data, "brand:acme", 10);
    free((void *)(uintptr_t)body.data);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_int_equal(author_of_body(none[i]).size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_is_framed_around_the_bytes_that_were_committed),
        cmocka_unit_test(the_end_of_a_shares_frame_is_the_share),
        cmocka_unit_test(a_page_holds_its_shares_its_cursor_and_its_end),
        cmocka_unit_test(a_deletion_names_its_share_and_author),
        cmocka_unit_test(tokens_travel_unchanged),
        cmocka_unit_test(a_gap_names_every_range),
        cmocka_unit_test(the_author_is_read_out_of_a_body_and_of_nothing_else),
    };

    return cmocka_run_group_tests_name("frames", tests, NULL, NULL);
}
