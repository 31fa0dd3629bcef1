/* Our side of the links to Redis when memory, libevent or a system call fails, against a real redis-server: the store opens,
 * in the database that it was told, commits what is repeated exactly once, and reads its log from end to end, in order.
 * hiredis ends the process when an allocation of its own fails: the next one finds what was committed. */
#include "torture.h"

#include <event2/event.h>
#include <elf.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "feed.pb-c.h"
#include "store/log.h"
#include "store/seen.h"

#define PATIENCE_MS 10000
#define SHARES 2

static char folder[] = "/tmp/torture-store.XXXXXX", path[64];
static pid_t server;
static redisContext *direct; /* the test's own connection */

struct world {
    struct event_base *base;
    struct store_settings settings;
    struct redis_address address;
    struct store *store;
    struct seen *seen;
    unsigned answered;
    bool lost;
    uint64_t positions[1];
    uint64_t committed[SHARES], tailed[SHARES], dealt[SHARES];
    size_t tailed_count, dealt_count;
    bool asking, acknowledged;
};

static void on_tail_entry(void *context, const struct log_entry *entry)
{
    struct world *world = context;

    assert_int_equal(entry->kind, LOG_SHARE);
    assert_true(world->tailed_count == 0 || entry->previous == world->positions[0]); /* no hole, no repeat */
    assert_true(world->tailed_count < SHARES);
    world->tailed[world->tailed_count++] = entry->id;
    world->positions[0] = entry->id;
}

static void on_job_entry(void *context, const struct log_entry *entry)
{
    struct world *world = context;

    for (size_t i = 0; i < world->dealt_count; i++)
        if (world->dealt[i] == entry->id)
            return; /* given out again after a lost link */
    assert_true(world->dealt_count < SHARES);
    world->dealt[world->dealt_count++] = entry->id;
}

static void on_batch_end(void *context, size_t entries)
{
    (void)context;
    (void)entries;
}

static const struct log_handlers tail_handlers = {on_tail_entry, on_batch_end}, job_handlers = {on_job_entry, on_batch_end};

static void on_nothing(void *context)
{
    (void)context;
}

static void on_refused(void *context, const char *explanation)
{
    (void)context;
    fail_msg("refused: %s", explanation);
}

static void on_tail_up(void *context)
{
    struct world *world = context;

    if (store_tail(world->store, world->positions, &tail_handlers, world) < 0)
        assert_true(torture_struck());
}

static const struct store_handlers handlers = {on_nothing, on_nothing, on_refused, on_nothing, on_tail_up, on_nothing, on_nothing};

