/* See model_store.h. */
#include "model_store.h"

#include "torture.h"

#define ANSWER_BYTES 2048
#define TEXTS 16

struct model model;

static const char *const names[MODEL_NAMES] = {"ann", "bob", "carl", "dora"};

/* An answer that is being put together: fake_answer() takes its shape. */
static char shape[ANSWER_BYTES];
static size_t shape_bytes;

__attribute__((format(printf, 1, 2))) static void put(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    shape_bytes += (size_t)vsnprintf(shape + shape_bytes, sizeof(shape) - shape_bytes, format, arguments);
    va_end(arguments);
    assert_true(shape_bytes < sizeof(shape));
}

static void put_id(uint64_t id)
{
    put(" %llu ", (unsigned long long)id);
}

void model_begin(void)
{
    model = (struct model){0};
    for (size_t i = 0; i < MODEL_NAMES; i++)
        model.subjects[i].name = names[i];
}

static size_t index_of(const char *name)
{
    for (size_t i = 0; i < MODEL_NAMES; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    fail_msg("nobody is called %s", name);
    return 0;
}

static struct model_subject *subject_of(const struct fake_call *call)
{
    return &model.subjects[index_of(call->name)];
}

static struct model_entry *share_of(uint64_t id)
{
    for (size_t i = 0; i < model.log_count; i++)
        if (model.log[i].entry.id == id && model.log[i].entry.kind == LOG_SHARE)
            return &model.log[i];
    return NULL;
}

static uint64_t append(enum log_kind kind, const char *subject, const char *reader, uint64_t other)
{
    const char *lasting = names[index_of(subject)], *lasting_reader = reader ? names[index_of(reader)] : NULL;

    assert_true(model.log_count < MODEL_LOG);
    model.log[model.log_count].entry = fake_entry(kind, lasting, lasting_reader, other);
    return model.log[model.log_count++].entry.id;
}

bool model_is_applied(void)
{
    for (size_t i = 0; i < model.log_count; i++)
        if (!model.log[i].acknowledged)
            return false;
    return true;
}

/* ---- answers ---- */

static void answer_share(const struct fake_call *call)
{
    for (size_t i = 0; i < model.log_count; i++)
        if (call->key[0] != '\0' && strcmp(model.log[i].key, call->key) == 0) {
            put("[%llu :1]", (unsigned long long)model.log[i].entry.id);
            return;
        }
    put("[");
    put_id(append(LOG_SHARE, call->name, NULL, 0));
    put(":0]");
    memcpy(model.log[model.log_count - 1].key, call->key, sizeof(call->key));
}

static void answer_delete(const struct fake_call *call)
{
    struct model_entry *share = share_of(call->id);

    assert_non_null(share);
    put("[");
    put_id(share->deleted ? share->entry.id : append(LOG_DELETE, call->name, NULL, call->id));
    put(":%d]", share->deleted);
    share->deleted = true;
}

static void answer_follows(const struct fake_call *call)
{
    put("[");
    for (size_t i = 0; i < call->count; i++) {
        const struct fake_follow *follow = &call->follows[i];
        uint64_t *standing = &model.subjects[index_of(follow->reader)].following[index_of(follow->subject)];
        bool repeated = follow->follow == (*standing != 0);

        if (!repeated) {
            uint64_t id = append(follow->follow ? LOG_FOLLOW : LOG_UNFOLLOW, follow->subject, follow->reader, 0);

            *standing = follow->follow ? id : 0;
            put_id(id);
        } else {
            put_id(*standing ? *standing : fake.last_id[0]);
        }
        put(":%d 0 ", repeated);
    }
    put("]");
}

static void answer_edges(const struct fake_call *call)
{
    put("[");
    for (size_t i = 0; i < call->count; i++) {
        const struct fake_follow *edge = &call->follows[i];
        uint64_t *standing = &model.subjects[index_of(edge->subject)].followers[index_of(edge->reader)];
        uint64_t id = append(edge->follow ? LOG_EDGE : LOG_UNEDGE, edge->subject, edge->reader, edge->version);

        *standing = edge->follow ? id : 0;
        put_id(id);
        put(":1");
    }
    put("]");
}

static void put_following(const struct model_subject *reader)
{
    put("[");
    for (size_t i = 0; i < MODEL_NAMES; i++)
        if (reader->following[i] != 0)
            put(" %s", names[i]);
    put("]");
}

static void answer_reader_load(const struct fake_call *call)
{
    put("[");
    put_id(fake.last_id[0]);
    put_following(subject_of(call));
    put("]");
}

static void answer_following_id(const struct fake_call *call)
{
    const struct model_subject *reader = subject_of(call);
    uint64_t id = 0;

    for (size_t i = 0; i < MODEL_NAMES; i++) /* everybody here follows one at a time */
        id = reader->following[i] > id ? reader->following[i] : id;
    if (id == 0)
        put("nil");
    else
        put_id(id);
}

/* Shares of a profile, newest first. */
static void put_profile(const struct fake_call *call, bool with_scores)
{
    int64_t left = call->limit;

    put("[");
    for (size_t i = model.log_count; i-- > 0 && left > 0;) {
        const struct model_entry *share = &model.log[i];

        if (share->entry.kind != LOG_SHARE || share->deleted || strcmp(share->entry.subject.data, call->name) != 0 ||
            (call->id != 0 && share->entry.id >= call->id) || share->entry.id < call->until)
            continue;
        put_id(share->entry.id);
        if (with_scores)
            put_id(share->entry.id);
        left--;
    }
    put("]");
}

static void answer_profile(const struct fake_call *call)
{
    put_profile(call, true);
}

static void answer_profile_ids(const struct fake_call *call)
{
    put_profile(call, false);
}

static void answer_names(const struct fake_call *call)
{
    const struct model_subject *subject = subject_of(call);
    size_t count = 0;

    for (size_t i = 0; i < MODEL_NAMES; i++)
        count += subject->followers[i] != 0;
    put("[:%zu [", count);
    for (size_t i = 0; i < MODEL_NAMES; i++)
        if (subject->followers[i] != 0)
            put(" %s %llu", names[i], (unsigned long long)subject->followers[i]);
    put("]]");
}

static void answer_timeline(const struct fake_call *call)
{
    const struct model_subject *reader = subject_of(call);

    put("[");
    for (size_t i = reader->has_timeline ? reader->timeline_count : 0; i-- > 0;)
        put_id(reader->timeline[i]);
    put(reader->has_timeline ? "0]" : "]");
}

static void answer_timeline_exists(const struct fake_call *call)
{
    put(":%d", subject_of(call)->has_timeline);
}

static void add_to_timeline(struct model_subject *reader, const uint64_t *ids, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        assert_true(reader->timeline_count < MODEL_LOG);
        reader->timeline[reader->timeline_count++] = ids[i];
    }
}

