/* See fake_store.h. */
#include "fake_store.h"

#include <hiredis/hiredis.h>

#include "base/clock.h"
#include "feed.pb-c.h"

#define BODIES 8

struct fake_store fake;

static struct fake_call *calls; /* oldest first */

int64_t clock_now_ms(void)
{
    return 1000000 + fake.now_ms;
}

/* What operators ask is not the feed's business. */

bool store_look_at_link(const struct store *store, unsigned number, struct link_look *ret_look)
{
    (void)store;
    (void)number;
    (void)ret_look;
    return false;
}

int store_ask_info(struct store *store, reply_fn *fn, void *context)
{
    (void)store;
    (void)fn;
    (void)context;
    return -ENOTCONN;
}

int store_ask_subject(struct store *store, struct text subject, reply_fn *fn, void *context)
{
    (void)subject;
    return store_ask_info(store, fn, context);
}

int store_ask_share(struct store *store, uint64_t id, reply_fn *fn, void *context)
{
    (void)id;
    return store_ask_info(store, fn, context);
}

int store_ask_parked(struct store *store, unsigned partition, int64_t limit, reply_fn *fn, void *context)
{
    (void)partition;
    (void)limit;
    return store_ask_info(store, fn, context);
}

int64_t clock_now_us(void)
{
    return clock_now_ms() * 1000;
}

int64_t clock_wall_ms(void)
{
    return FAKE_WALL_MS + fake.now_ms;
}

/* ---- calls ---- */

void fake_copy(char *out, size_t size, struct text text)
{
    assert_true(text.size < size);
    if (text.size > 0)
        memcpy(out, text.data, text.size);
    out[text.size] = '\0';
}

int fake_record(struct fake_call call, struct text name)
{
    struct fake_call **at = &calls, *kept;

    if (fake.refuses[call.op])
        return -ENOTCONN;
    kept = malloc(sizeof(*kept));
    assert_non_null(kept);
    *kept = call;
    fake_copy(kept->name, sizeof(kept->name), name);
    while (*at)
        at = &(*at)->next;
    *at = kept;
    return 0;
}

static void call_free(struct fake_call *call)
{
    free(call->ids);
    free(call->follows);
    free(call);
}

bool fake_is_idle(void)
{
    return !calls;
}

size_t fake_waiting(enum fake_op op)
{
    size_t count = 0;

    for (const struct fake_call *call = calls; call; call = call->next)
        count += call->op == op;
    return count;
}

struct fake_call *fake_expect(enum fake_op op)
{
    for (struct fake_call **at = &calls; *at; at = &(*at)->next) {
        struct fake_call *call = *at;

        if (call->op != op)
            continue;
        *at = call->next;
        return call;
    }
    fail_msg("the store was not asked for %d", op);
    return NULL;
}

static void answer(struct fake_call *call, const struct reply *reply)
{
    if (call->fn)
        call->fn(call->context, reply);
    else
        call->jobs_fn(call->context, -EPIPE);
    call_free(call);
}

void fake_lose_all(void)
{
    while (calls) {
        struct fake_call *call = calls;

        calls = call->next;
        answer(call, NULL);
    }
}

/* ---- answers ---- */

static redisReply *reply_new(int type, const char *data, size_t size)
{
    redisReply *reply = calloc(1, sizeof(*reply));

    assert_non_null(reply);
    reply->type = type;
    reply->str = calloc(1, size + 1);
    assert_non_null(reply->str);
    if (size > 0)
        memcpy(reply->str, data, size);
    reply->len = size;
    return reply;
}

static void reply_free(redisReply *reply)
{
    for (size_t i = 0; i < reply->elements; i++)
        reply_free(reply->element[i]);
    free(reply->element);
    free(reply->str);
    free(reply);
}

static redisReply *reply_read(const char **at, va_list *arguments)
{
    static char digits[24];

    *at += strspn(*at, " ");
    const char *word = *at;
    size_t size = *word == '[' ? 1 : strcspn(word, " []");
    *at += size;
    if (*word == '[') {
        redisReply *array = reply_new(REDIS_REPLY_ARRAY, "", 0);

        for (*at += strspn(*at, " "); **at != ']'; *at += strspn(*at, " ")) {
            assert_true(**at != '\0');
            array->element = realloc(array->element, (array->elements + 1) * sizeof(*array->element));
            assert_non_null(array->element);
            array->element[array->elements++] = reply_read(at, arguments);
        }
        ++*at;
        return array;
    }
    if (*word == '$') {
        struct text text = va_arg(*arguments, struct text);

        return reply_new(REDIS_REPLY_STRING, text.data, text.size);
    }
    if (*word == '#') {
        snprintf(digits, sizeof(digits), "%llu", (unsigned long long)va_arg(*arguments, uint64_t));
        return reply_new(REDIS_REPLY_STRING, digits, strlen(digits));
    }
    if (*word == ':') {
        redisReply *number = reply_new(REDIS_REPLY_INTEGER, "", 0);

        number->integer = strtoll(word + 1, NULL, 10);
        return number;
    }
    if (*word == '!')
        return reply_new(REDIS_REPLY_ERROR, word + 1, size - 1);
    return size == 3 && strncmp(word, "nil", 3) == 0 ? reply_new(REDIS_REPLY_NIL, "", 0)
                                                     : reply_new(REDIS_REPLY_STRING, word, size);
}

