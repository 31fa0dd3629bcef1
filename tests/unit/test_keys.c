/* Partitions, keys and how ids are spelled. */
#include "unit.h"

#include "store/keys.h"

#define SLOTS 16384

/* CRC16 as Redis Cluster computes it, by long division instead of the table or the shift register: the key's bits and 16
 * zeros, modulo x^16 + x^12 + x^5 + 1. */
static unsigned slot_of(const char *data, size_t size)
{
    uint32_t remainder = 0;

    for (size_t bit = 0; bit < 8 * size + 16; bit++) {
        uint32_t next = bit < 8 * size ? (uint32_t)((uint8_t)data[bit / 8] >> (7 - bit % 8) & 1) : 0;

        remainder = remainder << 1 | next;
        if (remainder & 0x10000)
            remainder ^= 0x11021;
    }
    return remainder % SLOTS;
}

/* The key that a command was given, as the second argument. */
static struct text key_of(struct command *command)
{
    size_t size;
    const char *data = command_data(command, &size), *at;

    assert_non_null(data);
    at = data + size - 1;
    while (at > data && at[-1] != '\n') /* behind the line that says how long it is */
        at--;
    return (struct text){at, (size_t)(data + size - 2 - at)};
}

static unsigned slot_of_key(struct text key)
{
    const char *open = memchr(key.data, '{', key.size);
    assert_non_null(open);
    const char *close = memchr(open, '}', key.size - (size_t)(open - key.data));
    assert_non_null(close);
    assert_true(close > open + 1); /* an empty tag would be no tag */
    return slot_of(open + 1, (size_t)(close - open - 1));
}

static void the_crc_here_is_the_right_one(void **state)
{
    (void)state;
    assert_int_equal(slot_of("123456789", 9), 0x31c3); /* the check value in the Redis Cluster specification */
}

static void the_tags_spread_partitions_evenly_over_the_slots(void **state)
{
    (void)state;
    for (unsigned partitions = 1; partitions <= PARTITIONS_MAX; partitions *= 2) {
        keys_init(partitions);
        for (unsigned partition = 0; partition < partitions; partition++) {
            unsigned slot = slot_of_key(log_key_name(partition));

            assert_int_equal(slot * partitions / SLOTS, partition);
        }
    }
}

static void all_keys_of_a_subject_and_of_its_shares_are_in_one_slot(void **state)
{
    static const enum key_kind subject_kinds[] = {KEY_PROFILE, KEY_FOLLOWING, KEY_FOLLOWERS, KEY_VERSIONS, KEY_TIMELINE};
    static const enum key_kind id_kinds[] = {KEY_SHARE, KEY_IMPORT, KEY_JOB};

    (void)state;
    keys_init(16);
    for (int i = 0; i < 100; i++) {
        char name[32];
        int size = snprintf(name, sizeof(name), "brand:{%d}", i); /* braces of its own must not matter */
        struct text subject = {name, (size_t)size};
        unsigned partition = partition_of_subject(subject);
        unsigned slot = slot_of_key(log_key_name(partition));
        struct command *command;

        for (size_t kind = 0; kind < sizeof(subject_kinds) / sizeof(subject_kinds[0]); kind++) {
            command = command_begin("X");
            command_add_subject_key(command, subject_kinds[kind], subject);
            assert_int_equal(slot_of_key(key_of(command)), slot);
        }
        for (size_t kind = 0; kind < sizeof(id_kinds) / sizeof(id_kinds[0]); kind++) {
            command = command_begin("X");
            command_add_id_key(command, id_kinds[kind], (uint64_t)(i + 1) << 13 | partition);
            assert_int_equal(slot_of_key(key_of(command)), slot);
        }
        command = command_begin("X");
        command_add_idempotency_key(command, subject, (struct text){"k", 1});
        assert_int_equal(slot_of_key(key_of(command)), slot);
    }
}

static void a_key_that_is_read_is_the_same_when_it_is_written_again(void **state)
{
    static const char *const names[] = {"alice", "brand:{7}", "a:b", ""};
    struct key_parts parts;

    (void)state;
    keys_init(16);
    for (enum key_kind kind = 0; kind < KEY_KINDS; kind++)
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            struct key_parts written = {kind, 5, {names[i], strlen(names[i])}};
            struct command *command;
            struct text key;
            char copy[64];

            command = command_begin("X");
            command_add_parts(command, &written);
            key = key_of(command);
            memcpy(copy, key.data, key.size);
            assert_true(key_read((struct text){copy, key.size}, &parts));
            assert_int_equal(parts.kind, kind);
            assert_int_equal(parts.partition, 5);
            assert_int_equal(parts.name.size, strlen(names[i]));
            assert_memory_equal(parts.name.data, names[i], parts.name.size);
        }
}

static void what_is_no_key_of_this_store_is_not_read(void **state)
{
    static const char *const keys[] = {"", "feedd", "log", "log:", "log:{", "log:{1", "log:{1}x", "logs:{1}", "log:{3}", "x:log:{1}"};
    struct key_parts parts;

    (void)state;
    keys_init(2);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        assert_false(key_read((struct text){keys[i], strlen(keys[i])}, &parts));
}