static void answer_timeline_merge(const struct fake_call *call)
{
    struct model_subject *reader = subject_of(call);

    if (reader->has_timeline)
        add_to_timeline(reader, call->ids, call->count);
    put(":%d", reader->has_timeline);
}

static void answer_timeline_begin(const struct fake_call *call)
{
    struct model_subject *reader = subject_of(call);

    if (reader->has_timeline) {
        put("[:0]");
    } else if (reader->is_building) {
        put("[:2]");
    } else {
        reader->is_building = true;
        put("[:1 Bmark ");
        put_following(reader);
        put("]");
    }
}

static void answer_timeline_finish(const struct fake_call *call)
{
    struct model_subject *reader = subject_of(call);

    assert_true(reader->is_building);
    reader->is_building = false;
    reader->has_timeline = true;
    add_to_timeline(reader, call->ids, call->count);
    put(":1");
}

static void answer_timeline_abandon(const struct fake_call *call)
{
    subject_of(call)->is_building = false;
    put(":1");
}

static void answer_timeline_drop(const struct fake_call *call)
{
    struct model_subject *reader = subject_of(call);

    reader->has_timeline = reader->is_building = false;
    reader->timeline_count = 0;
    put(":1");
}

static void answer_followers_page(const struct fake_call *call)
{
    const struct model_subject *author = subject_of(call);

    put("[");
    for (size_t i = 0; i < MODEL_NAMES; i++)
        if (author->followers[i] > call->id && author->followers[i] < call->until)
            put(" %s %llu", names[i], (unsigned long long)author->followers[i]);
    put("]");
}