/* [name, edge, …] as the store hands it up: the names, and the last edge if there may be more. */
static void split_page(const struct fake_call *call, redisReply *page)
{
    size_t count = page->elements / 2;

    if (call->ret_last)
        *call->ret_last = count == (size_t)call->limit ? strtoull(page->element[2 * count - 1]->str, NULL, 10) : 0;
    for (size_t i = 0; i < count; i++) {
        reply_free(page->element[2 * i + 1]);
        page->element[i] = page->element[2 * i];
    }
    page->elements = count;
}

void fake_answer(struct fake_call *call, const char *format, ...)
{
    redisReply *reply = NULL;
    va_list arguments;

    va_start(arguments, format);
    if (format)
        reply = reply_read(&format, &arguments);
    va_end(arguments);
    if (call->op == FAKE_FOLLOWERS_PAGE && reply)
        split_page(call, reply);
    answer(call, (const struct reply *)(const void *)reply);
    if (reply)
        reply_free(reply);
}

/* ---- the log ---- */

struct log_entry fake_entry(enum log_kind kind, const char *subject, const char *reader, uint64_t other)
{
    bool of_reader = kind == LOG_FOLLOW || kind == LOG_UNFOLLOW || kind == LOG_MUTE || kind == LOG_UNMUTE ||
                     kind == LOG_BLOCK || kind == LOG_UNBLOCK;
    struct text texts[2] = {{subject, strlen(subject)}, {reader ? reader : "", reader ? strlen(reader) : 0}};
    unsigned partition = partition_of_subject(texts[of_reader]);
    uint64_t now = (uint64_t)(clock_wall_ms() - EPOCH_MS) << 13 | partition;
    uint64_t previous = fake.last_id[partition];

    fake.last_id[partition] = previous >= now ? previous + 64 : now;
    return (struct log_entry){.kind = kind, .followers = FOLLOWERS_UNKNOWN,
                              .partition = partition,
                              .id = fake.last_id[partition],
                              .previous = previous,
                              .other = other,
                              .share = kind == LOG_DELETE ? other : 0,
                              .subject = texts[0],
                              .reader = texts[1],
                              .name = {"", 0},
                              .body = kind == LOG_SHARE ? fake_body(subject, "") : (struct text){"", 0}};
}

void fake_tail(const struct log_entry *entry)
{
    fake_tail_part(entry);
    fake_tail_end(1);
}

void fake_tail_part(const struct log_entry *entry)
{
    assert_non_null(fake.tail_handlers);
    fake.tail_handlers->on_entry(fake.tail_context, entry);
}

void fake_tail_end(size_t entries)
{
    assert_non_null(fake.tail_handlers);
    fake.tail_handlers->on_batch_end(fake.tail_context, entries);
}

void fake_deal(struct fake_call *call, const struct log_entry *entries, int count)
{
    for (int i = 0; i < count; i++)
        call->handlers->on_entry(call->context, &entries[i]);
    if (count >= 0)
        call->handlers->on_batch_end(call->context, (size_t)count);
    call->jobs_fn(call->context, count);
    call_free(call);
}

struct text fake_body(const char *author, const char *url)
{
    static uint8_t bytes[BODIES][512];
    static unsigned turn;
    char copies[2][256];
    Feed__Share share = FEED__SHARE__INIT;

    snprintf(copies[0], sizeof(copies[0]), "%s", author);
    snprintf(copies[1], sizeof(copies[1]), "%s", url);
    share.author = copies[0];
    share.url = copies[1];
    assert_true(feed__share__get_packed_size(&share) <= sizeof(bytes[0]));
    turn = (turn + 1) % BODIES;
    return (struct text){(const char *)bytes[turn], feed__share__pack(&share, bytes[turn])};
}

bool store_is_ready(const struct store *store)
{
    (void)store;
    return fake.ready;
}

bool store_bulk_is_up(const struct store *store)
{
    (void)store;
    return fake.bulk_up;
}

bool store_tail_is_up(const struct store *store)
{
    (void)store;
    return fake.tail_up;
}

bool store_jobs_is_up(const struct store *store)
{
    (void)store;
    return fake.jobs_up;
}

const char *store_trouble(const struct store *store)
{
    return store_is_ready(store) ? NULL : "the fake is away";
}

struct store_backlog store_read_backlog(const struct reply *reply)
{
    (void)reply;
    return (struct store_backlog){0};
}

bool store_is_loading(const struct store *store)
{
    (void)store;
    return false;
}
