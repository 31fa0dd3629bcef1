/* The queue of one connection against a plain row of bytes, that it owns nothing once it has drained, and that what queues say
 * they take in memory is what the allocator gave them. */
#include "unit.h"

#include <malloc.h>

#include "framing.h"
#include "net/frame_queue.h"

#define WIRE_MAX (1 << 20)

static struct frame *random_frame(uint32_t *random)
{
    size_t size = unit_random(random) % (unit_random(random) % 8 == 0 ? 3000 : 40);
    struct frame *frame = frame_new(size);

    assert_non_null(frame);
    for (size_t i = 0; i < size; i++)
        frame->bytes[i] = (uint8_t)unit_random(random);
    return frame;
}

/* Several frames, ready to be sent. */
static struct frame *random_whole(uint32_t *random, uint32_t request_id)
{
    struct frame *frames[5], *joined;

    for (int i = 0; i < 5; i++)
        frames[i] = random_frame(random);
    joined = frame_join(frames, 5, request_id);
    assert_non_null(joined);
    for (int i = 0; i < 5; i++)
        frame_unref(frames[i]);
    return joined;
}

static size_t write_wire(uint8_t *out, uint32_t request_id, const struct frame *frame)
{
    if (frame->is_whole) {
        memcpy(out, frame->bytes, frame->size);
        return frame->size;
    }
    size_t field_bytes = request_id == 0 ? 0 : 1 + framing_varint_bytes(request_id);
    size_t used = framing_write_varint(out, field_bytes + frame->size);

    if (request_id != 0) {
        out[used++] = 0x08;
        used += framing_write_varint(out + used, request_id);
    }
    memcpy(out + used, frame->bytes, frame->size);
    return used + frame->size;
}

static void what_goes_in_comes_out_whatever_is_sent_at_once(void **state)
{
    static uint8_t wire[WIRE_MAX + 5 * 4096]; /* everything that was ever queued */
    static uint8_t out[10000];
    struct frame_queue queue = {0};
    uint32_t random = 42;
    size_t written = 0;
    size_t sent = 0;
    size_t held = 0;

    (void)state;
    while (written < WIRE_MAX) {
        size_t room = 1 + unit_random(&random) % sizeof(out);
        size_t gathered, whole_bytes;
        size_t taken;

        for (uint32_t i = unit_random(&random) % 20; i > 0 && written < WIRE_MAX; i--) {
            uint32_t request_id = unit_random(&random) >> (unit_random(&random) % 33 % 32);
            struct frame *frame;

            if (unit_random(&random) % 4 == 0)
                request_id = 0;
            frame = unit_random(&random) % 8 == 0 ? random_whole(&random, request_id) : random_frame(&random);
            assert_int_equal(frame_queue_push(&queue, &(struct frame_entry){frame, request_id, 0}, &held), 0);
            written += write_wire(wire + written, request_id, frame);
            frame_unref(frame);
        }
        assert_int_equal(queue.bytes, written - sent);
        gathered = frame_queue_gather(&queue, out, room);
        assert_int_equal(gathered, room < written - sent ? room : written - sent);
        assert_memory_equal(out, wire + sent, gathered);
        const uint8_t *whole = frame_queue_next_whole(&queue, &whole_bytes);
        if (whole) {
            assert_memory_equal(whole, wire + sent, whole_bytes);
            gathered = whole_bytes;
        }
        taken = gathered == 0 ? 0 : unit_random(&random) % (gathered + 1);
        frame_queue_consume(&queue, taken, &held);
        sent += taken;
    }
    frame_queue_clear(&queue, &held);
    assert_int_equal(queue.bytes, 0);
    assert_int_equal(held, 0);
}

static void a_drained_queue_owns_nothing_and_holds_no_frame(void **state)
{
    struct frame_queue queue = {0};
    struct frame *frame = frame_new(10);
    uint8_t out[11 * 20];
    size_t held = 0;

    (void)state;
    memset(frame->bytes, 1, 10);
    for (unsigned count = 1; count <= 20; count++) {
        for (unsigned i = 0; i < count; i++)
            assert_int_equal(frame_queue_push(&queue, &(struct frame_entry){.frame = frame}, &held), 0);
        assert_int_equal(queue.capacity == 0, count <= FRAME_QUEUE_INLINE);
        assert_int_equal(frame->refs, count + 1);
        assert_int_equal(frame_queue_gather(&queue, out, sizeof(out)), 11 * count);
        frame_queue_consume(&queue, 11 * count, &held);
        assert_int_equal(frame->refs, 1);
        assert_int_equal(queue.capacity, 0);
        assert_int_equal(held, 0);
    }
    frame_unref(frame);
}