static void answer_push(const struct fake_call *call)
{
    struct model_subject *reader = subject_of(call);
    bool lands = reader->has_timeline || reader->is_building;

    if (lands)
        add_to_timeline(reader, call->ids, call->count);
    put(":%zu", lands ? reader->timeline_count + 1 : 0);
}

static void answer_deletions(const struct fake_call *call)
{
    put("[:0 [");
    for (size_t i = 0; i < model.log_count; i++) {
        const struct log_entry *entry = &model.log[i].entry;

        if (entry->kind == LOG_DELETE && entry->id > call->id && entry->id <= call->until)
            put(" %llu:%s %llu", (unsigned long long)entry->other, entry->subject.data, (unsigned long long)entry->id);
    }
    put("]]");
}

static void answer_last_id(const struct fake_call *call)
{
    (void)call;
    put_id(fake.last_id[0]);
}

static void answer_bigs(const struct fake_call *call)
{
    (void)call;
    put("[]");
}

static void answer_applied(const struct fake_call *call)
{
    uint64_t applied = 0;

    (void)call;
    for (size_t i = 0; i < model.log_count && model.log[i].acknowledged; i++)
        applied = model.log[i].entry.id;
    put_id(applied);
}

static void answer_ack(const struct fake_call *call)
{
    for (size_t i = 0; i < model.log_count; i++)
        for (size_t j = 0; j < call->count; j++)
            if (model.log[i].entry.id == call->ids[j])
                model.log[i].acknowledged = true;
    put(":%zu", call->count);
}

static void answer_records(const struct fake_call *call)
{
    put("[%.*s]", (int)call->count * 3, ":1 :1 :1 :1 :1 :1 :1 :1 :1 :1 :1 :1 :1 :1 :1 :1 :1 :1 :1 :1 :1 :1 :1 :1 :1 :1 :1 :1 :1 :1 :1 :1 ");
}

static void answer_shares_exist(const struct fake_call *call)
{
    size_t count = 0;

    for (size_t i = 0; i < call->count; i++)
        count += share_of(call->ids[i]) && !share_of(call->ids[i])->deleted;
    put(":%zu", count);
}

static void (*const answers[FAKE_OPS])(const struct fake_call *call) = {
    [FAKE_SHARE] = answer_share,
    [FAKE_DELETE] = answer_delete,
    [FAKE_FOLLOWS] = answer_follows,
    [FAKE_EDGES] = answer_edges,
    [FAKE_READER_LOAD] = answer_reader_load,
    [FAKE_FOLLOWING_ID] = answer_following_id,
    [FAKE_PROFILE] = answer_profile,
    [FAKE_NAMES] = answer_names,
    [FAKE_TIMELINE] = answer_timeline,
    [FAKE_DELETIONS] = answer_deletions,
    [FAKE_LAST_ID] = answer_last_id,
    [FAKE_BIGS] = answer_bigs,
    [FAKE_TIMELINE_EXISTS] = answer_timeline_exists,
    [FAKE_TIMELINE_MERGE] = answer_timeline_merge,
    [FAKE_TIMELINE_BEGIN] = answer_timeline_begin,
    [FAKE_TIMELINE_FINISH] = answer_timeline_finish,
    [FAKE_TIMELINE_ABANDON] = answer_timeline_abandon,
    [FAKE_TIMELINE_DROP] = answer_timeline_drop,
    [FAKE_PROFILE_IDS] = answer_profile_ids,
    [FAKE_FOLLOWERS_PAGE] = answer_followers_page,
    [FAKE_PUSH] = answer_push,
    [FAKE_RECORDS] = answer_records, [FAKE_SHARES_EXIST] = answer_shares_exist,
    [FAKE_APPLIED] = answer_applied,
    [FAKE_JOBS_ACK] = answer_ack,
};

