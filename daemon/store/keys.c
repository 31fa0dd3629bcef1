/* See keys.h. */
#include "store/keys.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "base/digits.h"

static const char *const kind_names[] = {
    [KEY_META] = "meta",           [KEY_LOG] = "log",
    [KEY_DELETIONS] = "deletions", [KEY_PROFILE] = "profile",
    [KEY_FOLLOWING] = "following", [KEY_FOLLOWERS] = "followers",
    [KEY_VERSIONS] = "versions",   [KEY_TIMELINE] = "timeline",
    [KEY_SHARE] = "share",         [KEY_IDEMPOTENCY] = "key",
    [KEY_IMPORT] = "import",       [KEY_JOB] = "job",
    [KEY_TRIES] = "tries",         [KEY_PARKED] = "parked",
    [KEY_SUBJECT] = "subject",     [KEY_WORDS] = "words",
    [KEY_DESTINATION] = "destination", [KEY_DESTINATION_EARLIER] = "destination-earlier",
    [KEY_SITE] = "site",               [KEY_SITE_EARLIER] = "site-earlier",
    [KEY_COUNTS] = "counts",       [KEY_DIALOGUE] = "dialogue",
    [KEY_COMMENTS] = "comments",   [KEY_AROUND] = "around",
    [KEY_REPLY] = "reply",
    [KEY_RESHARES] = "reshares",   [KEY_RESHARED] = "reshared",
    [KEY_MUTED] = "muted",         [KEY_BLOCKED] = "blocked",
    [KEY_BLOCKERS] = "blockers",   [KEY_ERASURE] = "erasure",
    [KEY_POPULAR] = "popular",
    [KEY_ASKED] = "asked",         [KEY_PRESENCE] = "presence",
    [KEY_COMMENTED] = "commented",
    [KEY_MARKERS] = "markers",     [KEY_INBOX] = "inbox",
    [KEY_BIG] = "big",             [KEY_KEPT] = "kept",
};

static unsigned partition_mask;
/* ":{tag}" of each partition. */
static char tags[PARTITIONS_MAX][16];

/* Redis Cluster's hash of a key: CRC16, XMODEM variant, modulo 16384 (Redis Cluster specification, appendix A). */
static unsigned cluster_slot(const char *tag)
{
    unsigned crc = 0;

    for (; *tag; tag++) {
        crc ^= (unsigned)(unsigned char)*tag << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 0x8000 ? (crc << 1 ^ 0x1021) & 0xffff : crc << 1 & 0xffff;
    }
    return crc % 16384;
}

/* The tag of partition i of n is the first number of i, i + 64, i + 128, … whose slot lies in the i-th n-th of the slots. */
void keys_init(unsigned partitions)
{
    assert(partitions >= 1 && partitions <= PARTITIONS_MAX && (partitions & (partitions - 1)) == 0);
    partition_mask = partitions - 1;
    for (unsigned i = 0; i < partitions; i++) {
        char number[12];
        unsigned candidate = i;

        do {
            snprintf(number, sizeof(number), "%u", candidate);
            candidate += PARTITIONS_MAX;
        } while (cluster_slot(number) * partitions / 16384 != i);
        snprintf(tags[i], sizeof(tags[i]), ":{%.10s}", number);
    }
}

unsigned partition_of_subject(struct text subject)
{
    return (unsigned)XXH3_64bits(subject.data, subject.size) & partition_mask;
}

#define KEY_START_BYTES 64

/* The kind and the tag, in a buffer of KEY_START_BYTES. */
static struct text key_start(char *buffer, enum key_kind kind, unsigned partition)
{
    const char *tag = tags[partition & partition_mask];
    size_t kind_bytes = strlen(kind_names[kind]), tag_bytes = strlen(tag);

    memcpy(buffer, kind_names[kind], kind_bytes);
    memcpy(buffer + kind_bytes, tag, tag_bytes + 1);
    return (struct text){buffer, kind_bytes + tag_bytes};
}

bool key_kind_read(struct text word, enum key_kind *ret_kind)
{
    for (size_t kind = 0; kind < KEY_KINDS; kind++)
        if (strlen(kind_names[kind]) == word.size && memcmp(kind_names[kind], word.data, word.size) == 0) {
            *ret_kind = (enum key_kind)kind;
            return true;
        }
    return false;
}

bool key_read(struct text key, struct key_parts *ret_parts)
{
    const char *tag = memchr(key.data, ':', key.size), *end = key.data + key.size;
    enum key_kind kind;

    if (!tag || !key_kind_read((struct text){key.data, (size_t)(tag - key.data)}, &kind))
        return false;
    for (unsigned partition = 0; partition <= partition_mask; partition++) {
        size_t tag_bytes = strlen(tags[partition]);

        if ((size_t)(end - tag) < tag_bytes || memcmp(tag, tags[partition], tag_bytes) != 0)
            continue;
        tag += tag_bytes;
        if (tag < end && *tag++ != ':')
            return false;
        *ret_parts = (struct key_parts){kind, partition, {tag, (size_t)(end - tag)}};
        return true;
    }
    return false;
}

void command_add_parts(struct command *command, const struct key_parts *parts)
{
    if (parts->name.size > 0)
        command_add_named_key(command, parts->kind, parts->partition, parts->name);
    else
        command_add_partition_key(command, parts->kind, parts->partition);
}

