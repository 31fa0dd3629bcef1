#include "process.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

#define STOP_PATIENCE_MS 10000
#define POLL_MS 2

static void wait_a_moment(void)
{
    nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000}, NULL);
}

int process_make_directory(char ret_path[PROCESS_PATH_BYTES])
{
    const char *base = getenv("TMPDIR");
    int length = snprintf(ret_path, PROCESS_PATH_BYTES - 100, "%s/feedbench.XXXXXX", base && *base ? base : "/tmp");

    if (length < 0 || length >= PROCESS_PATH_BYTES - 100)
        return -ENAMETOOLONG;
    return mkdtemp(ret_path) ? 0 : -errno;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

void process_remove_directory(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* The path of a program: servers lie in sbin, which a user's PATH may lack. */
static bool find_program(const char *program, char ret_path[PROCESS_PATH_BYTES])
{
    static const char *const last = "/usr/local/sbin:/usr/sbin:/sbin";
    char list[4096];
    char *rest = list;
    char *folder;

    if (strchr(program, '/')) {
        snprintf(ret_path, PROCESS_PATH_BYTES, "%s", program);
        return access(ret_path, X_OK) == 0;
    }
    snprintf(list, sizeof(list), "%s:%s", getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin", last);
    while ((folder = strsep(&rest, ":"))) {
        snprintf(ret_path, PROCESS_PATH_BYTES, "%.400s/%.100s", folder, program);
        if (*folder && access(ret_path, X_OK) == 0)
            return true;
    }
    return false;
}

bool process_exists_program(const char *program)
{
    char path[PROCESS_PATH_BYTES];

    return find_program(program, path);
}

/* In the child, which becomes the program. */
static void become(const char *path, const char *const *argv, int cpu, int output, pid_t parent)
{
    int nothing = open("/dev/null", O_RDONLY);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    if (cpu >= 0)
        process_pin(cpu);
    dup2(nothing, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    close_range(3, ~0U, 0);
    execv(path, (char *const *)(uintptr_t)argv);
    _exit(127);
}

int process_start(struct process *ret_process, const char *name, const char *directory, int cpu, const char *const *argv)
{
    struct process process = {0};
    char path[PROCESS_PATH_BYTES];
    pid_t parent = getpid();
    int output;

    if (!find_program(argv[0], path))
        return -ENOENT;
    snprintf(process.name, sizeof(process.name), "%s", name);
    snprintf(process.log, sizeof(process.log), "%.400s/%s.log", directory, name);
    /* What an earlier one of this name wrote must not be taken for a sign of this one. */
    output = open(process.log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (output < 0)
        return -errno;
    process.pid = fork();
    if (process.pid == 0)
        become(path, argv, cpu, output, parent);
    close(output);
    if (process.pid < 0)
        return -errno;
    *ret_process = process;
    return 0;
}

static bool has_ended(const struct process *process)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == process->pid;
}

void process_stop(struct process *process)
{
    uint64_t deadline = clock_ns() + STOP_PATIENCE_MS * UINT64_C(1000000);

    if (process->pid <= 0)
        return;
    kill(process->pid, SIGTERM);
    while (!has_ended(process)) {
        if (clock_ns() > deadline)
            kill(process->pid, SIGKILL);
        wait_a_moment();
    }
    waitpid(process->pid, NULL, 0);
    process->pid = 0;
}

void process_kill(struct process *process)
{
    if (process->pid <= 0)
        return;
    kill(process->pid, SIGKILL);
    while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    process->pid = 0;
}

static bool find_in_log(const char *log, const char *needle, char *ret_value, size_t bytes)
{
    FILE *file = fopen(log, "re");
    char line[4096];
    bool found = false;

    while (file && !found && fgets(line, sizeof(line), file)) {
        const char *place = strstr(line, needle);

        if (!place)
            continue;
        found = true;
        place += strlen(needle);
        if (ret_value)
            snprintf(ret_value, bytes, "%.*s", (int)strcspn(place, " \t\r\n"), place);
    }
    if (file)
        fclose(file);
    return found;
}

int process_wait_for(struct process *process, const char *needle, unsigned timeout_ms, char *ret_value, size_t bytes)
{
    uint64_t deadline = clock_ns() + timeout_ms * UINT64_C(1000000);

    while (!find_in_log(process->log, needle, ret_value, bytes)) {
        if (has_ended(process))
            return -ESRCH;
        if (clock_ns() > deadline)
            return -ETIMEDOUT;
        wait_a_moment();
    }
    return 0;
}

int process_run(const char *directory, const char *log_name, const char *const *argv)
{
    struct process process;
    int status;
    int r = process_start(&process, log_name, directory, -1, argv);

    if (r < 0)
        return r;
    while (waitpid(process.pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

void process_first_line(const char *const *argv, char *ret_line, size_t bytes)
{
    char directory[PROCESS_PATH_BYTES];
    char log[PROCESS_PATH_BYTES + 16];
    FILE *file;

    ret_line[0] = '\0';
    if (process_make_directory(directory) < 0)
        return;
    snprintf(log, sizeof(log), "%s/version.log", directory);
    if (process_run(directory, "version", argv) >= 0) {
        file = fopen(log, "re");
        if (file && fgets(ret_line, (int)bytes, file))
            ret_line[strcspn(ret_line, "\r\n")] = '\0';
        if (file)
            fclose(file);
    }
    process_remove_directory(directory);
}

/* The first number of /proc/PID/task/TID/schedstat is the time that the thread has run, user and system, in ns. */
uint64_t process_cpu_ns(pid_t pid)
{
    char path[80];
    uint64_t sum = 0;
    DIR *tasks;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    tasks = opendir(path);
    if (!tasks)
        return 0;
    for (struct dirent *task = readdir(tasks); task; task = readdir(tasks)) {
        uint64_t ran = 0;
        FILE *file;

        if (task->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "/proc/%d/task/%.20s/schedstat", (int)pid, task->d_name);
        file = fopen(path, "re");
        if (!file)
            continue;
        if (fscanf(file, "%" SCNu64, &ran) == 1)
            sum += ran;
        fclose(file);
    }
    closedir(tasks);
    return sum;
}

uint64_t process_machine_cpu_ns(void)
{
    uint64_t user = 0, nice_user = 0, system = 0, idle, wait, irq = 0, soft = 0;
    FILE *file = fopen("/proc/stat", "re");

    if (file && fscanf(file, "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &user,
                       &nice_user, &system, &idle, &wait, &irq, &soft) != 7)
        user = nice_user = system = irq = soft = 0;
    if (file)
        fclose(file);
    return (user + nice_user + system + irq + soft) * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
}

uint64_t process_rss_bytes(pid_t pid)
{
    char path[64];
    uint64_t size, resident = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    file = fopen(path, "re");
    if (file && fscanf(file, "%" SCNu64 " %" SCNu64, &size, &resident) != 2)
        resident = 0;
    if (file)
        fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint16_t process_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uint16_t port = 0;

    if (fd < 0)
        return 0;
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &bytes) == 0)
        port = ntohs(address.sin_port);
    close(fd);
    return port;
}

void process_pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    sched_setaffinity(0, sizeof(set), &set);
}

void process_raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}
