/* Reloading: the configuration is read anew, and what a reload may change is swapped with what is in use. */
#include <string.h>

#include "base/config_internal.h"

#define VALUE_BYTES (CONFIG_TEXT_MAX_BYTES + 1)

static size_t member_bytes(const struct option *option)
{
    if (option->type == OPTION_BOOL)
        return sizeof(config_type_BOOL);
    return option->type == OPTION_NUMBER ? sizeof(config_type_NUMBER) : sizeof(config_type_TEXT);
}

static bool is_changed(const struct config *a, const struct config *b, size_t row)
{
    char first[VALUE_BYTES], second[VALUE_BYTES];

    config_write_value(a, row, first, sizeof(first));
    config_write_value(b, row, second, sizeof(second));
    return strcmp(first, second) != 0;
}

static void swap(void *a, void *b, size_t bytes)
{
    char kept[sizeof(struct config_source)];

    memcpy(kept, a, bytes);
    memcpy(a, b, bytes);
    memcpy(b, kept, bytes);
}

/* Exchanges the values of the options that a reload may change. Done twice, nothing has happened. */
static void swap_reloadable(struct config *a, struct config *b)
{
    for (size_t row = 0; row < OPTION_ROWS; row++) {
        const struct option *option = &config_options[row];

        if (option->change != OPTION_RELOAD)
            continue;
        swap((char *)a + option->offset, (char *)b + option->offset, member_bytes(option));
        swap(&a->sources[row], &b->sources[row], sizeof(a->sources[row]));
    }
}

/* Where the values stand that are as they were: their lines may be others. Their texts stay, which are in use. */
static void note_places(struct config *config, const struct config *fresh)
{
    for (size_t row = 0; row < OPTION_ROWS; row++) {
        if (config_options[row].change == OPTION_RELOAD || is_changed(config, fresh, row))
            continue;
        config->sources[row].origin = fresh->sources[row].origin;
        config->sources[row].line = fresh->sources[row].line;
    }
}

/* `other` has the earlier values of what was applied, and the later ones of what was not. */
static void tell(const struct config *config, const struct config *other,
                 void (*on_change)(void *context, const struct config_change *change), void *context)
{
    struct config_look ours, theirs;

    for (size_t row = 0; config_look(config, row, &ours) && config_look(other, row, &theirs); row++) {
        struct config_change change = {ours.key, theirs.value, ours.value, false};

        if (!is_changed(config, other, row))
            continue;
        if (!ours.reloadable)
            change = (struct config_change){ours.key, ours.value, theirs.value, true};
        on_change(context, &change);
    }
}

int config_reload(struct config *config, void (*on_change)(void *context, const struct config_change *change), void *context,
                  char *ret_error, size_t error_bytes)
{
    struct config_loader mixed = {.error = ret_error, .error_bytes = error_bytes};
    struct config fresh;
    enum config_action action;
    int result = config_load(config->argc, config->argv, &fresh, &action, ret_error, error_bytes);

    if (result < 0)
        return result;
    /* What was read is sound; so must be what it becomes together with the options that stay. */
    swap_reloadable(config, &fresh);
    mixed.config = *config;
    result = config_check(&mixed);
    if (result < 0) {
        swap_reloadable(config, &fresh);
    } else {
        note_places(config, &fresh);
        tell(config, &fresh, on_change, context);
    }
    config_done(&fresh);
    return result;
}