#define RUN_UNTIL(world, condition)                                                                                    \
    do {                                                                                                               \
        int64_t run_until_ms = clock_now_ms() + PATIENCE_MS;                                                           \
        while (!(condition)) {                                                                                         \
            const struct timeval soon = {.tv_usec = 20000};                                                            \
            if (clock_now_ms() > run_until_ms)                                                                         \
                fail_msg("this never came true: %s", #condition);                                                      \
            event_base_loopexit(world->base, &soon);                                                                   \
            store_turn(world->store);                                                                                  \
            event_base_loop(world->base, EVLOOP_ONCE);                                                                 \
        }                                                                                                              \
    } while (0)

static void on_shared(void *context, const struct reply *reply)
{
    struct world *world = context;

    world->answered++;
    world->lost = reply_error(reply) < 0;
    if (!world->lost)
        world->committed[0] = reply_id(reply_at(reply, 0));
}

/* Commits a share under its key, until that is answered. */
static uint64_t must_share(struct world *world, const char *key)
{
    const struct store_share share = {.author = {"bob", 3}, .body = {"body", 4}, .key = {key, strlen(key)}};

    do {
        world->answered = 0;
        RUN_UNTIL(world, store_is_ready(world->store));
        world->lost = store_commit_shares(world->store, &share, 1, on_shared, world) < 0;
        if (!world->lost)
            RUN_UNTIL(world, world->answered == 1);
        assert_true(!world->lost || torture_struck());
    } while (world->lost);
    return world->committed[0];
}

static void on_asked(void *context, int count)
{
    struct world *world = context;

    world->asking = false;
    assert_true(count >= 0 || torture_struck());
}

static void on_acknowledged(void *context, const struct reply *reply)
{
    struct world *world = context;

    world->answered++;
    world->acknowledged = reply_error(reply) == 0;
}

/* Takes every entry as a job, those included that were given out and lost on the way, and acknowledges them. */
static void must_work(struct world *world)
{
    for (int64_t until_ms = clock_now_ms() + PATIENCE_MS; world->dealt_count < SHARES;) {
        assert_true(clock_now_ms() < until_ms);
        RUN_UNTIL(world, store_jobs_is_up(world->store));
        world->asking = store_jobs_own(world->store, 0, 0, 10, &job_handlers, on_asked, world) == 0;
        RUN_UNTIL(world, !world->asking);
        if (world->dealt_count == SHARES || !store_jobs_is_up(world->store))
            continue;
        world->asking = store_jobs_new(world->store, 10, &job_handlers, on_asked, world) == 0;
        RUN_UNTIL(world, !world->asking);
    }
    while (!world->acknowledged) {
        world->answered = 0;
        RUN_UNTIL(world, store_bulk_is_up(world->store));
        if (store_jobs_ack(world->store, 0, world->dealt, SHARES, on_acknowledged, world) == 0)
            RUN_UNTIL(world, world->answered == 1);
        assert_true(world->acknowledged || torture_struck());
    }
}

static long long number_of(const char *command)
{
    redisReply *reply = redisCommand(direct, command);
    long long number;

    assert_non_null(reply);
    assert_int_not_equal(reply->type, REDIS_REPLY_ERROR);
    number = reply->integer;
    freeReplyObject(reply);
    return number;
}

/* Opens the store in database 3. */
static void world_open(struct world *world)
{
    char url[96];

    world->settings = (struct store_settings){.times = {.timeout_ms = 100, .stall_ms = 100},
                                              .partitions = 1,
                                              .daemon_id = "00000000000000aa",
                                              .idempotency_ttl_s = 1000,
                                              .profile_cap = 100,
                                              .retention_s = 1000,
                                              .max_following = 10,
                                              .timeline_cap = 10,
                                              .timeline_slack = 5,
                                              .timeline_idle_ttl_s = 1000};
    world->base = event_base_new();
    snprintf(url, sizeof(url), "unix:%s?db=3&password=secret", path);
    while (redis_address_parse(url, &world->address) < 0)
        assert_true(torture_struck());
    world->settings.address = world->address;
    assert_int_equal(seen_open(folder, &world->seen), 0);
    world->settings.seen = world->seen;
    while (!(world->store = store_new(world->base, &world->settings, &handlers, world)))
        assert_true(torture_struck());
    store_start(world->store);
}

static void world_close(struct world *world)
{
    store_free(world->store);
    seen_close(world->seen);
    redis_address_done(&world->address);
    event_base_free(world->base);
}

static void open_and_commit(void)
{
    struct world world = {0};
    uint64_t ids[SHARES];

    number_of("FLUSHALL");
    world_open(&world);
    ids[0] = must_share(&world, "one");
    ids[1] = must_share(&world, "two");
    RUN_UNTIL((&world), world.tailed_count == SHARES);
    assert_memory_equal(world.tailed, ids, sizeof(ids));
    must_work(&world);
    world_close(&world);
    assert_int_equal(number_of("DBSIZE"), 0); /* this is database 0 */
}

static void the_store_opens_and_works_whatever_fails(void **state)
{
    (void)state;
    torture_spare("clock_gettime");
    torture("the store opens and commits", open_and_commit, 60);
}

/* ---- hiredis ---- */

static void *no_memory(size_t size)
{
    (void)size;
    return NULL;
}

/* Has the library that is called so ask no_memory() where it would ask malloc(): by its table of what it imports. */
static int starve(struct dl_phdr_info *object, size_t size, void *starved)
{
    const ElfW(Sym) *symbols = NULL;
    const ElfW(Rela) *imports = NULL;
    const char *names = NULL;
    size_t count = 0, page = (size_t)sysconf(_SC_PAGESIZE);

    (void)size;
    if (!strstr(object->dlpi_name, "libhiredis"))
        return 0;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        if (object->dlpi_phdr[i].p_type != PT_DYNAMIC)
            continue;
        for (const ElfW(Dyn) *row = (const void *)(object->dlpi_addr + object->dlpi_phdr[i].p_vaddr); row->d_tag; row++) {
            symbols = row->d_tag == DT_SYMTAB ? (const void *)row->d_un.d_ptr : symbols;
            imports = row->d_tag == DT_JMPREL ? (const void *)row->d_un.d_ptr : imports;
            names = row->d_tag == DT_STRTAB ? (const void *)row->d_un.d_ptr : names;
            count = row->d_tag == DT_PLTRELSZ ? row->d_un.d_val / sizeof(*imports) : count;
        }
    }
    for (size_t i = 0; i < count; i++) {
        uintptr_t at = object->dlpi_addr + imports[i].r_offset;

        if (strcmp(names + symbols[ELF64_R_SYM(imports[i].r_info)].st_name, "malloc") != 0)
            continue;
        if (mprotect((void *)(at / page * page), page, PROT_READ | PROT_WRITE) == 0) {
            *(void *(**)(size_t))at = no_memory;
            *(bool *)starved = true;
        }
    }
    return 0;
}

