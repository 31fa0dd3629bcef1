#include "drive.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "feed_wire.h"

#define DRAIN_PATIENCE_NS (40 * NS_PER_S)
#define TURN_NS NS_PER_MS /* how long a turn waits at most: some work looks around by itself */
#define HELLO_ID 1

static int fail(struct drive *drive, int error, const char *what)
{
    if (!drive->run->trouble[0])
        snprintf(drive->run->trouble, sizeof(drive->run->trouble), "%s", what);
    return error;
}

static int start_servers(struct drive *drive)
{
    const struct settings *settings = drive->run->settings;
    int driver_cpu = drive->work->beside ? settings->generator_cpu : settings->server_cpu;
    int redis_cpu = drive->work->beside ? settings->server_cpu : settings->generator_cpu;
    int r = server_start_redis(&drive->server, drive->run, redis_cpu);

    if (r < 0)
        return fail(drive, r, "Redis does not start");
    if (drive->work->feedd)
        r = server_start_feedd(&drive->server, drive->run, settings->server_cpu);
    process_pin(driver_cpu);
    return r < 0 ? fail(drive, r, "feedd does not start") : 0;
}

static int connect_driver(struct drive *drive)
{
    const struct wire_address *address = drive->work->feedd ? &drive->server.address : &drive->server.redis_address;
    int r;

    drive->wire.owner = drive;
    drive->wire.on_input = drive->work->on_input;
    r = wire_open(&drive->wires, &drive->wire, address, false);
    if (r < 0)
        return fail(drive, r, "the driver cannot connect");
    if (drive->work->feedd)
        feed_add_hello(&drive->wire.out, HELLO_ID);
    wire_flush(&drive->wires, &drive->wire);
    return 0;
}

int drive_prepare(struct run *run)
{
    struct drive *drive = calloc(1, sizeof(*drive));
    int r;

    run->state = drive;
    if (!drive)
        return -ENOMEM;
    drive->run = run;
    drive->work = run->arm->detail;
    drive->wire.fd = -1;
    drive->out = &drive->wire.out;
    drive->seed.link.fd = -1;
    drive->state = calloc(1, drive->work->state_bytes + 1);
    r = drive->state ? wires_init(&drive->wires) : -ENOMEM;
    if (r == 0)
        r = start_servers(drive);
    if (r == 0)
        r = seed_open(&drive->seed, &drive->server.redis_address);
    if (r == 0)
        r = connect_driver(drive);
    if (r == 0 && drive->work->fill)
        r = drive->work->fill(drive);
    if (r == 0)
        r = seed_flush(&drive->seed);
    return r < 0 ? fail(drive, r, "Redis cannot be filled") : 0;
}

void drive_finish(struct run *run)
{
    struct drive *drive = run->state;

    if (!drive)
        return;
    if (drive->work->finish)
        drive->work->finish(drive);
    wire_close(&drive->wire);
    seed_close(&drive->seed);
    server_stop(&drive->server);
    wires_done(&drive->wires);
    free(drive->state);
    free(drive);
    run->state = NULL;
}

size_t drive_count_replies(struct wire *wire, const uint8_t *data, size_t bytes)
{
    struct drive *drive = wire->owner;
    size_t done = 0;
    size_t taken;

    while ((taken = resp_reply_bytes(data + done, bytes - done)) > 0) {
        if (data[done] == '-')
            audit_void(&drive->audit, "Redis answered %.*s", (int)(taken > 80 ? 80 : taken - 2), (const char *)data + done);
        done += taken;
        drive->completed++;
        drive->done += drive->run->shape->coalesce ? drive->run->shape->coalesce : 1;
    }
    return done;
}

static bool is_well(const struct drive *drive)
{
    return !drive->audit.voided[0] && drive->wires.error == 0;
}

/* Fills the window when a quarter of it is free: many who publish at once do not wait for one another's answers. */
static void fill_window(struct drive *drive)
{
    uint32_t window = drive->work->window ? drive->work->window : drive->run->shape->window;

    if (drive->issued - drive->completed > window - window / 4)
        return;
    while (drive->issued - drive->completed < window && drive->work->issue(drive))
        drive->issued++;
}

static void turn(struct drive *drive, uint64_t until_ns)
{
    uint64_t next = clock_ns() + TURN_NS;

    if (!drive->stopping)
        fill_window(drive);
    if (drive->work->turn)
        drive->work->turn(drive);
    wire_flush(&drive->wires, &drive->wire);
    wires_turn(&drive->wires, next < until_ns ? next : until_ns);
}

