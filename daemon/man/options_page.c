/* Writes the man page feedd.conf(5) out of options.def. */
#include <string.h>

#include "base/config_internal.h"

static const struct option rows[] = {
#define OPTION(member, key, type, change, default_value, min, max, help)                                                       \
    {key, OPTION_##type, OPTION_##change, offsetof(struct config, member), default_value, min, max, help},
#include "base/options.def"
#undef OPTION
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const char head[] =
    ".TH FEEDD.CONF 5 \"\" \"feedd " FEEDD_VERSION "\" \"feedd\"\n"
    ".SH NAME\n"
    "feedd.conf \\- options of feedd\n"
    ".SH DESCRIPTION\n"
    ".BR feedd (8)\n"
    "reads its options from the file that\n"
    ".B \\-\\-config\n"
    "names, and from flags, which win.\n"
    "There is no file that it reads unasked.\n"
    ".PP\n"
    "The file has lines\n"
    ".RI \\(dq key\n"
    "=\n"
    ".IR value \\(dq\n"
    "in sections\n"
    ".RI \\(dq[ section ]\\(dq;\n"
    "an option without a section stands above the first one.\n"
    "Lines that begin with \\(dq;\\(dq or \\(dq#\\(dq are comments.\n"
    "A value that is not understood or cannot be, a key that is not known or set twice, and a number out of range keep feedd from\n"
    "starting, with the file's name and line.\n"
    ".B feedd \\-\\-check\\-config\n"
    "says so without starting, and\n"
    ".B feedd \\-\\-print\\-config\n"
    "prints such a file, with where each value comes from.\n"
    ".B feedd \\-\\-print\\-defaults\n"
    "prints one to begin with, in which every option is a comment.\n"
    ".PP\n"
    "Each option is also a flag of feedd: its key with \\(dq\\-\\(dq in place of \\(dq.\\(dq and \\(dq_\\(dq.\n"
    "Options ending in\n"
    ".BR _ms ,\n"
    ".B _s\n"
    "and\n"
    ".B _bytes\n"
    "are milliseconds, seconds and bytes.\n"
    ".SS Reloading\n"
    "At SIGHUP and at\n"
    ".B feedctl admin reload\n"
    "feedd reads the file again.\n"
    "If anything in it is wrong, or does not go together with what only a restart changes, nothing is changed, and the\n"
    "log says what is wrong.\n"
    "Otherwise every option that is marked as reloadable has its new value from then on, all at the same moment; the log\n"
    "names each that changed, and each that would need a restart.\n"
    "Flags win over the file then, too.\n"
    "What clients were told at their greeting holds for those who come later.\n"
    ".SH OPTIONS\n";

static const char tail[] = ".SH EXAMPLE\n"
                           ".nf\n"
                           "listen = 127.0.0.1:7420\n"
                           "unix = /run/feedd/feedd.sock\n"
                           "\n"
                           "[redis]\n"
                           "url = redis://127.0.0.1:6379/3\n"
                           "\n"
                           "[timeline]\n"
                           "cap = 400\n"
                           ".fi\n"
                           ".SH SEE ALSO\n"
                           ".BR feedd (8)\n";

static void print_escaped(const char *text)
{
    for (; *text; text++)
        if (*text == '-')
            fputs("\\-", stdout);
        else if (*text == '\\')
            fputs("\\e", stdout);
        else
            putchar(*text);
}

static void print_flag(const char *key)
{
    fputs("\\-\\-", stdout);
    for (; *key; key++)
        if (*key == '.' || *key == '_')
            fputs("\\-", stdout);
        else
            putchar(*key);
}

static void print_type(const struct option *row)
{
    if (row->type == OPTION_NUMBER) {
        printf("%lld to %lld; default %s.\n", (long long)row->min, (long long)row->max, row->default_value);
    } else if (row->type == OPTION_BOOL) {
        printf("yes or no; default %s.\n", row->default_value);
    } else if (row->default_value[0] != '\0') {
        fputs("Default: ", stdout);
        print_escaped(row->default_value);
        puts(".");
    }
}

/* Sections are those of the file; the rows of one stand together. */
static size_t section_bytes(const char *key)
{
    const char *dot = strchr(key, '.');

    return dot ? (size_t)(dot - key) : 0;
}

static void print_section(size_t i)
{
    size_t bytes = section_bytes(rows[i].key);
    bool is_first = i == 0 || section_bytes(rows[i - 1].key) != bytes || memcmp(rows[i].key, rows[i - 1].key, bytes) != 0;

    if (is_first && bytes > 0)
        printf(".SS [%.*s]\n", (int)bytes, rows[i].key);
    else if (is_first)
        puts(".SS Without a section");
}

int main(void)
{
    fputs(head, stdout);
    for (size_t i = 0; i < ROWS; i++) {
        size_t section = section_bytes(rows[i].key);

        print_section(i);
        printf(".TP\n.BR %s \" (\" ", rows[i].key + (section ? section + 1 : 0));
        print_flag(rows[i].key);
        puts(")");
        print_escaped(rows[i].help);
        puts(".");
        print_type(&rows[i]);
        puts(rows[i].change == OPTION_RELOAD ? "Reloadable." : "Needs a restart.");
    }
    fputs(tail, stdout);
    return ferror(stdout) ? 1 : 0;
}
