/* See log_journal.h. */
#include "base/log_journal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#define SD_JOURNAL_SUPPRESS_LOCATION /* it would be this file's */
#include <systemd/sd-journal.h>
#include <unistd.h>

#define PAIRS_MAX 32
#define PREFIX "FEEDD_"
#define FIELDS_BYTES (2048 + PAIRS_MAX * sizeof(PREFIX)) /* of a line that the log has cut already */

struct fields {
    struct iovec vectors[PAIRS_MAX + 3];
    int count;
    char text[FIELDS_BYTES];
    size_t used;
};

bool log_journal_is_there(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat file;

    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &file) == 0 &&
           file.st_dev == device && file.st_ino == inode;
}

static void add(struct fields *fields, char *text, size_t size)
{
    fields->vectors[fields->count++] = (struct iovec){text, size};
}

/* One character of a quoted value, which log_quote() may have escaped. Returns what follows it. */
static const char *unescape(const char *in, char *out)
{
    static const char *const escapes = "nrt", *const meanings = "\n\r\t";
    const char *found;
    unsigned byte;

    if (in[0] != '\\' || in[1] == '\0') {
        *out = in[0];
        return in + 1;
    }
    if (in[1] == 'x' && sscanf(in + 2, "%2x", &byte) == 1 && isxdigit((unsigned char)in[3])) {
        *out = (char)byte;
        return in + 4;
    }
    found = strchr(escapes, in[1]);
    *out = found ? meanings[found - escapes] : in[1];
    return in + 2;
}

/* Makes a field of the pair at `in`. Returns what follows it, NULL behind the last one. */
static const char *add_pair(struct fields *fields, const char *in)
{
    char *begin = fields->text + fields->used, *out = begin + sizeof(PREFIX) - 1;
    size_t key_bytes = strcspn(in, "= ");
    bool quoted;

    if (in[0] == '\0' || in[key_bytes] != '=')
        return NULL;
    memcpy(begin, PREFIX, sizeof(PREFIX) - 1);
    for (size_t i = 0; i < key_bytes; i++)
        *out++ = (char)(isalnum((unsigned char)in[i]) ? toupper((unsigned char)in[i]) : '_');
    *out++ = '=';
    in += key_bytes + 1;
    quoted = *in == '"';
    for (in += quoted; *in != '\0' && *in != (quoted ? '"' : ' ');)
        in = unescape(in, out++);
    in += quoted && *in == '"';
    fields->used = (size_t)(out - fields->text);
    add(fields, begin, (size_t)(out - begin));
    return in + strspn(in, " ");
}

int log_journal_send(enum log_level level, const char *text)
{
    static const int priorities[] = { /* those of syslog */
        [LOG_LEVEL_ERROR] = 3, [LOG_LEVEL_WARNING] = 4, [LOG_LEVEL_INFO] = 6, [LOG_LEVEL_DEBUG] = 7};
    static char identifier[] = "SYSLOG_IDENTIFIER=feedd";
    static struct fields fields; /* nothing of it outlives the call */
    char message[2048 + sizeof("MESSAGE=")], priority[16];

    fields.count = 0;
    fields.used = 0;
    snprintf(message, sizeof(message), "MESSAGE=%s", text);
    snprintf(priority, sizeof(priority), "PRIORITY=%d", priorities[level]);
    add(&fields, message, strlen(message));
    add(&fields, priority, strlen(priority));
    add(&fields, identifier, sizeof(identifier) - 1);
    for (const char *pair = text; pair && fields.count < PAIRS_MAX + 3;)
        pair = add_pair(&fields, pair);
    return sd_journal_sendv(fields.vectors, fields.count);
}
