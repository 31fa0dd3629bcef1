/* What was measured where. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "measure.h"
#include "server.h"

/* The value of the first line of a file that begins with `key`, behind its colon. */
static void read_value(const char *path, const char *key, char *ret_value, size_t bytes)
{
    FILE *file = fopen(path, "re");
    char line[512];

    snprintf(ret_value, bytes, "unknown");
    while (file && fgets(line, sizeof(line), file)) {
        const char *colon = strchr(line, ':');

        if (strncmp(line, key, strlen(key)) != 0 || !colon)
            continue;
        colon += 1 + strspn(colon + 1, " \t");
        snprintf(ret_value, bytes, "%.*s", (int)strcspn(colon, "\n"), colon);
        break;
    }
    if (file)
        fclose(file);
}

static void set_line(json_t *object, const char *name, const char *const *argv)
{
    char line[256];

    process_first_line(argv, line, sizeof(line));
    if (line[0])
        json_object_set_new(object, name, json_string(line));
}

json_t *environment_describe(const struct measure *measure)
{
    const char *const feedd[] = {measure->settings.feedd, "--version", NULL};
    const char *const commit[] = {"git", "describe", "--always", "--dirty", NULL};
    json_t *object = json_object();
    json_t *versions = json_object();
    struct utsname system;
    char text[256];
    time_t now = time(NULL);
    struct tm date;

    uname(&system);
    snprintf(text, sizeof(text), "%.60s %.100s %.40s", system.sysname, system.release, system.machine);
    json_object_set_new(object, "kernel", json_string(text));
    read_value("/proc/cpuinfo", "model name", text, sizeof(text));
    json_object_set_new(object, "cpu", json_string(text));
    json_object_set_new(object, "cpus", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
    read_value("/proc/meminfo", "MemTotal", text, sizeof(text));
    json_object_set_new(object, "memory", json_string(text));
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &date));
    json_object_set_new(object, "date", json_string(text));
    set_line(object, "commit", commit);
    set_line(versions, "feedd", feedd);
    for (size_t i = 0; server_rows[i]; i++)
        if (server_rows[i]->version && process_exists_program(server_rows[i]->version[0]))
            set_line(versions, server_rows[i]->name, server_rows[i]->version);
    json_object_set_new(object, "versions", versions);
    return object;
}
