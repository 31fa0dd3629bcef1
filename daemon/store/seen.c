/* See seen.h. */
#include "store/seen.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/keys.h"

#define MAGIC "feedd seen 1\n"
#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"

struct seen {
    char magic[16];
    char boot_id[48];
    uint64_t epoch;
    struct seen_partition {
        uint64_t id;
        uint32_t mark;
        uint32_t certain;
    } partitions[PARTITIONS_MAX];
};

/* Which boot of the machine this is; empty if that cannot be told, and then nothing is certain after a restart. */
static void read_boot_id(char boot_id[48])
{
    int fd = open(BOOT_ID_FILE, O_RDONLY | O_CLOEXEC);

    memset(boot_id, 0, 48);
    if (fd < 0)
        return;
    if (read(fd, boot_id, 47) < 0)
        boot_id[0] = '\0';
    close(fd);
}

static void check(struct seen *seen)
{
    char boot_id[48];

    if (strncmp(seen->magic, MAGIC, sizeof(seen->magic)) != 0) {
        memset(seen, 0, sizeof(*seen));
        memcpy(seen->magic, MAGIC, sizeof(MAGIC));
    }
    read_boot_id(boot_id);
    if (boot_id[0] != '\0' && memcmp(seen->boot_id, boot_id, sizeof(boot_id)) == 0)
        return;
    for (unsigned partition = 0; partition < PARTITIONS_MAX; partition++)
        seen->partitions[partition].certain = 0;
    memcpy(seen->boot_id, boot_id, sizeof(boot_id));
}

int seen_open(const char *state_dir, struct seen **ret_seen)
{
    char path[PATH_MAX];
    void *map;
    int error, fd;

    if (snprintf(path, sizeof(path), "%s/seen", state_dir) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    error = posix_fallocate(fd, 0, sizeof(struct seen)); /* with no block behind it, a store to the map would kill */
    map = error == 0 ? mmap(NULL, sizeof(struct seen), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (error == 0 && map == MAP_FAILED)
        error = errno;
    close(fd);
    if (error != 0)
        return -error;
    check(map);
    *ret_seen = map;
    return 0;
}

void seen_close(struct seen *seen)
{
    if (seen)
        munmap(seen, sizeof(*seen));
}

void seen_set_epoch(struct seen *seen, uint64_t epoch)
{
    if (seen->epoch == epoch)
        return;
    memset(seen->partitions, 0, sizeof(seen->partitions));
    seen->epoch = epoch;
}

uint32_t seen_mark(const struct seen *seen, unsigned partition)
{
    return seen->partitions[partition].mark;
}

uint64_t seen_id(const struct seen *seen, unsigned partition)
{
    return seen->partitions[partition].id;
}

bool seen_is_certain(const struct seen *seen, unsigned partition)
{
    return seen->partitions[partition].certain != 0;
}

void seen_begin(struct seen *seen, unsigned partition, uint32_t mark, uint64_t id)
{
    seen->partitions[partition] = (struct seen_partition){id, mark, 1};
}

void seen_add(struct seen *seen, uint64_t id)
{
    struct seen_partition *partition = &seen->partitions[partition_of_id(id)];

    if (id > partition->id)
        partition->id = id;
}