static void play_until(struct drive *drive, uint64_t until_ns)
{
    while (is_well(drive) && clock_ns() < until_ns)
        turn(drive, until_ns);
}

static void drain(struct drive *drive)
{
    uint64_t deadline = clock_ns() + DRAIN_PATIENCE_NS;

    drive->stopping = true;
    while (is_well(drive) && drive->completed < drive->issued && clock_ns() < deadline)
        turn(drive, deadline);
    if (drive->wires.error != 0)
        audit_void(&drive->audit, "a connection was lost: %s", strerror(-drive->wires.error));
    if (drive->completed < drive->issued)
        audit_void(&drive->audit, "%" PRIu64 " operations were not answered", drive->issued - drive->completed);
    drive->stopping = false;
}

void drive_await_fanout(struct drive *drive)
{
    uint64_t deadline = clock_ns() + DRAIN_PATIENCE_NS;

    while (!resp_group_is_idle(&drive->seed.link, "log:{0}")) {
        if (clock_ns() > deadline || drive->wires.error != 0)
            return audit_void(&drive->audit, "feedd does not come to an end with its fan-out");
        wires_turn(&drive->wires, clock_ns() + NS_PER_MS);
    }
}

static void settle(struct drive *drive)
{
    if (!drive->work->settle)
        return;
    drain(drive);
    if (is_well(drive))
        drive->work->settle(drive);
}

struct drive_mark drive_take_mark(struct drive *drive)
{
    struct drive_mark mark = {.issued = drive->issued, .bytes_in = drive->wires.bytes_in};

    mark.done = drive->work->count ? drive->work->count(drive) : drive->done;
    mark.machine_cpu_ns = process_machine_cpu_ns();
    mark.cpu = server_cpu(&drive->server);
    mark.own_cpu_ns = clock_own_cpu_ns();
    mark.wall_ns = clock_ns();
    return mark;
}

void drive_tell(const struct drive_mark *start, const struct drive_mark *end, struct round *round)
{
    double wall = (double)(end->wall_ns - start->wall_ns) / 1e9;
    double operations = (double)(end->done - start->done);
    double cpu = (double)(end->cpu.all_ns - start->cpu.all_ns) / 1e9;
    double redis = (double)(end->cpu.redis_ns - start->cpu.redis_ns) / 1e9;

    round->values[METRIC_WALL_S] = wall;
    round->values[METRIC_OPERATIONS] = operations;
    round->values[METRIC_RATE] = operations / wall;
    round->values[METRIC_CPU_S] = cpu;
    round->values[METRIC_PER_CPU_S] = operations / cpu;
    round->values[METRIC_REDIS_CPU_S] = redis;
    round->values[METRIC_PER_REDIS_CPU_S] = operations / redis;
    round->values[METRIC_GENERATOR_CPU_S] = (double)(end->own_cpu_ns - start->own_cpu_ns) / 1e9;
    round->values[METRIC_OTHERS_CPU_S] = (double)(end->machine_cpu_ns - start->machine_cpu_ns) / 1e9 -
                                         round->values[METRIC_GENERATOR_CPU_S] - cpu;
    round->values[METRIC_PUBLISHED] = (double)(end->issued - start->issued);
    round->values[METRIC_BYTES_PER_OPERATION] = (double)(end->bytes_in - start->bytes_in) / operations;
}

void drive_round(struct run *run, struct round *ret_round)
{
    struct drive *drive = run->state;
    const struct settings *settings = run->settings;
    struct drive_mark start, end;

    drive->audit.voided[0] = '\0';
    if (drive->work->reset && drive->work->reset(drive) < 0)
        audit_void(&drive->audit, "Redis could not be made as before");
    play_until(drive, clock_ns() + settings->warm_up_ms * NS_PER_MS);
    settle(drive);
    start = drive_take_mark(drive);
    play_until(drive, start.wall_ns + settings->measure_ms * NS_PER_MS);
    settle(drive);
    end = drive_take_mark(drive);
    drain(drive);
    if (is_well(drive) && drive->work->verify)
        drive->work->verify(drive);
    drive_tell(&start, &end, ret_round);
    if (drive->work->tell)
        drive->work->tell(drive, ret_round);
    snprintf(ret_round->voided, sizeof(ret_round->voided), "%s", drive->audit.voided);
}
