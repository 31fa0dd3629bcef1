/* See destination.h. libcurl takes the url apart, libidn2 spells the host, libpsl finds the site; the pieces are put together
 * again here. */
#include "base/destination.h"

#include <curl/curl.h>
#include <errno.h>
#include <idn2.h>
#include <libpsl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const tracking[] = {
#define PLAIN(characters)
#define TRACKING(name) name,
#include "base/destination.def"
#undef TRACKING
#undef PLAIN
};

static const char plain[] =
#define PLAIN(characters) characters
#define TRACKING(name)
#include "base/destination.def"
#undef TRACKING
#undef PLAIN
    ;

/* What may stand in a path and in a query beside what is plain. An escaped one stays escaped: a server may tell it from one
 * that is not. `&` is written between parameters. */
static const char in_path[] = "/:@$&+,;=";
static const char in_query[] = "/:@$?+,;=";

static const char invalid[] = "is not a valid absolute url";

/* ---- writing ---- */

struct writer {
    char *at;
    char *end;
    bool full;
};

static void put(struct writer *writer, const char *data, size_t size)
{
    if (writer->full || (size_t)(writer->end - writer->at) < size) {
        writer->full = true;
        return;
    }
    memcpy(writer->at, data, size);
    writer->at += size;
}

static void put_string(struct writer *writer, const char *string)
{
    put(writer, string, strlen(string));
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return (digit | 0x20) >= 'a' && (digit | 0x20) <= 'f' ? (digit | 0x20) - 'a' + 10 : -1;
}

/* Writes each character in the one way that it can be written in: as it is where it may stand so, else as an escape. */
static void put_escaped(struct writer *writer, const char *text, size_t size, const char *standing)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < size; i++) {
        bool escaped = text[i] == '%' && size - i > 2 && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0;
        int value = escaped ? hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]) : (uint8_t)text[i];
        const char escape[3] = {'%', digits[value >> 4], digits[value & 15]}, character = (char)value;

        if (value != 0 && (strchr(plain, value) || (!escaped && strchr(standing, value))))
            put(writer, &character, 1);
        else
            put(writer, escape, 3);
        i += escaped ? 2 : 0;
    }
}

/* ---- the pieces ---- */

/* What libcurl found, in terms of errno. */
static int error_of(CURLUcode code)
{
    if (code == CURLUE_OUT_OF_MEMORY)
        return -ENOMEM;
    return code == CURLUE_OK ? 0 : -EINVAL;
}

/* A piece of the url, NULL if it has none; to be freed with curl_free(). */
static int piece_of(CURLU *url, CURLUPart part, char **ret_piece)
{
    char *piece = NULL;
    int error = error_of(curl_url_get(url, part, &piece, CURLU_NO_DEFAULT_PORT));

    if (error == -ENOMEM)
        return error;
    *ret_piece = error == 0 ? piece : NULL;
    return 0;
}

/* Whether a host is an address: no other has a last part that begins with a digit. */
static bool is_numeric(const char *host)
{
    const char *dot = strrchr(host, '.'), *last = dot ? dot + 1 : host;

    return host[0] == '[' || (last[0] >= '0' && last[0] <= '9');
}

/* Whether a host may be one that libcurl has not looked at in this spelling: it may have been escaped, or is not in ASCII. */
static bool is_unsettled(const char *host)
{
    size_t size = strlen(host);

    for (size_t i = 0; i < size; i++)
        if ((uint8_t)host[i] >= 0x80)
            return true;
    return host[0] != '[' && (is_numeric(host) || host[size - 1] == '.');
}

/* In lower case, without dots at its end. -EINVAL if nothing is left, or too much, or what was escaped twice. */
static int copy_host(const char *host, char out[DESTINATION_SITE_BYTES])
{
    size_t size = strlen(host);

    while (size > 0 && host[size - 1] == '.')
        size--;
    if (size == 0 || size >= DESTINATION_SITE_BYTES || memchr(host, '%', size))
        return -EINVAL;
    for (size_t i = 0; i < size; i++)
        out[i] = host[i] >= 'A' && host[i] <= 'Z' ? (char)(host[i] | 0x20) : host[i];
    out[size] = '\0';
    return 0;
}

