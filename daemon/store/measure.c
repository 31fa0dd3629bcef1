/* What the metrics and those who watch are told of Redis. */
#include "base/clock.h"
#include "base/metrics.h"
#include "store/internal.h"

#define REFUSAL_COUNTS_MS 5000 /* an error of Redis that somebody can mend is trouble for this long */

#define KINDS (COMMAND_KINDS + SCRIPT_COUNT)

static const char *kind_of_metric(unsigned value)
{
    static const char *const scripts[] = {
#define SCRIPT(name) #name,
        SCRIPTS(SCRIPT)
#undef SCRIPT
    };

    if (value < COMMAND_KINDS)
        return command_kind_name(value);
    return value < KINDS ? scripts[value - COMMAND_KINDS] : NULL;
}

static const char *link_of_metric(unsigned value)
{
    static const char *const names[] = {"commands", "bulk", "tail", "jobs"};

    return names[value];
}

_Static_assert(sizeof(metrics.redis_us) / sizeof(struct histogram) >= KINDS, "one for each command and script");

/* In the order of link_of_metric(). */
void store_measure_links(const struct store *store)
{
    const struct link *const links[] = {store->command, store->bulk, store->tail, store->jobs};

    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
        metrics.redis_link_up[i] = link_is_up(links[i]);
}

void store_name_metrics(void)
{
    metrics_name(METRIC_redis_us, kind_of_metric);
    metrics_name(METRIC_redis_link_up, link_of_metric);
}

const char *store_trouble(const struct store *store)
{
    if (!store->ready)
        return "Redis cannot be reached, or its store is not open yet";
    if (!link_is_up(store->command))
        return "Redis does not answer";
    if (store->refusal != 0 && clock_now_ms() - store->refused_ms < REFUSAL_COUNTS_MS)
        return reply_kind_advice(store->refusal);
    return NULL;
}