/* What is always answered the same: of a try at an entry, that it is the first, and that nobody has saved a place. */
static const char *const constants[FAKE_OPS] = {
    [FAKE_TIMELINE_UNFOLLOW] = "nil", [FAKE_TRIM] = "nil", [FAKE_JOB_TAKE] = "[:1 nil]",
    [FAKE_JOB_HAND_BACK] = ":1", [FAKE_JOB_SAVE] = ":1", [FAKE_JOB_FORGET] = ":1",
    [FAKE_JOBS_RENEW] = "nil",
};

/* Bodies are bytes: they go into the answer beside its shape. */
static void answer_bodies(struct fake_call *call)
{
    static uint8_t bytes[TEXTS][512];
    struct text texts[TEXTS] = {{NULL, 0}};
    size_t count = 0;

    assert_true(call->count <= TEXTS);
    put("[");
    for (size_t i = 0; i < call->count; i++) {
        const struct model_entry *share = share_of(call->ids[i]);

        if (!share || share->deleted) {
            put(" nil");
            continue;
        }
        struct text body = fake_body(share->entry.subject.data, "https://example.org/");
        memcpy(bytes[count], body.data, body.size);
        texts[count] = (struct text){(const char *)bytes[count], body.size};
        count++;
        put(" $");
    }
    put("]");
    fake_answer(call, shape, texts[0], texts[1], texts[2], texts[3], texts[4], texts[5], texts[6], texts[7], texts[8],
                texts[9], texts[10], texts[11], texts[12], texts[13], texts[14], texts[15]);
}

/* Entries that were not dealt yet, or, `again`, those that were dealt and not acknowledged. */
static void deal(struct fake_call *call, bool again)
{
    struct log_entry entries[MODEL_LOG];
    int count = 0;

    for (size_t i = 0; i < model.log_count; i++) {
        struct model_entry *entry = &model.log[i];

        if (entry->acknowledged || entry->dealt != again || (call->op == FAKE_JOBS_OWN && entry->entry.id <= call->id))
            continue;
        entry->dealt = true;
        entries[count] = entry->entry;
        if (entry->entry.kind == LOG_SHARE || entry->entry.kind == LOG_DELETE)
            entries[count].body = fake_body(entry->entry.subject.data, "https://example.org/");
        count++;
    }
    fake_deal(call, entries, count);
}

static bool anything_to_deal(void)
{
    for (size_t i = 0; i < model.log_count; i++)
        if (!model.log[i].dealt)
            return true;
    return false;
}

/* An entry's body is one of a few that are used in turns: the one that is handed on is made anew. */
static void tail_next(void)
{
    struct log_entry entry = model.log[model.tailed++].entry;

    if (entry.kind == LOG_SHARE)
        entry.body = fake_body(entry.subject.data, "https://example.org/");
    /* A reader in memory cannot do without an edge, and has no way yet to ask for it again. */
    bool spared = entry.kind == LOG_EDGE || entry.kind == LOG_UNEDGE;
    if (spared)
        torture_pause();
    fake_tail(&entry);
    if (spared)
        torture_resume();
    fake_tail_end(1);
}

void model_serve(void)
{
    for (bool served = true; served;) {
        served = false;
        while (fake.tail_handlers && model.tailed < model.log_count) {
            served = true;
            tail_next();
        }
        for (int op = 0; op < FAKE_OPS; op++) {
            while (fake_waiting((enum fake_op)op) > 0 && (op != FAKE_JOBS_NEW || anything_to_deal())) {
                struct fake_call *call = fake_expect((enum fake_op)op);

                served = true;
                shape_bytes = 0;
                if (op == FAKE_BODIES) {
                    answer_bodies(call);
                } else if (op == FAKE_JOBS_NEW || op == FAKE_JOBS_OWN || op == FAKE_JOBS_CLAIM) {
                    deal(call, op != FAKE_JOBS_NEW);
                } else if (constants[op]) {
                    fake_answer(call, constants[op]);
                } else {
                    assert_non_null(answers[op]);
                    answers[op](call);
                    fake_answer(call, shape);
                }
            }
        }
    }
}