/* The allocator's own figure: exact with a sanitizer, with its overhead otherwise. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated_bytes(void)
{
    return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes() : mallinfo2().uordblks;
}

#define QUEUES 16

static bool drop_odd(void *context, const struct frame_entry *entry)
{
    (void)context;
    return entry->frame->position % 2 == 1;
}

/* Frames that only queues hold, many of them shared, pushed, sent in part and dropped at random. */
static void what_queues_say_they_hold_is_what_the_allocator_gave_them(void **state)
{
    static struct frame_queue queues[QUEUES];
    size_t before = allocated_bytes(), held = 0;
    uint32_t random = 7;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct frame *frame = random_frame(&random);
        struct frame_queue *queue = &queues[unit_random(&random) % QUEUES];

        frame->position = unit_random(&random) % 4;
        for (uint32_t i = unit_random(&random) % QUEUES; i < QUEUES; i++)
            assert_int_equal(frame_queue_push(&queues[i], &(struct frame_entry){.frame = frame}, &held), 0);
        frame_unref(frame);
        if (unit_random(&random) % 3 == 0)
            frame_queue_consume(queue, queue->bytes == 0 ? 0 : unit_random(&random) % (queue->bytes + 1), &held);
        if (unit_random(&random) % 20 == 0)
            frame_queue_drop(queue, drop_odd, NULL, &held);
        size_t taken = allocated_bytes() - before;
        assert_in_range(taken, held, __sanitizer_get_current_allocated_bytes ? held : held * 3 / 2 + 4096);
    }
    for (int i = 0; i < QUEUES; i++)
        frame_queue_clear(&queues[i], &held);
    assert_int_equal(held, 0);
    assert_int_equal(allocated_bytes(), before);
}

static bool drop_noted(void *context, const struct frame_entry *entry)
{
    struct frame_entry **next = context;

    *(*next)++ = *entry;
    return entry->request_id != 9;
}

static void what_stands_for_a_position_may_be_dropped_unless_it_is_partly_sent(void **state)
{
    /* The first is partly sent, the third is an answer, the fifth is asked for in vain. */
    static const uint64_t positions[] = {100, 101, 0, 103, 104, 105};
    static const uint32_t expected[] = {71, 73, 74, 75};
    struct frame_queue queue = {0};
    struct frame_entry asked[6], *next = asked;
    uint8_t out[100];
    size_t held = 0;

    (void)state;
    for (uint32_t i = 0; i < 6; i++) {
        struct frame *frame = frame_new(2);

        memset(frame->bytes, (int)('a' + i), 2);
        frame->position = positions[i];
        frame_queue_push(&queue, &(struct frame_entry){frame, i == 4 ? 9 : 0, 70 + i}, &held);
        frame_unref(frame);
    }
    frame_queue_consume(&queue, 1, &held);
    assert_int_equal(frame_queue_drop(&queue, drop_noted, &next, &held), 3);
    assert_int_equal(next - asked, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(asked[i].stream, expected[i]);
    assert_int_equal(frame_queue_gather(&queue, out, sizeof(out)), 10);
    assert_int_equal(queue.bytes, 10);
    assert_memory_equal(out, "aa\2cc\4\10\11ee", 10);
    frame_queue_clear(&queue, &held);
    assert_int_equal(held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out_whatever_is_sent_at_once),
        cmocka_unit_test(a_drained_queue_owns_nothing_and_holds_no_frame),
        cmocka_unit_test(what_queues_say_they_hold_is_what_the_allocator_gave_them),
        cmocka_unit_test(what_stands_for_a_position_may_be_dropped_unless_it_is_partly_sent),
    };

    return cmocka_run_group_tests_name("frame queue", tests, NULL, NULL);
}
