/* Checks of what requests hold. Strings are known to be UTF-8 without zero bytes (see wire.h). A character is a grapheme
 * cluster, as libunistring sees it. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unigbrk.h>

#include "commands/internal.h"
#include "store/keys.h"

#define SUBJECT_BYTES_MAX 128
#define URL_BYTES_MAX 2048

const char *character_breaks(const char *text, size_t size)
{
    static char breaks[TEXT_BYTES_MAX];

    assert(size <= sizeof(breaks));
    /* Not u8_grapheme_next(), which looks at two code points at a time and so takes a family of emoji apart. */
    u8_grapheme_breaks((const uint8_t *)text, size, breaks);
    return breaks;
}

/* Whether the text holds more characters than `limit`. Fewer bytes than that need no counting. */
static bool is_longer(const char *text, size_t size, size_t limit)
{
    const char *breaks = size > limit ? character_breaks(text, size) : NULL;
    size_t count = 0;

    for (size_t i = 0; breaks && i < size; i++)
        count += breaks[i] != 0;
    return count > limit;
}

bool has_control_character(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        if (*at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] < 0xa0)) /* U+0080 to U+009F are C2 80 to C2 9F */
            return true;
    return false;
}

const char *subject_fault(const char *value, uint64_t *ret_limit)
{
    size_t size = strlen(value);

    *ret_limit = size > SUBJECT_BYTES_MAX ? SUBJECT_BYTES_MAX : 0;
    if (size == 0)
        return "is missing";
    if (size > SUBJECT_BYTES_MAX)
        return "is longer than 128 bytes";
    return has_control_character(value) ? "holds a control character" : NULL;
}

bool check_subject(struct request *request, const char *field, const char *value)
{
    uint64_t limit;
    const char *fault = subject_fault(value, &limit);

    if (fault)
        request_fail(request, FEED__ERROR_CODE__INVALID, field, limit, "%s %s", field, fault);
    return !fault;
}

bool check_reader(struct request *request, const char *reader)
{
    return reader[0] == '\0' || check_subject(request, "reader", reader);
}

bool check_id(struct request *request, const char *field, uint64_t id)
{
    if (id == 0)
        request_fail(request, FEED__ERROR_CODE__INVALID, field, 0, "%s is missing", field);
    return id != 0;
}

bool check_text(struct request *request, const char *field, const char *value, size_t max_characters, size_t max_bytes)
{
    size_t size = strlen(value);

    if (size > max_bytes) {
        request_fail(request, FEED__ERROR_CODE__INVALID, field, max_bytes, "%s is longer than %zu bytes", field, max_bytes);
        return false;
    }
    if (max_characters > 0 && is_longer(value, size, max_characters)) {
        request_fail(request, FEED__ERROR_CODE__INVALID, field, max_characters, "%s is longer than %zu characters", field,
                     max_characters);
        return false;
    }
    return true;
}

bool check_destination(struct request *request, const char *field, const char *value, struct destination *ret_destination)
{
    const char *fault = "is not a valid absolute url";
    int error = -EINVAL;

    if (!check_text(request, field, value, 0, URL_BYTES_MAX))
        return false;
    if (value[0] == '\0')
        fault = "is missing";
    else if (!has_control_character(value))
        error = destination_of_url(value, ret_destination, &fault);
    if (error == -ENOMEM)
        request_fail_memory(request);
    else if (error < 0)
        request_fail(request, FEED__ERROR_CODE__INVALID, field, 0, "%s %s", field, fault);
    return error == 0;
}

bool check_url(struct request *request, const char *field, const char *value, bool required)
{
    struct destination destination;

    return (value[0] == '\0' && !required) || check_destination(request, field, value, &destination);
}

bool check_cursor(struct request *request, const char *field, const char *value, uint64_t *ret_before)
{
    size_t size = strlen(value);
    uint64_t before = size == 0 ? 0 : strtoull(value, NULL, 10);

    if (size > 0 && (size > 16 || strspn(value, "0123456789") != size || before == 0 || before >= ID_END)) {
        request_fail(request, FEED__ERROR_CODE__INVALID, field, 0, "%s must be the next_cursor of an earlier page", field);
        return false;
    }
    *ret_before = before;
    return true;
}

size_t page_limit(const struct request *request, uint32_t limit)
{
    const struct config *config = request->commands->config;
    int64_t wanted = limit == 0 ? config->default_page : limit;

    return (size_t)(wanted < config->max_page ? wanted : config->max_page);
}
