/* The store's operations on what is popular, and for suggestions. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/internal.h"

#define HOUR_MS 3600000

/* Each kind's word in keys, and the sets whose members are counted. */
static const struct {
    const char *word;
    enum key_kind counted;
} kinds[POPULAR_KINDS] = {
    [POPULAR_SUBJECTS] = {"subject", KEY_FOLLOWERS},
    [POPULAR_DESTINATIONS] = {"destination", KEY_DESTINATION},
    [POPULAR_SHARES] = {"share", KEY_DIALOGUE},
};

/* The key of an hour, or of all time. */
static void add_key(struct command *command, enum popular_kind kind, unsigned partition, const char *when)
{
    char name[48];

    snprintf(name, sizeof(name), "%s:%s", kinds[kind].word, when);
    command_add_named_key(command, KEY_POPULAR, partition, (struct text){name, strlen(name)});
}

void store_add_popular_prefix(struct command *command, enum popular_kind kind, unsigned partition)
{
    add_key(command, kind, partition, "");
}

/* The hours that the window reaches into, the present one included: as this daemon's clock has it, which is what ids are made by
 * to within the hour that a clock may be wrong. */
int store_popular(struct store *store, enum popular_kind kind, unsigned partition, int64_t window_ms, int64_t limit, reply_fn *fn,
                  void *context)
{
    int64_t now_ms = clock_wall_ms() - EPOCH_MS, first_ms = window_ms > 0 ? now_ms - window_ms : 0;
    int64_t hour = first_ms / HOUR_MS, last_hour = now_ms / HOUR_MS;
    struct command *command = store_script(store, SCRIPT_popular, window_ms > 0 ? (int)(last_hour - hour) + 1 : 1);

    if (window_ms == 0)
        add_key(command, kind, partition, "all");
    for (; window_ms > 0 && hour <= last_hour; hour++) {
        char when[24];

        snprintf(when, sizeof(when), "%" PRId64, hour);
        add_key(command, kind, partition, when);
    }
    command_add_id_key_prefix(command, kinds[kind].counted, partition);
    command_add_id(command, (uint64_t)first_ms << 13);
    command_add_number(command, limit);
    return store->ready ? link_call(store->command, command, fn, context) : -ENOTCONN;
}

int store_followed_latest(struct store *store, struct text reader, int64_t limit, reply_fn *fn, void *context)
{
    struct command *command = command_begin("ZRANGE");

    command_add_subject_key(command, KEY_FOLLOWING, reader);
    command_add_number(command, 0);
    command_add_number(command, limit - 1);
    command_add_string(command, "REV");
    return store->ready ? link_call(store->command, command, fn, context) : -ENOTCONN;
}