static void subjects_are_spread_evenly_over_the_partitions(void **state)
{
    unsigned counts[PARTITIONS_MAX] = {0};

    (void)state;
    keys_init(PARTITIONS_MAX);
    for (int i = 0; i < 64000; i++) {
        char name[32];
        int size = snprintf(name, sizeof(name), "subject%d", i);
        unsigned partition = partition_of_subject((struct text){name, (size_t)size});

        assert_true(partition < PARTITIONS_MAX);
        counts[partition]++;
    }
    for (unsigned partition = 0; partition < PARTITIONS_MAX; partition++)
        assert_in_range(counts[partition], 850, 1150); /* five standard deviations from 1000 */
}

static void no_two_things_have_the_same_key(void **state)
{
    static const struct {
        const char *author;
        const char *key;
    } pairs[] = {{"a", "b:c"}, {"a:b", "c"}, {"a:1", "b:c"}, {"a", "1:b:c"}};
    char seen[4][64];

    (void)state;
    keys_init(1);
    for (size_t i = 0; i < 4; i++) {
        struct command *command = command_begin("X");

        command_add_idempotency_key(command, (struct text){pairs[i].author, strlen(pairs[i].author)},
                                    (struct text){pairs[i].key, strlen(pairs[i].key)});
        struct text key = key_of(command);
        snprintf(seen[i], sizeof(seen[i]), "%.*s", (int)key.size, key.data);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(seen[i], seen[j]);
    }
}

static void the_longest_names_fit(void **state)
{
    char name[128], key[128];

    (void)state;
    keys_init(PARTITIONS_MAX);
    memset(name, 'n', sizeof(name));
    memset(key, 'k', sizeof(key));
    struct command *command = command_begin("X");
    command_add_idempotency_key(command, (struct text){name, 128}, (struct text){key, 128});
    struct text text = key_of(command);
    assert_true(text.size > 256);
    assert_memory_equal(text.data + text.size - 128, key, 128);
}

/* ---- ids ---- */

static void an_id_and_its_stream_id_are_two_spellings_of_one_thing(void **state)
{
    static const struct {
        uint64_t id;
        const char *stream_id;
    } cases[] = {
        {64, "0-1"},
        {1 << 13, "1-0"},
        {(UINT64_C(1) << 53) - 1, "1099511627775-127"},
        {(UINT64_C(1) << 53) - 64, "1099511627775-127"},
        {UINT64_C(123456789) << 13 | 5 << 6 | 63, "123456789-5"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[STREAM_ID_BYTES];

        stream_id_of(cases[i].id, text);
        assert_string_equal(text, cases[i].stream_id);
        assert_int_equal(id_of_stream_id((struct text){text, strlen(text)}, partition_of_id(cases[i].id)), cases[i].id);
    }
    char longest[STREAM_ID_BYTES];
    stream_id_of(UINT64_MAX, longest);
    assert_string_equal(longest, "2251799813685247-127");
}

static void random_ids_keep_their_value_and_their_order(void **state)
{
    uint32_t random = 271828;
    uint64_t before = 0;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        uint64_t id = before + 1 + unit_random(&random) % (1 << 28);
        char text[STREAM_ID_BYTES];

        stream_id_of(id, text);
        assert_int_equal(id_of_stream_id((struct text){text, strlen(text)}, partition_of_id(id)), id);
        before = id;
    }
}

static void what_is_no_stream_id_is_no_id(void **state)
{
    static const char *const texts[] = {"", "-", "5", "x-y", "0-0", "ms-1",
                                        "123456789012345678901234567890123456789012345678901234567890-123456"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(id_of_stream_id((struct text){texts[i], strlen(texts[i])}, 0), 0);
    assert_int_equal(id_of_stream_id((struct text){"7-12", 3}, 0), 7 << 13 | 1 << 6); /* not a byte beyond */
}

static void an_earlier_id_is_of_the_same_partition_or_none(void **state)
{
    (void)state;
    assert_int_equal(id_earlier(5 << 13 | 3 << 6 | 7, 2), 3 << 13 | 3 << 6 | 7);
    assert_int_equal(id_earlier(5 << 13 | 7, 5), 0);
    assert_int_equal(id_earlier(5 << 13 | 7, 6), 0);
    assert_int_equal(id_earlier(0, 60000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_crc_here_is_the_right_one),
        cmocka_unit_test(the_tags_spread_partitions_evenly_over_the_slots),
        cmocka_unit_test(all_keys_of_a_subject_and_of_its_shares_are_in_one_slot),
        cmocka_unit_test(a_key_that_is_read_is_the_same_when_it_is_written_again),
        cmocka_unit_test(what_is_no_key_of_this_store_is_not_read),
        cmocka_unit_test(subjects_are_spread_evenly_over_the_partitions),
        cmocka_unit_test(no_two_things_have_the_same_key),
        cmocka_unit_test(the_longest_names_fit),
        cmocka_unit_test(an_id_and_its_stream_id_are_two_spellings_of_one_thing),
        cmocka_unit_test(random_ids_keep_their_value_and_their_order),
        cmocka_unit_test(what_is_no_stream_id_is_no_id),
        cmocka_unit_test(an_earlier_id_is_of_the_same_partition_or_none),
    };

    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
