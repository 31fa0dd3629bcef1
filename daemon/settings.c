/* See settings.h. */
#include "settings.h"

#include <sys/resource.h>

#include "base/config.h"
#include "base/log.h"

#define SPARE_DESCRIPTORS 64 /* links, listeners, files */
#define ADMIN_CONNECTIONS_MAX 32
#define ADMIN_FIRST_ID (UINT32_C(1) << 31) /* above all of clients */

/* As many descriptors as may be; too few for what is configured is worth a word. Clients beyond them are told that the server
 * is full: the daemon's own links need theirs. Returns how many connections there may be. */
static size_t raise_descriptors(size_t wanted)
{
    size_t possible;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return wanted;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    possible = limit.rlim_cur > 2 * SPARE_DESCRIPTORS ? limit.rlim_cur - SPARE_DESCRIPTORS : limit.rlim_cur / 2;
    if (wanted <= possible)
        return wanted;
    log_warning("few-descriptors", "limit=%llu needed=%zu connections=%zu advice=\"raise the limit of open files "
                "(LimitNOFILE= of the unit), or lower limits.max_connections\"",
                (unsigned long long)limit.rlim_cur, wanted + SPARE_DESCRIPTORS, possible);
    return possible;
}

static void fill_store(struct store_settings *store, const struct config *config)
{
    store->times = (struct link_times){(uint32_t)config->redis_timeout_ms, (uint32_t)config->redis_stall_ms};
    store->partitions = (unsigned)config->store_partitions;
    store->vouch_patience_ms = (uint32_t)config->vouch_patience_ms;
    store->idempotency_ttl_s = config->idempotency_ttl_s;
    store->profile_cap = config->profile_cap;
    store->push_limit = config->push_limit;
    store->retention_s = config->log_retention_s;
    store->max_following = config->max_following;
    store->max_comments = config->max_comments;
    store->max_blocked = config->max_blocked;
    store->inbox_cap = config->inbox_cap;
    store->timeline_cap = config->timeline_cap;
    store->timeline_slack = config->timeline_slack;
    store->timeline_idle_ttl_s = config->timeline_idle_ttl_s;
}

void settings_fill(struct settings *settings, const struct config *config)
{
    fill_store(&settings->store, config);
    settings->feed = (struct feed_settings){.inbox_cap = config->inbox_cap,
                                            .backfill = config->backfill,
                                            .timeline_cap = config->timeline_cap,
                                            .timeline_slack = config->timeline_slack,
                                            .timeline_idle_ttl_s = config->timeline_idle_ttl_s,
                                            .push_window = config->push_window,
                                            .push_quantum = config->push_quantum,
                                            .claim_after_ms = config->claim_after_ms,
                                            .retry_parked_s = config->retry_parked_s,
                                            .lag_limit_ms = config->lag_limit_ms,
                                            .ring_bytes = (size_t)config->ring_bytes,
                                            .body_bytes = (size_t)config->body_bytes,
                                            .reader_bytes = (size_t)config->reader_bytes};
    settings->net = (struct net_limits){.max_connections = raise_descriptors((size_t)config->max_connections),
                                        .max_frame_bytes = (size_t)config->max_frame_bytes,
                                        .queue_soft_limit_bytes = (size_t)config->queue_soft_limit_bytes,
                                        .queue_budget_bytes = (size_t)config->queue_budget_bytes,
                                        .hello_timeout_ms = (uint32_t)config->hello_timeout_ms,
                                        .silence_limit_ms = (uint32_t)config->silence_limit_ms,
                                        .stall_limit_ms = (uint32_t)config->stall_limit_ms,
                                        .heartbeat_interval_ms = (uint32_t)config->heartbeat_interval_ms};
    settings->admin = settings->net;
    settings->admin.first_id = ADMIN_FIRST_ID;
    settings->admin.max_connections = ADMIN_CONNECTIONS_MAX;
}
