/* The queue of one connection against a plain row of bytes, and that it owns nothing once it has drained. */
#include "unit.h"

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

static size_t write_wire(uint8_t *out, uint32_t request_id, const struct frame *frame)
{
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
    static uint8_t wire[WIRE_MAX + 4096]; /* everything that was ever queued */
    static uint8_t out[10000];
    struct frame_queue queue = {0};
    uint32_t random = 42;
    size_t written = 0;
    size_t sent = 0;

    (void)state;
    while (written < WIRE_MAX) {
        size_t room = 1 + unit_random(&random) % sizeof(out);
        size_t gathered;
        size_t taken;

        for (uint32_t i = unit_random(&random) % 20; i > 0 && written < WIRE_MAX; i--) {
            struct frame *frame = random_frame(&random);
            uint32_t request_id = unit_random(&random) >> (unit_random(&random) % 33 % 32);

            if (unit_random(&random) % 4 == 0)
                request_id = 0;
            assert_int_equal(frame_queue_push(&queue, frame, request_id), 0);
            written += write_wire(wire + written, request_id, frame);
            frame_unref(frame);
        }
        assert_int_equal(queue.bytes, written - sent);
        gathered = frame_queue_gather(&queue, out, room);
        assert_int_equal(gathered, room < written - sent ? room : written - sent);
        assert_memory_equal(out, wire + sent, gathered);
        taken = gathered == 0 ? 0 : unit_random(&random) % (gathered + 1);
        frame_queue_consume(&queue, taken);
        sent += taken;
    }
    frame_queue_clear(&queue);
    assert_int_equal(queue.bytes, 0);
}

static void a_drained_queue_owns_nothing_and_holds_no_frame(void **state)
{
    struct frame_queue queue = {0};
    struct frame *frame = frame_new(10);
    uint8_t out[11 * 20];

    (void)state;
    memset(frame->bytes, 1, 10);
    for (unsigned count = 1; count <= 20; count++) {
        for (unsigned i = 0; i < count; i++)
            assert_int_equal(frame_queue_push(&queue, frame, 0), 0);
        assert_int_equal(queue.capacity == 0, count <= FRAME_QUEUE_INLINE);
        assert_int_equal(frame->refs, count + 1);
        assert_int_equal(frame_queue_gather(&queue, out, sizeof(out)), 11 * count);
        frame_queue_consume(&queue, 11 * count);
        assert_int_equal(frame->refs, 1);
        assert_int_equal(queue.capacity, 0);
    }
    frame_unref(frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out_whatever_is_sent_at_once),
        cmocka_unit_test(a_drained_queue_owns_nothing_and_holds_no_frame),
    };

    return cmocka_run_group_tests_name("frame queue", tests, NULL, NULL);
}