/* An international host in ASCII, or one that has changed. It may be a numeric one now, or none: libcurl says so. What comes of
 * it, if it has changed, is to be looked at again. */
static int spell_host(char host[DESTINATION_SITE_BYTES], bool *ret_changed)
{
    char *ascii = NULL, *looked_at = NULL, absolute[DESTINATION_SITE_BYTES + 16], before[DESTINATION_SITE_BYTES];
    int spelt = idn2_lookup_u8((const uint8_t *)host, (uint8_t **)&ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL), error;
    CURLU *url;

    *ret_changed = false;
    if (spelt == IDN2_MALLOC)
        return -ENOMEM;
    if (spelt != IDN2_OK)
        return 0; /* no registry has it; people use such names all the same */
    url = curl_url();
    snprintf(before, sizeof(before), "%s", host);
    snprintf(absolute, sizeof(absolute), "http://%s/", ascii);
    error = url ? error_of(curl_url_set(url, CURLUPART_URL, absolute, 0)) : -ENOMEM;
    if (error == 0)
        error = piece_of(url, CURLUPART_HOST, &looked_at);
    if (error == 0)
        error = looked_at ? copy_host(looked_at, host) : -EINVAL;
    *ret_changed = strcmp(before, host) != 0;
    curl_free(looked_at);
    curl_url_cleanup(url);
    idn2_free(ascii);
    return error;
}

static int put_host(struct writer *writer, CURLU *url)
{
    char *user = NULL, *password = NULL, *host = NULL, *port = NULL, spelt[DESTINATION_SITE_BYTES];
    int error = piece_of(url, CURLUPART_HOST, &host);

    if (error == 0)
        error = piece_of(url, CURLUPART_USER, &user);
    if (error == 0)
        error = piece_of(url, CURLUPART_PASSWORD, &password);
    if (error == 0)
        error = piece_of(url, CURLUPART_PORT, &port);
    if (error == 0)
        error = copy_host(host, spelt);
    for (bool changed = error == 0 && is_unsettled(host); error == 0 && changed;)
        error = spell_host(spelt, &changed);
    if (error == 0 && ((user && user[0]) || (password && password[0]))) {
        put_escaped(writer, user ? user : "", user ? strlen(user) : 0, "");
        if (password && password[0]) {
            put_string(writer, ":");
            put_escaped(writer, password, strlen(password), "");
        }
        put_string(writer, "@");
    }
    if (error == 0)
        put_string(writer, spelt);
    if (error == 0 && port) {
        put_string(writer, ":");
        put_string(writer, port);
    }
    curl_free(user);
    curl_free(password);
    curl_free(host);
    curl_free(port);
    return error;
}

/* Removes the segments `.` and `..` of a path, as RFC 3986 has it in 5.2.4. Returns the bytes that are left. */
static size_t remove_dots(char *path, size_t size)
{
    size_t used = 0;

    for (size_t at = 0, end; at < size; at = end) {
        for (end = at + 1; end < size && path[end] != '/';)
            end++;
        bool here = end - at == 2 && path[at + 1] == '.', up = end - at == 3 && path[at + 1] == '.' && path[at + 2] == '.';

        while (up && used > 0 && path[--used] != '/')
            ;
        if (!here && !up) {
            memmove(path + used, path + at, end - at);
            used += end - at;
        } else if (end == size) {
            path[used++] = '/';
        }
    }
    return used;
}

static int put_path(struct writer *writer, CURLU *url)
{
    char *path = NULL, *start = writer->at;
    int error = piece_of(url, CURLUPART_PATH, &path);

    if (error == 0 && path)
        put_escaped(writer, path, strlen(path), in_path);
    writer->at = start + remove_dots(start, (size_t)(writer->at - start));
    curl_free(path);
    return error;
}

static bool is_tracking(const char *parameter, size_t size)
{
    const char *equals = memchr(parameter, '=', size);
    size_t name_size = equals ? (size_t)(equals - parameter) : size;

    for (size_t i = 0; i < sizeof(tracking) / sizeof(tracking[0]); i++) {
        size_t length = strlen(tracking[i]);
        bool begins = tracking[i][length - 1] == '*';

        length -= begins ? 1 : 0;
        if ((begins ? name_size >= length : name_size == length) && strncasecmp(parameter, tracking[i], length) == 0)
            return true;
    }
    return false;
}