/* A daemon that says what was acknowledged to it, and to which hiredis then is of no use. */
static void live_and_starve(int pipe_end)
{
    struct world world = {0};
    bool starved = false;
    uint64_t ids[SHARES];

    world_open(&world);
    ids[0] = must_share(&world, "one");
    ids[1] = must_share(&world, "two");
    if (write(pipe_end, ids, sizeof(ids)) != sizeof(ids))
        _exit(1);
    dl_iterate_phdr(starve, &starved);
    if (!starved)
        _exit(2);
    must_share(&world, "three");
    _exit(3); /* hiredis did not abort */
}

static void a_daemon_that_hiredis_aborts_leaves_all_that_was_acknowledged(void **state)
{
    struct world world = {0};
    uint64_t ids[SHARES];
    int ends[2], status;

    (void)state;
    number_of("FLUSHALL");
    assert_int_equal(pipe(ends), 0);
    pid_t daemon = fork();
    assert_true(daemon >= 0);
    if (daemon == 0)
        live_and_starve(ends[1]);
    close(ends[1]);
    assert_int_equal(read(ends[0], ids, sizeof(ids)), sizeof(ids));
    close(ends[0]);
    assert_int_equal(waitpid(daemon, &status, 0), daemon);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    world_open(&world);
    RUN_UNTIL((&world), world.tailed_count == SHARES);
    assert_memory_equal(world.tailed, ids, sizeof(ids));
    assert_int_equal(must_share(&world, "one"), ids[0]);
    assert_int_equal(must_share(&world, "two"), ids[1]);
    must_work(&world);
    world_close(&world);
}

/* ---- the server ---- */

static int start_server(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/redis", folder);
    server = fork();
    assert_true(server >= 0);
    if (server == 0) {
        int null = open("/dev/null", O_RDWR);

        dup2(null, STDOUT_FILENO);
        alarm(110); /* never longer than the test */
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder,
               "--requirepass", "secret", (char *)NULL);
        _exit(127);
    }
    for (int64_t until_ms = clock_now_ms() + PATIENCE_MS; !direct;) {
        assert_true(clock_now_ms() < until_ms);
        direct = redisConnectUnix(path);
        if (direct->err) {
            redisFree(direct);
            direct = NULL;
            sched_yield();
        }
    }
    number_of("AUTH secret");
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    redisFree(direct);
    kill(server, SIGKILL);
    assert_int_equal(waitpid(server, NULL, 0), server);
    unlink(path);
    snprintf(path, sizeof(path), "%s/seen", folder);
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TORTURE(the_store_opens_and_works_whatever_fails),
        TORTURE(a_daemon_that_hiredis_aborts_leaves_all_that_was_acknowledged),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