/* How a kind of keys is named. */
static enum { BY_SUBJECT, BY_ID, BY_PARTITION } naming_of(enum key_kind kind)
{
    static const enum key_kind by_id[] = {KEY_SHARE, KEY_COUNTS, KEY_RESHARES, KEY_DIALOGUE, KEY_COMMENTS, KEY_IMPORT, KEY_JOB};
    static const enum key_kind by_partition[] = {KEY_META, KEY_LOG,    KEY_DELETIONS, KEY_BIG,
                                                 KEY_TRIES, KEY_PARKED, KEY_WORDS,     KEY_ASKED};

    for (size_t i = 0; i < sizeof(by_id) / sizeof(by_id[0]); i++)
        if (by_id[i] == kind)
            return BY_ID;
    for (size_t i = 0; i < sizeof(by_partition) / sizeof(by_partition[0]); i++)
        if (by_partition[i] == kind)
            return BY_PARTITION;
    return BY_SUBJECT;
}

unsigned partition_of_key(enum key_kind kind, struct text name)
{
    return naming_of(kind) == BY_SUBJECT ? partition_of_subject(name) : partition_of_id(text_number(name));
}

void command_add_key(struct command *command, enum key_kind kind, struct text name)
{
    if (naming_of(kind) == BY_PARTITION)
        command_add_partition_key(command, kind, partition_of_key(kind, name));
    else
        command_add_named_key(command, kind, partition_of_key(kind, name), name);
}

void command_add_partition_key(struct command *command, enum key_kind kind, unsigned partition)
{
    char buffer[KEY_START_BYTES];

    command_add_text(command, key_start(buffer, kind, partition));
}

struct text log_key_name(unsigned partition)
{
    static char buffer[KEY_START_BYTES];

    return key_start(buffer, KEY_LOG, partition);
}

void command_add_named_key(struct command *command, enum key_kind kind, unsigned partition, struct text name)
{
    char buffer[KEY_START_BYTES + 2];
    struct text start = key_start(buffer, kind, partition);

    buffer[start.size] = ':';
    buffer[start.size + 1] = '\0';
    command_add_joined(command, buffer, name, "");
}

void command_add_subject_key(struct command *command, enum key_kind kind, struct text subject)
{
    command_add_named_key(command, kind, partition_of_subject(subject), subject);
}

unsigned partition_of_record(enum key_kind kind, struct text name)
{
    return kind == KEY_RESHARES ? partition_of_id(text_number(name)) : partition_of_subject(name);
}

void command_add_record_key(struct command *command, enum key_kind kind, struct text name)
{
    command_add_named_key(command, kind, partition_of_record(kind, name), name);
}

void command_add_id_key(struct command *command, enum key_kind kind, uint64_t id)
{
    char buffer[KEY_START_BYTES + 1 + DIGITS_MAX];
    struct text start = key_start(buffer, kind, partition_of_id(id));

    buffer[start.size] = ':';
    command_add(command, buffer, start.size + 1 + digits_write(buffer + start.size + 1, id));
}

/* Who wrote under which key. The name's length stands in front of the name, so that no two pairs spell the same. */
static void add_writer_key(struct command *command, char *buffer, size_t capacity, size_t used, struct text writer,
                           struct text key)
{
    int length = snprintf(buffer + used, capacity - used, ":%zu:%.*s:%.*s", writer.size, (int)writer.size, writer.data,
                          (int)key.size, key.data);

    assert((size_t)length < capacity - used);
    command_add(command, buffer, used + (size_t)length);
}

void command_add_idempotency_key(struct command *command, struct text author, struct text key)
{
    char buffer[400];
    struct text start = key_start(buffer, KEY_IDEMPOTENCY, partition_of_subject(author));

    add_writer_key(command, buffer, sizeof(buffer), start.size, author, key);
}

void command_add_reply_key(struct command *command, uint64_t share, struct text commenter, struct text key)
{
    char buffer[400];
    struct text start = key_start(buffer, KEY_REPLY, partition_of_id(share));

    buffer[start.size++] = ':';
    start.size += digits_write(buffer + start.size, share);
    add_writer_key(command, buffer, sizeof(buffer), start.size, commenter, key);
}

void command_add_id_key_prefix(struct command *command, enum key_kind kind, unsigned partition)
{
    char buffer[KEY_START_BYTES + 1];
    struct text start = key_start(buffer, kind, partition);

    buffer[start.size] = ':';
    command_add(command, buffer, start.size + 1);
}

void stream_id_of(uint64_t id, char ret_text[STREAM_ID_BYTES])
{
    size_t used = digits_write(ret_text, id >> 13);

    ret_text[used++] = '-';
    used += digits_write(ret_text + used, id >> 6 & 127);
    ret_text[used] = '\0';
}

uint64_t id_of_stream_id(struct text stream_id, unsigned partition)
{
    const char *at = stream_id.data, *end = at + stream_id.size;
    uint64_t ms = digits_read(&at, end), sequence;

    if (at == stream_id.data || stream_id.size >= STREAM_ID_BYTES || at == end || *at != '-' || ++at == end)
        return 0;
    sequence = digits_read(&at, end);
    return ms == 0 && sequence == 0 ? 0 : ms << 13 | (sequence & 127) << 6 | partition;
}

uint64_t id_earlier(uint64_t id, int64_t ms)
{
    return id >> 13 > (uint64_t)ms ? id - ((uint64_t)ms << 13) : 0;
}