static int put_query(struct writer *writer, CURLU *url)
{
    char *query = NULL;
    int error = piece_of(url, CURLUPART_QUERY, &query);
    const char *mark = "?";

    for (const char *at = query; error == 0 && at && !writer->full; at = *at ? at + 1 : NULL) {
        size_t size = strcspn(at, "&");
        char *start = writer->at;

        put_string(writer, mark);
        put_escaped(writer, at, size, in_query);
        if (size == 0 || (!writer->full && is_tracking(start + 1, (size_t)(writer->at - start) - 1)))
            writer->at = start;
        else
            mark = "&";
        at += size;
    }
    curl_free(query);
    return error;
}

/* ---- the whole ---- */

void destination_site(const char *url, size_t size, char ret_site[DESTINATION_SITE_BYTES])
{
    const char *scheme_end = memmem(url, size, "://", 3), *start = scheme_end ? scheme_end + 3 : url;
    size_t left = size - (size_t)(start - url);
    const char *slash = memchr(start, '/', left), *end = slash ? slash : start + left;
    const char *at = memrchr(start, '@', (size_t)(end - start));
    char host[DESTINATION_SITE_BYTES];

    start = at ? at + 1 : start;
    if (start < end && *start == '[')
        at = memchr(start, ']', (size_t)(end - start));
    else
        at = memchr(start, ':', (size_t)(end - start));
    if (at)
        end = *at == ']' ? at + 1 : at;
    snprintf(host, sizeof(host), "%.*s", (int)(end - start), start);
    const char *site = is_numeric(host) ? NULL : psl_registrable_domain(psl_builtin(), host);
    snprintf(ret_site, DESTINATION_SITE_BYTES, "%s", site ? site : host);
}

/* Takes the url apart: 0, -ENOMEM or -EINVAL. */
static int parse(CURLU *parsed, const char *url, const char **ret_fault)
{
    const char *authority = strstr(url, "://");
    char *scheme = NULL, *host = NULL;
    int error;

    *ret_fault = invalid;
    /* libcurl takes `http:/host` and `http:///host` for what they may have meant. */
    if (!authority || authority[3] == '/')
        return -EINVAL;
    error = error_of(curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS));
    if (error == 0)
        error = piece_of(parsed, CURLUPART_SCHEME, &scheme);
    if (error == 0 && (!scheme || (strcasecmp(scheme, "http") != 0 && strcasecmp(scheme, "https") != 0))) {
        *ret_fault = "must begin with http:// or https://";
        error = -EINVAL;
    }
    if (error == 0)
        error = piece_of(parsed, CURLUPART_HOST, &host);
    if (error == 0 && (!host || strspn(host, ".") == strlen(host))) {
        *ret_fault = "names no host";
        error = -EINVAL;
    }
    curl_free(scheme);
    curl_free(host);
    return error;
}

int destination_of_url(const char *url, struct destination *ret_destination, const char **ret_fault)
{
    struct writer writer = {ret_destination->url, ret_destination->url + sizeof(ret_destination->url) - 1, false};
    CURLU *parsed = curl_url();
    char *scheme = NULL;
    int error = parsed ? parse(parsed, url, ret_fault) : -ENOMEM;

    if (error == 0)
        error = piece_of(parsed, CURLUPART_SCHEME, &scheme);
    if (error == 0) {
        put_string(&writer, strcasecmp(scheme, "http") == 0 ? "http" : "https");
        put_string(&writer, "://");
        error = put_host(&writer, parsed);
    }
    if (error == 0)
        error = put_path(&writer, parsed);
    if (error == 0)
        error = put_query(&writer, parsed);
    if (error == 0 && writer.full)
        error = -EINVAL;
    curl_free(scheme);
    curl_url_cleanup(parsed);
    if (error < 0)
        return error;
    *writer.at = '\0';
    destination_site(ret_destination->url, (size_t)(writer.at - ret_destination->url), ret_destination->site);
    return 0;
}
